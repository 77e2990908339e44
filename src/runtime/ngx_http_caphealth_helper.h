
/*
 * The life of a helper program, as the worker that starts it sees it:
 *
 *   STOPPED --start--> STARTING --greeting, settings--> RUNNING --stop-->
 *                         |                                |
 *                         +----> PAUSED <---it failed------+
 *
 * A helper first sends its version (HELLO), receives its settings, and runs at
 * once or when it has sent READY.  If it exits, sends an invalid message or
 * misses a deadline, it is killed, and may be started again after a pause that
 * doubles with each failure.  What differs between programs is in a
 * ngx_http_caphealth_program_t.
 */

#ifndef _NGX_HTTP_CAPHEALTH_HELPER_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_HELPER_H_INCLUDED_


#include "ngx_http_caphealth_process.h"


/* the longest body of a message of any program, in bytes */
#define NGX_HTTP_CAPHEALTH_HELPER_BODY  1024

/* milliseconds until a message is sent again, CAPHEALTH_IPC_AGAIN */
#define NGX_HTTP_CAPHEALTH_HELPER_RETRY  20


typedef struct ngx_http_caphealth_helper_s  ngx_http_caphealth_helper_t;


typedef enum {
    NGX_HTTP_CAPHEALTH_HELPER_STOPPED = 0,
    NGX_HTTP_CAPHEALTH_HELPER_STARTING,
    NGX_HTTP_CAPHEALTH_HELPER_RUNNING,
    NGX_HTTP_CAPHEALTH_HELPER_PAUSED
} ngx_http_caphealth_helper_state_e;


typedef struct {
    char          *name;
    size_t         body;             /* the longest that it sends, bytes */
    unsigned       nfds;             /* descriptors that it may send at once */
    ngx_msec_t     exit_timeout;     /* one that was told to exit is killed
                                        after this */
    ngx_msec_t     pause_first;      /* after the first failure of a running
                                        one */
    ngx_msec_t     pause_min;        /* after all others */
    ngx_msec_t     pause_max;        /* after one that has run */
    ngx_msec_t     pause_max_start;  /* after one that could not be started */
    ngx_msec_t     pause_reset;      /* one that lived so long had not failed
                                        before; 0: see _reset_pause */
    char          *exited;           /* "exited": the reason to be logged */
    char          *consequence;      /* "it is replaced": what follows for
                                        the operator if it cannot be started */
    unsigned       each:1;           /* each failure of a running one is
                                        logged, not only those for another
                                        reason than before */
    unsigned       reap:1;           /* a running one that has closed its
                                        socket fails when nginx has reaped
                                        it: see _process_killed */
    unsigned       stderr_log:1;     /* it writes to the error log all its
                                        life */

    /*
     * It has said its version: sends the settings.  NGX_OK: it runs.
     * NGX_AGAIN: it will say when it is ready.  NGX_ERROR: replaced.
     */
    ngx_int_t    (*configure)(ngx_http_caphealth_helper_t *h);

    /* It runs.  May be NULL. */
    void         (*running)(ngx_http_caphealth_helper_t *h);

    /*
     * A running one has sent something; descriptors that are taken out of the
     * cargo are the callee's.  Returns NULL, or why it is to be replaced.
     */
    char        *(*message)(ngx_http_caphealth_helper_t *h,
                            caphealth_ipc_message_t *m,
                            caphealth_ipc_cargo_t *cargo);

    /* The time set by _set_deadline is over; NULL: it is never set. */
    void         (*deadline)(ngx_http_caphealth_helper_t *h);

    /* Its process is about to be ended, for any reason.  May be NULL. */
    void         (*ending)(ngx_http_caphealth_helper_t *h);

    /* It has been ended, for it has failed, and is PAUSED. */
    void         (*failed)(ngx_http_caphealth_helper_t *h, char *reason);

    /* The pause is over, and it is STOPPED. */
    void         (*restart)(ngx_http_caphealth_helper_t *h);

    /* nginx quits gracefully. */
    void         (*quit)(ngx_http_caphealth_helper_t *h);
} ngx_http_caphealth_program_t;


struct ngx_http_caphealth_helper_s {
    const ngx_http_caphealth_program_t  *program;
    void                                *data;      /* the caller's */
    ngx_log_t                           *log;
    ngx_msec_t                           start_timeout;
    char                               **reason;    /* what was last logged as
                                                       the reason of a failure;
                                                       helpers may share it */
    ngx_atomic_t                        *starts;    /* counters, or NULL */
    ngx_atomic_t                        *failures;

    /* the rest is for reading only, but for the helper itself */

    ngx_http_caphealth_helper_state_e    state;
    ngx_http_caphealth_process_t         process;
    ngx_event_t                          event;     /* start, deadline, pause */
    ngx_http_caphealth_process_t         leaving;   /* the one before */
    ngx_event_t                          leave;
    ngx_msec_t                           started;
    ngx_msec_t                           pause;
    ngx_msec_t                           closed_at;
    unsigned                             greeted:1;
    unsigned                             closed:1;   /* its end of the socket */
    unsigned                             unusable:1; /* the last one failed
                                                        before it ran */
};


/*
 * The caller has set the fields down to failures, in memory of zeros.  Starts
 * nothing.  path is the program's, and must live as long as the helper.
 */
void ngx_http_caphealth_helper_init(ngx_http_caphealth_helper_t *h,
    char *path);

/*
 * STARTING, or PAUSED if it cannot be started.  Must not be called from
 * init_process, see ngx_http_caphealth_process_start().
 */
void ngx_http_caphealth_helper_start(ngx_http_caphealth_helper_t *h);

/* PAUSED for so many milliseconds, then restart() is called. */
void ngx_http_caphealth_helper_pause(ngx_http_caphealth_helper_t *h,
    ngx_msec_t pause);

/* deadline() is called unless this is called again before, or it ends. */
void ngx_http_caphealth_helper_set_deadline(ngx_http_caphealth_helper_t *h,
    ngx_msec_t timeout);

/*
 * Sends a message, whose version is set here.  cargo may be NULL.  A failure is
 * not logged here but by _fail, which the caller has to call then.
 */
caphealth_ipc_result_e ngx_http_caphealth_helper_send(
    ngx_http_caphealth_helper_t *h, caphealth_ipc_message_t *m,
    caphealth_ipc_cargo_t *cargo);

/*
 * Sends its settings, JSON of malloc(), which may have a secret in it and is
 * overwritten and freed; NULL: no memory for it.  For configure().
 */
ngx_int_t ngx_http_caphealth_helper_settings(ngx_http_caphealth_helper_t *h,
    char *text);

/*
 * It has done its work, so the end of an outage is logged, if there was one.
 * After _reset_pause the next failure counts as the first.
 */
void ngx_http_caphealth_helper_works(ngx_http_caphealth_helper_t *h);
void ngx_http_caphealth_helper_reset_pause(ngx_http_caphealth_helper_t *h);

/* It does not work: killed, and PAUSED.  reason is a constant. */
void ngx_http_caphealth_helper_fail(ngx_http_caphealth_helper_t *h,
    char *reason);

/*
 * The same for one that works, but of which another one is needed: failed()
 * is not called, and the next pause is not longer for it.
 */
void ngx_http_caphealth_helper_replace(ngx_http_caphealth_helper_t *h,
    char *reason, ngx_msec_t pause);

/* Its socket is closed, so that it exits, else it is killed.  STOPPED. */
void ngx_http_caphealth_helper_stop(ngx_http_caphealth_helper_t *h);

/*
 * Blocks until the one that was stopped has ended, or its time is over.  Only
 * for a worker that exits: the end of it kills what is still there.
 */
void ngx_http_caphealth_helper_wait(ngx_http_caphealth_helper_t *h);


#endif /* _NGX_HTTP_CAPHEALTH_HELPER_H_INCLUDED_ */
