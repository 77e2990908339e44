
/*
 * The database source, by itself: reads {"url", "queries", "timeout"} from
 * the first line of stdin, then looks once for every further line, and prints
 * {"data", "error", "code"} in a line.  For t/050-sqlite.t and t/060-postgres.t.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "facts_json.h"


int
main(void)
{
    char                *line;
    size_t               size;
    json_t              *settings, *reply;
    caphealth_db_t      *db;
    seen_t               seen;
    caphealth_answer_t   answer;

    line = NULL;
    size = 0;

    if (getline(&line, &size, stdin) == -1) {
        return 2;
    }

    settings = json_loads(line, 0, NULL);

    db = caphealth_db_create(
                  json_string_value(json_object_get(settings, "url")),
                  json_object_get(settings, "queries"),
                  json_number_value(json_object_get(settings, "timeout")));
    if (db == NULL) {
        return 2;
    }

    while (getline(&line, &size, stdin) != -1) {

        (void) see_database(db, &seen, &answer);

        reply = json_pack("{s:s?, s:s, s:o?}",
                          "code", caphealth_error_name(seen.error.code,
                                                CAPHEALTH_SOURCE_DATABASE,
                                                !answer.known),
                          "error", seen.error.text, "data", seen.data);

        (void) json_dumpf(reply, stdout, JSON_COMPACT);
        (void) puts("");
        (void) fflush(stdout);

        json_decref(reply);
    }

    caphealth_db_destroy(db);
    json_decref(settings);
    free(line);

    return 0;
}
