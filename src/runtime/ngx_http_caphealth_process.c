
/*
 * The process of a helper program.
 */

#include "ngx_http_caphealth_process.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>


#define NGX_HTTP_CAPHEALTH_PROCESSES   64

/* the stack of a child until it has called execve() */
#define NGX_HTTP_CAPHEALTH_STACK_SIZE  (64 * 1024)


typedef struct {
    ngx_http_caphealth_process_t  *process;
    int                            socket;
    ngx_pid_t                      parent;
} ngx_http_caphealth_exec_t;


static ngx_int_t ngx_http_caphealth_process_slot(void);
static void ngx_http_caphealth_process_claim(ngx_int_t slot, ngx_pid_t pid);
static ngx_pid_t ngx_http_caphealth_process_spawn(
    ngx_http_caphealth_process_t *p, int s);
static int ngx_http_caphealth_process_exec(void *data);
static void ngx_http_caphealth_process_descriptors(int s);
static ngx_uint_t ngx_http_caphealth_process_stderr(
    ngx_http_caphealth_process_t *p);
static ngx_int_t ngx_http_caphealth_process_connect(
    ngx_http_caphealth_process_t *p, ngx_socket_t s,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log);
static void ngx_http_caphealth_process_empty_handler(ngx_event_t *ev);


ngx_int_t
ngx_http_caphealth_process_start(ngx_http_caphealth_process_t *p,
    ngx_event_handler_pt handler, void *data, ngx_log_t *log)
{
    int        s[2];
    sigset_t   set, oset;
    ngx_pid_t  pid;

    p->pid = 0;
    p->connection = NULL;
    p->signalled = 0;

    /*
     * An exiting worker unloads its modules before its last child is reaped
     * and logged, so the name is never freed.
     */

    if (p->title == NULL) {
        p->title = strdup(p->name);
        if (p->title == NULL) {
            return NGX_ERROR;
        }
    }

    p->slot = ngx_http_caphealth_process_slot();

    if (p->slot == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, log, 0,
                      "%d killed %s processes have not ended yet",
                      NGX_HTTP_CAPHEALTH_PROCESSES, p->name);
        return NGX_ERROR;
    }

    if (socketpair(AF_UNIX, SOCK_SEQPACKET|SOCK_CLOEXEC, 0, s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "socketpair() failed");
        return NGX_ERROR;
    }

    /*
     * If nginx reaped the child before its slot has the pid, it would log an
     * unknown process; and nginx's handlers must not run in the child.
     */

    sigfillset(&set);
    (void) sigprocmask(SIG_BLOCK, &set, &oset);

    (void) ngx_http_caphealth_process_stderr(p);

    pid = ngx_http_caphealth_process_spawn(p, s[1]);

    if (pid != -1) {
        p->pid = pid;

        ngx_http_caphealth_process_claim(p->slot, pid);
        ngx_processes[p->slot].name = p->title;
    }

    (void) sigprocmask(SIG_SETMASK, &oset, NULL);

    (void) close(s[1]);

    if (pid == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "clone() failed");
        (void) close(s[0]);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, log, 0, "start %s %P", p->name, pid);

    if (ngx_http_caphealth_process_connect(p, s[0], handler, data, log)
        != NGX_OK)
    {
        ngx_http_caphealth_process_kill(p);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * nginx reaps every child of a worker, and logs one that it does not know as
 * an "unknown process".  A slot in nginx's table gives the helper a name, and
 * shows when it was reaped, after which its pid must not be signalled.  The
 * master numbers its children from the start of the table, and sends these
 * numbers to workers, so helpers are at the end.  The last slot stays free, so
 * that ngx_last_process is always the number of a slot, and never more than was
 * used.  Slots are used in turn, because that of a process that has ended has
 * its exit status.
 */

static ngx_int_t
ngx_http_caphealth_process_slot(void)
{
    ngx_int_t         i, n, first, last;

    static ngx_int_t  next;

    last = NGX_MAX_PROCESSES - 1;
    first = last - NGX_HTTP_CAPHEALTH_PROCESSES;

    for (i = ngx_max(first, ngx_last_process); i < last; i++) {
        ngx_memzero(&ngx_processes[i], sizeof(ngx_process_t));
        ngx_processes[i].pid = NGX_INVALID_PID;
        ngx_processes[i].channel[0] = -1;
        ngx_processes[i].channel[1] = -1;
    }

    for (n = 0; n < NGX_HTTP_CAPHEALTH_PROCESSES; n++) {
        i = first + next;
        next = (next + 1) % NGX_HTTP_CAPHEALTH_PROCESSES;

        if (ngx_processes[i].pid == NGX_INVALID_PID
            || ngx_processes[i].exited)
        {
            ngx_last_process = ngx_max(ngx_last_process, i + 1);
            return i;
        }
    }

    return NGX_ERROR;
}


/* the master may have had a child of this pid, whose slot is still there */

static void
ngx_http_caphealth_process_claim(ngx_int_t slot, ngx_pid_t pid)
{
    ngx_int_t  i;

    for (i = 0; i < ngx_last_process; i++) {
        if (ngx_processes[i].pid == pid) {
            ngx_processes[i].pid = NGX_INVALID_PID;
        }
    }

    ngx_processes[slot].pid = pid;
    ngx_processes[slot].exited = 0;
}


/*
 * fork() copies the page tables of all that a worker has mapped, and the worker
 * serves no request meanwhile.  So the child shares the worker's memory, on a
 * stack of its own, and the calling thread is suspended until the child has
 * called execve() or has ended, as posix_spawn() does it.  posix_spawn() itself
 * cannot set PR_SET_PDEATHSIG.  All signals are blocked.
 */

static ngx_pid_t
ngx_http_caphealth_process_spawn(ngx_http_caphealth_process_t *p, int s)
{
    ngx_http_caphealth_exec_t  e;

    /* only the main thread starts helpers, one after the other */

    static u_char  stack[NGX_HTTP_CAPHEALTH_STACK_SIZE]
                       __attribute__((aligned(16)));

    e.process = p;
    e.socket = s;
    e.parent = ngx_getpid();

    return clone(ngx_http_caphealth_process_exec, stack + sizeof(stack),
                 CLONE_VM|CLONE_VFORK|SIGCHLD, &e);
}


/*
 * Here the memory is the worker's, in which other threads go on: nothing may be
 * called that is not safe in a signal handler, and nothing may be changed but
 * locals and errno.  Descriptors, signal handlers and the signal mask are the
 * child's own.
 */

static int
ngx_http_caphealth_process_exec(void *data)
{
    ngx_http_caphealth_exec_t *e = data;

    int                      signo;
    char                    *argv[2];
    sigset_t                 set;
    struct sigaction         sa;
    caphealth_ipc_message_t  m;

    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (getppid() != e->parent) {
        return 0;
    }

    /* a handler of nginx's must not run here, and SIG_IGN would be inherited */

    ngx_memzero(&sa, sizeof(struct sigaction));
    sa.sa_handler = SIG_DFL;
    sigemptyset(&sa.sa_mask);

    for (signo = 1; signo < NSIG; signo++) {
        (void) sigaction(signo, &sa, NULL);
    }

    sigemptyset(&set);
    (void) sigprocmask(SIG_SETMASK, &set, NULL);

    ngx_http_caphealth_process_descriptors(e->socket);

    argv[0] = e->process->name;
    argv[1] = NULL;

    (void) execve(e->process->path, argv, environ);

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_NO_EXEC;
    m.value = ngx_errno;

    (void) caphealth_ipc_send(CAPHEALTH_IPC_FD, &m, -1);

    return 127;
}


static void
ngx_http_caphealth_process_descriptors(int s)
{
    int            fd, null;
    struct rlimit  limit;

    if (s == CAPHEALTH_IPC_FD) {
        (void) fcntl(s, F_SETFD, 0);

    } else {
        (void) dup2(s, CAPHEALTH_IPC_FD);
    }

    null = open("/dev/null", O_RDWR);

    if (null != -1) {
        (void) dup2(null, STDIN_FILENO);
        (void) dup2(null, STDOUT_FILENO);
    }

    if (syscall(SYS_close_range, CAPHEALTH_IPC_FD + 1, ~0U, 0) == 0) {
        return;
    }

    /* before Linux 5.9 */

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        for (fd = CAPHEALTH_IPC_FD + 1; fd < (int) limit.rlim_cur; fd++) {
            (void) close(fd);
        }
    }
}


static ngx_int_t
ngx_http_caphealth_process_connect(ngx_http_caphealth_process_t *p,
    ngx_socket_t s, ngx_event_handler_pt handler, void *data, ngx_log_t *log)
{
    ngx_connection_t  *c;

    if (ngx_nonblocking(s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      ngx_nonblocking_n " failed");
        goto failed;
    }

    c = ngx_get_connection(s, log);
    if (c == NULL) {
        goto failed;
    }

    c->data = data;
    c->log = log;

    c->read->log = log;
    c->read->handler = handler;

    c->write->log = log;
    c->write->handler = ngx_http_caphealth_process_empty_handler;

    /* nginx calls handler with c->close set when it quits gracefully */

    c->idle = 1;

    if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    p->connection = c;

    return NGX_OK;

failed:

    if (close(s) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "close() failed");
    }

    return NGX_ERROR;
}


static void
ngx_http_caphealth_process_empty_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "caphealth process write event");
}


void
ngx_http_caphealth_process_close(ngx_http_caphealth_process_t *p)
{
    if (p->connection) {
        ngx_close_connection(p->connection);
        p->connection = NULL;
    }
}


ngx_uint_t
ngx_http_caphealth_process_lives(ngx_http_caphealth_process_t *p)
{
    return p->pid != 0
           && ngx_processes[p->slot].pid == p->pid
           && !ngx_processes[p->slot].exited;
}


void
ngx_http_caphealth_process_kill(ngx_http_caphealth_process_t *p)
{
    if (!ngx_http_caphealth_process_lives(p)) {
        return;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, ngx_cycle->log, 0,
                   "caphealth kill %s %P", p->name, p->pid);

    if (kill(p->pid, SIGKILL) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "kill(%P, SIGKILL) failed", p->pid);
        return;
    }

    p->signalled = 1;
}


ngx_uint_t
ngx_http_caphealth_process_killed(ngx_http_caphealth_process_t *p)
{
    ngx_process_t  *process;

    process = &ngx_processes[p->slot];

    return p->pid != 0
           && !p->signalled
           && process->pid == p->pid
           && process->exited
           && WIFSIGNALED(process->status)
           && WTERMSIG(process->status) == SIGKILL;
}


uint64_t
ngx_http_caphealth_process_cpu(ngx_http_caphealth_process_t *p)
{
    clockid_t        clock;
    struct timespec  ts;

    /* a pid that has been reaped may be another process's by now */

    if (!ngx_http_caphealth_process_lives(p)
        || clock_getcpuclockid(p->pid, &clock) != 0
        || clock_gettime(clock, &ts) == -1)
    {
        return 0;
    }

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


ngx_int_t
ngx_http_caphealth_process_log(ngx_http_caphealth_process_t *p)
{
    caphealth_ipc_result_e   rc;
    caphealth_ipc_message_t  m;

    if (!ngx_http_caphealth_process_stderr(p)) {
        return NGX_OK;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_EVENT, p->connection->log, 0,
                   "caphealth reopened log to %s %P", p->name, p->pid);

    ngx_memzero(&m, sizeof(caphealth_ipc_message_t));

    m.version = CAPHEALTH_IPC_VERSION;
    m.type = CAPHEALTH_IPC_LOG;

    rc = caphealth_ipc_send(p->connection->fd, &m, STDERR_FILENO);

    if (rc == CAPHEALTH_IPC_AGAIN) {
        p->log_uniq = 0;
        return NGX_OK;
    }

    return rc == CAPHEALTH_IPC_OK ? NGX_OK : NGX_ERROR;
}


/* whether stderr is another file than the last time */

static ngx_uint_t
ngx_http_caphealth_process_stderr(ngx_http_caphealth_process_t *p)
{
    ngx_file_info_t  fi;

    if (ngx_fd_info(STDERR_FILENO, &fi) == NGX_FILE_ERROR
        || (fi.st_dev == p->log_device && ngx_file_uniq(&fi) == p->log_uniq))
    {
        return 0;
    }

    p->log_device = fi.st_dev;
    p->log_uniq = ngx_file_uniq(&fi);

    return 1;
}
