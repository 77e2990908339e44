
/*
 * What a collector knows of the fleet: the nodes that share a PostgreSQL
 * database, caphealth_fleet.  The answer of the source CAPHEALTH_SOURCE_FLEET
 * is a caphealth_answer_t with a caphealth_fleet_t, and nnodes
 * caphealth_fleet_node_t behind it, sorted by name, this node among them.
 *
 * The server's clock alone decides how old something is, so that a node whose
 * clock is wrong is not taken for a silent one.
 */

#ifndef CAPHEALTH_FLEET_FACTS_H
#define CAPHEALTH_FLEET_FACTS_H


#include <stddef.h>
#include <stdint.h>


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
    double    age;               /* seconds since it last reported, when this
                                    was read */
    double    interval;          /* seconds between its reports */
    double    started;           /* it was first seen, seconds since the
                                    epoch */
    double    clock_offset;      /* of its clock to the server's, seconds;
                                    NAN: unknown */
} caphealth_fleet_node_t;


typedef struct {
    char      node[CAPHEALTH_NODE_NAME];     /* this one */
    char      holder[CAPHEALTH_NODE_NAME];   /* of the lease, or "": nobody */
    char      shop[CAPHEALTH_NODE_NAME];     /* that the shop's numbers are
                                                from; "": this node asked */
    uint32_t  leader;            /* 1: this node holds the lease */
    uint32_t  alone;             /* 1: the fleet's database is away, and this
                                    node asks the shop itself */
    int64_t   nnodes;
    double    clock_offset;      /* of this node's clock, seconds */
} caphealth_fleet_t;


#endif /* CAPHEALTH_FLEET_FACTS_H */
