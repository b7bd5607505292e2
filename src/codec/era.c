#include "codec/era.h"

#include "base/crypto.h"

#include <string.h>

static const rb_str suffix = {"_result", 7}, prefix = {"rb-", 3};

/* ---- reading ---- */

static rb_err read_pair(struct rb_era_message *out, struct rb_arena *arena)
{
    rb_json_val root = rb_json_root(&out->doc), name = rb_json_first(root);
    rb_str method;
    if (rb_json_type(root) != RB_JSON_ARRAY || rb_json_count(root) != 2) return RB_BAD_REQUEST;
    if (!rb_json_string(name, arena, &method) || method.n == 0) return RB_BAD_REQUEST;
    out->params = rb_json_next(name);
    if (rb_json_type(out->params) != RB_JSON_OBJECT) return RB_BAD_REQUEST;
    rb_str qid = rb_json_raw(rb_json_get(out->params, "qid"));
    if (method.n > RB_ERA_METHOD_BYTES_MAX || qid.n > RB_ERA_QID_BYTES_MAX) return RB_BAD_NAME;
    out->method = method;
    out->qid = qid;
    return RB_OK;
}

rb_err rb_era_read(struct rb_era_message *out, rb_str text, struct rb_arena *arena)
{
    *out = (struct rb_era_message){0};
    rb_err err = rb_json_parse(&out->doc, text, &(struct rb_json_limits){.bytes_max = text.n ? text.n : 1});
    return err ? err : read_pair(out, arena);
}

void rb_era_message_fini(struct rb_era_message *message)
{
    rb_json_fini(&message->doc);
}

/* ---- writing ---- */

void rb_era_begin(struct rb_json_out *out, rb_str name)
{
    rb_json_begin_array(out);
    rb_json_put_str(out, name);
    rb_json_begin_object(out);
}

static void put_qid(struct rb_json_out *out, rb_str qid)
{
    if (!qid.n) return;
    rb_json_put_key(out, "qid");
    rb_json_put_raw(out, qid);
}

void rb_era_begin_reply(struct rb_json_out *out, rb_str method, rb_str qid)
{
    struct rb_buf name = {0};
    rb_buf_add_str(&name, method);
    rb_buf_add_str(&name, suffix);
    rb_era_begin(out, rb_buf_str(&name));
    if (name.failed) out->buf->failed = true;
    rb_buf_fini(&name);
    put_qid(out, qid);
}

void rb_era_end(struct rb_json_out *out)
{
    rb_json_end_object(out);
    rb_json_end_array(out);
}

void rb_era_put_error(struct rb_json_out *out, unsigned code, rb_str message)
{
    rb_json_put_key(out, "result");
    rb_json_put_text(out, "error");
    rb_json_put_key(out, "errorcode");
    rb_json_put_u64(out, code);
    rb_json_put_key(out, "errormsg");
    rb_json_put_str(out, message);
}

void rb_era_put_message(struct rb_buf *out, rb_str name, rb_str data)
{
    struct rb_json_out json = {.buf = out};
    rb_json_begin_array(&json);
    rb_json_put_str(&json, name);
    rb_json_put_raw(&json, data.n ? data : RB_STR("{}"));
    rb_json_end_array(&json);
}

void rb_era_put_notice(struct rb_buf *out, const struct rb_era_notice *notice)
{
    struct rb_json_out json = {.buf = out};
    rb_era_begin(&json, RB_STR("notify"));
    rb_json_put_key(&json, "class");
    rb_json_put_text(&json, notice->class);
    rb_json_put_key(&json, "type");
    rb_json_put_str(&json, notice->type);
    rb_json_put_key(&json, "eventts");
    rb_json_put_u64(&json, notice->time_ms);
    rb_json_put_key(&json, "data");
    rb_json_put_raw(&json, notice->data);
    rb_era_end(&json);
}

/* ---- requests of the server ---- */

static void put_members_but_qid(struct rb_json_out *out, rb_json_val object)
{
    struct rb_arena arena = {0};
    for (rb_json_val v = rb_json_first(object); rb_json_type(v) != RB_JSON_NONE; v = rb_json_next(v)) {
        rb_str key = rb_json_key(v, &arena);
        if (rb_str_is(key, "qid")) continue;
        rb_json_put_key_str(out, key);
        rb_json_put_raw(out, rb_json_raw(v));
    }
    rb_arena_fini(&arena);
}

enum { CHECK_BYTES = 4, QID_BYTES_MAX = 32 };

static rb_str write_qid(uint32_t number, rb_str name, struct rb_buf *out)
{
    unsigned char digest[RB_SHA1_BYTES];
    rb_sha1(name, digest);
    rb_buf_add_fmt(out, "%.*s%u-", RB_STR_FMT(prefix), number);
    for (int i = 0; i < CHECK_BYTES; i++) rb_buf_add_fmt(out, "%02x", digest[i]);
    return rb_buf_str(out);
}

rb_err rb_era_put_request(struct rb_buf *out, uint32_t number, rb_str name, rb_str data)
{
    struct rb_json doc;
    struct rb_json_out json = {.buf = out};
    struct rb_buf qid = {0};
    if (!data.n) data = RB_STR("{}");
    rb_err err =
        rb_json_parse(&doc, data, &(struct rb_json_limits){.bytes_max = data.n, .allow_duplicates = true});
    if (err) return err == RB_OUT_OF_MEMORY ? err : RB_UNPROCESSABLE;
    if (rb_json_type(rb_json_root(&doc)) == RB_JSON_OBJECT) {
        rb_era_begin(&json, name);
        rb_json_put_key(&json, "qid");
        rb_json_put_str(&json, write_qid(number, name, &qid));
        put_members_but_qid(&json, rb_json_root(&doc));
        rb_era_end(&json);
    } else {
        err = RB_UNPROCESSABLE;
    }
    if (qid.failed) out->failed = true;
    rb_buf_fini(&qid);
    rb_json_fini(&doc);
    return err;
}

/* ---- replies of clients ---- */

enum rb_era_reply rb_era_reply_read(const struct rb_era_message *message, uint32_t *out_number)
{
    rb_str qid = message->qid, digits;
    uint64_t number;
    if (!rb_str_ends(message->method, suffix)) return RB_ERA_NO_REPLY;
    if (qid.n < 2 || qid.n > QID_BYTES_MAX || qid.p[0] != '"') return RB_ERA_STRANGE_REPLY;
    qid = rb_str_sub(qid, 1, qid.n - 2);
    if (!rb_str_starts(qid, prefix)) return RB_ERA_STRANGE_REPLY;
    rb_str rest = rb_str_from(qid, prefix.n);
    rb_str_split(&rest, '-', &digits);
    if (!rb_str_u64(digits, UINT32_MAX, &number)) return RB_ERA_STRANGE_REPLY;
    rb_str name = rb_str_sub(message->method, 0, message->method.n - suffix.n);
    struct rb_buf expected = {0};
    bool is_ours = rb_str_eq(write_qid((uint32_t)number, name, &expected), qid);
    rb_buf_fini(&expected);
    if (!is_ours) return RB_ERA_STRANGE_REPLY;
    *out_number = (uint32_t)number;
    return RB_ERA_REPLY;
}

bool rb_era_reply_failed(const struct rb_era_message *reply)
{
    rb_json_val result = rb_json_get(reply->params, "result");
    return rb_json_type(result) == RB_JSON_STRING && rb_str_is(rb_json_raw(result), "\"error\"");
}

void rb_era_put_reply(struct rb_buf *out, const struct rb_era_message *reply)
{
    struct rb_json_out json = {.buf = out};
    if (rb_era_reply_failed(reply)) {
        rb_json_val message = rb_json_get(reply->params, "errormsg");
        rb_json_put_raw(&json,
                        rb_json_type(message) == RB_JSON_STRING ? rb_json_raw(message) : RB_STR("\"error\""));
        return;
    }
    rb_json_begin_object(&json);
    put_members_but_qid(&json, reply->params);
    rb_json_end_object(&json);
}
