
/*
 * Template: a text with tags in double braces, and a JSON document to fill
 * them in from.  The part of mustache(5) that the page needs:
 *
 *     {{name}}                 a string or an integer, escaped for HTML
 *     {{#name}}...{{/name}}    for each of an array; once for what is true
 *     {{^name}}...{{/name}}    unless there is something
 *
 * A name is looked for in the innermost section first.  In "a.b.c", "a" may be
 * an object with a member "b.c".
 */

#ifndef CAPHEALTH_TEMPLATE_H
#define CAPHEALTH_TEMPLATE_H


#include <stddef.h>

#include <jansson.h>


/*
 * *len becomes the length without the NUL.  The caller free()s it.  NULL: no
 * memory, or the sections do not match, or are nested more than 15 deep.
 */
char *caphealth_template(const char *text, const json_t *root, size_t *len);


#endif /* CAPHEALTH_TEMPLATE_H */
