
/*
 * What a query may bring, of SQLite.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "caphealth_utc_month.h"
#include "caphealth_query_names.h"
#include "shop.h"


/* each name replaces the query of its member, and of no other */

static void
test_names(void **state)
{
    size_t               i, j;
    shop_t              *shop = *state;
    const char          *sql;
    caphealth_db_t      *db;
    seen_t               a;

    static const char *const  names[] = { CAPHEALTH_QUERY_NAMES };
    static const char *const  members[] = {
        "size", "products_count", "orders_count", "vendors_count",
        "inventory_count", "orders_this_month", "active_vendors", "vendors"
    };

    assert_int_equal(sizeof(names), sizeof(members));

    make(shop->path, TABLES ROWS);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        sql = strcmp(members[i], "vendors") == 0 ? "SELECT 'x', 777"
                                                 : "SELECT 777";
        db = create(shop, names[i], sql, 5);
        a = look(db);

        for (j = 0; j < sizeof(names) / sizeof(names[0]); j++) {
            char  *text = json_dumps(json_object_get(a.data, members[j]),
                                     JSON_ENCODE_ANY|JSON_COMPACT);

            assert_non_null(text);
            assert_int_equal(strstr(text, "777") != NULL, i == j);
            free(text);
        }

        json_decref(a.data);
        caphealth_db_destroy(db);
    }

    db = create(shop, "no_such_query", "SELECT 777", 5);
    assert_answer(look(db), "", "orders_count", 0);
    caphealth_db_destroy(db);
}


static void
test_dates(void **state)
{
    char                   sql[512], type[16];
    size_t                 i, j, k;
    int64_t                at;
    shop_t                *shop = *state;
    caphealth_db_t        *db;
    caphealth_utc_month_t  m;

    static const char *const  types[] = { "TEXT", "DATETIME", "INTEGER" };

    /* how the shop writes the time of %lld seconds */

    static const char *const  forms[] = {
        "datetime(%lld, 'unixepoch')",
        "strftime('%%Y-%%m-%%dT%%H:%%M:%%S', %lld, 'unixepoch')",
        "strftime('%%Y-%%m-%%dT%%H:%%M:%%SZ', %lld, 'unixepoch')",
        "strftime('%%Y-%%m-%%dT%%H:%%M:%%S+02:00', %lld, 'unixepoch',"
            " '+2 hours')",
        "strftime('%%Y-%%m-%%d %%H:%%M:%%S-11:30', %lld, 'unixepoch',"
            " '-690 minutes')",
        "strftime('%%Y-%%m-%%d %%H:%%M:%%f', %lld, 'unixepoch')",
        "%lld",
        "%lld * 1000"
    };

    m = caphealth_utc_month((int64_t) time(NULL));

    const struct {
        int64_t  at;
        int      counted;
    } times[] = {
        { m.first - 1, 0 }, { m.first, 1 }, { m.next - 1, 1 }, { m.next, 0 }
    };

    make(shop->path, TABLES);
    db = create(shop, NULL, NULL, 5);

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        for (j = 0; j < sizeof(forms) / sizeof(forms[0]); j++) {
            for (k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
                char  value[200];

                at = times[k].at;

                (void) snprintf(type, sizeof(type), "%s", types[i]);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                (void) snprintf(value, sizeof(value), forms[j],
                                (long long) at);
#pragma GCC diagnostic pop

                (void) snprintf(sql, sizeof(sql), "DROP TABLE orders;"
                                "CREATE TABLE orders (created_at %s);"
                                "INSERT INTO orders VALUES (%s)", type,
                                value);
                make(shop->path, sql);

                assert_answer(look(db), "", "orders_this_month",
                              times[k].counted);
            }
        }
    }

    caphealth_db_destroy(db);
}


static void
test_shapes(void **state)
{
    size_t               i;
    shop_t              *shop = *state;
    caphealth_db_t      *db;
    seen_t               a;

    static const struct {
        const char         *sql;
        const char         *error;
        caphealth_error_e   code;
    } table[] = {
        { "SELECT 1, 2",
          "query \"orders_count\" returned 2 columns, expected 1",
          CAPHEALTH_ERROR_SCHEMA },
        { "SELECT 1 UNION ALL SELECT 2",
          "query \"orders_count\" returned more than one row, expected one",
          CAPHEALTH_ERROR_OTHER },
        { "SELECT 1 WHERE 0",
          "query \"orders_count\" returned no row, expected one",
          CAPHEALTH_ERROR_OTHER },
        { "SELECT 'many'",
          "query \"orders_count\" returned \"many\", expected a whole number "
          "that is not negative", CAPHEALTH_ERROR_OTHER },
        { "SELECT 1.5",
          "query \"orders_count\" returned \"1.5\", expected a whole number "
          "that is not negative", CAPHEALTH_ERROR_OTHER },
        { "SELECT NULL",
          "query \"orders_count\" returned NULL, expected a whole number",
          CAPHEALTH_ERROR_OTHER },
        { "SELECT -1",
          "query \"orders_count\" returned \"-1\", expected a whole number "
          "that is not negative", CAPHEALTH_ERROR_OTHER },
        { "SELECT ?1",
          "query \"orders_count\" has 1 parameters, expected none, or two: "
          "the first second of this month and of the next",
          CAPHEALTH_ERROR_OTHER },
        { "SELECT 1; SELECT 2",
          "query \"orders_count\" is not one statement that only reads",
          CAPHEALTH_ERROR_OTHER },
        { "-- nothing",
          "query \"orders_count\" is not one statement that only reads",
          CAPHEALTH_ERROR_OTHER },
        { "INSERT INTO inventory VALUES (7) RETURNING 1",
          "query \"orders_count\" is not one statement that only reads",
          CAPHEALTH_ERROR_OTHER },
        { "ATTACH ':memory:' AS m", "orders_count: not authorized",
          CAPHEALTH_ERROR_OTHER },
        { "SELECT no_such FROM orders",
          "orders_count: no such column: no_such", CAPHEALTH_ERROR_SCHEMA }
    };

    make(shop->path, TABLES ROWS);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        db = create(shop, "orders_count", table[i].sql, 5);

        a = look(db);
        assert_int_equal(a.error.code, table[i].code);
        assert_answer(a, table[i].error, "orders_count", -1);
        assert_answer(look(db), table[i].error, "inventory_count", 2);
        caphealth_db_destroy(db);
    }

    db = create(shop, "orders_count", "SELECT ?2 > ?1", 5);
    assert_answer(look(db), "", "orders_count", 1);
    caphealth_db_destroy(db);
}


/* a name, or an error, that is no UTF-8 or is cut in mid-character */

static void
test_text(void **state)
{
    char                 sql[256];
    size_t               pad;
    shop_t              *shop = *state;
    json_t              *name;
    caphealth_db_t      *db;
    seen_t               a;

    make(shop->path, TABLES
         "INSERT INTO vendors VALUES (1, CAST(x'41c3a4ff00' AS TEXT), 1);"
         "INSERT INTO products VALUES (1, 1);");

    db = create(shop, NULL, NULL, 5);
    a = look(db);

    name = json_array_get(json_array_get(json_object_get(a.data, "vendors"),
                                         0), 0);

    assert_string_equal(json_string_value(name),
                        "A\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd");

    json_decref(a.data);
    caphealth_db_destroy(db);

    for (pad = 0; pad < 4; pad++) {
        (void) snprintf(sql, sizeof(sql), "SELECT substr('xxxx', 1, %zu)"
                        " || replace(hex(zeroblob(60)), '0', '\xe2\x82\xac')",
                        pad);

        db = create(shop, "orders_count", sql, 5);
        a = look(db);

        assert_non_null(strstr(a.error.text, "query \"orders_count\" returned"));

        json_decref(a.data);
        caphealth_db_destroy(db);
    }
}


/* who can write the file does not choose what is done with it */

static void
test_schema(void **state)
{
    shop_t          *shop = *state;
    caphealth_db_t  *db;

    static const char  error[] =
        "orders_count: string or blob too big; "
        "inventory_count: unsafe use of virtual table "
        "\"pragma_database_list\"; "
        "orders_this_month: string or blob too big";

    make(shop->path, TABLES ROWS
         "DROP TABLE inventory;"
         "CREATE VIEW inventory AS SELECT * FROM pragma_database_list;"
         "DROP TABLE orders;"
         "CREATE VIEW orders AS SELECT hex(zeroblob(10000000)) AS created_at;");

    db = create(shop, NULL, NULL, 5);
    assert_answer(look(db), error, "inventory_count", -1);
    assert_answer(look(db), error, "products_count", 5);
    caphealth_db_destroy(db);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        shop_test(names),
        shop_test(dates),
        shop_test(shapes),
        shop_test(text),
        shop_test(schema)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
