
/*
 * What is in a slice of an object store.
 */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caphealth_owners.h"
#include "caphealth_s3_count.h"
#include "caphealth_s3_image.h"
#include "caphealth_s3_list.h"


/* keys, or prefixes, of a page of a listing */
#define CAPHEALTH_S3_PAGE       1000

/* leftovers that are removed at once; the next listing finds the others */
#define CAPHEALTH_S3_LEFTOVERS  1000

/* milliseconds to remove one */
#define CAPHEALTH_S3_REMOVE     30000


/* what a page that was damaged is counted from again */

typedef struct {
    caphealth_walk_t         walk;
    caphealth_walk_image_t   image;          /* of the last keys */
    int                      open;           /* there is one */
    int                      files;          /* it has files, not only a
                                                record */
    unsigned                 nprefixes;
    unsigned                 nleftovers;
} caphealth_s3_counted_t;


struct caphealth_s3_count_s {
    caphealth_s3_client_t             *client;
    const caphealth_walk_settings_t   *settings;
    unsigned                           slice;
    double                             timeout;
    void                             (*page)(void *data);
    void                             (*done)(void *data,
                                             const caphealth_walk_t *walk);
    void                              *data;
    int                                given_up;
    caphealth_s3_list_t                list;
    caphealth_s3_listing_t             next;       /* of the top, while what
                                                      is below a prefix of it
                                                      is listed */
    caphealth_s3_counted_t             now;
    caphealth_s3_counted_t             before;     /* the page */
    char                               prefix[CAPHEALTH_S3_KEY];
    char                              *prefixes[CAPHEALTH_S3_PAGE];
    int                                below;      /* a prefix of the top is
                                                      listed */
    caphealth_s3_image_t              *leftover;   /* is being removed */
    char                               leftovers[CAPHEALTH_S3_LEFTOVERS]
                                                [CAPHEALTH_ID_LEN + 1];
};


static void caphealth_s3_count_page(caphealth_s3_count_t *count);
static void caphealth_s3_count_begin(caphealth_s3_list_t *list);
static void caphealth_s3_count_on_page(caphealth_s3_list_t *list);
static void caphealth_s3_count_next(caphealth_s3_count_t *count);
static void caphealth_s3_count_object(caphealth_s3_list_t *list,
    const char *key, const caphealth_s3_object_t *object);
static void caphealth_s3_count_prefix(caphealth_s3_count_t *count,
    const char *name);
static int caphealth_s3_count_file(caphealth_s3_count_t *count,
    const char *key, const caphealth_s3_object_t *object);
static void caphealth_s3_count_close(caphealth_s3_count_t *count);
static void caphealth_s3_count_remove(caphealth_s3_count_t *count);
static void caphealth_s3_count_on_removed(void *data,
    const caphealth_ship_result_t *result);
static void caphealth_s3_count_finish(caphealth_s3_count_t *count);
static void caphealth_s3_count_failed(caphealth_s3_count_t *count,
    caphealth_error_e code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int caphealth_s3_count_shard(const char *name);


caphealth_s3_count_t *
caphealth_s3_count(caphealth_s3_client_t *client,
    const caphealth_walk_settings_t *w, unsigned slice, double timeout,
    void (*page)(void *data),
    void (*done)(void *data, const caphealth_walk_t *walk), void *data)
{
    caphealth_s3_count_t  *count;

    count = calloc(1, sizeof(caphealth_s3_count_t));
    if (count == NULL) {
        return NULL;
    }

    count->client = client;
    count->settings = w;
    count->slice = slice;
    count->timeout = timeout;
    count->page = page;
    count->done = done;
    count->data = data;
    count->now.walk.counted = caphealth_walk_counted(w);

    count->list.client = client;
    count->list.prefix = count->prefix;
    count->list.delimiter = (slice == CAPHEALTH_TOP);
    count->list.begin = caphealth_s3_count_begin;
    count->list.object = caphealth_s3_count_object;
    count->list.done = caphealth_s3_count_on_page;
    count->list.data = count;

    if (slice != CAPHEALTH_TOP) {
        (void) snprintf(count->prefix, sizeof(count->prefix), "%02x/",
                        slice & 255);
    }

    caphealth_s3_count_page(count);

    return count;
}


void
caphealth_s3_count_give_up(caphealth_s3_count_t *count)
{
    count->given_up = 1;

    /* a removal is short, and is followed by no other */

    if (count->leftover == NULL) {
        caphealth_s3_cancel(&count->list.call, 0);
    }
}


static void
caphealth_s3_count_page(caphealth_s3_count_t *count)
{
    count->before = count->now;

    caphealth_s3_list_page(&count->list, caphealth_s3_now() + count->timeout);
}


static void
caphealth_s3_count_begin(caphealth_s3_list_t *list)
{
    caphealth_s3_count_t  *count = list->data;

    while (count->now.nprefixes > count->before.nprefixes) {
        free(count->prefixes[--count->now.nprefixes]);
    }

    count->now = count->before;
}


static void
caphealth_s3_count_on_page(caphealth_s3_list_t *list)
{
    caphealth_error_e           code;
    caphealth_s3_count_t       *count = list->data;
    const caphealth_s3_call_t  *call = &list->call;

    switch (call->status) {

    case CAPHEALTH_SHIP_OK:
        count->page(count->data);
        caphealth_s3_count_next(count);
        return;

    case CAPHEALTH_SHIP_AWAY:
        code = CAPHEALTH_ERROR_TIMEOUT;
        break;

    case CAPHEALTH_SHIP_DENIED:
    case CAPHEALTH_SHIP_NOT_FOUND:
        code = (call->http == 404) ? CAPHEALTH_ERROR_NOT_FOUND
                                   : CAPHEALTH_ERROR_PERMISSION;
        break;

    default:
        code = CAPHEALTH_ERROR_OTHER;
    }

    caphealth_s3_count_failed(count, code, "\"%s\" cannot be listed: %s",
                              count->settings->root, call->detail);
    caphealth_s3_count_finish(count);
}


static void
caphealth_s3_count_next(caphealth_s3_count_t *count)
{
    if (count->now.walk.error.code) {
        caphealth_s3_count_finish(count);
        return;
    }

    if (count->below && !count->list.page.truncated) {
        count->below = 0;
        count->list.page = count->next;
        count->list.delimiter = 1;
        count->prefix[0] = '\0';
    }

    if (count->now.nprefixes > 0 && !count->below) {
        count->now.nprefixes--;

        (void) snprintf(count->prefix, sizeof(count->prefix), "%s",
                        count->prefixes[count->now.nprefixes]);
        free(count->prefixes[count->now.nprefixes]);

        count->below = 1;
        count->next = count->list.page;
        count->list.page.truncated = 0;
        count->list.delimiter = 0;

        caphealth_s3_count_page(count);
        return;
    }

    if (count->list.page.truncated) {
        caphealth_s3_count_page(count);
        return;
    }

    caphealth_s3_count_close(count);
    caphealth_s3_count_remove(count);
}


static void
caphealth_s3_count_object(caphealth_s3_list_t *list, const char *key,
    const caphealth_s3_object_t *object)
{
    caphealth_s3_count_t  *count = list->data;

    if (object->prefix) {
        caphealth_s3_count_prefix(count, key);
        return;
    }

    if (count->slice != CAPHEALTH_TOP
        && caphealth_s3_count_file(count, key, object))
    {
        return;
    }

    count->now.walk.strays++;
    caphealth_tree_add(&count->now.walk.stray_bytes, object->size);
}


/* what is beside the slices is listed below it, too */

static void
caphealth_s3_count_prefix(caphealth_s3_count_t *count, const char *name)
{
    char  *copy;

    if (count->slice != CAPHEALTH_TOP || count->below
        || (caphealth_s3_count_shard(name) && name[3] == '\0')
        || strcmp(name, CAPHEALTH_OWNERS_DIR "/") == 0)
    {
        return;
    }

    copy = (count->now.nprefixes < CAPHEALTH_S3_PAGE) ? strdup(name) : NULL;

    if (copy == NULL) {
        caphealth_s3_count_failed(count, CAPHEALTH_ERROR_NO_MEMORY,
                                  "\"%s\": a page of its listing is too long",
                                  count->settings->root);
        return;
    }

    count->prefixes[count->now.nprefixes++] = copy;
}


/* "ab/cd/<id>_<variant>.webp"; 0: it is another name */

static int
caphealth_s3_count_file(caphealth_s3_count_t *count, const char *key,
    const caphealth_s3_object_t *object)
{
    int                      rc, record;
    char                     digits[4];
    size_t                   len;
    unsigned                 leaf;
    const char              *name;
    caphealth_walk_image_t   file;
    caphealth_s3_counted_t  *now;

    /* "folders", which are objects of no bytes */

    if (object->size == 0
        && (key[3] == '\0' || (caphealth_s3_count_shard(key + 3)
                               && key[6] == '\0')))
    {
        return 1;
    }

    if (!caphealth_s3_count_shard(key + 3)) {
        return 0;
    }

    name = key + CAPHEALTH_LEAF_LEN;
    len = strlen(name);

    memcpy(digits, key, 2);
    memcpy(digits + 2, key + 3, 2);

    now = &count->now;

    /* a record is not counted, but may be all that is left of an image */

    if (caphealth_record_name_valid(name, len)
        && memcmp(name, digits, sizeof(digits)) == 0)
    {
        record = 1;
        caphealth_walk_image_record(name, object->modified, &file);

    } else {
        if (!caphealth_walk_image_name(digits, name, len)) {
            return 0;
        }

        record = 0;
        leaf = caphealth_tree_leaf(name);

        now->walk.files++;
        caphealth_tree_add(&now->walk.bytes, object->size);
        now->walk.leaves[leaf]++;

        /* of what is not known how old it is, nothing is removed */

        caphealth_walk_image_file(count->settings, name, len,
                                  isnan(object->modified) ? INFINITY
                                                          : object->modified,
                                  &file);
    }

    rc = now->open ? memcmp(file.id, now->image.id, CAPHEALTH_ID_LEN) : 1;

    if (rc == 0) {
        caphealth_walk_image_join(&now->image, &file);
        now->files |= !record;
        return 1;
    }

    if (rc < 0) {
        caphealth_s3_count_failed(count, CAPHEALTH_ERROR_OTHER,
                                  "\"%s\": the store does not list keys in "
                                  "their order", count->settings->root);
    }

    caphealth_s3_count_close(count);

    now->image = file;
    now->open = 1;
    now->files = !record;

    return 1;
}


/* all keys of an image were seen */

static void
caphealth_s3_count_close(caphealth_s3_count_t *count)
{
    caphealth_s3_counted_t  *now;

    now = &count->now;

    if (!now->open) {
        return;
    }

    now->open = 0;

    if (now->image.mark) {
        caphealth_walk_image_count(count->settings, &now->image, &now->walk);
        return;
    }

    now->walk.incomplete += now->files;

    if (now->nleftovers < CAPHEALTH_S3_LEFTOVERS
        && caphealth_walk_image_leftover(count->settings, &now->image))
    {
        memcpy(count->leftovers[now->nleftovers], now->image.id,
               CAPHEALTH_ID_LEN);
        count->leftovers[now->nleftovers++][CAPHEALTH_ID_LEN] = '\0';
    }
}


/* the next leftover, or the end */

static void
caphealth_s3_count_remove(caphealth_s3_count_t *count)
{
    char         key[CAPHEALTH_SHIP_KEY];
    const char  *id;

    if (count->now.nleftovers == 0 || count->given_up) {
        caphealth_s3_count_finish(count);
        return;
    }

    id = count->leftovers[--count->now.nleftovers];

    (void) snprintf(key, sizeof(key), "%.2s/%.2s/%s_", id, id + 2, id);

    count->leftover = caphealth_s3_image_remove_leftover(count->client,
                                                count->settings, key,
                                                CAPHEALTH_S3_REMOVE,
                                                caphealth_s3_count_on_removed,
                                                count);

    if (count->leftover == NULL) {
        caphealth_s3_count_failed(count, CAPHEALTH_ERROR_NO_MEMORY,
                                  "no memory to remove a leftover of \"%s\"",
                                  count->settings->root);
        caphealth_s3_count_finish(count);
    }
}


static void
caphealth_s3_count_on_removed(void *data,
    const caphealth_ship_result_t *result)
{
    const char            *id;
    caphealth_walk_t      *walk;
    caphealth_s3_count_t  *count = data;

    count->leftover = NULL;

    walk = &count->now.walk;
    id = count->leftovers[count->now.nleftovers];

    /* what it has become since it was listed is counted the next time */

    if ((int64_t) result->files <= walk->leaves[caphealth_tree_leaf(id)]
        && (int64_t) result->bytes <= walk->bytes)
    {
        walk->files -= result->files;
        walk->bytes -= (int64_t) result->bytes;
        walk->leaves[caphealth_tree_leaf(id)] -= (int32_t) result->files;
    }

    walk->removed += result->files;
    caphealth_tree_add(&walk->removed_bytes, result->bytes);

    if (result->status == CAPHEALTH_SHIP_OK && !result->left) {
        walk->incomplete--;

    } else if (result->status != CAPHEALTH_SHIP_EXISTS
               && result->status != CAPHEALTH_SHIP_NOT_FOUND)
    {
        caphealth_s3_count_failed(count, CAPHEALTH_ERROR_OTHER,
                                  "\"%s/%.2s/%.2s/%s_\", a leftover, cannot "
                                  "be removed: %s", count->settings->root, id,
                                  id + 2, id, result->detail);
    }

    caphealth_s3_count_remove(count);
}


static void
caphealth_s3_count_finish(caphealth_s3_count_t *count)
{
    count->now.walk.cpu = count->list.cpu;
    count->done(count->data, &count->now.walk);

    while (count->now.nprefixes > 0) {
        free(count->prefixes[--count->now.nprefixes]);
    }

    caphealth_s3_list_free(&count->list);
    free(count);
}


/* of several failures the first is reported */

static void
caphealth_s3_count_failed(caphealth_s3_count_t *count, caphealth_error_e code,
    const char *fmt, ...)
{
    char     text[CAPHEALTH_ERROR_LEN];
    va_list  args;

    if (count->now.walk.error.code != 0) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    caphealth_error_set(&count->now.walk.error, code, "%s", text);
}


/* "ab/" and anything behind it */

static int
caphealth_s3_count_shard(const char *name)
{
    return strspn(name, "0123456789abcdef") == 2 && name[2] == '/';
}
