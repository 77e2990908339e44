
/*
 * Under test: src/model/caphealth_metrics.c
 *     src/model/caphealth_measures.c src/model/caphealth_exposition.c
 *
 * The metrics, of facts with anything in them, in both formats: no name or
 * path makes a line, a label or a sample of its own.
 */

#include "facts.h"

#include "caphealth_metrics.h"


#define NAME  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:"


static const char *
check_label(const char *p)
{
    size_t  n;

    n = strspn(p, NAME);
    fuzz_check(n > 0 && p[n] == '=' && p[n + 1] == '"');

    for (p += n + 2; *p != '"'; p++) {
        fuzz_check(*p != '\0' && *p != '\n');

        if (*p == '\\') {
            p++;
            fuzz_check(*p == '\\' || *p == '"' || *p == 'n');
        }
    }

    return p + 1;
}


/* returns what is behind the line feed */

static const char *
check_sample(const char *p)
{
    char    *end;
    size_t   n;
    double   value;

    n = strspn(p, NAME);
    fuzz_check(n > 10 && strncmp(p, "caphealth_", 10) == 0);

    p += n;

    if (*p == '{') {
        do {
            p = check_label(p + 1);
        } while (*p == ',');

        fuzz_check(*p == '}');
        p++;
    }

    fuzz_check(*p == ' ');

    value = strtod(p + 1, &end);
    fuzz_check(end > p + 1 && *end == '\n' && !isnan(value));

    return end + 1;
}


static void
check_text(char *text, size_t len)
{
    const char  *p;

    fuzz_check(text != NULL && strlen(text) == len);

    for (p = text; *p; /* void */ ) {

        if (*p == '#') {
            fuzz_check(strncmp(p, "# HELP caphealth_", 17) == 0
                       || strncmp(p, "# TYPE caphealth_", 17) == 0
                       || strncmp(p, "# UNIT caphealth_", 17) == 0
                       || strcmp(p, "# EOF\n") == 0);
            p = strchr(p, '\n');
            fuzz_check(p != NULL);
            p++;

        } else {
            p = check_sample(p);
        }
    }

    free(text);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                  *text;
    size_t                 len;
    json_t                *document;
    facts_t                f;
    caphealth_activity_t   activity;
    caphealth_dialect_e    dialect;

    static const caphealth_build_t  build = { "1.0", "1.22.1" };
    static const caphealth_tally_t  tally = { "stored", 5 };

    document = json_loadb((const char *) data, size, 0, NULL);

    facts_read(&f, document);
    memset(&activity, 0, sizeof(activity));

    activity.uploads.configured = 1;
    activity.uploads.posts = &tally;
    activity.uploads.nposts = 1;
    activity.uploads.deletes = &tally;
    activity.uploads.ndeletes = 1;

    for (dialect = 0; dialect < CAPHEALTH_DIALECTS; dialect++) {

        text = caphealth_metrics_facts(&f.facts, &f.policy, &build, f.now,
                                       dialect, &len);
        check_text(text, len);

        text = caphealth_metrics_vendors(&f.facts.database.vendors, 3, dialect,
                                         &len);
        check_text(text, len);

        text = caphealth_metrics_nodes(&f.facts, f.now, dialect, &len);
        check_text(text, len);

        text = caphealth_metrics_live(&f.facts.images.value, &activity,
                                      dialect, &len);
        check_text(text, len);
    }

    facts_free(&f);
    json_decref(document);

    return 0;
}
