
/*
 * A walk of an image tree: what is counted, and what alone is removed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "caphealth_walk.h"
#include "tree.h"


#define TAIL  "0000000000000000000000000000"
#define A     "/ab/cd/abcd" TAIL
#define B     "/ab/ce/abce" TAIL


static const char          *marks[] = { "original" };
static const char          *parts[] = { "800", "200" };
static caphealth_walk_settings_t   walker = {
    .root = tree_root, .marks = marks, .nmarks = 1, .variants = parts,
    .nvariants = 2
};
static caphealth_walk_t     walk;


static int
go(unsigned slice)
{
    int  rc;

    memset(&walk, 0xff, sizeof(walk));
    rc = caphealth_walk(&walker, slice, &walk);
    assert_true(caphealth_walk_valid(&walk));

    return rc;
}


static int
there(const char *path)
{
    char  name[512];

    (void) snprintf(name, sizeof(name), "%s%s", tree_root, path);

    return access(name, F_OK) == 0;
}


static int
setup(void **state)
{
    walker.nmarks = 1;
    walker.variants = parts;
    walker.nvariants = 2;
    walker.since = 0;
    walker.before = 0;
    walker.root = tree_root;

    return tree_setup(state);
}


static void
counted(void **state)
{
    (void) state;

    tree_put(A "_original.webp", "12345");
    tree_put(A "_800.webp", "123");
    tree_put(A "_200.webp", "1");
    tree_put(A "_was-configured.webp", "");
    tree_put(B "_original.webp", "12");
    tree_put("/ac/00/ac00" TAIL "_original.webp", "1");

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.files, 5);
    assert_int_equal(walk.bytes, 11);
    assert_int_equal(walk.complete, 2);
    assert_int_equal(walk.incomplete, 0);
    assert_int_equal(walk.strays, 0);
    assert_int_equal(walk.leaves[0xcd], 4);
    assert_int_equal(walk.leaves[0xce], 1);
    assert_true(walk.cpu > 0);

    assert_int_equal(go(0xac), 0);
    assert_int_equal(walk.files, 1);
    assert_int_equal(go(0xad), 0);
    assert_int_equal(walk.files, 0);
    assert_int_equal(go(CAPHEALTH_TOP), 0);
    assert_int_equal(walk.strays, 0);
}


static void
strays(void **state)
{
    char  link[256], target[256];

    (void) state;

    tree_put(A "_original.webp", "12345");
    tree_put(A "_original.webp.bak", "1");                 /* 1 */
    tree_put(A "_Original.webp", "1");                     /* 2 */
    tree_put(A "_.webp", "1");                             /* 3 */
    tree_put("/ab/cd/ABCD" TAIL "_original.webp", "1");    /* 4 */
    tree_put("/ab/cd/abce" TAIL "_original.webp", "1");    /* 5 */
    tree_put("/ab/cd/.hidden", "1");                       /* 6 */
    tree_put("/ab/Thumbs.db", "12");                       /* 7 */
    tree_put("/ab/zz/abcd" TAIL "_original.webp", "1");    /* 8 */
    tree_put("/ab/cd/deep/er/file", "1234");               /* 9 */
    tree_put("/.DS_Store", "123");
    tree_put("/lost+found/a/b", "1");
    tree_put("/AB/cd/abcd" TAIL "_original.webp", "1");
    tree_put("/abc", "1");

    (void) snprintf(link, sizeof(link), "%s" A "_200.webp", tree_root);
    assert_int_equal(symlink("/etc/passwd", link), 0);     /* 10 */
    (void) snprintf(link, sizeof(link), "%s/ab/cf", tree_root);
    (void) snprintf(target, sizeof(target), "%s/ab/cd", tree_root);
    assert_int_equal(symlink(target, link), 0);            /* 11 */
    (void) snprintf(link, sizeof(link), "%s/ab/loop", tree_root);
    assert_int_equal(symlink(tree_root, link), 0);         /* 12 */

    walker.before = (double) time(NULL) + 100;

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.files, 1);
    assert_int_equal(walk.complete, 1);
    assert_int_equal(walk.strays, 12);
    assert_int_equal(walk.foreign, 1);
    assert_int_equal(walk.removed, 0);
    assert_true(there(A "_original.webp.bak"));
    assert_true(there("/ab/cd/.hidden"));
    assert_true(there("/ab/cd/deep/er/file"));

    assert_int_equal(go(CAPHEALTH_TOP), 0);
    assert_int_equal(walk.strays, 4);
    assert_int_equal(walk.stray_bytes, 6);

    /* the root may be a link: the operator has said so; a slice may not */

    (void) snprintf(link, sizeof(link), "%s/aa", tree_root);
    assert_int_equal(symlink(target, link), 0);
    assert_int_equal(go(0xaa), 0);
    assert_int_equal(walk.files, 0);
    assert_int_equal(walk.foreign, 1);
}


/* files without blocks, of 12 TiB each */

static void
huge(void **state)
{
    char        name[64], path[256];
    unsigned    i;
    const off_t size = (off_t) 12 << 40;

    static const char *const  names[] = { "/a", "/deep/a", A "_original.webp" };
    static const char *const  extensions[] = { "webp", "jpg", "avif" };
    static const char        *four[] = { "800", "200", "100", "50" };

    (void) state;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        tree_put(names[i], "");
        (void) snprintf(path, sizeof(path), "%s%s", tree_root, names[i]);

        if (truncate(path, size) == -1) {
            skip();                          /* no file may be as large */
        }
    }

    assert_int_equal(go(CAPHEALTH_TOP), 0);
    assert_int_equal(walk.strays, 2);
    assert_int_equal(walk.stray_bytes, 2 * size);

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.bytes, size);

    /* leftovers that are larger together than what is counted of them */

    for (i = 0; i < 12; i++) {
        (void) snprintf(name, sizeof(name), B "_%s.%s", four[i % 4],
                        extensions[i / 4]);
        tree_put(name, "");
        (void) snprintf(path, sizeof(path), "%s%s", tree_root, name);
        assert_int_equal(truncate(path, size), 0);
    }

    walker.variants = four;
    walker.nvariants = 4;
    walker.before = (double) time(NULL) + 100;

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.removed, 12);
    assert_int_equal(walk.removed_bytes, CAPHEALTH_TREE_MOST);
    assert_true(walk.bytes <= size);
}


static void
leftovers(void **state)
{
    double  now;

    (void) state;

    now = (double) time(NULL);

    tree_put(A "_800.webp", "123");
    tree_put(A "_200.webp", "12");
    tree_put(B "_original.webp", "1");
    tree_put("/ab/cd/.abcd" TAIL "_original.webp.tmp", "1");
    tree_put("/ab/cd/.abcd" TAIL ".tmp", "");

    /* too young */

    walker.before = now - 3600;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.incomplete, 1);
    assert_int_equal(walk.files, 3);
    assert_int_equal(walk.strays, 0);
    assert_int_equal(walk.removed, 0);

    /* from before "original" was the mark */

    walker.before = now + 100;
    walker.since = now + 50;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.incomplete, 1);
    assert_int_equal(walk.removed, 0);

    /* with a file of another configuration, which may be its mark */

    walker.since = now - 50;
    walker.nvariants = 1;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.incomplete, 1);
    assert_int_equal(walk.removed, 0);

    /* nobody knows what a mark is */

    walker.nvariants = 2;
    walker.nmarks = 0;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.removed, 0);
    assert_true(there(A "_200.webp"));

    /* a leftover */

    walker.nmarks = 1;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.incomplete, 0);
    assert_int_equal(walk.removed, 2);
    assert_int_equal(walk.removed_bytes, 5);
    assert_int_equal(walk.files, 1);
    assert_int_equal(walk.bytes, 1);
    assert_int_equal(walk.leaves[0xcd], 0);
    assert_false(there(A "_800.webp"));
    assert_false(there(A "_200.webp"));
    assert_false(there("/ab/cd/.abcd" TAIL "_original.webp.tmp"));
    assert_false(there("/ab/cd/.abcd" TAIL ".tmp"));
    assert_true(there(B "_original.webp"));

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.removed, 0);
}


/* a file's extension is that of its format, whichever variant it is of */

static void
formats(void **state)
{
    (void) state;

    tree_put(A "_original.jpg", "12345");
    tree_put(A "_800.avif", "123");
    tree_put(A "_200.webp", "1");
    tree_put(B "_800.jpg", "12");
    tree_put(B "_800.avif", "1");
    tree_put("/ab/ce/.abce" TAIL "_original.webp.tmp", "1");
    tree_put(A "_800.jpeg", "1");
    tree_put(A "_800.png", "1");
    tree_put(A "_.jpg", "1");
    tree_put(A ".jpg", "1");

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.files, 5);
    assert_int_equal(walk.bytes, 12);
    assert_int_equal(walk.complete, 1);
    assert_int_equal(walk.incomplete, 1);
    assert_int_equal(walk.strays, 4);

    walker.before = (double) time(NULL) + 100;
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.removed, 2);
    assert_int_equal(walk.removed_bytes, 3);
    assert_int_equal(walk.files, 3);
    assert_false(there(B "_800.jpg"));
    assert_false(there(B "_800.avif"));
    assert_true(there(A "_800.avif"));
}


static void
unreadable(void **state)
{
    char  path[256];

    (void) state;

    walker.root = "/nonexistent/images";
    assert_int_equal(go(0), -1);
    assert_string_equal(walk.error.text, "image root \"/nonexistent/images\" cannot"
                        " be read: No such file or directory");
    assert_int_equal(walk.error.code, CAPHEALTH_ERROR_NOT_FOUND);

    walker.root = tree_root;
    tree_put("/ab/cd", "a file");
    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.strays, 1);

    (void) snprintf(path, sizeof(path), "%s/ac", tree_root);
    assert_int_equal(mkdir(path, 0), 0);

    if (getuid() != 0) {
        assert_int_equal(go(0xac), -1);
        assert_non_null(strstr(walk.error.text, "/ac\" cannot be read: Permission "
                               "denied"));
        assert_int_equal(walk.error.code, CAPHEALTH_ERROR_PERMISSION);
    }
}


/* more files in a leaf than there is room at first, in no order */

static void
many(void **state)
{
    char      path[256];
    unsigned  i;

    (void) state;

    for (i = 0; i < 3000; i++) {
        (void) snprintf(path, sizeof(path), "/00/00/0000%028x_%s.webp",
                        (i * 7919) % 1000,
                        i < 1000 ? "original" : i < 2000 ? "800" : "200");
        tree_put(path, "x");
    }

    assert_int_equal(go(0), 0);
    assert_int_equal(walk.files, 3000);
    assert_int_equal(walk.complete, 1000);
    assert_int_equal(walk.leaves[0], 3000);
}


#define HIDDEN(leaf, id)  "/sources/" leaf "/." id TAIL ".jpeg.0a1b2c3d.tmp"

static void
sources(void **state)
{
    char  root[128], images[128];

    (void) state;

    (void) snprintf(root, sizeof(root), "%s/sources", tree_root);
    (void) snprintf(images, sizeof(images), "%s/images", tree_root);

    walker.root = root;
    walker.images = images;

    tree_put("/images" A "_original.webp", "1");
    tree_put("/images" A "_800.webp", "1");
    tree_put("/sources" A ".jpeg", "12345");
    tree_put("/sources" B ".png", "123");
    tree_put("/sources/ab/cd/abcd" TAIL ".bmp", "12");
    tree_put("/sources/ab/cd/abcd" TAIL "_800.webp", "12");
    tree_put("/sources/ab/cd/abce" TAIL ".jpeg", "1");

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.files, 2);
    assert_int_equal(walk.bytes, 8);
    assert_int_equal(walk.complete, 1);
    assert_int_equal(walk.incomplete, 1);
    assert_int_equal(walk.strays, 3);
    assert_int_equal(walk.leaves[0xcd], 1);
    assert_int_equal(walk.removed, 0);

    /* a source that has its name is not removed, however old */

    walker.before = (double) time(NULL) + 3600;

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.incomplete, 1);
    assert_true(there("/sources" B ".png"));

    walker.images = NULL;
}


static void
hidden_sources(void **state)
{
    char  root[128], images[128];

    (void) state;

    (void) snprintf(root, sizeof(root), "%s/sources", tree_root);
    (void) snprintf(images, sizeof(images), "%s/images", tree_root);

    walker.root = root;
    walker.images = images;

    tree_put("/images" A "_original.webp", "1");
    tree_put("/images/ab/ce/abce0" "000000000000000000000000000"
             "_800.webp", "1");
    tree_put("/images/ab/cf/x", "1");
    tree_put(HIDDEN("ab/cd", "abcd"), "1");
    tree_put(HIDDEN("ab/ce", "abce"), "12");
    tree_put(HIDDEN("ab/cf", "abcf"), "123");
    tree_put(HIDDEN("ab/d0", "abd0"), "1234");

    /* they may belong to an upload or a deletion that is under way */

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.files, 0);
    assert_int_equal(walk.strays, 0);
    assert_true(there(HIDDEN("ab/cd", "abcd")));
    assert_true(there(HIDDEN("ab/cf", "abcf")));

    walker.before = (double) time(NULL) + 3600;

    assert_int_equal(go(0xab), 0);

    /* its image has the mark */

    assert_true(there("/sources" A ".jpeg"));
    assert_false(there(HIDDEN("ab/cd", "abcd")));
    assert_int_equal(walk.files, 1);
    assert_int_equal(walk.bytes, 1);
    assert_int_equal(walk.complete, 1);

    /* a part of its image is there: a scan of the images removes that first */

    assert_true(there(HIDDEN("ab/ce", "abce")));

    /* there is no image */

    assert_false(there(HIDDEN("ab/cf", "abcf")));

    /* the directory of the images is missing, as if they were not mounted */

    assert_true(there(HIDDEN("ab/d0", "abd0")));

    walker.images = NULL;
}


static void
missing(void **state)
{
    static const char  *counted[] = { "original", "800", "200", "40" };

    (void) state;

    walker.counted = counted;
    walker.ncounted = 4;

    tree_put(A "_original.webp", "1");
    tree_put(A "_800.webp", "1");
    tree_put(A "_old.webp", "1");
    tree_put("/ab/cd/abcd1" "000000000000000000000000000" "_original.webp",
             "1");
    tree_put(B "_800.webp", "1");

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.complete, 2);
    assert_int_equal(walk.missing[0], 0);
    assert_int_equal(walk.missing[1], 1);
    assert_int_equal(walk.missing[2], 2);
    assert_int_equal(walk.missing[3], 2);
    assert_int_equal(walk.missing[4], 0);
    assert_true(walk.counted != 0);

    walker.ncounted = 0;

    assert_int_equal(go(0xab), 0);
    assert_int_equal(walk.counted, 0);
    assert_int_equal(walk.missing[1], 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(counted, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(strays, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(huge, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(leftovers, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(formats, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(unreadable, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(many, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(sources, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(hidden_sources, setup, tree_teardown),
        cmocka_unit_test_setup_teardown(missing, setup, tree_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
