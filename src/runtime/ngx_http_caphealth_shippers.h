
/*
 * A worker's shippers, one an object store, and the images that are on their
 * way.  A shipper is started for the first image or listing, has several under
 * way at once, is killed when it does not answer, and is replaced when it
 * dies.  What it answers is checked.
 */

#ifndef _NGX_HTTP_CAPHEALTH_SHIPPERS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_SHIPPERS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_caphealth_trees.h"

#include "caphealth_image_record.h"
#include "caphealth_s3_store.h"
#include "caphealth_ship.h"


#define NGX_HTTP_CAPHEALTH_SHIPPER  "caphealth-shipper"

/* with the collector and up to 16 converters, they leave room in the worker's
   table of processes for those that are killed and have not ended yet */
#define NGX_HTTP_CAPHEALTH_STORES_MAX  32


/* of caphealth_image_store */

struct ngx_http_caphealth_store_s {
    caphealth_s3_store_t          s3;
    ngx_str_t                     certificates; /* that are trusted in place
                                                   of the system's, PEM */
    ngx_int_t                     connections;
    ngx_msec_t                    timeout;    /* of an image */
    ngx_uint_t                    number;     /* of the store */
};


typedef struct {
    ngx_str_t                     path;       /* of the program */
    ngx_array_t                  *stores;     /* ngx_http_caphealth_root_t *,
                                                 by their numbers; NULL: there
                                                 are none */
    ngx_int_t                     queue;      /* images of a store that wait */
    ngx_str_t                     spool;      /* a directory for files until
                                                 they are shipped */
    ngx_shm_zone_t               *zone;
} ngx_http_caphealth_shipper_conf_t;


typedef struct ngx_http_caphealth_shippers_s  ngx_http_caphealth_shippers_t;
typedef struct ngx_http_caphealth_shipper_s  ngx_http_caphealth_shipper_t;
typedef struct ngx_http_caphealth_shipment_s  ngx_http_caphealth_shipment_t;


typedef enum {
    NGX_HTTP_CAPHEALTH_SHIP = 0,
    NGX_HTTP_CAPHEALTH_UNSHIP,
    NGX_HTTP_CAPHEALTH_CLAIM
} ngx_http_caphealth_shipment_e;


/*
 * An image to put, or to remove, or its id to claim.  The submitter fills in
 * what is above the line, and keeps all of it until handler is called or the
 * shipment is cancelled; the descriptors, until it has been sent.
 */

struct ngx_http_caphealth_shipment_s {
    ngx_http_caphealth_shipment_e type;
    caphealth_ship_t              ship;       /* its timeout is set here */
    caphealth_unship_t            unship;     /* the same, and its lease */
    caphealth_ship_claim_t        claim;      /* the same */
    ngx_fd_t                      fds[CAPHEALTH_VARIANTS_MAX];
                                              /* of a claim, the first */
    void                        (*handler)(ngx_http_caphealth_shipment_t *s);
    void                         *data;

    /* --- */

    caphealth_ship_result_t       result;
    json_t                       *record;     /* of a claim that EXISTS; the
                                                 handler's to free */
    ngx_uint_t                    lost;       /* it was sent, and what came of
                                                 it is not known */
    ngx_uint_t                    answered;   /* the result is the shipper's */

    ngx_queue_t                   queue;
    ngx_http_caphealth_shipper_t *shipper;    /* NULL: neither waits nor is
                                                 under way */
    uint64_t                      serial;     /* 0: it waits */
    ngx_msec_t                    submitted;
    ngx_msec_t                    deadline;
};


/*
 * A slice was listed: fd has a caphealth_walk_t, NULL as the reason; or it was
 * not, for that reason; or it goes on, fd is -1 and the reason NULL.
 * NGX_ERROR: what is in fd is invalid.
 */
typedef ngx_int_t (*ngx_http_caphealth_listed_pt)(void *data, int fd,
    char *reason);


/*
 * To be called from init_process.  Starts nothing.  NULL: no memory.
 */
ngx_http_caphealth_shippers_t *ngx_http_caphealth_shippers_create(
    ngx_cycle_t *cycle, ngx_http_caphealth_shipper_conf_t *conf);

/* To be called from exit_process. */
void ngx_http_caphealth_shippers_stop(ngx_http_caphealth_shippers_t *ss);

ngx_http_caphealth_shipper_t *ngx_http_caphealth_shipper(
    ngx_http_caphealth_shippers_t *ss, ngx_http_caphealth_store_t *store);

/* Whether as many images wait as may. */
ngx_uint_t ngx_http_caphealth_shipper_full(ngx_http_caphealth_shipper_t *s);

/* Whether it failed to start, and is not tried again yet. */
ngx_uint_t ngx_http_caphealth_shipper_unavailable(
    ngx_http_caphealth_shipper_t *s);

/* Seconds after which it is worth trying again, at least 1. */
ngx_uint_t ngx_http_caphealth_shipper_retry(ngx_http_caphealth_shipper_t *s);

/*
 * Several uploads in a row have failed because the store was away; then one at
 * a time is let through, until an image is taken.  _away: whether the next one
 * is to be refused; _admit: it is let through; _upload_failed: it was, and the
 * shipper has answered that the store is away.
 */
ngx_uint_t ngx_http_caphealth_shipper_away(ngx_http_caphealth_shipper_t *s);
void ngx_http_caphealth_shipper_admit(ngx_http_caphealth_shipper_t *s);
void ngx_http_caphealth_shipper_upload_failed(
    ngx_http_caphealth_shipper_t *s);

/* The handler is called later, never from here. */
void ngx_http_caphealth_shipper_submit(ngx_http_caphealth_shipper_t *s,
    ngx_http_caphealth_shipment_t *shipment);

/*
 * NGX_OK: the handler will not be called.  NGX_BUSY: it is under way, and the
 * handler is called when it has ended.
 */
ngx_int_t ngx_http_caphealth_shipper_cancel(
    ngx_http_caphealth_shipment_t *shipment);

/*
 * Lists a slice.  One that is under way is forgotten.  The handler is called
 * later, never from here.
 */
void ngx_http_caphealth_shipper_list(ngx_http_caphealth_shipper_t *s,
    ngx_uint_t slice, ngx_http_caphealth_listed_pt handler, void *data);

/*
 * What the metrics tell of each store, in memory of the pool.  NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_http_caphealth_shippers_read(
    ngx_http_caphealth_shipper_conf_t *conf, ngx_pool_t *pool,
    caphealth_activity_t *activity);

/*
 * The listing has made no progress for too long, and is forgotten.  The shipper
 * is replaced only if no image is on its way, which has a deadline of its own.
 */
void ngx_http_caphealth_shipper_list_timed_out(
    ngx_http_caphealth_shipper_t *s);


#endif /* _NGX_HTTP_CAPHEALTH_SHIPPERS_H_INCLUDED_ */
