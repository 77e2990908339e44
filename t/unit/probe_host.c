
/*
 * For check_psutil.py: at each line on its input, one look at the system
 * below ROOT and at the mount DISK, as a line of JSON.
 *
 *     probe_host ROOT DISK
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts_json.h"


static int
probe_look(caphealth_host_t *h, const char *path)
{
    char                *text;
    seen_t               system, disk;
    json_t              *both;
    caphealth_answer_t   answer;

    see_host(h, &system, &answer);
    see_disk(path, &disk, &answer);

    both = json_pack("{s:o?, s:s, s:o?, s:s}",
                     "system", system.data, "system_error", system.error.text,
                     "disk", disk.data, "disk_error", disk.error.text);

    text = (both == NULL) ? NULL : json_dumps(both, JSON_COMPACT);
    json_decref(both);

    if (text == NULL) {
        fprintf(stderr, "probe_host: no memory\n");
        return -1;
    }

    printf("%s\n", text);
    free(text);

    return fflush(stdout) == 0 ? 0 : -1;
}


int
main(int argc, char *const *argv)
{
    int                rc, c;
    caphealth_host_t  *h;

    if (argc != 3) {
        fprintf(stderr, "usage: probe_host ROOT DISK\n");
        return 2;
    }

    h = caphealth_host_create(argv[1]);
    if (h == NULL) {
        fprintf(stderr, "probe_host: no memory\n");
        return 1;
    }

    rc = 0;

    while (rc == 0 && (c = getchar()) != EOF) {
        if (c == '\n') {
            rc = probe_look(h, argv[2]);
        }
    }

    caphealth_host_destroy(h);

    return rc == 0 ? 0 : 1;
}
