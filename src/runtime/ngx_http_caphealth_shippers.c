
/*
 * A worker's shippers, and the images that are on their way.
 */

#include "ngx_http_caphealth_helper.h"
#include "ngx_http_caphealth_shippers.h"


/* it loads the certificates of the system before it is ready */
#define NGX_HTTP_CAPHEALTH_SHIPPER_START  10000

/* one without work is stopped: stores close idle connections sooner */
#define NGX_HTTP_CAPHEALTH_SHIPPER_IDLE   300000

/* seconds until a store that is away, and did not say, is tried again */
#define NGX_HTTP_CAPHEALTH_SHIPPER_RETRY  5

/* uploads in a row that fail before the store is known to be away */
#define NGX_HTTP_CAPHEALTH_SHIPPER_FAILURES  3

/* seconds after which it is tried, even if it asked for more */
#define NGX_HTTP_CAPHEALTH_SHIPPER_RETRY_MAX  60

/* a shipper keeps the timeout of an image itself, and then removes what it has
   put; after so much longer it does not work */
#define NGX_HTTP_CAPHEALTH_SHIPPER_GRACE  10000


_Static_assert(CAPHEALTH_SHIP_STATUSES + 1 <= CAPHEALTH_STORE_RESULTS,
               "the results of requests, and those that are damaged");


struct ngx_http_caphealth_shipper_s {
    ngx_http_caphealth_shippers_t      *shippers;
    ngx_http_caphealth_root_t          *root;
    ngx_http_caphealth_helper_t         helper;
    ngx_queue_t                         waiting;
    ngx_queue_t                         sent;       /* the first deadline
                                                       first */
    ngx_uint_t                          nwaiting;
    ngx_uint_t                          nsent;
    uint64_t                            serial;     /* of the last question */
    ngx_uint_t                          retry_after; /* seconds, as the store
                                                        last said; 0: it did
                                                        not */
    ngx_uint_t                          failures;   /* uploads in a row that
                                                       failed because the store
                                                       was away */
    ngx_msec_t                          away_until; /* when it is known to be:
                                                       until then no upload is
                                                       let through */
    ngx_event_t                         event;
    ngx_event_t                         retry;      /* to send it */
    ngx_event_t                         timer;      /* of what waits */
    char                               *reason;     /* that it does not work */

    ngx_http_caphealth_listed_pt        listed;     /* NULL: nothing is to be
                                                       listed */
    void                               *data;
    ngx_uint_t                          slice;
    uint64_t                            listing;    /* its serial; 0: it
                                                       waits */
};


struct ngx_http_caphealth_shippers_s {
    ngx_http_caphealth_shipper_conf_t  *conf;
    ngx_http_caphealth_shipper_t       *elts;
    ngx_uint_t                          nelts;
    ngx_log_t                          *log;
};


static void ngx_http_caphealth_shipper_init(ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shippers_t *ss, ngx_http_caphealth_root_t *root);
static ngx_uint_t ngx_http_caphealth_shipper_known_away(
    ngx_http_caphealth_shipper_t *s);
static void ngx_http_caphealth_shipper_pause(ngx_http_caphealth_shipper_t *s);
static void ngx_http_caphealth_shipper_answers(
    ngx_http_caphealth_shipper_t *s);
static ngx_uint_t ngx_http_caphealth_shipper_puts(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_shipper_handler(ngx_event_t *ev);
static ngx_uint_t ngx_http_caphealth_shipper_has_work(
    ngx_http_caphealth_shipper_t *s);
static ngx_int_t ngx_http_caphealth_shipper_send(
    ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shipment_t *shipment);
static ngx_int_t ngx_http_caphealth_shipper_send_list(
    ngx_http_caphealth_shipper_t *s);
static void ngx_http_caphealth_shipper_set_timers(
    ngx_http_caphealth_shipper_t *s);
static void ngx_http_caphealth_shipper_timer_handler(ngx_event_t *ev);
static ngx_http_caphealth_shipment_t *ngx_http_caphealth_shipper_first(
    ngx_queue_t *queue);
static void ngx_http_caphealth_shipper_remove(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_shipper_count(
    ngx_http_caphealth_shipment_t *shipment);
static void ngx_http_caphealth_shipper_lose(
    ngx_http_caphealth_shipment_t *shipment, char *reason);
static void ngx_http_caphealth_shipper_lose_listing(
    ngx_http_caphealth_shipper_t *s, char *reason);

static ngx_int_t ngx_http_caphealth_shipper_configure(
    ngx_http_caphealth_helper_t *h);
static char *ngx_http_caphealth_shipper_settings(
    ngx_http_caphealth_shipper_t *s);
static void ngx_http_caphealth_shipper_running(ngx_http_caphealth_helper_t *h);
static char *ngx_http_caphealth_shipper_message(
    ngx_http_caphealth_helper_t *h, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static char *ngx_http_caphealth_shipper_shipped(
    ngx_http_caphealth_shipper_t *s, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static ngx_int_t ngx_http_caphealth_shipper_answered(
    ngx_http_caphealth_shipment_t *shipment, caphealth_ipc_cargo_t *cargo);
static ngx_int_t ngx_http_caphealth_shipper_read(
    ngx_http_caphealth_shipment_t *shipment, caphealth_ipc_cargo_t *cargo);
static ngx_http_caphealth_shipment_t *ngx_http_caphealth_shipper_find(
    ngx_http_caphealth_shipper_t *s, uint64_t serial);
static char *ngx_http_caphealth_shipper_scanned(
    ngx_http_caphealth_shipper_t *s, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);
static char *ngx_http_caphealth_shipper_requests(
    ngx_http_caphealth_shipper_t *s, caphealth_ipc_cargo_t *cargo);
static void ngx_http_caphealth_shipper_on_timeout(
    ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_shipper_failed(ngx_http_caphealth_helper_t *h,
    char *reason);
static void ngx_http_caphealth_shipper_restart(ngx_http_caphealth_helper_t *h);
static void ngx_http_caphealth_shipper_quit(ngx_http_caphealth_helper_t *h);

static void ngx_http_caphealth_shippers_tally(caphealth_tally_t *tally,
    ngx_uint_t status, uint64_t n);


static const ngx_http_caphealth_program_t  ngx_http_caphealth_shipper_program =
{
    .name = NGX_HTTP_CAPHEALTH_SHIPPER,
    .body = sizeof(caphealth_ship_result_t),
    .nfds = 1,
    .exit_timeout = 2000,
    .pause_first = 1,
    .pause_min = 200,
    .pause_max = 5000,
    .pause_max_start = 10000,
    .pause_reset = 60000,
    .exited = "exited",
    .consequence = "uploads to its object store are refused until it works",
    .each = 1,
    .stderr_log = 1,
    .configure = ngx_http_caphealth_shipper_configure,
    .running = ngx_http_caphealth_shipper_running,
    .message = ngx_http_caphealth_shipper_message,
    .deadline = ngx_http_caphealth_shipper_on_timeout,
    .failed = ngx_http_caphealth_shipper_failed,
    .restart = ngx_http_caphealth_shipper_restart,
    .quit = ngx_http_caphealth_shipper_quit
};


ngx_http_caphealth_shippers_t *
ngx_http_caphealth_shippers_create(ngx_cycle_t *cycle,
    ngx_http_caphealth_shipper_conf_t *conf)
{
    ngx_uint_t                       i;
    ngx_http_caphealth_root_t      **root;
    ngx_http_caphealth_shippers_t   *ss;

    ss = ngx_pcalloc(cycle->pool, sizeof(ngx_http_caphealth_shippers_t));
    if (ss == NULL) {
        return NULL;
    }

    ss->conf = conf;
    ss->log = cycle->log;
    ss->nelts = conf->stores->nelts;
    ss->elts = ngx_pcalloc(cycle->pool,
                           ss->nelts * sizeof(ngx_http_caphealth_shipper_t));
    if (ss->elts == NULL) {
        return NULL;
    }

    root = conf->stores->elts;

    for (i = 0; i < ss->nelts; i++) {
        ngx_http_caphealth_shipper_init(&ss->elts[i], ss, root[i]);
    }

    return ss;
}


static void
ngx_http_caphealth_shipper_init(ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shippers_t *ss, ngx_http_caphealth_root_t *root)
{
    s->shippers = ss;
    s->root = root;

    ngx_queue_init(&s->waiting);
    ngx_queue_init(&s->sent);

    s->helper.program = &ngx_http_caphealth_shipper_program;
    s->helper.data = s;
    s->helper.log = ss->log;
    s->helper.start_timeout = NGX_HTTP_CAPHEALTH_SHIPPER_START;
    s->helper.reason = &s->reason;

    ngx_http_caphealth_helper_init(&s->helper, (char *) ss->conf->path.data);

    s->event.handler = ngx_http_caphealth_shipper_handler;
    s->event.data = s;
    s->event.log = ss->log;

    s->retry = s->event;

    s->timer.handler = ngx_http_caphealth_shipper_timer_handler;
    s->timer.data = s;
    s->timer.log = ss->log;
}


void
ngx_http_caphealth_shippers_stop(ngx_http_caphealth_shippers_t *ss)
{
    ngx_uint_t  i;

    for (i = 0; i < ss->nelts; i++) {
        ngx_http_caphealth_helper_stop(&ss->elts[i].helper);
    }
}


ngx_http_caphealth_shipper_t *
ngx_http_caphealth_shipper(ngx_http_caphealth_shippers_t *ss,
    ngx_http_caphealth_store_t *store)
{
    return &ss->elts[store->number];
}


ngx_uint_t
ngx_http_caphealth_shipper_full(ngx_http_caphealth_shipper_t *s)
{
    return s->nwaiting > (ngx_uint_t) s->shippers->conf->queue;
}


ngx_uint_t
ngx_http_caphealth_shipper_unavailable(ngx_http_caphealth_shipper_t *s)
{
    return s->helper.unusable
           && s->helper.state == NGX_HTTP_CAPHEALTH_HELPER_PAUSED;
}


ngx_uint_t
ngx_http_caphealth_shipper_retry(ngx_http_caphealth_shipper_t *s)
{
    if (s->helper.unusable) {
        return s->helper.pause / 1000 + 1;
    }

    return s->retry_after ? s->retry_after : NGX_HTTP_CAPHEALTH_SHIPPER_RETRY;
}


static ngx_uint_t
ngx_http_caphealth_shipper_known_away(ngx_http_caphealth_shipper_t *s)
{
    return s->failures >= NGX_HTTP_CAPHEALTH_SHIPPER_FAILURES;
}


ngx_uint_t
ngx_http_caphealth_shipper_away(ngx_http_caphealth_shipper_t *s)
{
    return ngx_http_caphealth_shipper_known_away(s)
           && (ngx_msec_int_t) (s->away_until - ngx_current_msec) > 0;
}


/*
 * An upload that is let through may never reach the store: its body may be
 * slow, or no image.  So the next one is let through after a pause, unless an
 * image is on its way by then.
 */

void
ngx_http_caphealth_shipper_admit(ngx_http_caphealth_shipper_t *s)
{
    if (ngx_http_caphealth_shipper_known_away(s)) {
        ngx_http_caphealth_shipper_pause(s);
    }
}


static void
ngx_http_caphealth_shipper_pause(ngx_http_caphealth_shipper_t *s)
{
    ngx_uint_t  seconds;

    seconds = s->retry_after ? s->retry_after
                             : NGX_HTTP_CAPHEALTH_SHIPPER_RETRY;

    s->away_until = ngx_current_msec
                    + 1000 * ngx_min(seconds,
                                     NGX_HTTP_CAPHEALTH_SHIPPER_RETRY_MAX);
}


void
ngx_http_caphealth_shipper_upload_failed(ngx_http_caphealth_shipper_t *s)
{
    s->failures++;

    if (s->failures == NGX_HTTP_CAPHEALTH_SHIPPER_FAILURES) {
        ngx_log_error(NGX_LOG_ERR, s->shippers->log, 0,
                      "object store \"%V\" is away, uploads are refused "
                      "before they are read until it takes one",
                      &s->root->path);
    }

    ngx_http_caphealth_shipper_pause(s);
}


static void
ngx_http_caphealth_shipper_answers(ngx_http_caphealth_shipper_t *s)
{
    if (ngx_http_caphealth_shipper_known_away(s)) {
        ngx_log_error(NGX_LOG_NOTICE, s->shippers->log, 0,
                      "object store \"%V\" answers again", &s->root->path);
    }

    s->failures = 0;
}


static ngx_uint_t
ngx_http_caphealth_shipper_puts(ngx_http_caphealth_shipment_t *shipment)
{
    return shipment->type == NGX_HTTP_CAPHEALTH_SHIP
           || (shipment->type == NGX_HTTP_CAPHEALTH_CLAIM
               && shipment->claim.action == CAPHEALTH_SHIP_TAKE);
}


void
ngx_http_caphealth_shipper_submit(ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shipment_t *shipment)
{
    ngx_msec_t  timeout;

    timeout = s->root->store->timeout;

    shipment->ship.timeout = timeout;
    shipment->unship.timeout = timeout;
    shipment->unship.lease = CAPHEALTH_SHIP_LEASE(timeout);
    shipment->claim.timeout = timeout;
    shipment->claim.lease = CAPHEALTH_SHIP_LEASE(timeout);
    shipment->record = NULL;
    shipment->shipper = s;
    shipment->serial = 0;
    shipment->lost = 0;
    shipment->answered = 0;
    shipment->submitted = ngx_current_msec;
    shipment->deadline = ngx_current_msec + timeout;

    /* until it has ended it is what the store is tried with */

    if (ngx_http_caphealth_shipper_puts(shipment)) {
        s->away_until = shipment->deadline + NGX_HTTP_CAPHEALTH_SHIPPER_GRACE;
    }

    ngx_memzero(&shipment->result, sizeof(caphealth_ship_result_t));

    ngx_queue_insert_tail(&s->waiting, &shipment->queue);
    s->nwaiting++;

    ngx_post_event(&s->event, &ngx_posted_events);
}


ngx_int_t
ngx_http_caphealth_shipper_cancel(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_shipper_t  *s;

    s = shipment->shipper;

    if (s == NULL) {
        return NGX_OK;
    }

    if (shipment->serial) {
        return NGX_BUSY;
    }

    /* it was what the store was to be tried with */

    if (ngx_http_caphealth_shipper_puts(shipment) && s->nsent == 0) {
        ngx_http_caphealth_shipper_pause(s);
    }

    ngx_http_caphealth_shipper_remove(shipment);

    /* the timer of what waits would keep a worker that quits */

    ngx_post_event(&s->event, &ngx_posted_events);

    return NGX_OK;
}


void
ngx_http_caphealth_shipper_list(ngx_http_caphealth_shipper_t *s,
    ngx_uint_t slice, ngx_http_caphealth_listed_pt handler, void *data)
{
    s->listed = handler;
    s->data = data;
    s->slice = slice;
    s->listing = 0;

    ngx_post_event(&s->event, &ngx_posted_events);
}


void
ngx_http_caphealth_shipper_list_timed_out(ngx_http_caphealth_shipper_t *s)
{
    ngx_uint_t  running;

    running = (s->listing
               && s->helper.state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING);

    if (running && s->nsent == 0) {
        ngx_http_caphealth_helper_fail(&s->helper, "does not answer");
        return;
    }

    ngx_http_caphealth_shipper_lose_listing(s, running ? "does not answer"
                                                       : "cannot be started");
}


/* sends what waits, and starts the shipper for it */

static void
ngx_http_caphealth_shipper_handler(ngx_event_t *ev)
{
    ngx_int_t                      rc;
    ngx_http_caphealth_helper_t   *h;
    ngx_http_caphealth_shipper_t  *s;

    s = ev->data;
    h = &s->helper;

    if (h->state == NGX_HTTP_CAPHEALTH_HELPER_STOPPED) {

        if (ngx_http_caphealth_shipper_has_work(s)) {
            ngx_http_caphealth_helper_start(h);
        }

    } else if (h->state == NGX_HTTP_CAPHEALTH_HELPER_PAUSED && h->unusable) {

        /* the pause may be long */

        while (s->nwaiting) {
            ngx_http_caphealth_shipper_lose(
                ngx_http_caphealth_shipper_first(&s->waiting),
                "cannot be started");
        }

        ngx_http_caphealth_shipper_lose_listing(s, "cannot be started");
    }

    while (h->state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING
           && s->nwaiting
           && s->nsent < (ngx_uint_t) s->root->store->connections)
    {
        rc = ngx_http_caphealth_shipper_send(s,
                                ngx_http_caphealth_shipper_first(&s->waiting));

        if (rc == NGX_AGAIN) {
            ngx_add_timer(&s->retry, NGX_HTTP_CAPHEALTH_HELPER_RETRY);
            break;
        }

        if (rc != NGX_OK) {
            return;
        }
    }

    if (h->state == NGX_HTTP_CAPHEALTH_HELPER_RUNNING
        && s->listed && s->listing == 0
        && ngx_http_caphealth_shipper_send_list(s) != NGX_OK)
    {
        return;
    }

    ngx_http_caphealth_shipper_set_timers(s);

    if (ngx_exiting) {
        ngx_http_caphealth_shipper_quit(h);
    }
}


static ngx_uint_t
ngx_http_caphealth_shipper_has_work(ngx_http_caphealth_shipper_t *s)
{
    return s->nwaiting || s->nsent || s->listed;
}


/* what cannot be sent now, or because the shipper is gone, stays queued */

static ngx_int_t
ngx_http_caphealth_shipper_send(ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shipment_t *shipment)
{
    uint32_t                 i;
    caphealth_ipc_cargo_t    cargo;
    caphealth_ipc_result_e   rc;
    caphealth_ipc_message_t  m;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));
    ngx_memzero(&cargo, sizeof(caphealth_ipc_cargo_t));

    m.serial = s->serial + 1;

    switch (shipment->type) {

    case NGX_HTTP_CAPHEALTH_UNSHIP:
        m.type = CAPHEALTH_IPC_UNSHIP;
        cargo.body = &shipment->unship;
        cargo.size = sizeof(caphealth_unship_t);
        break;

    case NGX_HTTP_CAPHEALTH_CLAIM:
        m.type = CAPHEALTH_IPC_CLAIM;
        cargo.body = &shipment->claim;
        cargo.size = sizeof(caphealth_ship_claim_t);

        if (shipment->claim.action == CAPHEALTH_SHIP_TAKE) {
            cargo.fds[cargo.nfds++] = shipment->fds[0];
        }

        break;

    default: /* NGX_HTTP_CAPHEALTH_SHIP */
        m.type = CAPHEALTH_IPC_SHIP;
        cargo.body = &shipment->ship;
        cargo.size = sizeof(caphealth_ship_t);

        for (i = 0; i < shipment->ship.nfiles; i++) {
            cargo.fds[cargo.nfds++] = shipment->fds[i];
        }
    }

    rc = ngx_http_caphealth_helper_send(&s->helper, &m, &cargo);

    if (rc == CAPHEALTH_IPC_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc != CAPHEALTH_IPC_OK) {
        ngx_http_caphealth_helper_fail(&s->helper, "cannot be sent a message");
        return NGX_ERROR;
    }

    ngx_http_caphealth_shipper_remove(shipment);

    shipment->shipper = s;
    shipment->serial = ++s->serial;
    shipment->deadline = ngx_current_msec + s->root->store->timeout
                         + NGX_HTTP_CAPHEALTH_SHIPPER_GRACE;

    ngx_queue_insert_tail(&s->sent, &shipment->queue);
    s->nsent++;

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_shipper_send_list(ngx_http_caphealth_shipper_t *s)
{
    caphealth_ipc_message_t  m;

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.type = CAPHEALTH_IPC_SCAN;
    m.value = CAPHEALTH_IPC_SLICE(0, s->slice);
    m.serial = ++s->serial;

    s->listing = m.serial;

    if (ngx_http_caphealth_helper_send(&s->helper, &m, NULL)
        != CAPHEALTH_IPC_OK)
    {
        ngx_http_caphealth_helper_fail(&s->helper, "cannot be sent a message");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The timer of what waits keeps a worker that quits; a listing is not waited
 * for by it, but by who has asked for it.
 */

static void
ngx_http_caphealth_shipper_set_timers(ngx_http_caphealth_shipper_t *s)
{
    ngx_msec_int_t                  left;
    ngx_http_caphealth_shipment_t  *shipment;

    if (s->timer.timer_set) {
        ngx_del_timer(&s->timer);
    }

    if (s->nwaiting) {
        shipment = ngx_http_caphealth_shipper_first(&s->waiting);
        left = (ngx_msec_int_t) (shipment->deadline - ngx_current_msec);

        ngx_add_timer(&s->timer, (ngx_msec_t) ngx_max(left, 1));
    }

    if (s->helper.state != NGX_HTTP_CAPHEALTH_HELPER_RUNNING) {
        return;
    }

    left = NGX_HTTP_CAPHEALTH_SHIPPER_IDLE;

    if (s->nsent) {
        shipment = ngx_http_caphealth_shipper_first(&s->sent);
        left = (ngx_msec_int_t) (shipment->deadline - ngx_current_msec);
    }

    ngx_http_caphealth_helper_set_deadline(&s->helper,
                                           (ngx_msec_t) ngx_max(left, 1));
}


static void
ngx_http_caphealth_shipper_timer_handler(ngx_event_t *ev)
{
    ngx_http_caphealth_shipper_t   *s;
    ngx_http_caphealth_shipment_t  *shipment;

    s = ev->data;

    while (s->nwaiting) {
        shipment = ngx_http_caphealth_shipper_first(&s->waiting);

        if ((ngx_msec_int_t) (shipment->deadline - ngx_current_msec) > 0) {
            break;
        }

        ngx_http_caphealth_shipper_lose(shipment,
                                        "was not ready within the timeout");
    }

    ngx_http_caphealth_shipper_set_timers(s);
}


static ngx_http_caphealth_shipment_t *
ngx_http_caphealth_shipper_first(ngx_queue_t *queue)
{
    ngx_queue_t  *q;

    q = ngx_queue_head(queue);

    return ngx_queue_data(q, ngx_http_caphealth_shipment_t, queue);
}


static void
ngx_http_caphealth_shipper_remove(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_shipper_t  *s;

    s = shipment->shipper;

    ngx_queue_remove(&shipment->queue);

    if (shipment->serial) {
        s->nsent--;

    } else {
        s->nwaiting--;
    }

    shipment->shipper = NULL;
}


/* when it has ended */

static void
ngx_http_caphealth_shipper_count(ngx_http_caphealth_shipment_t *shipment)
{
    ngx_http_caphealth_shipper_t  *s;

    s = shipment->shipper;

    if (shipment->type == NGX_HTTP_CAPHEALTH_CLAIM) {
        return;
    }

    ngx_http_caphealth_tree_count_shipment(s->shippers->conf->zone,
                                           &s->root->key,
                                           shipment->type
                                           == NGX_HTTP_CAPHEALTH_UNSHIP,
                                           shipment->result.status,
                                           ngx_current_msec
                                           - shipment->submitted);
}


/* there is no answer, and will be none */

static void
ngx_http_caphealth_shipper_lose(ngx_http_caphealth_shipment_t *shipment,
    char *reason)
{
    shipment->lost = (shipment->serial != 0);
    shipment->result.status = CAPHEALTH_SHIP_AWAY;

    (void) ngx_snprintf((u_char *) shipment->result.detail,
                        sizeof(shipment->result.detail),
                        NGX_HTTP_CAPHEALTH_SHIPPER " %s%Z", reason);

    /* when the next upload is let through depends on uploads only */

    if (ngx_http_caphealth_shipper_puts(shipment)) {
        ngx_http_caphealth_shipper_pause(shipment->shipper);
    }

    ngx_http_caphealth_shipper_count(shipment);
    ngx_http_caphealth_shipper_remove(shipment);

    shipment->handler(shipment);
}


static void
ngx_http_caphealth_shipper_lose_listing(ngx_http_caphealth_shipper_t *s,
    char *reason)
{
    ngx_http_caphealth_listed_pt  listed;

    listed = s->listed;

    if (listed) {
        s->listed = NULL;
        (void) listed(s->data, -1, reason);
    }
}


static ngx_int_t
ngx_http_caphealth_shipper_configure(ngx_http_caphealth_helper_t *h)
{
    return ngx_http_caphealth_helper_settings(h,
                                 ngx_http_caphealth_shipper_settings(h->data))
           == NGX_OK ? NGX_AGAIN : NGX_ERROR;
}


static char *
ngx_http_caphealth_shipper_settings(ngx_http_caphealth_shipper_t *s)
{
    char                          *text;
    json_t                        *settings;
    ngx_http_caphealth_store_t    *store;
    const caphealth_s3_store_t    *s3;

    store = s->root->store;
    s3 = &store->s3;

    settings = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s%, s:I,"
                         " s:f}",
                         "endpoint", s3->endpoint,
                         "bucket", s3->bucket,
                         "prefix", s3->prefix,
                         "region", s3->credentials.region,
                         "style", s3->virtual_host ? "virtual" : "path",
                         "key_id", s3->credentials.key_id,
                         "secret", s3->credentials.secret,
                         "session", s3->credentials.session,
                         "certificates", (char *) store->certificates.data,
                         store->certificates.len,
                         "connections", (json_int_t) store->connections,
                         "timeout", (double) store->timeout / 1000);

    text = NULL;

    if (settings
        && ngx_http_caphealth_tree_settings(settings, s->shippers->conf->zone,
                                            s->root)
           == 0)
    {
        text = json_dumps(settings, JSON_COMPACT);
    }

    json_decref(settings);

    return text;
}


static void
ngx_http_caphealth_shipper_running(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    ngx_http_caphealth_helper_works(h);

    ngx_post_event(&s->event, &ngx_posted_events);
}


static char *
ngx_http_caphealth_shipper_message(ngx_http_caphealth_helper_t *h,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    char                          *reason;
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    switch (m->type) {

    case CAPHEALTH_IPC_SHIPPED:
        reason = ngx_http_caphealth_shipper_shipped(s, m, cargo);
        break;

    case CAPHEALTH_IPC_SCANNED:
        reason = ngx_http_caphealth_shipper_scanned(s, m, cargo);
        break;

    case CAPHEALTH_IPC_SCANNING:
        reason = NULL;

        if (s->listed && m->serial == s->listing) {
            (void) s->listed(s->data, -1, NULL);
        }

        break;

    case CAPHEALTH_IPC_REQUESTS:
        return ngx_http_caphealth_shipper_requests(s, cargo);

    default:
        return "sent an unknown message";
    }

    ngx_post_event(&s->event, &ngx_posted_events);

    return reason;
}


static char *
ngx_http_caphealth_shipper_shipped(ngx_http_caphealth_shipper_t *s,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    ngx_http_caphealth_shipment_t  *shipment;

    shipment = ngx_http_caphealth_shipper_find(s, m->serial);

    if (shipment == NULL) {
        return "sent an answer without a request";
    }

    if (cargo->size != sizeof(caphealth_ship_result_t)
        || ngx_http_caphealth_shipper_answered(shipment, cargo) != NGX_OK)
    {
        return "sent an invalid answer";
    }

    shipment->result = *(caphealth_ship_result_t *) cargo->body;
    shipment->answered = 1;

    ngx_log_debug5(NGX_LOG_DEBUG_EVENT, s->shippers->log, 0,
                   "caphealth shipment %uL of \"%V\": status %d, HTTP %d: %s",
                   m->serial, &s->root->path, (int) shipment->result.status,
                   (int) shipment->result.http, shipment->result.detail);

    ngx_http_caphealth_helper_reset_pause(&s->helper);

    s->retry_after = shipment->result.retry_after;

    /* a store that takes nothing may still list, and remove */

    if (ngx_http_caphealth_shipper_puts(shipment)
        && shipment->result.status != CAPHEALTH_SHIP_AWAY
        && shipment->result.status != CAPHEALTH_SHIP_READ)
    {
        ngx_http_caphealth_shipper_answers(s);
    }

    ngx_http_caphealth_shipper_count(shipment);

    ngx_http_caphealth_shipper_remove(shipment);

    shipment->handler(shipment);

    return NULL;
}


static ngx_int_t
ngx_http_caphealth_shipper_answered(ngx_http_caphealth_shipment_t *shipment,
    caphealth_ipc_cargo_t *cargo)
{
    int                       valid;
    caphealth_ship_result_t  *result;

    result = cargo->body;

    switch (shipment->type) {

    case NGX_HTTP_CAPHEALTH_UNSHIP:
        valid = caphealth_unship_answered(&shipment->unship, result);
        break;

    case NGX_HTTP_CAPHEALTH_CLAIM:
        valid = caphealth_ship_claim_answered(&shipment->claim, result);

        if (valid && result->status == CAPHEALTH_SHIP_EXISTS) {
            return ngx_http_caphealth_shipper_read(shipment, cargo);
        }

        break;

    default: /* NGX_HTTP_CAPHEALTH_SHIP */
        valid = caphealth_ship_answered(&shipment->ship, result);
        break;
    }

    return (valid && cargo->nfds == 0) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_caphealth_shipper_read(ngx_http_caphealth_shipment_t *shipment,
    caphealth_ipc_cargo_t *cargo)
{
    char    *text, id[CAPHEALTH_ID_LEN + 1];
    size_t   size;

    if (cargo->nfds != 1) {
        return NGX_ERROR;
    }

    text = caphealth_ipc_map(cargo->fds[0], &size);
    if (text == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn((u_char *) id, (u_char *) shipment->claim.record
                                      + CAPHEALTH_LEAF_LEN, sizeof(id));

    if (size <= CAPHEALTH_RECORD_MAX) {
        shipment->record = caphealth_record_parse(text, size, id);
    }

    (void) munmap(text, size);

    return shipment->record ? NGX_OK : NGX_ERROR;
}


static ngx_http_caphealth_shipment_t *
ngx_http_caphealth_shipper_find(ngx_http_caphealth_shipper_t *s,
    uint64_t serial)
{
    ngx_queue_t                    *q;
    ngx_http_caphealth_shipment_t  *shipment;

    for (q = ngx_queue_head(&s->sent);
         q != ngx_queue_sentinel(&s->sent);
         q = ngx_queue_next(q))
    {
        shipment = ngx_queue_data(q, ngx_http_caphealth_shipment_t, queue);

        if (shipment->serial == serial) {
            return shipment;
        }
    }

    return NULL;
}


/* the answer to a listing that was given up is ignored */

static char *
ngx_http_caphealth_shipper_scanned(ngx_http_caphealth_shipper_t *s,
    caphealth_ipc_message_t *m, caphealth_ipc_cargo_t *cargo)
{
    ngx_http_caphealth_listed_pt  listed;

    if (cargo->nfds != 1 || m->serial > s->serial) {
        return "sent a listing without a request";
    }

    if (s->listed == NULL || m->serial != s->listing) {
        return NULL;
    }

    if (m->value != CAPHEALTH_IPC_SLICE(0, s->slice)) {
        return "sent a listing of another slice";
    }

    listed = s->listed;
    s->listed = NULL;

    return listed(s->data, cargo->fds[0], NULL) == NGX_OK
           ? NULL : "sent an invalid listing";
}


static char *
ngx_http_caphealth_shipper_requests(ngx_http_caphealth_shipper_t *s,
    caphealth_ipc_cargo_t *cargo)
{
    if (cargo->size != sizeof(caphealth_ship_requests_t) || cargo->nfds
        || !caphealth_ship_requests_valid(cargo->body))
    {
        return "sent invalid counts of its requests";
    }

    ngx_http_caphealth_tree_count_requests(s->shippers->conf->zone,
                                           &s->root->key, cargo->body);

    return NULL;
}


static void
ngx_http_caphealth_shipper_on_timeout(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    if (s->nsent) {
        ngx_http_caphealth_helper_fail(h, "does not answer");
        return;
    }

    if (ngx_http_caphealth_shipper_has_work(s)) {
        ngx_http_caphealth_shipper_set_timers(s);
        return;
    }

    ngx_http_caphealth_helper_stop(h);
}


static void
ngx_http_caphealth_shipper_failed(ngx_http_caphealth_helper_t *h,
    char *reason)
{
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    while (s->nsent) {
        ngx_http_caphealth_shipper_lose(
            ngx_http_caphealth_shipper_first(&s->sent), reason);
    }

    if (s->listing) {
        s->listing = 0;
        ngx_http_caphealth_shipper_lose_listing(s, reason);
    }

    ngx_post_event(&s->event, &ngx_posted_events);
}


static void
ngx_http_caphealth_shipper_restart(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    /* it is started if there is something to do */

    ngx_post_event(&s->event, &ngx_posted_events);
}


/* a worker that quits needs it until its uploads have ended */

static void
ngx_http_caphealth_shipper_quit(ngx_http_caphealth_helper_t *h)
{
    ngx_http_caphealth_shipper_t  *s;

    s = h->data;

    if (s->nwaiting == 0 && s->nsent == 0) {
        ngx_http_caphealth_helper_stop(h);
    }
}


ngx_int_t
ngx_http_caphealth_shippers_read(ngx_http_caphealth_shipper_conf_t *conf,
    ngx_pool_t *pool, caphealth_activity_t *activity)
{
    ngx_uint_t                          i, n;
    caphealth_store_activity_t         *store;
    ngx_http_caphealth_root_t         **root;
    ngx_http_caphealth_store_counts_t   counts;

    activity->stores = NULL;
    activity->nstores = 0;

    if (conf->stores == NULL) {
        return NGX_OK;
    }

    store = ngx_pcalloc(pool, conf->stores->nelts
                              * sizeof(caphealth_store_activity_t));
    if (store == NULL) {
        return NGX_ERROR;
    }

    activity->stores = store;
    root = conf->stores->elts;

    for (i = 0; i < conf->stores->nelts; i++) {

        if (ngx_http_caphealth_tree_store_counts(conf->zone, &root[i]->key,
                                                 &counts)
            != NGX_OK)
        {
            continue;
        }

        store->root = (char *) root[i]->path.data;

        for (n = 0; n < CAPHEALTH_SHIP_STATUSES; n++) {
            ngx_http_caphealth_shippers_tally(&store->requests[n], n,
                                              counts.requests.results[n]);
            ngx_http_caphealth_shippers_tally(&store->put[n], n,
                                              counts.put[n]);
            ngx_http_caphealth_shippers_tally(&store->removed[n], n,
                                              counts.removed[n]);
        }

        store->requests[n].name = "damaged";
        store->requests[n].n = (double) counts.requests.damaged;

        for (n = 0; n <= CAPHEALTH_BUCKETS; n++) {
            store->seconds.buckets[n] = (double) counts.buckets[n];
        }

        store->seconds.sum = (double) counts.sum / 1000;
        store->retries = (double) counts.requests.retries;
        store->sent = (double) counts.requests.sent;
        store->under_way = (double) counts.under_way;

        store++;
        activity->nstores++;
    }

    return NGX_OK;
}


static void
ngx_http_caphealth_shippers_tally(caphealth_tally_t *tally,
    ngx_uint_t status, uint64_t n)
{
    tally->name = caphealth_ship_status_name(status);
    tally->n = (double) n;
}
