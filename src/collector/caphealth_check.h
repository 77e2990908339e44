
/*
 * caphealth-collector --check: a database as the collector would ask it, for
 * the person who sets it up.
 */

#ifndef CAPHEALTH_CHECK_H
#define CAPHEALTH_CHECK_H


/*
 * Prints each query, its number, its time and its plan, and what to do about
 * each problem.  argv: URL [--query NAME=SELECT] ... [--timeout SECONDS].
 * Returns the exit code: 0 if all are known, 1 if one is not, 2 if the
 * arguments are wrong.
 */
int caphealth_check(int argc, char **argv);


#endif /* CAPHEALTH_CHECK_H */
