
/*
 * An upload, or a deletion, from its request to its last file.
 *
 * It has a pool of its own and keeps nothing of the request's, because a
 * client may close the connection while a thread or a converter is at work.
 * What an upload has made then is removed; a deletion is completed.
 */

#ifndef _NGX_HTTP_CAPHEALTH_UPLOAD_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_UPLOAD_H_INCLUDED_


#include "ngx_http_caphealth_worker.h"

#include "caphealth_format.h"
#include "caphealth_multipart.h"
#include "caphealth_outcomes.h"
#include "caphealth_image_files.h"
#include "caphealth_image_record.h"
#include "caphealth_token.h"
#include "caphealth_image_source.h"


#define NGX_HTTP_CAPHEALTH_DETAIL_LEN  640


/* by its length as an uint64_t, and the most as a size_t */
#define NGX_HTTP_CAPHEALTH_TOO_LONG                                           \
    "It has %uL bytes; the most that can be converted are %uz, half of "      \
    "\"caphealth_image_memory\". Send a smaller one."


/* the most bytes of a description, UTF-8 */
#define NGX_HTTP_CAPHEALTH_ALT_LEN  4096

/* of a focus, "0.5,0.25" */
#define NGX_HTTP_CAPHEALTH_FOCUS_LEN  64


/* the text fields of a form that are read; their names in upload_files.c */

typedef enum {
    NGX_HTTP_CAPHEALTH_FIELD_ALT = 0,
    NGX_HTTP_CAPHEALTH_FIELD_FOCUS,
    NGX_HTTP_CAPHEALTH_FIELDS
} ngx_http_caphealth_field_e;


typedef struct ngx_http_caphealth_upload_s  ngx_http_caphealth_upload_t;


typedef struct ngx_http_caphealth_image_s  ngx_http_caphealth_image_t;


struct ngx_http_caphealth_image_s {
    ngx_http_caphealth_upload_t      *upload;
    ngx_http_caphealth_job_t          job;
    caphealth_part_t                  part;
    caphealth_format_e                format;
    char                             *alt;        /* NULL: none was sent */
    caphealth_image_files_t           files;      /* its own */
    caphealth_image_source_t          source;     /* if it is kept */
    caphealth_image_record_t          record;     /* if its id is not random */
    uint8_t                           sha256[CAPHEALTH_DIGEST_LEN];
    caphealth_removed_t               removed;    /* by a deletion; by an
                                                     upload, of another that
                                                     died */
    caphealth_removed_t               removed_source;
    json_t                           *answer;     /* what is told of it */
    ngx_http_caphealth_image_t       *same;       /* an earlier one of these
                                                     bytes in the request */
    ngx_int_t                         begun;      /* of _tree_begin(), for
                                                     _tree_end() */
    ngx_int_t                         source_begun;
    ngx_http_caphealth_shipment_t    *shipment;   /* to an object store; NULL:
                                                     there is none yet */
    ngx_uint_t                        renamed;    /* its first id was taken */
    ngx_uint_t                        claimed;    /* in a store, its id */
    ngx_uint_t                        left;       /* there may be files of an
                                                     upload that died */
    ngx_uint_t                        cleared;    /* and were removed */
    char                              token[CAPHEALTH_ID_LEN + 1];
                                                  /* by which the claim is
                                                     known; "": none yet */
    ngx_fd_t                          record_fd;  /* the record for a store */
    size_t                            record_bytes; /* 0: there is none yet */

    /* no bits: a thread may change one while the event loop changes another */

    ngx_uint_t                        converted;  /* the converter has ended */
    ngx_uint_t                        accepted;   /* and its result is good */
    ngx_uint_t                        release_fds;/* a thread is to do it */
    ngx_uint_t                        checked;    /* so are its files */
    ngx_uint_t                        published;  /* in a store: perhaps */
    ngx_uint_t                        skip;       /* it is stored already */
    ngx_uint_t                        replaces;   /* a leftover was removed */
};


typedef enum {
    NGX_HTTP_CAPHEALTH_READING = 0,   /* nginx reads the body */
    NGX_HTTP_CAPHEALTH_PREPARING,     /* a thread finds the images in it */
    NGX_HTTP_CAPHEALTH_CLAIMING,      /* a shipper looks at ids that are not
                                         random, or takes them */
    NGX_HTTP_CAPHEALTH_CONVERTING,    /* threads open files, converters write */
    NGX_HTTP_CAPHEALTH_PUBLISHING,    /* a thread gives the files their names,
                                         or for a store only checks them */
    NGX_HTTP_CAPHEALTH_SHIPPING,      /* a shipper puts them into the store */
    NGX_HTTP_CAPHEALTH_REMOVING,      /* of a deletion: a thread, or a shipper,
                                         removes them */
    NGX_HTTP_CAPHEALTH_WITHDRAWING,   /* it has failed: a shipper removes what
                                         it has put */
    NGX_HTTP_CAPHEALTH_WAITING,       /* another request has the same id, or
                                         changes images of the same owner */
    NGX_HTTP_CAPHEALTH_CLOSING        /* it has ended: a thread closes them */
} ngx_http_caphealth_upload_state_e;


struct ngx_http_caphealth_upload_s {
    ngx_pool_t                       *pool;
    ngx_http_request_t               *request;    /* NULL: it is gone */
    ngx_http_caphealth_main_conf_t   *main_conf;
    ngx_http_caphealth_worker_ctx_t  *worker;
    ngx_http_caphealth_upload_conf_t *conf;
    ngx_http_caphealth_counters_t    *counters;
    ngx_http_cleanup_t               *cleanup;
    ngx_http_caphealth_work_t         work;
    ngx_event_t                       event;
    ngx_msec_t                        last_progress;
    ngx_http_caphealth_upload_state_e state;

    ngx_fd_t                          body;
    ngx_fd_t                          input;      /* the same, to be read only,
                                                     for the converters */
    uint64_t                          size;
    char                              boundary[CAPHEALTH_BOUNDARY_MAX + 1];
    caphealth_token_t                 token;      /* what is granted */
    int32_t                           focus_x;    /* as of caphealth_job_t, */
    int32_t                           focus_y;    /* of the argument "focus" */
    ngx_msec_t                        received_at;
    ngx_msec_t                        publishing_at;

    caphealth_part_t                 *parts;
    caphealth_field_t                *fields;     /* of a form, by their
                                                     ngx_http_caphealth_field_e */
    ngx_http_caphealth_image_t       *images;
    ngx_uint_t                        nimages;
    ngx_uint_t                        nstore;     /* that are not stored yet */

    ngx_str_t                         key;        /* Idempotency-Key */
    ngx_str_t                         uri;        /* that it is of */
    uint8_t                           digest[CAPHEALTH_DIGEST_LEN];
                                                  /* of what was sent */
    ngx_msec_t                        waiting_since;
    ngx_http_caphealth_upload_state_e waiting_in; /* the state that it is in
                                                     again after that */
    ngx_uint_t                        named;      /* the ids are known */
    ngx_uint_t                        busy;       /* a thread found that it has
                                                     to wait */
    ngx_uint_t                        opened;     /* so many, from the first,
                                                     have their files open */
    ngx_uint_t                        open_until; /* the same, when the thread
                                                     that opens more ends */
    ngx_uint_t                        submitted;  /* to the converters */
    ngx_uint_t                        unconverted;
    ngx_uint_t                        reserved;   /* room in their queue */
    ngx_uint_t                        shipments;  /* that have not ended */
    ngx_uint_t                        retry_after;/* seconds that another has an
                                                     id; 0: it is not known */

    caphealth_outcome_e               outcome;    /* why it is refused */
    u_char                            detail[NGX_HTTP_CAPHEALTH_DETAIL_LEN];
    ngx_err_t                         err;
    const char                       *failed_call;
    ngx_str_t                        *failed_source;  /* the tree it was in,
                                                         if not the root */

    caphealth_owner_t                 owner;      /* whose images they are */

    unsigned                          deletion:1;
    unsigned                          task_active:1;   /* posted, not ended */
    unsigned                          release_fds:1;   /* of those converted,
                                                          until all are */
    unsigned                          counts_begun:1;
    unsigned                          counted:1;  /* in the tree */
    unsigned                          stored:1;   /* the client is told so */

    /* no bits: threads change them */

    ngx_uint_t                        owner_locked;
    ngx_uint_t                        owner_counted;
};


/*
 * The request's body becomes the upload's own, and room is made for what is
 * in it.
 */
ngx_int_t ngx_http_caphealth_upload_body(ngx_http_caphealth_upload_t *u,
    ngx_http_request_body_t *rb);

/*
 * What blocks, for the thread pool.  All but _close set an outcome if they
 * fail.  No thread waits for another request: u->busy says that it has to be
 * called again.
 */

/* Finds the images in the body, and those that are stored already. */
void ngx_http_caphealth_upload_prepare(void *data, ngx_log_t *log);

/*
 * Claims the ids that follow from a key or from the bytes, and finds what is
 * stored under them; looks at the quota.
 */
void ngx_http_caphealth_upload_claim(void *data, ngx_log_t *log);

/*
 * Opens the files of the next images, and releases the descriptors of those
 * that are made.
 */
void ngx_http_caphealth_upload_open(void *data, ngx_log_t *log);

/* Checks the files that converters have written. */
void ngx_http_caphealth_upload_check(void *data, ngx_log_t *log);

/* Checks them, and gives them their names. */
void ngx_http_caphealth_upload_publish(void *data, ngx_log_t *log);

/* Closes all files; unless the upload is stored, they are removed. */
void ngx_http_caphealth_upload_close(void *data, ngx_log_t *log);

/* Removes the files of an image. */
void ngx_http_caphealth_upload_remove(void *data, ngx_log_t *log);

/*
 * The owner of the images, if they have one: in threads, too.  _check refuses
 * an upload that is beyond the quota before it is converted; _begin does so
 * again, locks the owner and names the images; _end counts them, if they are
 * published, and unlocks; _withdraw takes back what was counted; _disown takes
 * what is left of an upload that died from its owner.  Of a deletion:
 * _lock looks whose the image is (NGX_ERROR: an errno, of an image of somebody
 * else ENOENT), and _removed takes it from the owner.  NGX_ERROR of _check,
 * _begin and _disown: the outcome is set.  NGX_AGAIN: another request changes
 * images of the same owner.
 */
ngx_int_t ngx_http_caphealth_upload_owner_check(
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_owner_begin(
    ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_owner_end(ngx_http_caphealth_upload_t *u,
    ngx_uint_t published);
ngx_int_t ngx_http_caphealth_upload_owner_withdraw(
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_owner_disown(
    ngx_http_caphealth_upload_t *u, ngx_http_caphealth_image_t *image);
ngx_int_t ngx_http_caphealth_upload_owner_lock(
    ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_owner_removed(
    ngx_http_caphealth_upload_t *u);

/*
 * The key of a request, if the location's ids follow from it; NGX_DECLINED: it
 * may go on, else the answer's status.
 */
ngx_int_t ngx_http_caphealth_upload_key(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, ngx_str_t *key);

/*
 * For the thread pool: the ids of the images, if they are not random; what is
 * told of an image whose files have their names, or are to be put into a store,
 * and its record; and ids that were claimed are given up.  For any thread: what
 * is told of an image that is stored already, by record.json, which is freed.
 */
ngx_int_t ngx_http_caphealth_upload_ids(ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_is_stored(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);
ngx_int_t ngx_http_caphealth_upload_record(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);
void ngx_http_caphealth_upload_release(ngx_http_caphealth_upload_t *u);

/* What this request is told of an image, a new reference; NULL: no memory. */
json_t *ngx_http_caphealth_upload_told(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);

/* The same of one that was converted now. */
json_t *ngx_http_caphealth_upload_image(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);

/*
 * Of an object store.  _check refuses what does not work with one, or now;
 * NGX_DECLINED: the request may go on.  _admit: it goes on, and if the store
 * was away, it is tried with this upload.  _ship puts the images, which ends
 * with _finish(); _cancel forgets those that are not on their way yet.
 * _withdraw removes what a failed upload has put; NGX_AGAIN: that ends with
 * _end().  _shipments allocates one for each image, if there is none; it is
 * for _unship, a deletion, which ends with _removed().
 * _submit_shipment and _refused are of each: it goes to the shipper, and the
 * store has not done it, which becomes the outcome.
 */
ngx_int_t ngx_http_caphealth_upload_store_check(ngx_http_request_t *r,
    ngx_http_caphealth_upload_conf_t *conf, caphealth_token_t *token);
void ngx_http_caphealth_upload_store_admit(ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_shipments(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_ship(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_cancel_shipments(
    ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_submit_shipment(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment);
void ngx_http_caphealth_upload_store_refused(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment);
ngx_int_t ngx_http_caphealth_upload_withdraw(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_unship(ngx_http_caphealth_upload_t *u);

/*
 * Ids in an object store that are not random.  _look finds what is stored, and
 * ends with _begin(), or later with _finish() or _take(); _take takes the ids
 * of all others, and ends with _ship(), or by looking again.  _claimed:
 * another request has an id.  _release_ids gives up those that were taken;
 * NGX_AGAIN: that ends with _end(), or if the upload is not withdrawn, by
 * looking again.
 */
void ngx_http_caphealth_upload_look(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_take(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_claimed(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_shipment_t *shipment);
ngx_int_t ngx_http_caphealth_upload_release_ids(
    ngx_http_caphealth_upload_t *u);

/* Waits, and looks again.  NGX_DECLINED: it has waited long enough. */
ngx_int_t ngx_http_caphealth_upload_wait_claim(ngx_http_caphealth_upload_t *u,
    ngx_msec_t pause);

/*
 * The next states: what is stored already is known, and the others are to be
 * converted; it is answered; nothing is left to remove, and the files are
 * closed; the files of a deletion have been removed, or not.
 */
void ngx_http_caphealth_upload_begin(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_finish(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_end(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_removed(ngx_http_caphealth_upload_t *u);

/*
 * The tree's counts: before the images get their names, when they have got
 * them, and when nothing more happens to them.
 */
void ngx_http_caphealth_upload_counts_begin(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_counts_add(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_counts_end(ngx_http_caphealth_upload_t *u);

/* The same of what a deletion has removed, also if it failed half-way. */
void ngx_http_caphealth_upload_counts_remove(ngx_http_caphealth_upload_t *u);

/* The bytes of all files that were made of it. */
int64_t ngx_http_caphealth_upload_counts_bytes(ngx_http_caphealth_upload_t *u);

/* Sets the outcome, and what is wrong with the image; NULL: with all of it. */
void ngx_http_caphealth_upload_refuse(ngx_http_caphealth_upload_t *u,
    caphealth_outcome_e outcome, ngx_http_caphealth_image_t *image,
    const char *fmt, ...);

/* The same for a system call that failed, which is logged with the answer. */
void ngx_http_caphealth_upload_call_failed(ngx_http_caphealth_upload_t *u,
    ngx_err_t err, const char *call);

/* The same in the tree of sources. */
void ngx_http_caphealth_upload_source_failed(ngx_http_caphealth_upload_t *u,
    ngx_err_t err, const char *call);

/* The same for files that are not what the converter said of them. */
void ngx_http_caphealth_upload_bad_output(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, const char *what);

/* The same for what a converter answered, if that is not an image. */
void ngx_http_caphealth_upload_check_result(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);

/*
 * The answers; the result is the handler's.  Without a detail, NULL, the
 * problem has that of its outcome.
 */
ngx_int_t ngx_http_caphealth_upload_send_created(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
caphealth_outcome_e ngx_http_caphealth_upload_stored_outcome(
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_send_deleted(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_send_refused(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_send_queue_full(ngx_http_request_t *r,
    ngx_http_caphealth_main_conf_t *cmcf);
ngx_int_t ngx_http_caphealth_upload_problem(ngx_http_request_t *r,
    caphealth_outcome_e outcome, ngx_str_t *detail);


#endif /* _NGX_HTTP_CAPHEALTH_UPLOAD_H_INCLUDED_ */
