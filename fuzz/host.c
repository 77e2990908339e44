
/*
 * Under test: src/collector/caphealth_host.c src/collector/caphealth_cgroup.c
 *     src/collector/caphealth_proc.c
 *
 * A whole /proc and /sys: "@", the end of a file's name, a newline, and what
 * is in it, up to the next "@".  A "#" begins the files of the second look.
 */

#include "fuzz.h"

#include <errno.h>

#include "caphealth_file.h"
#include "caphealth_source.h"


static fuzz_bytes_t  files;


/* instead of src/helper/caphealth_file.c */

char *
caphealth_file_read(const char *root, const char *path, size_t *len)
{
    char          *text;
    size_t         n;
    fuzz_bytes_t   all, file, name;

    (void) root;

    for (all = files; all.size; /* void */ ) {
        file = fuzz_piece(&all, '@');
        name = fuzz_piece(&file, '\n');

        n = strlen(path);

        if (name.size == 0 || name.size > n
            || memcmp(path + n - name.size, name.data, name.size) != 0)
        {
            continue;
        }

        text = malloc(file.size + 1);
        fuzz_check(text != NULL);

        if (file.size) {
            memcpy(text, file.data, file.size);
        }

        text[file.size] = '\0';
        *len = file.size;

        return text;
    }

    errno = ENOENT;

    return NULL;
}


/* what it says is what a worker takes */

static void
look(caphealth_host_t *h)
{
    const char                *wrong;
    caphealth_answer_t         a, read;
    const caphealth_system_t  *s = &a.facts.system;

    memset(&a, 0, sizeof(a));

    caphealth_host_collect(h, &a);

    wrong = caphealth_answer_read(&read, CAPHEALTH_SOURCE_SYSTEM, &a,
                                  sizeof(a));
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }

    fuzz_check(!(s->cores <= 0));
    fuzz_check(s->memory_total != 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes_t       b = { data, size };
    caphealth_host_t  *h;

    h = caphealth_host_create("");
    fuzz_check(h != NULL);

    files = fuzz_piece(&b, '#');
    look(h);

    files = b.size ? b : files;
    look(h);

    caphealth_host_destroy(h);

    return 0;
}
