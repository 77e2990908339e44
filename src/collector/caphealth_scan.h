
/*
 * caphealth-collector --scan: what is in an image tree, for people.
 */

#ifndef CAPHEALTH_SCAN_H
#define CAPHEALTH_SCAN_H


/*
 * Walks the tree at root, of images whose largest variant is "original", and
 * prints the totals as JSON; removes nothing.  Returns the exit code.
 */
int caphealth_scan(const char *root);


#endif /* CAPHEALTH_SCAN_H */
