
/*
 * A watched mount.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "caphealth_file.h"
#include "caphealth_source.h"
#include "caphealth_str.h"


static void caphealth_device_find(caphealth_disk_t *d, uint64_t id);


/*
 * What a file system says need not be so: a remote one may have no numbers
 * and answer with -1, or with more than there can be.
 */

static int64_t
caphealth_disk_number(uint64_t n, uint64_t unit)
{
    uint64_t  product;

    if (__builtin_mul_overflow(n, unit, &product)
        || product > (uint64_t) INT64_MAX)
    {
        return CAPHEALTH_UNKNOWN;
    }

    return (int64_t) product;
}


static int64_t
caphealth_disk_used(const struct statvfs *fs, uint64_t unit)
{
    if (fs->f_bfree > fs->f_blocks) {
        return CAPHEALTH_UNKNOWN;
    }

    return caphealth_disk_number(fs->f_blocks - fs->f_bfree, unit);
}


static void
caphealth_disk_check(caphealth_answer_t *a, const char *path)
{
    size_t                   i;
    const caphealth_disk_t  *d = &a->facts.disk;

    const struct {
        const char  *name;
        int64_t      value;
    } numbers[] = {
        { "total", d->total },
        { "used", d->used },
        { "available", d->available },
        { "inodes", d->inodes },
        { "inodes_free", d->inodes_free }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {

        if (numbers[i].value == CAPHEALTH_UNKNOWN) {
            caphealth_error_set(&a->error, CAPHEALTH_ERROR_OTHER,
                                "statvfs() \"%s\" gave an impossible number "
                                "for \"%s\"", path, numbers[i].name);
            return;
        }
    }
}


/*
 * 36 35 98:0 ROOT MOUNT rw,relatime master:1 - TYPE SOURCE rw,errors=continue
 *
 * The first options are the mount's, the last the file system's.
 */

static int
caphealth_device_mount(caphealth_disk_t *d, caphealth_str_t *line,
    uint64_t id)
{
    int              i;
    uint64_t         n;
    caphealth_str_t  word, device;

    device = (caphealth_str_t) { NULL, 0 };

    for (i = 0; caphealth_str_word(line, &word); i++) {

        if (i == 0 && (caphealth_str_u64(&word, &n) == -1 || n != id)) {
            return 0;
        }

        if (i == 2) {
            device = word;
        }

        if (i > 5 && caphealth_str_is(&word, "-")) {
            break;
        }
    }

    if (!caphealth_str_word(line, &word) || !caphealth_str_word(line, &word)
        || !caphealth_str_word(line, &word)
        || caphealth_str_copy(&device, d->device, sizeof(d->device)) == -1)
    {
        return 0;
    }

    d->device_read_only = caphealth_str_listed(word, "ro");

    return 1;
}


/*
 * By its mount's number, for the device of a file may be that of a subvolume.
 * A kernel before 5.8 does not tell it.
 */

static void
caphealth_device(caphealth_disk_t *d, const char *path)
{
    struct statx  stx;

    memset(&stx, 0, sizeof(struct statx));

    if (statx(AT_FDCWD, path, 0, STATX_TYPE|STATX_MNT_ID, &stx) == -1) {
        return;
    }

    (void) snprintf(d->device, sizeof(d->device), "%u:%u", stx.stx_dev_major,
                    stx.stx_dev_minor);

    if (stx.stx_mask & STATX_MNT_ID) {
        caphealth_device_find(d, stx.stx_mnt_id);
    }
}


static void
caphealth_device_find(caphealth_disk_t *d, uint64_t id)
{
    char            *text;
    caphealth_str_t  rest, line;

    rest.data = text = caphealth_file_read("", "/proc/self/mountinfo",
                                           &rest.len);
    if (text == NULL) {
        return;
    }

    while (caphealth_str_line(&rest, &line)
           && !caphealth_device_mount(d, &line, id))
    {
        /* void */
    }

    free(text);
}


void
caphealth_disk_collect(const char *path, caphealth_answer_t *a)
{
    int                rc;
    uint64_t           unit;
    struct statvfs     fs;
    caphealth_disk_t  *d;

    do {
        rc = statvfs(path, &fs);
    } while (rc == -1 && errno == EINTR);

    if (rc == -1) {
        caphealth_error_set(&a->error, caphealth_error_errno(errno),
                            "statvfs() \"%s\" failed: %s", path,
                            strerror(errno));
        return;
    }

    unit = fs.f_frsize ? fs.f_frsize : fs.f_bsize;

    d = &a->facts.disk;
    caphealth_disk_clear(d);

    d->total = caphealth_disk_number(fs.f_blocks, unit);
    d->used = caphealth_disk_used(&fs, unit);
    d->available = caphealth_disk_number(fs.f_bavail, unit);
    d->inodes = caphealth_disk_number(fs.f_files, 1);
    d->inodes_free = caphealth_disk_number(fs.f_favail, 1);
    d->read_only = (fs.f_flag & ST_RDONLY) ? 1 : 0;

    caphealth_device(d, path);

    a->known = 1;

    caphealth_disk_check(a, path);
}
