
/*
 * Under test: src/model/caphealth_facts.c src/model/caphealth_json.c
 *     src/ipc/caphealth_source_facts.c src/model/caphealth_report.c
 *     src/model/caphealth_status.c src/model/caphealth_recommendations.c
 *     src/model/caphealth_measures.c
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

    (void) caphealth_facts_stale_at(&f.facts, f.now);

    facts_free(&f);
    json_decref(document);

    return 0;
}
