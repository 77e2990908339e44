
/*
 * The counts that the nodes of a fleet share: what a node reports, and what it
 * makes of the answers, by a plain model of the database.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_fleet_counts.h"
#include "caphealth_path.h"


#define NODES   3

/* of a server's clock to CLOCK_BOOTTIME, seconds */
#define OFFSET  1000.0


typedef struct {
    caphealth_tree_t          tree;
    caphealth_fleet_counts_t  fleet;
} node_t;


typedef struct {
    int64_t   files;
    int64_t   bytes;
    int64_t   complete;
    uint64_t  version;
} row_t;


static node_t               nodes[NODES];
static row_t                rows[CAPHEALTH_SLICES];
static uint64_t             version;
static uint64_t             stored[NODES];
static double               now;
static caphealth_counted_t  answer;
static const uint8_t        idle[CAPHEALTH_SLICES];


static int
setup(void **state)
{
    (void) state;

    memset(nodes, 0, sizeof(nodes));
    memset(rows, 0, sizeof(rows));
    memset(stored, 0, sizeof(stored));
    version = 1;
    now = 100;

    return 0;
}


static void
id_of(char id[CAPHEALTH_ID_LEN + 1], unsigned slice, unsigned leaf)
{
    (void) snprintf(id, CAPHEALTH_ID_LEN + 1, "%02x%02x%028x", slice, leaf, 7);
}


static void
upload(unsigned n, unsigned slice, int64_t files)
{
    char  id[CAPHEALTH_ID_LEN + 1];

    id_of(id, slice, 5);

    caphealth_tree_move(&nodes[n].tree, id, files, files * 10, files / 3);
    caphealth_fleet_counts_move(&nodes[n].fleet, id, files, files * 10,
                                files / 3, now);
}


static int64_t
number(const json_t *array, size_t i)
{
    return json_integer_value(json_array_get(array, i));
}


/* what the database does with a request, and answers */

static void
serve(unsigned n, const json_t *request)
{
    size_t         i;
    row_t         *r;
    int64_t        sequence, known;
    const json_t  *slices, *d;

    sequence = json_integer_value(json_object_get(request, "sequence"));
    known = json_integer_value(json_object_get(request, "version"));
    slices = json_object_get(request, "slices");

    for (i = 0; sequence > (int64_t) stored[n] && i < json_array_size(slices);
         i++)
    {
        d = json_array_get(slices, i);
        r = &rows[number(d, 0)];
        r->files += number(d, 1);
        r->bytes += number(d, 2);
        r->complete += number(d, 3);
        r->version = ++version;
    }

    stored[n] = sequence > (int64_t) stored[n] ? (uint64_t) sequence
                                               : stored[n];

    memset(&answer, 0, sizeof(answer));
    answer.trusted = 1;
    answer.sequence = stored[n];
    answer.version = version;
    answer.clock = now + OFFSET;
    answer.pass = 1;
    answer.pass_age = NAN;
    answer.scan_age = 5;

    for (i = 0; i < CAPHEALTH_SLICES; i++) {
        if (rows[i].version > (uint64_t) known || known == 0) {
            answer.slices[answer.nslices++] = (caphealth_counted_slice_t) {
                .slice = (int32_t) i, .files = rows[i].files,
                .bytes = rows[i].bytes, .complete = rows[i].complete,
                .leaf = 5, .leaf_files = rows[i].files
            };
        }
    }
}


static json_t *
freeze(unsigned n)
{
    json_t  *request;

    caphealth_fleet_counts_freeze(&nodes[n].fleet, idle, now, 1700000000000);
    request = caphealth_fleet_counts_request(&nodes[n].fleet, "s3://a", 0,
                                             NULL, 0);
    assert_non_null(request);

    return request;
}


static int
take(unsigned n)
{
    assert_true(caphealth_counted_valid(&answer));

    return caphealth_fleet_counts_take(&nodes[n].fleet, &nodes[n].tree,
                                       &answer, now - 0.1, now, 5000);
}


static int64_t
files_of(unsigned n)
{
    caphealth_total_t  total;

    caphealth_tree_total(&nodes[n].tree, &total);
    assert_int_equal(total.bytes, total.files * 10);

    return total.files;
}


/*
 * Uploads between and during refreshes, answers that are lost after and requests
 * before they are stored: in the end each node has the sum of all.
 */

static void
test_sum(void **state)
{
    int64_t            all;
    json_t            *request;
    unsigned           i, n, fate;
    caphealth_total_t  total;

    (void) state;

    all = 0;
    srandom(1);

    for (i = 0; i < 20000; i++) {
        now += 0.01;
        n = (unsigned) random() % NODES;

        if (random() % 3) {
            upload(n, (unsigned) random() % 7, 3);
            all += 3;
            continue;
        }

        request = freeze(n);

        if (random() % 2) {
            upload(n, (unsigned) random() % 7, 3);
            all += 3;
        }

        fate = (unsigned) random() % 3;

        if (fate > 0) {
            serve(n, request);
            now += 0.01;
        }

        if (fate > 1) {
            (void) take(n);
        }

        json_decref(request);
    }

    for (i = 0; i < 2 * NODES * 2; i++) {
        now += 0.01;
        request = freeze(i % NODES);
        serve(i % NODES, request);
        (void) take(i % NODES);
        json_decref(request);
    }

    for (n = 0; n < NODES; n++) {
        assert_int_equal(files_of(n), all);
        assert_int_equal(nodes[n].tree.scan.source, CAPHEALTH_TREE_LIVE);
        assert_true(caphealth_tree_valid(&nodes[n].tree));

        caphealth_tree_total(&nodes[n].tree, &total);
        assert_memory_equal(total.fullest + 2, "/05", 4);
    }
}


static void
test_times(void **state)
{
    double                            first, last;
    json_t                           *request, *d;
    uint8_t                           changing[CAPHEALTH_SLICES];
    caphealth_fleet_counts_t         *f = &nodes[0].fleet;
    static caphealth_fleet_listing_t  listing;

    (void) state;

    /* nothing is known of the server's clock: the change waits for it */

    upload(0, 4, 3);
    request = freeze(0);
    assert_int_equal(json_array_size(json_object_get(request, "slices")), 0);
    assert_null(json_object_get(request, "complete_to"));
    serve(0, request);
    json_decref(request);
    assert_int_equal(take(0), 0);

    now++;
    request = freeze(0);
    d = json_array_get(json_object_get(request, "slices"), 0);
    assert_int_equal(number(d, 0), 4);
    assert_float_equal(json_real_value(json_array_get(d, 6)), now - 1 + OFFSET,
                       0.001);
    serve(0, request);
    json_decref(request);
    assert_int_equal(take(0), 0);

    /* 0.1 s passed until the answer, so it is between OFFSET and 0.1 more */

    now += 10;
    caphealth_fleet_counts_touch(f, 9, now);
    now += 2;
    memset(changing, 0, sizeof(changing));
    changing[9] = 1;
    caphealth_fleet_counts_freeze(f, changing, now, 1);

    listing.slice = 8;
    listing.from = now - 1;
    listing.until = now;
    listing.walk.files = listing.walk.leaves[77] = 6;

    request = caphealth_fleet_counts_request(f, "s3://a", 7, &listing, 1);
    assert_string_equal(json_string_value(json_object_get(request,
                                                          "counted")),
                        "0000000000000007");

    d = json_object_get(request, "slices");
    assert_int_equal(json_array_size(d), 1);
    d = json_array_get(d, 0);
    first = json_real_value(json_array_get(d, 6));
    last = json_real_value(json_array_get(d, 7));
    assert_float_equal(first, now - 2 + OFFSET, 0.001);
    assert_float_equal(last, now + OFFSET + 0.1, 0.001);
    assert_float_equal(json_real_value(json_object_get(request,
                                                       "complete_to")),
                       now + OFFSET, 0.001);

    d = json_array_get(json_object_get(request, "listings"), 0);
    assert_int_equal(number(d, 0), 8);
    assert_float_equal(json_real_value(json_array_get(d, 1)),
                       now - 1 + OFFSET, 0.001);
    assert_float_equal(json_real_value(json_array_get(d, 2)),
                       now + OFFSET + 0.1, 0.001);
    assert_int_equal(number(d, 3), 6);
    assert_int_equal(number(d, 9), 77);
    assert_int_equal(number(d, 10), 6);
    json_decref(request);

    /* what is under way is in the next report, too, though it does not end */

    assert_true(f->pending[9].first == now && f->pending[8].first == 0);

    /* the same is sent again */

    now++;
    upload(0, 9, 3);
    caphealth_fleet_counts_freeze(f, idle, now, 1);
    assert_true(f->complete_to == now - 1 && f->sent[9].files == 0);
}


static void
test_answers(void **state)
{
    json_t                    *request;
    caphealth_scan_t          *scan = &nodes[0].tree.scan;
    caphealth_fleet_counts_t  *f = &nodes[0].fleet;

    (void) state;

    /* the fleet knows nothing yet, and a pass is under way */

    upload(0, 1, 3);
    scan->source = CAPHEALTH_TREE_SAVED;
    request = freeze(0);
    serve(0, request);
    json_decref(request);
    answer.version = answer.nslices = answer.trusted = 0;
    answer.pass_age = 3;
    answer.scan_age = NAN;
    answer.lister = answer.todo[2] = 1;
    assert_int_equal(take(0), 0);
    assert_int_equal(files_of(0), 3);
    assert_int_equal(scan->source, CAPHEALTH_TREE_SAVED);
    assert_true(scan->scanning_since == 4997);
    assert_true(f->lister && f->todo[2] && !f->todo[3]);
    assert_true(nodes[0].tree.slices[3].walked);
    assert_false(nodes[0].tree.slices[2].walked);

    /* it has ended */

    now++;
    request = freeze(0);
    serve(0, request);
    answer.drift_files = 4;
    answer.scan_age = 0.5;
    assert_int_equal(take(0), 1);
    assert_int_equal(scan->source, CAPHEALTH_TREE_LIVE);
    assert_int_equal(scan->drift_files, 4);
    assert_true(scan->scanned_at == 4999.5 && scan->scanning_since == 0);

    /* the time of its end stays the same, whatever the age in the answer */

    now++;
    serve(0, request);
    answer.scan_age = 9;
    assert_int_equal(take(0), 0);
    assert_true(scan->scanned_at == 4999.5);

    /* one that comes late does not count */

    now--;
    serve(0, request);
    rows[1].files = 77;
    assert_int_equal(take(0), 0);
    assert_int_equal(files_of(0), 3);

    /* a server that has lost the last rows: all are taken again */

    now += 2;
    rows[1] = (row_t) { 0, 0, 0, 0 };
    version = 1;
    stored[0] = 5;
    serve(0, request);
    json_decref(request);
    assert_int_equal(nodes[0].fleet.version, 2);

    request = freeze(0);
    assert_true(json_integer_value(json_object_get(request, "acknowledged"))
                > 5);
    json_decref(request);
}


/*
 * A node quits after a history of answers and losses.  Its last changes, sent
 * once or twice, complete the sum, and a process that goes on with its memory
 * does not send them again.
 */

static void
test_finish(void **state)
{
    int64_t                          all;
    json_t                          *request, *d;
    unsigned                         i, round, fate;
    caphealth_fleet_counts_t        *f = &nodes[0].fleet;
    static caphealth_fleet_counts_t  counts, last;

    all = 0;
    srandom(2);

    for (round = 0; round < 200; round++) {
        (void) setup(state);
        all = 0;

        for (i = 0; i < round % 7; i++) {
            now++;
            upload(0, (unsigned) random() % 7, 3);
            all += 3;
            request = freeze(0);
            fate = (unsigned) random() % 3;

            if (fate > 0) {
                serve(0, request);
                now += 0.01;
            }

            if (fate > 1) {
                (void) take(0);
            }

            json_decref(request);
        }

        now++;
        caphealth_fleet_counts_finish(f, &counts, &last, now, 1700000000000);

        for (i = 0; i < 4; i++) {
            request = caphealth_fleet_counts_request(i % 2 ? &last : &counts,
                                                     "s3://a", 0, NULL, 0);
            serve(0, request);
            json_decref(request);
        }

        now++;
        request = freeze(0);
        serve(0, request);
        json_decref(request);
        (void) take(0);
        assert_int_equal(files_of(0), all);
    }

    /* only what was not known to be stored is doubtful for those who go on */

    (void) setup(state);
    serve(0, request = freeze(0));
    json_decref(request);
    (void) take(0);
    upload(0, 3, 3);
    now++;
    serve(0, request = freeze(0));
    json_decref(request);
    (void) take(0);
    upload(0, 5, 3);
    caphealth_fleet_counts_finish(f, &counts, &last, now, 1);
    assert_int_equal(last.sequence, counts.sequence + 1);
    assert_int_equal(last.sent[5].files, 3);
    assert_false(f->pending[3].doubtful);
    assert_true(f->pending[5].doubtful);
    assert_int_equal(f->pending[5].files, 0);

    /* without any answer the times are not known */

    (void) setup(state);
    upload(0, 4, 3);
    caphealth_fleet_counts_finish(f, &counts, &last, now, 1);
    request = caphealth_fleet_counts_request(&last, "s3://a", 0, NULL, 0);
    d = json_array_get(json_object_get(request, "slices"), 0);
    assert_int_equal(number(d, 0), 4);
    assert_true(json_real_value(json_array_get(d, 6)) == 0);
    assert_true(json_real_value(json_array_get(d, 7)) >= 1e15);
    assert_null(json_object_get(request, "complete_to"));
    json_decref(request);
}


/* ages in an answer that reach back to before 1970 */

static void
test_ages(void **state)
{
    json_t  *request;

    (void) state;

    request = freeze(0);
    serve(0, request);
    json_decref(request);

    answer.version = 1;
    answer.pass = 3;
    answer.pass_age = 6000;
    answer.scan_age = 1e12;

    (void) take(0);
    assert_true(nodes[0].tree.scan.scanned_at == 1);
    assert_true(nodes[0].tree.scan.scanning_since == 1);
    assert_true(caphealth_tree_valid(&nodes[0].tree));
}


#define assert_refused(set)                                                   \
    do {                                                                      \
        serve(0, request);                                                    \
        set;                                                                  \
        assert_false(caphealth_counted_valid(&answer));                       \
    } while (0)


static void
test_refused(void **state)
{
    json_t  *request;

    (void) state;

    request = freeze(0);
    serve(0, request);
    assert_true(caphealth_counted_valid(&answer));

    assert_refused(answer.nslices = CAPHEALTH_SLICES + 1);
    assert_refused(answer.trusted = 2);
    assert_refused(answer.lister = 2);
    assert_refused(answer.version = UINT64_MAX);
    assert_refused(answer.sequence = UINT64_MAX);
    assert_refused(answer.clock = NAN);
    assert_refused(answer.pass = -1);
    assert_refused(answer.pass_age = -1);
    assert_refused(answer.scan_age = INFINITY);
    assert_refused(answer.scan_seconds = NAN);
    assert_refused(answer.scan_seconds = 1e15);
    assert_refused(answer.drift_files = -1);
    assert_refused(answer.drift_bytes = INT64_MAX);
    assert_refused(answer.removed = -1);
    assert_refused(answer.removed_bytes = -1);
    assert_refused(answer.todo[256] = 2);
    assert_refused(answer.slices[0].slice = CAPHEALTH_SLICES);
    assert_refused(answer.slices[0].slice = -1);
    assert_refused(answer.slices[1].leaf = CAPHEALTH_LEAVES);
    assert_refused(answer.slices[1].leaf_files = INT32_MAX);
    assert_refused(answer.slices[1].files = INT64_MIN);
    assert_refused(answer.slices[1].bytes = INT64_MAX);
    assert_refused(answer.slices[1].complete = INT64_MAX);
    assert_refused(answer.slices[1].incomplete = -1);
    assert_refused(answer.slices[1].strays = -1);
    assert_refused(answer.slices[1].stray_bytes = -1);
    assert_refused(answer.slices[1].missing[15] = -1);

    json_decref(request);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(test_sum, setup),
        cmocka_unit_test_setup(test_times, setup),
        cmocka_unit_test_setup(test_answers, setup),
        cmocka_unit_test_setup(test_finish, setup),
        cmocka_unit_test_setup(test_ages, setup),
        cmocka_unit_test_setup(test_refused, setup)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
