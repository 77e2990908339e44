
/*
 * What a worker asks of a shipper, and the answer.
 */

#include <string.h>

#include "caphealth_output.h"
#include "caphealth_path.h"
#include "caphealth_ship.h"


/* "ab/cd/<id>_" */
#define CAPHEALTH_SHIP_STEM  (CAPHEALTH_LEAF_LEN + CAPHEALTH_ID_LEN + 1)

/* larger numbers could overflow when they are added */
#define CAPHEALTH_SHIP_MOST  (UINT64_C(1) << 58)


static int caphealth_ship_stem(const char key[CAPHEALTH_SHIP_KEY]);
static int caphealth_ship_file(const caphealth_ship_file_t *file);
static int caphealth_ship_record(const char record[CAPHEALTH_SHIP_KEY],
    const char token[CAPHEALTH_SHIP_TOKEN]);
static int caphealth_ship_owner(const char owner[CAPHEALTH_SHIP_OWNER]);
static int caphealth_ship_result(const caphealth_ship_result_t *result);


static const char *const  caphealth_ship_names[CAPHEALTH_SHIP_STATUSES] = {
    [CAPHEALTH_SHIP_OK] = "ok",
    [CAPHEALTH_SHIP_EXISTS] = "exists",
    [CAPHEALTH_SHIP_NOT_FOUND] = "not-found",
    [CAPHEALTH_SHIP_AWAY] = "away",
    [CAPHEALTH_SHIP_FULL] = "full",
    [CAPHEALTH_SHIP_DENIED] = "denied",
    [CAPHEALTH_SHIP_READ] = "unreadable",
    [CAPHEALTH_SHIP_FAILED] = "failed",
    [CAPHEALTH_SHIP_BUSY] = "busy"
};


const char *
caphealth_ship_status_name(uint32_t status)
{
    return status < CAPHEALTH_SHIP_STATUSES
           ? caphealth_ship_names[status]
           : caphealth_ship_names[CAPHEALTH_SHIP_FAILED];
}


const char *
caphealth_ship_reason(uint32_t status)
{
    switch (status) {

    case CAPHEALTH_SHIP_OK:
        return "it was done";

    case CAPHEALTH_SHIP_EXISTS:
        return "the store has it already";

    case CAPHEALTH_SHIP_NOT_FOUND:
        return "the store does not have it";

    case CAPHEALTH_SHIP_AWAY:
        return "the store cannot be reached, or is too busy";

    case CAPHEALTH_SHIP_FULL:
        return "the store is full";

    case CAPHEALTH_SHIP_DENIED:
        return "the store refuses the credentials, the bucket or the region";

    case CAPHEALTH_SHIP_READ:
        return "its files cannot be read";

    case CAPHEALTH_SHIP_BUSY:
        return "another request is storing or removing it";

    default:
        return "the store sent an unexpected answer";
    }
}


int
caphealth_ship_claim_valid(const caphealth_ship_claim_t *claim)
{
    return caphealth_ship_record(claim->record, claim->token)
           && claim->action < CAPHEALTH_SHIP_CLAIMS
           && (claim->action == CAPHEALTH_SHIP_TAKE) == (claim->bytes != 0)
           && claim->bytes <= CAPHEALTH_RECORD_MAX
           && claim->timeout != 0
           && claim->timeout <= CAPHEALTH_SHIP_TIMEOUT_MAX
           && claim->lease >= claim->timeout;
}


int
caphealth_ship_valid(const caphealth_ship_t *ship)
{
    uint32_t  i, j;

    if (ship->nfiles == 0 || ship->nfiles > CAPHEALTH_VARIANTS_MAX
        || ship->timeout == 0 || ship->timeout > CAPHEALTH_SHIP_TIMEOUT_MAX
        || !caphealth_ship_owner(ship->owner))
    {
        return 0;
    }

    if (ship->record[0]
        && (!caphealth_ship_record(ship->record, ship->token)
            || memcmp(ship->record, ship->files[0].key, CAPHEALTH_SHIP_STEM)
               != 0))
    {
        return 0;
    }

    for (i = 0; i < ship->nfiles; i++) {

        if (!caphealth_ship_file(&ship->files[i])
            || memcmp(ship->files[i].key, ship->files[0].key,
                      CAPHEALTH_SHIP_STEM)
               != 0)
        {
            return 0;
        }

        for (j = 0; j < i; j++) {
            if (strcmp(ship->files[i].key, ship->files[j].key) == 0) {
                return 0;
            }
        }
    }

    return 1;
}


int
caphealth_unship_valid(const caphealth_unship_t *unship)
{
    size_t  len;

    if (!caphealth_ship_stem(unship->prefix)
        || unship->prefix[CAPHEALTH_SHIP_STEM] != '\0'
        || memchr(unship->mark, '\0', CAPHEALTH_SHIP_KEY) == NULL
        || unship->timeout == 0
        || unship->timeout > CAPHEALTH_SHIP_TIMEOUT_MAX
        || unship->lease < unship->timeout
        || !caphealth_ship_owner(unship->owner))
    {
        return 0;
    }

    if (unship->record[0]
        && (!caphealth_ship_record(unship->record, unship->token)
            || memcmp(unship->record, unship->prefix, CAPHEALTH_SHIP_STEM)
               != 0))
    {
        return 0;
    }

    len = strlen(unship->mark);

    return len > CAPHEALTH_SHIP_STEM + 1
           && memcmp(unship->mark, unship->prefix, CAPHEALTH_SHIP_STEM) == 0
           && unship->mark[len - 1] == '.'
           && caphealth_variant_valid(unship->mark + CAPHEALTH_SHIP_STEM,
                                      len - 1 - CAPHEALTH_SHIP_STEM);
}


/* "ab/cd/abcd<28 digits more>_", and anything behind it */

static int
caphealth_ship_stem(const char key[CAPHEALTH_SHIP_KEY])
{
    const char  *id;

    id = key + CAPHEALTH_LEAF_LEN;

    return memchr(key, '\0', CAPHEALTH_SHIP_KEY) != NULL
           && strlen(key) >= CAPHEALTH_SHIP_STEM
           && caphealth_id_valid(id, CAPHEALTH_ID_LEN)
           && id[CAPHEALTH_ID_LEN] == '_'
           && key[0] == id[0] && key[1] == id[1] && key[2] == '/'
           && key[3] == id[2] && key[4] == id[3] && key[5] == '/';
}


static int
caphealth_ship_file(const caphealth_ship_file_t *file)
{
    size_t       len;
    const char  *variant, *extension;

    if (!caphealth_ship_stem(file->key)
        || file->format >= CAPHEALTH_OUTPUTS
        || file->bytes == 0 || file->bytes > CAPHEALTH_SHIP_MOST)
    {
        return 0;
    }

    variant = file->key + CAPHEALTH_SHIP_STEM;
    len = strcspn(variant, ".");
    extension = caphealth_output_row(file->format)->extension;

    return caphealth_variant_valid(variant, len)
           && variant[len] == '.'
           && strcmp(variant + len + 1, extension) == 0;
}


/* the key of a record, and the token */

static int
caphealth_ship_record(const char record[CAPHEALTH_SHIP_KEY],
    const char token[CAPHEALTH_SHIP_TOKEN])
{
    return memchr(record, '\0', CAPHEALTH_SHIP_KEY) != NULL
           && caphealth_record_path_valid(record, strlen(record))
           && memchr(token, '\0', CAPHEALTH_SHIP_TOKEN) != NULL
           && caphealth_id_valid(token, strlen(token));
}


/* the name of one, or "" */

static int
caphealth_ship_owner(const char owner[CAPHEALTH_SHIP_OWNER])
{
    return memchr(owner, '\0', CAPHEALTH_SHIP_OWNER) != NULL
           && (owner[0] == '\0'
               || caphealth_owner_valid(owner, strlen(owner)));
}


int
caphealth_ship_claim_answered(const caphealth_ship_claim_t *claim,
    const caphealth_ship_result_t *result)
{
    if (!caphealth_ship_result(result)
        || result->files || result->bytes
        || result->marked != (result->status == CAPHEALTH_SHIP_EXISTS))
    {
        return 0;
    }

    switch (result->status) {

    case CAPHEALTH_SHIP_OK:
        return claim->action != CAPHEALTH_SHIP_LOOK;

    case CAPHEALTH_SHIP_NOT_FOUND:
        return claim->action == CAPHEALTH_SHIP_LOOK;

    case CAPHEALTH_SHIP_EXISTS:
    case CAPHEALTH_SHIP_BUSY:
        return claim->action != CAPHEALTH_SHIP_RELEASE;

    default:
        return 1;
    }
}


int
caphealth_ship_answered(const caphealth_ship_t *ship,
    const caphealth_ship_result_t *result)
{
    uint32_t  i;
    uint64_t  bytes;

    if (!caphealth_ship_result(result)
        || result->status == CAPHEALTH_SHIP_NOT_FOUND
        || (result->status == CAPHEALTH_SHIP_BUSY && !ship->record[0])
        || result->marked)
    {
        return 0;
    }

    if (result->status != CAPHEALTH_SHIP_OK) {
        return result->files == 0 && result->bytes == 0;
    }

    bytes = 0;

    for (i = 0; i < ship->nfiles; i++) {
        bytes += ship->files[i].bytes;
    }

    return result->files == ship->nfiles
           && result->bytes == bytes
           && result->left == 0;
}


int
caphealth_unship_answered(const caphealth_unship_t *unship,
    const caphealth_ship_result_t *result)
{
    (void) unship;

    if (!caphealth_ship_result(result)
        || result->status == CAPHEALTH_SHIP_EXISTS
        || result->status == CAPHEALTH_SHIP_FULL
        || result->status == CAPHEALTH_SHIP_READ
        || result->marked > result->files)
    {
        return 0;
    }

    switch (result->status) {

    case CAPHEALTH_SHIP_OK:
        return result->files > 0;

    case CAPHEALTH_SHIP_NOT_FOUND:
        return result->files == 0 && result->bytes == 0;

    default:
        return 1;
    }
}


static int
caphealth_ship_result(const caphealth_ship_result_t *result)
{
    return result->status < CAPHEALTH_SHIP_STATUSES
           && result->http <= 999
           && result->files <= CAPHEALTH_SHIP_FILES_MAX
           && result->bytes <= CAPHEALTH_SHIP_MOST
           && result->marked <= 1
           && result->left <= 1
           && caphealth_job_detail_valid(result->detail);
}


int
caphealth_ship_requests_valid(const caphealth_ship_requests_t *requests)
{
    uint32_t  i;

    for (i = 0; i < CAPHEALTH_SHIP_STATUSES; i++) {
        if (requests->results[i] > CAPHEALTH_SHIP_MOST) {
            return 0;
        }
    }

    return requests->damaged <= CAPHEALTH_SHIP_MOST
           && requests->retries <= CAPHEALTH_SHIP_MOST
           && requests->sent <= CAPHEALTH_SHIP_MOST;
}
