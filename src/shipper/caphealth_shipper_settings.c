
/*
 * The settings of a shipper.
 */

#include <stdio.h>
#include <string.h>

#include "caphealth_shipper_settings.h"


static const char *caphealth_shipper_store(caphealth_s3_store_t *store,
    const json_t *settings);
static caphealth_walk_settings_t *caphealth_shipper_walk(
    const caphealth_s3_store_t *store, const json_t *settings);
static const char *caphealth_shipper_text(const json_t *settings,
    const char *name);


const char *
caphealth_shipper_settings(caphealth_shipper_settings_t *s,
    const json_t *settings)
{
    json_t       *value;
    const char   *wrong, *ca;
    json_int_t    connections;

    memset(s, 0, sizeof(caphealth_shipper_settings_t));

    wrong = caphealth_shipper_store(&s->store, settings);
    if (wrong) {
        return wrong;
    }

    value = json_object_get(settings, "connections");
    connections = value ? json_integer_value(value)
                        : CAPHEALTH_SHIPPER_CONNECTIONS;

    if (connections < 1 || connections > CAPHEALTH_SHIPPER_MOST) {
        return "\"connections\" is not 1 to 256";
    }

    s->connections = (unsigned) connections;

    value = json_object_get(settings, "timeout");
    s->timeout = value ? json_number_value(value) : CAPHEALTH_SHIPPER_TIMEOUT;

    if (!(s->timeout > 0 && s->timeout <= CAPHEALTH_SHIPPER_TIMEOUT_MAX)) {
        return "\"timeout\" is not above 0 and at most 3600";
    }

    ca = caphealth_shipper_text(settings, "certificates");

    if (ca && *ca) {
        s->ca = strdup(ca);

        if (s->ca == NULL) {
            return "there is no memory";
        }

        if (caphealth_s3_store_certificates(s->ca, strlen(s->ca))) {
            free(s->ca);
            s->ca = NULL;
            return "\"certificates\" are none";
        }
    }

    s->walk = caphealth_shipper_walk(&s->store, settings);

    if (s->walk) {
        return NULL;
    }

    free(s->ca);
    s->ca = NULL;

    return "\"marks\", \"variants\" or \"counted\" are not lists of names";
}


static caphealth_walk_settings_t *
caphealth_shipper_walk(const caphealth_s3_store_t *store,
    const json_t *settings)
{
    json_t                     *tree;
    caphealth_walk_settings_t  *walk;

    tree = json_copy((json_t *) settings);

    if (tree == NULL
        || json_object_set_new(tree, "path",
                               json_sprintf("s3://%s%s%s", store->bucket,
                                            store->prefix[0] ? "/" : "",
                                            store->prefix))
           == -1)
    {
        json_decref(tree);
        return NULL;
    }

    (void) json_object_del(tree, "images");

    walk = caphealth_walk_settings(tree);
    json_decref(tree);

    return walk;
}


static const char *
caphealth_shipper_store(caphealth_s3_store_t *store, const json_t *settings)
{
    int          n;
    char         url[sizeof("s3:///") + CAPHEALTH_S3_BUCKET
                     + CAPHEALTH_S3_PREFIX];
    const char  *bucket, *prefix, *endpoint, *region, *style, *wrong;

    bucket = caphealth_shipper_text(settings, "bucket");
    prefix = caphealth_shipper_text(settings, "prefix");
    endpoint = caphealth_shipper_text(settings, "endpoint");
    region = caphealth_shipper_text(settings, "region");
    style = caphealth_shipper_text(settings, "style");

    if (bucket == NULL || strchr(bucket, '/')) {
        return "\"bucket\" is not the name of a bucket";
    }

    if (endpoint == NULL || region == NULL) {
        return endpoint ? "there is no \"region\""
                        : "there is no \"endpoint\"";
    }

    n = snprintf(url, sizeof(url), "s3://%s/%s", bucket, prefix ? prefix : "");

    if ((size_t) n >= sizeof(url)) {
        return "\"bucket\" and \"prefix\" are too long";
    }

    wrong = caphealth_s3_store_url(store, url);

    if (wrong == NULL) {
        wrong = caphealth_s3_store_endpoint(store, endpoint);
    }

    if (wrong == NULL) {
        wrong = caphealth_s3_store_region(store, region);
    }

    if (wrong == NULL && style && strcmp(style, "virtual") == 0) {
        wrong = caphealth_s3_store_virtual(store);

    } else if (wrong == NULL && style && strcmp(style, "path") != 0) {
        wrong = "\"style\" is neither \"path\" nor \"virtual\"";
    }

    if (wrong) {
        return wrong;
    }

    return caphealth_s3_store_environment(store,
                           caphealth_shipper_text(settings, "key_id"),
                           caphealth_shipper_text(settings, "secret"),
                           caphealth_shipper_text(settings, "session"));
}


static const char *
caphealth_shipper_text(const json_t *settings, const char *name)
{
    return json_string_value(json_object_get(settings, name));
}
