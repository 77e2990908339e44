
/*
 * A watched mount.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "caphealth_source.h"


void
caphealth_disk_collect(const char *path, caphealth_answer_t *a)
{
    json_int_t      unit;
    struct statvfs  fs;

    if (statvfs(path, &fs) == -1) {
        (void) snprintf(a->error, sizeof(a->error),
                        "statvfs() \"%s\" failed: %s", path, strerror(errno));
        return;
    }

    unit = (json_int_t) (fs.f_frsize ? fs.f_frsize : fs.f_bsize);

    a->data = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:b}",
                        "path", path,
                        "total", (json_int_t) fs.f_blocks * unit,
                        "used", (json_int_t) (fs.f_blocks - fs.f_bfree)
                                * unit,
                        "available", (json_int_t) fs.f_bavail * unit,
                        "inodes", (json_int_t) fs.f_files,
                        "inodes_free", (json_int_t) fs.f_favail,
                        "read_only", (fs.f_flag & ST_RDONLY) ? 1 : 0);

    if (a->data == NULL) {
        (void) snprintf(a->error, sizeof(a->error),
                        "the facts of \"%s\" are no JSON", path);
    }
}
