
/*
 * What a collector knows of the fleet.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "caphealth_fleet_facts.h"
#include "caphealth_notification.h"
#include "caphealth_source_facts.h"
#include "caphealth_utf8.h"


static const char *caphealth_fleet_wrong(const caphealth_fleet_t *f);
static const char *caphealth_fleet_node_wrong(
    const caphealth_fleet_node_t *node);
static int caphealth_fleet_name(const char *name, int empty);
static int caphealth_fleet_text(const char *text, size_t size);
static int caphealth_fleet_seconds(double x);


void
caphealth_fleet_clear(caphealth_fleet_t *f)
{
    memset(f, 0, sizeof(caphealth_fleet_t));

    f->clock_offset = NAN;
}


const char *
caphealth_fleet_read(caphealth_fleet_t *f, const void *data, size_t size)
{
    const char  *wrong;

    wrong = "";

    if (size == sizeof(caphealth_fleet_t)) {
        memcpy(f, data, size);
        wrong = caphealth_fleet_wrong(f);
    }

    if (wrong != NULL) {
        caphealth_fleet_clear(f);
    }

    return wrong;
}


static const char *
caphealth_fleet_wrong(const caphealth_fleet_t *f)
{
    return !caphealth_fleet_name(f->node, 0) ? "node"
           : !caphealth_fleet_name(f->holder, 1) ? "holder"
           : !caphealth_fleet_name(f->shop, 1) ? "shop"
           : f->leader > 1 ? "leader"
           : f->alone > 1 ? "alone"
           : f->doubled > 1 ? "doubled"
           : f->differs > 1 ? "differs"
           : f->failed > 1 ? "failed"
           : f->reserved != 0 ? "reserved"
           : (f->nnodes < 0 || f->nnodes > CAPHEALTH_NODES_MAX) ? "nnodes"
           : f->total < f->nnodes ? "total"
           : isinf(f->clock_offset) ? "clock_offset" : NULL;
}


const char *
caphealth_fleet_nodes_check(const caphealth_fleet_t *f, const void *data,
    size_t size)
{
    int64_t                        i;
    const char                    *wrong;
    const caphealth_fleet_node_t  *node = data;

    if (size != caphealth_fleet_nodes_size(f)
        || (size > 0 && ((const char *) data)[size - 1] != '\0'))
    {
        return "nodes";
    }

    for (i = 0; i < f->nnodes; i++) {
        wrong = caphealth_fleet_node_wrong(&node[i]);

        if (wrong != NULL) {
            return wrong;
        }

        if (i > 0 && strcmp(node[i - 1].name, node[i].name) >= 0) {
            return "nodes";
        }
    }

    return NULL;
}


static const char *
caphealth_fleet_node_wrong(const caphealth_fleet_node_t *node)
{
    return !caphealth_fleet_name(node->name, 0) ? "name"
           : !caphealth_fleet_text(node->version, sizeof(node->version))
             ? "version"
           : !caphealth_fleet_text(node->cause, sizeof(node->cause)) ? "cause"
           : node->state >= CAPHEALTH_OVERALL_STATES ? "state"
           : node->doubled > 1 ? "doubled"
           : node->differs > 1 ? "differs"
           : node->reserved != 0 ? "reserved"
           : !caphealth_event_args_valid(&node->args) ? "args"
           : !caphealth_fleet_seconds(node->age) ? "age"
           : (!caphealth_fleet_seconds(node->interval) || node->interval == 0)
             ? "interval"
           : !caphealth_fleet_seconds(node->started) ? "started"
           : isinf(node->clock_offset) ? "clock_offset" : NULL;
}


/* it begins a char[CAPHEALTH_NODE_NAME] */

static int
caphealth_fleet_name(const char *name, int empty)
{
    size_t  len;

    len = strnlen(name, CAPHEALTH_NODE_NAME);

    return (empty && len == 0) || caphealth_node_name_valid(name, len);
}


static int
caphealth_fleet_text(const char *text, size_t size)
{
    size_t  len;

    len = strnlen(text, size);

    return len < size && caphealth_utf8_valid(text, len);
}


static int
caphealth_fleet_seconds(double x)
{
    return x >= 0 && x <= DBL_MAX;
}


size_t
caphealth_fleet_nodes_size(const caphealth_fleet_t *f)
{
    return (f->nnodes > 0)
           ? (size_t) f->nnodes * sizeof(caphealth_fleet_node_t) + 1 : 0;
}


int
caphealth_node_name_valid(const char *name, size_t len)
{
    size_t  i;
    char    c;

    for (i = 0; i < len; i++) {
        c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
        {
            return 0;
        }
    }

    return len > 0 && len < CAPHEALTH_NODE_NAME;
}
