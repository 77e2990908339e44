
/*
 * Where the page comes from that made a browser send a request.
 */

#ifndef CAPHEALTH_ORIGIN_H
#define CAPHEALTH_ORIGIN_H


#include <stddef.h>


/*
 * Whether this is an origin as browsers write one in "Origin", a scheme, a
 * host and perhaps a port.  NULL, or what it must be.
 */
const char *caphealth_origin_check(const char *origin, size_t len);


/*
 * Whether the value of an Origin header (RFC 6454, 7) names that host, with
 * with any scheme and port.  An IPv6 address is in brackets in both.  "null",
 * the origin of a page that hides where it is from, names none.
 */
int caphealth_origin_is(const char *origin, size_t len, const char *host,
    size_t hostlen);


#endif /* CAPHEALTH_ORIGIN_H */
