
/*
 * A helper program's standard error is nginx's error log, to which lines of any
 * form can be written.
 */

#ifndef CAPHEALTH_LOG_H
#define CAPHEALTH_LOG_H


/* what a line begins with that is no error */
#define CAPHEALTH_LOG_NOTICE  "[notice] "


/*
 * From now on, what is written to stderr, a line at a time, begins as the
 * lines of nginx do: with the local time, the level "error", and the process.
 * Without memory nothing is changed.  To be called while the process can still
 * open files, because the time zone is read from one.
 */
void caphealth_log_init(void);


#endif /* CAPHEALTH_LOG_H */
