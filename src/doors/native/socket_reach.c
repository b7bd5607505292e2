/* A connection on /v1/socket as back ends reach it: what is said of it, and the messages and calls that they
 * send. Their data is spliced in as it came. Replies come back in socket_ops.c. */
#include "doors/native/native_socket.h"
#include "hub/registry.h"

static struct native_socket *native_of(struct rb_conn *conn)
{
    return RB_OUTER(conn, struct native_socket, conn);
}

void socket_describe(struct rb_conn *conn, struct rb_conn_facts *out)
{
    struct native_socket *native = native_of(conn);
    *out = (struct rb_conn_facts){.tenant = socket_identity(native)->tenant,
                                  .client = socket_identity(native)->client,
                                  .door = "native",
                                  .transport = "websocket",
                                  .stream = &native->socket.stream};
}

static void put_name_and_data(struct rb_json_out *out, rb_str name, rb_str data)
{
    rb_json_put_key(out, "name");
    rb_json_put_str(out, name);
    rb_json_put_key(out, "data");
    rb_json_put_raw(out, data.n ? data : RB_STR("null"));
}

static rb_err send_text(struct native_socket *native, struct rb_buf *take_text)
{
    bool is_closing = native->state == SOCKET_CLOSING || rb_socket_is_closing(&native->socket);
    struct rb_blob *frame =
        is_closing || take_text->failed ? NULL : rb_socket_frame(RB_WS_TEXT, rb_buf_str(take_text));
    rb_buf_fini(take_text);
    if (is_closing) return RB_CONNECTION_LOST;
    if (!frame) return RB_OUT_OF_MEMORY;
    rb_socket_send(&native->socket, frame);
    return RB_OK;
}

rb_err socket_send(struct rb_conn *conn, rb_str name, rb_str data)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "op");
    rb_json_put_text(&out, "message");
    put_name_and_data(&out, name, data);
    rb_json_end_object(&out);
    return send_text(native_of(conn), &text);
}

rb_err socket_call(struct rb_conn *conn, uint32_t number, rb_str name, rb_str data, uint64_t timeout_ms)
{
    struct rb_buf text = {0}, number_text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_buf_add_u64(&number_text, number);
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "op");
    rb_json_put_text(&out, "call");
    rb_json_put_key(&out, "call");
    rb_json_put_str(&out, rb_buf_str(&number_text));
    put_name_and_data(&out, name, data);
    rb_json_put_key(&out, "timeout_ms");
    rb_json_put_u64(&out, timeout_ms);
    rb_json_end_object(&out);
    rb_buf_fini(&number_text);
    return send_text(native_of(conn), &text);
}
