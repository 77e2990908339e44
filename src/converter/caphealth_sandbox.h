
/*
 * What a converter may still do when it reads the first untrusted byte.
 */

#ifndef CAPHEALTH_SANDBOX_H
#define CAPHEALTH_SANDBOX_H


#include "caphealth_job.h"


/*
 * Resource limits, no new privileges, no core, no ptrace.  Returns 0, or -1
 * with errno set.
 */
int caphealth_sandbox_limit(const caphealth_limits_t *limits);

/*
 * The bytes of address space that the process has now.  0: they are not
 * limited, or cannot be read, as in the sandbox.
 */
uint64_t caphealth_sandbox_program(void);

/*
 * From here on the kernel lets the process use descriptors that it has or is
 * sent, memory that is not executable, time, and exit; refuses with EPERM what
 * only asks about the machine or the process; and kills the process at any
 * other system call.  Returns 0, or -1 with errno set.
 */
int caphealth_sandbox_close(void);

/*
 * Gives the process so many seconds of CPU time from now; more and it is
 * killed.  Works in the sandbox.
 */
void caphealth_sandbox_cpu(unsigned seconds);


#endif /* CAPHEALTH_SANDBOX_H */
