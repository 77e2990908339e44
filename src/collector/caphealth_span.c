
/*
 * Pieces of a text.
 */

#include <string.h>

#include "caphealth_span.h"


int
caphealth_span_next(caphealth_span_t *text, char separator,
    caphealth_span_t *piece)
{
    const char  *end;

    if (text->len == 0) {
        return 0;
    }

    end = memchr(text->data, separator, text->len);

    piece->data = text->data;
    piece->len = (end == NULL) ? text->len : (size_t) (end - text->data);

    text->data += piece->len;
    text->len -= piece->len;

    if (end != NULL) {
        text->data++;
        text->len--;
    }

    return 1;
}


int
caphealth_span_line(caphealth_span_t *text, caphealth_span_t *line)
{
    return caphealth_span_next(text, '\n', line);
}


int
caphealth_span_word(caphealth_span_t *line, caphealth_span_t *word)
{
    while (line->len > 0 && (*line->data == ' ' || *line->data == '\t')) {
        line->data++;
        line->len--;
    }

    word->data = line->data;
    word->len = 0;

    while (word->len < line->len
           && word->data[word->len] != ' ' && word->data[word->len] != '\t')
    {
        word->len++;
    }

    line->data += word->len;
    line->len -= word->len;

    return word->len > 0;
}


int
caphealth_span_is(const caphealth_span_t *span, const char *s)
{
    return span->len == strlen(s) && memcmp(span->data, s, span->len) == 0;
}


int
caphealth_span_begins(const caphealth_span_t *span, const char *s)
{
    return span->len >= strlen(s) && memcmp(span->data, s, strlen(s)) == 0;
}


int
caphealth_span_u64(const caphealth_span_t *span, uint64_t *number)
{
    size_t    i;
    uint64_t  n, digit;

    if (span->len == 0) {
        return -1;
    }

    n = 0;

    for (i = 0; i < span->len; i++) {
        if (span->data[i] < '0' || span->data[i] > '9') {
            return -1;
        }

        digit = (uint64_t) (span->data[i] - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return -1;
        }

        n = n * 10 + digit;
    }

    *number = n;

    return 0;
}


int
caphealth_span_decimal(const caphealth_span_t *span, double *number)
{
    size_t            i;
    uint64_t          whole, part;
    double            scale;
    caphealth_span_t  rest, piece;

    rest = *span;

    if (!caphealth_span_next(&rest, '.', &piece)
        || caphealth_span_u64(&piece, &whole) == -1)
    {
        return -1;
    }

    *number = (double) whole;

    if (piece.len == span->len) {
        return 0;
    }

    if (rest.len > 9 || caphealth_span_u64(&rest, &part) == -1) {
        return -1;
    }

    scale = 1;

    for (i = 0; i < rest.len; i++) {
        scale *= 10;
    }

    *number += (double) part / scale;

    return 0;
}


int
caphealth_span_copy(const caphealth_span_t *span, char *to, size_t size)
{
    if (span->len >= size) {
        return -1;
    }

    memcpy(to, span->data, span->len);
    to[span->len] = '\0';

    return 0;
}


static int
caphealth_octal(const char *p, size_t len)
{
    if (len < 4 || p[0] != '\\' || p[1] < '0' || p[1] > '3'
        || p[2] < '0' || p[2] > '7' || p[3] < '0' || p[3] > '7')
    {
        return -1;
    }

    return (p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0');
}


int
caphealth_span_unescape(const caphealth_span_t *span, char *to, size_t size)
{
    int     c;
    size_t  i, n;

    n = 0;

    for (i = 0; i < span->len; i++) {

        c = caphealth_octal(span->data + i, span->len - i);

        if (c == -1) {
            c = (unsigned char) span->data[i];

        } else {
            i += 3;
        }

        if (c == '\0' || n + 1 >= size) {
            return -1;
        }

        to[n++] = (char) c;
    }

    to[n] = '\0';

    return 0;
}


int
caphealth_span_listed(caphealth_span_t list, const char *s)
{
    caphealth_span_t  one;

    while (caphealth_span_next(&list, ',', &one)) {
        if (caphealth_span_is(&one, s)) {
            return 1;
        }
    }

    return 0;
}
