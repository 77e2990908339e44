
/*
 * Under test: src/ipc/caphealth_source_facts.c src/ipc/caphealth_error.c
 *
 * What a collector that a stranger has taken over may send: the source that
 * was asked for, and an answer of any bytes; or the daily maxima.
 */

#include "fuzz.h"

#include <float.h>
#include <math.h>

#include "caphealth_source_facts.h"
#include "caphealth_utf8.h"


/* a seed of another size is refused as a whole, and tries nothing */

_Static_assert(sizeof(caphealth_system_t) == 360
               && sizeof(caphealth_disk_t) == 80
               && sizeof(caphealth_database_t) == 160
               && sizeof(caphealth_fleet_t) == 240
               && sizeof(caphealth_fleet_node_t) == 712,
               "SYSTEM, DISK, DATABASE, FLEET and NODE of fuzz/seeds are "
               "packed like these structs: change them, then the sizes here");


static void
check_string(const char *s, size_t size)
{
    size_t  len;

    len = strnlen(s, size);

    fuzz_check(len < size && caphealth_utf8_valid(s, len));
}


static void
check_real(double x, double max)
{
    fuzz_check(isnan(x) || (x >= 0 && x <= max));
}


static void
check_system(const caphealth_system_t *s)
{
    check_string(s->scope, sizeof(s->scope));

    check_real(s->cpu_percent, 100);
    check_real(s->cpu_mean, 100);
    check_real(s->cores, DBL_MAX);
    check_real(s->pressure_io.full.total, DBL_MAX);

    fuzz_check(s->memory_total >= -1 && s->memory_used >= -1);
    fuzz_check(s->cpu_basis >= -1);
}


static void
check_disk(const caphealth_disk_t *d)
{
    check_string(d->device, sizeof(d->device));

    fuzz_check(d->total >= -1 && d->inodes_free >= -1);
    fuzz_check(d->read_only >= -1 && d->read_only <= 1);
}


/* the vendors' text is all that is behind the struct */

static void
check_database(const caphealth_database_t *d, size_t size)
{
    check_string(d->engine, sizeof(d->engine));
    check_string(d->version, sizeof(d->version));

    fuzz_check(d->size >= -1 && d->active_vendors >= -1);
    fuzz_check(caphealth_vendors_size(d) == size);
}


static void
check_fleet(const caphealth_fleet_t *f, const char *behind, size_t size)
{
    int64_t                        i;
    const caphealth_fleet_node_t  *node;

    check_string(f->node, sizeof(f->node));
    check_string(f->holder, sizeof(f->holder));
    check_string(f->shop, sizeof(f->shop));

    fuzz_check(f->leader <= 1 && f->alone <= 1 && f->doubled <= 1);
    fuzz_check(f->total >= f->nnodes);
    fuzz_check(caphealth_fleet_nodes_size(f) == size);

    node = (const caphealth_fleet_node_t *) behind;

    for (i = 0; i < f->nnodes; i++) {
        check_string(node[i].name, sizeof(node[i].name));
        check_string(node[i].version, sizeof(node[i].version));
        check_string(node[i].cause, sizeof(node[i].cause));
        check_real(node[i].age, DBL_MAX);
        check_real(node[i].interval, DBL_MAX);

        fuzz_check(caphealth_node_name_valid(node[i].name,
                                             strlen(node[i].name)));
        fuzz_check(i == 0 || strcmp(node[i - 1].name, node[i].name) < 0);
    }
}


/* the daily maxima, which a collector sends unasked */

static void
check_history(fuzz_bytes_t b)
{
    char                       *bytes;
    size_t                      i;
    const void                 *read;
    const char                 *wrong, *name;
    caphealth_history_facts_t   h;

    bytes = fuzz_copy(b.data, b.size);
    wrong = caphealth_history_facts_read(&h, bytes, b.size);

    if (wrong == NULL) {
        read = &h;
        fuzz_check(b.size >= sizeof(h));
        fuzz_check(memcmp(read, bytes, sizeof(h)) == 0);
        fuzz_check(caphealth_error_valid(&h.error));
        fuzz_check(h.first_day <= INT32_MAX - CAPHEALTH_PAST_DAYS);

    } else {
        fuzz_check(h.n == 0);
    }

    for (i = 0; i < h.n; i++) {
        name = h.series[i].name;

        check_string(name, sizeof(h.series[i].name));
        fuzz_check(caphealth_history_facts_past(&h, name) != NULL);
    }

    free(bytes);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *bytes;
    size_t               behind;
    const char          *wrong;
    const void          *read;
    fuzz_bytes_t         b = { data, size };
    caphealth_answer_t   a;
    caphealth_source_e   of;

    of = (caphealth_source_e) (fuzz_number(&b, 1) % CAPHEALTH_SOURCES);

    if (of == CAPHEALTH_SOURCE_IMAGES) {
        check_history(b);
        return 0;
    }

    bytes = fuzz_copy(b.data, b.size);
    wrong = caphealth_answer_read(&a, of, bytes, b.size);

    if (wrong == NULL) {
        read = &a;
        fuzz_check(b.size >= sizeof(a));
        fuzz_check(memcmp(read, bytes, sizeof(a)) == 0);
        fuzz_check(caphealth_error_valid(&a.error));
        fuzz_check(a.known || a.error.code != 0
                   || of == CAPHEALTH_SOURCE_DATABASE);
        fuzz_check((caphealth_error_name(a.error.code, of, !a.known) == NULL)
                   == (a.error.code == 0));

        behind = b.size - sizeof(a);
        fuzz_check(behind == 0 || bytes[b.size - 1] == '\0');

        if (!a.known) {
            fuzz_check(behind == 0);

        } else if (of == CAPHEALTH_SOURCE_SYSTEM) {
            check_system(&a.facts.system);

        } else if (of == CAPHEALTH_SOURCE_DISK) {
            check_disk(&a.facts.disk);

        } else if (of == CAPHEALTH_SOURCE_FLEET) {
            check_fleet(&a.facts.fleet, bytes + sizeof(a), behind);

        } else {
            check_database(&a.facts.database, behind);
        }
    }

    free(bytes);

    return 0;
}
