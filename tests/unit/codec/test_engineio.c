#include "test.h"

#include "base/check.h"
#include "codec/engineio.h"

/* What was written into `buf`, compared, and the buffer emptied for the next row. */
static void assert_written(struct rb_buf *buf, const char *expected)
{
    assert_false(buf->failed);
    assert_str(rb_buf_str(buf), expected);
    rb_buf_clear(buf);
}

static void test_reading(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        int type; /* -1: refused */
        const char *data;
    } rows[] = {
        {"0{\"sid\":\"x\"}", RB_EIO_OPEN, "{\"sid\":\"x\"}"},
        {"1", RB_EIO_CLOSE, ""},
        {"2", RB_EIO_PING, ""},
        {"2probe", RB_EIO_PING, "probe"},
        {"3", RB_EIO_PONG, ""},
        {"3probe", RB_EIO_PONG, "probe"},
        {"4", RB_EIO_MESSAGE, ""},
        {"42[\"x\"]", RB_EIO_MESSAGE, "2[\"x\"]"},
        {"4\xe2\x82\xac", RB_EIO_MESSAGE, "\xe2\x82\xac"},
        {"5", RB_EIO_UPGRADE, ""},
        {"6", RB_EIO_NOOP, ""},
        {"", -1, NULL},
        {"7", -1, NULL},
        {"9", -1, NULL},
        {"/", -1, NULL},
        {":", -1, NULL},
        {" 4", -1, NULL},
        {"\xff", -1, NULL},
        {"bAQID", -1, NULL}, /* binary data */
        {"\x1e", -1, NULL},  /* an empty packet and another, on polling */
        {"message", -1, NULL},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_eio_packet packet = {.type = RB_EIO_NOOP, .data = RB_STR("untouched")};
        rb_err err = rb_eio_read(rb_str_of(rows[i].message), &packet);
        if (rows[i].type < 0) {
            if (err != RB_PROTOCOL_ERROR) fail_msg("\"%s\" was read", rows[i].message);
            assert_str(packet.data, "untouched");
            continue;
        }
        assert_int_equal(err, RB_OK);
        assert_int_equal(packet.type, rows[i].type);
        assert_str(packet.data, rows[i].data);
    }
    struct rb_eio_packet packet;
    assert_int_equal(rb_eio_read(RB_STR_NONE, &packet), RB_PROTOCOL_ERROR);
}

static void test_writing(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    rb_eio_put(&buf, RB_EIO_PING, RB_STR_NONE);
    assert_written(&buf, "2");
    rb_eio_put(&buf, RB_EIO_PONG, RB_STR("probe"));
    assert_written(&buf, "3probe");
    rb_eio_put(&buf, RB_EIO_MESSAGE, RB_STR("0{\"sid\":\"x\"}"));
    assert_written(&buf, "40{\"sid\":\"x\"}");
    rb_eio_put(&buf, RB_EIO_NOOP, RB_STR_NONE);
    assert_written(&buf, "6");
    rb_buf_fini(&buf);
}

/* The transcript of the protocol's own page, on both transports. */
static void test_open_packet(void **state)
{
    (void)state;
    struct rb_buf buf = {0};
    struct rb_eio_open open = {.sid = RB_STR("KVzyIfB2MTJikIFdAAAA"),
                               .offers_websocket = true,
                               .ping_interval_ms = 25000,
                               .ping_timeout_ms = 20000,
                               .max_payload_bytes = 1000000};
    rb_eio_put_open(&buf, &open);
    assert_written(&buf, "0{\"sid\":\"KVzyIfB2MTJikIFdAAAA\",\"upgrades\":[\"websocket\"],"
                         "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    open.offers_websocket = false;
    rb_eio_put_open(&buf, &open);
    assert_written(&buf, "0{\"sid\":\"KVzyIfB2MTJikIFdAAAA\",\"upgrades\":[],"
                         "\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    rb_buf_fini(&buf);
}

static const struct rb_eio_link on_polling = {.is_on_websocket = false};
static const struct rb_eio_link on_websocket = {.is_on_websocket = true};
static const struct rb_eio_link v3_on_polling = {.is_v3 = true};

static const struct rb_eio_offer all = {.has_polling = true, .has_websocket = true, .has_v3 = true};
static const struct rb_eio_offer v4_only = {.has_polling = true, .has_websocket = true};
static const struct rb_eio_offer websocket_only = {.has_websocket = true};

enum { GET = 1, UPGRADE = 2, FORBIDDEN = 4 };

static void test_request_checks(void **state)
{
    (void)state;
    static const struct {
        const char *transport, *eio, *sid;
        const struct rb_eio_link *link;
        int flags;
        const struct rb_eio_offer *offer;
        enum rb_eio_error error;
    } rows[] = {
        /* opening */
        {"polling", "4", NULL, NULL, GET, &v4_only, RB_EIO_NO_ERROR},
        {"websocket", "4", NULL, NULL, GET | UPGRADE, &v4_only, RB_EIO_NO_ERROR},
        {"websocket", "4", NULL, NULL, GET | UPGRADE, &websocket_only, RB_EIO_NO_ERROR},
        {"polling", "4", "", NULL, GET, &v4_only, RB_EIO_NO_ERROR},
        {"polling", "4", "", &on_websocket, GET, &v4_only, RB_EIO_NO_ERROR},
        /* the transport comes before all else */
        {NULL, NULL, NULL, NULL, GET, &v4_only, RB_EIO_TRANSPORT_UNKNOWN},
        {NULL, "3", "gone", NULL, 0, &v4_only, RB_EIO_TRANSPORT_UNKNOWN},
        {"", "4", NULL, NULL, GET, &v4_only, RB_EIO_TRANSPORT_UNKNOWN},
        {"Polling", "4", NULL, NULL, GET, &v4_only, RB_EIO_TRANSPORT_UNKNOWN},
        {"webtransport", "4", NULL, NULL, GET, &all, RB_EIO_TRANSPORT_UNKNOWN},
        {"polling", "4", NULL, NULL, GET, &websocket_only, RB_EIO_TRANSPORT_UNKNOWN},
        {"polling", "4", "sid", &on_polling, GET, &websocket_only, RB_EIO_TRANSPORT_UNKNOWN},
        /* a sid that nobody has, whatever else is wrong */
        {"polling", "4", "gone", NULL, GET, &v4_only, RB_EIO_SID_UNKNOWN},
        {"polling", NULL, "gone", NULL, FORBIDDEN, &v4_only, RB_EIO_SID_UNKNOWN},
        {"websocket", "4", "gone", NULL, GET | UPGRADE, &websocket_only, RB_EIO_SID_UNKNOWN},
        /* methods */
        {"polling", "4", NULL, NULL, 0, &v4_only, RB_EIO_BAD_HANDSHAKE_METHOD},
        {"websocket", "5", NULL, NULL, FORBIDDEN, &v4_only, RB_EIO_BAD_HANDSHAKE_METHOD},
        /* the transport and the way it came */
        {"websocket", "4", NULL, NULL, GET, &v4_only, RB_EIO_BAD_REQUEST},
        {"websocket", "3", NULL, NULL, GET | FORBIDDEN, &v4_only, RB_EIO_BAD_REQUEST},
        {"polling", "4", NULL, NULL, GET | UPGRADE, &v4_only, RB_EIO_BAD_REQUEST},
        /* our own rules, before the revision */
        {"websocket", "3", NULL, NULL, GET | UPGRADE | FORBIDDEN, &v4_only, RB_EIO_FORBIDDEN},
        {"polling", "4", NULL, NULL, GET | FORBIDDEN, &v4_only, RB_EIO_FORBIDDEN},
        /* the revision */
        {"polling", NULL, NULL, NULL, GET, &v4_only, RB_EIO_UNSUPPORTED_VERSION},
        {"polling", "", NULL, NULL, GET, &v4_only, RB_EIO_UNSUPPORTED_VERSION},
        {"polling", "3", NULL, NULL, GET, &v4_only, RB_EIO_UNSUPPORTED_VERSION},
        {"websocket", "04", NULL, NULL, GET | UPGRADE, &v4_only, RB_EIO_UNSUPPORTED_VERSION},
        {"polling", "3", NULL, NULL, GET, &all, RB_EIO_NO_ERROR},
        {"polling", "4", NULL, NULL, GET, &all, RB_EIO_NO_ERROR},
        {"websocket", "3", NULL, NULL, GET | UPGRADE, &all, RB_EIO_NO_ERROR},
        {"websocket", NULL, NULL, NULL, GET | UPGRADE, &all, RB_EIO_UNSUPPORTED_VERSION},
        {"polling", "3", NULL, NULL, 0, &all, RB_EIO_BAD_HANDSHAKE_METHOD},
        {"polling", "5", NULL, NULL, GET, &all, RB_EIO_UNSUPPORTED_VERSION},
        {"polling", NULL, NULL, NULL, GET, &all, RB_EIO_UNSUPPORTED_VERSION},
        /* on a link */
        {"polling", "4", "sid", &on_polling, GET, &v4_only, RB_EIO_NO_ERROR},
        {"polling", "4", "sid", &on_polling, 0, &v4_only, RB_EIO_NO_ERROR},
        {"polling", "4", "sid", &on_polling, FORBIDDEN, &v4_only, RB_EIO_NO_ERROR},
        {"websocket", "4", "sid", &on_polling, GET | UPGRADE, &v4_only, RB_EIO_NO_ERROR},
        {"websocket", "4", "sid", &on_polling, GET, &v4_only, RB_EIO_BAD_REQUEST},
        {"polling", "4", "sid", &on_polling, GET | UPGRADE, &v4_only, RB_EIO_BAD_REQUEST},
        {"polling", "4", "sid", &on_websocket, GET, &v4_only, RB_EIO_BAD_REQUEST},
        {"websocket", "4", "sid", &on_websocket, GET, &v4_only, RB_EIO_BAD_REQUEST},
        {"websocket", "4", "sid", &on_websocket, GET | UPGRADE, &v4_only, RB_EIO_BAD_REQUEST},
        {"polling", "3", "sid", &on_polling, GET, &all, RB_EIO_BAD_REQUEST},
        {"polling", NULL, "sid", &on_polling, GET, &v4_only, RB_EIO_BAD_REQUEST},
        {"polling", "4", "sid", &v3_on_polling, GET, &all, RB_EIO_BAD_REQUEST},
        {"polling", "3", "sid", &v3_on_polling, GET, &all, RB_EIO_NO_ERROR},
        {"polling", "3", "sid", &v3_on_polling, 0, &all, RB_EIO_NO_ERROR},
        {"polling", NULL, "sid", &v3_on_polling, GET, &all, RB_EIO_BAD_REQUEST},
        {"websocket", "3", "sid", &v3_on_polling, GET | UPGRADE, &all, RB_EIO_NO_ERROR},
        {"websocket", "4", "sid", &v3_on_polling, GET | UPGRADE, &all, RB_EIO_BAD_REQUEST},
        {"websocket", "3", "sid", &on_polling, GET | UPGRADE, &all, RB_EIO_BAD_REQUEST},
    };
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        struct rb_eio_request request = {.transport = rb_str_of(rows[i].transport),
                                         .eio = rb_str_of(rows[i].eio),
                                         .sid = rb_str_of(rows[i].sid),
                                         .link = rows[i].link,
                                         .is_get = rows[i].flags & GET,
                                         .is_upgrade = rows[i].flags & UPGRADE,
                                         .is_forbidden = rows[i].flags & FORBIDDEN};
        enum rb_eio_error error = rb_eio_check(&request, rows[i].offer);
        if (error != rows[i].error) fail_msg("row %zu: %d instead of %d", i, (int)error, (int)rows[i].error);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        enum rb_eio_error error;
        int status;
        const char *text, *body;
    } rows[] = {
        {RB_EIO_TRANSPORT_UNKNOWN, 400, "Transport unknown",
         "{\"code\":0,\"message\":\"Transport unknown\"}"},
        {RB_EIO_SID_UNKNOWN, 400, "Session ID unknown", "{\"code\":1,\"message\":\"Session ID unknown\"}"},
        {RB_EIO_BAD_HANDSHAKE_METHOD, 400, "Bad handshake method",
         "{\"code\":2,\"message\":\"Bad handshake method\"}"},
        {RB_EIO_BAD_REQUEST, 400, "Bad request", "{\"code\":3,\"message\":\"Bad request\"}"},
        {RB_EIO_FORBIDDEN, 403, "Forbidden", "{\"code\":4,\"message\":\"Forbidden\"}"},
        {RB_EIO_UNSUPPORTED_VERSION, 400, "Unsupported protocol version",
         "{\"code\":5,\"message\":\"Unsupported protocol version\"}"},
    };
    struct rb_buf buf = {0};
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        assert_int_equal(rb_eio_error_status(rows[i].error, false), rows[i].status);
        assert_int_equal(rb_eio_error_status(rows[i].error, true), 400);
        assert_string_equal(rb_eio_error_text(rows[i].error), rows[i].text);
        rb_eio_put_error(&buf, rows[i].error);
        assert_written(&buf, rows[i].body);
    }
    rb_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),     cmocka_unit_test(test_writing),
        cmocka_unit_test(test_open_packet), cmocka_unit_test(test_request_checks),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
