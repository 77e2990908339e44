
/*
 * The database source, against SQLite files made here.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shop.h"


static void
test_whole(void **state)
{
    char                *text;
    shop_t              *shop = *state;
    struct stat          st;
    caphealth_db_t      *db;
    seen_t               a;

    make(shop->path, TABLES ROWS);
    assert_int_equal(stat(shop->path, &st), 0);

    db = create(shop, NULL, NULL, 5);
    a = look(db);

    assert_string_equal(a.error.text, "");
    assert_string_equal(json_string_value(json_object_get(a.data, "engine")),
                        "sqlite");
    assert_string_equal(json_string_value(json_object_get(a.data, "version")),
                        sqlite3_libversion());

    text = json_dumps(json_object_get(a.data, "vendors"), JSON_COMPACT);
    assert_string_equal(text, "[[\"Anna\",3,1],[null,1,2]]");
    free(text);

    json_incref(a.data);
    assert_answer(a, "", "size", st.st_size);
    json_incref(a.data);
    assert_answer(a, "", "active_vendors", 3);
    json_incref(a.data);
    assert_answer(a, "", "products_count", 5);
    json_incref(a.data);
    assert_answer(a, "", "vendors_count", 5);
    json_incref(a.data);
    assert_answer(a, "", "inventory_count", 2);
    assert_answer(a, "", "orders_count", 0);

    caphealth_db_destroy(db);
}


static void
test_tables(void **state)
{
    shop_t              *shop = *state;
    caphealth_db_t      *db;
    seen_t               a;

    make(shop->path, TABLES ROWS "DROP TABLE inventory");

    db = create(shop, NULL, NULL, 5);

    a = look(db);
    assert_int_equal(a.error.code, CAPHEALTH_ERROR_SCHEMA);
    assert_answer(a, "inventory_count: no such table: inventory",
                  "inventory_count", -1);
    assert_answer(look(db), "inventory_count: no such table: inventory",
                  "products_count", 5);

    make(shop->path, "CREATE TABLE inventory (id)");
    assert_answer(look(db), "", "inventory_count", 0);

    caphealth_db_destroy(db);
}


/* no file, files that are none, and a file that comes, goes, is another */

static void
test_files(void **state)
{
    FILE            *f;
    char             other[80];
    shop_t          *shop = *state;
    caphealth_db_t  *db;

    db = create(shop, NULL, NULL, 5);

    assert_refused(look(db), "No such file or directory",
                   CAPHEALTH_ERROR_NOT_FOUND);
    assert_int_equal(access(shop->path, F_OK), -1);

    assert_int_equal(mkdir(shop->path, 0700), 0);
    assert_refused(look(db), "not a file", CAPHEALTH_ERROR_OTHER);
    assert_int_equal(rmdir(shop->path), 0);

    assert_int_equal(mkfifo(shop->path, 0600), 0);
    assert_refused(look(db), "not a file", CAPHEALTH_ERROR_OTHER);
    assert_int_equal(remove(shop->path), 0);

    f = fopen(shop->path, "w");
    assert_non_null(f);
    assert_true(fputs("this is a text, and a rather long one", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_refused(look(db), "file is not a database",
                   CAPHEALTH_ERROR_CORRUPT);
    assert_int_equal(remove(shop->path), 0);

    make(shop->path, TABLES ROWS);
    assert_answer(look(db), "", "products_count", 5);

    (void) snprintf(other, sizeof(other), "%s.new", shop->path);
    make(other, TABLES ROWS "DELETE FROM products WHERE id > 2");
    assert_int_equal(rename(other, shop->path), 0);
    assert_answer(look(db), "", "products_count", 2);

    assert_int_equal(remove(shop->path), 0);
    assert_refused(look(db), "No such file or directory",
                   CAPHEALTH_ERROR_NOT_FOUND);

    caphealth_db_destroy(db);
}


/*
 * The writer is another process: one that closes a file loses its own locks
 * on it.
 */

static void
test_locked(void **state)
{
    int              held[2], go[2], status;
    char             c;
    pid_t            pid;
    shop_t          *shop = *state;
    sqlite3         *w;
    caphealth_db_t  *db;

    make(shop->path, TABLES ROWS);

    db = create(shop, NULL, NULL, 0.3);
    assert_answer(look(db), "", "products_count", 5);

    assert_int_equal(pipe(held), 0);
    assert_int_equal(pipe(go), 0);

    pid = fork();
    assert_int_not_equal(pid, -1);

    if (pid == 0) {
        w = writer(shop->path);
        run(w, "BEGIN EXCLUSIVE; INSERT INTO products (vendor_id) VALUES (1)");

        if (write(held[1], "", 1) != 1 || read(go[0], &c, 1) != 1) {
            _exit(1);
        }

        run(w, "COMMIT");
        _exit(sqlite3_close(w) != SQLITE_OK);
    }

    assert_int_equal(read(held[0], &c, 1), 1);
    assert_refused(look(db), "locked", CAPHEALTH_ERROR_LOCKED);

    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    assert_answer(look(db), "", "products_count", 6);

    (void) close(held[0]);
    (void) close(held[1]);
    (void) close(go[0]);
    (void) close(go[1]);

    caphealth_db_destroy(db);
}


/* two that would never end cost their own numbers, and no others */

static void
test_slow(void **state)
{
    json_t              *queries;
    shop_t              *shop = *state;
    caphealth_db_t      *db;
    seen_t               a;

    static const char  endless[] =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
        " SELECT count(*) FROM n";

    make(shop->path, TABLES ROWS);

    queries = json_pack("{s:s, s:s}", "products_count", endless,
                        "vendors_count", endless);
    db = caphealth_db_create(shop->url, queries, 2);

    json_decref(queries);
    assert_non_null(db);

    a = look(db);
    json_incref(a.data);
    assert_int_equal(a.error.code, CAPHEALTH_ERROR_TIMEOUT);
    assert_answer(a, "query \"products_count\": no answer within the timeout"
                  "; query \"vendors_count\": no answer within the timeout",
                  "vendors_count", -1);
    assert_int_equal(json_integer_value(json_object_get(a.data,
                                                        "inventory_count")),
                     2);
    json_decref(a.data);
    caphealth_db_destroy(db);
}


/* a transaction that stayed open would keep the log from being reset */

static void
test_wal(void **state)
{
    int              log, done;
    shop_t          *shop = *state;
    sqlite3         *w;
    caphealth_db_t  *db;

    make(shop->path, "PRAGMA journal_mode = WAL;" TABLES ROWS);

    w = writer(shop->path);
    db = create(shop, NULL, NULL, 5);

    assert_answer(look(db), "", "products_count", 5);

    run(w, "INSERT INTO products (vendor_id) VALUES (1)");
    assert_answer(look(db), "", "products_count", 6);

    assert_int_equal(sqlite3_wal_checkpoint_v2(w, NULL,
                                               SQLITE_CHECKPOINT_TRUNCATE,
                                               &log, &done), SQLITE_OK);
    assert_int_equal(log, 0);

    run(w, "BEGIN IMMEDIATE; INSERT INTO products (vendor_id) VALUES (1)");
    assert_answer(look(db), "", "products_count", 6);
    run(w, "COMMIT");
    assert_answer(look(db), "", "products_count", 7);

    caphealth_db_destroy(db);
    assert_int_equal(sqlite3_close(w), SQLITE_OK);
}


/* nothing is asked of a shop at rest, unless by a query of the operator's */

static void
test_rest(void **state)
{
    shop_t              *shop = *state;
    seen_t               a, b;
    const char          *vendors, *again;
    caphealth_db_t      *db;
    caphealth_answer_t   answer;

    make(shop->path, TABLES ROWS);

    db = create(shop, NULL, NULL, 5);
    vendors = see_database(db, &a, &answer);
    assert_non_null(vendors);

    again = see_database(db, &b, &answer);

    /* the text is the same as before, because nothing was queried */

    assert_ptr_equal(vendors, again);
    assert_true(json_equal(a.data, b.data));

    make(shop->path, "INSERT INTO inventory VALUES (9)");
    json_decref(b.data);
    b = look(db);

    assert_false(json_equal(a.data, b.data));
    assert_answer(b, "", "inventory_count", 3);

    json_decref(a.data);
    caphealth_db_destroy(db);

    db = create(shop, "orders_count", "SELECT abs(random() / 2)", 5);
    a = look(db);
    b = look(db);

    assert_true(json_integer_value(json_object_get(a.data, "orders_count"))
                != json_integer_value(json_object_get(b.data,
                                                      "orders_count")));
    json_decref(a.data);
    json_decref(b.data);
    caphealth_db_destroy(db);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        shop_test(whole),
        shop_test(tables),
        shop_test(files),
        shop_test(locked),
        shop_test(slow),
        shop_test(wal),
        shop_test(rest)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
