
/*
 * A watched mount.
 */

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/statvfs.h>

#include "caphealth_db.h"
#include "caphealth_source.h"


/*
 * What a file system says need not be so: a remote one may have no numbers
 * and answer with -1, or with more than there can be.
 */

static json_t *
caphealth_disk_number(uint64_t n, uint64_t unit)
{
    uint64_t  product;

    if (__builtin_mul_overflow(n, unit, &product)
        || product > (uint64_t) INT64_MAX)
    {
        return json_null();
    }

    return json_integer((json_int_t) product);
}


static json_t *
caphealth_disk_used(const struct statvfs *fs, uint64_t unit)
{
    if (fs->f_bfree > fs->f_blocks) {
        return json_null();
    }

    return caphealth_disk_number(fs->f_blocks - fs->f_bfree, unit);
}


static void
caphealth_disk_check(caphealth_answer_t *a, const char *path)
{
    json_t      *value;
    const char  *name;

    json_object_foreach(a->data, name, value) {

        if (json_is_null(value)) {
            caphealth_db_error(a->error, "statvfs() \"%s\" gave an "
                               "impossible number for \"%s\"", path, name);
            return;
        }
    }
}


void
caphealth_disk_collect(const char *path, caphealth_answer_t *a)
{
    int             rc;
    uint64_t        unit;
    struct statvfs  fs;

    do {
        rc = statvfs(path, &fs);
    } while (rc == -1 && errno == EINTR);

    if (rc == -1) {
        caphealth_db_error(a->error, "statvfs() \"%s\" failed: %s", path,
                           strerror(errno));
        return;
    }

    unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize;

    a->data = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b}",
                        "path", path,
                        "total", caphealth_disk_number(fs.f_blocks, unit),
                        "used", caphealth_disk_used(&fs, unit),
                        "available",
                        caphealth_disk_number(fs.f_bavail, unit),
                        "inodes", caphealth_disk_number(fs.f_files, 1),
                        "inodes_free", caphealth_disk_number(fs.f_favail, 1),
                        "read_only", (fs.f_flag & ST_RDONLY) ? 1 : 0);

    if (a->data == NULL) {
        caphealth_db_error(a->error, "a disk has a path that is not UTF-8");
        return;
    }

    caphealth_disk_check(a, path);
}
