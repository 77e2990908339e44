
/*
 * What a person may ask of the collector, which is nginx's to start.
 */

#ifndef CAPHEALTH_ARGUMENTS_H
#define CAPHEALTH_ARGUMENTS_H


/*
 * Does what the arguments say, and complains of those that it does not know.
 * Returns the exit code; -1: there are none, and a worker's socket is at
 * CAPHEALTH_IPC_FD.
 */
int caphealth_arguments(int argc, char **argv);


#endif /* CAPHEALTH_ARGUMENTS_H */
