
/*
 * What an object store answers in XML.
 */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <expat.h>

#include "caphealth_s3_xml.h"


/* an encoded key, each of whose bytes may be "%41" */
#define CAPHEALTH_S3_TEXT   (3 * CAPHEALTH_S3_KEY)

/* no element that is read is deeper */
#define CAPHEALTH_S3_DEPTH  3

/* larger sizes could overflow when those of an image are added; no store has
   objects of 2^48 bytes */
#define CAPHEALTH_S3_MOST   (UINT64_C(1) << 48)

/* the most bytes of a page: it has up to 1000 keys, or 10,000 in some stores */
#define CAPHEALTH_S3_LISTING  (16 * 1024 * 1024)

/* objects of one listing that may wait for its end */
#define CAPHEALTH_S3_LATER  10000


typedef enum {
    CAPHEALTH_S3_OTHER = 0,
    CAPHEALTH_S3_RESULT,
    CAPHEALTH_S3_CONTENTS,
    CAPHEALTH_S3_PREFIXES,
    CAPHEALTH_S3_TRUNCATED,
    CAPHEALTH_S3_NEXT,
    CAPHEALTH_S3_ENCODING,
    CAPHEALTH_S3_NAME,
    CAPHEALTH_S3_SIZE,
    CAPHEALTH_S3_MODIFIED,
    CAPHEALTH_S3_TAG,
    CAPHEALTH_S3_PREFIX,
    CAPHEALTH_S3_ERROR,
    CAPHEALTH_S3_ERROR_CODE
} caphealth_s3_element_e;


/* an element of that name within that one; OTHER: it is the outermost */

typedef struct {
    const char              *name;
    caphealth_s3_element_e   within;
    caphealth_s3_element_e   element;
} caphealth_s3_element_t;


/* an object that waits until it is known whether its key is encoded */

typedef struct caphealth_s3_later_s  caphealth_s3_later_t;

struct caphealth_s3_later_s {
    caphealth_s3_later_t    *next;
    uint64_t                 size;
    double                   modified;
    int                      prefix;
    char                     etag[CAPHEALTH_S3_ETAG];
    char                     text[];
};


struct caphealth_s3_reader_s {
    XML_Parser               parser;
    void                   (*object)(void *data,
                                     const caphealth_s3_object_t *object);
    void                    *data;
    caphealth_s3_element_e   path[CAPHEALTH_S3_DEPTH + 1];
    unsigned                 depth;
    int                      failed;
    size_t                   read;           /* bytes so far */
    int                      listed;         /* it has said whether there is
                                                more */
    int                      keyed;          /* the object has a key */
    int                      sized;
    int                      encoded;        /* keys are, as far as is known */
    unsigned                 nlater;
    caphealth_s3_later_t    *later;          /* in order */
    caphealth_s3_later_t   **last;
    size_t                   len;            /* of the text of the innermost
                                                element */
    char                     text[CAPHEALTH_S3_TEXT];
    char                     key[CAPHEALTH_S3_TEXT];
                                             /* of the object, as it was sent */
    char                     code[CAPHEALTH_S3_CODE];
    caphealth_s3_object_t    found;
    caphealth_s3_listing_t   listing;
};


static caphealth_s3_reader_t *caphealth_s3_reader_new(void);
static void caphealth_s3_begin(void *data, const char *name,
    const char **attributes);
static void caphealth_s3_end(void *data, const char *name);
static void caphealth_s3_text(void *data, const char *text, int len);
static void caphealth_s3_doctype(void *data, const char *name,
    const char *system, const char *public, int internal);
static caphealth_s3_element_e caphealth_s3_element(
    caphealth_s3_element_e within, const char *name);
static void caphealth_s3_fail(caphealth_s3_reader_t *r);
static int caphealth_s3_take(caphealth_s3_reader_t *r,
    caphealth_s3_element_e element);
static void caphealth_s3_trim(caphealth_s3_reader_t *r);
static int caphealth_s3_take_object(caphealth_s3_reader_t *r);
static int caphealth_s3_defer(caphealth_s3_reader_t *r);
static int caphealth_s3_tell(caphealth_s3_reader_t *r, const char *text);
static int caphealth_s3_tell_later(caphealth_s3_reader_t *r);
static int caphealth_s3_decode(const char *text, char key[CAPHEALTH_S3_KEY]);
static int caphealth_s3_take_size(caphealth_s3_reader_t *r);
static void caphealth_s3_take_time(caphealth_s3_reader_t *r);
static void caphealth_s3_take_code(caphealth_s3_reader_t *r);
static int caphealth_s3_hex_digit(char c);


static const caphealth_s3_element_t  caphealth_s3_elements[] = {
    { "ListBucketResult", CAPHEALTH_S3_OTHER, CAPHEALTH_S3_RESULT },
    { "IsTruncated", CAPHEALTH_S3_RESULT, CAPHEALTH_S3_TRUNCATED },
    { "NextContinuationToken", CAPHEALTH_S3_RESULT, CAPHEALTH_S3_NEXT },
    { "EncodingType", CAPHEALTH_S3_RESULT, CAPHEALTH_S3_ENCODING },
    { "Contents", CAPHEALTH_S3_RESULT, CAPHEALTH_S3_CONTENTS },
    { "CommonPrefixes", CAPHEALTH_S3_RESULT, CAPHEALTH_S3_PREFIXES },
    { "Key", CAPHEALTH_S3_CONTENTS, CAPHEALTH_S3_NAME },
    { "Size", CAPHEALTH_S3_CONTENTS, CAPHEALTH_S3_SIZE },
    { "LastModified", CAPHEALTH_S3_CONTENTS, CAPHEALTH_S3_MODIFIED },
    { "ETag", CAPHEALTH_S3_CONTENTS, CAPHEALTH_S3_TAG },
    { "Prefix", CAPHEALTH_S3_PREFIXES, CAPHEALTH_S3_PREFIX },
    { "Error", CAPHEALTH_S3_OTHER, CAPHEALTH_S3_ERROR },
    { "Code", CAPHEALTH_S3_ERROR, CAPHEALTH_S3_ERROR_CODE }
};

#define CAPHEALTH_S3_ELEMENTS                                                 \
    (sizeof(caphealth_s3_elements) / sizeof(caphealth_s3_elements[0]))


caphealth_s3_reader_t *
caphealth_s3_reader_create(
    void (*object)(void *data, const caphealth_s3_object_t *object),
    void *data)
{
    caphealth_s3_reader_t  *r;

    r = caphealth_s3_reader_new();

    if (r != NULL) {
        r->object = object;
        r->data = data;
    }

    return r;
}


static caphealth_s3_reader_t *
caphealth_s3_reader_new(void)
{
    caphealth_s3_reader_t  *r;

    r = calloc(1, sizeof(caphealth_s3_reader_t));
    if (r == NULL) {
        return NULL;
    }

    r->last = &r->later;
    r->parser = XML_ParserCreate(NULL);

    if (r->parser == NULL) {
        free(r);
        return NULL;
    }

    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, caphealth_s3_begin, caphealth_s3_end);
    XML_SetCharacterDataHandler(r->parser, caphealth_s3_text);
    XML_SetStartDoctypeDeclHandler(r->parser, caphealth_s3_doctype);

    return r;
}


int
caphealth_s3_reader_add(caphealth_s3_reader_t *r, const char *text, size_t len)
{
    size_t  n;

    for ( /* void */ ; len > 0 && !r->failed; text += n, len -= n) {

        n = len < 65536 ? len : 65536;
        r->read += n;

        if (r->read > CAPHEALTH_S3_LISTING) {
            r->failed = 1;
            break;
        }

        if (XML_Parse(r->parser, text, (int) n, XML_FALSE) != XML_STATUS_OK) {
            r->failed = 1;
        }
    }

    return r->failed ? -1 : 0;
}


int
caphealth_s3_reader_end(caphealth_s3_reader_t *r,
    caphealth_s3_listing_t *listing)
{
    if (r->failed
        || XML_Parse(r->parser, "", 0, XML_TRUE) != XML_STATUS_OK
        || r->failed
        || !r->listed
        || (r->listing.truncated && r->listing.token[0] == '\0')
        || caphealth_s3_tell_later(r) == -1)
    {
        return -1;
    }

    *listing = r->listing;

    return 0;
}


void
caphealth_s3_reader_free(caphealth_s3_reader_t *r)
{
    caphealth_s3_later_t  *later;

    if (r == NULL) {
        return;
    }

    while ((later = r->later) != NULL) {
        r->later = later->next;
        free(later);
    }

    XML_ParserFree(r->parser);
    free(r);
}


void
caphealth_s3_error_code(const char *text, size_t len,
    char code[CAPHEALTH_S3_CODE])
{
    caphealth_s3_reader_t  *r;

    code[0] = '\0';

    r = caphealth_s3_reader_new();

    if (r != NULL) {
        (void) caphealth_s3_reader_add(r, text, len);
        memcpy(code, r->code, CAPHEALTH_S3_CODE);
        caphealth_s3_reader_free(r);
    }
}


static void
caphealth_s3_begin(void *data, const char *name, const char **attributes)
{
    caphealth_s3_reader_t   *r = data;
    caphealth_s3_element_e   within, element;

    (void) attributes;

    r->depth++;
    r->len = 0;

    if (r->depth > CAPHEALTH_S3_DEPTH) {
        return;
    }

    /* the outermost one is within none, as all that are within others' */

    within = r->path[r->depth - 1];

    element = (within == CAPHEALTH_S3_OTHER && r->depth > 1)
              ? CAPHEALTH_S3_OTHER : caphealth_s3_element(within, name);

    r->path[r->depth] = element;

    if (element == CAPHEALTH_S3_CONTENTS || element == CAPHEALTH_S3_PREFIXES) {
        r->keyed = 0;
        r->sized = 0;
        r->found.prefix = (element == CAPHEALTH_S3_PREFIXES);
        r->found.size = 0;
        r->found.modified = NAN;
        r->found.etag[0] = '\0';
    }
}


static caphealth_s3_element_e
caphealth_s3_element(caphealth_s3_element_e within, const char *name)
{
    size_t       i;
    const char  *local;

    /* the namespace may have a prefix */

    local = strchr(name, ':');
    name = local ? local + 1 : name;

    for (i = 0; i < CAPHEALTH_S3_ELEMENTS; i++) {
        if (caphealth_s3_elements[i].within == within
            && strcmp(caphealth_s3_elements[i].name, name) == 0)
        {
            return caphealth_s3_elements[i].element;
        }
    }

    return CAPHEALTH_S3_OTHER;
}


static void
caphealth_s3_end(void *data, const char *name)
{
    caphealth_s3_reader_t  *r = data;

    (void) name;

    if (r->depth <= CAPHEALTH_S3_DEPTH
        && caphealth_s3_take(r, r->path[r->depth]) == -1)
    {
        caphealth_s3_fail(r);
    }

    r->depth--;
    r->len = 0;
}


static void
caphealth_s3_text(void *data, const char *text, int len)
{
    caphealth_s3_reader_t  *r = data;

    if (r->depth > CAPHEALTH_S3_DEPTH
        || r->path[r->depth] == CAPHEALTH_S3_OTHER)
    {
        return;
    }

    if ((size_t) len >= CAPHEALTH_S3_TEXT - r->len) {
        caphealth_s3_fail(r);
        return;
    }

    memcpy(r->text + r->len, text, (size_t) len);
    r->len += (size_t) len;
}


/* a store's answers have none, and its entities could grow without end */

static void
caphealth_s3_doctype(void *data, const char *name, const char *system,
    const char *public, int internal)
{
    (void) name;
    (void) system;
    (void) public;
    (void) internal;

    caphealth_s3_fail(data);
}


static void
caphealth_s3_fail(caphealth_s3_reader_t *r)
{
    r->failed = 1;
    (void) XML_StopParser(r->parser, XML_FALSE);
}


static int
caphealth_s3_take(caphealth_s3_reader_t *r, caphealth_s3_element_e element)
{
    r->text[r->len] = '\0';

    if (element != CAPHEALTH_S3_NAME && element != CAPHEALTH_S3_PREFIX) {
        caphealth_s3_trim(r);
    }

    switch (element) {

    case CAPHEALTH_S3_CONTENTS:
    case CAPHEALTH_S3_PREFIXES:
        return caphealth_s3_take_object(r);

    case CAPHEALTH_S3_NAME:
    case CAPHEALTH_S3_PREFIX:
        memcpy(r->key, r->text, r->len + 1);
        r->keyed = (r->len > 0);
        return 0;

    case CAPHEALTH_S3_SIZE:
        return caphealth_s3_take_size(r);

    case CAPHEALTH_S3_MODIFIED:
        caphealth_s3_take_time(r);
        return 0;

    case CAPHEALTH_S3_TAG:
        if (r->len < CAPHEALTH_S3_ETAG) {
            memcpy(r->found.etag, r->text, r->len + 1);
        }

        return 0;

    case CAPHEALTH_S3_TRUNCATED:
        r->listing.truncated = (strcmp(r->text, "true") == 0);
        r->listed = r->listing.truncated || strcmp(r->text, "false") == 0;
        return r->listed ? 0 : -1;

    case CAPHEALTH_S3_NEXT:
        if (r->len >= CAPHEALTH_S3_TOKEN) {
            return -1;
        }

        memcpy(r->listing.token, r->text, r->len + 1);
        return 0;

    case CAPHEALTH_S3_ENCODING:
        r->encoded = (strcmp(r->text, "url") == 0);
        return 0;

    case CAPHEALTH_S3_ERROR_CODE:
        caphealth_s3_take_code(r);
        return 0;

    default:
        return 0;
    }
}


/* only a key may begin or end with a space */

static void
caphealth_s3_trim(caphealth_s3_reader_t *r)
{
    size_t  skip;

    while (r->len > 0 && strchr(" \t\r\n", r->text[r->len - 1])) {
        r->text[--r->len] = '\0';
    }

    skip = strspn(r->text, " \t\r\n");

    r->len -= skip;
    memmove(r->text, r->text + skip, r->len + 1);
}


/*
 * A store that does not know encoding-type does not encode keys, and does not
 * confirm it by an element EncodingType, which MinIO sends behind the objects.
 */

static int
caphealth_s3_take_object(caphealth_s3_reader_t *r)
{
    if (!r->keyed || (!r->sized && !r->found.prefix)) {
        return -1;
    }

    if (!r->encoded && strpbrk(r->key, "%+")) {
        return caphealth_s3_defer(r);
    }

    return caphealth_s3_tell(r, r->key);
}


static int
caphealth_s3_defer(caphealth_s3_reader_t *r)
{
    size_t                 len;
    caphealth_s3_later_t  *later;

    len = strlen(r->key) + 1;
    later = r->nlater < CAPHEALTH_S3_LATER
            ? malloc(sizeof(caphealth_s3_later_t) + len) : NULL;

    if (later == NULL) {
        return -1;
    }

    later->next = NULL;
    later->size = r->found.size;
    later->modified = r->found.modified;
    later->prefix = r->found.prefix;
    memcpy(later->etag, r->found.etag, CAPHEALTH_S3_ETAG);
    memcpy(later->text, r->key, len);

    *r->last = later;
    r->last = &later->next;
    r->nlater++;

    return 0;
}


static int
caphealth_s3_tell(caphealth_s3_reader_t *r, const char *text)
{
    size_t  len;

    if (r->encoded) {
        if (caphealth_s3_decode(text, r->found.key) == -1) {
            return -1;
        }

    } else {
        len = strlen(text);

        if (len >= CAPHEALTH_S3_KEY) {
            return -1;
        }

        memcpy(r->found.key, text, len + 1);
    }

    if (r->object != NULL) {
        r->object(r->data, &r->found);
    }

    return 0;
}


static int
caphealth_s3_tell_later(caphealth_s3_reader_t *r)
{
    const caphealth_s3_later_t  *later;

    for (later = r->later; later != NULL; later = later->next) {
        r->found.size = later->size;
        r->found.modified = later->modified;
        r->found.prefix = later->prefix;
        memcpy(r->found.etag, later->etag, CAPHEALTH_S3_ETAG);

        if (caphealth_s3_tell(r, later->text) == -1) {
            return -1;
        }
    }

    return 0;
}


/*
 * As a form is: AWS writes a space as "+", others as "%20", and all write a
 * "+" as "%2B".  A NUL cannot be part of a key.
 */

static int
caphealth_s3_decode(const char *text, char key[CAPHEALTH_S3_KEY])
{
    int          high, low;
    size_t       n;
    const char  *p;

    n = 0;

    for (p = text; *p; p++) {

        if (n == CAPHEALTH_S3_KEY - 1) {
            return -1;
        }

        high = (p[0] == '%') ? caphealth_s3_hex_digit(p[1]) : -1;
        low = (high >= 0) ? caphealth_s3_hex_digit(p[2]) : -1;

        if (low >= 0 && (high || low)) {
            key[n++] = (char) (high << 4 | low);
            p += 2;
            continue;
        }

        key[n++] = (char) (*p == '+' ? ' ' : *p);
    }

    key[n] = '\0';

    return 0;
}


static int
caphealth_s3_hex_digit(char c)
{
    static const char  digits[] = "0123456789abcdef";

    const char  *p;

    p = c ? strchr(digits, tolower((unsigned char) c)) : NULL;

    return p ? (int) (p - digits) : -1;
}


static int
caphealth_s3_take_size(caphealth_s3_reader_t *r)
{
    uint64_t     size;
    const char  *p;

    size = 0;

    for (p = r->text; *p >= '0' && *p <= '9' && size <= CAPHEALTH_S3_MOST; p++)
    {
        size = 10 * size + (uint64_t) (*p - '0');
    }

    if (p == r->text || *p || size > CAPHEALTH_S3_MOST) {
        return -1;
    }

    r->found.size = size;
    r->sized = 1;

    return 0;
}


/* "2009-10-12T17:50:30.000Z", whose fraction is ignored */

static void
caphealth_s3_take_time(caphealth_s3_reader_t *r)
{
    struct tm    tm;
    const char  *rest;

    memset(&tm, 0, sizeof(struct tm));

    rest = strptime(r->text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (rest == NULL) {
        return;
    }

    if (*rest == '.') {
        rest += 1 + strspn(rest + 1, "0123456789");
    }

    if (strcmp(rest, "Z") == 0) {
        r->found.modified = (double) timegm(&tm);
    }
}


static void
caphealth_s3_take_code(caphealth_s3_reader_t *r)
{
    size_t  n;

    n = strspn(r->text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "abcdefghijklmnopqrstuvwxyz0123456789.-");

    if (n == r->len && n < CAPHEALTH_S3_CODE) {
        memcpy(r->code, r->text, n + 1);
    }
}
