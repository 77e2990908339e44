
/*
 * A report: rendered once for a change of the facts, then sent from the same
 * memory to everyone who asks.
 */

#ifndef _NGX_HTTP_CAPHEALTH_REPORT_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_REPORT_H_INCLUDED_


#include "ngx_http_caphealth_worker.h"


/* which vendors, of a capacity report with a page of their list */

typedef struct {
    caphealth_vendor_t         cursor;
    const caphealth_vendor_t  *after;    /* the cursor; NULL: the first page */
    size_t                     limit;
} ngx_http_caphealth_vendors_page_t;


/*
 * For a client that may have it.  With a page, which only the capacity report
 * has, the answer is rendered for this request.
 */
ngx_int_t ngx_http_caphealth_send_report(ngx_http_request_t *r,
    ngx_http_caphealth_report_e report,
    ngx_http_caphealth_vendors_page_t *page);


#endif /* _NGX_HTTP_CAPHEALTH_REPORT_H_INCLUDED_ */
