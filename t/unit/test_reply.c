
/*
 * Reply: what a collector may answer, and what it may not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_reply.h"


#define AT    "{\"collected_at\":1,\"duration\":0.25,"
#define DISK  "\"data\":{\"path\":\"/\",\"total\":5}"


static int
parse(caphealth_reply_t *reply, caphealth_reply_e of, const char *text,
    char err[128])
{
    memset(err, 0, 128);

    return caphealth_reply_parse(reply, of, text, strlen(text), err, 128);
}


static void
test_accepted(void **state)
{
    char               err[128];
    caphealth_reply_t  r;

    (void) state;

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_DISK,
                           "{\"collected_at\":12.5,\"duration\":0.25,"
                           "\"error\":null," DISK "}",
                           err), 0);
    assert_true(r.collected_at == 12.5);
    assert_true(r.duration == 0.25);
    assert_string_equal(r.data, "{\"path\":\"/\",\"total\":5}");
    assert_null(r.error);
    assert_false(r.partial);
    caphealth_reply_free(&r);

    /* vendors follow the data, and go with it */

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_DATABASE,
                           AT "\"error\":null,\"data\":{\"size\":5}}\n"
                           "{\"a\":2,\"b\":1}", err), 0);
    assert_string_equal(r.data, "{\"size\":5}\n{\"a\":2,\"b\":1}");
    caphealth_reply_free(&r);

    /* data of which a part is missing */

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_DATABASE,
                           AT "\"error\":\"no orders\","
                           "\"data\":{\"size\":5}}", err), 0);
    assert_string_equal(r.error, "no orders");
    assert_non_null(r.data);
    caphealth_reply_free(&r);

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_DATABASE,
                           AT "\"error\":\"down\","
                           "\"data\":null}", err), 0);
    assert_string_equal(r.error, "down");
    assert_null(r.data);
    caphealth_reply_free(&r);
}


/* the first look has no use of the CPU yet */

static void
test_partial(void **state)
{
    char               err[128];
    caphealth_reply_t  r;

    (void) state;

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_SYSTEM,
                           AT "\"error\":null,"
                           "\"data\":{\"cpu_percent\":null}}", err), 0);
    assert_true(r.partial);
    caphealth_reply_free(&r);

    assert_int_equal(parse(&r, CAPHEALTH_REPLY_SYSTEM,
                           AT "\"error\":null,"
                           "\"data\":{\"cpu_percent\":0}}", err), 0);
    assert_false(r.partial);
    caphealth_reply_free(&r);
}


static void
test_refused(void **state)
{
    char               err[128];
    size_t             i;
    caphealth_reply_t  r;

    static const char *const  bad[][2] = {
        { "", "unexpected members" },
        { "[]", "unexpected members" },
        { "{}", "unexpected members" },
        { "{\"collected_at\":1,\"error\":null," DISK "}",
          "unexpected members" },
        { "{\"collected_at\":1,\"duration\":-1,\"error\":null," DISK "}",
          "unexpected members" },
        { AT "\"error\":null,\"data\":null}",
          "unexpected members" },
        { "{\"collected_at\":\"1\",\"duration\":0.25,\"error\":null," DISK "}",
          "unexpected members" },
        { AT "\"error\":5," DISK "}",
          "unexpected members" },
        { AT "" DISK "}", "unexpected members" },
        { AT "\"error\":null,\"data\":[]}",
          "unexpected members" },
        { AT "\"error\":\"a\","
          "\"data\":{\"total\":-1}}", "\"total\" is negative" },
        { AT "\"error\":null,"
          "\"data\":{\"read_only\":1}}",
          "\"read_only\" is neither true nor false" },
        { AT "\"error\":null," DISK "}\n{}",
          "invalid JSON at byte 24: end of file expected near '{'" }
    };

    (void) state;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(&r, CAPHEALTH_REPLY_DISK, bad[i][0], err), -1);
        assert_string_equal(err, bad[i][1]);
        assert_null(r.data);
        assert_null(r.error);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_refused)
    };

    return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
