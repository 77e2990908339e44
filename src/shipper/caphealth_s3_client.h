
/*
 * A client of one object store: requests that are signed, bounded in number,
 * and tried again until a deadline.  One thread; nothing here blocks but
 * caphealth_s3_client_run().
 */

#ifndef CAPHEALTH_S3_CLIENT_H
#define CAPHEALTH_S3_CLIENT_H


#include <stddef.h>
#include <stdint.h>

#include "caphealth_owners.h"
#include "caphealth_s3_store.h"
#include "caphealth_s3_xml.h"
#include "caphealth_ship.h"


/* the beginning of an error's body that is read */
#define CAPHEALTH_S3_BODY  4096

/* bytes of what libcurl says of a failure, CURL_ERROR_SIZE */
#define CAPHEALTH_S3_REASON  256

/* what marks an object as put by one call: hexadecimal digits, and a NUL */
#define CAPHEALTH_S3_MARK  33


typedef struct caphealth_s3_client_s  caphealth_s3_client_t;
typedef struct caphealth_s3_call_s    caphealth_s3_call_t;


/*
 * One request.  The caller zeroes it, sets the first part, and leaves it alone
 * until done() is called, once; only in that may it be used again or freed.
 */

struct caphealth_s3_call_s {
    const char                 *method;  /* "GET", "HEAD", "PUT", "DELETE" */
    const char                 *key;     /* behind the prefix; NULL: this is
                                            of the bucket */
    const caphealth_s3_pair_t  *query;
    size_t                      nquery;
    double                      deadline;
                                         /* by caphealth_s3_now() */

    /* of a PUT */

    uint64_t                    size;    /* bytes of its body */
    const char                 *type;    /* image/webp */
    const char                 *mark;    /* kept with the object */
    const char                 *owner;   /* a name, kept with the object;
                                            NULL: none */
    int                         fd;      /* its body, read from 0 */
    int                         create;  /* not where there is one; not known
                                            to all stores, see conditional */
    const char                 *match;   /* only in place of what has this
                                            entity tag; the same */

    /*
     * Of an answer of 2xx; may be NULL.  begin: an attempt begins, what came
     * before is void.  body: returns 0, or -1 if it is damaged.  end: the
     * same, of all of it.
     */
    void                      (*begin)(caphealth_s3_call_t *call);
    int                       (*body)(caphealth_s3_call_t *call,
                                      const char *text, size_t len);
    int                       (*end)(caphealth_s3_call_t *call);

    void                      (*done)(caphealth_s3_call_t *call);
    void                       *data;    /* the caller's */

    /* the outcome */

    caphealth_ship_status_e     status;
    unsigned                    http;    /* 0: no answer */
    unsigned                    retry_after;
                                         /* seconds; 0: it was not said */
    int                         error;   /* errno, of CAPHEALTH_SHIP_READ */
    int                         doubtful;
                                         /* 1: an attempt may have been acted
                                            on though it failed */
    unsigned                    attempts;
    char                        code[CAPHEALTH_S3_CODE];
    char                        detail[CAPHEALTH_JOB_DETAIL];

    /* of a HEAD or GET that succeeded */

    uint64_t                    length;  /* UINT64_MAX: it was not said */
    char                        etag[CAPHEALTH_S3_ETAG];
    char                        found[CAPHEALTH_S3_MARK];
                                         /* its mark; "": it has none */
    char                        owned[CAPHEALTH_OWNER_LEN + 1];
                                         /* its owner; "": it has none */
    double                      modified;/* seconds since the epoch, by the
                                            store's clock; 0: not said */
    double                      date;    /* the same, of the answer */

    /* the client's */

    char                        hash[CAPHEALTH_S3_HASH];
                                         /* of a body */
    int                         damaged;
    int                         cancelled;
    int                         conditional;
                                         /* this attempt is */
    int                         unmatched;
                                         /* the store does not know If-Match */
    double                      cancel_at;
    double                      started; /* the last attempt */
    double                      not_before;
    uint64_t                    offset;
    void                       *curl;
    void                       *headers;
    caphealth_s3_call_t        *next;
    size_t                      nbody;
    char                        error_body[CAPHEALTH_S3_BODY];
    char                        reason[CAPHEALTH_S3_REASON];
};


/*
 * A client with so many connections at most, and fewer while the store says
 * that it is too busy.  ca: certificates that are trusted, PEM; NULL: those of
 * the system, read now.  store must live as long.  NULL: no memory.
 */
caphealth_s3_client_t *caphealth_s3_client_create(
    const caphealth_s3_store_t *store, unsigned connections, const char *ca,
    size_t ca_len);

/* No call may be under way. */
void caphealth_s3_client_free(caphealth_s3_client_t *client);

/* Begins a call, in order as connections become free. */
void caphealth_s3_call(caphealth_s3_client_t *client,
    caphealth_s3_call_t *call);

/*
 * It is not tried again: if it is waiting, it fails at the next run, as AWAY;
 * if it was sent, it has so many seconds more to be answered, and is doubtful
 * after that.
 */
void caphealth_s3_cancel(caphealth_s3_call_t *call, double seconds);

/* Writes a key with the store's prefix before it, or what fits of it. */
void caphealth_s3_client_key(const caphealth_s3_client_t *client,
    const char *key, char *text, size_t size);

/*
 * Takes what came of the requests since the last time.  Returns 0 if there were
 * none.
 */
int caphealth_s3_client_requests(caphealth_s3_client_t *client,
    caphealth_ship_requests_t *requests);

/* 1 until the store has refused If-None-Match. */
int caphealth_s3_client_conditional(const caphealth_s3_client_t *client);

/*
 * 1: a host's name could not be resolved, and the files that say how have been
 * replaced since, which a confined process cannot read any more.
 */
int caphealth_s3_client_outdated(const caphealth_s3_client_t *client);

/*
 * Waits until s, a socket or -1, can be read, a call has something to do, or
 * so many seconds are over, and does it.  Returns 1 if s can be read, else 0,
 * or -1 on an error of libcurl's.
 */
int caphealth_s3_client_run(caphealth_s3_client_t *client, int s,
    double seconds);

/* CLOCK_MONOTONIC, seconds. */
double caphealth_s3_now(void);

/*
 * What an answer means.  *retry becomes 1 if the same request may succeed
 * later.  Pure.
 */
caphealth_ship_status_e caphealth_s3_status(const char *method, unsigned http,
    const char *code, int *retry);


#endif /* CAPHEALTH_S3_CLIENT_H */
