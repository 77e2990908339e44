
/*
 * Facts out of one JSON document:
 *
 *     {"now": 12.5, "system": REPLY, "disks": [REPLY, ...], "database": REPLY,
 *      "roots": [{"path", "source", "files", "bytes", ...}],
 *      "fleet": {"node", "holder", "shop", "leader", "alone", "collected_at",
 *                "nodes": [{"name", "state", "age", "interval", ...}]}}
 *
 * where a REPLY is what a collector answers, with the rows of its "vendors" as
 * a database gives them.  One that is not accepted is a section that has
 * failed.
 */

#ifndef FUZZ_FACTS_H
#define FUZZ_FACTS_H


#include "json.h"

#include <math.h>

#include "caphealth_report.h"
#include "caphealth_source_facts.h"
#include "caphealth_vendor_products.h"


#define FACTS_DISKS  3
#define FACTS_ROOTS  3
#define FACTS_NODES  8


typedef struct {
    double                   now;
    caphealth_facts_t        facts;
    caphealth_policy_t       policy;
    caphealth_disk_facts_t   disks[FACTS_DISKS];
    caphealth_root_t         roots[FACTS_ROOTS];

    struct {
        caphealth_fleet_node_t   nodes[FACTS_NODES];
        char                     nul;
    } fleet;

    caphealth_answer_t       answers[FACTS_DISKS + 2];
    unsigned                 nanswers;
} facts_t;


typedef struct {
    const char              *name;
    size_t                   offset;
} facts_field_t;


static const facts_field_t  facts_system_reals[] = {
    { "cpu_percent", offsetof(caphealth_system_t, cpu_percent) },
    { "cpu_mean", offsetof(caphealth_system_t, cpu_mean) },
    { "cpu_converters", offsetof(caphealth_system_t, cpu_converters) },
    { "cpu_seconds", offsetof(caphealth_system_t, cpu_seconds) },
    { "cores", offsetof(caphealth_system_t, cores) },
    { "load1", offsetof(caphealth_system_t, load1) },
    { "load5", offsetof(caphealth_system_t, load5) },
    { "load15", offsetof(caphealth_system_t, load15) },
    { "uptime", offsetof(caphealth_system_t, uptime) },
    { NULL, 0 }
};

static const facts_field_t  facts_system_counts[] = {
    { "memory_total", offsetof(caphealth_system_t, memory_total) },
    { "memory_used", offsetof(caphealth_system_t, memory_used) },
    { "swap_total", offsetof(caphealth_system_t, swap_total) },
    { "swap_used", offsetof(caphealth_system_t, swap_used) },
    { NULL, 0 }
};

static const facts_field_t  facts_disk_counts[] = {
    { "total", offsetof(caphealth_disk_t, total) },
    { "used", offsetof(caphealth_disk_t, used) },
    { "available", offsetof(caphealth_disk_t, available) },
    { "inodes", offsetof(caphealth_disk_t, inodes) },
    { "inodes_free", offsetof(caphealth_disk_t, inodes_free) },
    { NULL, 0 }
};

static const facts_field_t  facts_database_counts[] = {
    { "size", offsetof(caphealth_database_t, size) },
    { "products_count", offsetof(caphealth_database_t, products_count) },
    { "orders_count", offsetof(caphealth_database_t, orders_count) },
    { "vendors_count", offsetof(caphealth_database_t, vendors_count) },
    { "inventory_count", offsetof(caphealth_database_t, inventory_count) },
    { "orders_this_month",
      offsetof(caphealth_database_t, orders_this_month) },
    { "active_vendors", offsetof(caphealth_database_t, active_vendors) },
    { NULL, 0 }
};


static void
facts_reals(void *base, const facts_field_t *f, const json_t *o)
{
    const json_t  *value;

    for ( /* void */ ; f->name; f++) {
        value = json_object_get(o, f->name);

        if (json_is_number(value)) {
            *(double *) ((char *) base + f->offset) = json_number_value(value);
        }
    }
}


static void
facts_counts(void *base, const facts_field_t *f, const json_t *o)
{
    const json_t  *value;

    for ( /* void */ ; f->name; f++) {
        value = json_object_get(o, f->name);

        if (json_is_integer(value)) {
            *(int64_t *) ((char *) base + f->offset) =
                                                   json_integer_value(value);
        }
    }
}


/* cut where there is no room, in the middle of a character too */

static void
facts_string(char *to, size_t size, const json_t *o, const char *name)
{
    const char  *value;

    value = json_string_value(json_object_get(o, name));

    if (value) {
        (void) snprintf(to, size, "%s", value);
    }
}


static int32_t
facts_flag(const json_t *o, const char *name)
{
    json_t  *value;

    value = json_object_get(o, name);

    return json_is_boolean(value) ? json_is_true(value)
           : json_is_integer(value) ? (int32_t) json_integer_value(value) : -1;
}


static void
facts_stall(caphealth_stall_t *s, const json_t *o)
{
    static const facts_field_t  fields[] = {
        { "avg10", offsetof(caphealth_stall_t, avg10) },
        { "avg60", offsetof(caphealth_stall_t, avg60) },
        { "avg300", offsetof(caphealth_stall_t, avg300) },
        { "total", offsetof(caphealth_stall_t, total) },
        { NULL, 0 }
    };

    facts_reals(s, fields, o);
}


static void
facts_pressure(caphealth_pressure_t *p, const json_t *o)
{
    facts_stall(&p->some, json_object_get(o, "some"));
    facts_stall(&p->full, json_object_get(o, "full"));
}


static void
facts_system(caphealth_system_t *s, const json_t *o)
{
    const json_t  *pressure;

    caphealth_system_clear(s);

    facts_string(s->scope, sizeof(s->scope), o, "scope");
    facts_reals(s, facts_system_reals, o);
    facts_counts(s, facts_system_counts, o);

    pressure = json_object_get(o, "pressure");

    facts_pressure(&s->pressure_cpu, json_object_get(pressure, "cpu"));
    facts_pressure(&s->pressure_memory, json_object_get(pressure, "memory"));
    facts_pressure(&s->pressure_io, json_object_get(pressure, "io"));
}


static void
facts_disk(caphealth_disk_t *d, const json_t *o)
{
    caphealth_disk_clear(d);

    facts_string(d->device, sizeof(d->device), o, "device");
    facts_counts(d, facts_disk_counts, o);
    d->read_only = facts_flag(o, "read_only");
    d->device_read_only = facts_flag(o, "device_read_only");
}


/* returns the text of its vendors, or NULL */

static char *
facts_database(caphealth_database_t *d, const json_t *o, const json_t *vendors)
{
    char                     *text;
    size_t                    i;
    json_t                   *vendor, *id;
    const char               *name;
    caphealth_vendor_row_t   *row;
    caphealth_vendor_rows_t   rows;

    caphealth_database_clear(d);

    facts_string(d->engine, sizeof(d->engine), o, "engine");
    facts_string(d->version, sizeof(d->version), o, "version");
    facts_counts(d, facts_database_counts, o);

    if (vendors == NULL) {
        return NULL;
    }

    memset(&rows, 0, sizeof(rows));

    json_array_foreach(vendors, i, vendor) {
        row = caphealth_vendor_rows_add(&rows);
        fuzz_check(row != NULL);

        name = json_string_value(json_array_get(vendor, 0));
        id = json_array_get(vendor, 2);

        row->name = name ? strdup(name) : NULL;
        row->products = json_integer_value(json_array_get(vendor, 1));
        row->id = json_is_integer(id) || json_is_string(id)
                  ? json_dumps(id, JSON_ENCODE_ANY) : NULL;
    }

    text = caphealth_vendor_products(&rows, d);
    fuzz_check(text != NULL);

    caphealth_vendor_rows_free(&rows);

    return text;
}


/*
 * A member that the document has, as a collector would send it and a worker
 * takes it.  *a becomes that, and *text the vendors', or NULL.
 */

static int
facts_answer(caphealth_answer_t *a, const json_t *document,
    caphealth_source_e of, char **text)
{
    char                *bytes, *vendors;
    size_t               size;
    json_t              *data;
    const char          *error, *wrong;
    caphealth_answer_t   sent;

    memset(&sent, 0, sizeof(sent));

    data = json_object_get(document, "data");
    error = json_string_value(json_object_get(document, "error"));

    sent.source = of;
    sent.known = json_is_object(data);
    sent.collected_at = json_number_value(json_object_get(document,
                                                          "collected_at"));
    sent.duration = json_number_value(json_object_get(document, "duration"));

    if (error) {
        caphealth_error_set(&sent.error, CAPHEALTH_ERROR_OTHER, "%s", error);
        sent.error.code = sent.error.text[0] ? sent.error.code : 0;
    }

    vendors = NULL;

    switch (of) {

    case CAPHEALTH_SOURCE_SYSTEM:
        facts_system(&sent.facts.system, data);
        break;

    case CAPHEALTH_SOURCE_DISK:
        facts_disk(&sent.facts.disk, data);
        break;

    default:
        vendors = facts_database(&sent.facts.database, data,
                                 sent.known ? json_object_get(document,
                                                              "vendors")
                                            : NULL);
    }

    size = vendors ? caphealth_vendors_size(&sent.facts.database) : 0;

    bytes = malloc(sizeof(sent) + size);
    fuzz_check(bytes != NULL);

    memcpy(bytes, &sent, sizeof(sent));

    if (vendors) {
        memcpy(bytes + sizeof(sent), vendors, size);
    }

    wrong = caphealth_answer_read(a, of, bytes, sizeof(sent) + size);

    free(bytes);

    if (wrong) {
        free(vendors);
        return -1;
    }

    *text = vendors;

    return 0;
}


static caphealth_answer_t *
facts_section(facts_t *f, const json_t *document, caphealth_source_e of,
    caphealth_section_t *s, char **text)
{
    caphealth_answer_t  *a;

    *text = NULL;

    s->configured = (document != NULL);
    s->interval = 10;

    if (document == NULL) {
        return NULL;
    }

    a = &f->answers[f->nanswers++];

    if (facts_answer(a, document, of, text) == -1) {
        s->failed = 1;
        return NULL;
    }

    s->attempted_at = a->collected_at;
    s->collected_at = a->known ? a->collected_at : 0;
    s->failed = !a->known;
    s->error = a->error.code ? a->error.text : NULL;
    s->error_code = caphealth_error_name(a->error.code, of, s->failed);

    return a->known ? a : NULL;
}


/* within the bounds of caphealth_tree_valid() */

static int64_t
facts_amount(const json_t *root, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(root, name));

    return n < 0 ? 0 : n % CAPHEALTH_TREE_MOST;
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


/* as a worker takes it: whole, or not at all */

static void
facts_fleet(facts_t *f, const json_t *document)
{
    size_t                    i;
    json_t                   *nodes, *o;
    caphealth_fleet_t         fleet;
    caphealth_fleet_node_t   *node;
    caphealth_fleet_facts_t  *facts = &f->facts.fleet;

    static const facts_field_t  reals[] = {
        { "age", offsetof(caphealth_fleet_node_t, age) },
        { "interval", offsetof(caphealth_fleet_node_t, interval) },
        { "started", offsetof(caphealth_fleet_node_t, started) },
        { "clock_offset", offsetof(caphealth_fleet_node_t, clock_offset) },
        { NULL, 0 }
    };

    caphealth_fleet_clear(&facts->value);

    facts->section.configured = json_is_object(document);
    facts->section.interval = 10;

    if (!json_is_object(document)) {
        return;
    }

    caphealth_fleet_clear(&fleet);

    facts_string(fleet.node, sizeof(fleet.node), document, "node");
    facts_string(fleet.holder, sizeof(fleet.holder), document, "holder");
    facts_string(fleet.shop, sizeof(fleet.shop), document, "shop");
    fleet.leader = (uint32_t) json_integer_value(
                                        json_object_get(document, "leader"));
    fleet.alone = (uint32_t) json_integer_value(
                                        json_object_get(document, "alone"));

    nodes = json_object_get(document, "nodes");

    for (i = 0; i < FACTS_NODES && i < json_array_size(nodes); i++) {
        node = &f->fleet.nodes[i];
        o = json_array_get(nodes, i);

        facts_string(node->name, sizeof(node->name), o, "name");
        facts_string(node->version, sizeof(node->version), o, "version");
        facts_string(node->cause, sizeof(node->cause), o, "cause");
        facts_reals(node, reals, o);
        node->state = (uint32_t) json_integer_value(
                                               json_object_get(o, "state"));
        node->doubled = (uint32_t) json_integer_value(
                                             json_object_get(o, "doubled"));
        node->differs = (uint32_t) json_integer_value(
                                             json_object_get(o, "differs"));
        node->args.code = (uint32_t) json_integer_value(
                                             json_object_get(o, "code"));
        node->args.numbers[0] = node->age;
        facts_string(node->args.subject, sizeof(node->args.subject), o,
                     "subject");
    }

    fleet.nnodes = fleet.total = (int64_t) i;

    if (caphealth_fleet_read(&facts->value, &fleet, sizeof(fleet)) != NULL) {
        return;
    }

    if (caphealth_fleet_nodes_check(&facts->value, f->fleet.nodes,
                                    caphealth_fleet_nodes_size(&facts->value))
        != NULL)
    {
        caphealth_fleet_clear(&facts->value);
        return;
    }

    facts->nodes = f->fleet.nodes;
    facts->section.collected_at = json_number_value(
                                json_object_get(document, "collected_at"));
    facts->section.attempted_at = facts->section.collected_at;
}


static void
facts_read(facts_t *f, json_t *document)
{
    char                       *text;
    size_t                      i;
    json_t                     *now, *disks, *disk, *roots;
    caphealth_answer_t         *a;
    caphealth_vendors_check_t   check;

    memset(f, 0, sizeof(facts_t));

    caphealth_policy_init(&f->policy);

    now = json_object_get(document, "now");
    f->now = json_is_number(now) ? json_number_value(now) : 1e9;

    caphealth_system_clear(&f->facts.system.value);
    caphealth_database_clear(&f->facts.database.value);

    a = facts_section(f, json_object_get(document, "system"),
                      CAPHEALTH_SOURCE_SYSTEM, &f->facts.system.section,
                      &text);
    if (a) {
        f->facts.system.value = a->facts.system;
    }

    a = facts_section(f, json_object_get(document, "database"),
                      CAPHEALTH_SOURCE_DATABASE, &f->facts.database.section,
                      &text);
    if (a) {
        f->facts.database.value = a->facts.database;
    }

    if (text) {
        caphealth_vendors_set(&f->facts.database.vendors, text,
                              &f->facts.database.value);
        caphealth_vendors_check_init(&check, &f->facts.database.vendors);
        fuzz_check(caphealth_vendors_check(&check, SIZE_MAX) == 1);
    }

    disks = json_object_get(document, "disks");
    f->facts.disks = f->disks;

    for (i = 0; i < FACTS_DISKS && i < json_array_size(disks); i++) {
        disk = json_array_get(disks, i);

        f->disks[i].path = json_string_value(
                           json_object_get(json_object_get(disk, "data"),
                                           "path"));
        caphealth_disk_clear(&f->disks[i].value);

        a = facts_section(f, disk, CAPHEALTH_SOURCE_DISK,
                          &f->disks[i].section, &text);
        if (a) {
            f->disks[i].value = a->facts.disk;
        }

        f->facts.ndisks++;
    }

    roots = json_object_get(document, "roots");
    f->facts.images.value.roots = f->roots;

    for (i = 0; i < FACTS_ROOTS && i < json_array_size(roots); i++) {
        facts_root(f, &f->roots[i], json_array_get(roots, i));
        f->facts.images.value.nroots++;
    }

    facts_fleet(f, json_object_get(document, "fleet"));

    caphealth_images_add(&f->facts.images.value);

    f->facts.images.section.configured = (i != 0);
    f->facts.images.section.collected_at = f->now;
    f->facts.images.section.interval = 10;
}


static void
facts_free(facts_t *f)
{
    caphealth_vendors_free(&f->facts.database.vendors);
}


#endif /* FUZZ_FACTS_H */
