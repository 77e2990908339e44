
/*
 * The counts of an object store that the nodes of a fleet share.
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_fleet_counts.h"


/* the server's clock, in seconds, that is later than any */
#define CAPHEALTH_FLEET_NEVER    1e15

/* an answer that is older than the last one is of another collector, unless the
   clock was set back by more than so many seconds */
#define CAPHEALTH_FLEET_CLOCK    60


static void caphealth_fleet_counts_send(caphealth_fleet_counts_t *f,
    const uint8_t *changing, double now, uint64_t wall);
static int caphealth_fleet_counts_unsent(const caphealth_fleet_counts_t *f);
static json_t *caphealth_fleet_counts_delta(const caphealth_fleet_counts_t *f,
    unsigned slice);
static json_t *caphealth_fleet_counts_listing(
    const caphealth_fleet_counts_t *f, const caphealth_fleet_listing_t *l);
static void caphealth_fleet_counts_slice(caphealth_fleet_counts_t *f,
    caphealth_tree_t *t, const caphealth_counted_slice_t *from);
static int caphealth_fleet_counts_pass(caphealth_fleet_counts_t *f,
    caphealth_tree_t *t, const caphealth_counted_t *answer, double wall);
static double caphealth_fleet_counts_since(double wall, double age);
static int caphealth_counted_amount(int64_t n);
static int caphealth_counted_seconds(double x);


void
caphealth_fleet_counts_touch(caphealth_fleet_counts_t *f, unsigned slice,
    double now)
{
    caphealth_delta_t  *d;

    d = &f->pending[slice];

    if (d->first == 0) {
        d->first = now;
    }

    d->last = now;
}


void
caphealth_fleet_counts_doubt(caphealth_fleet_counts_t *f, unsigned slice,
    double now)
{
    caphealth_fleet_counts_touch(f, slice, now);

    f->pending[slice].doubtful = 1;
}


void
caphealth_fleet_counts_move(caphealth_fleet_counts_t *f, const char *id,
    int64_t files, int64_t bytes, int64_t complete, double now)
{
    unsigned            slice;
    caphealth_delta_t  *d;

    slice = caphealth_tree_slice(id);
    d = &f->pending[slice];

    caphealth_fleet_counts_touch(f, slice, now);

    d->files += files;
    d->bytes += bytes;
    d->complete += complete;

    if (caphealth_tree_leaf(id) == (unsigned) d->leaf) {
        d->leaf_files += files;
    }
}


void
caphealth_fleet_counts_freeze(caphealth_fleet_counts_t *f,
    const uint8_t *changing, double now, uint64_t wall)
{
    if (f->contact != 0 && !caphealth_fleet_counts_unsent(f)) {
        caphealth_fleet_counts_send(f, changing, now, wall);
    }
}


static void
caphealth_fleet_counts_send(caphealth_fleet_counts_t *f,
    const uint8_t *changing, double now, uint64_t wall)
{
    int32_t             leaf;
    unsigned            i;
    caphealth_delta_t  *d;

    /* the worker may be killed: the slices that it has moved by then are sent
       under the new number, the others with the next one */

    f->sequence = (f->sequence == 0) ? wall : f->sequence + 1;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        if (changing[i]) {
            caphealth_fleet_counts_touch(f, i, now);
        }

        d = &f->pending[i];
        leaf = d->leaf;

        f->sent[i] = *d;

        memset(d, 0, sizeof(caphealth_delta_t));

        d->leaf = leaf;

        if (changing[i]) {
            caphealth_fleet_counts_touch(f, i, now);
        }
    }

    f->complete_to = now;
}


void
caphealth_fleet_counts_finish(caphealth_fleet_counts_t *shared,
    caphealth_fleet_counts_t *f, caphealth_fleet_counts_t *last, double now,
    uint64_t wall)
{
    unsigned              i;
    static const uint8_t  none[CAPHEALTH_SLICES];

    *f = *shared;
    *last = *shared;

    caphealth_fleet_counts_send(last, none, now, wall);

    memset(shared, 0, sizeof(caphealth_fleet_counts_t));

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        if (f->sent[i].first != 0 || last->sent[i].first != 0) {
            caphealth_fleet_counts_doubt(shared, i, now);
        }
    }
}


/* whether what was sent is not known to be stored */

static int
caphealth_fleet_counts_unsent(const caphealth_fleet_counts_t *f)
{
    unsigned  i;

    for (i = 0; f->stored < f->sequence && i < CAPHEALTH_SLICES; i++) {
        if (f->sent[i].first != 0) {
            return 1;
        }
    }

    return 0;
}


json_t *
caphealth_fleet_counts_request(const caphealth_fleet_counts_t *f,
    const char *name, uint64_t counted,
    const caphealth_fleet_listing_t *listings, unsigned n)
{
    int        failed;
    char       hash[sizeof("0123456789abcdef")];
    json_t    *store, *slices, *list;
    unsigned   i;

    slices = json_array();
    list = json_array();
    failed = 0;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        if (f->sent[i].first != 0) {
            failed |= json_array_append_new(slices,
                                         caphealth_fleet_counts_delta(f, i));
        }
    }

    for (i = 0; i < n; i++) {
        failed |= json_array_append_new(list,
                            caphealth_fleet_counts_listing(f, &listings[i]));
    }

    (void) snprintf(hash, sizeof(hash), "%016" PRIx64, counted);

    store = json_pack("{s:s, s:I, s:I, s:I, s:s, s:o, s:o}",
                      "name", name,
                      "sequence", (json_int_t) f->sequence,
                      "acknowledged", (json_int_t) f->stored,
                      "version", (json_int_t) f->version,
                      "counted", hash,
                      "slices", slices, "listings", list);

    if (store && f->contact != 0) {
        failed |= json_object_set_new(store, "complete_to",
                                      json_real(f->complete_to + f->early));
    }

    if (failed) {
        json_decref(store);
        return NULL;
    }

    return store;
}


static json_t *
caphealth_fleet_counts_delta(const caphealth_fleet_counts_t *f, unsigned slice)
{
    double                    first, last;
    const caphealth_delta_t  *d;

    d = &f->sent[slice];

    /* a node that quits before its first answer does not know the server's
       clock */

    first = (f->contact == 0) ? 0 : d->first + f->early;
    last = (f->contact == 0) ? CAPHEALTH_FLEET_NEVER : d->last + f->late;

    return json_pack("[i, I, I, I, i, I, f, f, i]", (int) slice,
                     (json_int_t) d->files, (json_int_t) d->bytes,
                     (json_int_t) d->complete, (int) d->leaf,
                     (json_int_t) d->leaf_files, first, last,
                     (int) d->doubtful);
}


static json_t *
caphealth_fleet_counts_listing(const caphealth_fleet_counts_t *f,
    const caphealth_fleet_listing_t *l)
{
    int                      failed;
    int32_t                  leaf;
    json_t                  *missing;
    unsigned                 i;
    const caphealth_walk_t  *w;

    w = &l->walk;
    leaf = 0;
    failed = 0;
    missing = json_array();

    for (i = 0; i < CAPHEALTH_LEAVES; i++) {
        if (w->leaves[i] > w->leaves[leaf]) {
            leaf = (int32_t) i;
        }
    }

    for (i = 0; i < CAPHEALTH_COUNTED_MAX; i++) {
        failed |= json_array_append_new(missing, json_integer(w->missing[i]));
    }

    if (failed) {
        json_decref(missing);
        return NULL;
    }

    return json_pack("[i, f, f, I, I, I, I, I, I, i, i, I, I, o]",
                     (int) l->slice, l->from + f->early, l->until + f->late,
                     (json_int_t) w->files, (json_int_t) w->bytes,
                     (json_int_t) w->complete, (json_int_t) w->incomplete,
                     (json_int_t) w->strays, (json_int_t) w->stray_bytes,
                     (int) leaf, (int) w->leaves[leaf],
                     (json_int_t) w->removed, (json_int_t) w->removed_bytes,
                     missing);
}


int
caphealth_fleet_counts_take(caphealth_fleet_counts_t *f, caphealth_tree_t *t,
    const caphealth_counted_t *answer, double asked, double now, double wall)
{
    unsigned  i;

    if (answer->clock <= f->clock
        && f->clock - answer->clock < CAPHEALTH_FLEET_CLOCK)
    {
        return 0;
    }

    f->clock = answer->clock;
    f->contact = now;
    f->early = answer->clock - now;
    f->late = answer->clock - asked;

    /* another server may have lost what was stored, and it is not sent again */

    f->stored = answer->sequence;

    if (answer->sequence >= f->sequence) {
        for (i = 0; i < CAPHEALTH_SLICES; i++) {
            memset(&f->sent[i], 0, sizeof(caphealth_delta_t));
        }
    }

    for (i = 0; i < answer->nslices; i++) {
        caphealth_fleet_counts_slice(f, t, &answer->slices[i]);
    }

    f->version = answer->version;
    f->lister = answer->lister;
    memcpy(f->todo, answer->todo, sizeof(f->todo));

    return caphealth_fleet_counts_pass(f, t, answer, wall);
}


static void
caphealth_fleet_counts_slice(caphealth_fleet_counts_t *f, caphealth_tree_t *t,
    const caphealth_counted_slice_t *from)
{
    caphealth_slice_t        *s;
    caphealth_delta_t        *pending;
    const caphealth_delta_t  *sent;

    s = &t->slices[from->slice];
    sent = &f->sent[from->slice];
    pending = &f->pending[from->slice];

    if (pending->leaf != from->leaf) {
        pending->leaf = from->leaf;
        pending->leaf_files = 0;
    }

    s->files = from->files + sent->files + pending->files;
    s->bytes = from->bytes + sent->bytes + pending->bytes;
    s->complete = from->complete + sent->complete + pending->complete;
    s->incomplete = from->incomplete;
    s->strays = from->strays;
    s->stray_bytes = from->stray_bytes;
    s->foreign = 0;
    memcpy(s->missing, from->missing, sizeof(s->missing));

    s->partial = 1;
    s->doubtful = 0;
    s->fullest = from->leaf;

    if (from->slice != CAPHEALTH_TOP) {
        memset(t->leaves[from->slice], 0, sizeof(t->leaves[from->slice]));

        t->leaves[from->slice][from->leaf] =
                      (int32_t) (from->leaf_files + pending->leaf_files
                                 + (sent->leaf == from->leaf
                                    ? sent->leaf_files : 0));
    }

    s->changes++;
    t->changes++;
}


static int
caphealth_fleet_counts_pass(caphealth_fleet_counts_t *f, caphealth_tree_t *t,
    const caphealth_counted_t *answer, double wall)
{
    int                ended, reported;
    int64_t            source, pass;
    unsigned           i;
    caphealth_scan_t  *scan;

    scan = &t->scan;

    source = (answer->version == 0) ? scan->source
             : answer->trusted ? CAPHEALTH_TREE_LIVE : CAPHEALTH_TREE_SAVED;

    if (source == CAPHEALTH_TREE_LIVE && answer->version == 0) {
        source = CAPHEALTH_TREE_SAVED;
    }

    if (source != scan->source) {
        scan->source = source;
        t->changes++;
    }

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        t->slices[i].walked = !answer->todo[i];
    }

    /* the number of the last that has ended; times of its end are not compared,
       for each answer has another age */

    pass = isnan(answer->pass_age) ? answer->pass : answer->pass - 1;
    ended = (pass != f->pass && !isnan(answer->scan_age));
    reported = ended && scan->scanning_since != 0;

    if (isnan(answer->pass_age)) {
        scan->scanning_since = 0;

    } else if (scan->scanning_since == 0 || ended) {
        scan->scanning_since = caphealth_fleet_counts_since(wall,
                                                        answer->pass_age);
    }

    if (answer->counted != scan->counted) {
        scan->counted_known = 0;

    } else if (isnan(answer->pass_age) && answer->version != 0) {
        scan->counted_known = 1;
    }

    if (ended) {
        f->pass = pass;
        scan->scanned_at = caphealth_fleet_counts_since(wall,
                                                        answer->scan_age);
        scan->scan_seconds = answer->scan_seconds;
        scan->drift_files = answer->drift_files;
        scan->drift_bytes = answer->drift_bytes;
        t->changes++;
    }

    scan->removed = answer->removed;
    scan->removed_bytes = answer->removed_bytes;

    return reported;
}


/* at least 1, where a clock is not set yet: 0 means never */

static double
caphealth_fleet_counts_since(double wall, double age)
{
    return fmax(wall - age, 1);
}


int
caphealth_counted_valid(const caphealth_counted_t *answer)
{
    unsigned                          i, n;
    const caphealth_counted_slice_t  *s;

    if (answer->nslices > CAPHEALTH_SLICES
        || answer->trusted > 1
        || answer->lister > 1
        || answer->sequence > INT64_MAX
        || answer->version > INT64_MAX
        || answer->pass < 0
        || !(answer->clock >= 0 && answer->clock <= CAPHEALTH_FLEET_NEVER)
        || !caphealth_counted_seconds(answer->pass_age)
        || !caphealth_counted_seconds(answer->scan_age)
        || isnan(answer->scan_seconds)
        || !caphealth_counted_seconds(answer->scan_seconds)
        || answer->drift_files < 0
        || !caphealth_counted_amount(answer->drift_files)
        || answer->drift_bytes < 0
        || !caphealth_counted_amount(answer->drift_bytes)
        || answer->removed < 0 || !caphealth_counted_amount(answer->removed)
        || answer->removed_bytes < 0
        || !caphealth_counted_amount(answer->removed_bytes))
    {
        return 0;
    }

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        if (answer->todo[i] > 1) {
            return 0;
        }
    }

    for (i = 0; i < answer->nslices; i++) {
        s = &answer->slices[i];

        if (s->slice < 0 || s->slice >= CAPHEALTH_SLICES
            || s->leaf < 0 || s->leaf >= CAPHEALTH_LEAVES
            || s->leaf_files < INT32_MIN / 4 || s->leaf_files > INT32_MAX / 4
            || !caphealth_counted_amount(s->files)
            || !caphealth_counted_amount(s->bytes)
            || !caphealth_counted_amount(s->complete)
            || s->incomplete < 0 || !caphealth_counted_amount(s->incomplete)
            || s->strays < 0 || !caphealth_counted_amount(s->strays)
            || s->stray_bytes < 0
            || !caphealth_counted_amount(s->stray_bytes))
        {
            return 0;
        }

        for (n = 0; n < CAPHEALTH_COUNTED_MAX; n++) {
            if (s->missing[n] < 0) {
                return 0;
            }
        }
    }

    return 1;
}


/* changes that a node has not reported yet may make a count negative */

static int
caphealth_counted_amount(int64_t n)
{
    return n >= -CAPHEALTH_TREE_MOST && n <= CAPHEALTH_TREE_MOST;
}


/* NAN: unknown */

static int
caphealth_counted_seconds(double x)
{
    return isnan(x) || (x >= 0 && x <= (double) CAPHEALTH_TREE_MOST);
}
