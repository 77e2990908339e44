
/*
 * Words: see the header.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_words.h"


static void caphealth_words_fill(FILE *out, const char *p,
    const json_t *args);


const char *
caphealth_word(const json_t *words, const char *key)
{
    const char  *word;

    word = json_string_value(json_object_get(words, key));

    return word ? word : key;
}


json_t *
caphealth_words_plain(const json_t *words, const char *key)
{
    return json_string(caphealth_word(words, key));
}


json_t *
caphealth_words_text(const json_t *words, const char *key, json_t *args)
{
    char    *text;
    FILE    *out;
    size_t   len;
    json_t  *result;

    text = NULL;
    result = NULL;

    out = open_memstream(&text, &len);

    if (out && args) {
        caphealth_words_fill(out, caphealth_word(words, key), args);
    }

    if (out && fclose(out) == 0 && args) {
        result = json_stringn_nocheck(text, len);
    }

    free(text);
    json_decref(args);

    return result;
}


static void
caphealth_words_fill(FILE *out, const char *p, const json_t *args)
{
    const char    *open, *close;
    const json_t  *value;

    for ( ;; ) {
        open = strchr(p, '{');
        close = open ? strchr(open, '}') : NULL;

        if (close == NULL) {
            fputs(p, out);
            return;
        }

        fwrite(p, 1, open - p, out);

        value = json_object_getn(args, open + 1, close - open - 1);

        fwrite(json_string_value(value), 1, json_string_length(value), out);

        p = close + 1;
    }
}


json_t *
caphealth_words_plural(const json_t *words, const char *key, double n,
    json_t *args)
{
    char  form[64];

    if (args == NULL
        || json_object_set_new(args, "n", caphealth_words_number(words, n, 0))
           != 0)
    {
        json_decref(args);
        return NULL;
    }

    snprintf(form, sizeof(form), "%s.%s", key, n == 1 ? "one" : "other");

    return caphealth_words_text(words, form, args);
}


json_t *
caphealth_words_join(json_t *a, const char *separator, json_t *b)
{
    json_t  *both;

    both = NULL;

    if (a && b) {
        both = json_sprintf("%s%s%s", json_string_value(a),
                            json_string_length(a) ? separator : "",
                            json_string_value(b));
    }

    json_decref(a);
    json_decref(b);

    return both;
}


json_t *
caphealth_words_number(const json_t *words, double x, int decimals)
{
    char         digits[64], text[160], *dot, *p;
    size_t       i, whole;
    const char  *start;

    if (!isfinite(x) || fabs(x) > 1e18) {
        return caphealth_words_plain(words, "number.unknown");
    }

    snprintf(digits, sizeof(digits), "%.*f", decimals, fabs(x));

    dot = strchr(digits, '.');
    whole = dot ? (size_t) (dot - digits) : strlen(digits);

    start = digits;
    p = text;

    if (x < 0) {
        *p++ = '-';
    }

    for (i = 0; i < whole; i++) {
        if (i != 0 && (whole - i) % 3 == 0) {
            p = stpcpy(p, caphealth_word(words, "number.group"));
        }

        *p++ = start[i];
    }

    *p = '\0';

    /* 5.50 is written 5.5, and 5.00 is written 5 */

    for (i = strlen(digits); dot && i > whole && strchr(".0", digits[i - 1]);
         i--)
    {
        digits[i - 1] = '\0';
    }

    if (digits[whole] == '.') {
        p = stpcpy(p, caphealth_word(words, "number.decimal"));
        stpcpy(p, digits + whole + 1);
    }

    return json_string(text);
}


json_t *
caphealth_words_percent(const json_t *words, double x)
{
    return caphealth_words_unit(words, "number.percent", x, 1);
}


json_t *
caphealth_words_unit(const json_t *words, const char *key, double x,
    int decimals)
{
    if (!isfinite(x)) {
        return caphealth_words_plain(words, "number.unknown");
    }

    return caphealth_words_text(words, key,
               json_pack("{s:o}", "n",
                         caphealth_words_number(words, x, decimals)));
}


json_t *
caphealth_words_age(const json_t *words, double t, double now)
{
    double  age;

    if (!(t > 0)) {
        return caphealth_words_plain(words, "age.never");
    }

    age = fmax(0, floor(now - t));

    if (age < 1) {
        return caphealth_words_plain(words, "age.now");
    }

    if (age < 120) {
        return caphealth_words_unit(words, "age.s", age, 0);
    }

    if (age < 7200) {
        return caphealth_words_unit(words, "age.min", floor(age / 60), 0);
    }

    if (age < 2 * 86400) {
        return caphealth_words_unit(words, "age.h", floor(age / 3600), 0);
    }

    return caphealth_words_unit(words, "age.d", floor(age / 86400), 0);
}
