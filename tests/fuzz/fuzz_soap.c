/* Any bytes as an envelope, as text and as a date. What is read can be written so that the same is read
 * again. */
#include "base/check.h"
#include "codec/soap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned count(const struct rb_soap_element *element)
{
    unsigned n = 0;
    for (; element; element = element->next) {
        RB_CHECK(!element->first || element->text.n == 0);
        n += 1 + count(element->first);
    }
    return n;
}

static void check_text(rb_str text)
{
    struct rb_arena arena = {0};
    struct rb_buf out = {0}, again = {0};
    struct rb_soap soap;
    const char *why;
    rb_soap_begin(&out, RB_SOAP_12);
    rb_buf_add_text(&out, "<a>");
    rb_xml_put_text(&out, text);
    rb_buf_add_text(&out, "</a>");
    rb_soap_end(&out);
    RB_CHECK(rb_soap_read(&soap, rb_buf_str(&out), &arena, &why) == RB_OK);
    rb_buf_clear(&out);
    rb_xml_put_text(&out, text);
    rb_xml_put_text(&again, soap.operation->text);
    RB_CHECK(rb_str_eq(rb_buf_str(&out), rb_buf_str(&again)));
    rb_buf_fini(&out);
    rb_buf_fini(&again);
    rb_arena_fini(&arena);
}

static void check_date(rb_str text)
{
    struct rb_buf out = {0};
    int64_t wall_ms, again;
    if (!rb_xml_date(text, &wall_ms)) return;
    rb_xml_put_date(&out, wall_ms);
    RB_CHECK(rb_xml_date(rb_buf_str(&out), &again) && again == wall_ms);
    rb_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rb_arena arena = {0};
    struct rb_soap soap;
    const char *why = NULL;
    rb_str text = rb_str_make(data, size);
    if (rb_soap_read(&soap, text, &arena, &why) == RB_OK)
        RB_CHECK(count(soap.operation) + count(soap.headers) <= RB_SOAP_ELEMENTS_MAX);
    else
        RB_CHECK(why != NULL);
    rb_arena_fini(&arena);
    check_text(text);
    check_date(text);
    return 0;
}
