
/*
 * The version of all of it: the programs say it, and so does the package.
 * A release is made by changing this line; t/docs/check_version.py names the
 * other files that have it.
 */

#ifndef CAPHEALTH_VERSION_H
#define CAPHEALTH_VERSION_H


#define CAPHEALTH_VERSION  "0.1.0"


#endif /* CAPHEALTH_VERSION_H */
