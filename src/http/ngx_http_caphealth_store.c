
/*
 * caphealth_image_store: the object store that images are kept in.
 */

#include "ngx_http_caphealth_conf.h"

#include <sys/stat.h>


#define NGX_HTTP_CAPHEALTH_STORE_CONNECTIONS      8
#define NGX_HTTP_CAPHEALTH_STORE_CONNECTIONS_MAX  64
#define NGX_HTTP_CAPHEALTH_STORE_TIMEOUT          30000    /* milliseconds */
#define NGX_HTTP_CAPHEALTH_STORE_TIMEOUT_MIN      1000
#define NGX_HTTP_CAPHEALTH_STORE_TIMEOUT_MAX      600000


typedef struct {
    ngx_str_t     name;
    char       *(*set)(ngx_conf_t *cf, ngx_http_caphealth_store_t *store,
                       ngx_str_t *arg, ngx_str_t *value);
    ngx_uint_t    required;
} ngx_http_caphealth_store_parameter_t;


static char *ngx_http_caphealth_store_parameters(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store);
static ngx_http_caphealth_store_parameter_t *
    ngx_http_caphealth_store_parameter(ngx_str_t *arg);
static char *ngx_http_caphealth_store_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_region(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_style(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_connections(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_timeout(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_credentials(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_certificates(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value);
static char *ngx_http_caphealth_store_environment(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store);
static char *ngx_http_caphealth_store_file(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *path);
static ssize_t ngx_http_caphealth_store_read(ngx_conf_t *cf, ngx_str_t *path,
    u_char *text, size_t size, ngx_uint_t secret);


static ngx_http_caphealth_store_parameter_t
    ngx_http_caphealth_store_parameter_table[] =
{
    { ngx_string("endpoint="), ngx_http_caphealth_store_endpoint, 1 },
    { ngx_string("region="), ngx_http_caphealth_store_region, 1 },
    { ngx_string("credentials="), ngx_http_caphealth_store_credentials, 1 },
    { ngx_string("style="), ngx_http_caphealth_store_style, 0 },
    { ngx_string("connections="), ngx_http_caphealth_store_connections, 0 },
    { ngx_string("timeout="), ngx_http_caphealth_store_timeout, 0 },
    { ngx_string("trusted_certificate="),
      ngx_http_caphealth_store_certificates, 0 },
    { ngx_null_string, NULL, 0 }
};


char *
ngx_http_caphealth_image_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_caphealth_loc_conf_t *lcf = conf;

    ngx_str_t                   *value, *url;
    const char                  *wrong;
    ngx_http_caphealth_store_t  *store;

    if (lcf->upload.store) {
        return "is duplicate";
    }

    if (lcf->upload.root.data) {
        return "conflicts with \"caphealth_image_root\": images are kept in "
               "a directory or in an object store";
    }

    store = ngx_pcalloc(cf->pool, sizeof(ngx_http_caphealth_store_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&store->certificates, "");
    store->connections = NGX_HTTP_CAPHEALTH_STORE_CONNECTIONS;
    store->timeout = NGX_HTTP_CAPHEALTH_STORE_TIMEOUT;

    value = cf->args->elts;

    wrong = caphealth_s3_store_url(&store->s3, (char *) value[1].data);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid store \"%V\" in \"%V\" directive, "
                           "expected \"s3://BUCKET/PREFIX\": %s",
                           &value[1], &value[0], wrong);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_caphealth_store_parameters(cf, store) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    url = &lcf->upload.root;

    url->data = ngx_pnalloc(cf->pool, value[1].len + 1);
    if (url->data == NULL) {
        return NGX_CONF_ERROR;
    }

    url->len = ngx_sprintf(url->data, "s3://%s%s%s%Z", store->s3.bucket,
                           store->s3.prefix[0] ? "/" : "", store->s3.prefix)
               - url->data - 1;

    if (ngx_http_caphealth_add_store(cf, url, &store) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    lcf->upload.store = store;

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_store_parameters(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store)
{
    ngx_str_t                             *value, s;
    ngx_uint_t                             i, seen;
    const char                            *wrong;
    ngx_http_caphealth_store_parameter_t  *p;

    seen = 0;
    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        p = ngx_http_caphealth_store_parameter(&value[i]);

        if (p == NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"%V\" "
                               "directive, expected \"endpoint=\", "
                               "\"region=\", \"credentials=\", \"style=\", "
                               "\"connections=\", \"timeout=\" or "
                               "\"trusted_certificate=\"",
                               &value[i], &value[0]);
            return NGX_CONF_ERROR;
        }

        if (seen & 1 << (p - ngx_http_caphealth_store_parameter_table)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate parameter \"%V\" in \"%V\" "
                               "directive", &p->name, &value[0]);
            return NGX_CONF_ERROR;
        }

        seen |= 1 << (p - ngx_http_caphealth_store_parameter_table);

        s.data = value[i].data + p->name.len;
        s.len = value[i].len - p->name.len;

        if (p->set(cf, store, &value[i], &s) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    for (p = ngx_http_caphealth_store_parameter_table; p->name.len; p++) {

        if (p->required
            && !(seen & 1 << (p - ngx_http_caphealth_store_parameter_table)))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" needs the parameter \"%V\"",
                               &value[0], &p->name);
            return NGX_CONF_ERROR;
        }
    }

    if (store->certificates.len && store->s3.endpoint[4] != 's') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"trusted_certificate=\" in \"%V\" directive "
                           "needs an \"endpoint=https://...\"", &value[0]);
        return NGX_CONF_ERROR;
    }

    if (!store->s3.virtual_host) {
        return NGX_CONF_OK;
    }

    wrong = caphealth_s3_store_virtual(&store->s3);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"style=virtual\" in \"%V\" directive is not "
                           "possible, use \"style=path\": %s", &value[0],
                           wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_caphealth_store_parameter_t *
ngx_http_caphealth_store_parameter(ngx_str_t *arg)
{
    ngx_http_caphealth_store_parameter_t  *p;

    for (p = ngx_http_caphealth_store_parameter_table; p->name.len; p++) {
        if (arg->len >= p->name.len
            && ngx_strncmp(arg->data, p->name.data, p->name.len) == 0)
        {
            return p;
        }
    }

    return NULL;
}


/* the value is not logged: people write keys into URLs */

static char *
ngx_http_caphealth_store_endpoint(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    const char  *wrong;

    wrong = caphealth_s3_store_endpoint(&store->s3, (char *) value->data);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"endpoint=\" of "
                           "\"caphealth_image_store\", expected "
                           "\"https://HOST:PORT\" without a path: %s", wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_store_region(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    if (caphealth_s3_store_region(&store->s3, (char *) value->data)) {
        return ngx_http_caphealth_invalid_value(cf, arg,
                                             "a region as \"eu-central-1\", "
                                             "or what the store takes for "
                                             "one, often \"us-east-1\"");
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_store_style(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "virtual") == 0) {
        store->s3.virtual_host = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "path") == 0) {
        return NGX_CONF_OK;
    }

    return ngx_http_caphealth_invalid_value(cf, arg,
                                            "\"style=path\" or "
                                            "\"style=virtual\"");
}


static char *
ngx_http_caphealth_store_connections(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    store->connections = ngx_atoi(value->data, value->len);

    if (store->connections < 1
        || store->connections > NGX_HTTP_CAPHEALTH_STORE_CONNECTIONS_MAX)
    {
        return ngx_http_caphealth_invalid_value(cf, arg,
                                             "a number of connections for "
                                             "each worker between 1 and 64");
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_store_timeout(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms < NGX_HTTP_CAPHEALTH_STORE_TIMEOUT_MIN
        || ms > NGX_HTTP_CAPHEALTH_STORE_TIMEOUT_MAX)
    {
        return ngx_http_caphealth_invalid_value(cf, arg,
                                                "a time between 1s and 10m");
    }

    store->timeout = ms;

    return NGX_CONF_OK;
}


static char *
ngx_http_caphealth_store_credentials(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "env") == 0) {
        return ngx_http_caphealth_store_environment(cf, store);
    }

    if (value->len == 0) {
        return ngx_http_caphealth_invalid_value(cf, arg,
                                                "the path of a file of "
                                                "credentials, or \"env\"");
    }

    return ngx_http_caphealth_store_file(cf, store, value);
}


/* of the master, which nginx passes on to no worker */

static char *
ngx_http_caphealth_store_environment(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store)
{
    const char  *wrong;

    wrong = caphealth_s3_store_environment(&store->s3,
                                           getenv("AWS_ACCESS_KEY_ID"),
                                           getenv("AWS_SECRET_ACCESS_KEY"),
                                           getenv("AWS_SESSION_TOKEN"));
    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"credentials=env\" of \"caphealth_image_store\""
                           ": in the environment of nginx %s", wrong);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * read by the master, as the keys of certificates are, so that the workers'
 * user need not be able to
 */

static char *
ngx_http_caphealth_store_file(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *path)
{
    u_char      *text;
    ssize_t      n;
    const char  *wrong;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    text = ngx_alloc(CAPHEALTH_S3_FILE_MAX + 1, cf->log);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    n = ngx_http_caphealth_store_read(cf, path, text,
                                      CAPHEALTH_S3_FILE_MAX + 1, 1);
    wrong = NULL;

    if (n > CAPHEALTH_S3_FILE_MAX) {
        wrong = "it is longer than 64 kB";

    } else if (n != NGX_ERROR) {
        wrong = caphealth_s3_store_credentials(&store->s3, (char *) text, n);
    }

    ngx_explicit_memzero(text, CAPHEALTH_S3_FILE_MAX + 1);
    ngx_free(text);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid file \"%V\" in \"credentials=\" of "
                           "\"caphealth_image_store\", expected the format "
                           "of \"~/.aws/credentials\": %s", path, wrong);
        return NGX_CONF_ERROR;
    }

    return n == NGX_ERROR ? NGX_CONF_ERROR : NGX_CONF_OK;
}


/*
 * by the master, too, so that the file is as old as the configuration; what is
 * in it is checked when libcurl uses it
 */

static char *
ngx_http_caphealth_store_certificates(ngx_conf_t *cf,
    ngx_http_caphealth_store_t *store, ngx_str_t *arg, ngx_str_t *value)
{
    u_char      *text;
    ssize_t      n;
    const char  *wrong;

    if (value->len == 0) {
        return ngx_http_caphealth_invalid_value(cf, arg,
                                                "the path of a file of "
                                                "certificates in the format "
                                                "PEM");
    }

    if (ngx_conf_full_name(cf->cycle, value, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    text = ngx_alloc(CAPHEALTH_S3_CERTIFICATES_MAX + 1, cf->log);
    if (text == NULL) {
        return NGX_CONF_ERROR;
    }

    n = ngx_http_caphealth_store_read(cf, value, text,
                                      CAPHEALTH_S3_CERTIFICATES_MAX + 1, 0);

    if (n == NGX_ERROR) {
        ngx_free(text);
        return NGX_CONF_ERROR;
    }

    wrong = (n > CAPHEALTH_S3_CERTIFICATES_MAX)
            ? "it is longer than 1 MB"
            : caphealth_s3_store_certificates((char *) text, n);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid file \"%V\" in \"trusted_certificate=\" "
                           "of \"caphealth_image_store\", expected "
                           "certificates in the format PEM: %s", value, wrong);
        ngx_free(text);
        return NGX_CONF_ERROR;
    }

    store->certificates.len = ngx_strlen(text);
    store->certificates.data = ngx_pnalloc(cf->pool,
                                           store->certificates.len + 1);

    if (store->certificates.data) {
        ngx_memcpy(store->certificates.data, text,
                   store->certificates.len + 1);
    }

    ngx_free(text);

    return store->certificates.data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* what else has a path, as a pipe, could make a reload hang */

static ssize_t
ngx_http_caphealth_store_read(ngx_conf_t *cf, ngx_str_t *path, u_char *text,
    size_t size, ngx_uint_t secret)
{
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *path;
    file.log = cf->log;
    file.fd = ngx_open_file(path->data, NGX_FILE_RDONLY|NGX_FILE_NONBLOCK,
                            NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" of "
                           "\"caphealth_image_store\" failed", path);
        return NGX_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" of \"caphealth_image_store\" is not a "
                           "file", path);

    } else {
        if (secret && fi.st_mode & S_IROTH) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "everybody can read the credentials in "
                               "\"%V\": only root needs to, run \"chmod 600\"",
                               path);
        }

        n = ngx_read_file(&file, text, size, 0);
    }

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", path);
    }

    return n;
}
