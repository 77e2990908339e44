
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
 * Without memory it is as it was.  To be called before the process cannot open
 * files any more, of which one is the time zone.
 */
void caphealth_log_init(void);


#endif /* CAPHEALTH_LOG_H */
