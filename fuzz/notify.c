
/*
 * Under test: src/collector/caphealth_notify_state.c
 *     src/ipc/caphealth_notification.c
 *
 * The file of a receiver's state, after its URL and a newline.  What is
 * read is sane, can be sent in each format, and is the same when it is written
 * and read again.
 */

#include "fuzz.h"

#include "caphealth_notify_body.h"
#include "caphealth_notify_state.h"


#define NOW  1700000000.0


static void
url(const char *data, size_t size)
{
    size_t  shown;

    if (caphealth_receiver_check_url(data, size, &shown) != NULL) {
        fuzz_check(shown == 0);
        return;
    }

    fuzz_check(shown > 7 && shown <= size && size < CAPHEALTH_RECEIVER_URL);
    fuzz_check(memchr(data, '@', shown) == NULL);
    fuzz_check(memchr(data, '?', shown) == NULL);
    fuzz_check(memchr(data + 8, '/', shown - 8) == NULL);
}


static void
bodies(const json_t *note)
{
    char      *body;
    unsigned   format;

    for (format = 0; format < CAPHEALTH_NOTIFY_FORMATS; format++) {
        body = caphealth_notify_body(note, (caphealth_notify_format_e) format,
                                     1, NOW, 600);
        fuzz_check(body != NULL);
        free(body);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                *text, *copy, *line;
    size_t               i, n;
    json_t              *queue, *again;
    const char          *end;
    caphealth_notify_t   told, same;

    end = (size == 0) ? NULL : memchr(data, '\n', size);
    n = (end == NULL) ? size : (size_t) (end - (const char *) data);

    /* it is a string */

    line = malloc(n + 1);
    fuzz_check(line != NULL);

    if (n > 0) {
        memcpy(line, data, n);
    }

    line[n] = '\0';
    url(line, n);
    free(line);

    if (end == NULL) {
        return 0;
    }

    memset(&told, 0, sizeof(told));
    memset(&same, 0, sizeof(same));

    if (caphealth_notify_load(&told, &queue, end + 1, size - n - 1, NOW)
        != NULL)
    {
        fuzz_check(told.told == CAPHEALTH_OVERALL_NONE);
        return 0;
    }

    fuzz_check(told.told < CAPHEALTH_OVERALL_STATES);
    fuzz_check(told.nforecasts <= CAPHEALTH_NOTIFY_FORECASTS);
    fuzz_check(told.since >= 0 && told.sent >= 0);
    fuzz_check(json_array_size(queue) <= CAPHEALTH_NOTIFY_QUEUE);

    for (i = 0; i < json_array_size(queue); i++) {
        bodies(json_object_get(json_array_get(queue, i), "note"));
    }

    text = caphealth_notify_save(&told, queue);
    fuzz_check(text != NULL);
    fuzz_check(caphealth_notify_load(&same, &again, text, strlen(text), NOW)
               == NULL);
    copy = caphealth_notify_save(&same, again);
    fuzz_check(copy != NULL && strcmp(text, copy) == 0);

    free(text);
    free(copy);
    json_decref(queue);
    json_decref(again);

    return 0;
}
