
/*
 * What a worker asks of a shipper, the client of an object store, and the
 * answer: the bodies of CAPHEALTH_IPC_SHIP, _UNSHIP, _CLAIM and _SHIPPED.  A
 * slice is listed by CAPHEALTH_IPC_SCAN, answered as a collector answers it,
 * by _SCANNED with a caphealth_walk_t in the memfd; before that comes
 * _SCANNING for each page.
 *
 * Several may be under way; an answer carries its question's serial.  Keys are
 * relative to the bucket's prefix, and the same as paths in a tree:
 * "ab/cd/<id>_<variant>.webp".
 *
 * A shipper is of one store.  It says _HELLO, is told its settings by
 * _CONFIGURE, and says _READY when it is confined.  The source in the value of
 * _SCAN is 0, and _SCANNED has the same value.  The settings:
 *
 *     {"endpoint": "https://s3.example.com:8443",    no slash behind it
 *      "bucket": "shop", "prefix": "images",    no slash around it; "": none
 *      "region": "us-east-1", "style": "path" or "virtual",
 *      "key_id": ..., "secret": ..., "session": ...,    "": none
 *      "connections": 8,    at most, at once
 *      "timeout": 30.0,    seconds, of one request of a listing
 *      "certificates": "-----BEGIN...",    PEM, in place of the system's; "":
 *                                          those
 *      "marks": [...], "variants": [...], "counted": [...], "since": ...}
 *
 * The last four are those of a tree that a collector walks.
 */

#ifndef CAPHEALTH_SHIP_H
#define CAPHEALTH_SHIP_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_job.h"
#include "caphealth_owners.h"


/* bytes of a key, with its NUL; no path in a tree is longer */
#define CAPHEALTH_SHIP_KEY  96

/* what tells a record from that of another request: hexadecimal digits, NULs */
#define CAPHEALTH_SHIP_TOKEN  40

/* an owner's name, with NULs */
#define CAPHEALTH_SHIP_OWNER  (CAPHEALTH_OWNER_LEN + 8)

/* no image has more, of all variants */
#define CAPHEALTH_SHIP_FILES_MAX  1000


typedef struct {
    char      key[CAPHEALTH_SHIP_KEY];
    uint64_t  bytes;
    uint32_t  format;            /* caphealth_output_format_e: Content-Type */
    uint32_t  reserved;
} caphealth_ship_file_t;


/*
 * What was put of an image that failed is removed for so many milliseconds
 * more, so that an answer comes within timeout and this.
 */
#define CAPHEALTH_SHIP_GRACE  5000

/* a longer timeout is refused, milliseconds */
#define CAPHEALTH_SHIP_TIMEOUT_MAX  3600000


/*
 * Where an id follows from a key or from the bytes, caphealth_image_record.h,
 * its record is what claims it: it is put before the image, where there is
 * none, and removed after it.  An image is stored if it has its record and its
 * mark, of one token; what a move has put has none.  A record without the mark
 * is of a request that is at work, as long as it is younger than the lease, by
 * the store's clock.  If it is older, that request has died.  A deletion
 * claims the id as well, by a record without an answer.
 */

typedef enum {
    CAPHEALTH_SHIP_LOOK = 0,     /* reads the record: EXISTS, with it in a
                                    memfd, NOT_FOUND or BUSY */
    CAPHEALTH_SHIP_TAKE,         /* puts it, if the id is free: OK, EXISTS with
                                    that of another, or BUSY */
    CAPHEALTH_SHIP_RELEASE,      /* removes it, if it is this request's: OK */
    CAPHEALTH_SHIP_CLAIMS
} caphealth_ship_claim_e;

typedef struct {
    char      record[CAPHEALTH_SHIP_KEY];    /* "ab/cd/<id>_<32>.answer" */
    char      token[CAPHEALTH_SHIP_TOKEN];
    uint64_t  bytes;             /* to put, the text in the descriptor */
    uint32_t  action;            /* caphealth_ship_claim_e */
    uint32_t  timeout;           /* milliseconds */
    uint32_t  lease;             /* milliseconds */
    uint32_t  reserved;
} caphealth_ship_claim_t;


/*
 * The lease, of the timeout of a store: an image is put in that time.  Who
 * takes longer may lose the id to another request, and finds that before the
 * mark is put.
 */
#define CAPHEALTH_SHIP_LEASE(timeout)  ((timeout) + CAPHEALTH_SHIP_GRACE)


/*
 * All files of an image, or none.  The descriptors that come with it are
 * files[0] and so on, to be read from 0.  files[0] is the commit mark: it is
 * put when the store has the others.  None is put where its key exists, but by
 * a store that does not know If-None-Match: there it is replaced.
 *
 * With a record, the id is claimed: if the record is not that of the token any
 * more when the mark is to be put, another request has taken the id, and
 * nothing else is put or removed, BUSY.
 *
 * The owner of the image is kept with each of its files.
 */

typedef struct {
    uint32_t               nfiles;
    uint32_t               timeout;      /* milliseconds, for all of it */
    char                   record[CAPHEALTH_SHIP_KEY];     /* "": none */
    char                   token[CAPHEALTH_SHIP_TOKEN];
    char                   owner[CAPHEALTH_SHIP_OWNER];    /* "": nobody */
    caphealth_ship_file_t  files[CAPHEALTH_VARIANTS_MAX];
} caphealth_ship_t;


/*
 * Removes all keys that begin with prefix, first those that begin with mark,
 * and at last the record.  It may be asked again where it failed.  BUSY: it is
 * of an upload that is under way.  If the store has no room for the record that
 * claims the id, only an image that is stored is removed, its mark after the
 * other variants.
 *
 * With an owner, NOT_FOUND, and nothing is removed, if the image is not of that
 * owner.
 *
 * With a record, it is asked by an upload that has claimed the id: the record
 * stays, and all does if it is not that of the token any more.  If that upload
 * is withdrawn, the record has no answer then.
 */

typedef struct {
    char      prefix[CAPHEALTH_SHIP_KEY];    /* "ab/cd/<id>_" */
    char      mark[CAPHEALTH_SHIP_KEY];      /* "ab/cd/<id>_original." */
    char      record[CAPHEALTH_SHIP_KEY];    /* "": none */
    char      token[CAPHEALTH_SHIP_TOKEN];
    char      owner[CAPHEALTH_SHIP_OWNER];   /* "": of any, or of nobody */
    uint32_t  timeout;
    uint32_t  lease;                         /* milliseconds */
    uint32_t  withdraw;
    uint32_t  reserved;
} caphealth_unship_t;


typedef enum {
    CAPHEALTH_SHIP_OK = 0,
    CAPHEALTH_SHIP_EXISTS,       /* one of the keys is there already */
    CAPHEALTH_SHIP_NOT_FOUND,    /* of a removal: there is no such image */
    CAPHEALTH_SHIP_AWAY,         /* no answer, or one that may be tried again
                                    later: 503 */
    CAPHEALTH_SHIP_FULL,         /* a quota, or no room: 507 */
    CAPHEALTH_SHIP_DENIED,       /* the credentials, the bucket, the region,
                                    the clock, or the store's certificate: for
                                    the operator to correct, 500 */
    CAPHEALTH_SHIP_READ,         /* a descriptor cannot be read: error */
    CAPHEALTH_SHIP_FAILED,       /* any other answer */
    CAPHEALTH_SHIP_BUSY,         /* another request has the id */
    CAPHEALTH_SHIP_STATUSES
} caphealth_ship_status_e;


typedef struct {
    uint32_t  status;            /* caphealth_ship_status_e */
    uint32_t  error;             /* errno, for _READ */
    uint32_t  http;              /* the status of the answer that decided; 0:
                                    there was none */
    uint32_t  files;             /* put: all, or 0; or removed, those of a
                                    removal that failed included */
    uint64_t  bytes;             /* in them */
    uint32_t  marked;            /* of a removal: the mark was among them */
    uint32_t  left;              /* 1: something could not be removed again,
                                    which the next listing does; of a claim:
                                    there may be files of a request that died */
    uint32_t  retry_after;       /* seconds, as the store said, or until a
                                    claim is over; 0: it is not known */
    uint32_t  reserved;
    char      detail[CAPHEALTH_JOB_DETAIL];
                                 /* for people, ASCII, no full stop: "the store
                                    answered 403, SignatureDoesNotMatch"; no
                                    secret is in it */
} caphealth_ship_result_t;


/*
 * The requests to the store that have ended, each attempt for itself; one that
 * is known not to be supported by the store, and is made otherwise then, is
 * none.
 */

typedef struct {
    uint64_t  results[CAPHEALTH_SHIP_STATUSES];
                                 /* by caphealth_ship_status_e, but for those
                                    that are damaged */
    uint64_t  damaged;           /* the answer came, and was not whole, or not
                                    as it should be */
    uint64_t  retries;           /* of all of these, those that repeat one that
                                    failed */
    uint64_t  sent;              /* bytes of files */
} caphealth_ship_requests_t;


/* The name of a status in metrics; never NULL. */
const char *caphealth_ship_status_name(uint32_t status);

/* What a status means, as the second half of a sentence; never NULL. */
const char *caphealth_ship_reason(uint32_t status);

/*
 * Whether a shipper can do that: keys of one image, which differ, with the
 * extensions of their formats, and a timeout.
 */
int caphealth_ship_claim_valid(const caphealth_ship_claim_t *claim);
int caphealth_ship_valid(const caphealth_ship_t *ship);
int caphealth_unship_valid(const caphealth_unship_t *unship);

/*
 * Whether this may be the answer to that question: every number within its
 * bounds, the detail a string of printable ASCII.
 */
int caphealth_ship_claim_answered(const caphealth_ship_claim_t *claim,
    const caphealth_ship_result_t *result);
int caphealth_ship_answered(const caphealth_ship_t *ship,
    const caphealth_ship_result_t *result);
int caphealth_unship_answered(const caphealth_unship_t *unship,
    const caphealth_ship_result_t *result);

/* Whether no number is so large that a sum could overflow. */
int caphealth_ship_requests_valid(const caphealth_ship_requests_t *requests);


#endif /* CAPHEALTH_SHIP_H */
