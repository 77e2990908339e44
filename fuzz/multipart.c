
/*
 * Under test: src/upload/caphealth_multipart.c
 *     src/upload/caphealth_disposition.c
 *     (parse|parts|first|line|header|body|end|view|invalid|disposition)
 *
 * A form: how many files are taken, how many bytes a read gives, and the body
 * with the boundary "b", in which 0xf5 stands for almost half a window of
 * bytes: two of them, and a delimiter lies across its end.
 */

#include <errno.h>

#include "fuzz.h"

#include "caphealth_multipart.h"


#define FILL      32766
#define FILLS     6
#define FILES     4


typedef struct {
    uint8_t                       *data;
    size_t                         size;
    size_t                         most;     /* of a read */
    unsigned                       max;

    caphealth_multipart_result_e   rc;
    caphealth_part_t               parts[FILES];
    caphealth_field_t              fields[2];
    unsigned                       n;
    const char                    *reason;
} form_t;


static ssize_t
give(void *ctx, void *buf, size_t size, uint64_t offset)
{
    form_t  *f = ctx;

    fuzz_check(offset <= f->size);

    size = size < f->size - offset ? size : f->size - offset;
    size = size < f->most ? size : f->most;

    memcpy(buf, f->data + offset, size);

    return (ssize_t) size;
}


static void
parse(form_t *f)
{
    caphealth_form_t  form;

    memset(&form, 0, sizeof(caphealth_form_t));
    form.parts = f->parts;
    form.max = f->max;
    form.fields = f->fields;
    form.nfields = 2;

    f->fields[0].name = "alt";
    f->fields[1].name = "f";

    f->rc = caphealth_multipart_parse("b", give, f, f->size, &form);

    f->n = form.n;
    f->reason = form.reason;
}


static void
expand(form_t *f, fuzz_bytes_t b)
{
    size_t    i, fills;
    uint8_t  *p;

    fills = 0;

    for (i = 0; i < b.size; i++) {
        fills += (b.data[i] == 0xf5 && fills < FILLS);
    }

    f->size = b.size + fills * (FILL - 1);
    f->data = malloc(f->size + 1);
    fuzz_check(f->data != NULL);

    for (p = f->data, i = 0; i < b.size; i++) {

        if (b.data[i] == 0xf5 && fills) {
            memset(p, '\r', FILL);
            p += FILL;
            fills--;
            continue;
        }

        *p++ = b.data[i];
    }

    fuzz_check(p == f->data + f->size);
}


/* headers before it, and a boundary after it, or in its place */

static void
check_range(const form_t *f, uint64_t offset, uint64_t length)
{
    const uint8_t  *p, *end;

    fuzz_check(offset >= 4 && offset <= f->size);
    fuzz_check(length <= f->size - offset);

    p = f->data + offset;
    end = p + length;

    fuzz_check(p[-1] == '\n' && (p[-2] == '\n' || p[-3] == '\n'));

    if (length == 0 && memcmp(end, "--", 2) == 0) {
        end--;

    } else if (*end == '\r') {
        end++;
    }

    fuzz_check(f->data + f->size - end >= 4);
    fuzz_check(memcmp(end, "\n--", 3) == 0);
}


static void
check_part(const form_t *f, const caphealth_part_t *part)
{
    const char  *c;

    check_range(f, part->offset, part->length);

    fuzz_check(memchr(part->filename, '\0', CAPHEALTH_FILENAME_MAX) != NULL);

    for (c = part->filename; *c; c++) {
        fuzz_check((unsigned char) *c >= 0x20 && *c != 0x7f);
    }
}


/* what is read of a field is its bytes, or is refused for what they are */

static void
check_field(form_t *f, const caphealth_field_t *field)
{
    char      text[64];
    unsigned  i;

    fuzz_check(field->n <= CAPHEALTH_PARTS_MAX);

    for (i = 0; i < field->n; i++) {
        check_range(f, field->values[i].offset, field->values[i].length);

        errno = 0;

        if (caphealth_field_read(field, i, give, f, text, sizeof(text)) == 0) {
            fuzz_check(strlen(text) == field->values[i].length);
            fuzz_check(memcmp(text, f->data + field->values[i].offset,
                              strlen(text)) == 0);

        } else {
            fuzz_check(errno == (field->values[i].length >= sizeof(text)
                                 ? EMSGSIZE : EILSEQ));
        }

        fuzz_check(caphealth_field_index(field, i, field->n) == (int) i);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    form_t        f, whole;
    unsigned      i, j;
    fuzz_bytes_t  b = { data, size };

    memset(&f, 0, sizeof(form_t));

    f.max = (unsigned) fuzz_number(&b, 1) % (FILES + 1);
    f.most = (size_t) fuzz_number(&b, 1) * 3 + 1;

    expand(&f, b);

    /* where reading is slow the long ones would take all the time */

    f.most = f.size > 65536 ? f.most * 64 : f.most;

    parse(&f);

    fuzz_check(f.rc != CAPHEALTH_MULTIPART_NONE);
    fuzz_check(f.rc != CAPHEALTH_MULTIPART_ERROR);
    fuzz_check((f.rc == CAPHEALTH_MULTIPART_INVALID) == (f.reason != NULL));
    fuzz_check(f.n <= f.max);

    for (i = 0; i < f.n; i++) {
        check_part(&f, &f.parts[i]);

        fuzz_check(i == 0
                   || f.parts[i].offset > f.parts[i - 1].offset
                                          + f.parts[i - 1].length);
    }

    check_field(&f, &f.fields[0]);
    check_field(&f, &f.fields[1]);

    /* how the body comes in pieces makes no difference */

    whole = f;
    whole.most = SIZE_MAX;

    parse(&whole);

    fuzz_check(whole.rc == f.rc && whole.reason == f.reason
               && whole.n == f.n);

    for (i = 0; i < f.n; i++) {
        fuzz_check(whole.parts[i].offset == f.parts[i].offset
                   && whole.parts[i].length == f.parts[i].length
                   && strcmp(whole.parts[i].filename, f.parts[i].filename)
                      == 0);
    }

    for (i = 0; i < sizeof(f.fields) / sizeof(f.fields[0]); i++) {
        fuzz_check(whole.fields[i].n == f.fields[i].n);

        for (j = 0; j < f.fields[i].n; j++) {
            fuzz_check(whole.fields[i].values[j].offset
                       == f.fields[i].values[j].offset
                       && whole.fields[i].values[j].length
                          == f.fields[i].values[j].length);
        }
    }

    free(f.data);

    return 0;
}
