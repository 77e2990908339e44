
/*
 * Text from outside, such as a vendor's name or a server's message, made valid
 * UTF-8: a byte that is no part of a character becomes U+FFFD.
 */

#ifndef CAPHEALTH_UTF8_H
#define CAPHEALTH_UTF8_H


#include <stddef.h>
#include <stdio.h>


/*
 * The bytes in the character that text begins with; 0: this is not UTF-8, or
 * NUL.  A string with a NUL is long enough with strnlen(text, 4).
 */
size_t caphealth_utf8_len(const char *text, size_t len);

/*
 * Bytes at the beginning of text that stand for themselves in JSON and in
 * metrics: printable ASCII without quotation marks and backslashes.
 */
size_t caphealth_utf8_plain(const char *text);

/* Whether all of it is UTF-8, without a NUL. */
int caphealth_utf8_valid(const char *text, size_t len);

/*
 * A copy of len bytes, which the caller free()s.  NUL becomes U+FFFD too, as a
 * reader in C would stop there.  NULL: no memory.
 */
char *caphealth_utf8_copy(const char *text, size_t len);

/*
 * Text as a JSON string: into a stream, whose error is the caller's to look
 * for, or as a copy that the caller free()s; NULL: no memory.
 */
void caphealth_utf8_json(FILE *stream, const char *text);
char *caphealth_utf8_quote(const char *text);

/*
 * Appends text to the string in buf, which has room for size bytes with its
 * NUL.  Lines are joined by "; ", a control character becomes a blank, and
 * what does not fit is cut off between two characters.
 */
void caphealth_utf8_append(char *buf, size_t size, const char *text);

/*
 * Replaces each occurrence of secret in text by "***", in place: what is
 * shorter than three bytes is replaced by as many asterisks.
 */
void caphealth_utf8_mask(char *text, const char *secret);


#endif /* CAPHEALTH_UTF8_H */
