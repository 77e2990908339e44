
/*
 * Listings of an object store.
 */

#include <string.h>
#include <time.h>

#include "caphealth_s3_list.h"


static void caphealth_s3_list_begin(caphealth_s3_call_t *call);
static int caphealth_s3_list_body(caphealth_s3_call_t *call, const char *text,
    size_t len);
static void caphealth_s3_list_object(void *data,
    const caphealth_s3_object_t *object);
static int caphealth_s3_list_end(caphealth_s3_call_t *call);
static void caphealth_s3_list_done(caphealth_s3_call_t *call);
static int64_t caphealth_s3_list_cpu(void);


void
caphealth_s3_list_page(caphealth_s3_list_t *list, double deadline)
{
    size_t                n;
    caphealth_s3_call_t  *call;

    caphealth_s3_client_key(list->client, list->prefix, list->text,
                            sizeof(list->text));

    list->skip = strlen(list->text) - strlen(list->prefix);

    n = 0;

    list->query[n++] = (caphealth_s3_pair_t) { "list-type", "2" };
    list->query[n++] = (caphealth_s3_pair_t) { "encoding-type", "url" };
    list->query[n++] = (caphealth_s3_pair_t) { "prefix", list->text };

    if (list->delimiter) {
        list->query[n++] = (caphealth_s3_pair_t) { "delimiter", "/" };
    }

    if (list->page.truncated) {
        list->query[n++] = (caphealth_s3_pair_t) { "continuation-token",
                                                   list->page.token };
    }

    call = &list->call;
    memset(call, 0, sizeof(caphealth_s3_call_t));

    call->method = "GET";
    call->query = list->query;
    call->nquery = n;
    call->deadline = deadline;
    call->begin = caphealth_s3_list_begin;
    call->body = caphealth_s3_list_body;
    call->end = caphealth_s3_list_end;
    call->done = caphealth_s3_list_done;
    call->data = list;

    caphealth_s3_call(list->client, call);
}


void
caphealth_s3_list_free(caphealth_s3_list_t *list)
{
    caphealth_s3_reader_free(list->reader);
    list->reader = NULL;
}


static void
caphealth_s3_list_begin(caphealth_s3_call_t *call)
{
    caphealth_s3_list_t  *list = call->data;

    if (list->begin) {
        list->begin(list);
    }

    caphealth_s3_reader_free(list->reader);
    list->reader = caphealth_s3_reader_create(caphealth_s3_list_object, list);
}


static int
caphealth_s3_list_body(caphealth_s3_call_t *call, const char *text, size_t len)
{
    int                   rc;
    int64_t               cpu;
    caphealth_s3_list_t  *list = call->data;

    cpu = caphealth_s3_list_cpu();
    rc = list->reader ? caphealth_s3_reader_add(list->reader, text, len) : -1;
    list->cpu += caphealth_s3_list_cpu() - cpu;

    return rc;
}


/* a store may list keys that were not asked for */

static void
caphealth_s3_list_object(void *data, const caphealth_s3_object_t *object)
{
    caphealth_s3_list_t  *list = data;

    if (strncmp(object->key, list->text, strlen(list->text)) == 0) {
        list->object(list, object->key + list->skip, object);
    }
}


static int
caphealth_s3_list_end(caphealth_s3_call_t *call)
{
    caphealth_s3_listing_t   page;
    caphealth_s3_list_t     *list = call->data;

    if (list->reader == NULL
        || caphealth_s3_reader_end(list->reader, &page) == -1)
    {
        return -1;
    }

    /*
     * The listing of a store whose tokens recur would never end.  Each token
     * is compared with that of the last page whose number is a power of two,
     * so a cycle of any length is found.
     */

    page.npages = 1;

    if (list->page.truncated) {

        if (page.truncated && strcmp(page.token, list->page.seen) == 0) {
            return -1;
        }

        page.npages += list->page.npages;
        memcpy(page.seen, list->page.seen, sizeof(page.seen));
    }

    if ((page.npages & (page.npages - 1)) == 0) {
        memcpy(page.seen, page.token, sizeof(page.seen));
    }

    list->page = page;

    return 0;
}


static void
caphealth_s3_list_done(caphealth_s3_call_t *call)
{
    caphealth_s3_list_t  *list = call->data;

    list->done(list);
}


static int64_t
caphealth_s3_list_cpu(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
