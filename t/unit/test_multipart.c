
/*
 * multipart/form-data: where the files are, and everything that is refused.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "caphealth_disposition.h"
#include "caphealth_multipart.h"


#define FILE_PART(name)                                                       \
    "Content-Disposition: form-data; name=\"f\"; filename=\"" name "\"\r\n"   \
    "Content-Type: image/jpeg\r\n\r\n"

#define FIELD  "Content-Disposition: form-data; name=\"x\"\r\n\r\n"


#define MIXED(boundary)                                                       \
    "Content-Disposition: form-data; name=\"f\"\r\n"                          \
    "Content-Type: multipart/mixed; boundary=\"" boundary "\"\r\n\r\n"

#define ATTACHED(name)                                                        \
    "Content-Disposition: attachment; filename=\"" name "\"\r\n"              \
    "Content-Type: image/jpeg\r\n\r\n"


typedef struct {
    const char  *data;
    size_t       size;
    size_t       most;      /* bytes a read gives at most */
    int          err;
} body_t;


static caphealth_part_t   parts[CAPHEALTH_PARTS_MAX];
static caphealth_field_t  fields[2];
static unsigned           nparts;
static const char        *reason;


static ssize_t
give(void *ctx, void *buf, size_t size, uint64_t offset)
{
    body_t  *b;

    b = ctx;

    if (b->err) {
        errno = b->err;
        return -1;
    }

    if (offset >= b->size) {
        return 0;
    }

    if (size > b->size - offset) {
        size = (size_t) (b->size - offset);
    }

    if (b->most && size > b->most) {
        size = b->most;
    }

    memcpy(buf, b->data + offset, size);

    return (ssize_t) size;
}


static caphealth_multipart_result_e
parse_body(body_t *b, size_t size)
{
    caphealth_form_t              form;
    caphealth_multipart_result_e  rc;

    memset(&form, 0, sizeof(form));
    form.parts = parts;
    form.max = 10;
    form.fields = fields;
    form.nfields = 2;

    fields[0].name = "alt";
    fields[1].name = "focus";

    rc = caphealth_multipart_parse("b", give, b, size, &form);

    nparts = form.n;
    reason = form.reason;

    return rc;
}


static caphealth_multipart_result_e
parse(const char *data, size_t size)
{
    body_t  b = { data, size, 0, 0 };

    return parse_body(&b, size);
}


static void
boundaries(void **state)
{
    size_t                         i;
    char                           boundary[CAPHEALTH_BOUNDARY_MAX + 1];
    caphealth_multipart_result_e   rc;

    static const struct {
        const char  *type;
        const char  *boundary;      /* NULL: none; "": refused */
    } table[] = {
        { "image/jpeg", NULL },
        { "multipart/mixed; boundary=b", NULL },
        { "multipart/form-database; boundary=b", NULL },
        { "multipart/form-data; boundary=b", "b" },
        { "Multipart/Form-Data;boundary=b", "b" },
        { "multipart/form-data; charset=utf-8; Boundary=b;", "b" },
        { "multipart/form-data; boundary=\"a b:c\"", "a b:c" },
        { "multipart/form-data; boundary=\"a\\\"b\"", "" },
        { "multipart/form-data", "" },
        { "multipart/form-data;", "" },
        { "multipart/form-data; boundary", "" },
        { "multipart/form-data; boundary=", "" },
        { "multipart/form-data; boundary=\"\"", "" },
        { "multipart/form-data; boundary=\"a", "" },
        { "multipart/form-data; boundary=\"a \"", "" },
        { "multipart/form-data; boundary=a boundary=b", "" },
        { "multipart/form-data; boundary=a; boundary=b", "" },
        { "multipart/form-data; boundary=a\x80", "" },
        { "multipart/form-data; boundary=\"a\\\"", "" },

        /* what RFC 2046 forbids, or wants in quotes, and clients send */

        { "multipart/form-data; boundary=*****", "*****" },
        { "multipart/form-data; boundary=a@b", "a@b" },
        { "multipart/form-data; boundary=----=_Part_4_1:2(3)/x?y=z",
          "----=_Part_4_1:2(3)/x?y=z" },
        { "multipart/form-data; boundary=\"'()+_,-./:=? b\"; charset=utf-8",
          "'()+_,-./:=? b" },
        { "multipart/form-data ; boundary=b ; charset=\"utf-8\"", "b" },
        { "multipart/form-data; boundary="
          "0123456789012345678901234567890123456789"
          "012345678901234567890123456789",
          "0123456789012345678901234567890123456789"
          "012345678901234567890123456789" },
        { "multipart/form-data; boundary="
          "0123456789012345678901234567890123456789"
          "0123456789012345678901234567890", "" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        reason = NULL;
        rc = caphealth_multipart_boundary(table[i].type,
                                          strlen(table[i].type), boundary,
                                          &reason);

        if (table[i].boundary == NULL) {
            assert_int_equal(rc, CAPHEALTH_MULTIPART_NONE);

        } else if (table[i].boundary[0] == '\0') {
            assert_int_equal(rc, CAPHEALTH_MULTIPART_INVALID);
            assert_non_null(reason);

        } else {
            assert_int_equal(rc, CAPHEALTH_MULTIPART_OK);
            assert_string_equal(boundary, table[i].boundary);
        }
    }
}


static void
files(void **state)
{
    static const char  body[] =
        "--b\r\n" FIELD "value\r\n"
        "--b\r\n" FILE_PART("a.jpg") "first\r\n"
        "--b \t\r\n" FILE_PART("") "\r\n"
        "--b\r\n" FILE_PART("b.jpg") "\r\n"
        "--b\r\n" FILE_PART("") "nameless\r\n--\r\n-b\r\n"
        "--b--\r\n";

    (void) state;

    assert_int_equal(parse(body, sizeof(body) - 1), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(nparts, 3);

    assert_string_equal(parts[0].filename, "a.jpg");
    assert_int_equal(parts[0].length, 5);
    assert_memory_equal(body + parts[0].offset, "first", 5);

    assert_string_equal(parts[1].filename, "b.jpg");
    assert_int_equal(parts[1].length, 0);

    assert_string_equal(parts[2].filename, "");
    assert_memory_equal(body + parts[2].offset, "nameless\r\n--\r\n-b", 16);
    assert_int_equal(parts[2].length, 16);
}


static void
names(void **state)
{
    size_t  i;
    char    body[512];

    static const struct {
        const char  *disposition;
        const char  *filename;
    } table[] = {
        { "form-data; name=f; filename=a.jpg", "a.jpg" },
        { "Form-Data;name=\"f\";filename=\"a b.jpg\"", "a b.jpg" },
        { "form-data; filename=\"a.jpg\"; name=\"f\"", "a.jpg" },
        { "form-data; name=\"f\"; filename=\"../../etc/passwd\"",
          "../../etc/passwd" },
        { "form-data; name=\"f\"; filename=\"C:\\photos\\a.jpg\"",
          "C:\\photos\\a.jpg" },
        { "form-data; name=\"f\"; filename=\"a\\\"b.jpg\"", "a\"b.jpg" },
        { "form-data; name=\"f\"; filename=\"a\\\\\"", "a\\" },

        /* a browser escapes no backslash, and others no quote */

        { "form-data; name=\"f\"; filename=\"a\\\"", "a\\" },
        { "form-data; name=\"f\"; filename=\"\\\"", "\\" },
        { "form-data; filename=\"a\\\"; name=\"f\"", "a\\" },
        { "form-data; name=\"f\\\"; filename=\"a\\\"", "a\\" },
        { "form-data; name=\"f\\\"; filename=\"a.jpg\"", "a.jpg" },
        { "form-data; name=\"f\"; filename=\"a\\\"; filename*=utf-8''b%5C",
          "b\\" },
        { "form-data; name=\"f\"; filename=\"a\"b\".jpg\"", "a\"b\".jpg" },
        { "form-data; name=\"f\"; filename=\"a\\\"; b.jpg\"",
          "a\"; b.jpg" },
        { "form-data; name=\"f\"; filename=\"a;b=c.jpg\" ;", "a;b=c.jpg" },
        { "form-data; name=\"a%22b\"; filename=\"a%22b%0D%0A.jpg\"",
          "a\"b%0D%0A.jpg" },
        { "form-data; name=f; filename=a(1)\xc3\xa4.jpg",
          "a(1)\xc3\xa4.jpg" },
        { "form-data; name=\"f\"; filename=\"\xf0\x9f\x93\xb7.jpg\"",
          "\xf0\x9f\x93\xb7.jpg" },
        { "form-data; name=\"f\"; filename=\"a\1\x7f\t.jpg\"", "a???.jpg" },

        /* RFC 8187 */

        { "form-data; name=\"f\"; filename*=UTF-8''a.jpg", "a.jpg" },
        { "form-data; name=\"f\"; filename*=utf-8'de'%C3%A4%e2%82%ac.jpg",
          "\xc3\xa4\xe2\x82\xac.jpg" },
        { "form-data; name=\"f\"; filename*=iso-8859-1''%e4%7F%zz.jpg",
          "\xc3\xa4?%zz.jpg" },
        { "form-data; name=f; filename=a.jpg; filename*=utf-8''b.jpg",
          "b.jpg" },
        { "form-data; name=f; filename*=utf-8''b.jpg; filename=a.jpg",
          "b.jpg" },
        { "form-data; name=f; filename*=utf-8; filename=a.jpg", "a.jpg" },
        { "form-data; name=f; filename*=koi8-r''%c1; filename=a.jpg",
          "a.jpg" },
        { "form-data; name=f; filename*0=\"a\"; filename*1=\"b\"", "" },

        /* folded */

        { "form-data;\r\n name=\"f\";\r\n\tfilename=\"a\r\n b.jpg\"",
          "a b.jpg" },
        { "\r\n form-data; name=\"f\"; filename=\"a.jpg\"\r\n ", "a.jpg" },
        { "form-data; name=\"f\"; filename=\"a.jpg\"\r\nX: a\r\n b:\r\n\t c",
          "a.jpg" }
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        (void) snprintf(body, sizeof(body),
                        "--b\r\nContent-Disposition: %s\r\n\r\nx\r\n--b--",
                        table[i].disposition);

        assert_int_equal(parse(body, strlen(body)), CAPHEALTH_MULTIPART_OK);
        assert_int_equal(nparts, 1);
        assert_string_equal(parts[0].filename, table[i].filename);
    }
}


static void
long_names_are_cut(void **state)
{
    char  body[1024], name[400];

    (void) state;

    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';

    (void) snprintf(body, sizeof(body),
                    "--b\r\nContent-Disposition: form-data; name=f; "
                    "filename=\"%s\"\r\n\r\nx\r\n--b--", name);

    assert_int_equal(parse(body, strlen(body)), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(strlen(parts[0].filename), CAPHEALTH_FILENAME_MAX - 1);
}


static void
refused(void **state)
{
    size_t  i;

    static const char  *table[] = {
        "",
        "-",
        "--b",
        "--c\r\n",
        "preamble--b\r\n" FIELD "x--b--",
        "--bb\r\n" FIELD "x\r\n--bb--",
        "--b\n" FIELD "x--b--",
        "--b\r\n\r\nx\r\n--b--",
        "--b\r\n" FIELD "x",
        "--b\r\n" FIELD "x\r\n--b",
        "--b\r\n" FIELD "x\r\n--b-",
        "--b\r\n" FIELD "x\n--b--",
        "--b\r\n" FIELD "x\r\n--b ",
        "--b\r\n" FIELD "x\r\n--bc--",
        "--b\r\n" FIELD "x\r\n --b--",
        "--b\r\nContent-Disposition: form-data; name=x\r\n",
        "--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: attachment; name=x\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\nx\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=x; name=y\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=x y\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"x\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=f; filename=a; "
        "filename=b\r\n\r\n\r\n--b--",

        /* found by fuzz/disposition: the first one is empty */

        "--b\r\nContent-Disposition: form-data; name=f; filename=\"\"; "
        "filename=b\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=x\r\n"
        "Content-Disposition: form-data; name=y\r\n\r\n\r\n--b--",
        "--b\r\n Content-Disposition: form-data; name=x\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition : form-data; name=x\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition\r\n\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"x\ry\"\r\n\r\n\r\n--b--",
        "--b\r\nContent-Transfer-Encoding: base64\r\n" FILE_PART("a")
        "eA==\r\n--b--",
        "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        FILE_PART("a") "x\r\n--b--",

        /* parts in a part */

        "--b\r\n" MIXED("c") "\r\n--b--",
        "--b\r\n" MIXED("c") "text\r\n--b--",
        "--b\r\n" MIXED("c") "--c\r\n" ATTACHED("a") "x\r\n--b--",
        "--b\r\n" MIXED("c") "--c\r\n" ATTACHED("a") "x\r\n--b\r\n"
        "\r\n--c--\r\n--b--",
        "--b\r\n" MIXED("") "--c--\r\n--b--",
        "--b\r\nContent-Transfer-Encoding: base64\r\n" MIXED("c")
        "--c--\r\n--b--",
        "--b\r\n" MIXED("c") "--c\r\nContent-Transfer-Encoding: base64\r\n"
        ATTACHED("a") "eA==\r\n--c--\r\n--b--",
        "--b\r\n" MIXED("c") "--c\r\n" MIXED("d") "--d\r\n" MIXED("e")
        "--e\r\n" MIXED("f") "--f--\r\n--e--\r\n--d--\r\n--c--\r\n--b--"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        reason = NULL;

        assert_int_equal(parse(table[i], strlen(table[i])),
                         CAPHEALTH_MULTIPART_INVALID);
        assert_non_null(reason);
    }

    assert_int_equal(parse("--b--", 5), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(nparts, 0);

    assert_int_equal(parse("--bb\r\n--b--", 11), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(nparts, 0);
}


/* what is around the parts, and between a boundary and its line's end */

static void
one_file(void **state)
{
    size_t  i;

    static const char  *table[] = {
        "\r\n--b\r\n" FILE_PART("a") "x\r\n--b--",
        "\n--b\r\n" FILE_PART("a") "x\r\n--b--",
        "preamble\r\n--b\r\n" FILE_PART("a") "x\r\n--b--",
        "--bc\r\n--b-\r\nb--b\r\n\r\n--b\r\n" FILE_PART("a") "x\r\n--b--",
        "--b \t \r\n" FILE_PART("a") "x\r\n--b-- \t \r\n",
        "--b\r\n" FILE_PART("a") "x\r\n--b--\r\n\r\n",
        "--b\r\n" FILE_PART("a") "x\r\n--b--\n",
        "--b\r\n" FILE_PART("a") "x\r\n--b--\r",
        "--b\r\n" FILE_PART("a") "x\r\n--b--   ",
        "--b\r\n" FILE_PART("a") "x\r\n--b--epilogue",
        "--b\r\n" FILE_PART("a") "x\r\n--b--\r\nepilogue\r\n",
        "--b\r\n" FILE_PART("a") "x\r\n--b--\r\n--b\r\n"
        FILE_PART("no part") "y\r\n--b--",

        /* a line may begin with a boundary that is none */

        "--b\r\n" FIELD "\r\n--bc\r\n--b-\r\n--bc--\r\n--b\r\n"
        FILE_PART("a") "x\r\n--b--",
        "--b\r\n" FIELD "\r\n--b--c\r\n--b\r\n" FILE_PART("a") "x\r\n--b--",

        /* fields, as they come; the boundary behind a header at once */

        "--b\r\n" FIELD "--b\r\n" FILE_PART("a") "x\r\n--b--",
        "--b\r\nContent-Transfer-Encoding: base64\r\n" FIELD "eA==\r\n"
        "--b\r\n" FILE_PART("a") "x\r\n--b\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n" FIELD "=C3\r\n--b--",
        "--b\r\nContent-Transfer-Encoding: base64\r\n" FILE_PART("")
        "\r\n--b\r\nContent-Transfer-Encoding: Binary\r\n" FILE_PART("a")
        "x\r\n--b--",
        "--b\r\nContent-Type: text/plain; charset=x\r\n" FIELD "1\r\n--b\r\n"
        "Content-Disposition: form-data; name=f; filename=a\r\n\r\nx\r\n--b--",

        /* parts in a part */

        "--b\r\n" MIXED("c") "--c\r\n" ATTACHED("a") "x\r\n--c--\r\n--b--",
        "--b\r\n" MIXED("bb") "\r\n--bb\r\n" ATTACHED("a") "x\r\n--bb--\r\n"
        "\r\n--b--",
        "--b\r\n" MIXED("c") "text\r\n--c\r\n\r\ntext\r\n--c\r\n"
        "Content-Type: text/plain\r\n\r\nx\r\n--c\r\n"
        "Content-Disposition: file; filename=a\r\n\r\nx\r\n--c--\r\n--b--",
        "--b\r\n" MIXED("c") "--c\r\n" MIXED("d") "--d\r\n" MIXED("e")
        "--e\r\n" ATTACHED("a") "x\r\n--e--\r\n--d--\r\n--c--\r\n--b--",
        "--b\r\n" MIXED("c") "--c--\r\n--b\r\n" FILE_PART("a") "x\r\n--b--"
    };

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(parse(table[i], strlen(table[i])),
                         CAPHEALTH_MULTIPART_OK);
        assert_int_equal(nparts, 1);
        assert_string_equal(parts[0].filename, "a");
        assert_int_equal(parts[0].length, 1);
        assert_int_equal(table[i][parts[0].offset], 'x');
    }
}


/* where the lines end with LF alone, a CR is a part's */

static void
lf_alone(void **state)
{
    static const char  body[] =
        "\n--b\nContent-Disposition: form-data; name=x\n\nvalue\n"
        "--b\nContent-Disposition: form-data;\n name=f; filename=\"a\"\n"
        "Content-Type: image/webp\n\n\n--\r\n-b\r\n--b \t\n"
        "Content-Disposition: form-data; name=f; filename=b\n\n--b--\n";

    (void) state;

    assert_int_equal(parse(body, sizeof(body) - 1), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(nparts, 2);
    assert_string_equal(parts[0].filename, "a");
    assert_int_equal(parts[0].length, 8);
    assert_memory_equal(body + parts[0].offset, "\n--\r\n-b\r", 8);
    assert_string_equal(parts[1].filename, "b");
    assert_int_equal(parts[1].length, 0);
}


static void
nul_in_a_name(void **state)
{
    static const char  body[] =
        "--b\r\nContent-Disposition: form-data; name=f; filename=\"a\0.jpg\""
        "\r\n\r\nx\r\n--b--";

    (void) state;

    assert_int_equal(parse(body, sizeof(body) - 1),
                     CAPHEALTH_MULTIPART_INVALID);
}


/* a delimiter at every place of a window, and reads of every length */

static void
windows(void **state)
{
    int      i;
    char    *body, *p;
    body_t   b;
    size_t   len;

    static const char  head[] = "--b\r\n" FILE_PART("a");
    static const char  tail[] = "\r\n--b--";

    (void) state;

    body = malloc(200000);
    assert_non_null(body);

    for (i = -12; i < 12; i++) {
        len = (size_t) (65536 + i) - (sizeof(head) - 1);

        p = body;
        memcpy(p, head, sizeof(head) - 1);
        p += sizeof(head) - 1;
        memset(p, '\r', len);
        p += len;
        memcpy(p, tail, sizeof(tail) - 1);
        p += sizeof(tail) - 1;

        assert_int_equal(parse(body, (size_t) (p - body)),
                         CAPHEALTH_MULTIPART_OK);
        assert_int_equal(nparts, 1);
        assert_int_equal(parts[0].length, len);

        b = (body_t) { body, (size_t) (p - body), (size_t) (13 + i), 0 };

        assert_int_equal(parse_body(&b, b.size),
                         CAPHEALTH_MULTIPART_OK);
        assert_int_equal(parts[0].length, len);
    }

    free(body);
}


static void
counts(void **state)
{
    int    i, n;
    char  *body;

    static const int  table[] = { 10, 11 };

    (void) state;

    body = malloc(100000);
    assert_non_null(body);

    for (n = 0; n < 2; n++) {
        body[0] = '\0';

        for (i = 0; i < table[n]; i++) {
            strcat(body, "--b\r\n" FILE_PART("a") "x\r\n");
        }

        strcat(body, "--b--");

        assert_int_equal(parse(body, strlen(body)),
                         n ? CAPHEALTH_MULTIPART_TOO_MANY
                           : CAPHEALTH_MULTIPART_OK);
        assert_int_equal(nparts, 10);
    }

    for (n = CAPHEALTH_PARTS_MAX; n <= CAPHEALTH_PARTS_MAX + 1; n++) {
        body[0] = '\0';

        for (i = 0; i < n; i++) {
            strcat(body, "--b\r\n" FIELD "x\r\n");
        }

        strcat(body, "--b--");

        assert_int_equal(parse(body, strlen(body)),
                         n > CAPHEALTH_PARTS_MAX ? CAPHEALTH_MULTIPART_INVALID
                                                 : CAPHEALTH_MULTIPART_OK);
    }

    free(body);
}


static void
headers_too_long(void **state)
{
    char  *body;

    (void) state;

    body = calloc(1, 20000);

    if (body == NULL) {
        fail();
        return;
    }

    strcpy(body, "--b\r\nX-Long: ");
    memset(body + 13, 'x', 9000);
    strcpy(body + 9013, "\r\n" FIELD "x\r\n--b--");

    assert_int_equal(parse(body, strlen(body)), CAPHEALTH_MULTIPART_INVALID);
    assert_non_null(strstr(reason, "8192"));

    free(body);
}


static void
read_errors(void **state)
{
    body_t  b = { "", 100, 0, EIO };

    (void) state;

    assert_int_equal(parse_body(&b, 100),
                     CAPHEALTH_MULTIPART_ERROR);
    assert_int_equal(errno, EIO);

    /* a body that is shorter than it was said to be */

    b = (body_t) { "--b\r\n", 5, 0, 0 };

    assert_int_equal(parse_body(&b, 100),
                     CAPHEALTH_MULTIPART_ERROR);
    assert_int_equal(errno, EIO);
}


#define NAMED(name)                                                           \
    "Content-Disposition: form-data; name=" name "\r\n\r\n"


static void
text_fields(void **state)
{
    body_t    b;
    char      text[16];
    unsigned  i;

    static const char  body[] =
        "--b\r\n" NAMED("\"alt\"") "A red chair\r\n"
        "--b\r\n" FILE_PART("a.jpg") "first\r\n"
        "--b\r\n" NAMED("other") "no\r\n"
        "--b\r\n" NAMED("alt")
        "--b\r\nContent-Disposition: form-data; name=alt; filename=x\r\n\r\n"
        "a file\r\n"
        "--b\r\n" NAMED("Alt") "another name\r\n"
        "--b\r\n" NAMED("focus") "0.5,0.25\r\n"
        "--b\r\n" NAMED("alt") "St\xc3\xbchle, 3\xe2\x82\xac\r\n"
        "--b--\r\n";

    static const char *const  values[] = {
        "A red chair", "", "St\xc3\xbchle, 3\xe2\x82\xac"
    };

    (void) state;

    for (i = 1; i < 40; i++) {
        b = (body_t) { body, sizeof(body) - 1, i, 0 };

        assert_int_equal(parse_body(&b, b.size), CAPHEALTH_MULTIPART_OK);
        assert_int_equal(nparts, 2);
        assert_int_equal(fields[0].n, 3);
        assert_int_equal(fields[1].n, 1);
    }

    for (i = 0; i < 3; i++) {
        assert_int_equal(caphealth_field_read(&fields[0], i, give, &b, text,
                                              sizeof(text)),
                         0);
        assert_string_equal(text, values[i]);
    }

    assert_int_equal(caphealth_field_read(&fields[1], 0, give, &b, text, 9),
                     0);
    assert_string_equal(text, "0.5,0.25");

    errno = 0;
    assert_int_equal(caphealth_field_read(&fields[1], 0, give, &b, text, 8),
                     -1);
    assert_int_equal(errno, EMSGSIZE);

    b.err = EIO;
    assert_int_equal(caphealth_field_read(&fields[1], 0, give, &b, text, 9),
                     -1);
    assert_int_equal(errno, EIO);
}


static void
text_fields_refused(void **state)
{
    body_t  b;
    char    text[16], name[CAPHEALTH_FIELD_LEN + 2], body[256];

    static const char  nul[] = "--b\r\n" NAMED("alt") "a\0b\r\n--b--";
    static const char  latin[] = "--b\r\n" NAMED("alt") "caf\xe9\r\n--b--";
    static const char  encoded[] =
        "--b\r\nContent-Disposition: form-data; name=alt\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nQQ==\r\n--b--";

    (void) state;

    assert_int_equal(parse(encoded, sizeof(encoded) - 1),
                     CAPHEALTH_MULTIPART_INVALID);
    assert_non_null(strstr(reason, "Content-Transfer-Encoding"));

    b = (body_t) { latin, sizeof(latin) - 1, 0, 0 };

    assert_int_equal(parse_body(&b, b.size), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(caphealth_field_read(&fields[0], 0, give, &b, text, 16),
                     -1);
    assert_int_equal(errno, EILSEQ);

    b = (body_t) { nul, sizeof(nul) - 1, 0, 0 };

    assert_int_equal(parse_body(&b, b.size), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(caphealth_field_read(&fields[0], 0, give, &b, text, 16),
                     -1);
    assert_int_equal(errno, EILSEQ);

    /* a name that is too long is not taken for its beginning */

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    (void) snprintf(body, sizeof(body), "--b\r\n" NAMED("\"alt%s\"")
                    "x\r\n--b--", name);

    assert_int_equal(parse(body, strlen(body)), CAPHEALTH_MULTIPART_OK);
    assert_int_equal(fields[0].n, 0);
}


static void
which_file_a_field_is_of(void **state)
{
    static const struct {
        unsigned  sent, i, n;
        int       index;
    } table[] = {
        { 0, 0, 1, -1 }, { 0, 2, 3, -1 },
        { 1, 0, 1, 0 }, { 1, 0, 3, 0 }, { 1, 2, 3, 0 },
        { 3, 0, 3, 0 }, { 3, 2, 3, 2 },
        { 2, 0, 3, -2 }, { 2, 0, 1, -2 }, { 4, 1, 3, -2 }
    };

    size_t  i;

    (void) state;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        fields[0].n = table[i].sent;

        assert_int_equal(caphealth_field_index(&fields[0], table[i].i,
                                               table[i].n),
                         table[i].index);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(boundaries),
        cmocka_unit_test(files),
        cmocka_unit_test(names),
        cmocka_unit_test(long_names_are_cut),
        cmocka_unit_test(refused),
        cmocka_unit_test(one_file),
        cmocka_unit_test(lf_alone),
        cmocka_unit_test(nul_in_a_name),
        cmocka_unit_test(windows),
        cmocka_unit_test(counts),
        cmocka_unit_test(headers_too_long),
        cmocka_unit_test(read_errors),
        cmocka_unit_test(text_fields),
        cmocka_unit_test(text_fields_refused),
        cmocka_unit_test(which_file_a_field_is_of)
    };

    return cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
}
