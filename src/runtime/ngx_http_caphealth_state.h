
/*
 * The saved state: what is known of the image trees, in files, for the next
 * cold start.
 */

#ifndef _NGX_HTTP_CAPHEALTH_STATE_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_STATE_H_INCLUDED_


#include "ngx_http_caphealth_trees.h"

#include <ngx_thread_pool.h>


typedef struct {
    ngx_str_t            dir;
    ngx_array_t         *roots;          /* ngx_http_caphealth_root_t * */
    ngx_shm_zone_t      *zone;
    ngx_thread_pool_t   *thread_pool;
} ngx_http_caphealth_state_conf_t;


typedef struct ngx_http_caphealth_state_s  ngx_http_caphealth_state_t;


/*
 * From init_process of each worker: loads what the zone knows nothing of, and
 * lets one of them (owner) save every minute what has changed.  NULL: no
 * memory.
 */
ngx_http_caphealth_state_t *ngx_http_caphealth_state_create(
    ngx_cycle_t *cycle, ngx_http_caphealth_state_conf_t *conf,
    ngx_uint_t owner);

/*
 * Whether workers with another zone may store images in the same roots: those
 * of another nginx, or old workers after a reload that has created a new zone.
 * Their images are not counted here.
 */
ngx_uint_t ngx_http_caphealth_state_others(void);

/* From exit_process: saves what has changed.  Blocks. */
void ngx_http_caphealth_state_stop(ngx_http_caphealth_state_t *state);


#endif /* _NGX_HTTP_CAPHEALTH_STATE_H_INCLUDED_ */
