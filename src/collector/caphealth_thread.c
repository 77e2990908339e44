
/*
 * Threads of the collector, which end with the process.
 */

#include <time.h>

#include "caphealth_thread.h"


/* bytes; the only code of the collector that uses as much is SQLite's */
#define CAPHEALTH_THREAD_STACK  (512 * 1024)


int
caphealth_thread_start(void *(*run)(void *), void *data)
{
    int             err;
    pthread_t       thread;
    pthread_attr_t  attr;

    (void) pthread_attr_init(&attr);
    (void) pthread_attr_setstacksize(&attr, CAPHEALTH_THREAD_STACK);
    (void) pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);

    err = pthread_create(&thread, &attr, run, data);

    (void) pthread_attr_destroy(&attr);

    return err;
}


void
caphealth_thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t  attr;

    (void) pthread_condattr_init(&attr);
    (void) pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void) pthread_cond_init(cond, &attr);
    (void) pthread_condattr_destroy(&attr);
}
