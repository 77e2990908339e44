
/*
 * caphealth-collector as a command.
 */

#include <stdio.h>
#include <string.h>

#include "caphealth_arguments.h"
#include "caphealth_check.h"
#include "caphealth_ipc.h"
#include "caphealth_scan.h"
#include "caphealth_version.h"


int
caphealth_arguments(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("caphealth-collector %s, protocol %d\n", CAPHEALTH_VERSION,
               CAPHEALTH_IPC_VERSION);
        return 0;
    }

    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        printf("usage: caphealth-collector --check URL [--query NAME=SELECT]"
               " ...\n"
               "                           [--timeout SECONDS]\n"
               "       caphealth-collector --scan ROOT\n"
               "       caphealth-collector --help | --version\n\n"
               "--check asks a database what nginx's collector asks: each"
               " query, its number,\n"
               "its time and its plan, and for each problem what to do.  URL"
               " is what\n"
               "caphealth_database has, --query what caphealth_query has, and"
               " SECONDS (5) are\n"
               "caphealth_timeout.  Run it as the workers' user.\n\n"
               "--scan prints what is in the image tree at ROOT, and changes"
               " nothing.\n\n"
               "Otherwise it is started by an nginx worker with the caphealth"
               " module, which\nhands it a socket as descriptor %d.  It is of"
               " no use without one.\n", CAPHEALTH_IPC_FD);
        return 0;
    }

    if (argc == 3 && strcmp(argv[1], "--scan") == 0) {
        return caphealth_scan(argv[2]);
    }

    if (argc > 1 && strcmp(argv[1], "--check") == 0) {
        return caphealth_check(argc - 2, argv + 2);
    }

    if (argc > 1) {
        fprintf(stderr, "caphealth-collector: unknown argument \"%s\", "
                "try --help\n", argv[1]);
        return 2;
    }

    if (!caphealth_ipc_is_worker()) {
        fprintf(stderr, "caphealth-collector: descriptor %d is not a "
                "worker's socket; nginx starts this program, try --help\n",
                CAPHEALTH_IPC_FD);
        return 2;
    }

    return -1;
}
