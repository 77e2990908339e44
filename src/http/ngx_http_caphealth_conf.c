
/*
 * Directives with a grammar of their own.
 */

#include "ngx_http_caphealth.h"

#include <math.h>

#include "caphealth_query_names.h"


typedef struct {
    ngx_str_t   name;
    size_t      offset;
} ngx_http_caphealth_bound_t;


static void ngx_http_caphealth_unknown_database(ngx_conf_t *cf,
    ngx_str_t *value);
static ngx_int_t ngx_http_caphealth_number(ngx_str_t *value,
    caphealth_unit_e unit, double *number);
static char *ngx_http_caphealth_number_form(caphealth_unit_e unit);
static char *ngx_http_caphealth_threshold_bound(ngx_conf_t *cf,
    ngx_str_t *value, const caphealth_threshold_t *t, caphealth_bounds_t *b);
static char *ngx_http_caphealth_tier_bound(ngx_conf_t *cf, ngx_str_t *value,
    caphealth_tier_t *tier);
static char *ngx_http_caphealth_names(ngx_conf_t *cf, const char *(*name)(
    ngx_uint_t i));
static const char *ngx_http_caphealth_threshold_name(ngx_uint_t i);
static const char *ngx_http_caphealth_query_name(ngx_uint_t i);


static ngx_http_caphealth_bound_t  ngx_http_caphealth_bounds[] = {
    { ngx_string("warning="), offsetof(caphealth_bounds_t, warning) },
    { ngx_string("critical="), offsetof(caphealth_bounds_t, critical) },
    { ngx_string("limit="), offsetof(caphealth_bounds_t, limit) },
    { ngx_null_string, 0 }
};


static ngx_http_caphealth_bound_t  ngx_http_caphealth_tier_bounds[] = {
    { ngx_string("max_clients="), offsetof(caphealth_tier_t, max_clients) },
    { ngx_string("max_products="), offsetof(caphealth_tier_t, max_products) },
    { ngx_null_string, 0 }
};


static const char  *ngx_http_caphealth_query_names[] = {
    CAPHEALTH_QUERY_NAMES,
    NULL
};


char *
ngx_http_caphealth_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t  *value, path;

    if (cmcf->database.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_caphealth_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&cmcf->database, "off");
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "postgresql://", 13) == 0
        || ngx_strncmp(value[1].data, "postgres://", 11) == 0)
    {
        cmcf->database = value[1];
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "sqlite:", 7) != 0) {
        ngx_http_caphealth_unknown_database(cf, &value[1]);
        return NGX_CONF_ERROR;
    }

    path.data = value[1].data + 7;
    path.len = value[1].len - 7;

    if (path.len == 0) {
        return "has no path after \"sqlite:\"";
    }

    if (ngx_conf_full_name(cf->cycle, &path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cmcf->database.len = 7 + path.len;
    cmcf->database.data = ngx_pnalloc(cf->pool, cmcf->database.len + 1);
    if (cmcf->database.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_sprintf(cmcf->database.data, "sqlite:%V%Z", &path);

    return NGX_CONF_OK;
}


/* whatever it is, it may hold a password: nothing but a scheme is told of it */

static void
ngx_http_caphealth_unknown_database(ngx_conf_t *cf, ngx_str_t *value)
{
    size_t  len;

    static const char  scheme[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-";

    len = strspn((char *) value->data, scheme);

    if (len && value->data[len] == ':') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown database \"%*s\", expected "
                           "\"sqlite:/path\", \"postgresql://...\" or "
                           "\"off\"", len, value->data);
        return;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown database, expected \"sqlite:/path\", "
                       "\"postgresql://...\" or \"off\"%s",
                       ngx_strchr(value->data, '=')
                       ? "; a string of keywords has to be written as such "
                         "a URL" : "");
}


char *
ngx_http_caphealth_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t     *value;
    ngx_uint_t     i;
    ngx_keyval_t  *query;

    value = cf->args->elts;

    for (i = 0; ngx_http_caphealth_query_names[i]; i++) {
        if (ngx_strcmp(value[1].data, ngx_http_caphealth_query_names[i])
            == 0)
        {
            break;
        }
    }

    if (ngx_http_caphealth_query_names[i] == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown query \"%V\", expected one of%s",
                           &value[1],
                           ngx_http_caphealth_names(cf,
                                             ngx_http_caphealth_query_name));
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_utf8(cf, &value[2]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (value[2].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "query \"%V\" is empty",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cmcf->collector.queries == NULL) {
        cmcf->collector.queries = ngx_array_create(cf->pool, 4,
                                                   sizeof(ngx_keyval_t));
        if (cmcf->collector.queries == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    query = cmcf->collector.queries->elts;

    for (i = 0; i < cmcf->collector.queries->nelts; i++) {
        if (ngx_strcmp(query[i].key.data, value[1].data) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate query \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    query = ngx_array_push(cmcf->collector.queries);
    if (query == NULL) {
        return NGX_CONF_ERROR;
    }

    query->key = value[1];
    query->value = value[2];

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_threshold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    const char                   *reason;
    ngx_str_t                    *value;
    ngx_uint_t                    i, n;
    caphealth_bounds_t           *b;
    const caphealth_threshold_t  *t;

    value = cf->args->elts;

    for (n = 0; n < CAPHEALTH_THRESHOLDS; n++) {
        if (ngx_strcmp(value[1].data, caphealth_thresholds[n].key) == 0) {
            break;
        }
    }

    if (n == CAPHEALTH_THRESHOLDS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown threshold \"%V\", expected one of%s",
                           &value[1],
                           ngx_http_caphealth_names(cf,
                                         ngx_http_caphealth_threshold_name));
        return NGX_CONF_ERROR;
    }

    if (cmcf->thresholds & ((ngx_uint_t) 1 << n)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate threshold \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    cmcf->thresholds |= (ngx_uint_t) 1 << n;

    if (cf->args->nelts == 3 && ngx_strcmp(value[2].data, "off") == 0) {
        cmcf->policy.off[n] = 1;
        return NGX_CONF_OK;
    }

    t = &caphealth_thresholds[n];
    b = &cmcf->policy.bounds[n];

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_threshold_bound(cf, &value[i], t, b)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    reason = caphealth_bounds_check(b, t->unit);

    if (reason) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "threshold \"%V\" with warning=%.3f "
                           "critical=%.3f limit=%.3f is not possible: %s",
                           &value[1], b->warning, b->critical, b->limit,
                           reason);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_threshold_bound(ngx_conf_t *cf, ngx_str_t *value,
    const caphealth_threshold_t *t, caphealth_bounds_t *b)
{
    double                      *number;
    ngx_str_t                    s;
    ngx_http_caphealth_bound_t  *bound;

    for (bound = ngx_http_caphealth_bounds; bound->name.len; bound++) {

        if (value->len < bound->name.len
            || ngx_strncmp(value->data, bound->name.data, bound->name.len)
               != 0)
        {
            continue;
        }

        s.data = value->data + bound->name.len;
        s.len = value->len - bound->name.len;

        number = (void *) ((u_char *) b + bound->offset);

        if (ngx_http_caphealth_number(&s, t->unit, number) == NGX_OK) {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"%V\" of threshold \"%s\", "
                           "expected %s", value, t->key,
                           ngx_http_caphealth_number_form(t->unit));
        return NGX_CONF_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of threshold \"%s\", "
                       "expected \"warning=\", \"critical=\" or \"limit=\", "
                       "or \"off\" alone", value, t->key);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_caphealth_number(ngx_str_t *value, caphealth_unit_e unit,
    double *number)
{
    char       *end;
    off_t       size;
    u_char      last;
    ngx_str_t   s;

    s = *value;

    if (s.len == 0 || s.data[0] < '0' || s.data[0] > '9') {
        return NGX_ERROR;
    }

    last = s.data[s.len - 1];

    switch (unit) {

    case CAPHEALTH_UNIT_PERCENT:
        if (last == '%') {
            s.len--;
        }

        break;

    case CAPHEALTH_UNIT_GB:
    case CAPHEALTH_UNIT_MB:
        if (last >= '0' && last <= '9') {
            break;
        }

        size = ngx_parse_offset(&s);
        if (size == NGX_ERROR) {
            return NGX_ERROR;
        }

        *number = (double) size
                  / (unit == CAPHEALTH_UNIT_GB ? 1073741824.0 : 1048576.0);
        return NGX_OK;

    default: /* CAPHEALTH_UNIT_COUNT */
        size = ngx_atoof(s.data, s.len);
        if (size == NGX_ERROR) {
            return NGX_ERROR;
        }

        *number = (double) size;
        return NGX_OK;
    }

    /* no sign, exponent, hexadecimal or name of a number */

    if (strspn((char *) s.data, "0123456789.") != s.len) {
        return NGX_ERROR;
    }

    *number = strtod((char *) s.data, &end);

    return (u_char *) end == s.data + s.len && isfinite(*number) ? NGX_OK
                                                                 : NGX_ERROR;
}


static char *
ngx_http_caphealth_number_form(caphealth_unit_e unit)
{
    switch (unit) {

    case CAPHEALTH_UNIT_PERCENT:
        return "a percentage such as \"85\" or \"87.5\"";

    case CAPHEALTH_UNIT_GB:
        return "gigabytes such as \"800\" or a size such as \"800g\"";

    case CAPHEALTH_UNIT_MB:
        return "megabytes such as \"20000\" or a size such as \"20g\"";

    default: /* CAPHEALTH_UNIT_COUNT */
        return "a whole number";
    }
}


char *
ngx_http_caphealth_tier(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t         *value;
    ngx_uint_t         i;
    caphealth_tier_t  *tier;

    if (cmcf->tiers == NULL) {
        cmcf->tiers = ngx_array_create(cf->pool, 6, sizeof(caphealth_tier_t));
        if (cmcf->tiers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    tier = ngx_array_push(cmcf->tiers);
    if (tier == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    tier->name = (char *) value[1].data;
    tier->max_clients = CAPHEALTH_UNKNOWN;
    tier->max_products = CAPHEALTH_UNKNOWN;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_tier_bound(cf, &value[i], tier)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_tier_bound(ngx_conf_t *cf, ngx_str_t *value,
    caphealth_tier_t *tier)
{
    off_t                        n;
    int64_t                     *number;
    ngx_http_caphealth_bound_t  *bound;

    for (bound = ngx_http_caphealth_tier_bounds; bound->name.len; bound++) {

        if (value->len < bound->name.len
            || ngx_strncmp(value->data, bound->name.data, bound->name.len)
               != 0)
        {
            continue;
        }

        n = ngx_atoof(value->data + bound->name.len,
                      value->len - bound->name.len);

        if (n == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value in \"%V\" of tier \"%s\", "
                               "expected a whole number", value, tier->name);
            return NGX_CONF_ERROR;
        }

        number = (void *) ((u_char *) tier + bound->offset);
        *number = n;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of tier \"%s\", expected "
                       "\"max_clients=\" or \"max_products=\"",
                       value, tier->name);

    return NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_disk(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t   *value, *path;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (ngx_http_caphealth_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid path \"%V\", expected an absolute one",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cmcf->disks == NULL) {
        cmcf->disks = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
        if (cmcf->disks == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    path = cmcf->disks->elts;

    for (i = 0; i < cmcf->disks->nelts; i++) {
        if (ngx_strcmp(path[i].data, value[1].data) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate disk \"%V\"", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    path = ngx_array_push(cmcf->disks);
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    *path = value[1];

    return NGX_CONF_OK;
}


/* what goes to the collector, and comes back, is JSON */

ngx_int_t
ngx_http_caphealth_utf8(ngx_conf_t *cf, ngx_str_t *value)
{
    u_char  *p, *last;

    p = value->data;
    last = p + value->len;

    while (p < last) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not in UTF-8",
                               (ngx_str_t *) cf->args->elts);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* " a, b, c" */

static char *
ngx_http_caphealth_names(ngx_conf_t *cf, const char *(*name)(ngx_uint_t i))
{
    u_char      *p, *names;
    size_t       len;
    ngx_uint_t   i;

    len = 1;

    for (i = 0; name(i); i++) {
        len += ngx_strlen(name(i)) + sizeof(", ") - 1;
    }

    names = ngx_pnalloc(cf->pool, len);
    if (names == NULL) {
        return "";
    }

    p = names;

    for (i = 0; name(i); i++) {
        p = ngx_sprintf(p, "%s %s", i ? "," : "", name(i));
    }

    *p = '\0';

    return (char *) names;
}


static const char *
ngx_http_caphealth_threshold_name(ngx_uint_t i)
{
    return i < CAPHEALTH_THRESHOLDS ? caphealth_thresholds[i].key : NULL;
}


static const char *
ngx_http_caphealth_query_name(ngx_uint_t i)
{
    return ngx_http_caphealth_query_names[i];
}
