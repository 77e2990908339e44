
/*
 * Under test: src/collector/caphealth_postgres_url.c
 *     src/ipc/caphealth_utf8.c
 *
 * The address of a database, and a server's message after a newline.  Whatever
 * is wrong with it, the password is not in a message.
 */

#include "fuzz.h"

#include "caphealth_db.h"
#include "caphealth_postgres_url.h"
#include "caphealth_utf8.h"


/* what a person who wrote it would call the password */

static char *
password(const char *url)
{
    size_t         i;
    const char    *p, *at, *colon;
    fuzz_bytes_t   b;

    static const char *const  schemes[] = { "postgresql://", "postgres://" };

    for (p = NULL, i = 0; i < 2; i++) {
        if (strncmp(url, schemes[i], strlen(schemes[i])) == 0) {
            p = url + strlen(schemes[i]);
        }
    }

    if (p == NULL) {
        return NULL;
    }

    at = strrchr(p, '@');
    colon = strchr(p, ':');

    if (at == NULL || colon == NULL || colon >= at) {
        return NULL;
    }

    b.data = (const uint8_t *) colon + 1;
    b.size = (size_t) (at - colon - 1);

    return fuzz_string(b);
}


static int
hex(char c)
{
    static const char  digits[] = "0123456789abcdef";

    return (int) (strchr(digits, c | 0x20) - digits);
}


/* in place; the escapes are known to be right */

static void
decode(char *s)
{
    char  *last;

    for (last = s; *s; s++) {

        if (*s != '%') {
            *last++ = *s;
            continue;
        }

        *last++ = (char) (hex(s[1]) * 16 + hex(s[2]));
        s += 2;
    }

    *last = '\0';
}


/* libpq takes the same for the password: no part of it is a host or a port */

static void
check_accepted(const char *url)
{
    char              *address, *secret;
    fuzz_bytes_t       b;
    PQconninfoOption  *options, *o;

    b.data = (const uint8_t *) url;
    b.size = strcspn(url, "?");

    address = fuzz_string(b);
    secret = password(address);

    options = PQconninfoParse(url, NULL);
    fuzz_check(options != NULL);

    for (o = options; secret && secret[0] && o->keyword; o++) {
        if (strcmp(o->keyword, "password") == 0
            && strstr(url, "password=") == NULL)
        {
            decode(secret);
            fuzz_check(o->val != NULL && strcmp(o->val, secret) == 0);
        }
    }

    PQconninfoFree(options);
    free(secret);
    free(address);
}


#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \":'=/.-"


static int
occurrences(const char *text, const char *word)
{
    int  n;

    for (n = 0; (text = strstr(text, word)) != NULL; text++) {
        n++;
    }

    return n;
}


/* UTF-8 in one line, as any string of a report */

static void
check_text(const char *text, size_t size)
{
    const uint8_t  *p;

    fuzz_check(memchr(text, '\0', size) != NULL);

    for (p = (const uint8_t *) text; *p; p++) {
        fuzz_check(*p >= 0x20 && *p != 0x7f);
    }

    fuzz_check(caphealth_utf8_valid(text, strlen(text)));
}


/* any bytes become a JSON string, and UTF-8 the same text */

static void
check_quoted(const char *text)
{
    char    *quoted;
    json_t  *string;

    quoted = caphealth_utf8_quote(text);
    fuzz_check(quoted != NULL);

    string = json_loads(quoted, JSON_DECODE_ANY, NULL);
    fuzz_check(json_is_string(string));

    if (caphealth_utf8_valid(text, strlen(text))) {
        fuzz_check(strcmp(json_string_value(string), text) == 0);
    }

    json_decref(string);
    free(quoted);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                 rc;
    char               *url, *message, *secret, *copy, *place, text[64];
    size_t              len;
    fuzz_bytes_t        b = { data, size };
    caphealth_error_t   error;

    url = fuzz_string(fuzz_piece(&b, '\n'));
    message = fuzz_string(b);

    memset(&error, 0, sizeof(error));

    rc = caphealth_postgres_check(url, &error);

    fuzz_check((rc == 0) == (error.code == 0));
    fuzz_check(caphealth_error_valid(&error));

    if (rc == 0) {
        check_accepted(url);
    }

    place = caphealth_postgres_place(url);
    fuzz_check(place != NULL);
    free(place);

    secret = password(url);

    /*
     * One that might be a part of a word says nothing, and one that the
     * address has elsewhere as well, in the name of a parameter, may be told
     * from there.
     */

    if (rc == -1 && secret && strlen(secret) >= 4
        && secret[strspn(secret, LETTERS)] != '\0'
        && occurrences(url, secret) <= 1)
    {
        if (strstr(error.text, secret) != NULL) {
            fprintf(stderr, "%s: %s\n", url, error.text);
            abort();
        }
    }

    /* a message that quotes what must not be quoted */

    if (secret && secret[0] && strchr(secret, '*') == NULL) {
        caphealth_utf8_mask(message, secret);
        fuzz_check(strstr(message, secret) == NULL);
    }

    check_quoted(message);

    len = strlen(message);

    fuzz_check(caphealth_postgres_terse(message) < CAPHEALTH_ERRORS);
    fuzz_check(strlen(message) <= len);
    fuzz_check(strncmp(message, "LOCATION:  ", 11) != 0);

    text[0] = '\0';
    caphealth_utf8_append(text, sizeof(text), message);
    check_text(text, sizeof(text));

    copy = caphealth_utf8_copy((const char *) b.data, b.size);
    fuzz_check(copy != NULL && caphealth_utf8_valid(copy, strlen(copy)));
    free(copy);

    free(url);
    free(message);
    free(secret);

    return 0;
}
