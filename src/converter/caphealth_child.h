
/*
 * A converter as its parent sees it, where the parent is not nginx: one job
 * at a time, in a process of its own that is sandboxed as nginx's are.
 */

#ifndef CAPHEALTH_CHILD_H
#define CAPHEALTH_CHILD_H


#include <sys/types.h>

#include "caphealth_job.h"
#include "caphealth_image_files.h"


typedef struct {
    pid_t               pid;       /* 0: there is none */
    int                 s;
    uint64_t            serial;
    caphealth_limits_t  limits;
    unsigned            timeout;   /* of a job, seconds */
} caphealth_child_t;


/*
 * Converts the file behind the descriptor input into the files of image, by a
 * process that is started where there is none.  NULL and *result, or why the
 * process gave no answer; then it is gone, and the next job gets another.
 */
const char *caphealth_child_convert(caphealth_child_t *child, int input,
    const caphealth_job_t *job, const caphealth_image_files_t *image,
    caphealth_result_t *result);

/* Ends the process, and waits for its end. */
void caphealth_child_stop(caphealth_child_t *child);


#endif /* CAPHEALTH_CHILD_H */
