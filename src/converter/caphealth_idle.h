
/*
 * A converter that takes only what nobody else wants.
 */

#ifndef CAPHEALTH_IDLE_H
#define CAPHEALTH_IDLE_H


/*
 * From now on the process runs only when nothing else on the machine wants
 * to.  Before caphealth_sandbox_close(): the policy and the handler of
 * SIGALRM stay for the life of the process.  Returns 0, or -1 with errno set
 * where the system does not allow it: then the other two must not be called.
 */
int caphealth_idle(void);

/*
 * Around each piece of work that takes long, in the sandbox too: in between,
 * the process offers its core to the others every half millisecond.  System
 * calls that wait may end with EINTR.
 */
void caphealth_idle_begin(void);
void caphealth_idle_end(void);


#endif /* CAPHEALTH_IDLE_H */
