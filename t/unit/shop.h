
/*
 * A shop in an SQLite file, and the database source that looks at it.
 */

#ifndef SHOP_H
#define SHOP_H


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "caphealth_facts.h"
#include "facts_json.h"
#include "vendors.h"


#define shop_test(name)                                                      \
    cmocka_unit_test_setup_teardown(test_##name, setup, teardown)


#define TABLES                                                               \
    "CREATE TABLE vendors (id INTEGER PRIMARY KEY, name TEXT, is_active);"   \
    "CREATE TABLE products (id INTEGER PRIMARY KEY, vendor_id INTEGER);"     \
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, created_at DATETIME);"     \
    "CREATE TABLE inventory (id INTEGER PRIMARY KEY);"

#define ROWS                                                                 \
    "INSERT INTO vendors VALUES (1, 'Anna', 1), (2, NULL, 'true'),"          \
    " (3, 'None', 0), (4, 'Bert', 't'), (5, 'Cy', 'false');"                 \
    "INSERT INTO products (vendor_id) VALUES (1), (1), (1), (2), (99);"      \
    "INSERT INTO inventory VALUES (1), (2);"


typedef struct {
    char  dir[32];
    char  path[64];
    char  url[80];
} shop_t;


static inline int
setup(void **state)
{
    shop_t  *shop;

    shop = calloc(1, sizeof(shop_t));

    assert_non_null(shop);

    strcpy(shop->dir, "/tmp/caphealth-XXXXXX");

    assert_non_null(mkdtemp(shop->dir));

    (void) snprintf(shop->path, sizeof(shop->path), "%s/shop.db", shop->dir);
    (void) snprintf(shop->url, sizeof(shop->url), "sqlite:%s", shop->path);

    *state = shop;

    return 0;
}


static inline int
teardown(void **state)
{
    size_t   i;
    char     name[80];
    shop_t  *shop = *state;

    static const char *const  ends[] = { "", "-wal", "-shm", "-journal",
                                         ".new" };

    for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        (void) snprintf(name, sizeof(name), "%s%s", shop->path, ends[i]);
        (void) remove(name);
    }

    assert_int_equal(rmdir(shop->dir), 0);
    free(shop);

    return 0;
}


static inline void
run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sqlite3_errmsg(db), sql);
    }
}


static inline sqlite3 *
writer(const char *path)
{
    sqlite3  *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);

    return db;
}


static inline void
make(const char *path, const char *sql)
{
    sqlite3  *db;

    db = writer(path);
    run(db, sql);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}


static inline caphealth_db_t *
create(const shop_t *shop, const char *name, const char *sql, double timeout)
{
    json_t          *queries;
    caphealth_db_t  *db;

    queries = (name == NULL) ? NULL : json_pack("{s:s}", name, sql);
    db = caphealth_db_create(shop->url, queries, timeout);

    json_decref(queries);
    assert_non_null(db);

    return db;
}


/* a look; what comes is always what a worker takes */

static inline seen_t
look(caphealth_db_t *db)
{
    char                 *document;
    size_t                size;
    seen_t                seen;
    const char           *text;
    caphealth_vendors_t   v;
    caphealth_answer_t    a, read;

    text = see_database(db, &seen, &a);

    size = (text == NULL) ? 0 : caphealth_vendors_size(&a.facts.database);
    document = malloc(sizeof(a) + size);
    assert_non_null(document);

    memcpy(document, &a, sizeof(a));

    if (text != NULL) {
        memcpy(document + sizeof(a), text, size);

        assert_int_equal(vendors_take(&v, text, strlen(text)), 0);
        assert_int_equal(v.list_n, a.facts.database.list_vendors);
        caphealth_vendors_free(&v);
    }

    assert_null(caphealth_answer_read(&read, CAPHEALTH_SOURCE_DATABASE,
                                      document, sizeof(a) + size));
    free(document);

    return seen;
}


static inline void
assert_answer(seen_t a, const char *error, const char *member,
    json_int_t count)
{
    json_t  *value;

    if (strcmp(a.error.text, error) != 0) {
        fail_msg("\"%s\", expected \"%s\"", a.error.text, error);
    }

    value = json_object_get(a.data, member);

    if (count < 0) {
        assert_false(json_is_number(value));

    } else {
        assert_true(json_is_integer(value));
        assert_int_equal(json_integer_value(value), count);
    }

    json_decref(a.data);
}


static inline void
assert_refused(seen_t a, const char *part, caphealth_error_e code)
{
    assert_int_equal(a.error.code, code);

    if (a.data != NULL || strstr(a.error.text, part) == NULL) {
        fail_msg("\"%s\" %s data, expected \"%s\"", a.error.text,
                 a.data == NULL ? "without" : "with", part);
    }
}


#endif /* SHOP_H */
