
/*
 * Text that others wrote, a vendor's name or a server's message, made fit to
 * be passed on: valid UTF-8, each byte that is not becoming U+FFFD.
 */

#ifndef CAPHEALTH_TEXT_H
#define CAPHEALTH_TEXT_H


#include <stddef.h>

#include <jansson.h>


/*
 * A JSON string of len bytes.  NUL becomes U+FFFD too, as a reader in C would
 * stop there.  Returns a new reference, or NULL: no memory.
 */
json_t *caphealth_text_json(const char *text, size_t len);

/*
 * Appends text to the string in buf, which has room for size bytes with its
 * NUL.  Lines are joined by "; ", a control character becomes a blank, and
 * what does not fit is cut off between two characters.
 */
void caphealth_text_append(char *buf, size_t size, const char *text);

/*
 * Replaces each occurrence of secret in text by "***", in place: what is
 * shorter than three bytes is replaced by as many asterisks.
 */
void caphealth_text_conceal(char *text, const char *secret);


#endif /* CAPHEALTH_TEXT_H */
