
/*
 * Where the page comes from that made a browser send a request.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_origin.h"


static int caphealth_origin_port(const char *p, const char *last);


const char *
caphealth_origin_check(const char *origin, size_t len)
{
    size_t  i, n;

    static const char  wrong[] = "it must be an origin as a browser sends it: "
                                 "\"https://shop.example.com\", in lower "
                                 "case, without a path, and with a port where "
                                 "it is not the scheme's own; or \"*\"";

    for (n = 0; n < len && ((origin[n] >= 'a' && origin[n] <= 'z')
                            || (n && ((origin[n] >= '0' && origin[n] <= '9')
                                      || memchr("+-.", origin[n], 3)))); n++)
    {
        /* void */
    }

    if (n == 0 || len - n <= 3 || memcmp(origin + n, "://", 3) != 0) {
        return wrong;
    }

    for (i = n + 3; i < len; i++) {
        if ((origin[i] < 'a' || origin[i] > 'z')
            && (origin[i] < '0' || origin[i] > '9')
            && memchr("-._:[]", origin[i], 6) == NULL)
        {
            return wrong;
        }
    }

    /* a browser leaves these ports out */

    if (origin[n + 3] == ':' || origin[len - 1] == ':'
        || (n == 4 && memcmp(origin, "http", 4) == 0 && len > 3
            && memcmp(origin + len - 3, ":80", 3) == 0)
        || (n == 5 && memcmp(origin, "https", 5) == 0 && len > 4
            && memcmp(origin + len - 4, ":443", 4) == 0))
    {
        return wrong;
    }

    return NULL;
}


int
caphealth_origin_is(const char *origin, size_t len, const char *host,
    size_t hostlen)
{
    const char  *p, *last, *end;

    static const char  separator[] = "://";

    last = origin + len;
    p = memmem(origin, len, separator, sizeof(separator) - 1);

    if (p == NULL) {
        return 0;
    }

    p += sizeof(separator) - 1;

    for (end = p; end < last && (*end != ':' || *p == '['); end++) {
        if (*end == ']') {
            end++;
            break;
        }
    }

    if (end < last && !caphealth_origin_port(end, last)) {
        return 0;
    }

    return (size_t) (end - p) == hostlen && hostlen > 0
           && strncasecmp(p, host, hostlen) == 0;
}


static int
caphealth_origin_port(const char *p, const char *last)
{
    if (*p++ != ':') {
        return 0;
    }

    while (p < last && *p >= '0' && *p <= '9') {
        p++;
    }

    return p == last;
}
