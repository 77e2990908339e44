
/*
 * caphealth_notify: the receivers of notifications.
 */

#include "ngx_http_caphealth_conf.h"

#include "caphealth_notification.h"


#define NGX_HTTP_CAPHEALTH_NOTIFY_HOLD      60000      /* milliseconds */
#define NGX_HTTP_CAPHEALTH_NOTIFY_INTERVAL  600000
#define NGX_HTTP_CAPHEALTH_NOTIFY_DAY       86400000
#define NGX_HTTP_CAPHEALTH_NOTIFY_MINUTE    60000


typedef struct {
    ngx_str_t     name;
    size_t        offset;
    ngx_int_t     low;                       /* milliseconds */
    ngx_int_t     high;
    char         *expected;
} ngx_http_caphealth_notify_time_t;


static char *ngx_http_caphealth_notify_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value);
static char *ngx_http_caphealth_notify_kinds(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value, ngx_str_t *names);
static char *ngx_http_caphealth_notify_secret(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *path);
static char *ngx_http_caphealth_notify_ca(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *path);
static char *ngx_http_caphealth_notify_runbooks(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value, ngx_str_t *url);
static ngx_uint_t ngx_http_caphealth_notify_is(ngx_str_t *arg, char *name,
    ngx_str_t *value);


static ngx_http_caphealth_notify_time_t  ngx_http_caphealth_notify_times[] = {
    { ngx_string("hold="), offsetof(ngx_http_caphealth_receiver_t, hold),
      0, NGX_HTTP_CAPHEALTH_NOTIFY_DAY, "a time between 0 and 1d" },
    { ngx_string("interval="),
      offsetof(ngx_http_caphealth_receiver_t, interval),
      0, NGX_HTTP_CAPHEALTH_NOTIFY_DAY, "a time between 0 and 1d" },
    { ngx_string("remind="), offsetof(ngx_http_caphealth_receiver_t, remind),
      NGX_HTTP_CAPHEALTH_NOTIFY_MINUTE, 30 * (ngx_int_t)
      NGX_HTTP_CAPHEALTH_NOTIFY_DAY, "a time between 1m and 30d" },
    { ngx_null_string, 0, 0, 0, NULL }
};


/* of the URL only what is no secret is logged */

char *
ngx_http_caphealth_notify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_main_conf_t *cmcf = conf;

    size_t                          shown;
    ngx_str_t                      *value;
    ngx_uint_t                      i;
    const char                     *wrong;
    ngx_http_caphealth_receiver_t  *r;

    value = cf->args->elts;

    wrong = caphealth_receiver_check_url((char *) value[1].data, value[1].len,
                                         &shown);
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"caphealth_notify\" directive: "
                           "%s; expected is \"https://host/path\"", wrong);
        return NGX_CONF_ERROR;
    }

    if (cmcf->collector.receivers == NULL) {
        cmcf->collector.receivers = ngx_array_create(cf->pool, 2,
                                      sizeof(ngx_http_caphealth_receiver_t));
        if (cmcf->collector.receivers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    r = cmcf->collector.receivers->elts;

    for (i = 0; i < cmcf->collector.receivers->nelts; i++) {
        if (r[i].url.len == value[1].len
            && ngx_memcmp(r[i].url.data, value[1].data, value[1].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate URL in \"caphealth_notify\" "
                               "directive: \"%*s...\"", shown,
                               value[1].data);
            return NGX_CONF_ERROR;
        }
    }

    if (cmcf->collector.receivers->nelts == CAPHEALTH_RECEIVERS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "too many \"caphealth_notify\" directives, there "
                           "may be %d", CAPHEALTH_RECEIVERS);
        return NGX_CONF_ERROR;
    }

    r = ngx_array_push(cmcf->collector.receivers);
    if (r == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(r, sizeof(ngx_http_caphealth_receiver_t));

    r->url = value[1];
    r->shown = shown;
    r->kinds = CAPHEALTH_NOTIFY_ALL;
    r->hold = NGX_HTTP_CAPHEALTH_NOTIFY_HOLD;
    r->interval = NGX_HTTP_CAPHEALTH_NOTIFY_INTERVAL;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_caphealth_notify_parameter(cf, r, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (r->format == CAPHEALTH_NOTIFY_ALERTMANAGER && r->remind == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"format=alertmanager\" in \"caphealth_notify\" "
                           "directive needs \"remind=\", for an alert that "
                           "is not sent again ends");
        return NGX_CONF_ERROR;
    }

    cmcf->enabled = 1;

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_notify_parameter(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value)
{
    int                                format;
    ngx_int_t                          ms;
    ngx_str_t                          s;
    ngx_http_caphealth_notify_time_t  *t;

    for (t = ngx_http_caphealth_notify_times; t->name.len; t++) {

        if (!ngx_http_caphealth_notify_is(value, (char *) t->name.data, &s)) {
            continue;
        }

        ms = ngx_parse_time(&s, 0);

        if (ms == NGX_ERROR || ms < t->low || ms > t->high) {
            return ngx_http_caphealth_invalid_value(cf, value, t->expected);
        }

        *(ngx_msec_t *) ((char *) r + t->offset) = ms;

        return NGX_CONF_OK;
    }

    if (ngx_http_caphealth_notify_is(value, "on=", &s)) {
        return ngx_http_caphealth_notify_kinds(cf, r, value, &s);
    }

    if (ngx_http_caphealth_notify_is(value, "format=", &s)) {
        format = caphealth_notify_format_find((char *) s.data, s.len);

        if (format == -1) {
            return ngx_http_caphealth_invalid_value(cf, value, "\"json\", "
                                         "\"slack\" or \"alertmanager\"");
        }

        r->format = format;

        return NGX_CONF_OK;
    }

    if (ngx_http_caphealth_notify_is(value, "secret=", &s)) {
        return ngx_http_caphealth_notify_secret(cf, r, &s);
    }

    if (ngx_http_caphealth_notify_is(value, "ca=", &s)) {
        return ngx_http_caphealth_notify_ca(cf, r, &s);
    }

    if (ngx_http_caphealth_notify_is(value, "runbooks=", &s)) {
        return ngx_http_caphealth_notify_runbooks(cf, r, value, &s);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"caphealth_notify\" "
                       "directive, expected \"on=\", \"format=\", "
                       "\"secret=\", \"ca=\", \"runbooks=\", \"hold=\", "
                       "\"interval=\" or \"remind=\"", value);

    return NGX_CONF_ERROR;
}


static ngx_uint_t
ngx_http_caphealth_notify_is(ngx_str_t *arg, char *name, ngx_str_t *value)
{
    size_t  len;

    len = ngx_strlen(name);

    if (arg->len < len || ngx_strncmp(arg->data, name, len) != 0) {
        return 0;
    }

    value->data = arg->data + len;
    value->len = arg->len - len;

    return 1;
}


static char *
ngx_http_caphealth_notify_kinds(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value, ngx_str_t *names)
{
    int      kind;
    u_char  *p, *comma, *last;

    r->kinds = 0;

    p = names->data;
    last = names->data + names->len;

    for ( ;; ) {
        comma = ngx_strlchr(p, last, ',');
        comma = comma ? comma : last;

        kind = caphealth_notify_kind_find((char *) p, comma - p);

        if (kind == -1) {
            return ngx_http_caphealth_invalid_value(cf, value, "some of "
                                "\"warning\", \"critical\", \"unknown\", "
                                "\"recovery\" and \"forecast\", with commas "
                                "between them");
        }

        r->kinds |= (ngx_uint_t) 1 << kind;

        if (comma == last) {
            return NGX_CONF_OK;
        }

        p = comma + 1;
    }
}


/*
 * read by the master, as the keys of certificates are, so that the workers'
 * user need not be able to
 */

static char *
ngx_http_caphealth_notify_secret(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *path)
{
    u_char      data[CAPHEALTH_RECEIVER_SECRET_MAX + 2];
    size_t      i, len;
    ssize_t     n;
    ngx_file_t  file;

    if (path->len == 0) {
        return ngx_http_caphealth_invalid_value(cf, path,
                                                "\"secret=\" and a path");
    }

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" of \"caphealth_notify\" "
                           "failed", path);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_file(&file, data, sizeof(data), 0);

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    if (n == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    len = n;

    while (len && (data[len - 1] == LF || data[len - 1] == CR)) {
        len--;
    }

    for (i = 0; i < len; i++) {
        if (data[i] < ' ' || data[i] > '~') {
            break;
        }
    }

    if (i != len || len < CAPHEALTH_RECEIVER_SECRET_MIN
        || len > CAPHEALTH_RECEIVER_SECRET_MAX)
    {
        ngx_explicit_memzero(data, sizeof(data));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the secret in \"%V\" of \"caphealth_notify\" is "
                           "no line of 16 to 1024 printable ASCII characters",
                           path);
        return NGX_CONF_ERROR;
    }

    r->secret.len = len;
    r->secret.data = ngx_pnalloc(cf->pool, len);
    if (r->secret.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(r->secret.data, data, len);
    ngx_explicit_memzero(data, sizeof(data));

    return NGX_CONF_OK;
}


/* the collector reads it, as the workers' user */

static char *
ngx_http_caphealth_notify_ca(ngx_conf_t *cf, ngx_http_caphealth_receiver_t *r,
    ngx_str_t *path)
{
    ngx_file_info_t  fi;

    if (path->len == 0) {
        return ngx_http_caphealth_invalid_value(cf, path,
                                                "\"ca=\" and a path");
    }

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK
        || ngx_http_caphealth_check_utf8(cf, path) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (ngx_file_info(path->data, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" of \"caphealth_notify\" is no file of "
                           "certificates", path);
        return NGX_CONF_ERROR;
    }

    r->ca = *path;

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_notify_runbooks(ngx_conf_t *cf,
    ngx_http_caphealth_receiver_t *r, ngx_str_t *value, ngx_str_t *url)
{
    size_t  shown;

    if (caphealth_receiver_check_url((char *) url->data, url->len, &shown)) {
        return ngx_http_caphealth_invalid_value(cf, value, "\"runbooks=\" and "
                            "the URL of the handbook's pages of operations, "
                            "such as \"https://host/handbook/operations/\"");
    }

    r->runbooks = *url;

    return NGX_CONF_OK;
}
