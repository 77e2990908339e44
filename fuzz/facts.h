
/*
 * Facts out of one JSON document:
 *
 *     {"now": 12.5, "system": REPLY, "disks": [REPLY, ...], "database": REPLY,
 *      "roots": [{"path", "source", "files", "bytes", ...}]}
 *
 * where a REPLY is what a collector answers, with the rows of its "vendors" as
 * a database gives them.  One that is not accepted is a section that has
 * failed.
 */

#ifndef FUZZ_FACTS_H
#define FUZZ_FACTS_H


#include "json.h"

#include <math.h>

#include "caphealth_vendor_products.h"
#include "caphealth_reply.h"
#include "caphealth_report.h"


#define FACTS_DISKS  3
#define FACTS_ROOTS  3


typedef struct {
    double                   now;
    caphealth_facts_t        facts;
    caphealth_policy_t       policy;
    caphealth_disk_facts_t   disks[FACTS_DISKS];
    caphealth_root_t         roots[FACTS_ROOTS];
    caphealth_reply_t        replies[FACTS_DISKS + 2];
    unsigned                 nreplies;
} facts_t;


/* a member that the document has, as a collector would send it */

static caphealth_reply_t *
facts_reply(facts_t *f, json_t *document, caphealth_reply_e of,
    caphealth_section_t *s)
{
    int                 rc;
    char               *text, *vendors, err[256];
    json_t             *rows;
    caphealth_reply_t  *reply;

    s->configured = (document != NULL);
    s->interval = 10;

    if (document == NULL) {
        return NULL;
    }

    text = json_dumps(document, JSON_COMPACT|JSON_ENCODE_ANY);
    fuzz_check(text != NULL);

    rows = json_object_get(document, "vendors");

    if (rows != NULL) {
        vendors = caphealth_vendor_products(rows);
        fuzz_check(vendors != NULL);

        text = realloc(text, strlen(text) + 1 + strlen(vendors) + 1);
        fuzz_check(text != NULL);

        strcat(strcat(text, "\n"), vendors);
        free(vendors);
    }

    reply = &f->replies[f->nreplies++];
    memset(err, 0, sizeof(err));

    rc = caphealth_reply_parse(reply, of, text, strlen(text), err,
                               sizeof(err));
    free(text);

    if (rc == -1) {
        fuzz_check(err[0] != '\0');
        fuzz_check(reply->data == NULL && reply->error == NULL);
        s->failed = 1;
        return NULL;
    }

    fuzz_check(err[0] == '\0');
    fuzz_check(reply->data != NULL || reply->error != NULL);

    s->attempted_at = reply->collected_at;
    s->collected_at = reply->data ? reply->collected_at : 0;
    s->failed = (reply->data == NULL);
    s->error = reply->error;

    return reply->data ? reply : NULL;
}


/* a second reading of what was accepted is accepted */

#define facts_section(f, document, of, kind, facts, ...)                      \
    do {                                                                      \
        char                err_[256];                                        \
        caphealth_reply_t  *reply_;                                           \
                                                                              \
        reply_ = facts_reply(f, document, of, &(facts)->section);             \
                                                                              \
        if (reply_) {                                                         \
            fuzz_check(caphealth_##kind##_parse(&(facts)->value,              \
                                                __VA_ARGS__ reply_->data,     \
                                                strlen(reply_->data), err_,   \
                                                sizeof(err_))                 \
                       == 0);                                                 \
        } else {                                                              \
            caphealth_##kind##_clear(&(facts)->value);                        \
        }                                                                     \
    } while (0)


/* within the bounds of caphealth_tree_valid() */

static int64_t
facts_amount(const json_t *root, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(root, name));

    return n < 0 ? 0 : n % (INT64_MAX / 1000000);
}


static void
facts_root(facts_t *f, caphealth_root_t *root, const json_t *document)
{
    const char  *source;

    root->path = json_string_value(json_object_get(document, "path"));
    root->path = root->path ? root->path : "/srv/images";
    root->error = json_string_value(json_object_get(document, "error"));

    source = json_string_value(json_object_get(document, "source"));
    root->source = source == NULL ? NULL
                   : strcmp(source, "live") == 0 ? "live" : "saved";

    root->files = facts_amount(document, "files");
    root->bytes = facts_amount(document, "bytes");
    root->complete = facts_amount(document, "sets");
    root->max_files = facts_amount(document, "max_files");
    root->incomplete = facts_amount(document, "incomplete");
    root->strays = facts_amount(document, "strays");
    root->drift_files = facts_amount(document, "drift_files");
    root->drift_bytes = facts_amount(document, "drift_bytes");

    root->scanned_at = (double) facts_amount(document, "scanned_at");
    root->scan_seconds = (double) facts_amount(document, "scan_seconds");
    root->scanning_since = (double) facts_amount(document, "scanning_since");
    root->progress = (double) (facts_amount(document, "progress") % 101);

    if (root->max_files) {
        memcpy(root->fullest, "ab/cd", 6);
    }

    if (f->facts.ndisks) {
        root->disk = &f->disks[0];
    }
}


static void
facts_read(facts_t *f, json_t *document)
{
    size_t  i;
    json_t  *now, *disks, *roots;

    memset(f, 0, sizeof(facts_t));

    caphealth_policy_init(&f->policy);

    now = json_object_get(document, "now");
    f->now = json_is_number(now) ? json_number_value(now) : 1e9;

    facts_section(f, json_object_get(document, "system"),
                  CAPHEALTH_REPLY_SYSTEM, system, &f->facts.system);
    facts_section(f, json_object_get(document, "database"),
                  CAPHEALTH_REPLY_DATABASE, database, &f->facts.database,
                  &f->facts.database.vendors,);

    disks = json_object_get(document, "disks");
    f->facts.disks = f->disks;

    for (i = 0; i < FACTS_DISKS && i < json_array_size(disks); i++) {
        f->disks[i].path = json_string_value(
                      json_object_get(json_object_get(json_array_get(disks, i),
                                                      "data"), "path"));
        facts_section(f, json_array_get(disks, i), CAPHEALTH_REPLY_DISK, disk,
                      &f->disks[i]);
        f->facts.ndisks++;
    }

    roots = json_object_get(document, "roots");
    f->facts.images.value.roots = f->roots;

    for (i = 0; i < FACTS_ROOTS && i < json_array_size(roots); i++) {
        facts_root(f, &f->roots[i], json_array_get(roots, i));
        f->facts.images.value.nroots++;
    }

    caphealth_images_add(&f->facts.images.value);

    f->facts.images.section.configured = (i != 0);
    f->facts.images.section.collected_at = f->now;
    f->facts.images.section.interval = 10;
}


static void
facts_free(facts_t *f)
{
    size_t  i;

    caphealth_vendors_free(&f->facts.database.vendors);

    for (i = 0; i < f->nreplies; i++) {
        caphealth_reply_free(&f->replies[i]);
    }
}


#endif /* FUZZ_FACTS_H */
