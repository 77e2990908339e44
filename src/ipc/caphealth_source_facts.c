
/*
 * What a collector knows of a source.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "caphealth_ipc.h"
#include "caphealth_source_facts.h"
#include "caphealth_utf8.h"


typedef enum {
    CAPHEALTH_COUNT = 0,         /* int64_t */
    CAPHEALTH_REAL,              /* double */
    CAPHEALTH_FLAG,              /* int32_t: 1, 0, -1 */
    CAPHEALTH_STRING             /* char[] */
} caphealth_field_e;


/* a table ends with a NULL name */

typedef struct {
    const char         *name;
    size_t              offset;
    caphealth_field_e   type;
    double              max;     /* of a double */
    size_t              size;    /* of a char[], with its NUL; the most of an
                                    int64_t */
} caphealth_source_field_t;


#define caphealth_field(type, name)                                           \
    #name, offsetof(caphealth_##type##_t, name)

#define caphealth_field_count(type, name)                                     \
    { caphealth_field(type, name), CAPHEALTH_COUNT, 0, INT64_MAX }

#define caphealth_field_length(type, name)                                    \
    { caphealth_field(type, name), CAPHEALTH_COUNT, 0, CAPHEALTH_IPC_MAX }

#define caphealth_field_real(type, name, max)                                 \
    { caphealth_field(type, name), CAPHEALTH_REAL, max, 0 }

#define caphealth_field_flag(type, name)                                      \
    { caphealth_field(type, name), CAPHEALTH_FLAG, 0, 0 }

#define caphealth_field_string(type, name)                                    \
    { caphealth_field(type, name), CAPHEALTH_STRING, 0,                       \
      sizeof(((caphealth_##type##_t *) 0)->name) }

#define caphealth_field_stall(name)                                           \
    caphealth_field_real(system, name.avg10, DBL_MAX),                        \
    caphealth_field_real(system, name.avg60, DBL_MAX),                        \
    caphealth_field_real(system, name.avg300, DBL_MAX),                       \
    caphealth_field_real(system, name.total, DBL_MAX)


static void caphealth_source_clear(const caphealth_source_field_t *fields,
    void *facts, size_t size);
static const char *caphealth_source_read(
    const caphealth_source_field_t *fields, void *facts, size_t expected,
    const void *data, size_t size);
static int caphealth_field_valid(const caphealth_source_field_t *field,
    const void *value);


static const caphealth_source_field_t  caphealth_system_fields[] = {
    caphealth_field_string(system, scope),
    caphealth_field_real(system, cpu_percent, 100),
    caphealth_field_real(system, cpu_mean, 100),
    caphealth_field_real(system, cpu_converters, 100),
    caphealth_field_real(system, cpu_seconds, DBL_MAX),
    caphealth_field_real(system, cores, DBL_MAX),
    caphealth_field_count(system, memory_total),
    caphealth_field_count(system, memory_used),
    caphealth_field_count(system, swap_total),
    caphealth_field_count(system, swap_used),
    caphealth_field_real(system, load1, DBL_MAX),
    caphealth_field_real(system, load5, DBL_MAX),
    caphealth_field_real(system, load15, DBL_MAX),
    caphealth_field_real(system, uptime, DBL_MAX),
    caphealth_field_stall(pressure_cpu.some),
    caphealth_field_stall(pressure_cpu.full),
    caphealth_field_stall(pressure_memory.some),
    caphealth_field_stall(pressure_memory.full),
    caphealth_field_stall(pressure_io.some),
    caphealth_field_stall(pressure_io.full),
    caphealth_field_real(system, cpu_percent_at, DBL_MAX),
    caphealth_field_real(system, cpu_mean_at, DBL_MAX),
    caphealth_field_count(system, cpu_basis),
    caphealth_field_real(system, cpu_clock, DBL_MAX),
    caphealth_field_real(system, cpu_busy, DBL_MAX),
    caphealth_field_real(system, cpu_total, DBL_MAX),
    { NULL, 0, CAPHEALTH_COUNT, 0, 0 }
};


static const caphealth_source_field_t  caphealth_disk_fields[] = {
    caphealth_field_string(disk, device),
    caphealth_field_count(disk, total),
    caphealth_field_count(disk, used),
    caphealth_field_count(disk, available),
    caphealth_field_count(disk, inodes),
    caphealth_field_count(disk, inodes_free),
    caphealth_field_flag(disk, read_only),
    caphealth_field_flag(disk, device_read_only),
    { NULL, 0, CAPHEALTH_COUNT, 0, 0 }
};


static const caphealth_source_field_t  caphealth_database_fields[] = {
    caphealth_field_string(database, engine),
    caphealth_field_string(database, version),
    caphealth_field_count(database, size),
    caphealth_field_count(database, products_count),
    caphealth_field_count(database, orders_count),
    caphealth_field_count(database, vendors_count),
    caphealth_field_count(database, inventory_count),
    caphealth_field_count(database, orders_this_month),
    caphealth_field_count(database, active_vendors),
    caphealth_field_length(database, names_len),
    caphealth_field_length(database, list_len),
    caphealth_field_length(database, list_vendors),
    { NULL, 0, CAPHEALTH_COUNT, 0, 0 }
};


void
caphealth_system_clear(caphealth_system_t *s)
{
    caphealth_source_clear(caphealth_system_fields, s,
                           sizeof(caphealth_system_t));
}


void
caphealth_disk_clear(caphealth_disk_t *d)
{
    caphealth_source_clear(caphealth_disk_fields, d,
                           sizeof(caphealth_disk_t));
}


void
caphealth_database_clear(caphealth_database_t *d)
{
    caphealth_source_clear(caphealth_database_fields, d,
                           sizeof(caphealth_database_t));
}


const char *
caphealth_system_read(caphealth_system_t *s, const void *data, size_t size)
{
    return caphealth_source_read(caphealth_system_fields, s,
                                 sizeof(caphealth_system_t), data, size);
}


const char *
caphealth_disk_read(caphealth_disk_t *d, const void *data, size_t size)
{
    return caphealth_source_read(caphealth_disk_fields, d,
                                 sizeof(caphealth_disk_t), data, size);
}


const char *
caphealth_database_read(caphealth_database_t *d, const void *data,
    size_t size)
{
    return caphealth_source_read(caphealth_database_fields, d,
                                 sizeof(caphealth_database_t), data, size);
}


int64_t *
caphealth_database_count(caphealth_database_t *d, size_t i,
    const char **name)
{
    const caphealth_source_field_t  *field;

    for (field = caphealth_database_fields; field->name != NULL; field++) {

        if (field->type != CAPHEALTH_COUNT || field->size != INT64_MAX) {
            continue;
        }

        if (i-- == 0) {
            *name = field->name;
            return (int64_t *) ((char *) d + field->offset);
        }
    }

    return NULL;
}


static void
caphealth_source_clear(const caphealth_source_field_t *fields, void *facts,
    size_t size)
{
    void                            *value;
    const caphealth_source_field_t  *field;

    memset(facts, 0, size);

    for (field = fields; field->name != NULL; field++) {
        value = (char *) facts + field->offset;

        switch (field->type) {

        case CAPHEALTH_COUNT:
            *(int64_t *) value = CAPHEALTH_UNKNOWN;
            break;

        case CAPHEALTH_REAL:
            *(double *) value = NAN;
            break;

        case CAPHEALTH_FLAG:
            *(int32_t *) value = -1;
            break;

        case CAPHEALTH_STRING:
            break;
        }
    }
}


static const char *
caphealth_source_read(const caphealth_source_field_t *fields, void *facts,
    size_t expected, const void *data, size_t size)
{
    const char                      *wrong;
    const caphealth_source_field_t  *field;

    wrong = "";

    if (size == expected) {
        memcpy(facts, data, size);

        for (field = fields; field->name != NULL; field++) {
            if (!caphealth_field_valid(field, (char *) facts + field->offset))
            {
                break;
            }
        }

        wrong = field->name;
    }

    if (wrong != NULL) {
        caphealth_source_clear(fields, facts, expected);
    }

    return wrong;
}


static int
caphealth_field_valid(const caphealth_source_field_t *field,
    const void *value)
{
    double       real;
    int32_t      flag;
    int64_t      count;
    const char  *string, *end;

    switch (field->type) {

    case CAPHEALTH_COUNT:
        count = *(const int64_t *) value;
        return count == CAPHEALTH_UNKNOWN
               || (count >= 0 && (size_t) count <= field->size);

    case CAPHEALTH_REAL:
        real = *(const double *) value;
        return isnan(real) || (real >= 0 && real <= field->max);

    case CAPHEALTH_FLAG:
        flag = *(const int32_t *) value;
        return flag >= -1 && flag <= 1;

    default: /* CAPHEALTH_STRING */
        string = value;
        end = memchr(string, '\0', field->size);
        return end != NULL
               && caphealth_utf8_valid(string, (size_t) (end - string));
    }
}


const char *
caphealth_answer_read(caphealth_answer_t *a, caphealth_source_e of,
    const void *data, size_t size)
{
    size_t       behind;
    const char  *wrong, *facts, *end;

    if (size < sizeof(caphealth_answer_t)) {
        return "size";
    }

    memcpy(a, data, sizeof(caphealth_answer_t));
    facts = (const char *) data + offsetof(caphealth_answer_t, facts);
    end = (const char *) data + sizeof(caphealth_answer_t);
    behind = size - sizeof(caphealth_answer_t);

    if (a->source != (uint32_t) of) {
        return "source";
    }

    if (a->known > 1
        || (!a->known && a->error.code == 0
            && of != CAPHEALTH_SOURCE_DATABASE))
    {
        return "known";
    }

    if (!(a->collected_at >= 0 && a->collected_at <= DBL_MAX)) {
        return "collected_at";
    }

    if (!(a->duration >= 0 && a->duration <= DBL_MAX)) {
        return "duration";
    }

    if (!caphealth_error_valid(&a->error)) {
        return "error";
    }

    if (a->known) {
        switch (of) {

        case CAPHEALTH_SOURCE_SYSTEM:
            wrong = caphealth_system_read(&a->facts.system, facts,
                                          sizeof(caphealth_system_t));
            break;

        case CAPHEALTH_SOURCE_DISK:
            wrong = caphealth_disk_read(&a->facts.disk, facts,
                                        sizeof(caphealth_disk_t));
            break;

        case CAPHEALTH_SOURCE_FLEET:
            wrong = caphealth_fleet_read(&a->facts.fleet, facts,
                                         sizeof(caphealth_fleet_t));

            if (wrong == NULL) {
                wrong = caphealth_fleet_nodes_check(&a->facts.fleet, end,
                                                    behind);
            }

            break;

        default: /* CAPHEALTH_SOURCE_DATABASE */
            wrong = caphealth_database_read(&a->facts.database, facts,
                                            sizeof(caphealth_database_t));
        }

        if (wrong != NULL) {
            return wrong;
        }
    }

    if (behind != caphealth_answer_behind(a)
        || (behind > 0 && end[behind - 1] != '\0'))
    {
        return "vendors";
    }

    return NULL;
}


size_t
caphealth_answer_behind(const caphealth_answer_t *a)
{
    if (!a->known) {
        return 0;
    }

    switch (a->source) {

    case CAPHEALTH_SOURCE_DATABASE:
        return caphealth_vendors_size(&a->facts.database);

    case CAPHEALTH_SOURCE_FLEET:
        return caphealth_fleet_nodes_size(&a->facts.fleet);

    default:
        return 0;
    }
}


size_t
caphealth_vendors_size(const caphealth_database_t *d)
{
    if (d->names_len == CAPHEALTH_UNKNOWN) {
        return 0;
    }

    return (size_t) d->names_len + 1
           + (d->list_len == CAPHEALTH_UNKNOWN ? 0
                                               : (size_t) d->list_len + 1);
}


const char *
caphealth_known(const char *s)
{
    return s[0] == '\0' ? NULL : s;
}


void
caphealth_history_facts_clear(caphealth_history_facts_t *h)
{
    memset(h, 0, sizeof(caphealth_history_facts_t));
}


const char *
caphealth_history_facts_read(caphealth_history_facts_t *h, const void *data,
    size_t size)
{
    size_t       i, day;
    const char  *wrong, *end, *name;

    wrong = "";

    if (size == sizeof(caphealth_history_facts_t)) {
        memcpy(h, data, size);
        wrong = (h->first_day > INT32_MAX - CAPHEALTH_PAST_DAYS) ? "first_day"
                : (h->n > CAPHEALTH_PAST_SERIES) ? "n"
                : caphealth_error_valid(&h->error) ? NULL : "error";
    }

    for (i = 0; wrong == NULL && i < h->n; i++) {
        name = h->series[i].name;
        end = memchr(name, '\0', CAPHEALTH_SERIES_NAME);

        if (end == NULL
            || !caphealth_utf8_valid(name, (size_t) (end - name)))
        {
            wrong = "name";
        }

        for (day = 0; day < CAPHEALTH_PAST_DAYS; day++) {
            if (isinf(h->series[i].days[day])) {
                wrong = "days";
            }
        }
    }

    if (wrong != NULL) {
        caphealth_history_facts_clear(h);
    }

    return wrong;
}


const caphealth_past_t *
caphealth_history_facts_past(const caphealth_history_facts_t *h,
    const char *name)
{
    size_t  i;

    for (i = 0; i < h->n; i++) {
        if (strcmp(h->series[i].name, name) == 0) {
            return &h->series[i];
        }
    }

    return NULL;
}
