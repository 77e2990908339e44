
/*
 * Outcomes of requests that store or delete images: the names in
 * metrics, in $caphealth_image_result and in the types of problems.
 */

#ifndef CAPHEALTH_OUTCOMES_H
#define CAPHEALTH_OUTCOMES_H


/* the counters in the zone are in this order */

typedef enum {
    CAPHEALTH_OUTCOME_OK = 0,
    CAPHEALTH_OUTCOME_MALFORMED,
    CAPHEALTH_OUTCOME_CROSS_SITE,
    CAPHEALTH_OUTCOME_NO_IMAGE,
    CAPHEALTH_OUTCOME_TOO_MANY,
    CAPHEALTH_OUTCOME_TOO_LARGE,
    CAPHEALTH_OUTCOME_UNSUPPORTED,
    CAPHEALTH_OUTCOME_UNDECODABLE,
    CAPHEALTH_OUTCOME_TIMEOUT,
    CAPHEALTH_OUTCOME_QUEUE_FULL,
    CAPHEALTH_OUTCOME_NO_CONVERTER,
    CAPHEALTH_OUTCOME_STORAGE_FAILED,
    CAPHEALTH_OUTCOME_STORAGE_FULL,
    CAPHEALTH_OUTCOME_NO_THREAD,
    CAPHEALTH_OUTCOME_NOT_LOCAL,
    CAPHEALTH_OUTCOME_NO_SUCH_IMAGE,
    CAPHEALTH_OUTCOME_BODY_TOO_LARGE,
    CAPHEALTH_OUTCOME_BAD_REQUEST,
    CAPHEALTH_OUTCOME_CLIENT_GONE,
    CAPHEALTH_OUTCOME_INTERNAL,
    CAPHEALTH_OUTCOME_INVALID_FIELD,
    CAPHEALTH_OUTCOME_NO_TOKEN,
    CAPHEALTH_OUTCOME_BAD_TOKEN,
    CAPHEALTH_OUTCOME_NOT_PERMITTED,
    CAPHEALTH_OUTCOME_QUOTA,
    CAPHEALTH_OUTCOME_REPLAYED,
    CAPHEALTH_OUTCOME_DUPLICATE,
    CAPHEALTH_OUTCOME_INVALID_KEY,
    CAPHEALTH_OUTCOME_KEY_REUSED,
    CAPHEALTH_OUTCOME_KEY_IN_USE,
    CAPHEALTH_OUTCOME_IMAGE_SHARED,
    CAPHEALTH_OUTCOME_STORE_AWAY,
    CAPHEALTH_OUTCOMES               /* how many there are */
} caphealth_outcome_e;


typedef struct {
    int          status;             /* of the answer; 0: nginx chooses it */
    const char  *upload;             /* its name; NULL: not of uploads */
    const char  *deletion;           /* the same of deletions */
} caphealth_outcome_t;


extern const caphealth_outcome_t  caphealth_outcomes[CAPHEALTH_OUTCOMES];


#endif /* CAPHEALTH_OUTCOMES_H */
