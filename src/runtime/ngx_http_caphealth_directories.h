
/*
 * The directories that a start makes for the workers: image roots and the
 * state directory.
 */

#ifndef _NGX_HTTP_CAPHEALTH_DIRECTORIES_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_DIRECTORIES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef struct {
    ngx_str_t   name;             /* absolute, ends with a NUL */
    char       *directive;        /* that names it */
    u_char     *file;             /* and where it stands */
    ngx_uint_t  line;
    unsigned    foreign:1;        /* others write there, the workers read */
} ngx_http_caphealth_directory_t;


/*
 * Makes the directories that are missing, and gives them to the workers' user.
 * Nothing that exists is changed: one that the workers could not use is an
 * error, and the log says which command corrects it.  "nginx -t" makes nothing,
 * it looks whether a start could.  Not before "user" is known.
 */
ngx_int_t ngx_http_caphealth_directories_create(ngx_cycle_t *cycle,
    ngx_array_t *dirs, ngx_log_t *log);


#endif /* _NGX_HTTP_CAPHEALTH_DIRECTORIES_H_INCLUDED_ */
