
/*
 * Reply: the document that a collector answers with.
 */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "caphealth_facts.h"
#include "caphealth_reply.h"


static int caphealth_reply_members(caphealth_reply_t *reply,
    const json_t *document, char *err, size_t errlen);
static int caphealth_reply_append(caphealth_reply_t *reply,
    const char *text, size_t len, char *err, size_t errlen);
static int caphealth_reply_data(caphealth_reply_t *reply,
    caphealth_reply_e of, char *err, size_t errlen);


int
caphealth_reply_parse(caphealth_reply_t *reply, caphealth_reply_e of,
    const char *text, size_t len, char *err, size_t errlen)
{
    int          rc;
    size_t       first;
    json_t      *document;
    const char  *end;

    memset(reply, 0, sizeof(caphealth_reply_t));

    end = memchr(text, '\n', len);
    first = (end == NULL) ? len : (size_t) (end - text);

    document = json_loadb(text, first, 0, NULL);

    rc = caphealth_reply_members(reply, document, err, errlen);

    json_decref(document);

    if (rc == 0 && reply->data && end) {
        rc = caphealth_reply_append(reply, end, len - first, err, errlen);
    }

    if (rc == 0 && reply->data) {
        rc = caphealth_reply_data(reply, of, err, errlen);
    }

    if (rc == -1) {
        caphealth_reply_free(reply);
    }

    return rc;
}


static int
caphealth_reply_members(caphealth_reply_t *reply, const json_t *document,
    char *err, size_t errlen)
{
    json_t  *at, *took, *code, *error, *data;

    at = json_object_get(document, "collected_at");
    took = json_object_get(document, "duration");
    code = json_object_get(document, "code");
    error = json_object_get(document, "error");
    data = json_object_get(document, "data");

    if (!json_is_number(at)
        || !json_is_number(took) || json_number_value(took) < 0
        || (!json_is_string(error) && !json_is_null(error))
        || (!json_is_object(data) && !json_is_null(data))
        || (json_is_null(data) && json_is_null(error)))
    {
        (void) snprintf(err, errlen, "unexpected members");
        return -1;
    }

    reply->collected_at = json_number_value(at);
    reply->duration = json_number_value(took);
    reply->code = (unsigned) json_integer_value(code);

    if (json_is_string(error)) {
        reply->error = strdup(json_string_value(error));
    }

    if (json_is_object(data)) {
        reply->data = json_dumps(data, JSON_COMPACT);
    }

    if ((json_is_string(error) && reply->error == NULL)
        || (json_is_object(data) && reply->data == NULL))
    {
        (void) snprintf(err, errlen, "no memory");
        return -1;
    }

    return 0;
}


/* what is behind the line feed goes with the data */

static int
caphealth_reply_append(caphealth_reply_t *reply, const char *text, size_t len,
    char *err, size_t errlen)
{
    char    *data;
    size_t   n;

    n = strlen(reply->data);
    data = realloc(reply->data, n + len + 1);

    if (data == NULL) {
        (void) snprintf(err, errlen, "no memory");
        return -1;
    }

    memcpy(data + n, text, len);
    data[n + len] = '\0';

    reply->data = data;

    return 0;
}


static int
caphealth_reply_data(caphealth_reply_t *reply, caphealth_reply_e of,
    char *err, size_t errlen)
{
    int                    rc;
    size_t                 len;
    caphealth_disk_t       disk;
    caphealth_system_t     system;
    caphealth_vendors_t    vendors;
    caphealth_database_t   database;

    len = strlen(reply->data);

    switch (of) {

    case CAPHEALTH_REPLY_SYSTEM:
        rc = caphealth_system_parse(&system, reply->data, len, err, errlen);
        reply->partial = isnan(system.cpu_percent) ? 1 : 0;
        break;

    case CAPHEALTH_REPLY_DISK:
        rc = caphealth_disk_parse(&disk, reply->data, len, err, errlen);
        break;

    default: /* CAPHEALTH_REPLY_DATABASE */
        rc = caphealth_database_parse(&database, &vendors, reply->data, len,
                                      err, errlen);
        caphealth_vendors_free(&vendors);
        break;
    }

    return rc;
}


void
caphealth_reply_free(caphealth_reply_t *reply)
{
    free(reply->data);
    free(reply->error);

    memset(reply, 0, sizeof(caphealth_reply_t));
}
