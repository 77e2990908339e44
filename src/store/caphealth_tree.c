
/*
 * The counts of an image tree.
 */

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "caphealth_tree.h"


static unsigned caphealth_tree_hex(const char *digits);
static int caphealth_tree_scan_valid(const caphealth_scan_t *scan);
static int caphealth_tree_amount_valid(int64_t n);
static int caphealth_tree_seconds_valid(double t);
static int32_t caphealth_tree_fullest(const int32_t *leaves);
static int64_t caphealth_tree_difference(int64_t a, int64_t b);


void
caphealth_tree_add(int64_t *sum, uint64_t bytes)
{
    int64_t  left;

    left = CAPHEALTH_TREE_MOST - *sum;

    *sum += bytes < (uint64_t) left ? (int64_t) bytes : left;
}


unsigned
caphealth_tree_slice(const char *id)
{
    return caphealth_tree_hex(id);
}


unsigned
caphealth_tree_leaf(const char *id)
{
    return caphealth_tree_hex(id + 2);
}


static unsigned
caphealth_tree_hex(const char *digits)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < 2; i++) {
        n = n * 16 + (unsigned) (digits[i] <= '9' ? digits[i] - '0'
                                                  : digits[i] - 'a' + 10);
    }

    return n & 255;
}


void
caphealth_tree_move(caphealth_tree_t *t, const char *id, int64_t files,
    int64_t bytes, int64_t complete)
{
    int32_t            *leaves;
    unsigned            slice, leaf;
    caphealth_slice_t  *s;

    slice = caphealth_tree_slice(id);
    leaf = caphealth_tree_leaf(id);

    s = &t->slices[slice];
    leaves = t->leaves[slice];

    s->files += files;
    s->bytes += bytes;
    s->complete += complete;
    leaves[leaf] += (int32_t) files;

    if (leaves[leaf] > leaves[s->fullest]) {
        s->fullest = (int32_t) leaf;

    } else if (s->fullest == (int32_t) leaf) {
        s->fullest = caphealth_tree_fullest(leaves);
    }

    s->changes++;
    t->changes++;
}


void
caphealth_tree_replace(caphealth_tree_t *t, unsigned slice,
    const caphealth_walk_t *walk)
{
    int64_t             files, bytes;
    caphealth_slice_t  *s;

    s = &t->slices[slice];

    /*
     * Counts that were not known cannot have drifted.  Files that the walk has
     * removed were counted rightly before.
     */

    if (t->scan.source != CAPHEALTH_TREE_UNKNOWN) {
        files = walk->files + walk->removed;
        bytes = walk->bytes + walk->removed_bytes;

        t->scan.pass_files += caphealth_tree_difference(files, s->files);
        t->scan.pass_bytes += caphealth_tree_difference(bytes, s->bytes);
    }

    t->scan.removed += walk->removed;
    t->scan.removed_bytes += walk->removed_bytes;

    /* a process that is killed below leaves a slice that is walked again */

    s->doubtful = 1;
    atomic_thread_fence(memory_order_seq_cst);

    s->files = walk->files;
    s->bytes = walk->bytes;
    s->complete = walk->complete;
    s->incomplete = walk->incomplete;
    s->strays = walk->strays;
    s->stray_bytes = walk->stray_bytes;
    s->foreign = walk->foreign;
    memcpy(s->missing, walk->missing, sizeof(s->missing));

    if (slice != CAPHEALTH_TOP) {
        memcpy(t->leaves[slice], walk->leaves, sizeof(walk->leaves));
        s->fullest = caphealth_tree_fullest(walk->leaves);
        s->partial = 0;
    }

    s->changes++;
    t->changes++;

    atomic_thread_fence(memory_order_seq_cst);
    s->walked = 1;
    s->doubtful = 0;
}


static int32_t
caphealth_tree_fullest(const int32_t *leaves)
{
    int32_t  i, fullest;

    fullest = 0;

    for (i = 1; i < CAPHEALTH_LEAVES; i++) {
        if (leaves[i] > leaves[fullest]) {
            fullest = i;
        }
    }

    return fullest;
}


static int64_t
caphealth_tree_difference(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}


void
caphealth_tree_begin(caphealth_tree_t *t, double now)
{
    unsigned  i;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        t->slices[i].walked = 0;
    }

    t->scan.scanning_since = now;
    t->scan.pass_files = 0;
    t->scan.pass_bytes = 0;
}


void
caphealth_tree_end(caphealth_tree_t *t, double now)
{
    t->scan.scan_seconds = now > t->scan.scanning_since
                           ? now - t->scan.scanning_since : 0;
    t->scan.scanning_since = 0;
    t->scan.scanned_at = now;
    t->scan.drift_files = t->scan.pass_files;
    t->scan.drift_bytes = t->scan.pass_bytes;
    t->scan.source = CAPHEALTH_TREE_LIVE;
    t->scan.counted_known = 1;

    t->changes++;
}


void
caphealth_tree_mark(caphealth_tree_t *t, uint64_t marks, double now)
{
    if (t->scan.marks != marks || t->scan.marks_since > now) {
        t->scan.marks = marks;
        t->scan.marks_since = now;
        t->changes++;
    }
}


void
caphealth_tree_count(caphealth_tree_t *t, uint64_t counted)
{
    if (t->scan.counted != counted) {
        t->scan.counted = counted;
        t->scan.counted_known = 0;
        t->scan.scanning_since = 0;
        t->changes++;
    }
}


void
caphealth_tree_total(const caphealth_tree_t *t, caphealth_total_t *total)
{
    int32_t                   files;
    unsigned                  i, n;
    const caphealth_slice_t  *s;

    memset(total, 0, sizeof(caphealth_total_t));

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        s = &t->slices[i];

        total->files += s->files;
        total->bytes += s->bytes;
        total->complete += s->complete;
        total->incomplete += s->incomplete;
        total->strays += s->strays;
        total->stray_bytes += s->stray_bytes;
        total->foreign += s->foreign;
        total->walked += s->walked;

        for (n = 0; n < CAPHEALTH_COUNTED_MAX; n++) {
            total->missing[n] += s->missing[n];
        }

        files = (i == CAPHEALTH_TOP) ? 0 : t->leaves[i][s->fullest & 255];

        if (files > total->max_files) {
            total->max_files = files;
            (void) snprintf(total->fullest, sizeof(total->fullest),
                            "%02x/%02x", i & 255,
                            (unsigned) (s->fullest & 255));
        }
    }

    total->files = total->files < 0 ? 0 : total->files;
    total->bytes = total->bytes < 0 ? 0 : total->bytes;
    total->complete = total->complete < 0 ? 0 : total->complete;
}


int
caphealth_walk_valid(const caphealth_walk_t *walk)
{
    int64_t   files;
    unsigned  i;

    if (!caphealth_tree_amount_valid(walk->files)
        || !caphealth_tree_amount_valid(walk->bytes)
        || !caphealth_tree_amount_valid(walk->complete)
        || walk->complete > walk->files
        || !caphealth_tree_amount_valid(walk->incomplete)
        || !caphealth_tree_amount_valid(walk->strays)
        || !caphealth_tree_amount_valid(walk->stray_bytes)
        || !caphealth_tree_amount_valid(walk->foreign)
        || !caphealth_tree_amount_valid(walk->removed)
        || !caphealth_tree_amount_valid(walk->removed_bytes)
        || !caphealth_tree_amount_valid(walk->cpu))
    {
        return 0;
    }

    for (i = 0; i < CAPHEALTH_COUNTED_MAX; i++) {
        if (walk->missing[i] < 0 || walk->missing[i] > walk->complete) {
            return 0;
        }
    }

    files = 0;

    for (i = 0; i < CAPHEALTH_LEAVES; i++) {
        if (walk->leaves[i] < 0) {
            return 0;
        }

        files += walk->leaves[i];
    }

    return files == walk->files
           && caphealth_error_valid(&walk->error);
}


int
caphealth_tree_valid(const caphealth_tree_t *t)
{
    int64_t                   files;
    unsigned                  i, n;
    const caphealth_slice_t  *s;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        s = &t->slices[i];

        if (!caphealth_tree_amount_valid(s->files)
            || !caphealth_tree_amount_valid(s->bytes)
            || !caphealth_tree_amount_valid(s->complete)
            || !caphealth_tree_amount_valid(s->incomplete)
            || !caphealth_tree_amount_valid(s->strays)
            || !caphealth_tree_amount_valid(s->stray_bytes)
            || !caphealth_tree_amount_valid(s->foreign)
            || s->fullest < 0 || s->fullest >= CAPHEALTH_LEAVES)
        {
            return 0;
        }

        for (n = 0; n < CAPHEALTH_COUNTED_MAX; n++) {
            if (s->missing[n] < 0) {
                return 0;
            }
        }

        if (s->partial) {
            continue;
        }

        files = 0;

        for (n = 0; i != CAPHEALTH_TOP && n < CAPHEALTH_LEAVES; n++) {
            if (t->leaves[i][n] < 0) {
                return 0;
            }

            files += t->leaves[i][n];
        }

        if (files != s->files) {
            return 0;
        }
    }

    return caphealth_tree_scan_valid(&t->scan);
}


static int
caphealth_tree_scan_valid(const caphealth_scan_t *scan)
{
    return scan->source >= CAPHEALTH_TREE_UNKNOWN
           && scan->source <= CAPHEALTH_TREE_LIVE
           && caphealth_tree_seconds_valid(scan->marks_since)
           && caphealth_tree_seconds_valid(scan->scanned_at)
           && caphealth_tree_seconds_valid(scan->scan_seconds)
           && caphealth_tree_seconds_valid(scan->scanning_since)
           && caphealth_tree_amount_valid(scan->drift_files)
           && caphealth_tree_amount_valid(scan->drift_bytes)
           && caphealth_tree_amount_valid(scan->pass_files)
           && caphealth_tree_amount_valid(scan->pass_bytes)
           && caphealth_tree_amount_valid(scan->removed)
           && caphealth_tree_amount_valid(scan->removed_bytes);
}


static int
caphealth_tree_amount_valid(int64_t n)
{
    return n >= 0 && n <= CAPHEALTH_TREE_MOST;
}


static int
caphealth_tree_seconds_valid(double t)
{
    return t >= 0 && t <= (double) CAPHEALTH_TREE_MOST;
}


uint64_t
caphealth_hash(uint64_t hash, const void *data, size_t len)
{
    size_t          i;
    const uint8_t  *p = data;

    for (i = 0; i < len; i++) {
        hash = (hash ^ p[i]) * 0x100000001b3u;
    }

    return hash;
}
