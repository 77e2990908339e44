
/*
 * A worker's cache of the facts: a copy of what is in the zone, kept until the
 * zone's generation moves.
 */

#ifndef _NGX_HTTP_CAPHEALTH_FACTS_CACHE_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_FACTS_CACHE_H_INCLUDED_


#include "ngx_http_caphealth_collector.h"
#include "ngx_http_caphealth_zone.h"

#include "caphealth_platform.h"


typedef struct ngx_http_caphealth_piece_s  ngx_http_caphealth_piece_t;


typedef struct {
    caphealth_facts_t              facts;
    double                         stale_at;     /* after this the next section
                                                    is stale */
    double                         silent_at;    /* after this the next node of
                                                    the fleet is silent */
    double                         now;          /* of the last update */
    ngx_atomic_uint_t              generation;
    ngx_uint_t                     changes;      /* move with each update that
                                                    changed anything, and with
                                                    those of the capacity */
    ngx_uint_t                     capacities;
    ngx_uint_t                     fleets;       /* likewise, of the fleet */
    double                         fleet_attempted;
    caphealth_status_e             platform;     /* of the fleet */
    ngx_int_t                      alone;
    char                           shop[CAPHEALTH_NODE_NAME];
    int64_t                        files;        /* of the images, at the last
                                                    update */
    int64_t                        bytes;
    ngx_shm_zone_t                *zone;
    ngx_http_caphealth_piece_t    *pieces;
    ngx_uint_t                     npieces;
    ngx_http_caphealth_source_t  **disks;        /* of each in facts */
    caphealth_section_t           *sections;     /* of each tree's scan */
    ngx_atomic_uint_t              past_generation;  /* of the history's */
    unsigned                       read:1;
    unsigned                       capacity:1;   /* the last update changed
                                                    what is known of the
                                                    database, or of the
                                                    images */
    unsigned                       pending:1;    /* so did one that failed
                                                    behind it */
} ngx_http_caphealth_facts_cache_t;


/* Lives as long as pool does.  NULL: no memory. */
ngx_http_caphealth_facts_cache_t *ngx_http_caphealth_facts_cache_create(
    ngx_pool_t *pool, ngx_http_caphealth_collector_conf_t *conf);

/*
 * Brings the cache up to date.  now is in seconds since the epoch.  NGX_OK:
 * what was rendered from it before is out of date.  NGX_DECLINED: it still
 * stands.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_facts_cache_update(
    ngx_http_caphealth_facts_cache_t *cache, double now, ngx_log_t *log);

/* What is in the image trees at this moment. */
void ngx_http_caphealth_facts_cache_images(
    ngx_http_caphealth_facts_cache_t *cache, double now);


#endif /* _NGX_HTTP_CAPHEALTH_FACTS_CACHE_H_INCLUDED_ */
