
/*
 * What may be asked of a shipper, and what it may answer.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_path.h"
#include "caphealth_ship.h"


#define STEM    "ab/cd/abcd0123456789abcdef0123456789ab_"
#define TOKEN   "00112233445566778899aabbccddeeff"
#define RECORD  STEM TOKEN ".answer"


static void
set_key(char key[CAPHEALTH_SHIP_KEY], const char *text)
{
    memset(key, 0, CAPHEALTH_SHIP_KEY);
    (void) snprintf(key, CAPHEALTH_SHIP_KEY, "%s", text);
}


static caphealth_ship_t
an_image(void)
{
    caphealth_ship_t  ship;

    memset(&ship, 0, sizeof(ship));

    ship.nfiles = 2;
    ship.timeout = 1000;
    ship.files[0].bytes = 300;
    ship.files[1].bytes = 20;
    ship.files[1].format = CAPHEALTH_OUTPUT_AVIF;

    set_key(ship.files[0].key, STEM "original.webp");
    set_key(ship.files[1].key, STEM "800.avif");

    return ship;
}


static void
ships(void **state)
{
    size_t            i;
    caphealth_ship_t  ship;

    static const struct {
        const char  *key;
        uint32_t     format;
    } wrong[] = {
        { "", 0 },
        { STEM, 0 },
        { STEM "800", 0 },
        { STEM "800.", 0 },
        { STEM "800.jpg", CAPHEALTH_OUTPUT_WEBP },
        { STEM "800.webp", CAPHEALTH_OUTPUTS },
        { STEM "800.webp.webp", 0 },
        { STEM "../800.webp", 0 },
        { STEM "original.webp", 0 },
        { "ab/ce/abcd0123456789abcdef0123456789ab_800.webp", 0 },
        { "ab/cd/abcd0123456789abcdef0123456789aB_800.webp", 0 },
        { "ab/cd/abcd0123456789abcdef0123456789ac_800.webp", 0 },
        { "ab/cd/abcd0123456789abcdef0123456789ab-800.webp", 0 },
        { "/ab/cd/abcd0123456789abcdef0123456789ab_800.webp", 0 }
    };

    (void) state;

    ship = an_image();
    assert_true(caphealth_ship_valid(&ship));

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ship = an_image();
        set_key(ship.files[1].key, wrong[i].key);
        ship.files[1].format = wrong[i].format;

        if (caphealth_ship_valid(&ship)) {
            print_error("\"%s\"\n", wrong[i].key);
        }

        assert_false(caphealth_ship_valid(&ship));
    }

    ship = an_image();
    memset(ship.files[1].key, 'a', CAPHEALTH_SHIP_KEY);
    assert_false(caphealth_ship_valid(&ship));

    ship = an_image();
    ship.nfiles = 0;
    assert_false(caphealth_ship_valid(&ship));
    ship.nfiles = CAPHEALTH_VARIANTS_MAX + 1;
    assert_false(caphealth_ship_valid(&ship));

    ship = an_image();
    memcpy(ship.owner, "vendor 7", sizeof("vendor 7"));
    assert_true(caphealth_ship_valid(&ship));
    memset(ship.owner, 'a', CAPHEALTH_SHIP_OWNER);
    assert_false(caphealth_ship_valid(&ship));

    ship = an_image();
    ship.timeout = 0;
    assert_false(caphealth_ship_valid(&ship));
    ship.timeout = CAPHEALTH_SHIP_TIMEOUT_MAX + 1;
    assert_false(caphealth_ship_valid(&ship));

    ship = an_image();
    ship.files[1].bytes = 0;
    assert_false(caphealth_ship_valid(&ship));
    ship.files[1].bytes = UINT64_MAX;
    assert_false(caphealth_ship_valid(&ship));

    ship = an_image();
    set_key(ship.record, RECORD);
    assert_false(caphealth_ship_valid(&ship));
    memcpy(ship.token, TOKEN, sizeof(TOKEN));
    assert_true(caphealth_ship_valid(&ship));
    memset(ship.token, 'a', sizeof(ship.token));
    assert_false(caphealth_ship_valid(&ship));
    memcpy(ship.token, TOKEN, sizeof(TOKEN));
    set_key(ship.record, "ab/cd/abcd0123456789abcdef0123456789ac_" TOKEN
            ".answer");
    assert_false(caphealth_ship_valid(&ship));
    set_key(ship.record, STEM "original.webp");
    assert_false(caphealth_ship_valid(&ship));
}


static void
claims(void **state)
{
    caphealth_ship_claim_t  good, claim;

    (void) state;

    memset(&good, 0, sizeof(good));
    set_key(good.record, RECORD);
    memcpy(good.token, TOKEN, sizeof(TOKEN));
    good.timeout = 1000;
    good.lease = 1000;

    assert_true(caphealth_ship_claim_valid(&good));

#define no_claim_with(member, value)                                          \
    claim = good;                                                             \
    claim.member = value;                                                     \
    assert_false(caphealth_ship_claim_valid(&claim))

    no_claim_with(bytes, 1);
    no_claim_with(action, CAPHEALTH_SHIP_TAKE);
    no_claim_with(action, CAPHEALTH_SHIP_CLAIMS);
    no_claim_with(timeout, 0);
    no_claim_with(timeout, 1001);
    no_claim_with(lease, 999);
    no_claim_with(token[0], 'x');
    no_claim_with(token[31], '\0');
    no_claim_with(record[1], 'c');
    no_claim_with(record[2], '-');
    no_claim_with(record[5], '-');
    no_claim_with(record[38], '-');

    good.action = CAPHEALTH_SHIP_TAKE;
    good.bytes = CAPHEALTH_RECORD_MAX;
    assert_true(caphealth_ship_claim_valid(&good));
    no_claim_with(bytes, CAPHEALTH_RECORD_MAX + 1);
    no_claim_with(bytes, 0);
    no_claim_with(action, CAPHEALTH_SHIP_RELEASE);
}


/* of each action, what may be answered */

static void
answers_to_claims(void **state)
{
    uint32_t                 status;
    caphealth_ship_claim_t   claim;
    caphealth_ship_result_t  r;

    static const char  may[CAPHEALTH_SHIP_CLAIMS][CAPHEALTH_SHIP_STATUSES + 1] =
    {
        "-yyyyyyyy",             /* in the order of the statuses */
        "yy-yyyyyy",
        "y--yyyyy-"
    };

    (void) state;

    memset(&claim, 0, sizeof(claim));

    for (claim.action = 0; claim.action < CAPHEALTH_SHIP_CLAIMS;
         claim.action++)
    {
        for (status = 0; status <= CAPHEALTH_SHIP_STATUSES; status++) {
            memset(&r, 0, sizeof(r));
            r.status = status;
            r.marked = (status == CAPHEALTH_SHIP_EXISTS);

            assert_int_equal(caphealth_ship_claim_answered(&claim, &r),
                             status < CAPHEALTH_SHIP_STATUSES
                             && may[claim.action][status] != '-');

            r.marked = !r.marked;
            assert_false(caphealth_ship_claim_answered(&claim, &r));

            r.marked = !r.marked;
            r.files = 1;
            assert_false(caphealth_ship_claim_answered(&claim, &r));
        }
    }
}


static void
unships(void **state)
{
    size_t              i;
    caphealth_unship_t  u;

    static const char *const  wrong[][2] = {
        { "", STEM "original." },
        { STEM "8", STEM "original." },
        { STEM, STEM },
        { STEM, STEM "." },
        { STEM, STEM "original" },
        { STEM, STEM "ori/ginal." },
        { STEM, "ab/cd/abcd0123456789abcdef0123456789ac_original." },
        { "ab/cd/", "ab/cd/original." }
    };

    (void) state;

    memset(&u, 0, sizeof(u));

    u.timeout = 1;
    set_key(u.prefix, STEM);
    set_key(u.mark, STEM "original.");

    u.lease = 1;

    assert_true(caphealth_unship_valid(&u));

    u.timeout = 0;
    assert_false(caphealth_unship_valid(&u));
    u.timeout = 2;
    assert_false(caphealth_unship_valid(&u));
    u.timeout = CAPHEALTH_SHIP_TIMEOUT_MAX;
    u.lease = CAPHEALTH_SHIP_LEASE(CAPHEALTH_SHIP_TIMEOUT_MAX);
    assert_true(caphealth_unship_valid(&u));

    set_key(u.record, RECORD);
    assert_false(caphealth_unship_valid(&u));
    memcpy(u.token, TOKEN, sizeof(TOKEN));
    assert_true(caphealth_unship_valid(&u));
    u.record[41]++;
    assert_true(caphealth_unship_valid(&u));
    u.record[37]++;
    assert_false(caphealth_unship_valid(&u));
    u.record[0] = '\0';

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        set_key(u.prefix, wrong[i][0]);
        set_key(u.mark, wrong[i][1]);
        assert_false(caphealth_unship_valid(&u));
    }

    set_key(u.prefix, STEM);
    set_key(u.mark, STEM "original.");
    memcpy(u.owner, "vendor 7", sizeof("vendor 7"));
    assert_true(caphealth_unship_valid(&u));
    u.owner[6] = '\n';
    assert_false(caphealth_unship_valid(&u));
    memset(u.owner, 'a', CAPHEALTH_SHIP_OWNER);
    assert_false(caphealth_unship_valid(&u));
    u.owner[CAPHEALTH_SHIP_OWNER - 1] = '\0';
    assert_false(caphealth_unship_valid(&u));
    u.owner[CAPHEALTH_OWNER_LEN] = '\0';
    assert_true(caphealth_unship_valid(&u));

    memset(u.mark, 'a', CAPHEALTH_SHIP_KEY);
    assert_false(caphealth_unship_valid(&u));
}


/* each member on its own makes an answer one that is not believed */

static void
answers(void **state)
{
    caphealth_ship_t         ship;
    caphealth_ship_result_t  good, r;

    (void) state;

    ship = an_image();

    memset(&good, 0, sizeof(good));
    good.files = 2;
    good.bytes = 320;
    good.http = 200;

    assert_true(caphealth_ship_answered(&ship, &good));

#define not_with(member, value)                                               \
    r = good;                                                                 \
    r.member = value;                                                         \
    assert_false(caphealth_ship_answered(&ship, &r))

    not_with(status, CAPHEALTH_SHIP_STATUSES);
    not_with(status, CAPHEALTH_SHIP_NOT_FOUND);
    not_with(status, CAPHEALTH_SHIP_AWAY);
    not_with(files, 1);
    not_with(files, 3);
    not_with(bytes, 321);
    not_with(marked, 1);
    not_with(left, 1);
    not_with(status, CAPHEALTH_SHIP_BUSY);
    not_with(http, 1000);
    not_with(detail[0], '\n');

    r = good;
    memset(r.detail, 'a', sizeof(r.detail));
    assert_false(caphealth_ship_answered(&ship, &r));

    memset(&r, 0, sizeof(r));
    r.status = CAPHEALTH_SHIP_EXISTS;
    r.left = 1;
    assert_true(caphealth_ship_answered(&ship, &r));
    r.left = 2;
    assert_false(caphealth_ship_answered(&ship, &r));
}


static void
answers_to_unship(void **state)
{
    caphealth_unship_t       u;
    caphealth_ship_result_t  r;

    (void) state;

    memset(&u, 0, sizeof(u));
    memset(&r, 0, sizeof(r));

    assert_false(caphealth_unship_answered(&u, &r));

    r.files = 3;
    r.bytes = 1000;
    assert_true(caphealth_unship_answered(&u, &r));

    r.marked = 1;
    assert_true(caphealth_unship_answered(&u, &r));

    r.files = CAPHEALTH_SHIP_FILES_MAX + 1;
    assert_false(caphealth_unship_answered(&u, &r));

    r.files = 0;
    assert_false(caphealth_unship_answered(&u, &r));

    r.files = 1;
    r.status = CAPHEALTH_SHIP_AWAY;
    assert_true(caphealth_unship_answered(&u, &r));

    r.status = CAPHEALTH_SHIP_EXISTS;
    assert_false(caphealth_unship_answered(&u, &r));

    r.status = CAPHEALTH_SHIP_NOT_FOUND;
    assert_false(caphealth_unship_answered(&u, &r));

    r.files = 0;
    r.bytes = 0;
    r.marked = 0;
    assert_true(caphealth_unship_answered(&u, &r));
}


static void
reasons(void **state)
{
    uint32_t  i;

    (void) state;

    for (i = 0; i < CAPHEALTH_SHIP_STATUSES; i++) {
        assert_non_null(caphealth_ship_reason(i));

        if (i > 0) {
            assert_string_not_equal(caphealth_ship_reason(i),
                                    caphealth_ship_reason(i - 1));
        }
    }

    assert_string_equal(caphealth_ship_reason(UINT32_MAX),
                        caphealth_ship_reason(CAPHEALTH_SHIP_FAILED));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(ships),
        cmocka_unit_test(claims),
        cmocka_unit_test(answers_to_claims),
        cmocka_unit_test(unships),
        cmocka_unit_test(answers),
        cmocka_unit_test(answers_to_unship),
        cmocka_unit_test(reasons)
    };

    return cmocka_run_group_tests_name("ship", tests, NULL, NULL);
}
