
/*
 * A converter at idle priority: it runs when nothing else wants the CPU.
 */

#ifndef CAPHEALTH_SCHED_H
#define CAPHEALTH_SCHED_H


/*
 * From now on the process runs only when nothing else on the machine wants
 * to.  Before caphealth_sandbox_close(): the policy and the handler of
 * SIGALRM stay for the life of the process.  Returns 0, or -1 with errno set
 * where the system does not allow it: then the other two must not be called.
 */
int caphealth_sched_idle(void);

/*
 * Around each piece of work that takes long, in the sandbox too: in between,
 * the process offers its core to the others every half millisecond.  System
 * calls that wait may end with EINTR.
 */
void caphealth_sched_yield_start(void);
void caphealth_sched_yield_stop(void);


#endif /* CAPHEALTH_SCHED_H */
