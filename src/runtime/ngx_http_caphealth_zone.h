
/*
 * The shared memory zone: the latest facts, a section for each source, the
 * image trees, and the counters.
 *
 * Worker 0 publishes, every worker reads.  A section is found by its key, so
 * that what a reload keeps is carried over and what it drops is forgotten.
 * The generation moves with every publication; a worker compares it with the
 * one it last saw, and takes the mutex only when it has moved.
 */

#ifndef _NGX_HTTP_CAPHEALTH_ZONE_H_INCLUDED_
#define _NGX_HTTP_CAPHEALTH_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_caphealth_counters.h"
#include "ngx_http_caphealth_directories.h"

#include "caphealth_cpu.h"
#include "caphealth_source_facts.h"


/* what is published of a section, and what a reader gets a copy of */

typedef struct {
    caphealth_source_e        source;        /* that they are of */
    ngx_uint_t                known;         /* there are facts; of one that is
                                                published: new ones */
    ngx_uint_t                failed;        /* the attempt brought none */
    ngx_uint_t                failures;      /* so far; a publication adds */
    double                    collected_at;  /* seconds since the epoch, 0:
                                                never */
    double                    attempted_at;
    double                    seconds;       /* the attempt took */
    caphealth_error_t         error;         /* of it */
    caphealth_source_facts_t  facts;
    ngx_str_t                 text;          /* of the vendors, or the nodes,
                                                with its NUL; empty: there is
                                                none */
} ngx_http_caphealth_facts_t;


/* what a publication changed, so that it is logged once */

typedef enum {
    NGX_HTTP_CAPHEALTH_SAME = 0,
    NGX_HTTP_CAPHEALTH_BEGINS,    /* an error where there was none */
    NGX_HTTP_CAPHEALTH_ENDS       /* no error where there was one */
} ngx_http_caphealth_change_e;


/*
 * Adds the zone; keys is an array of ngx_str_t, roots one of pointers to
 * ngx_http_caphealth_root_t, dirs one of ngx_http_caphealth_directory_t, which
 * are created first, and all live in the cycle.
 */
ngx_shm_zone_t *ngx_http_caphealth_zone_add(ngx_conf_t *cf, size_t size,
    ngx_array_t *keys, ngx_array_t *roots, ngx_array_t *dirs, void *tag);

/*
 * Drops the sections that this configuration has no use for.  Not before its
 * workers run: until then a reload may still fail, and the old ones go on.
 */
void ngx_http_caphealth_zone_remove_unused(ngx_shm_zone_t *zone);

/*
 * A number that no other zone has, of this or another nginx: those who use the
 * same zone move the same counts.
 */
uint64_t ngx_http_caphealth_zone_number(ngx_shm_zone_t *zone);

/*
 * From init_module: the workers of this configuration use the zone from now on.
 */
void ngx_http_caphealth_zone_begin(ngx_shm_zone_t *zone);

/*
 * The calling worker does not use the zone any more.  Returns 1 if no other
 * worker uses it, or will use it; after a reload that has kept the zone, 0 to
 * all of the old workers.
 */
ngx_uint_t ngx_http_caphealth_zone_leave(ngx_shm_zone_t *zone);

/* Lives as long as the zone does. */
ngx_http_caphealth_counters_t *ngx_http_caphealth_zone_counters(
    ngx_shm_zone_t *zone);

/*
 * Copies the samples of CPU use out of the zone, and back into it, unless those
 * there are newer by now: a collector of the old cycle may be late.
 */
void ngx_http_caphealth_zone_read_cpu(ngx_shm_zone_t *zone,
    caphealth_cpu_window_t *window);
void ngx_http_caphealth_zone_write_cpu(ngx_shm_zone_t *zone,
    caphealth_cpu_window_t *window);

/*
 * The past of the history, which is read only if its generation is not
 * *generation any more; NGX_DECLINED otherwise.
 */
void ngx_http_caphealth_zone_write_past(ngx_shm_zone_t *zone,
    const caphealth_history_facts_t *past);
ngx_int_t ngx_http_caphealth_zone_read_past(ngx_shm_zone_t *zone,
    caphealth_history_facts_t *past, ngx_atomic_uint_t *generation);

/*
 * Leaves out of facts that do not fit what costs least: first the list of the
 * vendors, then their names; of the nodes the second half.  Returns what is
 * left out, as the end of a sentence begins; NULL: there is nothing.
 */
char *ngx_http_caphealth_zone_less(ngx_http_caphealth_facts_t *facts);

/* Moves whenever anything has been published.  One atomic load. */
ngx_atomic_uint_t ngx_http_caphealth_zone_generation(ngx_shm_zone_t *zone);

/*
 * Publishes a section, of facts that have been checked.  Without new ones those
 * already there stay, with their collected_at.  *change says what became of the
 * section's error, and *since when that error, if any, began.  NGX_DECLINED:
 * the section holds something newer.  NGX_ERROR: the facts do not fit into the
 * zone; nothing has changed but that the text before may be gone.
 */
ngx_int_t ngx_http_caphealth_zone_publish(ngx_shm_zone_t *zone,
    ngx_str_t *key, ngx_http_caphealth_facts_t *facts,
    ngx_http_caphealth_change_e *change, double *since);

/*
 * Copies a section, if its generation is not *generation any more, which then
 * becomes the section's.  *text becomes a copy of its text to be ngx_free()d,
 * or NULL; text may be NULL.  NGX_DECLINED: it has not moved, or is not there.
 * NGX_ERROR: no memory.
 */
ngx_int_t ngx_http_caphealth_zone_read(ngx_shm_zone_t *zone, ngx_str_t *key,
    ngx_http_caphealth_facts_t *facts, char **text,
    ngx_atomic_uint_t *generation);


#endif /* _NGX_HTTP_CAPHEALTH_ZONE_H_INCLUDED_ */
