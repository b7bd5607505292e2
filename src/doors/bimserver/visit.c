#include "doors/bimserver/visit.h"

#include "doors/bimserver/endpoints.h"

static void fail_unknown(struct bim_call *call)
{
    bim_fail_code(call, BIM_ENDPOINT_NOT_FOUND, "Endpoint with id %lld not found",
                  (long long)bim_long(call, "endPointId"));
}

struct bim_visit *bim_visit_new(struct bim_call *call, bool is_end)
{
    struct bim_visit *visit = rb_arena_new(&call->arena, struct bim_visit);
    int64_t number = bim_long(call, "endPointId");
    *visit = (struct bim_visit){.call = call, .is_end = is_end};
    if (!bim_has(call, "endPointId") || number == -1) {
        bim_fail_code(call, BIM_ENDPOINT_NOT_FOUND, "No EndpointId given");
        return NULL;
    }
    if (!bim_endpoints_find(call->host->door->endpoints, (uint64_t)number, call->who, &visit->endpoint)) {
        fail_unknown(call);
        return NULL;
    }
    visit->registration.dialect = call->dialect;
    return visit;
}

/* On the stream's loop. An endpoint belongs to whoever's token made it. */
static rb_err on_there(struct rb_conn *conn, struct rb_conn_errand *errand)
{
    const struct bim_visit *visit = errand->arg;
    struct bim_link *link = bim_link_of(conn);
    if (link->state != LINK_OPEN) return RB_CONNECTION_LOST;
    if (!rb_str_eq(link->who->client, visit->call->who->client)) return RB_NO_SUCH_CONNECTION;
    if (!visit->is_end) return bim_link_register(link, &visit->registration);
    bim_link_unregister(link, visit->registration.topic);
    return RB_OK;
}

static void on_back(struct rb_conn_errand *errand)
{
    struct bim_visit *visit = errand->arg;
    struct bim_call *call = visit->call;
    rb_err err = errand->err;
    rb_conn_errand_free(errand);
    rb_blob_unref(visit->registration.last);
    if (!err)
        bim_result_void(call);
    else if (err == RB_NO_SUCH_CONNECTION || err == RB_CONNECTION_LOST || err == RB_CALL_UNSUPPORTED)
        fail_unknown(call);
    else
        bim_fail_reason(call, err);
}

void bim_visit_send(struct bim_visit *visit)
{
    struct bim_call *call = visit->call;
    struct rb_conn_errand *errand =
        rb_conn_errand_new(call->host->door->setup.hub, RB_CONN_VISIT, on_back, visit);
    errand->to = visit->endpoint;
    errand->tenant = rb_arena_copy(&errand->arena, call->who->tenant);
    errand->visit = on_there;
    errand->door = BIM_DOOR;
    rb_conn_errand_send(errand);
}
