
/*
 * What a structure of facts looks like when nothing is known.
 */

#ifndef UNKNOWN_H
#define UNKNOWN_H


#include <math.h>

#include "caphealth_facts.h"


static inline void
assert_stall_unknown(const caphealth_stall_t *s)
{
    assert_true(isnan(s->avg10));
    assert_true(isnan(s->avg60));
    assert_true(isnan(s->avg300));
    assert_true(isnan(s->total));
}


static inline void
assert_pressure_unknown(const caphealth_pressure_t *p)
{
    assert_stall_unknown(&p->some);
    assert_stall_unknown(&p->full);
}


static inline void
assert_system_unknown(const caphealth_system_t *s)
{
    assert_string_equal(s->scope, "");
    assert_true(isnan(s->cpu_percent));
    assert_true(isnan(s->cores));
    assert_int_equal(s->memory_total, CAPHEALTH_UNKNOWN);
    assert_int_equal(s->memory_used, CAPHEALTH_UNKNOWN);
    assert_true(isnan(s->load1));
    assert_true(isnan(s->load5));
    assert_true(isnan(s->load15));
    assert_true(isnan(s->uptime));
    assert_pressure_unknown(&s->pressure_cpu);
    assert_pressure_unknown(&s->pressure_memory);
    assert_pressure_unknown(&s->pressure_io);
}


static inline void
assert_disk_unknown(const caphealth_disk_t *d)
{
    assert_string_equal(d->device, "");
    assert_int_equal(d->total, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->used, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->available, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->inodes, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->inodes_free, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->read_only, -1);
    assert_int_equal(d->device_read_only, -1);
}


static inline void
assert_database_unknown(const caphealth_database_t *d)
{
    assert_string_equal(d->engine, "");
    assert_string_equal(d->version, "");
    assert_int_equal(d->size, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->products_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->orders_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->vendors_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->inventory_count, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->orders_this_month, CAPHEALTH_UNKNOWN);
    assert_int_equal(d->active_vendors, CAPHEALTH_UNKNOWN);
}


#endif /* UNKNOWN_H */
