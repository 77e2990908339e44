
/*
 * Under test: src/model/caphealth_facts.c src/model/caphealth_json.c
 *     src/ipc/caphealth_source_facts.c src/model/caphealth_report.c
 *     src/model/caphealth_status.c src/model/caphealth_recommendations.c
 *     src/model/caphealth_measures.c src/model/caphealth_platform.c
 *
 * What a collector answers, as the reports that are made of it.
 */

#include "facts.h"

#include "caphealth_report.h"


/* jansson takes neither NaN nor what is not UTF-8 */

static json_t *
check_document(char *text, size_t len)
{
    json_t  *document;

    fuzz_check(text != NULL);
    fuzz_check(len == strlen(text) && text[len - 1] == '\n');

    document = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    fuzz_check(json_is_object(document));

    free(text);

    return document;
}


/* null, or what a share of something can be */

static void
check_percent(const json_t *value)
{
    fuzz_check(json_is_null(value)
               || (json_is_number(value) && json_number_value(value) >= 0));
}


/* nothing stale or unknown adds up to "healthy" */

static void
check_health(const json_t *health)
{
    size_t       i;
    int          bad;
    json_t      *check, *disk;
    const char  *status, *overall;

    bad = 0;

    json_array_foreach(json_object_get(health, "thresholds"), i, check) {
        status = json_string_value(json_object_get(check, "status"));
        fuzz_check(status != NULL);

        bad |= strcmp(status, "ok") != 0
               && strcmp(status, "not_configured") != 0;

        check_percent(json_object_get(check, "percent_used"));
        check_percent(json_object_get(check, "current"));

        fuzz_check(json_is_null(json_object_get(check, "current"))
                   == (strcmp(status, "unknown") == 0
                       || strcmp(status, "not_configured") == 0)
                   || strcmp(status, "unknown") == 0);
    }

    json_array_foreach(json_object_get(health, "disks"), i, disk) {
        check_percent(json_object_get(disk, "percent"));
        check_percent(json_object_get(disk, "inodes_percent"));
    }

    overall = json_string_value(json_object_get(health, "overall_status"));
    fuzz_check(overall != NULL);

    if (strcmp(overall, "healthy") == 0) {
        fuzz_check(!bad);
        fuzz_check(!json_is_true(json_object_get(health, "stale")));
    }

    fuzz_check(json_array_size(json_object_get(health, "recommendations"))
               > 0);
}


/* each node has a status, by which it is counted, and the worst is all's */

static void
check_nodes(const json_t *report)
{
    size_t        i;
    json_t       *node, *counts;
    json_int_t    n, healthy;
    const char   *status, *platform;

    n = healthy = 0;
    platform = json_string_value(json_object_get(report, "platform_status"));
    counts = json_object_get(report, "counts");

    json_array_foreach(json_object_get(report, "nodes"), i, node) {
        status = json_string_value(json_object_get(node, "status"));
        fuzz_check(status != NULL);

        n += json_integer_value(json_object_get(counts, status)) > 0;
        healthy += (strcmp(status, "healthy") == 0);

        fuzz_check(json_is_null(json_object_get(node, "cause"))
                   == (strcmp(status, "healthy") == 0));
        fuzz_check(!json_is_true(json_object_get(node, "silent"))
                   || strcmp(status, "unknown") == 0);
    }

    fuzz_check(platform != NULL);
    fuzz_check(strcmp(platform, "healthy") != 0
               || (i > 0 && healthy == (json_int_t) i));
    fuzz_check(json_is_null(json_object_get(report, "reason"))
               == (strcmp(platform, "healthy") == 0));
    fuzz_check(json_is_null(json_object_get(counts, "healthy"))
               || n == (json_int_t) i);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char     *text;
    size_t    len;
    json_t   *document, *report;
    facts_t   f;

    document = json_loadb((const char *) data, size, JSON_ALLOW_NUL, NULL);

    facts_read(&f, document);

    text = caphealth_report_health(&f.facts, &f.policy, f.now, &len);
    report = check_document(text, len);
    check_health(report);
    json_decref(report);

    text = caphealth_report_capacity(&f.facts, &f.policy, f.now, &len);
    json_decref(check_document(text, len));

    text = caphealth_report_statistics(&f.facts, f.now, &len);
    json_decref(check_document(text, len));

    if (f.facts.fleet.section.configured) {
        text = caphealth_report_nodes(&f.facts, &f.policy, f.now, &len);
        report = check_document(text, len);
        check_nodes(report);
        json_decref(report);
    }

    (void) caphealth_facts_stale_at(&f.facts, f.now);

    facts_free(&f);
    json_decref(document);

    return 0;
}
