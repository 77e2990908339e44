
/*
 * Strings of a length.
 */

#include <string.h>

#include "caphealth_str.h"


int
caphealth_str_next(caphealth_str_t *text, char separator,
    caphealth_str_t *piece)
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
caphealth_str_line(caphealth_str_t *text, caphealth_str_t *line)
{
    return caphealth_str_next(text, '\n', line);
}


int
caphealth_str_word(caphealth_str_t *line, caphealth_str_t *word)
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
caphealth_str_is(const caphealth_str_t *str, const char *s)
{
    return str->len == strlen(s) && memcmp(str->data, s, str->len) == 0;
}


int
caphealth_str_begins(const caphealth_str_t *str, const char *s)
{
    return str->len >= strlen(s) && memcmp(str->data, s, strlen(s)) == 0;
}


int
caphealth_str_u64(const caphealth_str_t *str, uint64_t *number)
{
    size_t    i;
    uint64_t  n, digit;

    if (str->len == 0) {
        return -1;
    }

    n = 0;

    for (i = 0; i < str->len; i++) {
        if (str->data[i] < '0' || str->data[i] > '9') {
            return -1;
        }

        digit = (uint64_t) (str->data[i] - '0');

        if (n > (UINT64_MAX - digit) / 10) {
            return -1;
        }

        n = n * 10 + digit;
    }

    *number = n;

    return 0;
}


int
caphealth_str_decimal(const caphealth_str_t *str, double *number)
{
    size_t           i;
    double           scale;
    uint64_t         whole, part;
    caphealth_str_t  rest, piece;

    rest = *str;

    if (!caphealth_str_next(&rest, '.', &piece)
        || caphealth_str_u64(&piece, &whole) == -1)
    {
        return -1;
    }

    *number = (double) whole;

    if (piece.len == str->len) {
        return 0;
    }

    if (rest.len > 9 || caphealth_str_u64(&rest, &part) == -1) {
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
caphealth_str_copy(const caphealth_str_t *str, char *to, size_t size)
{
    if (str->len >= size) {
        return -1;
    }

    memcpy(to, str->data, str->len);
    to[str->len] = '\0';

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
caphealth_str_unescape(const caphealth_str_t *str, char *to, size_t size)
{
    int     c;
    size_t  i, n;

    n = 0;

    for (i = 0; i < str->len; i++) {

        c = caphealth_octal(str->data + i, str->len - i);

        if (c == -1) {
            c = (unsigned char) str->data[i];

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
caphealth_str_listed(caphealth_str_t list, const char *s)
{
    caphealth_str_t  one;

    while (caphealth_str_next(&list, ',', &one)) {
        if (caphealth_str_is(&one, s)) {
            return 1;
        }
    }

    return 0;
}
