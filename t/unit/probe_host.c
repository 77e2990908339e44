
/*
 * The system and a disk, by themselves: probe_host ROOT DISK looks at the
 * system below ROOT ("" for the running one) and at DISK once for every line
 * on stdin, and prints {"system", "disk"}.  For t/unit/check_psutil.py.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_source.h"


int
main(int argc, char **argv)
{
    char                *line;
    size_t               size;
    json_t              *reply;
    caphealth_host_t    *host;
    caphealth_answer_t   system, disk;

    if (argc != 3) {
        return 2;
    }

    host = caphealth_host_create(argv[1]);
    line = NULL;
    size = 0;

    while (host != NULL && getline(&line, &size, stdin) != -1) {

        memset(&system, 0, sizeof(caphealth_answer_t));
        memset(&disk, 0, sizeof(caphealth_answer_t));

        caphealth_host_collect(host, &system);
        caphealth_disk_collect(argv[2], &disk);

        reply = json_pack("{s:o?, s:o?}", "system", system.data,
                          "disk", disk.data);

        (void) json_dumpf(reply, stdout, JSON_COMPACT);
        (void) puts("");
        (void) fflush(stdout);

        json_decref(reply);
    }

    caphealth_host_destroy(host);
    free(line);

    return 0;
}
