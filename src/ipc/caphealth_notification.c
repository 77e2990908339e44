
/*
 * The names of what notifications say, and the check of a receiver's URL.
 */

#include <string.h>

#include "caphealth_notification.h"


#define CAPHEALTH_PORT_MAX  65535


static const char *caphealth_name_of(const char *const *names, size_t n,
    uint32_t i);
static int caphealth_name_find(const char *const *names, size_t n,
    const char *name, size_t len);
static const char *caphealth_receiver_check_port(const char *port,
    const char *end);


static const char *const  caphealth_overall_names[CAPHEALTH_OVERALL_STATES] = {
    [CAPHEALTH_OVERALL_NONE] = "none",
    [CAPHEALTH_OVERALL_HEALTHY] = "healthy",
    [CAPHEALTH_OVERALL_DEGRADED] = "degraded",
    [CAPHEALTH_OVERALL_UNKNOWN] = "unknown",
    [CAPHEALTH_OVERALL_CRITICAL] = "critical"
};


static const char *const  caphealth_kind_names[CAPHEALTH_NOTIFY_KINDS] = {
    [CAPHEALTH_NOTIFY_WARNING] = "warning",
    [CAPHEALTH_NOTIFY_CRITICAL] = "critical",
    [CAPHEALTH_NOTIFY_UNKNOWN] = "unknown",
    [CAPHEALTH_NOTIFY_RECOVERY] = "recovery",
    [CAPHEALTH_NOTIFY_FORECAST] = "forecast"
};


static const char *const  caphealth_format_names[CAPHEALTH_NOTIFY_FORMATS] = {
    [CAPHEALTH_NOTIFY_JSON] = "json",
    [CAPHEALTH_NOTIFY_SLACK] = "slack",
    [CAPHEALTH_NOTIFY_ALERTMANAGER] = "alertmanager"
};


static const char *const  caphealth_result_names[CAPHEALTH_NOTIFY_RESULTS] = {
    [CAPHEALTH_NOTIFY_DELIVERED] = "delivered",
    [CAPHEALTH_NOTIFY_RETRIED] = "retried",
    [CAPHEALTH_NOTIFY_ABANDONED] = "abandoned"
};


const char *
caphealth_overall_state_name(uint32_t state)
{
    return caphealth_name_of(caphealth_overall_names,
                             CAPHEALTH_OVERALL_STATES, state);
}


const char *
caphealth_notify_kind_name(uint32_t kind)
{
    return caphealth_name_of(caphealth_kind_names, CAPHEALTH_NOTIFY_KINDS,
                             kind);
}


const char *
caphealth_notify_format_name(uint32_t format)
{
    return caphealth_name_of(caphealth_format_names, CAPHEALTH_NOTIFY_FORMATS,
                             format);
}


const char *
caphealth_notify_result_name(uint32_t result)
{
    return caphealth_name_of(caphealth_result_names, CAPHEALTH_NOTIFY_RESULTS,
                             result);
}


int
caphealth_overall_state_find(const char *name, size_t len)
{
    return caphealth_name_find(caphealth_overall_names,
                               CAPHEALTH_OVERALL_STATES, name, len);
}


int
caphealth_notify_kind_find(const char *name, size_t len)
{
    return caphealth_name_find(caphealth_kind_names, CAPHEALTH_NOTIFY_KINDS,
                               name, len);
}


int
caphealth_notify_format_find(const char *name, size_t len)
{
    return caphealth_name_find(caphealth_format_names,
                               CAPHEALTH_NOTIFY_FORMATS, name, len);
}


static const char *
caphealth_name_of(const char *const *names, size_t n, uint32_t i)
{
    return (i < n) ? names[i] : NULL;
}


static int
caphealth_name_find(const char *const *names, size_t n, const char *name,
    size_t len)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return (int) i;
        }
    }

    return -1;
}


const char *
caphealth_receiver_check_url(const char *url, size_t len, size_t *shown)
{
    size_t       i;
    const char  *host, *end, *port;

    static const char  host_chars[] = "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._~";

    *shown = 0;

    if (len >= CAPHEALTH_RECEIVER_URL) {
        return "it is longer than 2047 bytes";
    }

    for (i = 0; i < len; i++) {
        if (url[i] <= ' ' || url[i] == 0x7f) {
            return "a byte has to be percent-encoded";
        }
    }

    if (len > 8 && memcmp(url, "https://", 8) == 0) {
        host = url + 8;

    } else if (len > 7 && memcmp(url, "http://", 7) == 0) {
        host = url + 7;

    } else {
        return "it must begin with \"https://\" or \"http://\"";
    }

    if (memchr(url, '#', len) != NULL) {
        return "it must not have a fragment (\"#\")";
    }

    for (end = host; end < url + len && *end != '/' && *end != '?'; end++) {
        /* void */
    }

    if (memchr(host, '@', (size_t) (end - host)) != NULL) {
        return "it must not have a user or a password";
    }

    if (host < end && *host == '[') {
        port = host + 1;
        port += strspn(port, "0123456789abcdefABCDEF:.");

        if (port >= end || *port != ']' || port == host + 1) {
            return "its host is not an address of IPv6 in brackets";
        }

        port++;

    } else {
        port = host + strspn(host, host_chars);

        if (port == host) {
            return "it has no host";
        }
    }

    if (port != end) {
        if (port > end || *port != ':') {
            return "its host has a character that no host has";
        }

        if (caphealth_receiver_check_port(port + 1, end) != NULL) {
            return "its port is not a number between 1 and 65535";
        }
    }

    *shown = (size_t) (end - url);

    return NULL;
}


static const char *
caphealth_receiver_check_port(const char *port, const char *end)
{
    unsigned  n;

    if (port == end) {
        return port;
    }

    for (n = 0; port < end; port++) {
        if (*port < '0' || *port > '9') {
            return port;
        }

        n = n * 10 + (unsigned) (*port - '0');

        if (n > CAPHEALTH_PORT_MAX) {
            return port;
        }
    }

    return (n == 0) ? end : NULL;
}
