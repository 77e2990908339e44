
/*
 * The keys of an object store that begin with a prefix, listed page by page.
 */

#ifndef CAPHEALTH_S3_LIST_H
#define CAPHEALTH_S3_LIST_H


#include "caphealth_s3_client.h"


typedef struct caphealth_s3_list_s  caphealth_s3_list_t;


/* The caller zeroes it, and sets the first part. */

struct caphealth_s3_list_s {
    caphealth_s3_client_t   *client;
    const char              *prefix;    /* behind the store's own */
    int                      delimiter; /* 1: keys with a further "/" are listed
                                           as one prefix, up to that */

    /*
     * begin: the objects of the page follow, from its first one; called again
     * when a page is requested again, so the objects since the last call have
     * to be forgotten.  May be NULL.
     */
    void                   (*begin)(caphealth_s3_list_t *list);

    /* key: behind the store's prefix; it begins with the listing's prefix */
    void                   (*object)(caphealth_s3_list_t *list, const char *key,
                                     const caphealth_s3_object_t *object);

    /* the page has ended, see call.status and page.truncated */
    void                   (*done)(caphealth_s3_list_t *list);

    void                    *data;      /* the caller's */

    /* the outcome */

    caphealth_s3_call_t      call;
    caphealth_s3_listing_t   page;      /* the last one that was received */
    int64_t                  cpu;       /* microseconds spent on all pages */

    /* the list's own */

    caphealth_s3_reader_t   *reader;
    caphealth_s3_pair_t      query[5];
    size_t                   skip;      /* of a key: the store's prefix */
    char                     text[CAPHEALTH_S3_KEY];
                                        /* the whole prefix */
};


/*
 * Requests a page: the next one if page.truncated is set, else the first.
 * deadline is by caphealth_s3_now().  done() is called once, from
 * caphealth_s3_client_run() or at once.
 */
void caphealth_s3_list_page(caphealth_s3_list_t *list, double deadline);

/* Frees what the list has allocated.  No page may be under way. */
void caphealth_s3_list_free(caphealth_s3_list_t *list);


#endif /* CAPHEALTH_S3_LIST_H */
