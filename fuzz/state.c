
/*
 * Under test: src/store/caphealth_state.c src/store/caphealth_tree.c
 * (state_save|state_load|state_write|state_read|state_header|state_name|tree_)
 *
 * The saved state: a valid file with changes in it, each an offset of three
 * bytes, an amount and its length.  A first byte that is odd repairs the
 * checksum afterwards; the next two cut the file off.
 */

#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "caphealth_state.h"


#define ROOT  "/srv/images"
#define CUT   600

/* where caphealth_state.c has its hash, and the tree */
#define HASH  16


static char     dir[32];
static char     name[64];
static char     bad[80];
static char    *saved;
static size_t   saved_size;
static size_t   tree_at;


static void
clean(void)
{
    (void) unlink(name);
    (void) unlink(bad);
    (void) rmdir(dir);
}


static void
make_name(void)
{
    DIR            *d;
    struct dirent  *entry;

    d = opendir(dir);
    fuzz_check(d != NULL);

    while ((entry = readdir(d)) != NULL) {
        if (strstr(entry->d_name, ".tree") != NULL) {
            (void) snprintf(name, sizeof(name), "%s/%.30s", dir,
                            entry->d_name);
        }
    }

    (void) closedir(d);
    (void) snprintf(bad, sizeof(bad), "%s.bad", name);
}


/* as caphealth_tree_move() and a scan leave it */

static void
fill(caphealth_tree_t *t)
{
    caphealth_walk_t  walk;

    static const char  id[] = "ab12ffffffffffffffffffffffffffff";

    memset(t, 0, sizeof(*t));
    memset(&walk, 0, sizeof(walk));

    walk.files = 5;
    walk.leaves[18] = 5;
    walk.bytes = 1000;
    walk.complete = 1;

    caphealth_tree_mark(t, 7, 1e9);
    caphealth_tree_begin(t, 1e9);
    caphealth_tree_replace(t, 3, &walk);
    caphealth_tree_end(t, 1e9 + 5);
    caphealth_tree_move(t, id, 3, 3000, 1);
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    int                fd;
    const size_t       size = sizeof(caphealth_tree_t);
    caphealth_tree_t  *t;

    (void) argc;
    (void) argv;

    (void) snprintf(dir, sizeof(dir), "%s/caphealth-XXXXXX",
                    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fuzz_check(mkdtemp(dir) != NULL);

    t = malloc(sizeof(*t));
    fuzz_check(t != NULL);
    fill(t);

    fd = caphealth_state_lock(dir);
    fuzz_check(fd != -1 && caphealth_state_save(fd, ROOT, t) == 0);
    (void) close(fd);

    make_name();
    (void) atexit(clean);

    fd = open(name, O_RDONLY);
    fuzz_check(fd != -1);

    saved = malloc(2 * size);
    fuzz_check(saved != NULL);

    saved_size = (size_t) read(fd, saved, 2 * size);
    fuzz_check(saved_size > size && saved_size < 2 * size);

    tree_at = saved_size - size;

    (void) close(fd);
    free(t);

    return 0;
}


static void
change(char *file, fuzz_bytes_t *b)
{
    size_t    at;
    uint64_t  amount;
    unsigned  n;

    /* most of it is leaves: the scan's numbers and the slices come first */

    at = (size_t) fuzz_number(b, 3) % saved_size;
    n = (unsigned) fuzz_number(b, 1) % 8 + 1;
    amount = fuzz_number(b, n);

    if (at + sizeof(amount) <= saved_size) {
        memcpy(file + at, &amount, n > 4 ? 8 : n);
    }
}


static void
put(const char *file, size_t size)
{
    int  fd;

    fd = open(name, O_WRONLY|O_CREAT|O_TRUNC, 0600);
    fuzz_check(fd != -1);
    fuzz_check(write(fd, file, size) == (ssize_t) size);
    (void) close(fd);
}


static void
check_amount(int64_t n)
{
    fuzz_check(n >= 0 && n <= CAPHEALTH_TREE_MOST);
}


/* what is accepted adds up, and can be gone on with */

static void
check_tree(caphealth_tree_t *t)
{
    int64_t            files;
    unsigned           i;
    caphealth_walk_t   walk;
    caphealth_total_t  total;

    fuzz_check(caphealth_tree_valid(t));

    for (files = 0, i = 0; i < CAPHEALTH_SLICES; i++) {
        files += t->slices[i].files;

        fuzz_check(t->slices[i].fullest >= 0
                   && t->slices[i].fullest < CAPHEALTH_LEAVES);
    }

    caphealth_tree_total(t, &total);

    fuzz_check(total.files == files && total.bytes >= 0 && total.complete >= 0);
    fuzz_check(total.max_files >= 0 && total.max_files <= total.files);

    check_amount(t->scan.drift_files);
    check_amount(t->scan.drift_bytes);
    check_amount(t->scan.pass_files);
    check_amount(t->scan.pass_bytes);
    check_amount(t->scan.removed);
    check_amount(t->scan.removed_bytes);

    fuzz_check(isfinite(t->scan.scanned_at) && t->scan.scanned_at >= 0);
    fuzz_check(isfinite(t->scan.scan_seconds) && t->scan.scan_seconds >= 0);
    fuzz_check(isfinite(t->scan.marks_since) && t->scan.marks_since >= 0);
    fuzz_check(isfinite(t->scan.scanning_since)
               && t->scan.scanning_since >= 0);

    /* an upload, and a scan that finds nothing */

    caphealth_tree_mark(t, 9, 2e9);
    caphealth_tree_move(t, "00ffffffffffffffffffffffffffffff", 1, 1, 1);

    memset(&walk, 0, sizeof(walk));

    caphealth_tree_begin(t, 2e9);

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        caphealth_tree_replace(t, i, &walk);
    }

    caphealth_tree_end(t, 2e9 + 1);
    caphealth_tree_total(t, &total);

    fuzz_check(total.files == 0 && total.walked == CAPHEALTH_SLICES);
    fuzz_check(t->scan.drift_files >= files);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               *file;
    size_t              cut;
    unsigned            repair;
    uint64_t            hash;
    fuzz_bytes_t        b = { data, size };
    caphealth_tree_t   *t;
    caphealth_state_e   rc;

    file = fuzz_copy(saved, saved_size);
    t = malloc(sizeof(*t));
    fuzz_check(t != NULL);

    repair = (unsigned) fuzz_number(&b, 1) & 1;
    cut = (size_t) fuzz_number(&b, 2);
    cut = cut < CUT ? cut : 0;

    while (b.size) {
        change(file, &b);
    }

    if (repair) {
        hash = caphealth_hash(CAPHEALTH_HASH, ROOT, strlen(ROOT));
        hash = caphealth_hash(hash, file + tree_at, saved_size - tree_at);
        memcpy(file + HASH, &hash, sizeof(hash));
    }

    put(file, saved_size - cut);

    rc = caphealth_state_load(dir, ROOT, t);

    fuzz_check(rc == CAPHEALTH_STATE_OK || rc == CAPHEALTH_STATE_FOREIGN);
    fuzz_check(rc == CAPHEALTH_STATE_FOREIGN || cut == 0);
    fuzz_check((access(name, F_OK) == 0) == (rc == CAPHEALTH_STATE_OK));

    /* the last member, the farthest from the head */

    if (rc == CAPHEALTH_STATE_OK) {
        fuzz_check(memcmp(t->leaves, file + saved_size - sizeof(t->leaves),
                          sizeof(t->leaves))
                   == 0);
        check_tree(t);
    }

    free(file);
    free(t);

    return 0;
}
