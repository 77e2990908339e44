
/*
 * For util/measures: the table of measures, as JSON.
 */

#include <stdio.h>
#include <stdlib.h>

#include "caphealth_json.h"
#include "caphealth_measures.h"


static const char *const  types[] = {
    [CAPHEALTH_TYPE_COUNT] = "count",
    [CAPHEALTH_TYPE_REAL] = "real",
    [CAPHEALTH_TYPE_NUMBER] = "number",
    [CAPHEALTH_TYPE_FLAG] = "flag",
    [CAPHEALTH_TYPE_TIME] = "time",
    [CAPHEALTH_TYPE_STRING] = "string",
    [CAPHEALTH_TYPE_TEXT] = "string",
    [CAPHEALTH_TYPE_STALE] = "stale",
    [CAPHEALTH_TYPE_INTERVAL] = "interval",
    [CAPHEALTH_TYPE_REACHABLE] = "flag",
    [CAPHEALTH_TYPE_CODE] = "code"
};


static const char *const  metrics[] = {
    [CAPHEALTH_GAUGE] = "gauge",
    [CAPHEALTH_COUNTER] = "counter",
    [CAPHEALTH_INFO] = "info",
    [CAPHEALTH_STATESET] = "state set",
    [CAPHEALTH_HISTOGRAM] = "histogram"
};


static void
probe_row(caphealth_json_t *j, const caphealth_measure_t *m)
{
    caphealth_json_open_object(j, NULL);
    caphealth_json_string(j, "name", m->name);
    caphealth_json_string(j, "type", types[m->type]);
    caphealth_json_string(j, "unit", caphealth_unit_name(m->unit));
    caphealth_json_count(j, "decimals", m->decimals);
    caphealth_json_count(j, "order", m->order);
    caphealth_json_string(j, "key", m->key);

    if (m->metric.name != NULL) {
        caphealth_json_string(j, "metric", m->metric.name);
        caphealth_json_string(j, "metric_type", metrics[m->metric.type]);
        caphealth_json_string(j, "help", m->metric.help);
        caphealth_json_string(j, "label", m->sample_label.name);
        caphealth_json_string(j, "label_value", m->sample_label.value);
    }

    caphealth_json_close_object(j);
}


int
main(void)
{
    char                      *text;
    size_t                     i, len;
    caphealth_json_t           j;
    const caphealth_object_t  *o;

    if (caphealth_json_begin(&j) == -1) {
        return 1;
    }

    caphealth_json_open_array(&j, NULL);

    for (o = caphealth_objects;
         o < caphealth_objects + CAPHEALTH_OBJECTS;
         o++)
    {
        caphealth_json_open_object(&j, NULL);
        caphealth_json_string(&j, "name", o->name);
        caphealth_json_string(&j, "schema", o->schema);
        caphealth_json_string(&j, "path", o->path);
        caphealth_json_open_array(&j, "rows");

        for (i = 0; i < o->n; i++) {
            probe_row(&j, &o->rows[i]);
        }

        caphealth_json_close_array(&j);
        caphealth_json_close_object(&j);
    }

    caphealth_json_close_array(&j);

    text = caphealth_json_end(&j, &len);

    if (text == NULL) {
        return 1;
    }

    fputs(text, stdout);
    free(text);

    return 0;
}
