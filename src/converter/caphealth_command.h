
/*
 * caphealth-converter as a command: for trying, and for filling a tree from a
 * catalogue that exists already.
 */

#ifndef CAPHEALTH_COMMAND_H
#define CAPHEALTH_COMMAND_H


/* Returns the program's exit code. */
int caphealth_command(int argc, char *argv[]);


#endif /* CAPHEALTH_COMMAND_H */
