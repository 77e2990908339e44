
/*
 * An object store as a configuration names it.
 */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_s3_store.h"


#define CAPHEALTH_LOWER   "abcdefghijklmnopqrstuvwxyz"
#define CAPHEALTH_UPPER   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define CAPHEALTH_DIGITS  "0123456789"


/* of a file of credentials */

typedef struct {
    const char  *name;
    size_t       offset;             /* in the credentials */
    size_t       size;
    const char  *wrong;
} caphealth_s3_setting_t;


static int caphealth_s3_store_prefix_valid(const char *prefix);
static int caphealth_s3_store_host_valid(const char *host, size_t len);
static int caphealth_s3_store_is_address(const char *host, size_t len);
static size_t caphealth_s3_store_host_len(const char *host);
static int caphealth_s3_store_port_valid(const char *port);
static const char *caphealth_s3_store_line(caphealth_s3_credentials_t *c,
    const char *line, size_t len);
static const char *caphealth_s3_store_set(caphealth_s3_credentials_t *c,
    const caphealth_s3_setting_t *s, const char *value, size_t len);
static void caphealth_s3_store_trim(const char **text, size_t *len);


static const caphealth_s3_setting_t  caphealth_s3_settings[] = {
    { "aws_access_key_id", offsetof(caphealth_s3_credentials_t, key_id),
      CAPHEALTH_S3_KEY_ID,
      "the access key id is not 1 to 127 printable ASCII characters without "
      "spaces" },
    { "aws_secret_access_key", offsetof(caphealth_s3_credentials_t, secret),
      CAPHEALTH_S3_SECRET,
      "the secret access key is not 1 to 127 printable ASCII characters "
      "without spaces" },
    { "aws_session_token", offsetof(caphealth_s3_credentials_t, session),
      CAPHEALTH_S3_SESSION,
      "the session token is not 1 to 2047 printable ASCII characters without "
      "spaces" }
};

#define CAPHEALTH_S3_SETTINGS                                                 \
    (sizeof(caphealth_s3_settings) / sizeof(caphealth_s3_settings[0]))


const char *
caphealth_s3_store_url(caphealth_s3_store_t *store, const char *url)
{
    size_t       len;
    const char  *bucket, *prefix;

    if (strncmp(url, "s3://", 5) != 0) {
        return "it does not begin with \"s3://\"";
    }

    bucket = url + 5;
    len = strspn(bucket, CAPHEALTH_LOWER CAPHEALTH_DIGITS ".-");

    if (len < 3 || len >= CAPHEALTH_S3_BUCKET
        || (bucket[len] != '\0' && bucket[len] != '/')
        || strchr(".-", bucket[0]) || strchr(".-", bucket[len - 1])
        || memmem(bucket, len, "..", 2))
    {
        return "the bucket's name is not 3 to 63 of a-z, 0-9, \".\" and "
               "\"-\", with a letter or digit at both ends";
    }

    memcpy(store->bucket, bucket, len);

    prefix = bucket + len;

    if (*prefix == '/') {
        prefix++;
    }

    len = strlen(prefix);

    if (len && prefix[len - 1] == '/') {
        len--;
    }

    if (len >= CAPHEALTH_S3_PREFIX) {
        return "the prefix is longer than 199 characters";
    }

    memcpy(store->prefix, prefix, len);

    if (len && !caphealth_s3_store_prefix_valid(store->prefix)) {
        return "the prefix is not made of a-z, A-Z, 0-9, \".\", \"-\" and "
               "\"_\", with single slashes between";
    }

    return NULL;
}


/* "." and ".." would be resolved by some clients */

static int
caphealth_s3_store_prefix_valid(const char *prefix)
{
    size_t  len;

    for ( ;; ) {
        len = strspn(prefix,
                     CAPHEALTH_LOWER CAPHEALTH_UPPER CAPHEALTH_DIGITS ".-_");

        if (len == 0 || (prefix[len] != '\0' && prefix[len] != '/')
            || strspn(prefix, ".") == len)
        {
            return 0;
        }

        if (prefix[len] == '\0') {
            return 1;
        }

        prefix += len + 1;
    }
}


const char *
caphealth_s3_store_endpoint(caphealth_s3_store_t *store, const char *url)
{
    size_t       len;
    const char  *host;

    if (strncmp(url, "https://", 8) == 0) {
        host = url + 8;

    } else if (strncmp(url, "http://", 7) == 0) {
        host = url + 7;

    } else {
        return "it does not begin with \"https://\" or \"http://\"";
    }

    if (strlen(url) >= CAPHEALTH_S3_ENDPOINT) {
        return "it is longer than 299 characters";
    }

    len = caphealth_s3_store_host_len(host);

    if (!caphealth_s3_store_host_valid(host, len)) {
        return "its host is neither a name nor an address";
    }

    if (!caphealth_s3_store_port_valid(host + len)) {
        return "its host is followed by something other than a port from 1 "
               "to 65535";
    }

    (void) snprintf(store->endpoint, sizeof(store->endpoint), "%s", url);

    return NULL;
}


static size_t
caphealth_s3_store_host_len(const char *host)
{
    const char  *end;

    if (*host == '[') {
        end = strchr(host, ']');
        return end ? (size_t) (end - host) + 1 : 0;
    }

    return strspn(host, CAPHEALTH_LOWER CAPHEALTH_UPPER CAPHEALTH_DIGITS ".-");
}


static int
caphealth_s3_store_host_valid(const char *host, size_t len)
{
    size_t  i;

    if (len == 0 || len > 253) {
        return 0;
    }

    if (*host == '[') {
        return caphealth_s3_store_is_address(host, len);
    }

    /* a label is not empty, and no "-" is at its ends */

    for (i = 0; i < len; i++) {
        if ((host[i] == '.' || host[i] == '-')
            && (i == 0 || i == len - 1 || host[i - 1] == '.'
                || (host[i] == '.' && host[i - 1] == '-')))
        {
            return 0;
        }
    }

    return 1;
}


static int
caphealth_s3_store_is_address(const char *host, size_t len)
{
    int              family;
    char             text[INET6_ADDRSTRLEN + 1];
    struct in6_addr  address;

    family = AF_INET;

    if (*host == '[') {
        family = AF_INET6;
        host++;
        len -= 2;
    }

    if (len >= sizeof(text)) {
        return 0;
    }

    memcpy(text, host, len);
    text[len] = '\0';

    return inet_pton(family, text, &address) == 1;
}


/* "", or a colon and a port */

static int
caphealth_s3_store_port_valid(const char *port)
{
    int     n;
    size_t  len;

    if (*port == '\0') {
        return 1;
    }

    len = strspn(port + 1, CAPHEALTH_DIGITS);

    if (*port != ':' || len == 0 || len > 5 || port[1 + len] != '\0') {
        return 0;
    }

    for (n = 0, port++; *port; port++) {
        n = 10 * n + (*port - '0');
    }

    return n >= 1 && n <= 65535;
}


const char *
caphealth_s3_store_region(caphealth_s3_store_t *store, const char *region)
{
    size_t  len;

    len = strlen(region);

    if (len == 0 || len >= CAPHEALTH_S3_REGION
        || strspn(region, CAPHEALTH_LOWER CAPHEALTH_UPPER CAPHEALTH_DIGITS
                          "-_")
           != len)
    {
        return "it is not 1 to 63 of a-z, A-Z, 0-9, \"-\" and \"_\"";
    }

    memcpy(store->credentials.region, region, len + 1);

    return NULL;
}


const char *
caphealth_s3_store_virtual(caphealth_s3_store_t *store)
{
    const char  *host;

    host = strstr(store->endpoint, "://") + 3;

    if (caphealth_s3_store_is_address(host, caphealth_s3_store_host_len(host)))
    {
        return "the endpoint is an address, which the bucket's name cannot be "
               "put in front of";
    }

    if (store->endpoint[4] == 's' && strchr(store->bucket, '.')) {
        return "the bucket's name has a dot in it, and no certificate matches "
               "such a host";
    }

    store->virtual_host = 1;

    return NULL;
}


const char *
caphealth_s3_store_credentials(caphealth_s3_store_t *store, const char *text,
    size_t len)
{
    int          profile, seen;
    size_t       n;
    const char  *end, *line, *wrong;

    profile = 0;
    seen = 0;

    for (end = text + len; text < end; text = line + n + 1) {
        line = text;
        n = 0;

        while (line + n < end && line[n] != '\n') {
            n++;
        }

        len = n;
        caphealth_s3_store_trim(&text, &len);

        if (len == 0 || *text == '#' || *text == ';') {
            continue;
        }

        if (*text == '[') {
            profile = (len == sizeof("[default]") - 1
                       && memcmp(text, "[default]", len) == 0);
            seen |= profile;
            continue;
        }

        wrong = profile ? caphealth_s3_store_line(&store->credentials, text,
                                                  len)
                        : NULL;
        if (wrong) {
            return wrong;
        }
    }

    if (!seen) {
        return "it has no profile \"[default]\"";
    }

    if (store->credentials.key_id[0] == '\0') {
        return "its profile \"[default]\" has no \"aws_access_key_id\"";
    }

    if (store->credentials.secret[0] == '\0') {
        return "its profile \"[default]\" has no \"aws_secret_access_key\"";
    }

    return NULL;
}


static const char *
caphealth_s3_store_line(caphealth_s3_credentials_t *c, const char *line,
    size_t len)
{
    size_t       i, n, value_len;
    const char  *equals, *name, *value;

    equals = memchr(line, '=', len);

    if (equals == NULL) {
        return NULL;
    }

    name = line;
    n = (size_t) (equals - line);
    caphealth_s3_store_trim(&name, &n);

    value = equals + 1;
    value_len = len - (size_t) (value - line);
    caphealth_s3_store_trim(&value, &value_len);

    for (i = 0; i < CAPHEALTH_S3_SETTINGS; i++) {
        if (strlen(caphealth_s3_settings[i].name) == n
            && memcmp(caphealth_s3_settings[i].name, name, n) == 0)
        {
            return caphealth_s3_store_set(c, &caphealth_s3_settings[i], value,
                                          value_len);
        }
    }

    return NULL;
}


static const char *
caphealth_s3_store_set(caphealth_s3_credentials_t *c,
    const caphealth_s3_setting_t *s, const char *value, size_t len)
{
    char    *field;
    size_t   i;

    if (len == 0 || len >= s->size) {
        return s->wrong;
    }

    for (i = 0; i < len; i++) {
        if (value[i] <= ' ' || value[i] > '~') {
            return s->wrong;
        }
    }

    field = (char *) c + s->offset;

    memset(field, 0, s->size);
    memcpy(field, value, len);

    return NULL;
}


static void
caphealth_s3_store_trim(const char **text, size_t *len)
{
    while (*len && strchr(" \t\r", **text) && **text) {
        (*text)++;
        (*len)--;
    }

    while (*len && (*text)[*len - 1] && strchr(" \t\r", (*text)[*len - 1])) {
        (*len)--;
    }
}


const char *
caphealth_s3_store_certificates(char *text, size_t len)
{
    char               *to, *next;
    size_t              n;
    const char         *end, *p, *last;

    static const char   first_line[] = "-----BEGIN CERTIFICATE-----";
    static const char   last_line[] = "-----END CERTIFICATE-----";

    to = text;
    end = text + len;

    for (p = text; ; p = last) {
        p = memmem(p, (size_t) (end - p), first_line, sizeof(first_line) - 1);

        if (p == NULL) {
            break;
        }

        last = p + sizeof(first_line) - 1;
        next = memmem(last, (size_t) (end - last), last_line,
                      sizeof(last_line) - 1);

        if (next == NULL) {
            return "the end of a certificate is missing";
        }

        while (last < next && strchr(" \t\r\n", *last) && *last) {
            last++;
        }

        /* in DER a certificate begins with the byte 0x30 */

        if (*last != 'M') {
            return "what is in it is not a certificate";
        }

        for ( ; last < next; last++) {
            if (*last == '\0'
                || strchr(CAPHEALTH_LOWER CAPHEALTH_UPPER CAPHEALTH_DIGITS
                          "+/= \t\r\n", *last) == NULL)
            {
                return "a certificate in it is not in base64";
            }
        }

        last = next + sizeof(last_line) - 1;
        n = (size_t) (last - p);

        memmove(to, p, n);
        to += n;

        /* the last line may have no end */

        if (last < end) {

            if (*last != '\n' && *last != '\r') {
                return "a certificate in it has no end of line";
            }

            *to++ = '\n';
            last++;
        }
    }

    *to = '\0';

    return to == text ? "it has no certificate in the format PEM" : NULL;
}


const char *
caphealth_s3_store_environment(caphealth_s3_store_t *store,
    const char *key_id, const char *secret, const char *session)
{
    size_t       i;
    const char  *wrong;

    const char  *values[CAPHEALTH_S3_SETTINGS] = { key_id, secret, session };

    if (key_id == NULL || secret == NULL) {
        return key_id ? "\"AWS_SECRET_ACCESS_KEY\" is not set"
                      : "\"AWS_ACCESS_KEY_ID\" is not set";
    }

    for (i = 0; i < CAPHEALTH_S3_SETTINGS; i++) {

        if (values[i] == NULL || (i == 2 && *values[i] == '\0')) {
            continue;
        }

        wrong = caphealth_s3_store_set(&store->credentials,
                                       &caphealth_s3_settings[i], values[i],
                                       strlen(values[i]));
        if (wrong) {
            return wrong;
        }
    }

    return NULL;
}


char *
caphealth_s3_store_host(const caphealth_s3_store_t *store,
    char host[CAPHEALTH_S3_HOST])
{
    const char  *authority;

    authority = strstr(store->endpoint, "://");

    (void) snprintf(host, CAPHEALTH_S3_HOST, "%s%s%s",
                    store->virtual_host ? store->bucket : "",
                    store->virtual_host ? "." : "",
                    authority ? authority + 3 : "");

    return host;
}


size_t
caphealth_s3_store_path(const caphealth_s3_store_t *store, const char *key,
    size_t len, char path[CAPHEALTH_S3_PATH])
{
    int  n;

    if (len >= CAPHEALTH_S3_PATH) {
        return 0;
    }

    n = snprintf(path, CAPHEALTH_S3_PATH, "%s%s%s%s/%.*s",
                 store->virtual_host ? "" : "/",
                 store->virtual_host ? "" : store->bucket,
                 store->prefix[0] ? "/" : "", store->prefix, (int) len, key);

    return (n > 0 && n < CAPHEALTH_S3_PATH) ? (size_t) n : 0;
}
