
/*
 * Where the page comes from that made a browser send a request.
 */

#include <string.h>
#include <strings.h>

#include "caphealth_origin.h"


static int caphealth_origin_port(const char *p, const char *last);


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
