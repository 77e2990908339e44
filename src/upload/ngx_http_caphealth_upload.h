
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
#include "caphealth_set.h"


#define NGX_HTTP_CAPHEALTH_DETAIL_LEN  640


/* by its length as an uint64_t, and the most as a size_t */
#define NGX_HTTP_CAPHEALTH_TOO_LONG                                           \
    "It has %uL bytes; the most that can be converted are %uz, half of "      \
    "\"caphealth_image_memory\". Send a smaller one."


typedef struct ngx_http_caphealth_upload_s  ngx_http_caphealth_upload_t;


typedef struct {
    ngx_http_caphealth_upload_t      *upload;
    ngx_http_caphealth_job_t          job;
    caphealth_part_t                  part;
    caphealth_format_e                format;
    caphealth_set_t                   set;
    ngx_int_t                         move;       /* of the tree's counts */

    /* no bits: a thread may change one while the event loop changes another */

    ngx_uint_t                        converted;  /* a converter is done */
    ngx_uint_t                        accepted;   /* and its result is good */
    ngx_uint_t                        parking;    /* a thread is to close it */
    ngx_uint_t                        checked;
    ngx_uint_t                        published;
} ngx_http_caphealth_image_t;


typedef enum {
    NGX_HTTP_CAPHEALTH_READING = 0,   /* its body */
    NGX_HTTP_CAPHEALTH_PREPARING,     /* a thread is: files are found */
    NGX_HTTP_CAPHEALTH_CONVERTING,    /* and a thread opens their variants */
    NGX_HTTP_CAPHEALTH_PUBLISHING,    /* a thread is */
    NGX_HTTP_CAPHEALTH_REMOVING,      /* a thread is: of a deletion */
    NGX_HTTP_CAPHEALTH_CLOSING        /* a thread is: answered, or given up */
} ngx_http_caphealth_upload_state_e;


struct ngx_http_caphealth_upload_s {
    ngx_pool_t                       *pool;
    ngx_http_request_t               *request;    /* NULL: nobody waits */
    ngx_http_caphealth_main_conf_t   *main_conf;
    ngx_http_caphealth_worker_ctx_t  *worker;
    ngx_http_caphealth_upload_conf_t *conf;
    ngx_http_caphealth_counters_t    *counters;
    ngx_http_cleanup_t               *cleanup;
    ngx_http_caphealth_work_t         work;
    ngx_event_t                       event;
    ngx_msec_t                        progress;   /* was made last, then */
    ngx_http_caphealth_upload_state_e state;

    ngx_fd_t                          body;
    ngx_fd_t                          input;      /* the same, to be read only,
                                                     for the converters */
    uint64_t                          size;
    char                              boundary[CAPHEALTH_BOUNDARY_MAX + 1];

    caphealth_part_t                 *parts;
    ngx_http_caphealth_image_t       *images;
    ngx_uint_t                        nimages;
    ngx_uint_t                        left;       /* to be converted */
    ngx_uint_t                        opened;     /* the first of them are */
    ngx_uint_t                        opening;    /* so many are to be */
    ngx_uint_t                        submitted;  /* to the converters */
    ngx_uint_t                        reserved;   /* room in their queue */
    ngx_msec_t                        since;      /* its body is there; then:
                                                     it is being published */

    caphealth_outcome_e               fault;
    ngx_err_t                         err;
    const char                       *call;       /* that failed with err */
    u_char                            detail[NGX_HTTP_CAPHEALTH_DETAIL_LEN];

    caphealth_removed_t               removed;    /* by a deletion */

    unsigned                          deletes:1;
    unsigned                          working:1;  /* a thread is, or will */
    unsigned                          park:1;     /* too many to stay open */
    unsigned                          done:1;     /* its files are to stay */
    unsigned                          moving:1;   /* they get their names */
    unsigned                          counted:1;  /* and are in the counts */
};


/* Takes over the request's body, and makes room for what is in it. */
ngx_int_t ngx_http_caphealth_upload_body(ngx_http_caphealth_upload_t *u,
    ngx_http_request_body_t *rb);

/*
 * What blocks, for the thread pool: to find the images in the body; to open
 * the files of the next ones, and park those that are made; to give the files
 * their names; to close everything and remove what is not to stay.  All but
 * the last leave a fault if they fail.
 */
void ngx_http_caphealth_upload_prepare(void *data, ngx_log_t *log);
void ngx_http_caphealth_upload_open(void *data, ngx_log_t *log);
void ngx_http_caphealth_upload_publish(void *data, ngx_log_t *log);
void ngx_http_caphealth_upload_discard(void *data, ngx_log_t *log);
void ngx_http_caphealth_upload_remove(void *data, ngx_log_t *log);

/*
 * The tree's counts: before its images get their names, when they have got
 * them, and when nothing more happens to them.
 */
void ngx_http_caphealth_upload_counts_begin(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_counts_add(ngx_http_caphealth_upload_t *u);
void ngx_http_caphealth_upload_counts_end(ngx_http_caphealth_upload_t *u);

/* The same of what a deletion has removed, also if it failed half-way. */
void ngx_http_caphealth_upload_counts_remove(ngx_http_caphealth_upload_t *u);

/* The bytes of all files that were made of it. */
int64_t ngx_http_caphealth_upload_counts_bytes(ngx_http_caphealth_upload_t *u);

/* What is wrong, with which image (NULL: all of it), as a sentence. */
void ngx_http_caphealth_upload_fault(ngx_http_caphealth_upload_t *u,
    caphealth_outcome_e fault, ngx_http_caphealth_image_t *image,
    const char *fmt, ...);

/* The same for a system call, which the log is told of. */
void ngx_http_caphealth_upload_failed(ngx_http_caphealth_upload_t *u,
    ngx_err_t err, const char *call);

/* The converter's answer about it is not to be believed. */
void ngx_http_caphealth_upload_bad_output(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image, const char *what);

/* What a converter's answer means; a fault, or nothing if all is well. */
void ngx_http_caphealth_upload_check_job(ngx_http_caphealth_upload_t *u,
    ngx_http_caphealth_image_t *image);

/*
 * The answers; the result is the handler's.  Without a detail, NULL, the
 * fault's own is told.
 */
ngx_int_t ngx_http_caphealth_upload_created(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_deleted(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_refused(ngx_http_request_t *r,
    ngx_http_caphealth_upload_t *u);
ngx_int_t ngx_http_caphealth_upload_busy(ngx_http_request_t *r,
    ngx_http_caphealth_main_conf_t *cmcf);
ngx_int_t ngx_http_caphealth_send_fault(ngx_http_request_t *r,
    caphealth_outcome_e fault, ngx_str_t *detail);


#endif /* _NGX_HTTP_CAPHEALTH_UPLOAD_H_INCLUDED_ */
