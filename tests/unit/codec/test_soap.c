#include "codec/soap.h"

#include "base/check.h"
#include "base/mem.h"
#include "test.h"

#include <string.h>

#define SPACE_11 "http://schemas.xmlsoap.org/soap/envelope/"
#define SPACE_12 "http://www.w3.org/2003/05/soap-envelope"
#define ENVELOPE(content) "<e:Envelope xmlns:e=\"" SPACE_11 "\">" content "</e:Envelope>"

/* As "{space}name(children)" or "{space}name=text". */
static void describe(struct rb_buf *out, const struct rb_soap_element *element)
{
    for (; element; element = element->next) {
        if (element->space.p) rb_buf_add_fmt(out, "{%.*s}", RB_STR_FMT(element->space));
        rb_buf_add_str(out, element->name);
        if (element->type.p) rb_buf_add_fmt(out, ":%.*s", RB_STR_FMT(element->type));
        if (element->is_nil) rb_buf_add_char(out, '0');
        if (element->must_be_understood) rb_buf_add_char(out, '!');
        if (element->first) {
            rb_buf_add_char(out, '(');
            describe(out, element->first);
            rb_buf_add_char(out, ')');
        } else {
            rb_buf_add_fmt(out, "=%.*s", RB_STR_FMT(element->text));
        }
        if (element->next) rb_buf_add_char(out, ' ');
    }
}

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rb_soap_version version;
        const char *headers, *operation;
    } cases[] = {
        {ENVELOPE("<e:Body><m xmlns=\"u:x\"><a>1</a></m></e:Body>"), RB_SOAP_11, "", "{u:x}m({u:x}a=1)"},
        {"\xEF\xBB\xBF<?xml version='1.0'?><Envelope xmlns='" SPACE_12
         "'><Body><m xmlns=''/></Body></Envelope>",
         RB_SOAP_12, "", "m="},
        {ENVELOPE("<e:Header><h e:mustUnderstand=\"1\">t</h><k "
                  "e:mustUnderstand=\"0\"/></e:Header><e:Body><m/></e:Body>"),
         RB_SOAP_11, "h!=t k=", "m="},
        {ENVELOPE("<e:Body><m xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><a i:nil=\"true\"/>"
                  "<b i:type=\"p:t\">x</b><c i:type=\" t \" nil=\"1\"/></m></e:Body>"),
         RB_SOAP_11, "", "m(a0= b:t=x c:t=)"},
        {ENVELOPE("<e:Body><m> a<b>2</b>c <d>&lt;&#x20AC;&amp;<![CDATA[<x>]]>&quot;</d><!-- no --> <?no "
                  "no?></m></e:Body>"),
         RB_SOAP_11, "", "m(b=2 d=<\xE2\x82\xAC&<x>\")"},
        {ENVELOPE("<e:Body><m>a<!-- -->b</m></e:Body><more/>"), RB_SOAP_11, "", "m=ab"},
        {"<?xml version='1.0' encoding='ISO-8859-1'?>" ENVELOPE("<e:Body><m>\xe9</m></e:Body>"), RB_SOAP_11,
         "", "m=\xC3\xA9"},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_arena arena = {0};
        struct rb_soap soap;
        struct rb_buf text = {0};
        const char *why = "";
        if (rb_soap_read(&soap, rb_str_of(cases[i].text), &arena, &why) != RB_OK) fail_msg("%zu: %s", i, why);
        assert_int_equal(soap.version, cases[i].version);
        describe(&text, soap.headers);
        assert_str(rb_buf_str(&text), cases[i].headers);
        rb_buf_clear(&text);
        describe(&text, soap.operation);
        assert_str(rb_buf_str(&text), cases[i].operation);
        rb_buf_fini(&text);
        rb_arena_fini(&arena);
    }
}

static rb_err read_text(rb_str text, const char **why)
{
    struct rb_arena arena = {0};
    struct rb_soap soap;
    rb_err err = rb_soap_read(&soap, text, &arena, why);
    rb_arena_fini(&arena);
    return err;
}

static void refuses(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "<a>",
        "<a/>",
        "<Envelope/>",
        "<e:Envelope xmlns:e=\"u:x\"><e:Body><m/></e:Body></e:Envelope>",
        ENVELOPE(""),
        ENVELOPE("<e:Body/>"),
        ENVELOPE("<e:Body><a/><b/></e:Body>"),
        ENVELOPE("<e:Body><a></b></e:Body>"),
        ENVELOPE("<e:Body><x:a/></e:Body>"),
        ENVELOPE("<e:Body><a>&nope;</a></e:Body>"),
        ENVELOPE("<e:Body><a>\xff</a></e:Body>"),
        ENVELOPE("<e:Body><a b='1' b='2'/></e:Body>"),
        ENVELOPE("<e:Body><a/></e:Body>") "<b/>",
        "<!DOCTYPE a>" ENVELOPE("<e:Body><a/></e:Body>"),
        "<!DOCTYPE a [<!ENTITY x \"y\">]>" ENVELOPE("<e:Body><a>&x;</a></e:Body>"),
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\">" ENVELOPE("<e:Body><a/></e:Body>"),
        "<!DOCTYPE a [<!ENTITY % x SYSTEM \"http://127.0.0.1/\">%x;]>" ENVELOPE("<e:Body><a/></e:Body>"),
    };
    for (size_t i = 0; i < RB_COUNT(texts); i++) {
        const char *why = NULL;
        assert_int_equal(read_text(rb_str_of(texts[i]), &why), RB_BAD_REQUEST);
        assert_true(why && why[0]);
        assert_int_equal(strncmp(texts[i], "<!D", 3) == 0,
                         strcmp(why, "document type declarations are not allowed") == 0);
    }
}

static void nesting_and_numbers_have_limits(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    const char *why;
    for (unsigned depth = RB_SOAP_DEPTH_MAX - 2; depth <= RB_SOAP_DEPTH_MAX - 1; depth++) {
        rb_buf_clear(&text);
        rb_buf_add_text(&text, "<Envelope xmlns=\"" SPACE_11 "\"><Body>");
        for (unsigned i = 0; i < depth; i++) rb_buf_add_text(&text, "<a>");
        for (unsigned i = 0; i < depth; i++) rb_buf_add_text(&text, "</a>");
        rb_buf_add_text(&text, "</Body></Envelope>");
        assert_int_equal(read_text(rb_buf_str(&text), &why),
                         depth <= RB_SOAP_DEPTH_MAX - 2 ? RB_OK : RB_TOO_DEEP);
    }
    for (unsigned more = 0; more <= 1; more++) {
        rb_buf_clear(&text);
        rb_buf_add_text(&text, "<Envelope xmlns=\"" SPACE_11 "\"><Body><m>");
        for (unsigned i = 3; i < RB_SOAP_ELEMENTS_MAX + more; i++) rb_buf_add_text(&text, "<a/>");
        rb_buf_add_text(&text, "</m></Body></Envelope>");
        assert_int_equal(read_text(rb_buf_str(&text), &why), more ? RB_BODY_TOO_LARGE : RB_OK);
    }
    rb_buf_fini(&text);
}

/* A long namespace is joined to each name in it. */
static void names_are_not_endless(void **state)
{
    (void)state;
    struct rb_buf text = {0};
    const char *why;
    rb_buf_add_text(&text, "<E:Envelope xmlns:E=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:p=\"");
    for (unsigned i = 0; i < 1 << 18; i++) rb_buf_add_char(&text, 'x');
    rb_buf_add_text(&text, "\"><E:Body>");
    size_t n = text.n;
    rb_buf_add_text(&text, "<p:a/></E:Body></E:Envelope>");
    assert_int_equal(read_text(rb_buf_str(&text), &why), RB_BODY_TOO_LARGE);
    assert_string_equal(why, "a name is too long");
    text.n = n;
    rb_buf_add_text(&text, "<a");
    for (unsigned i = 0; i < 1000; i++) rb_buf_add_fmt(&text, " p:a%u=\"\"", i);
    rb_buf_add_text(&text, "/></E:Body></E:Envelope>");
    assert_int_equal(read_text(rb_buf_str(&text), &why), RB_BODY_TOO_LARGE);
    assert_string_equal(why, "the envelope would take too much memory");
    rb_buf_fini(&text);
}

static void memory_may_be_out(void **state)
{
    (void)state;
    static const char text[] = ENVELOPE("<e:Body><m><a>0123456789</a><b c=\"d\"/></m></e:Body>");
    rb_err err = RB_OUT_OF_MEMORY;
    for (long count = 0; err; count++) {
        const char *why;
        rb_mem_fail_after(count);
        err = read_text(rb_str_of(text), &why);
        rb_mem_fail_after(-1);
        if (err) assert_int_equal(err, RB_OUT_OF_MEMORY);
        assert_true(count < 1000);
    }
}

static void writes(void **state)
{
    (void)state;
    struct rb_buf out = {0};
    rb_xml_put_text(&out, RB_STR("a<b>&\"c'\r\n\t\x01\xff\xEF\xBF\xBF\xF0\x9F\x98\x80"));
    assert_str(rb_buf_str(&out),
               "a&lt;b&gt;&amp;&quot;c'&#13;&#10;&#9;\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xF0\x9F\x98\x80");
    for (enum rb_soap_version version = RB_SOAP_11; version <= RB_SOAP_12; version++) {
        const char *why;
        rb_buf_clear(&out);
        rb_soap_begin(&out, version);
        rb_soap_put_fault(&out, version, RB_SOAP_CLIENT, RB_STR("<&"), RB_STR("<d/>"));
        rb_soap_end(&out);
        assert_int_equal(read_text(rb_buf_str(&out), &why), RB_OK);
    }
    rb_buf_fini(&out);
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t wall_ms;
        const char *written;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000Z"},
        {"2023-11-14T22:13:20.123Z", 1700000000123, "2023-11-14T22:13:20.123Z"},
        {" 2023-11-14T23:13:20.1239+01:00 ", 1700000000123, "2023-11-14T22:13:20.123Z"},
        {"2023-11-14T22:13:20-00:30", 1700001800000, "2023-11-14T22:43:20.000Z"},
        {"1969-12-31T23:59:59.999", -1, "1969-12-31T23:59:59.999Z"},
        {"2024-02-29T00:00:00Z", 1709164800000, "2024-02-29T00:00:00.000Z"},
        {"0001-01-01T00:00:00Z", -62135596800000, "0001-01-01T00:00:00.000Z"},
        {"9999-12-31T23:59:59.999Z", 253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    static const char *const bad[] = {"",
                                      "2023-11-14",
                                      "2023-02-29T00:00:00Z",
                                      "2023-13-01T00:00:00Z",
                                      "2023-00-01T00:00:00Z",
                                      "0000-01-01T00:00:00Z",
                                      "2023-01-01T24:00:00Z",
                                      "2023-01-01T00:00:60Z",
                                      "2023-01-01T00:00:00.Z",
                                      "2023-01-01T00:00:00z",
                                      "2023-01-01T00:00:00+1:00",
                                      "2023-01-01T00:00:00+01:00Z",
                                      "0001-01-01T00:00:00+01:00",
                                      "-2023-01-01T00:00:00Z"};
    struct rb_buf out = {0};
    int64_t wall_ms;
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        assert_true(rb_xml_date(rb_str_of(cases[i].text), &wall_ms));
        assert_int_equal(wall_ms, cases[i].wall_ms);
        rb_buf_clear(&out);
        rb_xml_put_date(&out, wall_ms);
        assert_str(rb_buf_str(&out), cases[i].written);
    }
    for (size_t i = 0; i < RB_COUNT(bad); i++)
        if (rb_xml_date(rb_str_of(bad[i]), &wall_ms)) fail_msg("%s is a date", bad[i]);
    rb_buf_clear(&out);
    rb_xml_put_date(&out, INT64_MAX);
    assert_str(rb_buf_str(&out), "9999-12-31T23:59:59.999Z");
    rb_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_not_endless),
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(nesting_and_numbers_have_limits),
        cmocka_unit_test(memory_may_be_out),
        cmocka_unit_test(writes),
        cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
