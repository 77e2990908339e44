
/*
 * A fleet for the tests: of what it is made, one node each.
 */

#ifndef FLEET_H
#define FLEET_H


#include "caphealth_notification.h"
#include "sample.h"


#define FLEET_NODES  5


typedef struct {
    sample_t                sample;
    caphealth_fleet_node_t  nodes[FLEET_NODES];
} fleet_t;


/* node-1, which reads of them, and holds the lease; all are well */

static inline void
fleet_init(fleet_t *f)
{
    int64_t                   i;
    caphealth_fleet_facts_t  *facts = &f->sample.facts.fleet;

    sample_init(&f->sample);
    memset(f->nodes, 0, sizeof(f->nodes));

    sample_section(&facts->section, 10);

    facts->value = (caphealth_fleet_t) {
        .node = "node-1", .holder = "node-1", .leader = 1,
        .nnodes = FLEET_NODES, .clock_offset = -0.0251
    };

    facts->nodes = f->nodes;

    for (i = 0; i < FLEET_NODES; i++) {
        f->nodes[i] = (caphealth_fleet_node_t) {
            .version = "0.0.0", .state = CAPHEALTH_OVERALL_HEALTHY,
            .age = (double) i, .interval = 10,
            .started = SAMPLE_THEN - 86400, .clock_offset = 0.5
        };

        (void) snprintf(f->nodes[i].name, sizeof(f->nodes[i].name),
                        "node-%d", (int) i + 1);
    }
}


/* the status of the node of index i, and why */

static inline void
fleet_state(fleet_t *f, size_t i, uint32_t state, const char *cause)
{
    f->nodes[i].state = state;
    (void) snprintf(f->nodes[i].cause, sizeof(f->nodes[i].cause), "%s", cause);
}


#endif /* FLEET_H */
