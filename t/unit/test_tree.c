
/*
 * What is known of an image tree: against a plain list of its files.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>

#include "caphealth_path.h"
#include "caphealth_state.h"
#include "caphealth_tree.h"
#include "tree.h"


#define SETS  400


static caphealth_tree_t  tree;


/* few leaves, so that they fill, and the fullest one changes */

static void
id_of(char id[CAPHEALTH_ID_LEN + 1], unsigned i)
{
    (void) snprintf(id, CAPHEALTH_ID_LEN + 1, "%02x%02x%028x", i % 3,
                    (i / 3) % 5, i);
}


static void
moves(void **state)
{
    int                leaves[3][5], max;
    char               id[CAPHEALTH_ID_LEN + 1];
    int64_t            files, bytes, complete;
    unsigned           i, n, there[SETS];
    caphealth_total_t  total;

    (void) state;

    memset(&tree, 0, sizeof(tree));
    memset(there, 0, sizeof(there));
    memset(leaves, 0, sizeof(leaves));
    files = bytes = complete = 0;

    srandom(1);

    for (n = 0; n < 20000; n++) {
        i = (unsigned) random() % SETS;
        id_of(id, i);

        if (there[i]) {
            caphealth_tree_move(&tree, id, -3, -(int64_t) there[i], -1);
            files -= 3, bytes -= there[i], complete--;
            leaves[i % 3][(i / 3) % 5] -= 3;
            there[i] = 0;

        } else {
            there[i] = 1 + (unsigned) random() % 1000;
            caphealth_tree_move(&tree, id, 3, there[i], 1);
            files += 3, bytes += there[i], complete++;
            leaves[i % 3][(i / 3) % 5] += 3;
        }

        caphealth_tree_total(&tree, &total);

        for (max = 0, i = 0; i < 15; i++) {
            max = leaves[i % 3][i / 3] > max ? leaves[i % 3][i / 3] : max;
        }

        assert_int_equal(total.files, files);
        assert_int_equal(total.bytes, bytes);
        assert_int_equal(total.complete, complete);
        assert_int_equal(total.max_files, max);

        if (max) {
            unsigned  slice, leaf;

            assert_int_equal(sscanf(total.fullest, "%2x/%2x", &slice, &leaf),
                             2);
            assert_int_equal(leaves[slice][leaf], max);
        }
    }

    assert_true(caphealth_tree_valid(&tree));
    assert_int_equal(tree.changes, 20000);
}


static void
slices(void **state)
{
    (void) state;

    assert_int_equal(caphealth_tree_slice("09afffffffffffffffffffffffffffff"),
                     0x09);
    assert_int_equal(caphealth_tree_leaf("09afffffffffffffffffffffffffffff"),
                     0xaf);
}


static void
replaced(void **state)
{
    caphealth_walk_t   walk;
    caphealth_total_t  total;

    (void) state;

    memset(&tree, 0, sizeof(tree));
    memset(&walk, 0, sizeof(walk));

    walk.files = 7;
    walk.bytes = 700;
    walk.complete = 2;
    walk.incomplete = 1;
    walk.strays = 5;
    walk.leaves[9] = 4;
    walk.leaves[200] = 3;
    assert_true(caphealth_walk_valid(&walk));

    /* nothing was known, so nothing has drifted */

    caphealth_tree_begin(&tree, 1000);
    caphealth_tree_replace(&tree, 0xab, &walk);
    caphealth_tree_end(&tree, 1002);

    caphealth_tree_total(&tree, &total);
    assert_int_equal(total.files, 7);
    assert_int_equal(total.max_files, 4);
    assert_string_equal(total.fullest, "ab/09");
    assert_int_equal(total.walked, 1);
    assert_int_equal(tree.scan.drift_files, 0);
    assert_int_equal(tree.scan.source, CAPHEALTH_TREE_LIVE);
    assert_true(tree.scan.scan_seconds == 2);

    /* one less in one slice and one more in another are two, not none */

    caphealth_tree_begin(&tree, 2000);
    walk.files = 6;
    walk.bytes = 500;
    walk.leaves[9] = 3;
    caphealth_tree_replace(&tree, 0xab, &walk);

    memset(&walk, 0, sizeof(walk));
    walk.files = walk.leaves[0] = 1;
    walk.bytes = 200;
    caphealth_tree_replace(&tree, 0xac, &walk);

    assert_int_equal(tree.scan.drift_files, 0);
    caphealth_tree_end(&tree, 2001);
    assert_int_equal(tree.scan.drift_files, 2);
    assert_int_equal(tree.scan.drift_bytes, 400);

    /* what the walk removed was there when it was counted */

    memset(&walk, 0, sizeof(walk));
    walk.removed = 1;
    walk.removed_bytes = 200;
    caphealth_tree_begin(&tree, 3000);
    caphealth_tree_replace(&tree, 0xac, &walk);
    caphealth_tree_end(&tree, 3001);
    assert_int_equal(tree.scan.drift_files, 0);
    assert_int_equal(tree.scan.drift_bytes, 0);
    assert_int_equal(tree.scan.removed, 1);
}


static void
invalid_walks(void **state)
{
    caphealth_walk_t  walk;

    (void) state;

    memset(&walk, 0, sizeof(walk));
    assert_true(caphealth_walk_valid(&walk));

    walk.files = 1;
    assert_false(caphealth_walk_valid(&walk));
    walk.leaves[0] = 2;
    walk.leaves[1] = -1;
    assert_false(caphealth_walk_valid(&walk));
    walk.leaves[0] = 1;
    walk.leaves[1] = 0;
    assert_true(caphealth_walk_valid(&walk));

    walk.complete = 2;
    assert_false(caphealth_walk_valid(&walk));
    walk.complete = 0;
    walk.bytes = -1;
    assert_false(caphealth_walk_valid(&walk));
    walk.bytes = INT64_MAX;
    assert_false(caphealth_walk_valid(&walk));
    walk.bytes = 0;
    walk.cpu = INT64_MAX / 100;
    assert_false(caphealth_walk_valid(&walk));
    walk.cpu = 0;
    memset(walk.error.text, 'a', sizeof(walk.error.text));
    assert_false(caphealth_walk_valid(&walk));
}


/* found by fuzz/state: numbers that a report would show, or overflow */

static void
invalid_scans(void **state)
{
    size_t  i;

    double *const  times[] = {
        &tree.scan.marks_since, &tree.scan.scanned_at,
        &tree.scan.scan_seconds, &tree.scan.scanning_since
    };

    int64_t *const  amounts[] = {
        &tree.scan.drift_files, &tree.scan.drift_bytes, &tree.scan.pass_files,
        &tree.scan.pass_bytes, &tree.scan.removed, &tree.scan.removed_bytes
    };

    (void) state;

    memset(&tree, 0, sizeof(tree));
    assert_true(caphealth_tree_valid(&tree));

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        *times[i] = NAN;
        assert_false(caphealth_tree_valid(&tree));
        *times[i] = -1;
        assert_false(caphealth_tree_valid(&tree));
        *times[i] = INFINITY;
        assert_false(caphealth_tree_valid(&tree));
        *times[i] = 4e9;
        assert_true(caphealth_tree_valid(&tree));
    }

    for (i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        *amounts[i] = -1;
        assert_false(caphealth_tree_valid(&tree));
        *amounts[i] = INT64_MAX;
        assert_false(caphealth_tree_valid(&tree));
        *amounts[i] = 5;
        assert_true(caphealth_tree_valid(&tree));
    }
}


static void
added(void **state)
{
    int64_t  sum;

    (void) state;

    sum = 0;
    caphealth_tree_add(&sum, 7);
    caphealth_tree_add(&sum, 0);
    assert_int_equal(sum, 7);
    caphealth_tree_add(&sum, UINT64_MAX);
    assert_int_equal(sum, CAPHEALTH_TREE_MOST);
    caphealth_tree_add(&sum, 1);
    assert_int_equal(sum, CAPHEALTH_TREE_MOST);
}


static void
marks(void **state)
{
    (void) state;

    memset(&tree, 0, sizeof(tree));

    caphealth_tree_mark(&tree, 5, 100);
    assert_true(tree.scan.marks_since == 100);
    caphealth_tree_mark(&tree, 5, 200);
    assert_true(tree.scan.marks_since == 100);
    caphealth_tree_mark(&tree, 6, 300);
    assert_true(tree.scan.marks_since == 300);

    /* a clock that was set back */

    caphealth_tree_mark(&tree, 6, 50);
    assert_true(tree.scan.marks_since == 50);
}


static void
fill(void)
{
    char      id[CAPHEALTH_ID_LEN + 1];
    unsigned  i;

    memset(&tree, 0, sizeof(tree));

    for (i = 0; i < 100; i++) {
        id_of(id, i);
        caphealth_tree_move(&tree, id, 3, 1000, 1);
    }

    tree.scan.source = CAPHEALTH_TREE_LIVE;
}


static void
save(const char *root)
{
    int  dir;

    dir = caphealth_state_lock(tree_root);
    assert_int_not_equal(dir, -1);
    assert_int_equal(caphealth_state_save(dir, root, &tree), 0);
    (void) close(dir);
}


static unsigned
entries(const char *suffix)
{
    char   command[256];
    FILE  *list;
    int    n;

    (void) snprintf(command, sizeof(command), "ls %s | grep -c '%s$'",
                    tree_root, suffix);
    list = popen(command, "r");
    assert_non_null(list);
    assert_int_equal(fscanf(list, "%d", &n), 1);
    (void) pclose(list);

    return (unsigned) n;
}


static void
saved(void **state)
{
    caphealth_tree_t  *copy;

    (void) state;

    copy = malloc(sizeof(*copy));
    assert_non_null(copy);

    assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                     CAPHEALTH_STATE_NONE);
    assert_int_equal(caphealth_state_load("/nonexistent", "/srv/a", copy),
                     CAPHEALTH_STATE_NONE);

    fill();
    save("/srv/a");
    save("/srv/a");
    assert_int_equal(entries("tree"), 1);

    assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                     CAPHEALTH_STATE_OK);
    assert_memory_equal(copy, &tree, sizeof(tree));

    assert_int_equal(caphealth_state_load(tree_root, "/srv/b", copy),
                     CAPHEALTH_STATE_NONE);

    free(copy);
}


/* one bit anywhere, a byte more or less: never believed */

static void
damaged(void **state)
{
    int                fd;
    char               path[256], byte;
    off_t              size, at;
    unsigned           i;
    FILE              *list;
    char               command[256];
    caphealth_tree_t  *copy;

    (void) state;

    copy = malloc(sizeof(*copy));
    assert_non_null(copy);

    fill();

    for (i = 0; i < 200; i++) {
        save("/srv/a");

        (void) snprintf(command, sizeof(command), "ls %s/*.tree", tree_root);
        list = popen(command, "r");
        assert_non_null(list);
        assert_int_equal(fscanf(list, "%255s", path), 1);
        (void) pclose(list);

        fd = open(path, O_RDWR);
        assert_int_not_equal(fd, -1);
        size = lseek(fd, 0, SEEK_END);

        switch (i) {

        case 0:
            assert_int_equal(ftruncate(fd, size - 1), 0);
            break;

        case 1:
            assert_int_equal(ftruncate(fd, size + 1), 0);
            break;

        case 2:
            assert_int_equal(ftruncate(fd, 0), 0);
            break;

        default:
            at = i < 20 ? i : random() % size;
            assert_int_equal(pread(fd, &byte, 1, at), 1);
            byte ^= (char) (1 << (i % 8));
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }

        (void) close(fd);

        assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                         CAPHEALTH_STATE_FOREIGN);
        assert_int_equal(entries("tree"), 0);
        assert_int_equal(entries("bad"), 1);
        assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                         CAPHEALTH_STATE_NONE);
    }

    /* numbers that cannot be, properly saved */

    tree.slices[0].files++;
    save("/srv/a");
    assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                     CAPHEALTH_STATE_FOREIGN);

    /* found by fuzz/state: numbers of which nothing is known */

    fill();
    tree.scan.source = CAPHEALTH_TREE_UNKNOWN;
    save("/srv/a");
    assert_int_equal(caphealth_state_load(tree_root, "/srv/a", copy),
                     CAPHEALTH_STATE_FOREIGN);

    free(copy);
}


static void
unwritable(void **state)
{
    int  dir;

    (void) state;

    assert_int_equal(caphealth_state_lock("/nonexistent"), -1);

    dir = open("/proc/self", O_RDONLY|O_DIRECTORY);
    assert_int_not_equal(dir, -1);
    assert_int_equal(caphealth_state_save(dir, "/srv/a", &tree), -1);
    assert_int_not_equal(errno, 0);
    (void) close(dir);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(slices),
        cmocka_unit_test(moves),
        cmocka_unit_test(replaced),
        cmocka_unit_test(invalid_walks),
        cmocka_unit_test(invalid_scans),
        cmocka_unit_test(added),
        cmocka_unit_test(marks),
        cmocka_unit_test_setup_teardown(saved, tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(damaged, tree_setup, tree_teardown),
        cmocka_unit_test(unwritable)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
