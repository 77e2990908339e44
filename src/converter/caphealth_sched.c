
/*
 * SCHED_IDLE alone is not enough.  Since Linux 6.6 the scheduler (EEVDF) goes
 * by lag: a task that has waited is owed a slice, however small its weight,
 * and is then left on the core until the next tick, 4 ms at 250 Hz, while a
 * worker with a request in hand waits.  sched_yield() gives up what is owed.
 * The codecs cannot be made to call it often enough, so a timer does.
 */

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "caphealth_sched.h"


/* in microseconds: 1000 shows at the 99th percentile of requests, and 250
   takes a tenth of the core in a virtual machine, where a tick costs 20 us */
#define CAPHEALTH_SCHED_INTERVAL  500


static void caphealth_sched_handler(int signo);
static void caphealth_sched_timer(suseconds_t interval);


int
caphealth_sched_idle(void)
{
    sigset_t                  set;
    struct sigaction          sa;
    const struct sched_param  param = { .sched_priority = 0 };

    memset(&sa, 0, sizeof(struct sigaction));
    sa.sa_handler = caphealth_sched_handler;
    sa.sa_flags = SA_RESTART;
    (void) sigemptyset(&sa.sa_mask);

    (void) sigemptyset(&set);
    (void) sigaddset(&set, SIGALRM);

    if (sigaction(SIGALRM, &sa, NULL) == -1
        || sigprocmask(SIG_UNBLOCK, &set, NULL) == -1)
    {
        return -1;
    }

    return sched_setscheduler(0, SCHED_IDLE, &param);
}


void
caphealth_sched_yield_start(void)
{
    caphealth_sched_timer(CAPHEALTH_SCHED_INTERVAL);
}


void
caphealth_sched_yield_stop(void)
{
    caphealth_sched_timer(0);
}


static void
caphealth_sched_handler(int signo)
{
    (void) signo;
    (void) sched_yield();
}


static void
caphealth_sched_timer(suseconds_t interval)
{
    struct itimerval  timer;

    memset(&timer, 0, sizeof(struct itimerval));

    timer.it_interval.tv_usec = interval;
    timer.it_value.tv_usec = interval;

    (void) setitimer(ITIMER_REAL, &timer, NULL);
}
