
/*
 * The record of an image: who may store it, and what is found again.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "caphealth_image_record.h"
#include "tree.h"


#define ID      "00112233445566778899aabbccddeeff"
#define SECRET  "0123456789abcdef0123456789abcdef"
#define HASH    SECRET SECRET
#define MARK    ID "_original.webp"

#define RECORD(mark, request, id)                                             \
    "{\"version\":1,\"mark\":\"" mark "\",\"request\":\"" request "\","       \
    "\"url\":\"/media/\",\"image\":{\"id\":\"" id "\",\"variants\":{}}}"


static const uint8_t  digest[CAPHEALTH_DIGEST_LEN] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef
};


static const char *
path(const char *name)
{
    static char  buf[512];

    (void) snprintf(buf, sizeof(buf), "%s/00/11/%s", tree_root, name);

    return buf;
}


static int
there(const char *name)
{
    return access(path(name), F_OK) == 0;
}


static void
put(const char *name, const char *text)
{
    FILE  *f;

    f = fopen(path(name), "w");

    if (f == NULL) {
        fail();
        return;
    }

    (void) fputs(text, f);
    (void) fclose(f);
}


/* the id is still claimed */

static void
publish(caphealth_image_record_t *record)
{
    json_t  *json;

    put(MARK, "an image");

    json = json_loads(RECORD(MARK, HASH, ID), 0, NULL);
    assert_non_null(json);
    assert_int_equal(caphealth_record_write(record, json), 0);
    json_decref(json);
}


static void
store(caphealth_image_record_t *record)
{
    publish(record);
    caphealth_record_release(record);
}


static void
one_stores_it(void **state)
{
    caphealth_image_record_t  first, second;

    (void) state;

    caphealth_record_init(&first, tree_root, digest);
    caphealth_record_init(&second, tree_root, digest);

    assert_string_equal(first.id, ID);
    assert_string_equal(first.secret, SECRET);

    assert_int_equal(caphealth_record_claim(&first), CAPHEALTH_CLAIM_TAKEN);
    assert_true(there("." ID ".tmp"));
    assert_false(first.left);

    assert_int_equal(caphealth_record_claim(&second), CAPHEALTH_CLAIM_BUSY);
    assert_int_equal(second.fd, -1);

    store(&first);

    assert_true(there(ID "_" SECRET ".answer"));
    assert_false(there("." ID "_" SECRET ".answer.tmp"));
    assert_false(there("." ID ".tmp"));

    assert_int_equal(caphealth_record_claim(&second), CAPHEALTH_CLAIM_STORED);
    assert_string_equal(json_string_value(json_object_get(second.json,
                                                          "request")),
                        HASH);
    json_decref(second.json);

    caphealth_record_withdraw(&first);

    assert_false(there(ID "_" SECRET ".answer"));
    assert_int_equal(caphealth_record_claim(&second), CAPHEALTH_CLAIM_TAKEN);

    caphealth_record_release(&second);
    caphealth_record_release(&second);

    assert_false(there("." ID ".tmp"));
}


/* until it has given up the id, an upload may remove the image again */

static void
withdrawn_before_it_was_answered(void **state)
{
    caphealth_image_record_t  first, second;

    (void) state;

    caphealth_record_init(&first, tree_root, digest);
    caphealth_record_init(&second, tree_root, digest);

    assert_int_equal(caphealth_record_claim(&first), CAPHEALTH_CLAIM_TAKEN);
    publish(&first);

    assert_true(there(ID "_" SECRET ".answer"));
    assert_int_equal(caphealth_record_claim(&second), CAPHEALTH_CLAIM_BUSY);
    assert_null(second.json);
    assert_int_equal(second.fd, -1);

    caphealth_record_withdraw(&first);
    caphealth_record_release(&first);

    assert_int_equal(caphealth_record_claim(&second), CAPHEALTH_CLAIM_TAKEN);
    publish(&second);

    /* as if its process had died: the file is left, and nobody has it */

    assert_int_equal(close(second.fd), 0);
    second.fd = -1;

    assert_true(there("." ID ".tmp"));
    assert_int_equal(caphealth_record_claim(&first), CAPHEALTH_CLAIM_STORED);
    json_decref(first.json);
}


/* who removes an image knows its id only, and waits as others wait for that */

static void
taken_to_be_removed(void **state)
{
    caphealth_image_record_t  upload, deletion, other;

    (void) state;

    caphealth_record_init(&upload, tree_root, digest);
    caphealth_record_init_id(&deletion, tree_root, ID);
    caphealth_record_init_id(&other, tree_root,
                             "ff112233445566778899aabbccddeeff");

    assert_int_equal(caphealth_record_claim(&upload), CAPHEALTH_CLAIM_TAKEN);
    assert_int_equal(caphealth_record_take(&deletion), CAPHEALTH_CLAIM_BUSY);
    assert_int_equal(deletion.fd, -1);

    store(&upload);

    assert_int_equal(caphealth_record_take(&deletion), CAPHEALTH_CLAIM_TAKEN);
    assert_true(there(ID "_" SECRET ".answer"));

    assert_int_equal(unlink(path(ID "_" SECRET ".answer")), 0);
    assert_int_equal(caphealth_record_claim(&upload), CAPHEALTH_CLAIM_BUSY);

    caphealth_record_release(&deletion);
    assert_false(there("." ID ".tmp"));
    assert_int_equal(caphealth_record_claim(&upload), CAPHEALTH_CLAIM_TAKEN);
    caphealth_record_release(&upload);

    assert_int_equal(caphealth_record_take(&other), CAPHEALTH_CLAIM_ERROR);
    assert_int_equal(errno, ENOENT);
}


static void
only_the_owner_reads_it(void **state)
{
    struct stat               st;
    caphealth_image_record_t  record;

    (void) state;

    caphealth_record_init(&record, tree_root, digest);
    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_TAKEN);
    store(&record);

    assert_int_equal(stat(path(ID "_" SECRET ".answer"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}


static void
a_process_that_died_takes_nothing(void **state)
{
    int                       status;
    pid_t                     pid;
    caphealth_image_record_t  record;

    (void) state;

    caphealth_record_init(&record, tree_root, digest);

    pid = fork();

    if (pid == 0) {
        if (caphealth_record_claim(&record) != CAPHEALTH_CLAIM_TAKEN) {
            _exit(1);
        }

        put("." ID "_" SECRET ".answer.tmp", "half a rec");
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_true(there("." ID ".tmp"));

    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_TAKEN);
    assert_true(record.left);
    store(&record);

    assert_false(there("." ID "_" SECRET ".answer.tmp"));
    assert_false(there("." ID ".tmp"));

    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_STORED);
    json_decref(record.json);
}


/* each claims, stores or gives up: at any time there is one at most */

static void
processes_at_once(void **state)
{
    int                       i, n, status, fd, stored;
    pid_t                     pids[8];
    caphealth_image_record_t  record;

    (void) state;

    for (i = 0; i < 8; i++) {
        pids[i] = fork();

        if (pids[i] != 0) {
            continue;
        }

        stored = 0;

        for (n = 0; n < 300; n++) {
            caphealth_record_init(&record, tree_root, digest);

            switch (caphealth_record_claim(&record)) {

            case CAPHEALTH_CLAIM_TAKEN:
                fd = open(path("alone"), O_CREAT|O_EXCL|O_WRONLY, 0600);

                if (fd == -1) {
                    _exit(1);
                }

                (void) close(fd);
                (void) unlink(path("alone"));

                if (n % 3 == 0) {
                    store(&record);
                    stored++;

                } else {
                    caphealth_record_release(&record);
                }

                break;

            case CAPHEALTH_CLAIM_STORED:
                (void) unlink(path(ID "_" SECRET ".answer"));
                json_decref(record.json);
                break;

            case CAPHEALTH_CLAIM_BUSY:
                break;

            default:
                _exit(2);
            }
        }

        _exit(stored ? 0 : 3);
    }

    for (i = 0; i < 8; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), 0, 3);
        assert_int_not_equal(WEXITSTATUS(status), 1);
        assert_int_not_equal(WEXITSTATUS(status), 2);
    }

    assert_false(there("." ID ".tmp"));
}


/* it is not believed, and is gone when the id is taken */

static void
damaged_or_left_behind(void **state)
{
    size_t                    i;
    caphealth_image_record_t  record;

    static const char *const  table[] = {
        "", "{", "[]", RECORD(MARK, HASH, ID) "x",
        RECORD("../../x", HASH, ID), RECORD(ID "_/x", HASH, ID),
        RECORD("f" MARK, HASH, ID), RECORD(MARK, "f" HASH, ID),
        RECORD(MARK, "G" "123456789abcdef0123456789abcdef" SECRET, ID),
        RECORD(MARK, HASH, SECRET),
        "{\"version\":2,\"mark\":\"" MARK "\",\"request\":\"" HASH "\","
        "\"url\":\"/\",\"image\":{\"id\":\"" ID "\",\"variants\":{}}}",

        /* whole, and its image is gone */

        RECORD(ID "_other.webp", HASH, ID)
    };

    (void) state;

    caphealth_record_init(&record, tree_root, digest);
    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_TAKEN);
    store(&record);

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        put(ID "_" SECRET ".answer", table[i]);

        assert_int_equal(caphealth_record_claim(&record),
                         CAPHEALTH_CLAIM_TAKEN);
        assert_false(there(ID "_" SECRET ".answer"));
        caphealth_record_release(&record);
    }

    put(ID "_" SECRET ".answer", RECORD(MARK, HASH, ID));

    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_STORED);
    json_decref(record.json);
}


static void
removed_with_the_image(void **state)
{
    caphealth_removed_t       removed;
    caphealth_image_record_t  record;

    (void) state;

    caphealth_record_init(&record, tree_root, digest);
    assert_int_equal(caphealth_record_claim(&record), CAPHEALTH_CLAIM_TAKEN);
    store(&record);

    assert_int_equal(caphealth_image_exists(tree_root, ID), 1);
    assert_int_equal(caphealth_image_remove(tree_root, ID, "original",
                                            &removed), 0);
    assert_int_equal(caphealth_image_exists(tree_root, ID), 0);
    assert_int_equal(removed.files, 1);
    assert_int_equal(removed.bytes, strlen("an image"));
    assert_true(removed.marked);
    assert_false(there(ID "_" SECRET ".answer"));

    /* a record alone is no image */

    put(ID "_" SECRET ".answer", "x");

    assert_int_equal(caphealth_image_exists(tree_root, ID), 0);
    assert_int_equal(caphealth_image_exists(tree_root, "ff" ID), 0);
    assert_int_equal(caphealth_image_exists("/nonexistent", ID), 0);
    assert_int_equal(caphealth_image_remove(tree_root, ID, "original",
                                            &removed), -1);
    assert_int_equal(errno, ENOENT);
    assert_false(there(ID "_" SECRET ".answer"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(one_stores_it, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(withdrawn_before_it_was_answered,
                                        tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(taken_to_be_removed, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(only_the_owner_reads_it, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(a_process_that_died_takes_nothing,
                                        tree_setup, tree_teardown),
        cmocka_unit_test_setup_teardown(processes_at_once, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(damaged_or_left_behind, tree_setup,
                                        tree_teardown),
        cmocka_unit_test_setup_teardown(removed_with_the_image, tree_setup,
                                        tree_teardown)
    };

    return cmocka_run_group_tests_name("image_record", tests, NULL, NULL);
}
