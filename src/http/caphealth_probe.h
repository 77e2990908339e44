
/*
 * Probes: what is asked of one in the query, and its text, in the form of
 * Kubernetes' /livez and /readyz.
 */

#ifndef CAPHEALTH_PROBE_H
#define CAPHEALTH_PROBE_H


#include <stddef.h>


/* the longest name; of a longer one, which is unknown, so much is quoted */
#define CAPHEALTH_PROBE_NAME  64


typedef struct {
    const char  *name;
    const char  *reason;         /* one line, or "" */
    int          failed;
    int          excluded;
} caphealth_probe_check_t;


/*
 * Reads a query, as it was sent: marks the n checks that an "exclude=NAME"
 * is about, and returns whether there is a "verbose", with or without a value.
 */
int caphealth_probe_query(caphealth_probe_check_t *checks, size_t n,
    const char *query, size_t len);

/* How many of the checks have failed, and are not excluded. */
size_t caphealth_probe_failures(const caphealth_probe_check_t *checks,
    size_t n);

/*
 * A line for each check, one for the names in the query's "exclude" that are
 * none of theirs, and one for the outcome of the probe.  *len becomes the
 * text's length without its NUL.  The caller free()s it.  NULL: no memory.
 */
char *caphealth_probe_text(const char *probe,
    const caphealth_probe_check_t *checks, size_t n, const char *query,
    size_t querylen, size_t *len);


#endif /* CAPHEALTH_PROBE_H */
