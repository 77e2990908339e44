
/*
 * The counts of the image trees, in the zone.
 *
 * A worker calls _begin before it makes or removes an image's files, and _end
 * after it.  What a scan has found of the slice in between may be a part of
 * them, so it is not believed.  If the worker is killed, its entry is found in
 * the zone, and the slice is walked again.
 *
 * A tree is found by the key of its root.  A call for one that is not in the
 * zone, because a reload has dropped it, does nothing.
 */

#ifndef _NGX_HTTP_CAPHEALTH_TREES_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_TREES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_caphealth_counters.h"
#include "ngx_http_caphealth_uses.h"

#include <jansson.h>

#include "caphealth_fleet_counts.h"
#include "caphealth_ship.h"


/* what the zone needs for a tree, pages included */
#define NGX_HTTP_CAPHEALTH_TREE_SIZE  (384 * 1024)


typedef struct ngx_http_caphealth_root_s  ngx_http_caphealth_root_t;
typedef struct ngx_http_caphealth_store_s  ngx_http_caphealth_store_t;

struct ngx_http_caphealth_root_s {
    ngx_str_t      path;             /* NUL-terminated; of an object store:
                                        "s3://bucket/prefix" */
    ngx_str_t      key;              /* of its counts: the same, and of an
                                        object store the endpoint */
    ngx_array_t    marks;            /* ngx_str_t: the variants that mark an
                                        image as complete */
    ngx_array_t    parts;            /* ngx_str_t: all others */
    ngx_array_t    counted;          /* ngx_str_t: both, at most
                                        CAPHEALTH_COUNTED_MAX: it is counted
                                        how many images lack them */
    ngx_http_caphealth_root_t  *source;  /* where the sources of its images
                                            are kept; NULL: nowhere */
    ngx_http_caphealth_root_t  *images;  /* of a tree of sources: the tree of
                                            their images */
    ngx_uint_t     sources;          /* it is a tree of sources */
    ngx_http_caphealth_store_t *store;   /* NULL: it is a directory */
};


/* the data of the zone begins with this */

typedef struct {
    ngx_slab_pool_t                *shpool;
    ngx_queue_t                    *trees;
    ngx_http_caphealth_counters_t  *counters;
    ngx_http_caphealth_uses_t     **uses;     /* of the zone */
} ngx_http_caphealth_trees_t;


/* what happens between the workers and an object store */

typedef struct {
    caphealth_ship_requests_t       requests;
    uint64_t                        put[CAPHEALTH_SHIP_STATUSES];
                                              /* images, by what became of
                                                 them */
    uint64_t                        removed[CAPHEALTH_SHIP_STATUSES];
    uint64_t                        buckets[CAPHEALTH_BUCKETS + 1];
                                              /* of those that were put */
    uint64_t                        sum;      /* milliseconds, of the same */
    ngx_uint_t                      under_way; /* images now, when it is read */
} ngx_http_caphealth_store_counts_t;


/* the slice to be walked next */

typedef struct {
    ngx_uint_t     slice;
    uint64_t       changes;          /* of the slice, before the walk */
    double         from;             /* it begins, as _tree_clock() has it */
} ngx_http_caphealth_step_t;


/* For the zone alone: roots is an array of ngx_http_caphealth_root_t *. */
ngx_int_t ngx_http_caphealth_trees_allocate(ngx_slab_pool_t *shpool,
    ngx_queue_t *trees, ngx_array_t *roots);
void ngx_http_caphealth_trees_remove_unused(ngx_slab_pool_t *shpool,
    ngx_queue_t *trees, ngx_array_t *roots);
void ngx_http_caphealth_trees_copy_old(ngx_queue_t *trees, ngx_queue_t *from);


/* An image's files are about to change.  The result is for _end. */
ngx_int_t ngx_http_caphealth_tree_begin(ngx_shm_zone_t *zone, ngx_str_t *root,
    char *id);

/* Moves the counts by what was published, or removed (negative). */
void ngx_http_caphealth_tree_move(ngx_shm_zone_t *zone, ngx_str_t *root,
    char *id, int64_t files, int64_t bytes, int64_t complete);

/* It has ended; unless all is counted for sure, the slice is walked soon. */
void ngx_http_caphealth_tree_end(ngx_shm_zone_t *zone, ngx_str_t *root,
    char *id, ngx_int_t begun, ngx_uint_t sure);

/*
 * What a scan does next.  NGX_OK: walk the slice in *step.  NGX_DONE: a full
 * scan has just ended.  NGX_DECLINED: nothing now.  interval is in seconds
 * between the end of a full scan and the begin of the next; 0: none but the
 * first.  others is whether there are processes that change the tree and do
 * not use this zone: then it is not live, and is scanned when they are gone.
 */
ngx_int_t ngx_http_caphealth_tree_step(ngx_shm_zone_t *zone, ngx_str_t *root,
    double interval, ngx_uint_t others, ngx_http_caphealth_step_t *step);

/*
 * What a walk found.  NGX_OK: it is counted.  NGX_AGAIN: the slice has changed
 * meanwhile, and is to be walked once more.
 */
ngx_int_t ngx_http_caphealth_tree_walked(ngx_shm_zone_t *zone,
    ngx_str_t *root, ngx_http_caphealth_step_t *step,
    caphealth_walk_t *walk);

/* The scan under way cannot go on. */
void ngx_http_caphealth_tree_abandon(ngx_shm_zone_t *zone, ngx_str_t *root);

/*
 * Of an object store whose counts are those of a fleet.
 *
 * _fleet_step is what the scan does next, as above, if the fleet has answered
 * within so many seconds: NGX_DECLINED, but for the lister.  Otherwise the tree
 * is not live any more, and the result is NGX_ERROR: this node is on its own.
 *
 * _fleet_walked is whether a listing by the lister may be sent: NGX_AGAIN if
 * the slice has changed meanwhile.  _fleet_report copies what there is to
 * report, and _fleet_take takes the answer; NGX_DONE: a pass has ended.
 * _fleet_finish is for the last worker that uses the zone when it quits:
 * caphealth_fleet_counts_finish(); NGX_DECLINED: the zone has no such tree.
 */
ngx_int_t ngx_http_caphealth_tree_fleet_step(ngx_shm_zone_t *zone,
    ngx_str_t *root, double contact, ngx_http_caphealth_step_t *step);
ngx_int_t ngx_http_caphealth_tree_fleet_walked(ngx_shm_zone_t *zone,
    ngx_str_t *root, ngx_http_caphealth_step_t *step,
    caphealth_walk_t *walk);
ngx_int_t ngx_http_caphealth_tree_fleet_report(ngx_shm_zone_t *zone,
    ngx_str_t *root, caphealth_fleet_counts_t *counts, uint64_t *counted);
ngx_int_t ngx_http_caphealth_tree_fleet_take(ngx_shm_zone_t *zone,
    ngx_str_t *root, const caphealth_counted_t *answer, double asked);
ngx_int_t ngx_http_caphealth_tree_fleet_finish(ngx_shm_zone_t *zone,
    ngx_str_t *root, caphealth_fleet_counts_t *counts,
    caphealth_fleet_counts_t *last);

/* CLOCK_BOOTTIME, in seconds. */
double ngx_http_caphealth_tree_clock(void);

/* The sum of its slices.  NGX_DECLINED: there is no such tree. */
ngx_int_t ngx_http_caphealth_tree_total(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_total_t *total, caphealth_scan_t *scan);

/*
 * Of an object store: its requests, or an image that was put or removed, are
 * counted; _store_counts reads all.  NGX_DECLINED: there is no such tree.
 */
void ngx_http_caphealth_tree_count_requests(ngx_shm_zone_t *zone,
    ngx_str_t *root, caphealth_ship_requests_t *requests);
void ngx_http_caphealth_tree_count_shipment(ngx_shm_zone_t *zone,
    ngx_str_t *root, ngx_uint_t removal, caphealth_ship_status_e status,
    ngx_msec_t elapsed);
ngx_int_t ngx_http_caphealth_tree_store_counts(ngx_shm_zone_t *zone,
    ngx_str_t *root, ngx_http_caphealth_store_counts_t *counts);

/*
 * For the saved state.  _copy makes a copy, if anything has changed since the
 * last one (NGX_DECLINED: no); after _unsaved it makes another one, as the
 * last one could not be saved.  _restore sets a tree of which nothing is known
 * yet.
 */
ngx_int_t ngx_http_caphealth_tree_copy(ngx_shm_zone_t *zone, ngx_str_t *root,
    caphealth_tree_t *tree);
void ngx_http_caphealth_tree_unsaved(ngx_shm_zone_t *zone, ngx_str_t *root);
ngx_int_t ngx_http_caphealth_tree_restore(ngx_shm_zone_t *zone,
    ngx_str_t *root, caphealth_tree_t *tree);

/* Whether nothing is known of the tree, and nothing has happened to it. */
ngx_uint_t ngx_http_caphealth_tree_unknown(ngx_shm_zone_t *zone,
    ngx_str_t *root);

/*
 * Says which marks are in force, and which variants are counted, unless the
 * worker quits, and returns since when the marks are.
 */
double ngx_http_caphealth_tree_mark(ngx_shm_zone_t *zone,
    ngx_http_caphealth_root_t *root);

/*
 * Adds to the settings of the program that walks the tree what
 * caphealth_walk_settings() reads of it, but for the path.  -1: no memory.
 */
int ngx_http_caphealth_tree_settings(json_t *settings, ngx_shm_zone_t *zone,
    ngx_http_caphealth_root_t *root);


#endif /* _NGX_HTTP_CAPHEALTH_TREES_H_INCLUDED_ */
