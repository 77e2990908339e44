
/*
 * The header lines of one part of a multipart body.
 */

#ifndef CAPHEALTH_DISPOSITION_H
#define CAPHEALTH_DISPOSITION_H


#include <stddef.h>


/* the longest name of a field that is returned, bytes */
#define CAPHEALTH_FIELD_LEN  32


/* the Content-Disposition of a part */

typedef enum {
    CAPHEALTH_DISPOSITION_NONE = 0,
    CAPHEALTH_DISPOSITION_FORM_DATA,
    CAPHEALTH_DISPOSITION_FILE,     /* attachment, or file, RFC 2388 */
    CAPHEALTH_DISPOSITION_OTHER
} caphealth_disposition_e;


typedef struct {
    caphealth_disposition_e   kind;
    unsigned                  file:1;     /* with a file name, "" perhaps */
    unsigned                  name:1;
    unsigned                  plain:1;    /* there was a filename */
    unsigned                  extended:1; /* a filename* was read, RFC 8187 */
    unsigned                  encoded:1;  /* not sent as it is */
    const char               *type;       /* in the lines; NULL: none */
    size_t                    type_len;
    char                     *filename;   /* the caller's, zero-terminated */
    size_t                    size;       /* of it; a longer name is cut */
    char                      field[CAPHEALTH_FIELD_LEN + 1];
                                          /* the name; "": none, or longer */
} caphealth_disposition_t;


/*
 * Reads header lines, each ended by CRLF or LF.  Lines that are folded are
 * unfolded where they are.  NULL, or what is wrong with them as a sentence.
 */
const char *caphealth_disposition(char *lines, size_t len,
    caphealth_disposition_t *d);

/* a-z and so on: what RFC 9110 calls a token, and lower case of one */
int caphealth_is_token(char c);

/*
 * Reads the parameter at *p, `; name=value` or `; name="value"`, and moves *p
 * behind it.  The value is copied, without its quotes, to value, which has
 * room for size bytes; what does not fit is left out.  1: read; 0: there is
 * none; -1: it is malformed.
 */
int caphealth_parameter(const char **p, const char *end, const char **name,
    size_t *len, char *value, size_t size);


#endif /* CAPHEALTH_DISPOSITION_H */
