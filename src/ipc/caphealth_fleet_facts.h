
/*
 * What a collector knows of the fleet: the nodes that share a PostgreSQL
 * database, caphealth_fleet.  The answer of the source CAPHEALTH_SOURCE_FLEET
 * is a caphealth_answer_t with a caphealth_fleet_t, and behind it nnodes
 * caphealth_fleet_node_t, sorted by name, this node among them, with a NUL
 * behind the last one if there are any.
 *
 * The server's clock alone decides how old something is, so that a node whose
 * clock is wrong is not taken for a silent one.
 *
 * While the fleet's database is away, the answer has what was read last, and
 * its collected_at is that of the last contact; its error says why.
 */

#ifndef CAPHEALTH_FLEET_FACTS_H
#define CAPHEALTH_FLEET_FACTS_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_record.h"


/* bytes of a node's name, with its NUL: 1 to 63 of a-z, A-Z, 0-9, ".", "-"
   and "_" */
#define CAPHEALTH_NODE_NAME  64

/* more are left out, and the error says so */
#define CAPHEALTH_NODES_MAX  4096


typedef struct {
    char      name[CAPHEALTH_NODE_NAME];
    char      version[16];       /* of caphealth on that node */
    char      cause[256];        /* why its status is not "healthy", or "" */
    uint32_t  state;             /* caphealth_overall_e, as that node judged */
    uint32_t  doubled;           /* 1: two live processes have this name */
    uint32_t  differs;           /* 1: it has another caphealth_database, or
                                    other queries, than the holder of the
                                    lease */
    uint32_t  reserved;
    double    age;               /* seconds since it last reported, when this
                                    was read */
    double    interval;          /* seconds between its reports */
    double    started;           /* it was first seen, seconds since the
                                    epoch */
    double    clock_offset;      /* of its clock to the server's, seconds;
                                    NAN: unknown */
    caphealth_event_args_t  args;    /* of the cause */
} caphealth_fleet_node_t;


typedef struct {
    char      node[CAPHEALTH_NODE_NAME];     /* this one */
    char      holder[CAPHEALTH_NODE_NAME];   /* of the lease, or "" */
    char      shop[CAPHEALTH_NODE_NAME];     /* that the shop's numbers are
                                                from; "": this node asked */
    uint32_t  leader;            /* 1: this node holds the lease */
    uint32_t  alone;             /* 1: the fleet's database is away, and this
                                    node asks the shop itself */
    uint32_t  doubled;           /* 1: another live process has this node's
                                    name */
    uint32_t  differs;           /* 1: of this node, as above */
    uint32_t  failed;            /* 1: the last refresh failed, and this is
                                    what one before it has read */
    uint32_t  reserved;
    int64_t   nnodes;            /* behind it */
    int64_t   total;             /* nodes that there are: more than nnodes if
                                    some were left out */
    double    clock_offset;      /* of this node's clock to the server's,
                                    seconds; NAN: unknown */
} caphealth_fleet_t;


/* Sets every field to unknown. */
void caphealth_fleet_clear(caphealth_fleet_t *f);

/*
 * Takes a copy of size bytes of any origin, if they are such a struct.
 * Returns NULL, or the name of the first field that is wrong, "" if the size is
 * another one, and the struct cleared.
 */
const char *caphealth_fleet_read(caphealth_fleet_t *f, const void *data,
    size_t size);

/*
 * Whether size bytes of any origin are the nodes of f with their NUL: each
 * field of each within its range, sorted by name, none twice.  data is aligned
 * as a double is.  Returns NULL, or the name of the first field that is wrong,
 * "nodes" if the size or the order is another one.
 */
const char *caphealth_fleet_nodes_check(const caphealth_fleet_t *f,
    const void *data, size_t size);

/* The bytes of the nodes with their NUL; 0: there are none. */
size_t caphealth_fleet_nodes_size(const caphealth_fleet_t *f);

/* Whether len bytes are a node's name. */
int caphealth_node_name_valid(const char *name, size_t len);


#endif /* CAPHEALTH_FLEET_FACTS_H */
