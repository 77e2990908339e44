
/*
 * Platform: the nodes of a fleet, judged together.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "caphealth_metrics.h"
#include "caphealth_platform.h"
#include "document.h"
#include "fleet.h"


static void
none(void **state)
{
    sample_t              s;
    caphealth_platform_t  p;

    (void) state;

    sample_init(&s);
    caphealth_platform(&p, &s.facts, SAMPLE_NOW);

    assert_int_equal(p.state, CAPHEALTH_NOT_CONFIGURED);
    assert_true(isinf(p.next));
    assert_null(health_member(&s, NULL, "fleet"));
    assert_null(capacity_member(&s, "fleet"));
}


static void
healthy(void **state)
{
    fleet_t               f;
    caphealth_platform_t  p;

    (void) state;

    fleet_init(&f);
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);

    assert_int_equal(p.state, CAPHEALTH_OK);
    assert_string_equal(p.status, "healthy");
    assert_null(p.reason);
    assert_string_equal(p.node, "node-1");
    assert_string_equal(p.holder, "node-1");
    assert_string_equal(p.shop, "node-1");
    assert_int_equal(p.held, 1);
    assert_int_equal(p.alone, 0);
    assert_int_equal(p.nodes, FLEET_NODES);
    assert_int_equal(p.healthy, FLEET_NODES);
    assert_int_equal(p.silent, 0);

    /* node-5's report is the oldest, of 4 s */

    assert_true(p.next == SAMPLE_THEN - 4 + 30);
}


/* the worst is first by its rank, then by its name */

static void
worst(void **state)
{
    size_t                i;
    fleet_t               f;
    caphealth_platform_t  p;

    static const struct {
        uint32_t     states[3];
        const char  *status;
        const char  *reason;
    } table[] = {
        { { CAPHEALTH_OVERALL_DEGRADED }, "degraded", "node-2: why 2" },
        { { CAPHEALTH_OVERALL_HEALTHY, CAPHEALTH_OVERALL_UNKNOWN,
            CAPHEALTH_OVERALL_DEGRADED }, "unknown", "node-3: why 3" },
        { { CAPHEALTH_OVERALL_UNKNOWN, CAPHEALTH_OVERALL_DEGRADED,
            CAPHEALTH_OVERALL_CRITICAL }, "critical", "node-4: why 4" },
        { { CAPHEALTH_OVERALL_CRITICAL, CAPHEALTH_OVERALL_CRITICAL },
          "critical", "node-2: why 2" },

        /* as of a node that has just started, or of another version */

        { { CAPHEALTH_OVERALL_DEGRADED, CAPHEALTH_OVERALL_NONE },
          "unknown", "node-3: why 3" },
        { { CAPHEALTH_OVERALL_STATES }, "unknown", "node-2: why 2" },
        { { UINT32_MAX }, "unknown", "node-2: why 2" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fleet_init(&f);

        fleet_state(&f, 1, table[i].states[0], "why 2");
        fleet_state(&f, 2, table[i].states[1], "why 3");
        fleet_state(&f, 3, table[i].states[2], "why 4");

        if (table[i].states[1] == 0 && i != 4) {
            fleet_state(&f, 2, CAPHEALTH_OVERALL_HEALTHY, "");
        }

        if (table[i].states[2] == 0) {
            fleet_state(&f, 3, CAPHEALTH_OVERALL_HEALTHY, "");
        }

        caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);

        assert_string_equal(p.status, table[i].status);
        assert_string_equal(p.reason, table[i].reason);
        assert_int_equal(p.healthy + p.degraded + p.unknown + p.critical,
                         FLEET_NODES);
    }
}


static void
left_out(void **state)
{
    fleet_t               f;
    caphealth_platform_t  p;

    (void) state;

    fleet_init(&f);
    f.sample.facts.fleet.value.total = FLEET_NODES + 3;
    fleet_state(&f, 1, CAPHEALTH_OVERALL_DEGRADED, "why");

    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);

    assert_string_equal(p.status, "unknown");
    assert_non_null(strstr(p.reason, "3 of its "));
    assert_non_null(strstr(p.reason, " nodes are left out of the list"));

    fleet_state(&f, 1, CAPHEALTH_OVERALL_CRITICAL, "why");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "node-2: why");

    f.sample.facts.fleet.value.total = FLEET_NODES;
    fleet_state(&f, 1, CAPHEALTH_OVERALL_HEALTHY, "");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.status, "healthy");
}


static void
silent(void **state)
{
    size_t                     i;
    fleet_t                    f;
    caphealth_platform_t       p;
    caphealth_platform_node_t  n;

    static const struct {
        double  age;             /* when it was read */
        double  interval;        /* its own; this node's is 10 */
        double  since;           /* seconds since it was read */
        int     silent;
    } table[] = {
        { 0, 10, 0, 0 },
        { 30, 10, 0, 0 },
        { 30.001, 10, 0, 1 },
        { 10, 10, 20, 0 },
        { 10, 10, 20.001, 1 },

        /* it reports more often than this one reads */

        { 0.5, 1, 20, 0 },
        { 0.5, 1, 29.501, 1 },
        { 3.001, 1, 0, 1 },

        /* and less often */

        { 100, 60, 20, 0 },
        { 170, 60, 10, 0 },
        { 170, 60, 10.001, 1 },

        { NAN, 10, 0, 1 },
        { 0, NAN, 0, 1 },
        { -5, 10, 29, 0 }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fleet_init(&f);

        f.nodes[2].age = table[i].age;
        f.nodes[2].interval = table[i].interval;
        fleet_state(&f, 2, CAPHEALTH_OVERALL_DEGRADED, "why");

        caphealth_platform_node(&n, &f.sample.facts, 2,
                                SAMPLE_THEN + table[i].since);

        assert_int_equal(n.silent, table[i].silent);
        assert_string_equal(n.status, n.silent ? "unknown" : "degraded");

        if (!n.silent) {
            assert_string_equal(n.cause, "why");

            /* then, and not before, it is */

            caphealth_platform_node(&n, &f.sample.facts, 2, n.silent_at);
            assert_int_equal(n.silent, 0);
            caphealth_platform_node(&n, &f.sample.facts, 2,
                                    n.silent_at + 1e-3);
            assert_int_equal(n.silent, 1);
            continue;
        }

        assert_true(isinf(n.silent_at));

        f.nodes[0].age = f.nodes[1].age = f.nodes[3].age = f.nodes[4].age = 0;
        caphealth_platform(&p, &f.sample.facts,
                           SAMPLE_THEN + table[i].since);

        assert_string_equal(p.status, "unknown");
        assert_int_equal(p.silent, 1);
        assert_int_equal(p.unknown, 1);
        assert_non_null(p.args);
        assert_int_equal(p.args->code, CAPHEALTH_EVENT_NODE_SILENT);
    }

    fleet_init(&f);
    f.nodes[2].age = 31;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "node-3: it has not reported since "
                                  "2001-09-09T01:46:09Z");
}


/* a cause is one line, whatever a node wrote */

static void
causes(void **state)
{
    fleet_t               f;
    caphealth_platform_t  p;

    (void) state;

    fleet_init(&f);
    fleet_state(&f, 0, CAPHEALTH_OVERALL_CRITICAL, "a\nb\x7f" "c");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "node-1: a b c");

    fleet_state(&f, 0, CAPHEALTH_OVERALL_CRITICAL, "");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "node-1: no cause was reported");

    fleet_state(&f, 0, CAPHEALTH_OVERALL_HEALTHY, "old");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_null(p.reason);
}


/* what this node has not read */

static void
unread(void **state)
{
    fleet_t                   f;
    caphealth_platform_t      p;
    caphealth_fleet_facts_t  *facts = &f.sample.facts.fleet;

    (void) state;

    fleet_init(&f);
    caphealth_platform(&p, &f.sample.facts, SAMPLE_THEN + 30.001);
    assert_string_equal(p.status, "unknown");
    assert_string_equal(p.reason, "the fleet's database: stale, the latest "
                                  "values are of 2001-09-09T01:46:40Z");

    /* one miss is none of the platform's */

    facts->section.failed = 1;
    facts->section.error = "connection refused";
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.status, "healthy");

    facts->value.alone = 1;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.status, "unknown");
    assert_string_equal(p.reason, "the fleet's database: connection refused");

    facts->section.error = NULL;
    facts->section.failed = 0;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "the fleet's database: it cannot be "
                                  "reached");

    /* a critical node does not make up for it: that may be long ago */

    fleet_state(&f, 0, CAPHEALTH_OVERALL_CRITICAL, "why");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.status, "unknown");

    facts->value.alone = 0;
    facts->value.nnodes = 0;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.reason, "the fleet's database: it has no nodes");

    fleet_init(&f);
    memset(&facts->value, 0, sizeof(caphealth_fleet_t));
    facts->nodes = NULL;
    facts->section.collected_at = 0;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.status, "unknown");
    assert_string_equal(p.reason, "the fleet's database: nothing has been "
                                  "collected yet");
    assert_int_equal(p.held, -1);
    assert_int_equal(p.nodes, CAPHEALTH_UNKNOWN);
    assert_value(document_member(caphealth_report_nodes, &f.sample, NULL,
                                 "nodes"), "[]");
    assert_value(document_member(caphealth_report_nodes, &f.sample, "counts",
                                 "healthy"), "null");
    assert_value(document_member(caphealth_report_nodes, &f.sample, NULL,
                                 "clock_offset_seconds"), "null");
}


/* whose numbers of the shop's database these are */

static void
shop(void **state)
{
    fleet_t               f;
    caphealth_platform_t  p;

    (void) state;

    fleet_init(&f);
    strcpy(f.sample.facts.fleet.value.shop, "node-4");
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_string_equal(p.shop, "node-4");
    assert_value(capacity_member(&f.sample, "fleet"),
                 "{\"platform_status\":\"healthy\",\"node\":\"node-1\","
                 "\"database_from\":\"node-4\",\"alone\":false}");

    f.sample.facts.database.section.configured = 0;
    caphealth_platform(&p, &f.sample.facts, SAMPLE_NOW);
    assert_null(p.shop);
}


static void
document(void **state)
{
    json_t   *nodes;
    fleet_t   f;

    (void) state;

    fleet_init(&f);
    fleet_state(&f, 1, CAPHEALTH_OVERALL_CRITICAL, "Disk \"/\" full");
    caphealth_event_args(&f.nodes[1].args, CAPHEALTH_EVENT_THRESHOLD,
                         "disk_percent:/\"a\"", "/\"a\"");
    (void) strcpy(f.nodes[1].args.unit, "percent");
    f.nodes[1].args.numbers[0] = 97.2;
    f.nodes[2].age = 40;
    f.nodes[2].args = f.nodes[1].args;
    f.nodes[3].differs = 1;
    f.nodes[3].doubled = 1;
    f.nodes[3].clock_offset = NAN;

    assert_value(document_member(caphealth_report_nodes, &f.sample, NULL,
                                 "counts"),
                 "{\"healthy\":3,\"degraded\":0,\"unknown\":1,\"critical\":1,"
                 "\"silent\":1}");

    nodes = document_member(caphealth_report_nodes, &f.sample, NULL, "nodes");

    assert_int_equal(json_array_size(nodes), FLEET_NODES);
    assert_value(json_incref(json_array_get(nodes, 1)),
                 "{\"name\":\"node-2\",\"status\":\"critical\","
                 "\"cause\":\"Disk \\\"/\\\" full\",\"silent\":false,"
                 "\"version\":\"0.0.0\","
                 "\"reported_at\":\"2001-09-09T01:46:39Z\","
                 "\"interval_seconds\":10,"
                 "\"started_at\":\"2001-09-08T01:46:40Z\","
                 "\"clock_offset_seconds\":0.5,\"doubled\":false,"
                 "\"cause_code\":\"threshold\",\"cause_args\":{"
                 "\"subject\":\"disk_percent:/\\\"a\\\"\","
                 "\"path\":\"/\\\"a\\\"\",\"unit\":\"percent\","
                 "\"current\":97.2,\"bound\":null},"
                 "\"database_differs\":false}");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 2),
                                             "status")), "\"unknown\"");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 2),
                                             "cause_code")), "\"silent\"");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 2),
                                             "cause_args")), "null");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 0),
                                             "cause_code")), "null");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 3),
                                             "database_differs")), "true");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 3),
                                             "clock_offset_seconds")), "null");
    assert_value(json_incref(json_object_get(json_array_get(nodes, 3),
                                             "doubled")), "true");

    json_decref(nodes);

    assert_value(document_member(caphealth_report_nodes, &f.sample, NULL,
                                 "database_differs"), "false");
}


static void
assert_contains(const char *text, const char *part)
{
    const char  *found = strstr(text, part);

    if (found == NULL) {
        print_message("%s\n", text);
    }

    assert_non_null(found);
}


static void
metrics(void **state)
{
    char     *text;
    size_t    len;
    fleet_t   f;

    static const caphealth_build_t  build = { "0.0.0", "1.22.1" };

    (void) state;

    fleet_init(&f);
    fleet_state(&f, 1, CAPHEALTH_OVERALL_CRITICAL, "Disk");
    f.nodes[2].age = 40;

    text = caphealth_metrics_facts(&f.sample.facts, &f.sample.policy, &build,
                                   SAMPLE_NOW, CAPHEALTH_PROMETHEUS, &len);
    assert_non_null(text);
    assert_contains(text, "\ncaphealth_fleet_nodes{status=\"healthy\"} 3\n"
                          "caphealth_fleet_nodes{status=\"degraded\"} 0\n"
                          "caphealth_fleet_nodes{status=\"unknown\"} 1\n"
                          "caphealth_fleet_nodes{status=\"critical\"} 1\n");
    assert_contains(text, "\ncaphealth_fleet_silent_nodes 1\n");
    assert_contains(text, "\ncaphealth_fleet_lease_held 1\n");
    assert_contains(text, "\ncaphealth_fleet_alone 0\n");
    assert_contains(text, "\ncaphealth_fleet_clock_offset_seconds -0.0251\n");
    assert_contains(text, "status=\"critical\"} 1\n");
    assert_contains(text, "\ncaphealth_collector_up{collector=\"fleet\"} 1\n");
    assert_null(strstr(text, "node-"));
    free(text);

    text = caphealth_metrics_nodes(&f.sample.facts, SAMPLE_NOW,
                                   CAPHEALTH_PROMETHEUS, &len);
    assert_non_null(text);
    assert_contains(text, "\ncaphealth_fleet_node_status{node=\"node-3\","
                          "caphealth_fleet_node_status=\"unknown\","
                          "status=\"unknown\"} 1\n");
    assert_contains(text, "\ncaphealth_fleet_node_silent{node=\"node-3\"} 1\n");
    assert_contains(text, "\ncaphealth_fleet_node_info{node=\"node-5\","
                          "version=\"0.0.0\"} 1\n");
    assert_contains(text, "\ncaphealth_fleet_node_last_report_timestamp_seconds"
                          "{node=\"node-1\"} 1000000000.75\n");
    free(text);

    /* nothing of a fleet that is not configured */

    sample_init(&f.sample);

    text = caphealth_metrics_nodes(&f.sample.facts, SAMPLE_NOW,
                                   CAPHEALTH_PROMETHEUS, &len);
    assert_non_null(text);
    assert_int_equal(len, 0);
    free(text);
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(none),
        cmocka_unit_test(healthy),
        cmocka_unit_test(worst),
        cmocka_unit_test(left_out),
        cmocka_unit_test(silent),
        cmocka_unit_test(causes),
        cmocka_unit_test(unread),
        cmocka_unit_test(shop),
        cmocka_unit_test(document),
        cmocka_unit_test(metrics)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
