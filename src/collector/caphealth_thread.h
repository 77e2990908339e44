
/*
 * Threads of the collector, which end with the process.
 */

#ifndef CAPHEALTH_THREAD_H
#define CAPHEALTH_THREAD_H


#include <pthread.h>


/*
 * Starts a detached thread: run(data).  Returns 0, or an errno.
 */
int caphealth_thread_start(void *(*run)(void *), void *data);

/* A condition variable whose timed waits are by CLOCK_MONOTONIC. */
void caphealth_thread_cond_init(pthread_cond_t *cond);


#endif /* CAPHEALTH_THREAD_H */
