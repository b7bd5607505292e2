/* Form bodies: what each says, and that cutting it anywhere changes nothing. */
#include "test.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/multipart.h"

#include <stdlib.h>
#include <string.h>

/* ---- transcripts ---- "<name|file name;type>content</>" for each part, then "." (over), "~" (cut short) or
 * "!" and what is wrong. */

struct reading {
    struct rb_multipart multipart;
    enum rb_multipart_event last;
    struct rb_buf text;
};

static void note_part(struct rb_buf *text, const struct rb_multipart_part *part)
{
    rb_buf_add_char(text, '<');
    rb_buf_add_str(text, part->name);
    if (part->has_file_name) rb_buf_add_char(text, '|');
    rb_buf_add_str(text, part->file_name);
    if (part->type.p) rb_buf_add_char(text, ';');
    rb_buf_add_str(text, part->type);
    rb_buf_add_char(text, '>');
}

/* An exact copy, so that reading beyond its end is seen. */
static void feed(struct reading *r, rb_str piece)
{
    char *copy = malloc(piece.n ? piece.n : 1);
    assert_non_null(copy);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    rb_str input = {copy, piece.n};
    bool goes_on = true;
    while (goes_on) {
        r->last = rb_multipart_next(&r->multipart, &input);
        goes_on = false;
        switch (r->last) {
        case RB_MULTIPART_PART:
            note_part(&r->text, &r->multipart.part);
            goes_on = true;
            break;
        case RB_MULTIPART_DATA:
            assert_true(r->multipart.data.n > 0);
            rb_buf_add_str(&r->text, r->multipart.data);
            goes_on = true;
            break;
        case RB_MULTIPART_PART_END:
            rb_buf_add_text(&r->text, "</>");
            goes_on = true;
            break;
        case RB_MULTIPART_MORE:
        case RB_MULTIPART_OVER:
        case RB_MULTIPART_FAILED: break;
        }
    }
    assert_true(input.n == 0 || r->last == RB_MULTIPART_FAILED || r->last == RB_MULTIPART_OVER);
    free(copy);
}

static void begin(struct reading *r, const char *content_type)
{
    *r = (struct reading){0};
    assert_int_equal(rb_multipart_init(&r->multipart, rb_str_of(content_type)), RB_OK);
}

static void end(struct reading *r, const char *expected)
{
    feed(r, RB_STR_NONE);
    if (r->last == RB_MULTIPART_OVER) rb_buf_add_char(&r->text, '.');
    if (r->last == RB_MULTIPART_MORE) rb_buf_add_char(&r->text, '~');
    if (r->last == RB_MULTIPART_FAILED) rb_buf_add_fmt(&r->text, "!%.*s", RB_STR_FMT(r->multipart.why));
    rb_multipart_fini(&r->multipart);
    if (!rb_str_is(rb_buf_str(&r->text), expected))
        fail_msg("\"%.*s\" is not \"%s\"", RB_STR_FMT(rb_buf_str(&r->text)), expected);
    rb_buf_fini(&r->text);
}

static void expect_of(const char *content_type, rb_str input, const char *expected)
{
    struct reading r;
    for (size_t cut = 0; cut <= input.n; cut++) {
        begin(&r, content_type);
        feed(&r, rb_str_sub(input, 0, cut));
        feed(&r, rb_str_from(input, cut));
        end(&r, expected);
    }
    begin(&r, content_type);
    for (size_t i = 0; i < input.n; i++) feed(&r, rb_str_sub(input, i, 1));
    end(&r, expected);
}

static const char with_B[] = "multipart/form-data; boundary=B";

struct row {
    const char *input, *expected;
};

static void expect_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) expect_of(with_B, rb_str_of(rows[i].input), rows[i].expected);
}

/* ---- bodies ---- */

#define DISPOSITION(rest) "Content-Disposition: form-data; " rest "\r\n"
#define FIRST(name) "--B\r\n" DISPOSITION("name=\"" name "\"") "\r\n"
#define NEXT(name) "\r\n" FIRST(name)
#define LAST "\r\n--B--\r\n"

static void bodies(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {FIRST("a") "one" LAST, "<a>one</>."},
        {FIRST("a") "one" NEXT("b") "two" NEXT("") "" LAST, "<a>one</><b>two</><></>."},
        {"--B\r\n" DISPOSITION("name=a; filename=f") "Content-Type: text/x; charset=u\r\n\r\n1\r\n2\r\n" LAST,
         "<a|f;text/x; charset=u>1\r\n2\r\n</>."},
        {"--B\r\n" DISPOSITION("name=a; filename=\"\"") "\r\n" LAST, "<a|></>."},
        /* nothing in it */
        {"--B--\r\n", "."},
        {"--B--", "."},
        {"\r\n--B--", "."},
        /* before and behind */
        {"pre--B\r\namble\r\n-\r\n--\r\n" FIRST("a") "x\r\n--B--epilogue\r\n" FIRST("b") "y", "<a>x</>."},
        {"--B \t \r\n" DISPOSITION("name=a") "\r\nx" LAST, "<a>x</>."},
        /* almost delimiters */
        {FIRST("a") "\r\r\n-\r\n--\r\n\r\n--b\n--B\r--B --B" LAST,
         "<a>\r\r\n-\r\n--\r\n\r\n--b\n--B\r--B --B</>."},
        {FIRST("a") "\r\n\r\n\r\n--B--", "<a>\r\n\r\n</>."},
        {FIRST("a") "-" LAST, "<a>-</>."},
        {FIRST("a") "--" LAST, "<a>--</>."},
        {FIRST("a") "-\r\n--" LAST, "<a>-\r\n--</>."},
        /* the line end behind the head is that of the delimiter as well (RFC 2046) */
        {FIRST("a") "--B--", "<a></>."},
        {FIRST("a") FIRST("b") "x" LAST, "<a></><b>x</>."},
        /* cut short */
        {"", "~"},
        {"--B", "~"},
        {"--B-", "~"},
        {"--B\r\nContent-", "~"},
        {FIRST("a"), "<a>~"},
        {FIRST("a") "x", "<a>x~"},
        {FIRST("a") "x\r\n--B", "<a>x</>~"},
        {FIRST("a") "x\r\n--B\r\n", "<a>x</>~"},
        {"no delimiter at all", "~"},
    };
    expect_rows(rows, RB_COUNT(rows));
}

static void malformed(void **state)
{
    (void)state;
    static const char after[] = "!A delimiter is followed by something else.";
    static const char line_end[] = "!A line of the head of a part ends without CRLF.";
    static const char line[] = "!The head of a part has a malformed line.";
    static const char control[] = "!The head of a part has a control character.";
    static const char disposition[] = "!A Content-Disposition is malformed.";
    static const char twice[] = "!The head of a part says something twice.";
    static const char extended[] = "!A filename* is malformed.";
    static const struct row rows[] = {
        {"--Bx\r\n", after},
        {"--B\n", after},
        {"--B-\r\n", after},
        {"--B\rx", after},
        {"--B \n", after},
        {"--B\r\nContent-Disposition: form-data; name=a\n\r\nx" LAST, line_end},
        {"--B\r\nA: b\r\n\nx", line_end},
        {"--B\r\n\n", line_end},
        {"--B\r\n\r\nx" LAST, "!A part has no Content-Disposition."},
        {"--B\r\nContent-Type: text/plain\r\n\r\nx" LAST, "!A part has no Content-Disposition."},
        {"--B\r\nContent-Disposition: attachment; name=a\r\n\r\nx" LAST, "!A part is not form-data."},
        {"--B\r\nContent-Disposition:\r\n\r\nx" LAST, "!A part is not form-data."},
        {"--B\r\n" DISPOSITION("name=a") DISPOSITION("name=b") "\r\nx" LAST,
         "!A part has two Content-Dispositions."},
        {"--B\r\n" DISPOSITION("filename=a") "\r\nx" LAST, "!A part has no name."},
        {"--B\r\n" DISPOSITION("name=a") " folded\r\n\r\nx" LAST, line},
        {"--B\r\n" DISPOSITION("name=a") "No colon\r\n\r\nx" LAST, line},
        {"--B\r\n" DISPOSITION("name=a") ": no name\r\n\r\nx" LAST, line},
        {"--B\r\n" DISPOSITION("name=a") "Blank : before\r\n\r\nx" LAST, line},
        {"--B\r\n" DISPOSITION("name=\"a\rb\"") "\r\nx" LAST, control},
        {"--B\r\n" DISPOSITION("name=\"a\x7f\"") "\r\nx" LAST, control},
        {"--B\r\n" DISPOSITION("name") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=\"a") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=\"a\\\"") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=\"a\"b") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=a\"b\"") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=a b") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name =a") "\r\nx" LAST, disposition},
        {"--B\r\n" DISPOSITION("name=a; name=b") "\r\nx" LAST, twice},
        {"--B\r\n" DISPOSITION("name=a; filename=b; FileName=c") "\r\nx" LAST, twice},
        {"--B\r\n" DISPOSITION("name=a") "Content-Type: a\r\ncontent-type: b\r\n\r\nx" LAST, twice},
        {"--B\r\n" DISPOSITION("name=a; filename*=x") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a; filename*=UTF-8'x") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a; filename*=ISO-8859-1''x") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a; filename*=UTF-8''%4") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a; filename*=UTF-8''%ff") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a; filename*=UTF-8''\xc3\xa4") "\r\nx" LAST, extended},
        {"--B\r\n" DISPOSITION("name=a") "Content-Transfer-Encoding: base64\r\n\r\nx" LAST,
         "!The transfer encoding of a part is not known."},
    };
    expect_rows(rows, RB_COUNT(rows));
    expect_of(with_B, RB_STR(FIRST("a") "x\r\n--Bx"), "<a>x</>!A delimiter is followed by something else.");
}

/* ---- names ---- */

static void zero_bytes(void **state)
{
    (void)state;
    struct reading r;
    begin(&r, with_B);
    feed(&r, RB_STR(FIRST("a") "\0\r\0" LAST));
    assert_int_equal(memcmp(r.text.p, "<a>\0\r\0</>", 9), 0);
    rb_buf_clear(&r.text);
    end(&r, ".");
}

static void names(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"name=\"a\"; filename=\"b c.ifc\"", "<a|b c.ifc>"},
        {"NAME=a;FILENAME=b", "<a|b>"},
        {"  name=a ; filename=b ;", "<a|b>"},
        {"filename=b; name=a; size=3; x=\"y;z\"", "<a|b>"},
        /* as browsers write them */
        {"name=\"a%22b%0D%0a%41%2g%\"; filename=\"50%.txt%22\"", "<a\"b\r\n%41%2g%|50%.txt\">"},
        {"name=\"\xc3\xa4\"; filename=\"\xe4\"", "<\xc3\xa4|\xe4>"},
        /* quoted pairs, and backslashes that are none */
        {"name=a; filename=\"C:\\temp\\new.ifc\"", "<a|C:\\temp\\new.ifc>"},
        {"name=a; filename=\"\\\\server\\x\"", "<a|\\\\server\\x>"},
        {"name=a; filename=\"say \\\"x\\\".txt\"", "<a|say \"x\".txt>"},
        {"name=a; filename=\"x\\\\\"", "<a|x\\\\>"},
        {"name=a; filename=\"x\\%22\"", "<a|x\\\">"},
        {"name=a; filename=\"; filename=b\"", "<a|; filename=b>"},
        {"name=a; filename=\"../../etc/passwd\"", "<a|../../etc/passwd>"},
        /* coded as a whole */
        {"name=a; filename*=UTF-8''%e2%82%ac%20x%22", "<a|\xe2\x82\xac x\">"},
        {"name=a; filename*=utf-8'en'x; filename=y", "<a|x>"},
        {"name=a; filename=y; filename*=\"UTF-8''x%2Fy\"", "<a|x/y>"},
        {"name=a; filename*=UTF-8''", "<a|>"},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_buf input = {0}, expected = {0};
        rb_buf_add_fmt(&input, "--B\r\nContent-Disposition: form-data; %s\r\nX-Other: 1\r\n\r\nx" LAST,
                       rows[i].input);
        rb_buf_add_fmt(&expected, "%sx</>.", rows[i].expected);
        expect_of(with_B, rb_buf_str(&input), rb_buf_text(&expected));
        rb_buf_fini(&input);
        rb_buf_fini(&expected);
    }
    expect_of(with_B,
              RB_STR("--B\r\ncontent-type:a/b\r\nContent-Transfer-Encoding: Binary\r\nCONTENT-DISPOSITION:"
                     " Form-Data; name=n\r\n\r\nx" LAST),
              "<n;a/b>x</>.");
}

/* ---- boundaries ---- */

#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"

static void boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *content_type;
        bool is_form;
        const char *boundary; /* NULL: none that is valid */
    } rows[] = {
        {"multipart/form-data; boundary=x", true, "x"},
        {"Multipart/Form-Data;BOUNDARY=\"a b'()+_,-./:=?c\"", true, "a b'()+_,-./:=?c"},
        {"multipart/form-data ; charset=utf-8 ; boundary=----WebKitFormBoundaryAbC ;", true,
         "----WebKitFormBoundaryAbC"},
        {"multipart/form-data; boundary=" SEVENTY, true, SEVENTY},
        {"multipart/form-data; boundary=" SEVENTY "0", true, NULL},
        {"multipart/form-data", true, NULL},
        {"multipart/form-data; boundary=", true, NULL},
        {"multipart/form-data; boundary=\"\"", true, NULL},
        {"multipart/form-data; boundary=\"x \"", true, NULL},
        {"multipart/form-data; boundary=\"x", true, NULL},
        {"multipart/form-data; boundary=\"x\\\"y\"", true, NULL},
        {"multipart/form-data; boundary=x@y", true, NULL},
        {"multipart/form-data; boundary=x; boundary=y", true, NULL},
        {"multipart/form-data; boundary=x; y", true, NULL},
        {"multipart/mixed; boundary=x", false, "x"},
        {"application/json", false, NULL},
        {"", false, NULL},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        const char *boundary = rows[i].boundary;
        struct rb_multipart multipart;
        assert_int_equal(rb_multipart_is_form(rb_str_of(rows[i].content_type)), rows[i].is_form);
        rb_err err = rb_multipart_init(&multipart, rb_str_of(rows[i].content_type));
        assert_int_equal(err, boundary ? RB_OK : RB_BAD_REQUEST);
        if (!boundary) assert_str(multipart.why, "The Content-Type has no valid boundary.");
        rb_str input = RB_STR("--");
        if (!boundary) assert_int_equal(rb_multipart_next(&multipart, &input), RB_MULTIPART_FAILED);
        rb_multipart_fini(&multipart);
        if (!boundary) continue;
        struct rb_buf body = {0};
        rb_buf_add_fmt(&body, "--%s\r\n" DISPOSITION("name=a") "\r\nx\r\n--%s--", boundary, boundary);
        expect_of(rows[i].content_type, rb_buf_str(&body), "<a>x</>.");
        rb_buf_fini(&body);
    }
    assert_false(rb_multipart_is_form(RB_STR_NONE));
}

/* ---- limits ---- */

static void long_heads(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct rb_buf input = {0};
        rb_buf_add_text(&input, "--B\r\n" DISPOSITION("name=a") "X: ");
        size_t head_n = input.n - 5;
        for (size_t n = RB_MULTIPART_HEAD_MAX - head_n - 4 + over; n > 0; n--) rb_buf_add_char(&input, 'x');
        rb_buf_add_text(&input, "\r\n\r\ny" LAST);
        const char *expected = over ? "!The head of a part is too long." : "<a>y</>.";
        struct reading r;
        for (size_t step = 1; step < 2 * input.n; step += 1 + step / 2) {
            begin(&r, with_B);
            for (size_t at = 0; at < input.n; at += step) feed(&r, rb_str_sub(rb_buf_str(&input), at, step));
            end(&r, expected);
        }
        rb_buf_fini(&input);
    }
}

static void many_parts(void **state)
{
    (void)state;
    for (unsigned over = 0; over < 2; over++) {
        struct reading r;
        struct rb_buf expected = {0};
        begin(&r, with_B);
        feed(&r, RB_STR("preamble"));
        for (unsigned i = 0; i < RB_MULTIPART_PARTS_MAX + over; i++) {
            feed(&r, RB_STR(NEXT("a") "x"));
            if (i < RB_MULTIPART_PARTS_MAX) rb_buf_add_text(&expected, "<a>x</>");
        }
        feed(&r, RB_STR(LAST));
        rb_buf_add_text(&expected, over ? "!There are too many parts." : ".");
        end(&r, rb_buf_text(&expected));
        rb_buf_fini(&expected);
    }
}

static void no_memory(void **state)
{
    (void)state;
    struct reading r;
    begin(&r, with_B);
    rb_str input = RB_STR(FIRST("a") "x" LAST);
    rb_mem_fail_after(0);
    r.last = rb_multipart_next(&r.multipart, &input);
    rb_mem_fail_after(-1);
    assert_int_equal(r.last, RB_MULTIPART_FAILED);
    assert_int_equal(r.multipart.err, RB_OUT_OF_MEMORY);
    end(&r, "!No memory is left for the head of a part.");
}

/* Content goes through in pieces as large as they came. */
static void content_is_not_chopped(void **state)
{
    (void)state;
    struct reading r;
    begin(&r, with_B);
    feed(&r, RB_STR(FIRST("a")));
    rb_str input = RB_STR("0123\r4567\r\n89\r\n-\r\n--C\r\n--");
    assert_int_equal(rb_multipart_next(&r.multipart, &input), RB_MULTIPART_DATA);
    assert_str(r.multipart.data, "0123\r4567\r\n89\r\n-\r\n--C");
    end(&r, "<a>~");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),     cmocka_unit_test(zero_bytes), cmocka_unit_test(malformed),
        cmocka_unit_test(names),      cmocka_unit_test(boundaries), cmocka_unit_test(long_heads),
        cmocka_unit_test(many_parts), cmocka_unit_test(no_memory),  cmocka_unit_test(content_is_not_chopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
