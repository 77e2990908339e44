
/*
 * The files of one image: all of them in sight, or none.
 */

#include <errno.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "caphealth_image_files.h"
#include "caphealth_output.h"
#include "tree.h"


static const char  webp[] = "RIFF\4\0\0\0WEBP";


/* files below the root, temporary ones too */

static int
count(void)
{
    int    n;
    char   command[128];
    FILE  *p;

    (void) snprintf(command, sizeof(command), "find %s -type f | wc -l",
                    tree_root);

    p = popen(command, "r");   /* NOLINT(cert-env33-c) */
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    (void) pclose(p);

    return n;
}


static void
begin(caphealth_image_files_t *image, int no_tmpfile)
{
    unsigned  i;

    caphealth_image_init(image);
    image->no_tmpfile = no_tmpfile ? 1 : 0;

    caphealth_image_add(image, "original");
    caphealth_image_add(image, "800");
    caphealth_image_add(image, "200");

    assert_int_equal(caphealth_image_open(image, tree_root), 0);

    for (i = 0; i < 3; i++) {
        assert_int_equal(write(image->variants[i].fd, webp, 12), 12);
    }
}


static int
check_as(caphealth_image_files_t *image, unsigned i, uint32_t format,
    uint64_t bytes)
{
    caphealth_output_t  output = { .bytes = bytes, .format = format };

    return caphealth_image_check(image, i, &output);
}


static int
check(caphealth_image_files_t *image, unsigned i, uint64_t bytes)
{
    return check_as(image, i, CAPHEALTH_OUTPUT_WEBP, bytes);
}


static void
path_of(const caphealth_image_files_t *image, const char *variant, char *path)
{
    char  relative[CAPHEALTH_PATH_LEN];

    (void) caphealth_path(relative, image->id, variant,
                          CAPHEALTH_OUTPUT_WEBP);
    (void) snprintf(path, 256, "%s/%s", tree_root, relative);
}


static void
published(void **state)
{
    int              no_tmpfile;
    char             path[256];
    caphealth_removed_t  removed;
    struct stat      st;
    caphealth_image_files_t  image;

    (void) state;

    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        (void) umask(077);
        begin(&image, no_tmpfile);
        (void) umask(022);

        path_of(&image, "original", path);
        assert_int_equal(access(path, F_OK), -1);

        assert_int_equal(check(&image, 0, 12), 0);
        assert_int_equal(caphealth_image_publish(&image), 0);
        caphealth_image_close(&image);

        assert_int_equal(count(), 3);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        assert_int_equal(st.st_size, 12);

        assert_int_equal(caphealth_image_remove(tree_root, image.id, "original",
                                              &removed), 0);
        assert_int_equal(removed.files, 3);
        assert_int_equal(removed.bytes, 36);
        assert_int_equal(count(), 0);

        assert_int_equal(caphealth_image_remove(tree_root, image.id, "original",
                                              &removed), -1);
        assert_int_equal(errno, ENOENT);
    }
}


static void
given_up(void **state)
{
    int              no_tmpfile;
    caphealth_image_files_t  image;

    (void) state;

    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        begin(&image, no_tmpfile);
        assert_int_equal(count(), no_tmpfile ? 3 : 0);

        caphealth_image_close(&image);
        assert_int_equal(count(), 0);

        begin(&image, no_tmpfile);
        assert_int_equal(caphealth_image_publish(&image), 0);
        assert_int_equal(count(), 3);

        caphealth_image_withdraw(&image);
        caphealth_image_close(&image);
        assert_int_equal(count(), 0);
    }
}


/* a name that is taken is never overwritten, and the others are withdrawn */

static void
taken(void **state)
{
    int              no_tmpfile;
    char             path[256];
    FILE            *f;
    caphealth_image_files_t  image;

    (void) state;

    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        begin(&image, no_tmpfile);

        path_of(&image, "original", path);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fputs("mine", f) >= 0, 1);
        assert_int_equal(fclose(f), 0);

        assert_int_equal(caphealth_image_publish(&image), -1);
        assert_int_equal(errno, EEXIST);
        assert_non_null(image.failed);

        caphealth_image_close(&image);
        assert_int_equal(count(), 1);
        assert_int_equal(unlink(path), 0);
    }
}


static void
checks(void **state)
{
    caphealth_image_files_t  image;

    (void) state;

    begin(&image, 0);

    assert_int_equal(check(&image, 0, 12), 0);
    assert_int_equal(check(&image, 0, 13), -1);
    assert_int_equal(errno, EINVAL);

    assert_int_equal(pwrite(image.variants[1].fd, "GIFF", 4, 0), 4);
    assert_int_equal(check(&image, 1, 12), -1);

    assert_int_equal(pwrite(image.variants[2].fd, "\5", 1, 4), 1);
    assert_int_equal(check(&image, 2, 12), -1);

    caphealth_image_close(&image);
    begin(&image, 0);

    assert_int_equal(ftruncate(image.variants[2].fd, 0), 0);
    assert_int_equal(check(&image, 2, 0), -1);
    assert_int_equal(errno, EINVAL);

    caphealth_image_close(&image);
}


/* files that are not published: without a name from the beginning */

static void
spool(void **state)
{
    int                      files, no_tmpfile;
    unsigned                 i;
    caphealth_image_files_t  image;

    (void) state;

    files = count();

    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        caphealth_image_init(&image);
        image.no_tmpfile = no_tmpfile ? 1 : 0;

        caphealth_image_add(&image, "original");
        caphealth_image_add(&image, "800");

        assert_int_equal(caphealth_image_open_spool(&image, tree_root), 0);
        assert_int_equal(strlen(image.id), CAPHEALTH_ID_LEN);
        assert_int_equal(count(), files);

        for (i = 0; i < 2; i++) {
            assert_int_equal(write(image.variants[i].fd, webp, 12), 12);
            assert_int_equal(check(&image, i, 12), 0);
        }

        caphealth_image_close(&image);
        assert_int_equal(count(), files);
    }

    caphealth_image_init(&image);
    caphealth_image_add(&image, "original");

    assert_int_equal(caphealth_image_open_spool(&image, "/nonexistent"), -1);
    assert_int_equal(errno, ENOENT);
    assert_non_null(image.failed);

    caphealth_image_close(&image);
}


static void
no_root(void **state)
{
    caphealth_removed_t  removed;
    caphealth_image_files_t  image;

    (void) state;

    caphealth_image_init(&image);
    caphealth_image_add(&image, "original");

    assert_int_equal(caphealth_image_open(&image, "/nonexistent"), -1);
    assert_int_equal(errno, ENOENT);
    assert_non_null(image.failed);

    caphealth_image_close(&image);

    assert_int_equal(caphealth_image_remove("/nonexistent",
                                          "0123456789abcdef0123456789abcdef",
                                          "original", &removed), -1);
}


static const char  jpeg[] = "\377\330\377\340middle\377\331";
static const char  avif[] = "\0\0\0\40ftypavif\0\0\0\0";


/* each by its own header, with its own extension */

static void
formats(void **state)
{
    char                     path[256];
    int                      no_tmpfile;
    caphealth_removed_t      removed;
    caphealth_image_files_t  image;

    (void) state;

    for (no_tmpfile = 0; no_tmpfile < 2; no_tmpfile++) {
        begin(&image, no_tmpfile);

        assert_int_equal(pwrite(image.variants[0].fd, jpeg, 12, 0), 12);
        assert_int_equal(pwrite(image.variants[1].fd, avif, 16, 0), 16);

        assert_int_equal(check_as(&image, 0, CAPHEALTH_OUTPUT_AVIF, 12), -1);
        assert_int_equal(check_as(&image, 0, CAPHEALTH_OUTPUTS, 12), -1);
        assert_int_equal(check_as(&image, 0, CAPHEALTH_OUTPUT_JPEG, 12), 0);
        assert_int_equal(check_as(&image, 1, CAPHEALTH_OUTPUT_WEBP, 16), -1);
        assert_int_equal(check_as(&image, 1, CAPHEALTH_OUTPUT_AVIF, 16), 0);
        assert_int_equal(check_as(&image, 2, CAPHEALTH_OUTPUT_JPEG, 12), -1);
        assert_int_equal(check_as(&image, 2, CAPHEALTH_OUTPUT_WEBP, 12), 0);

        assert_int_equal(caphealth_image_publish(&image), 0);
        caphealth_image_close(&image);
        assert_int_equal(count(), 3);

        path_of(&image, "original", path);
        memcpy(strrchr(path, '.'), ".jpg", 5);
        assert_int_equal(access(path, F_OK), 0);

        path_of(&image, "800", path);
        memcpy(strrchr(path, '.'), ".avif", 6);
        assert_int_equal(access(path, F_OK), 0);

        assert_int_equal(caphealth_image_remove(tree_root, image.id,
                                                "original", &removed), 0);
        assert_int_equal(removed.files, 3);
        assert_int_equal(removed.bytes, 40);
        assert_true(removed.marked);
        assert_int_equal(count(), 0);
    }
}


static void
jpeg_is_whole(void **state)
{
    caphealth_image_files_t  image;

    (void) state;

    begin(&image, 0);

    assert_int_equal(pwrite(image.variants[0].fd, jpeg, 12, 0), 12);
    assert_int_equal(pwrite(image.variants[0].fd, "\332", 1, 11), 1);
    assert_int_equal(check_as(&image, 0, CAPHEALTH_OUTPUT_JPEG, 12), -1);
    assert_int_equal(errno, EINVAL);

    caphealth_image_close(&image);
}


static void
names_of_formats(void **state)
{
    size_t  i;

    static const char  *const files[] = {
        "x.webp", "x.jpg", "x.avif", "x.png", "x.jpeg", ".webp", "webp", "",
        "x.WEBP", "x.webp.tmp"
    };

    static const size_t  lengths[] = { 5, 4, 5, 0, 0, 5, 0, 0, 0, 0 };

    (void) state;

    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        assert_int_equal(caphealth_output_extension(files[i],
                                                    strlen(files[i])),
                         lengths[i]);
    }

    assert_int_equal(caphealth_output_by_name("jpeg"), CAPHEALTH_OUTPUT_JPEG);
    assert_int_equal(caphealth_output_by_name("jpg"), CAPHEALTH_OUTPUTS);
    assert_string_equal(caphealth_output_row(99)->name, "webp");
}


/* only what belongs to the image, and all of it */

static void
removal(void **state)
{
    char             path[256], other[256];
    caphealth_removed_t  removed;
    caphealth_image_files_t  image;

    (void) state;

    begin(&image, 0);
    assert_int_equal(caphealth_image_publish(&image), 0);
    caphealth_image_close(&image);

    path_of(&image, "original", path);
    path_of(&image, "400", other);
    assert_int_equal(link(path, other), 0);

    other[strlen(tree_root) + 7] ^= 1;    /* an id beside it */
    assert_int_equal(link(path, other), 0);

    assert_int_equal(caphealth_image_remove(tree_root, image.id, "original",
                                          &removed), 0);
    assert_int_equal(removed.files, 4);
    assert_int_equal(count(), 1);

    /* what was left of one whose mark is gone, or has another name now */

    path_of(&image, "400", path);
    assert_int_equal(link(other, path), 0);
    assert_int_equal(caphealth_image_remove(tree_root, image.id, "original",
                                          &removed), 0);
    assert_int_equal(removed.files, 1);
    assert_int_equal(count(), 1);
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(unlink(other), 0);
}


/* a descriptor that can write, a copy of it, a mapping: anywhere */

static void
writers(void **state)
{
    int              fd;
    char             path[256];
    void            *map;
    caphealth_image_files_t  image;

    (void) state;

    begin(&image, 0);

    fd = dup(image.variants[0].fd);
    map = mmap(NULL, 12, PROT_READ|PROT_WRITE, MAP_SHARED,
               image.variants[1].fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);

    assert_int_equal(check(&image, 0, 12), -1);
    assert_int_equal(errno, EINVAL);
    assert_string_equal(image.failed, "check of who writes to an output");
    assert_int_equal(check(&image, 1, 12), -1);
    assert_int_equal(errno, EINVAL);

    (void) close(fd);
    (void) munmap(map, 12);

    assert_int_equal(check(&image, 0, 12), 0);
    assert_int_equal(check(&image, 1, 12), 0);
    assert_int_equal(check(&image, 2, 12), 0);
    assert_int_equal(write(image.variants[0].fd, "x", 1), -1);

    assert_int_equal(caphealth_image_publish(&image), 0);
    path_of(&image, "original", path);
    assert_int_equal(access(path, F_OK), 0);
    caphealth_image_close(&image);
}


/* a slice that leads elsewhere is not followed */

static void
symbolic(void **state)
{
    char                 slice[256], away[256];
    caphealth_image_files_t      image;
    caphealth_removed_t  removed;

    (void) state;

    begin(&image, 0);
    assert_int_equal(caphealth_image_publish(&image), 0);
    caphealth_image_close(&image);

    (void) snprintf(slice, sizeof(slice), "%s/%.2s", tree_root, image.id);
    (void) snprintf(away, sizeof(away), "%s/away", tree_root);
    assert_int_equal(rename(slice, away), 0);
    assert_int_equal(symlink("away", slice), 0);

    assert_int_equal(caphealth_image_remove(tree_root, image.id, "original",
                                          &removed), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(removed.files, 0);
    assert_int_equal(count(), 3);
}


static void
ids(void **state)
{
    char  id[CAPHEALTH_ID_LEN + 1], other[CAPHEALTH_ID_LEN + 1];

    (void) state;

    assert_int_equal(caphealth_id_create(id), 0);
    assert_int_equal(caphealth_id_create(other), 0);
    assert_string_not_equal(id, other);
    assert_true(caphealth_id_valid(id, strlen(id)));

    assert_false(caphealth_id_valid(id, 31));
    assert_false(caphealth_id_valid("", 0));

    id[5] = 'A';
    assert_false(caphealth_id_valid(id, 32));
    id[5] = '/';
    assert_false(caphealth_id_valid(id, 32));
    id[5] = '\0';
    assert_false(caphealth_id_valid(id, 32));
}


static void
paths(void **state)
{
    char                        path[CAPHEALTH_PATH_LEN];
    size_t                      i, len;

    static const char           id[] = "0123456789abcdef0123456789abcdef";

    static const char *const    others[] = {
        "", "01/23/", "01/23/0123456789abcdef0123456789abcdef",
        "01/23/0123456789abcdef0123456789abcdef_",
        "01/23/0123456789abcdef0123456789abcdef_.webp",
        "01/23/0123456789abcdef0123456789abcdef_200",
        "01/23/0123456789abcdef0123456789abcdef_200.png",
        "01/23/0123456789abcdef0123456789abcdef_200.webp.webp",
        "01/23/0123456789abcdef0123456789abcdef-200.webp",
        "01/23/0123456789abcdef0123456789abcdeF_200.webp",
        "01/23/0123456789abcdef0123456789abcdef_2/0.webp",
        "01/24/0123456789abcdef0123456789abcdef_200.webp",
        "02/23/0123456789abcdef0123456789abcdef_200.webp",
        "01-23/0123456789abcdef0123456789abcdef_200.webp",
        "01/23-0123456789abcdef0123456789abcdef_200.webp",
        "/01/23/0123456789abcdef0123456789abcdef_200.webp",
        "01/23/0123456789abcdef0123456789abcdef_"
            "123456789012345678901234567890123.webp"
    };

    (void) state;

    len = caphealth_path(path, id, "my-800", CAPHEALTH_OUTPUT_JPEG);

    assert_string_equal(path, "01/23/0123456789abcdef0123456789abcdef_"
                              "my-800.jpg");
    assert_true(caphealth_path_valid(path, len));
    assert_false(caphealth_path_valid(path, len - 1));

    len = caphealth_path(path, id, "12345678901234567890123456789012",
                         CAPHEALTH_OUTPUT_WEBP);
    assert_int_equal(len, CAPHEALTH_PATH_LEN - 1);
    assert_true(caphealth_path_valid(path, len));

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(caphealth_path_valid(others[i], strlen(others[i])));
    }
}


static int
setup(void **state)
{
    (void) state;

    return tree_make() ? 0 : -1;
}


static int
teardown(void **state)
{
    char  command[128];

    (void) state;
    (void) snprintf(command, sizeof(command), "rm -rf %s", tree_root);

    return system(command);   /* NOLINT(cert-env33-c) */
}


#define TREE_TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TREE_TEST(published),
        TREE_TEST(given_up),
        TREE_TEST(taken),
        TREE_TEST(checks),
        TREE_TEST(formats),
        TREE_TEST(jpeg_is_whole),
        cmocka_unit_test(names_of_formats),
        TREE_TEST(removal),
        TREE_TEST(writers),
        TREE_TEST(symbolic),
        TREE_TEST(spool),
        cmocka_unit_test(no_root),
        cmocka_unit_test(ids),
        cmocka_unit_test(paths)
    };

    return cmocka_run_group_tests_name("set", tests, NULL, NULL);
}
