
/*
 * Under test: src/collector/caphealth_fleet_history.c
 *
 * The answer of the fleet's database to a batch of the history.  With any
 * answer, the next batch is JSON, its columns are of one length, and no row in
 * it is older than the last one that the server has.
 */

#include "fuzz.h"

#include <unistd.h>

#include <jansson.h>

#include "caphealth_fleet_history.h"


#define START  1700006400
#define NOW    (START + 3600.0)


static caphealth_history_t *
history(void)
{
    int                          t;
    char                        *path, *lock;
    caphealth_history_event_t    event;

    static char                  dir[] = "/tmp/caphealth-fuzz-XXXXXX";
    static caphealth_history_t  *h;

    if (h != NULL) {
        return h;
    }

    fuzz_check(mkdtemp(dir) != NULL);
    fuzz_check(asprintf(&path, "%s/history.sqlite", dir) != -1);
    fuzz_check(asprintf(&lock, "%s.lock", path) != -1);

    h = caphealth_history_create(path, 0, NULL, NULL);
    fuzz_check(h != NULL);

    event = (caphealth_history_event_t) {
        .kind = "status", .from = "ok", .to = "warning", .text = "x",
        .code = "threshold", .args = "{\"number\":1}"
    };

    for (t = START; t < START + 3600; t += 60) {
        caphealth_history_add(h, "cpu_percent", "percent", t, t - START);
        caphealth_history_add(h, "orders_count", "count", t, 7);
        event.time = t;
        caphealth_history_event(h, &event);
    }

    fuzz_check(caphealth_history_write(h, NOW, NOW) == 0);

    /* it is open, and nobody else needs its name */

    (void) unlink(path);
    (void) unlink(lock);
    (void) rmdir(dir);
    free(path);
    free(lock);

    return h;
}


static void
batch(const char *text)
{
    size_t        i, n;
    json_t       *root, *after;
    json_int_t    step, start;

    static const char *const  columns[] = { "start", "of", "samples", "min",
                                            "mean", "max" };

    root = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    fuzz_check(root != NULL);

    n = json_array_size(json_object_get(root, "step"));
    fuzz_check(n <= 2 * CAPHEALTH_FLEET_HISTORY_ROWS);

    for (i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
        fuzz_check(json_array_size(json_object_get(root, columns[i])) == n);
    }

    after = json_object_get(root, "after");

    for (i = 0; i < n; i++) {
        step = json_integer_value(json_array_get(json_object_get(root, "step"),
                                                 i));
        start = json_integer_value(json_array_get(
                                       json_object_get(root, "start"), i));

        fuzz_check(start > json_integer_value(json_object_get(after,
                       step == 60 ? "60" : step == 600 ? "600" : "21600")));
        fuzz_check((double) (start + step) <= NOW);
    }

    json_decref(root);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                       *text;
    const char                 *next;
    caphealth_fleet_history_t  *f;

    text = fuzz_copy(data, size);
    f = caphealth_fleet_history_create(NULL, NULL);
    fuzz_check(f != NULL);

    if (caphealth_fleet_history_answered(f, text, NOW) == -1) {
        fuzz_check(strcmp(caphealth_fleet_history_batch(f), "{}") == 0);

    } else {
        fuzz_check(caphealth_fleet_history_batch(f) == NULL);
        fuzz_check(caphealth_fleet_history_read(f, history(), NOW) == 0);

        next = caphealth_fleet_history_batch(f);

        if (next != NULL) {
            batch(next);
        }

        (void) caphealth_fleet_history_answered(f, text, NOW);
    }

    caphealth_fleet_history_destroy(f);
    free(text);

    return 0;
}
