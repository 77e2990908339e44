
/*
 * Whose images are in a tree, and how many each has.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#include <cmocka.h>

#include "caphealth_owners.h"


#define A  "abcd0000000000000000000000000001"
#define B  "abcd0000000000000000000000000002"
#define C  "abcd0000000000000000000000000003"


static char  root[64];


static int
setup(void **state)
{
    char  path[128];

    (void) state;

    (void) snprintf(root, sizeof(root), "/tmp/caphealth-owners-XXXXXX");
    assert_non_null(mkdtemp(root));

    (void) snprintf(path, sizeof(path), "%s/ab", root);
    assert_int_equal(mkdir(path, 0755), 0);
    (void) snprintf(path, sizeof(path), "%s/ab/cd", root);
    assert_int_equal(mkdir(path, 0755), 0);

    return 0;
}


static int
teardown(void **state)
{
    char  command[128];

    (void) state;
    (void) snprintf(command, sizeof(command), "rm -rf %s", root);

    return system(command);
}


static void
file(const char *id, const char *variant, size_t size)
{
    char   path[256];
    FILE  *f;

    (void) snprintf(path, sizeof(path), "%s/ab/cd/%s_%s.webp", root, id,
                    variant);

    if (size == 0) {
        assert_int_equal(unlink(path), 0);
        return;
    }

    f = fopen(path, "w");
    assert_non_null(f);

    while (size--) {
        assert_int_equal(fputc('x', f), 'x');
    }

    assert_int_equal(fclose(f), 0);
}


static const char *
mark(const char *id)
{
    static char  path[CAPHEALTH_PATH_LEN];

    (void) snprintf(path, sizeof(path), "ab/cd/%s_original.webp", id);

    return path;
}


static void
add(const char *owner, const char *id, int64_t bytes)
{
    caphealth_owner_t  o;

    assert_int_equal(caphealth_owner_open(&o, root, owner, 1, 0), 0);
    assert_int_equal(caphealth_owner_add(&o, id, mark(id)), 0);
    assert_int_equal(caphealth_owner_sync(&o), 0);

    file(id, "original", (size_t) bytes - 10);
    file(id, "200", 10);

    caphealth_owner_close(&o, 1, bytes, 1);
}


static void
counts(const char *owner, int64_t images, int64_t bytes)
{
    caphealth_owner_t  o;

    assert_int_equal(caphealth_owner_open(&o, root, owner, 0, 0), 0);
    assert_int_equal(o.images, images);
    assert_int_equal(o.bytes, bytes);
    caphealth_owner_close(&o, 0, 0, 1);
}


static void
test_names(void **state)
{
    char  longest[CAPHEALTH_OWNER_LEN + 1];

    (void) state;

    memset(longest, 'a', sizeof(longest));

    assert_true(caphealth_owner_valid("a", 1));
    assert_true(caphealth_owner_valid("..", 2));
    assert_true(caphealth_owner_valid("a/b \"%\" ü", 10));
    assert_true(caphealth_owner_valid(longest, CAPHEALTH_OWNER_LEN));
    assert_false(caphealth_owner_valid(longest, CAPHEALTH_OWNER_LEN + 1));
    assert_false(caphealth_owner_valid("", 0));
    assert_false(caphealth_owner_valid("a\nb", 3));
    assert_false(caphealth_owner_valid("a\0b", 3));
    assert_false(caphealth_owner_valid("\x7f", 1));
    assert_false(caphealth_owner_valid("\xff", 1));
}


static void
test_texts(void **state)
{
    char    name[CAPHEALTH_OWNER_LEN + 1], text[CAPHEALTH_OWNER_TEXT];
    size_t  i;

    static const char *const  texts[][2] = {
        { "vendor-7_B", "vendor-7_B" },
        { ".", "%2e" },
        { " a/b%", "%20a%2fb%25" },
        { "\xc3\xbc", "%c3%bc" }
    };

    static const char *const  wrong[] = {
        "", "a.b", "%2E", "%61", "%2", "%", "%zz", "%0a", "%ff", "a b"
    };

    (void) state;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        caphealth_owner_encode(texts[i][0], text);
        assert_string_equal(text, texts[i][1]);
        assert_int_equal(caphealth_owner_decode(text, name), 0);
        assert_string_equal(name, texts[i][0]);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(caphealth_owner_decode(wrong[i], name), -1);
    }

    memset(name, '.', CAPHEALTH_OWNER_LEN);
    name[CAPHEALTH_OWNER_LEN] = '\0';
    caphealth_owner_encode(name, text);
    assert_int_equal(strlen(text), CAPHEALTH_OWNER_TEXT - 1);
    assert_int_equal(caphealth_owner_decode(text, name), 0);
    assert_int_equal(strlen(name), CAPHEALTH_OWNER_LEN);
}


static int
note_image(void *data, const char *id, const char *name)
{
    size_t  len;
    char   *text = data;

    len = strlen(text);
    (void) snprintf(text + len, 256 - len, "%s:%s ", name, id + 31);

    return strcmp(name, "last") == 0 ? -1 : 0;
}


static void
test_images(void **state)
{
    char               text[256], path[128];
    caphealth_owner_t  o;

    (void) state;

    text[0] = '\0';
    assert_int_equal(caphealth_owner_images(root, "ab", note_image, text), 0);
    assert_string_equal(text, "");

    assert_int_equal(caphealth_owner_open(&o, root, "a b", 1, 0), 0);
    assert_int_equal(caphealth_owner_add(&o, A, "ab/cd/" A "_original.webp"),
                     0);
    assert_int_equal(caphealth_owner_add(&o,
                                         "cd" "000000000000000000000000000000",
                                         "cd/00/none.webp"), 0);
    caphealth_owner_close(&o, 2, 0, 1);

    (void) snprintf(path, sizeof(path), "%s/.owners/no.owner", root);
    assert_int_equal(mkdir(path, 0755), 0);
    (void) snprintf(path, sizeof(path), "%s/.owners/file", root);
    (void) close(open(path, O_WRONLY|O_CREAT, 0600));

    text[0] = '\0';
    assert_int_equal(caphealth_owner_images(root, "ab", note_image, text), 0);
    assert_string_equal(text, "a b:1 ");

    assert_int_equal(caphealth_owner_open(&o, root, "last", 1, 0), 0);
    assert_int_equal(caphealth_owner_add(&o, B, "ab/cd/" B "_original.webp"),
                     0);
    caphealth_owner_close(&o, 1, 0, 1);

    text[0] = '\0';
    assert_int_equal(caphealth_owner_images(root, "abcd", note_image, text),
                     -1);
    assert_non_null(strstr(text, "last:2 "));
}


static void
test_counts(void **state)
{
    char               name[CAPHEALTH_OWNER_LEN + 1];
    size_t             n;
    caphealth_owner_t  o;
    caphealth_owner_row_t  *rows;

    (void) state;

    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(caphealth_owner_find(root, A, name), 0);
    assert_int_equal(caphealth_owner_has(root, "v", A), 0);
    assert_int_equal(caphealth_owner_list(root, 0, &rows, &n), 0);
    assert_int_equal(n, 0);
    free(rows);

    add("v", A, 100);
    add("../ä", B, 300);
    add("v", C, 50);

    counts("v", 2, 150);
    counts("../ä", 1, 300);

    assert_int_equal(caphealth_owner_has(root, "v", A), 1);
    assert_int_equal(caphealth_owner_has(root, "v", B), 0);
    assert_int_equal(caphealth_owner_find(root, B, name), 1);
    assert_string_equal(name, "../ä");

    assert_int_equal(caphealth_owner_list(root, 0, &rows, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(rows[0].name, "../ä");
    assert_int_equal(rows[0].bytes, 300);
    assert_string_equal(rows[1].name, "v");
    assert_int_equal(rows[1].images, 2);
    free(rows);

    /* removed, as by DELETE */

    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0), 0);
    file(C, "original", 0);
    file(C, "200", 0);
    assert_int_equal(caphealth_owner_remove(&o, C), 0);
    assert_int_equal(caphealth_owner_remove(&o, C), 0);
    caphealth_owner_close(&o, -1, -50, 1);

    counts("v", 1, 100);
    assert_int_equal(caphealth_owner_find(root, C, name), 0);
}


static int64_t
listed(const char *owner)
{
    size_t                  i, n;
    int64_t                 images;
    caphealth_owner_row_t  *rows;

    if (caphealth_owner_list(root, 0, &rows, &n) == -1) {
        return -1;
    }

    images = 0;

    for (i = 0; i < n; i++) {
        if (strcmp(rows[i].name, owner) == 0) {
            images = rows[i].images;
        }
    }

    free(rows);

    return images;
}


/* nobody waits; the list has what there was before */

static void
test_locked(void **state)
{
    char               path[256];
    caphealth_owner_t  o, other;

    (void) state;

    add("v", A, 100);

    assert_int_equal(caphealth_owner_open(&o, root, "v", 1, 0), 0);
    assert_int_equal(caphealth_owner_open(&other, root, "v", 1, 0), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    assert_int_equal(other.dir, -1);
    assert_int_equal(listed("v"), 1);

    assert_int_equal(caphealth_owner_add(&o, B, mark(B)), 0);
    file(B, "original", 50);
    assert_int_equal(listed("v"), 1);

    caphealth_owner_close(&o, 1, 50, 1);
    assert_int_equal(listed("v"), 2);

    /* it is about to remove one, and has noted nothing else */

    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0), 0);
    caphealth_owner_doubt(&o);
    file(B, "original", 0);
    assert_int_equal(listed("v"), 2);
    (void) close(o.dir);
    counts("v", 1, 100);

    /* what there was before is not known */

    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0), 0);
    (void) snprintf(path, sizeof(path), "%s/.owners/v/.counts", root);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(listed("v"), -1);
    assert_int_equal(errno, EWOULDBLOCK);
    caphealth_owner_close(&o, 0, 0, 1);
    assert_int_equal(listed("v"), 1);
}


/* what the process that was killed did not note is seen */

static void
test_killed(void **state)
{
    char               path[256];
    struct timespec    old[2];
    caphealth_owner_t  o;

    (void) state;

    add("v", A, 100);

    /* it has named one, which is not published, and one that is */

    assert_int_equal(caphealth_owner_open(&o, root, "v", 1, 0), 0);
    assert_int_equal(caphealth_owner_add(&o, B, mark(B)), 0);
    assert_int_equal(caphealth_owner_add(&o, C, mark(C)), 0);
    file(C, "original", 7);
    (void) close(o.dir);

    counts("v", 2, 107);
    assert_int_equal(caphealth_owner_has(root, "v", B), 1);

    /* the clock of the file system has not moved since the last note */

    assert_int_equal(caphealth_owner_open(&o, root, "v", 1, 0), 0);
    assert_int_equal(caphealth_owner_remove(&o, C), 0);
    (void) close(o.dir);
    counts("v", 1, 100);

    /* somebody else, who does not note anything */

    (void) snprintf(path, sizeof(path), "%s/.owners/v/%s", root, A);
    assert_int_equal(unlink(path), 0);
    (void) snprintf(path, sizeof(path), "%s/.owners/v", root);
    memset(old, 0, sizeof(old));
    old[0].tv_nsec = UTIME_OMIT;
    old[1].tv_sec = 1700000000;
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    counts("v", 0, 0);

    /* a closing that is not sure */

    add("v", A, 100);
    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0), 0);
    assert_int_equal(caphealth_owner_remove(&o, B), 0);
    caphealth_owner_close(&o, -5, -5, 0);
    counts("v", 1, 100);
}


static void
test_old_and_damaged(void **state)
{
    int                fd;
    char               path[256];
    caphealth_owner_t  o;

    (void) state;

    add("v", A, 100);

    /* removed by hand: seen when the counts are too old */

    file(A, "200", 0);
    counts("v", 1, 100);
    assert_int_equal(caphealth_owner_open(&o, root, "v", 0, 0.000001), 0);
    assert_int_equal(o.bytes, 90);
    caphealth_owner_close(&o, 0, 0, 1);
    counts("v", 1, 90);

    (void) snprintf(path, sizeof(path), "%s/.owners/v/.counts", root);
    fd = open(path, O_WRONLY);
    assert_true(fd != -1);
    assert_int_equal(pwrite(fd, "x", 1, 9), 1);
    (void) close(fd);
    counts("v", 1, 90);

    assert_int_equal(truncate(path, 3), 0);
    counts("v", 1, 90);

    file(A, "original", 0);
    assert_int_equal(truncate(path, 0), 0);
    counts("v", 0, 0);
}


/* beside an image of "caphealth_image_id key" or "content" */

static void
test_record(void **state)
{
    char  path[256];

    (void) state;

    add("v", A, 100);

    (void) snprintf(path, sizeof(path), "%s/ab/cd/" A
                    "_0123456789abcdef0123456789abcdef.answer", root);
    assert_int_equal(close(open(path, O_WRONLY|O_CREAT, 0600)), 0);
    assert_int_equal(truncate(path, 1000), 0);
    (void) snprintf(path, sizeof(path), "%s/.owners/v/.counts", root);
    assert_int_equal(unlink(path), 0);

    counts("v", 1, 100);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_texts),
        cmocka_unit_test_setup_teardown(test_images, setup, teardown),
        cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_and_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_record, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
