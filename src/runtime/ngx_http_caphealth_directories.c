
/*
 * The directories that a start makes for the workers: image roots and the
 * state directory.
 *
 * nginx makes its own temporary paths with ngx_create_paths(), which gives
 * everything there to the workers' user, even if the configuration is
 * only tested.  These directories have a site's data, so one that exists is
 * checked and not changed.
 */

#include "ngx_http_caphealth_directories.h"

#include <pwd.h>


/* as ngx_create_paths() has it */
#define NGX_HTTP_CAPHEALTH_DIRECTORY_MODE  0700


typedef struct {
    ngx_array_t  *dirs;
    ngx_uid_t     user;             /* the workers' */
    ngx_uint_t    chown;            /* is needed: the master is root */
    ngx_log_t    *log;
} ngx_http_caphealth_directories_t;


static ngx_int_t ngx_http_caphealth_directory_init(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir);
static ngx_int_t ngx_http_caphealth_directory_check(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir,
    ngx_file_info_t *fi);
static ngx_int_t ngx_http_caphealth_directory_wrong_owner(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir,
    ngx_file_info_t *fi);
static ngx_int_t ngx_http_caphealth_directory_test_create(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir);
static ngx_int_t ngx_http_caphealth_directory_create(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir);
static ngx_int_t ngx_http_caphealth_directory_failed(
    ngx_http_caphealth_directories_t *d, ngx_http_caphealth_directory_t *dir,
    char *call, ngx_err_t err);
static u_char *ngx_http_caphealth_user_name(u_char *buf, u_char *last,
    ngx_uid_t user);
static u_char *ngx_http_caphealth_shell_word(u_char *buf, u_char *last,
    ngx_str_t *word);


ngx_int_t
ngx_http_caphealth_directories_create(ngx_cycle_t *cycle, ngx_array_t *dirs,
    ngx_log_t *log)
{
    ngx_uint_t                        i;
    ngx_core_conf_t                  *ccf;
    ngx_http_caphealth_directory_t   *dir;
    ngx_http_caphealth_directories_t  d;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    d.dirs = dirs;
    d.log = log;
    d.user = geteuid();
    d.chown = 0;

    /* only a master that is root can run the workers as another user */

    if (d.user == 0 && ccf->master && ccf->user != (ngx_uid_t) NGX_CONF_UNSET)
    {
        d.user = ccf->user;
        d.chown = 1;
    }

    dir = dirs->elts;

    for (i = 0; i < dirs->nelts; i++) {
        if (ngx_http_caphealth_directory_init(&d, &dir[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_directory_init(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir)
{
    ngx_file_info_t  fi;

    if (ngx_file_info(dir->name.data, &fi) != NGX_FILE_ERROR) {
        return ngx_http_caphealth_directory_check(d, dir, &fi);
    }

    if (ngx_errno != NGX_ENOENT) {
        return ngx_http_caphealth_directory_failed(d, dir, ngx_file_info_n,
                                                   ngx_errno);
    }

    if (ngx_link_info(dir->name.data, &fi) != NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_EMERG, d->log, 0,
                      "\"%s\" \"%V\" is a symbolic link to what is not "
                      "there in %s:%ui",
                      dir->directive, &dir->name, dir->file, dir->line);
        return NGX_ERROR;
    }

    if (ngx_test_config) {
        return ngx_http_caphealth_directory_test_create(d, dir);
    }

    return ngx_http_caphealth_directory_create(d, dir);
}


/* fi is that of the target, if it is a symbolic link */

static ngx_int_t
ngx_http_caphealth_directory_check(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir, ngx_file_info_t *fi)
{
    if (!ngx_is_dir(fi)) {
        ngx_log_error(NGX_LOG_EMERG, d->log, 0,
                      "\"%s\" \"%V\" is not a directory in %s:%ui",
                      dir->directive, &dir->name, dir->file, dir->line);
        return NGX_ERROR;
    }

    /* root may write anywhere, and one that others fill is only read */

    if (d->user == 0 || dir->foreign) {
        return NGX_OK;
    }

    if (fi->st_uid != d->user || (fi->st_mode & S_IRWXU) != S_IRWXU) {
        return ngx_http_caphealth_directory_wrong_owner(d, dir, fi);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_directory_wrong_owner(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir, ngx_file_info_t *fi)
{
    u_char     *p, *last, owner[128], user[128];
    u_char      command[2 * NGX_MAX_PATH];
    ngx_uint_t  other;

    other = (fi->st_uid != d->user);

    (void) ngx_http_caphealth_user_name(owner, owner + sizeof(owner) - 1,
                                        fi->st_uid);
    (void) ngx_http_caphealth_user_name(user, user + sizeof(user) - 1,
                                        d->user);

    last = command + sizeof(command) - 1;

    p = other ? ngx_slprintf(command, last, "chown -R %s ", user)
              : ngx_slprintf(command, last, "chmod u+rwx ");

    p = ngx_http_caphealth_shell_word(p, last, &dir->name);
    *p = '\0';

    if (other) {
        ngx_log_error(NGX_LOG_EMERG, d->log, 0,
                      "\"%s\" \"%V\" belongs to user \"%s\", not to \"%s\", "
                      "as whom the workers run: use another directory, or "
                      "run \"%s\" if nothing else uses this one in %s:%ui",
                      dir->directive, &dir->name, owner, user, command,
                      dir->file, dir->line);

    } else {
        ngx_log_error(NGX_LOG_EMERG, d->log, 0,
                      "\"%s\" \"%V\" cannot be used by its owner \"%s\": "
                      "run \"%s\" in %s:%ui",
                      dir->directive, &dir->name, user, command, dir->file,
                      dir->line);
    }

    return NGX_ERROR;
}


/* whether a start could create it, after those before it in the list */

static ngx_int_t
ngx_http_caphealth_directory_test_create(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir)
{
    size_t                           len;
    u_char                           parent[NGX_MAX_PATH];
    ngx_file_info_t                  fi;
    ngx_http_caphealth_directory_t  *before;

    len = dir->name.len;

    while (len > 1 && dir->name.data[len - 1] != '/') {
        len--;
    }

    while (len > 1 && dir->name.data[len - 1] == '/') {
        len--;
    }

    for (before = d->dirs->elts; before < dir; before++) {
        if (before->name.len == len
            && ngx_memcmp(before->name.data, dir->name.data, len) == 0)
        {
            return NGX_OK;
        }
    }

    if (len >= sizeof(parent)) {
        return ngx_http_caphealth_directory_failed(d, dir, ngx_create_dir_n,
                                                   NGX_ENAMETOOLONG);
    }

    (void) ngx_cpystrn(parent, dir->name.data, len + 1);

    if (ngx_file_info(parent, &fi) == NGX_FILE_ERROR) {
        return ngx_http_caphealth_directory_failed(d, dir, ngx_create_dir_n,
                                                   ngx_errno);
    }

    if (access((char *) parent, W_OK|X_OK) == -1) {
        return ngx_http_caphealth_directory_failed(d, dir, ngx_create_dir_n,
                                                   ngx_errno);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_directory_create(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir)
{
    int        fd;
    ngx_err_t  err;

    if (ngx_create_dir(dir->name.data, NGX_HTTP_CAPHEALTH_DIRECTORY_MODE)
        == NGX_FILE_ERROR)
    {
        return ngx_http_caphealth_directory_failed(d, dir, ngx_create_dir_n,
                                                   ngx_errno);
    }

    if (!d->chown) {
        return NGX_OK;
    }

    /* a symbolic link may have been put in its place since */

    fd = open((char *) dir->name.data,
              O_RDONLY|O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC);
    if (fd == -1) {
        return ngx_http_caphealth_directory_failed(d, dir, "open()", ngx_errno);
    }

    err = (fchown(fd, d->user, -1) == -1) ? ngx_errno : 0;

    (void) close(fd);

    if (err) {
        return ngx_http_caphealth_directory_failed(d, dir, "fchown()", err);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_caphealth_directory_failed(ngx_http_caphealth_directories_t *d,
    ngx_http_caphealth_directory_t *dir, char *call, ngx_err_t err)
{
    ngx_log_error(NGX_LOG_EMERG, d->log, err,
                  "%s \"%V\" failed, of \"%s\"%s in %s:%ui",
                  call, &dir->name, dir->directive,
                  err == NGX_ENOENT ? ", the directory above it must exist"
                                    : "",
                  dir->file, dir->line);

    return NGX_ERROR;
}


/* by its number where it has no name */

static u_char *
ngx_http_caphealth_user_name(u_char *buf, u_char *last, ngx_uid_t user)
{
    u_char         *p;
    struct passwd  *pwd;

    pwd = getpwuid(user);

    p = pwd ? ngx_slprintf(buf, last, "%s", pwd->pw_name)
            : ngx_slprintf(buf, last, "%ui", (ngx_uint_t) user);

    *p = '\0';

    return p;
}


/* in quotes, if it has characters that mean something to a shell */

static u_char *
ngx_http_caphealth_shell_word(u_char *buf, u_char *last, ngx_str_t *word)
{
    u_char  *p;
    size_t   i;

    static const char  plain[] = "abcdefghijklmnopqrstuvwxyz"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "0123456789/._-+:@%";

    if (strspn((char *) word->data, plain) == word->len) {
        return ngx_slprintf(buf, last, "%V", word);
    }

    p = ngx_slprintf(buf, last, "'");

    for (i = 0; i < word->len; i++) {
        p = (word->data[i] == '\'')
            ? ngx_slprintf(p, last, "'\\''")
            : ngx_slprintf(p, last, "%c", word->data[i]);
    }

    return ngx_slprintf(p, last, "'");
}
