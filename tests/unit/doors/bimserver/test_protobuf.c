#include "bim_rig.h"

#include "base/mem.h"
#include "doors/bimserver/pb_call.h"

#include <stdio.h>

static struct rb_buf answered;
static unsigned answers;

static void on_done(void *arg, rb_str frame)
{
    (void)arg;
    answers++;
    rb_buf_clear(&answered);
    rb_buf_add_str(&answered, frame);
}

static struct bim_pb *start(const char *interface, const char *method, const char *token, rb_str message)
{
    static const struct bim_origin origin = {.host = &rig_host};
    struct rb_pb_request request = {rb_str_of(interface), rb_str_of(method), rb_str_of(token), message};
    answers = 0;
    return bim_pb_start(&origin, &request, on_done, NULL);
}

#define BYTES(literal) RB_STR(literal)

/* The frame with what is not printable as <hex>. */
static void check_frame(const char *expected)
{
    struct rb_buf text = {0};
    for (size_t i = 0; i < answered.n; i++) {
        unsigned char c = (unsigned char)answered.p[i];
        rb_buf_add_fmt(&text, c > ' ' && c < 0x7f ? "%c" : "<%02x>", c);
    }
    assert_str(rb_buf_str(&text), expected);
    rb_buf_fini(&text);
}

static void transcripts(void **state)
{
    (void)state;
    static const struct {
        const char *interface, *method, *token;
        rb_str message;
        const char *frame;
    } cases[] = {
        {"AuthInterface",
         "login",
         "",
         {"\x0a\x01u\x12\x02pq", 7},
         "<1d><0a><03>OKE<12><16>username=u<20>password=pq"},
        {"AuthInterface", "login", "", {"", 0}, "\"<0a><03>OKE<12><1b>username=null<20>password=null"},
        {"Bimsie1AuthInterface", "getAccessMethod", "", {"", 0}, "<07><0a><03>OKE<10><06>"},
        {"NotificationRegistryInterface",
         "registerProgressHandler",
         "good",
         {"\x08\x01\x10\x02", 4},
         "<05><0a><03>OKE"},
        {"NotificationRegistryInterface",
         "getProgressTopicsOnServer",
         "good",
         {"", 0},
         "<1b><0a><03>OKE<10><01><10><fe><ff><ff><ff><ff><ff><ff><ff><ff><01><10><81><80><80><80><80><80><80>"
         "<10>"},
        {"ServiceInterface",
         "getDownloadData",
         "good",
         {"\x08\x01", 2},
         "Z<0a><03>OKE<12>S<0a><0f>SCheckoutResult<12><20><0a><04>hi<00><ff><10><ff><ff><ff><ff><ff><ff><ff><"
         "ff><ff><01><20><03>(<00>0<ff><ff><ff><ff><ff><ff><ff><ff><ff><01><1a><04>hi<00><ff><20><ff><ff><ff>"
         "<ff><ff><ff><ff><ff><ff><01>0<03>8<00>@<ff><ff><ff><ff><ff><ff><ff><ff><ff><01>"},
        /* errors */
        {"Nope", "x", "", {"", 0}, "!<0a><1f>No<20>service<20>found<20>with<20>name<20>Nope"},
        {"AuthInterface", "x", "", {"", 0}, "%<0a>#Method<20>x<20>not<20>found<20>on<20>AuthInterface"},
        {"AuthInterface", "logout", "", {"", 0}, "'<0a>%Authentication<20>required<20>for<20>this<20>call"},
        {"AuthInterface", "logout", "bad", {"", 0}, "<0f><0a><0d>Invalid<20>token"},
        {"AuthInterface", "login", "", {"\x0a\x7f", 2}, "<1b><0a><19>The<20>request<20>is<20>malformed."},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        assert_null(start(cases[i].interface, cases[i].method, cases[i].token, cases[i].message));
        assert_int_equal(answers, 1);
        check_frame(cases[i].frame);
    }
}

static struct rb_buf state_text;

static void keep_state(struct bim_call *call)
{
    rb_buf_clear(&state_text);
    rb_buf_add_str(&state_text, rb_json_raw(bim_json(call, "state")));
    bim_result_void(call);
}

/* A state as a plain one, then as the subclass that its type names. */
static void objects_come_in(void **state)
{
    (void)state;
    rig_handle("updateProgressTopic", keep_state);
    start("NotificationRegistryInterface", "updateProgressTopic", "good",
          BYTES("\x08\x05\x12\x19\x0a\x10SLongActionState\x38\x28\x58\x01\x22\x01"
                "e"));
    assert_str(rb_buf_str(&answered), "\x05\x0a\x03OKE");
    assert_str(
        rb_buf_str(&state_text),
        "{\"__type\":\"SLongActionState\",\"end\":null,\"errors\":[\"e\"],\"infos\":[],\"oid\":null,"
        "\"progress\":"
        "40,\"rid\":null,\"stage\":null,\"start\":null,\"state\":\"STARTED\",\"title\":null,\"topicId\":null,"
        "\"uuid\":null,\"warnings\":[]}");
    start("NotificationRegistryInterface", "updateProgressTopic", "good",
          BYTES("\x08\x05\x12\x1f\x0a\x17SLongCheckinActionState\x12\x04\x30\x07\x40\x09"));
    assert_str(
        rb_buf_str(&state_text),
        "{\"__type\":\"SLongCheckinActionState\",\"deserializeErrorCode\":null,\"end\":null,\"errors\":[],"
        "\"infos\":[],\"oid\":null,\"progress\":7,\"rid\":null,\"roid\":9,\"stage\":null,\"start\":null,"
        "\"state\":"
        "null,\"title\":null,\"topicId\":null,\"uuid\":null,\"warnings\":[]}");
    rb_buf_fini(&state_text);
}

/* Clients of 1.4 know a state of fewer fields, and no __actual_type. */
static void old_clients_get_the_old_layout(void **state)
{
    (void)state;
    start("Bimsie1NotificationRegistryInterface", "getProgress", "good", BYTES("\x08\x0c"));
    check_frame("6<0a><03>OKE<12>/"
                "<12><05>a<20><<20>b<12><03>two<20><ff><ff><ff><ff><ff><ff><ff><ff><ff><01>((0<00>8<00>@<fb><"
                "d0><95><ff><bc>1H<01>R<07>Checkin");
}

/* Two bytes on the wire, 40 times that in memory. */
static void many_fields_of_nothing_are_refused(void **state)
{
    (void)state;
    static const rb_str fields[] = {{"\x22\x00", 2},
                                    {"\xc0\x3e\x00", 3}}; /* a text of a list, and one unknown */
    for (size_t i = 0; i < RB_COUNT(fields); i++) {
        struct rb_buf inner = {0}, message = {0};
        rb_buf_add_text(&inner, "\x0a\x10SLongActionState");
        for (unsigned j = 0; j < 1 << 20; j++) rb_buf_add_str(&inner, fields[i]);
        rb_buf_add_text(&message, "\x08\x01\x12");
        rb_pb_put_varint(&message, inner.n);
        rb_buf_add_str(&message, rb_buf_str(&inner));
        assert_null(start("NotificationRegistryInterface", "updateProgressTopic", "", rb_buf_str(&message)));
        assert_non_null(strstr(rb_buf_text(&answered), rb_reason(RB_MESSAGE_TOO_LARGE)->sentence));
        rb_buf_fini(&inner);
        rb_buf_fini(&message);
    }
}

static void every_method_has_its_messages(void **state)
{
    (void)state;
    for (unsigned i = 0; i < bim_method_count; i++) rig_handlers[i] = rig_void;
    for (unsigned i = 0; i < bim_method_count; i++) {
        const struct bim_method *method = &bim_methods[i];
        for (enum bim_dialect dialect = BIM_NEW; dialect <= BIM_OLD; dialect++) {
            char name[64];
            if (!(method->dialects & 1u << dialect)) continue;
            snprintf(name, sizeof name, "%s%s", bim_name_prefix(dialect),
                     bim_interfaces[method->interface].name);
            assert_null(start(name, method->name, "good", BYTES("")));
            assert_str(rb_buf_str(&answered), "\x05\x0a\x03OKE");
        }
    }
}

static void answers_may_come_later(void **state)
{
    (void)state;
    struct bim_pb *pb = start("ServiceInterface", "cleanupLongAction", "good", BYTES("\x08\x01"));
    assert_non_null(pb);
    bim_pb_gone(pb);
    assert_int_equal(answers, 0);
    bim_result_void(rig_waiting);
    assert_int_equal(answers, 1);
    assert_str(rb_buf_str(&answered), "\x05\x0a\x03OKE");
}

static void memory_may_be_out(void **state)
{
    (void)state;
    rb_buf_clear(&answered);
    for (long count = 0; !strstr(rb_buf_text(&answered), "OKE"); count++) {
        rb_buf_reserve(&answered, 2000);
        rb_mem_fail_after(count);
        assert_null(start("NotificationRegistryInterface", "getProgress", "good", BYTES("\x08\x01")));
        rb_mem_fail_after(-1);
        assert_int_equal(answers, 1);
        assert_true(count < 1000);
    }
}

static int teardown(void **state)
{
    (void)state;
    rb_buf_fini(&answered);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(transcripts, rig_setup),
        cmocka_unit_test_setup(objects_come_in, rig_setup),
        cmocka_unit_test_setup(old_clients_get_the_old_layout, rig_setup),
        cmocka_unit_test_setup(many_fields_of_nothing_are_refused, rig_setup),
        cmocka_unit_test_setup(every_method_has_its_messages, rig_setup),
        cmocka_unit_test_setup(answers_may_come_later, rig_setup),
        cmocka_unit_test_setup(memory_may_be_out, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
