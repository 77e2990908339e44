
/*
 * Text from outside, made valid UTF-8.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_utf8.h"


#define CAPHEALTH_REPLACEMENT  "\xef\xbf\xbd"
#define CAPHEALTH_ASTERISKS    "***"


/* by the number of bytes in a character */

static const struct {
    unsigned char  mask;         /* of the first byte */
    unsigned char  lead;
    uint32_t       least;        /* less than this has a shorter form */
} caphealth_utf8_forms[] = {
    { 0x80, 0x00, 0x01 },
    { 0xe0, 0xc0, 0x80 },
    { 0xf0, 0xe0, 0x800 },
    { 0xf8, 0xf0, 0x10000 }
};


static void caphealth_utf8_json_character(FILE *stream, int c);


size_t
caphealth_utf8_len(const char *p, size_t len)
{
    size_t    i, n;
    uint32_t  code;

    for (n = 0; n < 4; n++) {
        if (((unsigned char) *p & caphealth_utf8_forms[n].mask)
            == caphealth_utf8_forms[n].lead)
        {
            break;
        }
    }

    if (n == 4 || n >= len) {
        return 0;
    }

    code = (unsigned char) *p & (uint32_t) ~caphealth_utf8_forms[n].mask
           & 0xff;

    for (i = 1; i <= n; i++) {

        if (((unsigned char) p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = (code << 6) | ((unsigned char) p[i] & 0x3f);
    }

    if (code < caphealth_utf8_forms[n].least || code > 0x10ffff
        || (code >= 0xd800 && code <= 0xdfff))
    {
        return 0;
    }

    return n + 1;
}


int
caphealth_utf8_valid(const char *text, size_t len)
{
    size_t       n;
    const char  *end;

    end = text + len;

    while (text < end) {

        n = caphealth_utf8_len(text, (size_t) (end - text));

        if (n == 0) {
            return 0;
        }

        text += n;
    }

    return 1;
}


char *
caphealth_utf8_copy(const char *text, size_t len)
{
    char        *copy, *last;
    size_t       n;
    const char  *end;

    if (caphealth_utf8_valid(text, len)) {
        return strndup(text, len);
    }

    copy = malloc(len * strlen(CAPHEALTH_REPLACEMENT) + 1);
    if (copy == NULL) {
        return NULL;
    }

    last = copy;
    end = text + len;

    while (text < end) {

        n = caphealth_utf8_len(text, (size_t) (end - text));

        if (n == 0) {
            last = stpcpy(last, CAPHEALTH_REPLACEMENT);
            text++;
            continue;
        }

        last = mempcpy(last, text, n);
        text += n;
    }

    *last = '\0';

    return copy;
}


void
caphealth_utf8_json(FILE *stream, const char *text)
{
    size_t  len;

    fputc('"', stream);

    for ( /* void */ ; *text != '\0'; text += len) {

        len = caphealth_utf8_plain(text);

        if (len > 0) {
            fwrite(text, 1, len, stream);
            continue;
        }

        len = caphealth_utf8_len(text, strnlen(text, 4));

        if (len == 0) {
            fputs(CAPHEALTH_REPLACEMENT, stream);
            len = 1;

        } else if (len == 1) {
            caphealth_utf8_json_character(stream, *text);

        } else {
            fwrite(text, 1, len, stream);
        }
    }

    fputc('"', stream);
}


size_t
caphealth_utf8_plain(const char *text)
{
    size_t  n;

    for (n = 0; text[n] >= ' ' && text[n] <= '~'; n++) {
        if (text[n] == '"' || text[n] == '\\') {
            break;
        }
    }

    return n;
}


static void
caphealth_utf8_json_character(FILE *stream, int c)
{
    const char  *p;

    static const char  escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";

    p = strchr(escaped, c);

    if (p != NULL) {
        fprintf(stream, "\\%c", letters[p - escaped]);

    } else if (c < 0x20) {
        fprintf(stream, "\\u%04X", (unsigned) c);

    } else {
        fputc(c, stream);
    }
}


char *
caphealth_utf8_quote(const char *text)
{
    char    *quoted;
    FILE    *stream;
    size_t   len;

    stream = open_memstream(&quoted, &len);
    if (stream == NULL) {
        return NULL;
    }

    caphealth_utf8_json(stream, text);

    if (ferror(stream) | (fclose(stream) == EOF)) {
        free(quoted);
        return NULL;
    }

    return quoted;
}


/* what stands for the next of the text; *n becomes how much of it that is */

static const char *
caphealth_utf8_piece(const char *text, size_t *n, size_t *len)
{
    size_t  blank;

    blank = strspn(text, " \t\r\n\v\f");

    if (memchr(text, '\n', blank) != NULL) {
        *n = blank;
        *len = 2;
        return "; ";
    }

    *n = 1;
    *len = 1;

    if ((unsigned char) *text < 0x20 || *text == 0x7f) {
        return " ";
    }

    *n = caphealth_utf8_len(text, strlen(text));

    if (*n == 0) {
        *n = 1;
        *len = strlen(CAPHEALTH_REPLACEMENT);
        return CAPHEALTH_REPLACEMENT;
    }

    /* U+0080 to U+009F are control characters, of a terminal too */

    if (*n == 2 && (unsigned char) text[0] == 0xc2
        && (unsigned char) text[1] < 0xa0)
    {
        *len = 1;
        return " ";
    }

    *len = *n;

    return text;
}


void
caphealth_utf8_append(char *buf, size_t size, const char *text)
{
    char        *last;
    size_t       n, len, room;
    const char  *piece;

    last = buf + strlen(buf);
    room = size - strlen(buf) - 1;

    while (text[strspn(text, " \t\r\n\v\f")] != '\0') {

        piece = caphealth_utf8_piece(text, &n, &len);

        if (len > room) {
            break;
        }

        last = mempcpy(last, piece, len);

        room -= len;
        text += n;
    }

    *last = '\0';
}


void
caphealth_utf8_mask(char *text, const char *secret)
{
    size_t  n, len;

    len = strlen(secret);

    if (len == 0) {
        return;
    }

    n = strlen(CAPHEALTH_ASTERISKS);

    if (n > len) {
        n = len;
    }

    while ((text = strstr(text, secret)) != NULL) {
        memset(text, '*', n);
        memmove(text + n, text + len, strlen(text + len) + 1);
        text += n;
    }
}
