
/*
 * The directives whose arguments have a grammar, or a range, of their own.
 */

#include "ngx_http_caphealth_conf.h"

#include <math.h>

#include "caphealth_database_check.h"
#include "caphealth_measures.h"
#include "caphealth_query_names.h"


/* of a node's name, behind "... and " */
#define NGX_HTTP_CAPHEALTH_NODE                                               \
    "1 to 63 letters, digits, \".\", \"-\" or \"_\""

/* milliseconds */
#define NGX_HTTP_CAPHEALTH_FLEET_GRACE_MIN  1000
#define NGX_HTTP_CAPHEALTH_FLEET_GRACE_MAX  86400000


typedef struct {
    ngx_str_t   name;
    size_t      offset;
} ngx_http_caphealth_bound_t;


static void ngx_http_caphealth_log_unknown_database(ngx_conf_t *cf,
    ngx_str_t *value);
static char *ngx_http_caphealth_fleet_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_fleet_conf_t *fleet, ngx_str_t *value);
static char *ngx_http_caphealth_tree_path(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t sources);
static ngx_int_t ngx_http_caphealth_parse_number(ngx_str_t *value,
    caphealth_unit_e unit, double *number);
static char *ngx_http_caphealth_number_syntax(caphealth_unit_e unit);
static char *ngx_http_caphealth_threshold_bound(ngx_conf_t *cf,
    ngx_str_t *value, const caphealth_measure_t *m, caphealth_bounds_t *b);
static char *ngx_http_caphealth_tier_bound(ngx_conf_t *cf, ngx_str_t *value,
    caphealth_tier_t *tier);
static void *ngx_http_caphealth_find_bound(ngx_http_caphealth_bound_t *bound,
    void *conf, ngx_str_t *arg, ngx_str_t *value);
static ngx_int_t ngx_http_caphealth_find_name(ngx_conf_t *cf, char *kind,
    const char *const *name, size_t stride, ngx_uint_t n);


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


static const char *const  ngx_http_caphealth_query_names[] = {
    CAPHEALTH_QUERY_NAMES
};


char *
ngx_http_caphealth_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    char        wrong[CAPHEALTH_DATABASE_WRONG];
    ngx_str_t  *value, path;

    if (cmcf->database.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_caphealth_check_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&cmcf->database, "off");
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "postgresql://", 13) == 0
        || ngx_strncmp(value[1].data, "postgres://", 11) == 0)
    {
        if (caphealth_database_check_url((char *) value[1].data, wrong) == -1)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid URL in \"caphealth_database\" "
                               "directive: %s", wrong);
            return NGX_CONF_ERROR;
        }

        cmcf->database = value[1];
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "sqlite:", 7) != 0) {
        ngx_http_caphealth_log_unknown_database(cf, &value[1]);
        return NGX_CONF_ERROR;
    }

    path.data = value[1].data + 7;
    path.len = value[1].len - 7;

    if (path.len == 0) {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "\"sqlite:\" and a path");
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


/*
 * only a scheme is logged, because the rest of the value may have a password
 * in it
 */

static void
ngx_http_caphealth_log_unknown_database(ngx_conf_t *cf, ngx_str_t *value)
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
ngx_http_caphealth_fleet(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    char                              wrong[CAPHEALTH_DATABASE_WRONG];
    ngx_str_t                        *value;
    ngx_uint_t                        i;
    ngx_http_caphealth_fleet_conf_t  *fleet;

    fleet = &cmcf->collector.fleet;

    if (fleet->url.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_caphealth_check_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* the rest of the value may have a password in it */

    if (ngx_strncmp(value[1].data, "postgresql://", 13) != 0
        && ngx_strncmp(value[1].data, "postgres://", 11) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"caphealth_fleet\" directive, "
                           "expected \"postgresql://...\"%s",
                           ngx_strncmp(value[1].data, "sqlite:", 7) == 0
                           ? ": nodes cannot share an SQLite file" : "");
        return NGX_CONF_ERROR;
    }

    if (caphealth_database_check_url((char *) value[1].data, wrong) == -1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"caphealth_fleet\" directive: "
                           "%s", wrong);
        return NGX_CONF_ERROR;
    }

    fleet->url = value[1];
    cmcf->enabled = 1;

    /* in a binary upgrade, the master process before is the parent */

    fleet->follows = ngx_inherited ? ngx_parent : 0;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_fleet_parameter(cf, fleet, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (fleet->node.len) {
        return NGX_CONF_OK;
    }

    fleet->node = cf->cycle->hostname;

    if (!caphealth_node_name_valid((char *) fleet->node.data,
                                   fleet->node.len))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the host's name \"%V\" cannot be a node's in "
                           "\"caphealth_fleet\" directive, add \"node=\" and "
                           NGX_HTTP_CAPHEALTH_NODE, &fleet->node);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_fleet_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_fleet_conf_t *fleet, ngx_str_t *value)
{
    ngx_int_t  ms;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "node=", 5) == 0) {

        if (fleet->node.len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"node=\" in "
                               "\"caphealth_fleet\" directive");
            return NGX_CONF_ERROR;
        }

        fleet->node.data = value->data + 5;
        fleet->node.len = value->len - 5;

        return caphealth_node_name_valid((char *) fleet->node.data,
                                         fleet->node.len)
               ? NGX_CONF_OK
               : ngx_http_caphealth_invalid_value(cf, value, "\"node=\" and "
                                                  NGX_HTTP_CAPHEALTH_NODE);
    }

    if (ngx_strncmp(value->data, "grace=", 6) == 0) {

        if (fleet->grace) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"grace=\" in "
                               "\"caphealth_fleet\" directive");
            return NGX_CONF_ERROR;
        }

        s.data = value->data + 6;
        s.len = value->len - 6;

        ms = ngx_parse_time(&s, 0);

        if (ms == NGX_ERROR || ms < NGX_HTTP_CAPHEALTH_FLEET_GRACE_MIN
            || ms > NGX_HTTP_CAPHEALTH_FLEET_GRACE_MAX)
        {
            return ngx_http_caphealth_invalid_value(cf, value,
                                "\"grace=\" and a time between 1s and 1d");
        }

        fleet->grace = ms;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"caphealth_fleet\" "
                       "directive, expected \"node=\" or \"grace=\"", value);

    return NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t     *value;
    ngx_uint_t     i;
    const char    *wrong;
    ngx_keyval_t  *query;

    value = cf->args->elts;

    if (ngx_http_caphealth_find_name(cf, "query",
                                     ngx_http_caphealth_query_names,
                                     sizeof(char *),
                                     sizeof(ngx_http_caphealth_query_names)
                                     / sizeof(char *))
        == NGX_ERROR)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_check_utf8(cf, &value[2]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    wrong = caphealth_database_check_query((char *) value[2].data);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "query \"%V\" %s: \"%V\"",
                           &value[1], wrong, &value[2]);
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

    ngx_int_t                     n;
    const char                   *reason;
    ngx_str_t                    *value;
    ngx_uint_t                    i;
    caphealth_bounds_t           *b;
    const caphealth_measure_t    *m;

    value = cf->args->elts;

    n = ngx_http_caphealth_find_name(cf, "threshold",
                                     caphealth_threshold_keys,
                                     sizeof(char *),
                                     CAPHEALTH_THRESHOLDS);
    if (n == NGX_ERROR) {
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

    m = caphealth_threshold(n);
    b = &cmcf->policy.bounds[n];

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_threshold_bound(cf, &value[i], m, b)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    reason = caphealth_bounds_check(b, m->unit);

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
    const caphealth_measure_t *m, caphealth_bounds_t *b)
{
    double     *number;
    ngx_str_t   s;

    number = ngx_http_caphealth_find_bound(ngx_http_caphealth_bounds, b,
                                           value, &s);
    if (number == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of threshold \"%s\", "
                           "expected \"warning=\", \"critical=\" or "
                           "\"limit=\", or \"off\" alone", value, m->key);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_parse_number(&s, m->unit, number) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"%V\" of threshold \"%s\", "
                           "expected %s", value, m->key,
                           ngx_http_caphealth_number_syntax(m->unit));
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_caphealth_parse_number(ngx_str_t *value, caphealth_unit_e unit,
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

    /*
     * strtod() takes a sign, an exponent, hexadecimal, "inf" and "nan" as well
     */

    if (strspn((char *) s.data, "0123456789.") != s.len) {
        return NGX_ERROR;
    }

    *number = strtod((char *) s.data, &end);

    return (u_char *) end == s.data + s.len && isfinite(*number) ? NGX_OK
                                                                 : NGX_ERROR;
}


static char *
ngx_http_caphealth_number_syntax(caphealth_unit_e unit)
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
    off_t       n;
    int64_t    *number;
    ngx_str_t   s;

    number = ngx_http_caphealth_find_bound(ngx_http_caphealth_tier_bounds,
                                           tier, value, &s);
    if (number == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of tier \"%s\", "
                           "expected \"max_clients=\" or \"max_products=\"",
                           value, tier->name);
        return NGX_CONF_ERROR;
    }

    n = ngx_atoof(s.data, s.len);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value in \"%V\" of tier \"%s\", "
                           "expected a whole number", value, tier->name);
        return NGX_CONF_ERROR;
    }

    *number = n;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_disk(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t        *value, *path;
    ngx_uint_t        i;
    ngx_file_info_t   fi;

    value = cf->args->elts;

    if (ngx_http_caphealth_check_utf8(cf, &value[1]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (value[1].data[0] != '/') {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "an absolute path");
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

    /*
     * A mount that hangs must not make a reload hang, so this is checked in
     * a start and in a test of the configuration alone.
     */

    if ((ngx_test_config || ngx_is_init_cycle(cf->cycle->old_cycle))
        && ngx_file_info(value[1].data, &fi) == NGX_FILE_ERROR)
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "\"caphealth_disk\" \"%V\" cannot be looked at "
                           "now, its numbers are null until it can", path);
    }

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_image_root(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    if (lcf->upload.store) {
        return "conflicts with \"caphealth_image_store\": images are kept in "
               "a directory or in an object store";
    }

    return ngx_http_caphealth_tree_path(cf, &lcf->upload.root, 0);
}


char *
ngx_http_caphealth_image_source(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    return ngx_http_caphealth_tree_path(cf, &lcf->upload.source, 1);
}


static char *
ngx_http_caphealth_tree_path(ngx_conf_t *cf, ngx_str_t *path,
    ngx_uint_t sources)
{
    ngx_str_t  *value;

    if (path->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    *path = value[1];

    if (value[1].len == 0 || ngx_strlchr(value[1].data,
                                         value[1].data + value[1].len, '$'))
    {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "the path of a directory, "
                                                "without variables");
    }

    if (ngx_conf_full_name(cf->cycle, path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    while (path->len > 1 && path->data[path->len - 1] == '/') {
        path->data[--path->len] = '\0';
    }

    if (path->len == 1) {
        return ngx_http_caphealth_invalid_value(cf, path,
                                                "a directory of the images' "
                                                "own, not \"/\"");
    }

    return ngx_http_caphealth_add_root(cf, path, sources) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_state_dir(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_str_t  *value;

    if (cmcf->state.dir.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "the path of a directory");
    }

    if (ngx_conf_full_name(cf->cycle, &value[1], 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cmcf->state.dir = value[1];

    return ngx_http_caphealth_add_dir(cf, &cmcf->state.dir,
                                      "caphealth_state_dir") == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_image_scan(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    time_t      scan;
    ngx_str_t  *value;

    if (cmcf->collector.scan != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        cmcf->collector.scan = 0;
        return NGX_CONF_OK;
    }

    scan = ngx_parse_time(&value[1], 1);

    if (scan == (time_t) NGX_ERROR || scan < 1 || scan > 365 * 86400) {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "a time between 1s and 365d, "
                                                "as \"6h\", or \"off\"");
    }

    cmcf->collector.scan = scan;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_scan_share(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    ngx_int_t   share;
    ngx_str_t  *value;

    if (cmcf->collector.scan_share != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    share = NGX_ERROR;

    if (value[1].len > 1 && value[1].data[value[1].len - 1] == '%') {
        share = ngx_atoi(value[1].data, value[1].len - 1);
    }

    if (share == NGX_ERROR || share < 1 || share > 100) {
        return ngx_http_caphealth_invalid_value(cf, &value[1],
                                                "between 1% and 100% of a "
                                                "core");
    }

    cmcf->collector.scan_share = share;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_set_value(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t                    n, *field;
    ngx_str_t                   *value;
    ngx_conf_enum_t             *name;
    ngx_http_caphealth_value_t  *v;

    field = (ngx_int_t *) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    v = cmd->post;
    n = NGX_ERROR;

    switch (v->type) {

    case NGX_HTTP_CAPHEALTH_NAME:
        for (name = v->names; name->name.len; name++) {
            if (ngx_strcmp(name->name.data, value[1].data) == 0) {
                *field = (ngx_int_t) name->value;
                return NGX_CONF_OK;
            }
        }

        break;

    case NGX_HTTP_CAPHEALTH_SIZE:
        n = ngx_parse_size(&value[1]);
        break;

    case NGX_HTTP_CAPHEALTH_MSEC:
        n = ngx_parse_time(&value[1], 0);
        break;

    default: /* NGX_HTTP_CAPHEALTH_NUMBER */
        n = ngx_atoi(value[1].data, value[1].len);
    }

    if (n == NGX_ERROR || (size_t) n < v->low || (size_t) n > v->high) {
        return ngx_http_caphealth_invalid_value(cf, &value[1], v->expected);
    }

    *field = n;

    return NGX_CONF_OK;
}


char *
ngx_http_caphealth_invalid_value(ngx_conf_t *cf, ngx_str_t *value,
    char *expected)
{
    ngx_str_t  *name = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\" directive, it must "
                       "be %s", value, name, expected);

    return NGX_CONF_ERROR;
}


char *
ngx_http_caphealth_add_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_endpoint_e endpoint, ngx_http_handler_pt handler)
{
    ngx_http_core_loc_conf_t        *clcf;
    ngx_http_caphealth_loc_conf_t   *lcf;
    ngx_http_caphealth_main_conf_t  *cmcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == handler) {
        return "is duplicate";
    }

    if (clcf->handler) {
        return "conflicts with another handler of this location";
    }

    clcf->handler = handler;

    lcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_caphealth_module);
    lcf->endpoint = endpoint;
    lcf->handler = handler;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_caphealth_module);
    cmcf->enabled = 1;

    return NGX_CONF_OK;
}


/* the value is used in JSON */

ngx_int_t
ngx_http_caphealth_check_utf8(ngx_conf_t *cf, ngx_str_t *value)
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


/* the member of conf that an argument NAME=VALUE sets; NULL: there is none */

static void *
ngx_http_caphealth_find_bound(ngx_http_caphealth_bound_t *bound, void *conf,
    ngx_str_t *arg, ngx_str_t *value)
{
    for ( /* void */ ; bound->name.len; bound++) {

        if (arg->len >= bound->name.len
            && ngx_strncmp(arg->data, bound->name.data, bound->name.len) == 0)
        {
            value->data = arg->data + bound->name.len;
            value->len = arg->len - bound->name.len;

            return (u_char *) conf + bound->offset;
        }
    }

    return NULL;
}


/*
 * The index of a directive's first argument among n names, the pointers to
 * which are stride bytes apart.
 */

static ngx_int_t
ngx_http_caphealth_find_name(ngx_conf_t *cf, char *kind,
    const char *const *name, size_t stride, ngx_uint_t n)
{
    u_char             *p, *last, names[NGX_MAX_CONF_ERRSTR];
    ngx_str_t          *value;
    ngx_uint_t          i;
    const char *const  *known;

    value = cf->args->elts;

    p = names;
    last = names + sizeof(names) - 1;

    for (i = 0; i < n; i++) {
        known = (void *) ((u_char *) name + i * stride);

        if (ngx_strcmp(value[1].data, *known) == 0) {
            return (ngx_int_t) i;
        }

        p = ngx_slprintf(p, last, "%s %s", i ? "," : "", *known);
    }

    *p = '\0';

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown %s \"%V\", expected one of%s", kind,
                       &value[1], names);

    return NGX_ERROR;
}
