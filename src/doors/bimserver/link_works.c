/* What frames have set off: calls, each answered when it is done, in whatever order; and downloads. */
#include "base/mem.h"
#include "doors/bimserver/link.h"
#include "doors/bimserver/rpc.h"
#include "net/address.h"

bool bim_link_work_begin(struct bim_link *link, struct link_work *work)
{
    if (link->work_count >= LINK_WORKS_MAX) return false;
    work->link = link;
    link->work_count++;
    rb_list_push_back(&link->works, &work->node);
    return true;
}

void bim_link_work_end(struct link_work *work)
{
    if (!work->link) return;
    rb_list_remove(&work->node);
    work->link->work_count--;
    work->link = NULL;
}

void bim_link_works_leave(struct bim_link *link)
{
    while (!rb_list_is_empty(&link->works)) {
        struct link_work *work = RB_OUTER(link->works.next, struct link_work, node);
        bim_link_work_end(work);
        work->leave(work);
    }
}

/* ---- calls ---- */

struct call_work {
    struct link_work work;
    struct bim_rpc *rpc; /* NULL: it is being started, or done */
    uint32_t bytes;
};

static void on_call_done(void *arg, rb_str answer)
{
    struct call_work *call = arg;
    struct bim_link *link = call->work.link;
    bim_link_work_end(&call->work);
    link->call_bytes -= call->bytes;
    rb_free(call);
    if (answer.p) rb_socket_send_message(&link->socket, RB_WS_TEXT, answer);
}

static void leave_call(struct link_work *work)
{
    struct call_work *call = RB_OUTER(work, struct call_work, work);
    bim_rpc_leave(call->rpc);
    rb_free(call);
}

/* As an exception, under its id if it has one: whoever waits for the answer gets it. */
static void refuse_call(struct bim_link *link, rb_str call)
{
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    struct rb_json doc;
    bool is_read = rb_json_parse(&doc, call, NULL) == RB_OK;
    rb_json_val id = is_read ? rb_json_get(rb_json_root(&doc), "id") : (rb_json_val){0};
    rb_json_begin_object(&out);
    if (rb_json_type(id) == RB_JSON_NUMBER) {
        rb_json_put_key(&out, "id");
        rb_json_put_raw(&out, rb_json_raw(id));
    }
    rb_json_put_key(&out, "response");
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "exception");
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "__type");
    rb_json_put_text(&out, "UserException");
    rb_json_put_key(&out, "message");
    rb_json_put_text(&out, rb_reason(RB_TOO_MANY_REQUESTS)->sentence);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    rb_json_end_object(&out);
    if (is_read) rb_json_fini(&doc);
    bim_link_send(link, &text);
}

void bim_link_call(struct bim_link *link, rb_str text)
{
    char address[RB_ADDRESS_TEXT_BYTES] = "";
    struct rb_buf copy = {0};
    struct call_work *call = rb_new(struct call_work);
    bool is_much = link->call_bytes > 0 && link->call_bytes + text.n > LINK_CALL_BYTES_MAX;
    call->work.leave = leave_call;
    if (is_much || !bim_link_work_begin(link, &call->work)) {
        rb_free(call);
        refuse_call(link, text);
        return;
    }
    call->bytes = (uint32_t)text.n;
    link->call_bytes += call->bytes;
    rb_address_of_peer(&link->socket.stream, address);
    rb_buf_add_str(&copy, text);
    struct bim_origin origin = {.host = &link->here->door->host,
                                .loop = link->here->loop,
                                .address = rb_str_of(address),
                                .is_one_only = true};
    struct bim_rpc *rpc = bim_rpc_start_with(&origin, &copy, on_call_done, call);
    if (rpc) call->rpc = rpc; /* else it is done, and gone */
}
