
/*
 * Under test: src/http/caphealth_history_query.c
 *
 * The arguments of a request, a line feed, and a document of the history.
 */

#include "fuzz.h"

#include <jansson.h>

#include "caphealth_history_query.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                               csv;
    char                             *args, *document, *text;
    size_t                            n;
    json_t                           *json;
    fuzz_bytes_t                      all, piece;

    static caphealth_history_query_t  q;

    all = (fuzz_bytes_t) { data, size };
    piece = fuzz_piece(&all, '\n');

    args = fuzz_copy(piece.data, piece.size);
    document = fuzz_copy(all.data, all.size);

    if (caphealth_history_query_parse(&q, args, piece.size, 1.77e9) == NULL) {
        fuzz_check(q.window != NULL);
        fuzz_check(q.from < q.to);

        json = json_loadb(document, all.size, 0, NULL);

        for (csv = 0; csv < 2; csv++) {
            text = caphealth_history_cut(document, all.size, &q, csv, &n);

            /* a part of what is JSON is JSON */

            if (text != NULL && !csv && json != NULL) {
                json_decref(json);
                json = json_loadb(text, n, 0, NULL);
                fuzz_check(json != NULL);
            }

            free(text);
        }

        json_decref(json);
    }

    free(args);
    free(document);

    return 0;
}
