
/*
 * application/health+json.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_health_json.h"
#include "caphealth_version.h"
#include "document.h"


#define OUTPUT  "the latest facts do not include it"


static json_t *
document(const sample_t *s, double now)
{
    char    *text;
    size_t   len;
    json_t  *root;

    text = caphealth_health_json(&s->facts, &s->policy, now, &len);
    assert_non_null(text);
    assert_int_equal(strlen(text), len);
    assert_int_equal(text[len - 1], '\n');

    root = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);

    free(text);

    return root;
}


static void
assert_status(const sample_t *s, double now, const char *status)
{
    json_t  *root;

    root = document(s, now);

    assert_string_equal(json_string_value(json_object_get(root, "status")),
                        status);
    assert_int_equal(strcmp(status, "fail") == 0,
                     caphealth_health_json_fails(&s->facts, &s->policy, now));
    assert_int_equal(strcmp(status, "pass") == 0,
                     json_object_get(root, "output") == NULL);

    json_decref(root);
}


static void
assert_checks(const sample_t *s, const char *key, const char *expected)
{
    json_t  *root;

    root = document(s, SAMPLE_NOW);

    assert_value(json_incref(json_object_get(json_object_get(root, "checks"),
                                             key)),
                 expected);
    json_decref(root);
}


static void
passes(void **state)
{
    char     *text;
    size_t    len;
    sample_t  s;

    (void) state;

    sample_init(&s);
    s.facts.node = "shop-1";

    text = caphealth_health_json(&s.facts, &s.policy, SAMPLE_NOW, &len);
    assert_non_null(text);

    assert_string_equal(text,
        "{\"status\":\"pass\",\"releaseId\":\"" CAPHEALTH_VERSION "\","
        "\"serviceId\":\"shop-1\",\"description\":"
        "\"Health and capacity of the shop platform\",\"checks\":{"
        "\"cpu:utilization\":[{\"componentType\":\"system\","
        "\"observedValue\":19.2,\"observedUnit\":\"percent\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"memory:utilization\":[{\"componentType\":\"system\","
        "\"observedValue\":25.0,\"observedUnit\":\"percent\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"disk:utilization\":[{\"componentId\":\"/\","
        "\"componentType\":\"system\",\"observedValue\":33.3,"
        "\"observedUnit\":\"percent\",\"status\":\"pass\","
        "\"time\":\"2001-09-09T01:46:40Z\"},"
        "{\"componentId\":\"/srv/images\",\"componentType\":\"system\","
        "\"observedValue\":33.3,\"observedUnit\":\"percent\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"database:reachable\":[{\"componentType\":\"datastore\","
        "\"observedValue\":true,\"status\":\"pass\","
        "\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"database:size\":[{\"componentType\":\"datastore\","
        "\"observedValue\":12.5,\"observedUnit\":\"MiB\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"database:products\":[{\"componentType\":\"datastore\","
        "\"observedValue\":1234,\"observedUnit\":\"products\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"image_storage:size\":[{\"componentType\":\"datastore\","
        "\"observedValue\":1.5,\"observedUnit\":\"GiB\","
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"disk:inodes\":[{\"componentId\":\"/\","
        "\"componentType\":\"system\",\"observedValue\":33.3,"
        "\"observedUnit\":\"percent\",\"status\":\"pass\","
        "\"time\":\"2001-09-09T01:46:40Z\"}],"
        "\"disk:read_only\":[{\"componentId\":\"/\","
        "\"componentType\":\"system\",\"observedValue\":false,"
        "\"status\":\"pass\",\"time\":\"2001-09-09T01:46:40Z\"},"
        "{\"componentId\":\"/srv/images\",\"componentType\":\"system\","
        "\"observedValue\":false,\"status\":\"pass\","
        "\"time\":\"2001-09-09T01:46:40Z\"}]}}\n");

    free(text);

    assert_false(caphealth_health_json_fails(&s.facts, &s.policy,
                                             SAMPLE_NOW));
}


static void
warns_and_fails(void **state)
{
    json_t   *root;
    sample_t  s;

    (void) state;

    sample_init(&s);
    sample_set(&s, CAPHEALTH_DISK_PERCENT, 70);
    assert_status(&s, SAMPLE_NOW, "warn");

    sample_set(&s, CAPHEALTH_PRODUCTS_TOTAL, 475000);
    assert_status(&s, SAMPLE_NOW, "fail");
    assert_checks(&s, "database:products",
                  "[{\"componentType\":\"datastore\",\"observedValue\":475000,"
                  "\"observedUnit\":\"products\",\"status\":\"fail\","
                  "\"time\":\"2001-09-09T01:46:40Z\",\"output\":"
                  "\"475000 products, critical from 475000 products\"}]");

    root = document(&s, SAMPLE_NOW);
    assert_string_equal(json_string_value(json_object_get(root, "output")),
                        "disk:utilization /: 70.0 percent, warning from 70 "
                        "percent; database:products: 475000 products, "
                        "critical from 475000 products");
    json_decref(root);
}


static void
unknown(void **state)
{
    sample_t  s;

    (void) state;

    /* a gap is a concern */

    sample_init(&s);
    s.facts.system.value.cpu_mean = NAN;
    assert_status(&s, SAMPLE_NOW, "warn");
    assert_checks(&s, "cpu:utilization",
                  "[{\"componentType\":\"system\",\"observedValue\":null,"
                  "\"observedUnit\":\"percent\",\"status\":\"warn\","
                  "\"time\":\"2001-09-09T01:46:40Z\",\"output\":\"" OUTPUT
                  "\"}]");

    /* without the pulse nothing can be said */

    sample_init(&s);
    assert_status(&s, SAMPLE_THEN + 30, "pass");
    assert_status(&s, SAMPLE_THEN + 31, "fail");

    s.facts.system.section.collected_at = 0;
    assert_status(&s, SAMPLE_NOW, "fail");
    assert_checks(&s, "memory:utilization",
                  "[{\"componentType\":\"system\",\"observedValue\":null,"
                  "\"observedUnit\":\"percent\",\"status\":\"fail\","
                  "\"output\":\"nothing has been collected yet\"}]");

    /* a mount that hangs */

    sample_init(&s);
    s.disks[1].section.collected_at -= 60;
    assert_status(&s, SAMPLE_NOW, "warn");

    sample_nothing(&s);
    assert_false(caphealth_health_json_fails(&s.facts, &s.policy, SAMPLE_NOW)
                 == 0);
}


static void
database(void **state)
{
    json_t               *root;
    sample_t              s;
    caphealth_section_t  *d;

    (void) state;

    sample_init(&s);
    d = &s.facts.database.section;

    d->failed = 1;
    d->error = "connection \"refused\"";
    assert_status(&s, SAMPLE_NOW, "fail");
    assert_checks(&s, "database:reachable",
                  "[{\"componentType\":\"datastore\",\"observedValue\":false,"
                  "\"status\":\"fail\",\"time\":\"2001-09-09T01:46:40Z\","
                  "\"output\":\"connection \\\"refused\\\"\"}]");

    d->failed = 0;
    assert_status(&s, SAMPLE_NOW, "warn");

    d->error = NULL;
    d->attempted_at = 0;
    d->collected_at = 0;
    assert_status(&s, SAMPLE_NOW, "warn");
    assert_checks(&s, "database:reachable",
                  "[{\"componentType\":\"datastore\",\"observedValue\":null,"
                  "\"status\":\"warn\",\"output\":"
                  "\"nothing has been collected yet\"}]");

    d->configured = 0;
    assert_status(&s, SAMPLE_NOW, "pass");

    root = document(&s, SAMPLE_NOW);
    assert_null(json_object_get(json_object_get(root, "checks"),
                                "database:reachable"));
    assert_null(json_object_get(json_object_get(root, "checks"),
                                "database:size"));
    json_decref(root);
}


/* the status in the body and that of HTTP agree */

static void
consistent(void **state)
{
    int                     i, k;
    json_t                 *root;
    sample_t                s;
    const char             *status;
    caphealth_section_t    *sections[5];
    caphealth_evaluation_t  a;

    (void) state;

    srandom(7);

    for (i = 0; i < 5000; i++) {
        sample_init(&s);

        sections[0] = &s.facts.system.section;
        sections[1] = &s.disks[0].section;
        sections[2] = &s.disks[1].section;
        sections[3] = &s.facts.database.section;
        sections[4] = &s.facts.images.section;

        for (k = 0; k < 5; k++) {
            sections[k]->collected_at -= (random() % 8 == 0) ? 1000 : 0;
            sections[k]->collected_at *= (random() % 8 != 0);
            sections[k]->configured = (k == 0 || random() % 8 != 0);
            sections[k]->failed = (random() % 8 == 0);
            sections[k]->error = (random() % 8 == 0) ? "an error" : NULL;
        }

        for (k = 0; k < CAPHEALTH_THRESHOLDS; k++) {
            if (random() % 4 == 0) {
                sample_set(&s, (caphealth_threshold_e) k,
                           random() % 2 ? s.policy.bounds[k].warning
                                        : s.policy.bounds[k].critical);
            }
        }

        caphealth_evaluate(&a, &s.facts, &s.policy, SAMPLE_NOW);

        status = a.overall == CAPHEALTH_CRITICAL || a.stale
                 || !(sections[0]->collected_at > 0) ? "fail"
                 : a.overall == CAPHEALTH_OK ? "pass" : "warn";

        assert_status(&s, SAMPLE_NOW, status);
    }

    root = document(&s, SAMPLE_NOW);
    json_decref(root);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(passes),
        cmocka_unit_test(warns_and_fails),
        cmocka_unit_test(unknown),
        cmocka_unit_test(database),
        cmocka_unit_test(consistent)
    };

    return cmocka_run_group_tests_name("health_json", tests, NULL, NULL);
}
