
/*
 * Extra thresholds: file systems beyond the first disk's space, and uploads.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_extra_thresholds.h"
#include "caphealth_ready.h"
#include "caphealth_status.h"
#include "document.h"
#include "sample.h"


typedef struct {
    sample_t                 sample;
    caphealth_disk_facts_t   disks[4];
    caphealth_root_t         roots[2];
} platform_t;


/* three watched paths on two file systems, and images on a third, unwatched */

static void
platform(platform_t *p)
{
    size_t              i;
    caphealth_facts_t  *f;

    static const char *const  paths[] = { "/", "/home", "/srv", "/images" };
    static const char *const  devices[] = { "8:1", "8:1", "8:2", "8:3" };

    memset(p, 0, sizeof(platform_t));
    sample_init(&p->sample);

    f = &p->sample.facts;

    for (i = 0; i < 4; i++) {
        p->disks[i] = p->sample.disks[0];
        p->disks[i].path = paths[i];
        strcpy(p->disks[i].value.device, devices[i]);
        p->disks[i].value.read_only = 0;
        p->disks[i].value.device_read_only = 0;
    }

    f->disks = p->disks;
    f->ndisks = 3;

    p->roots[0].path = "/images";
    p->roots[0].source = "live";
    p->roots[0].uploads = 1;
    p->roots[0].disk = &p->disks[3];

    f->images.value.roots = p->roots;
    f->images.value.nroots = 1;

    f->uploads.section.configured = 1;
    f->uploads.section.collected_at = SAMPLE_NOW;
    f->uploads.seconds = 300;
}


static caphealth_status_e
overall(const platform_t *p)
{
    caphealth_evaluation_t  a;

    caphealth_evaluate(&a, &p->sample.facts, &p->sample.policy, SAMPLE_NOW);

    return a.overall;
}


static caphealth_status_e
status(const platform_t *p, const char *key)
{
    caphealth_extra_t  e;

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, &p->sample.facts, &p->sample.policy,
                                SAMPLE_NOW))
    {
        if (strcmp(e.key, key) == 0) {
            return e.check.status;
        }
    }

    fail_msg("there is no \"%s\"", key);

    return CAPHEALTH_NOT_CONFIGURED;
}


static int
fails(const platform_t *p, caphealth_ready_e check, const char *reason)
{
    int                failed;
    caphealth_ready_t  r;

    assert_int_equal(caphealth_ready(&r, &p->sample.facts, &p->sample.policy,
                                     SAMPLE_NOW), 0);

    failed = (r.failed & caphealth_ready_bit(check)) != 0;

    if (reason != NULL) {
        assert_string_equal(r.reasons[check], reason);
    }

    caphealth_ready_free(&r);

    return failed;
}


static void
keys(const platform_t *p, const char *const *expected)
{
    caphealth_extra_t  e;

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, &p->sample.facts, &p->sample.policy,
                                SAMPLE_NOW))
    {
        assert_non_null(*expected);
        assert_string_equal(e.key, *expected);
        expected++;
    }

    assert_null(*expected);
}


static void
rows(void **state)
{
    platform_t  p;

    static const char *const  all[] = {
        "inodes_percent:/", "read_only:/",
        "disk_percent:/srv", "inodes_percent:/srv", "read_only:/srv",
        "disk_percent:/images", "inodes_percent:/images",
        "read_only:/images", "upload_failures_percent", NULL
    };

    static const char *const  shared[] = {
        "inodes_percent:/", "read_only:/", "disk_percent:/srv",
        "inodes_percent:/srv", "read_only:/srv", NULL
    };

    static const char *const  none[] = {
        "inodes_percent:/", "read_only:/", "disk_percent:/srv",
        "read_only:/srv", NULL
    };

    static const char *const  unknown[] = {
        "inodes_percent:/", "read_only:/",
        "disk_percent:/home", "inodes_percent:/home", "read_only:/home",
        "disk_percent:/srv", NULL
    };

    (void) state;

    platform(&p);
    keys(&p, all);
    assert_int_equal(overall(&p), CAPHEALTH_OK);

    /* images on a file system that is watched; no uploads, and no inodes */

    strcpy(p.disks[3].value.device, "8:2");
    p.sample.facts.uploads.section.configured = 0;

    keys(&p, shared);

    p.disks[2].value.inodes = 0;
    keys(&p, none);

    /* where the file system is not known, or nothing of it yet */

    platform(&p);
    p.sample.facts.images.value.nroots = 0;
    p.sample.facts.uploads.section.configured = 0;
    p.disks[1].value.device[0] = '\0';
    p.disks[2].section.collected_at = 0;
    keys(&p, unknown);
    assert_int_equal(status(&p, "disk_percent:/srv"),
                     CAPHEALTH_UNKNOWN_STATUS);
    assert_int_equal(overall(&p), CAPHEALTH_UNKNOWN_STATUS);
}


static void
space_and_inodes(void **state)
{
    platform_t  p;

    (void) state;

    /* an image disk that nobody watches, while the root disk is fine */

    platform(&p);
    p.disks[3].value.available = 0;
    assert_int_equal(status(&p, "disk_percent:/images"), CAPHEALTH_CRITICAL);
    assert_int_equal(overall(&p), CAPHEALTH_CRITICAL);
    assert_true(fails(&p, CAPHEALTH_READY_IMAGES,
                      "/images: 100.0 percent, critical from 85 percent"));
    assert_false(fails(&p, CAPHEALTH_READY_DISK, NULL));

    platform(&p);
    p.disks[3].value.inodes_free = 0;
    assert_int_equal(status(&p, "inodes_percent:/images"),
                     CAPHEALTH_CRITICAL);
    assert_int_equal(overall(&p), CAPHEALTH_CRITICAL);
    assert_true(fails(&p, CAPHEALTH_READY_IMAGES, "/images: inodes 100.0 "
                      "percent, critical from 85 percent"));

    /* one that is watched, and has no images */

    platform(&p);
    p.disks[2].value.inodes_free = 0;
    assert_int_equal(overall(&p), CAPHEALTH_CRITICAL);
    assert_true(fails(&p, CAPHEALTH_READY_DISK, NULL));
    assert_false(fails(&p, CAPHEALTH_READY_IMAGES, ""));

    /* a warning, by the operator's bounds */

    platform(&p);
    p.sample.policy.bounds[CAPHEALTH_DISK_PERCENT].warning = 33;
    assert_int_equal(status(&p, "disk_percent:/srv"), CAPHEALTH_WARNING);
    assert_int_equal(overall(&p), CAPHEALTH_WARNING);
    assert_false(fails(&p, CAPHEALTH_READY_DISK, NULL));

    /* images on the first disk, which is full */

    platform(&p);
    strcpy(p.disks[3].value.device, "8:1");
    p.disks[0].value.available = 0;
    assert_true(fails(&p, CAPHEALTH_READY_IMAGES,
                      "/: 100.0 percent, critical from 85 percent"));

    /* what is stale is not judged; the unwatched one must be known too */

    platform(&p);
    p.disks[3].value.available = 0;
    p.disks[3].section.collected_at -= 4 * p.disks[3].section.interval;
    assert_int_equal(status(&p, "disk_percent:/images"),
                     CAPHEALTH_UNKNOWN_STATUS);
    assert_int_equal(overall(&p), CAPHEALTH_UNKNOWN_STATUS);
}


static void
read_only(void **state)
{
    json_t      *list;
    platform_t   p;

    (void) state;

    platform(&p);
    p.disks[3].value.read_only = 1;
    assert_int_equal(status(&p, "read_only:/images"), CAPHEALTH_CRITICAL);
    assert_int_equal(overall(&p), CAPHEALTH_CRITICAL);
    assert_true(fails(&p, CAPHEALTH_READY_IMAGES, "/images: read-only"));

    /* a tree that is only served */

    p.roots[0].uploads = 0;
    p.disks[3].value.device_read_only = 1;
    assert_int_equal(overall(&p), CAPHEALTH_OK);

    /* a mount that is read-only on purpose, and a disk that failed */

    platform(&p);
    p.disks[2].value.read_only = 1;
    assert_int_equal(overall(&p), CAPHEALTH_OK);
    p.disks[2].value.device_read_only = 1;
    assert_int_equal(status(&p, "read_only:/srv"), CAPHEALTH_CRITICAL);
    assert_int_equal(overall(&p), CAPHEALTH_CRITICAL);
    assert_true(fails(&p, CAPHEALTH_READY_DISK, "/srv: read-only"));

    /* it comes first, with an action that fits */

    sample_set(&p.sample, CAPHEALTH_PRODUCTS_TOTAL, 500000);

    list = health_member(&p.sample, NULL, "recommendations");

    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "code")), "filesystem-read-only");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "subject")), "read_only:/srv");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "path")), "/srv");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 1), "subject")), "products_total");

    json_decref(list);
}


static caphealth_status_e
uploads(platform_t *p, int64_t stored, int64_t full, int64_t busy,
    int64_t failed)
{
    caphealth_upload_facts_t  *u;

    u = &p->sample.facts.uploads;

    u->stored = stored;
    u->full = full;
    u->busy = busy;
    u->failed = failed;

    assert_int_equal(overall(p), status(p, "upload_failures_percent"));

    return overall(p);
}


static void
uploads_that_fail(void **state)
{
    char                     reason[CAPHEALTH_REASON_LEN];
    json_t                  *list;
    platform_t               p;
    caphealth_extra_t        e;

    (void) state;

    platform(&p);

    assert_int_equal(uploads(&p, 0, 0, 0, 0), CAPHEALTH_OK);
    assert_int_equal(uploads(&p, 1000, 0, 0, 0), CAPHEALTH_OK);
    assert_int_equal(uploads(&p, 960, 20, 10, 10), CAPHEALTH_OK);
    assert_int_equal(uploads(&p, 950, 20, 20, 10), CAPHEALTH_WARNING);
    assert_int_equal(uploads(&p, 3, 1, 1, 1), CAPHEALTH_CRITICAL);
    assert_int_equal(uploads(&p, 0, 3, 0, 0), CAPHEALTH_CRITICAL);

    /* a few are no outage */

    assert_int_equal(uploads(&p, 0, 0, 1, 0), CAPHEALTH_WARNING);
    assert_int_equal(uploads(&p, 0, 2, 0, 0), CAPHEALTH_WARNING);

    /* a node is not taken out for it: the others would get its load */

    (void) uploads(&p, 0, 0, 9, 1);
    assert_false(fails(&p, CAPHEALTH_READY_IMAGES, ""));

    list = health_member(&p.sample, NULL, "recommendations");

    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "title")), "Image uploads fail");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "description")),
        "10 of 10 uploads of the last 5 minutes were answered with 500, 503 "
        "or 507");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "action")),
        "Check nginx's error log and the load of the converters");

    json_decref(list);

    /* the object store */

    (void) uploads(&p, 0, 0, 3, 0);
    p.sample.facts.uploads.away = 4;

    list = health_member(&p.sample, NULL, "recommendations");

    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "code")), "uploads-store");
    assert_string_equal(json_string_value(json_object_get(
        json_array_get(list, 0), "action")),
        "Check nginx's error log and the object store");

    json_decref(list);

    memset(&e, 0, sizeof(caphealth_extra_t));

    while (caphealth_extra_next(&e, &p.sample.facts, &p.sample.policy,
                                SAMPLE_NOW)
           && strcmp(e.key, "upload_failures_percent") != 0)
    {
        /* void */
    }

    assert_string_equal(caphealth_extra_reason(reason, &e, &p.sample.facts,
                                               SAMPLE_NOW),
        "7 of 7 uploads in 5 minutes failed, 0 for want of room, 3 of a "
        "converter, 4 of the object store");
}


/* an unknown status has a reason, whatever else there is to say */

static void
reasons(void **state)
{
    size_t                   i, n;
    json_t                  *list, *advice;
    platform_t               p;
    caphealth_evaluation_t   a;

    (void) state;

    platform(&p);

    /* right after a start: no CPU use yet, and a tier that is near its end */

    sample_set(&p.sample, CAPHEALTH_CPU_PERCENT, NAN);
    p.sample.facts.database.value.vendors_count = 48;

    caphealth_evaluate(&a, &p.sample.facts, &p.sample.policy, SAMPLE_NOW);
    assert_int_equal(a.overall, CAPHEALTH_UNKNOWN_STATUS);

    list = health_member(&p.sample, NULL, "recommendations");
    n = 0;

    json_array_foreach(list, i, advice) {
        if (strcmp(json_string_value(json_object_get(advice, "code")),
                   "value-unknown") == 0)
        {
            assert_string_equal(json_string_value(json_object_get(advice,
                                                   "subject")), "cpu_percent");
            n++;
        }
    }

    assert_int_equal(n, 1);
    json_decref(list);

    /* where the status is known, the gap is not reported */

    sample_set(&p.sample, CAPHEALTH_PRODUCTS_TOTAL, 500000);

    list = health_member(&p.sample, NULL, "recommendations");

    json_array_foreach(list, i, advice) {
        assert_string_not_equal(json_string_value(json_object_get(advice,
                                "code")), "value-unknown");
    }

    json_decref(list);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(space_and_inodes),
        cmocka_unit_test(read_only),
        cmocka_unit_test(uploads_that_fail),
        cmocka_unit_test(reasons)
    };

    return cmocka_run_group_tests_name("extra", tests, NULL, NULL);
}
