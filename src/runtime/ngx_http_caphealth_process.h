
/*
 * The process of a helper program and the socket to it: how it is started and
 * ended.
 */

#ifndef _NGX_HTTP_CAPHEALTH_PROCESS_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_PROCESS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "caphealth_ipc.h"


typedef struct {
    char              *name;
    char              *title;         /* the name, in nginx's own log lines */
    char              *path;          /* of the program */
    ngx_connection_t  *connection;    /* NULL: there is no process */
    ngx_pid_t          pid;
    ngx_int_t          slot;          /* in ngx_processes */
    dev_t              log_device;    /* what it has for stderr */
    ngx_file_uniq_t    log_uniq;
    unsigned           signalled:1;   /* by _kill */
} ngx_http_caphealth_process_t;


/*
 * Starts the program with a socket to it, which handler reads from; data
 * becomes the connection's.  The program gets no other descriptor than that
 * socket and stderr, and dies with this process.  Must not be called from
 * init_process, where nginx is still closing what it inherited.
 *
 * NGX_OK means that there is a process; the program's first message shows that
 * it could be executed.
 */
ngx_int_t ngx_http_caphealth_process_start(ngx_http_caphealth_process_t *p,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log);

/* Closes the socket, which is the program's signal to exit. */
void ngx_http_caphealth_process_close(ngx_http_caphealth_process_t *p);

/* Whether nginx has not reaped it yet. */
ngx_uint_t ngx_http_caphealth_process_lives(ngx_http_caphealth_process_t *p);

/* SIGKILL, unless nginx has reaped it already. */
void ngx_http_caphealth_process_kill(ngx_http_caphealth_process_t *p);

/*
 * Whether nginx has reaped it, and it was ended by a SIGKILL that _kill did not
 * send: that of the OOM killer, or of another process.
 */
ngx_uint_t ngx_http_caphealth_process_killed(ngx_http_caphealth_process_t *p);

/*
 * CPU time that it has used so far, of all its threads, in microseconds; 0 if
 * it is gone.
 */
uint64_t ngx_http_caphealth_process_cpu(ngx_http_caphealth_process_t *p);

/*
 * Sends it stderr, the error log, if that is another file than the last time:
 * when nginx reopens its logs, a child still has the old file.  If there is no
 * room for it now, the next call sends it.  NGX_ERROR: the process is gone, or
 * cannot be sent anything.
 */
ngx_int_t ngx_http_caphealth_process_log(ngx_http_caphealth_process_t *p);


#endif /* _NGX_HTTP_CAPHEALTH_PROCESS_H_INCLUDED_ */
