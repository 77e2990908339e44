
/*
 * What is known of the image trees, as JSON.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include <stdlib.h>
#include <string.h>

#include "caphealth_number.h"
#include "caphealth_report.h"


static caphealth_disk_facts_t  disk;
static caphealth_root_t        roots[2];
static caphealth_images_t      images;


static int
setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    memset(roots, 0, sizeof(roots));

    disk.section.configured = 1;
    disk.section.collected_at = 1000000000;
    caphealth_disk_clear(&disk.value);
    disk.value.available = 1000000;
    disk.value.inodes = 1000;
    disk.value.inodes_free = 900;

    roots[0].path = "/srv/a";
    roots[0].source = "live";
    roots[0].files = 30;
    roots[0].bytes = 1000;
    roots[0].complete = 10;
    roots[0].max_files = 6;
    strcpy(roots[0].fullest, "ab/cd");
    roots[0].scanned_at = 1000000000;
    roots[0].disk = &disk;

    roots[1] = roots[0];
    roots[1].path = "/srv/b";
    roots[1].bytes = 2000;
    roots[1].max_files = 9;
    roots[1].strays = 2;
    roots[1].drift_files = 3;
    roots[1].scanned_at = 1000000005;

    images.roots = roots;
    images.nroots = 2;

    return 0;
}


static json_t *
stats(void)
{
    char               *text;
    size_t              len;
    json_t             *document;
    caphealth_facts_t   facts;

    caphealth_images_add(&images);

    memset(&facts, 0, sizeof(facts));

    facts.node = "shop-1";
    facts.version = "1.2.3";
    facts.images.value = images;

    text = caphealth_report_statistics(&facts, 1000000009, &len);
    assert_non_null(text);
    assert_int_equal(strlen(text), len);

    document = json_loads(text, 0, NULL);
    assert_non_null(document);
    free(text);

    return document;
}


static void
assert_count(json_t *object, const char *name, json_int_t n)
{
    assert_true(json_is_integer(json_object_get(object, name)));
    assert_int_equal(json_integer_value(json_object_get(object, name)), n);
}


static void
assert_unknown(json_t *object, const char *name)
{
    assert_non_null(json_object_get(object, name));
    assert_true(json_is_null(json_object_get(object, name)));
}


static void
assert_text(json_t *object, const char *name, const char *text)
{
    assert_string_equal(json_string_value(json_object_get(object, name)),
                        text);
}


static void
added_up(void **state)
{
    json_t  *document, *root;

    (void) state;

    document = stats();

    assert_count(document, "total_files", 60);
    assert_count(document, "total_bytes", 3000);
    assert_count(document, "products_estimated", 20);
    assert_count(document, "max_files_per_dir", 9);
    assert_text(document, "max_files_dir", "/srv/b/ab/cd");
    assert_count(document, "stray_files", 2);
    assert_count(document, "drift_files", 3);
    assert_text(document, "source", "live");
    assert_text(document, "last_full_scan", "2001-09-09T01:46:40Z");
    assert_text(document, "host", "shop-1");
    assert_text(document, "version", "1.2.3");

    root = json_array_get(json_object_get(document, "roots"), 1);
    assert_text(root, "path", "/srv/b");
    assert_text(root, "max_files_dir", "ab/cd");
    assert_unknown(root, "scan");

    json_decref(document);
}


static void
not_all_known(void **state)
{
    json_t  *document, *root;

    (void) state;

    roots[1].source = NULL;
    roots[1].scanned_at = 0;
    roots[1].scanning_since = 1000000001;
    roots[1].progress = 50;
    roots[1].error = "it is gone";

    document = stats();

    assert_unknown(document, "total_files");
    assert_unknown(document, "total_bytes");
    assert_unknown(document, "max_files_dir");
    assert_unknown(document, "stray_files");
    assert_unknown(document, "drift_files");
    assert_unknown(document, "source");
    assert_unknown(document, "last_full_scan");
    assert_text(document, "error", "it is gone");

    root = json_array_get(json_object_get(document, "roots"), 0);
    assert_count(root, "total_files", 30);

    root = json_array_get(json_object_get(document, "roots"), 1);
    assert_unknown(root, "total_files");
    assert_unknown(root, "drift_files");
    assert_true(json_real_value(json_object_get(json_object_get(root, "scan"),
                                                "percent")) == 50);
    json_decref(document);

    roots[1].source = "saved";
    document = stats();
    assert_count(document, "total_files", 60);
    assert_text(document, "source", "saved");
    json_decref(document);

    images.nroots = 0;
    document = stats();
    assert_unknown(document, "total_files");
    json_decref(document);
}


static void
left(void **state)
{
    (void) state;

    /* 100 bytes and 3 files an image: inodes are used up first */

    assert_int_equal(caphealth_images_left(&roots[0]), 300);

    disk.value.inodes_free = 900000;
    assert_int_equal(caphealth_images_left(&roots[0]), 10000);

    /* no fixed number of inodes */

    disk.value.inodes = 0;
    disk.value.inodes_free = 0;
    assert_int_equal(caphealth_images_left(&roots[0]), 10000);

    roots[0].complete = 0;
    assert_int_equal(caphealth_images_left(&roots[0]), CAPHEALTH_UNKNOWN);
    roots[0].complete = 10;
    roots[0].source = NULL;
    assert_int_equal(caphealth_images_left(&roots[0]), CAPHEALTH_UNKNOWN);
    roots[0].source = "live";
    disk.section.collected_at = 0;
    assert_int_equal(caphealth_images_left(&roots[0]), CAPHEALTH_UNKNOWN);
    roots[0].disk = NULL;
    assert_int_equal(caphealth_images_left(&roots[0]), CAPHEALTH_UNKNOWN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(added_up, setup),
        cmocka_unit_test_setup(not_all_known, setup),
        cmocka_unit_test_setup(left, setup)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
