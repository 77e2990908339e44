
/*
 * The scan of an image tree, by the collector, or of an object store, by its
 * shipper: a slice at a time, with pauses for which caphealth_image_scan_share
 * is kept.
 */

#ifndef _NGX_HTTP_CAPHEALTH_SCAN_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_SCAN_H_INCLUDED_


#include "ngx_http_caphealth_shippers.h"
#include "ngx_http_caphealth_source_timer.h"


/*
 * Sets the timer's ask to that of a scan.  shippers may be NULL if the tree is
 * a directory.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_scan_init(ngx_http_caphealth_source_timer_t *t,
    ngx_http_caphealth_shippers_t *shippers, ngx_pool_t *pool);

/* A slice has been walked; NGX_ERROR: the answer in fd is invalid. */
ngx_int_t ngx_http_caphealth_scan_walked(ngx_http_caphealth_source_timer_t *t,
    int fd);


#endif /* _NGX_HTTP_CAPHEALTH_SCAN_H_INCLUDED_ */
