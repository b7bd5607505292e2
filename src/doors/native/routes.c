/* The routes of the API: one row each, and the guard in front of them. */
#include "auth/guard.h"
#include "base/mem.h"
#include "doors/native/native_private.h"
#include "files/upload.h"

enum who_may {
    MAY_ANYBODY,   /* without a credential, from any page */
    MAY_SAY_LATER, /* a credential is checked when there is one */
    MAY_CLIENTS,   /* everybody with a token */
    MAY_HOLDERS,   /* and who has a ticket for the topic */
    MAY_BACKENDS
};

/* Whose limit holds. A file's is not collected: its handler runs before the body, and sees to everything
 * itself but the origin. */
enum body_size { BODY_OF_SERVER, BODY_OF_MESSAGE, BODY_OF_FILE };

struct route {
    enum rb_http1_method method;
    const char *pattern;
    enum body_size body_size;
    enum who_may who_may;
    errand_fn *handler;
};

static const struct route table[] = {
    {RB_HTTP1_POST, "/v1/jobs/{kind}", BODY_OF_SERVER, MAY_CLIENTS, handle_job_start},
    {RB_HTTP1_GET, "/v1/jobs", BODY_OF_SERVER, MAY_CLIENTS, handle_job_list},
    {RB_HTTP1_GET, "/v1/jobs/{id}", BODY_OF_SERVER, MAY_CLIENTS, handle_job_get},
    {RB_HTTP1_DELETE, "/v1/jobs/{id}", BODY_OF_SERVER, MAY_CLIENTS, handle_job_cancel},
    {RB_HTTP1_GET, "/v1/jobs/{id}/events", BODY_OF_SERVER, MAY_CLIENTS, handle_job_events},
    {RB_HTTP1_GET, "/v1/jobs/{id}/result", BODY_OF_SERVER, MAY_CLIENTS, handle_job_result},
    {RB_HTTP1_POST, "/v1/jobs/{id}/report", BODY_OF_SERVER, MAY_CLIENTS, handle_job_report},
    {RB_HTTP1_POST, "/v1/jobs/{id}/finish", BODY_OF_SERVER, MAY_CLIENTS, handle_job_finish},
    {RB_HTTP1_GET, "/v1/jobs/{id}/log", BODY_OF_SERVER, MAY_CLIENTS, handle_job_log},
    {RB_HTTP1_POST, "/v1/topics/{topic}/events", BODY_OF_MESSAGE, MAY_BACKENDS, handle_publish},
    {RB_HTTP1_GET, "/v1/topics/{topic}/events", BODY_OF_SERVER, MAY_HOLDERS, handle_topic_events},
    {RB_HTTP1_POST, "/v1/tickets", BODY_OF_MESSAGE, MAY_BACKENDS, handle_ticket_make},
    {RB_HTTP1_GET, "/v1/socket", BODY_OF_SERVER, MAY_SAY_LATER, handle_socket},
    {RB_HTTP1_GET, "/v1/connections", BODY_OF_SERVER, MAY_BACKENDS, handle_conn_list},
    {RB_HTTP1_GET, "/v1/connections/stats", BODY_OF_SERVER, MAY_BACKENDS, handle_conn_stats},
    {RB_HTTP1_GET, "/v1/connections/{id}", BODY_OF_SERVER, MAY_BACKENDS, handle_conn_get},
    {RB_HTTP1_DELETE, "/v1/connections/{id}", BODY_OF_SERVER, MAY_BACKENDS, handle_conn_close},
    {RB_HTTP1_POST, "/v1/connections/{id}/send", BODY_OF_MESSAGE, MAY_BACKENDS, handle_conn_send},
    {RB_HTTP1_POST, "/v1/connections/{id}/call", BODY_OF_MESSAGE, MAY_BACKENDS, handle_conn_call},
    {RB_HTTP1_POST, "/v1/links", BODY_OF_SERVER, MAY_CLIENTS, handle_link_make},
    {RB_HTTP1_GET, "/v1/scratch/{id}", BODY_OF_SERVER, MAY_CLIENTS, handle_scratch_list},
    {RB_HTTP1_GET, "/v1/scratch/{id}/{name}", BODY_OF_SERVER, MAY_CLIENTS, handle_scratch_get},
    {RB_HTTP1_PUT, "/v1/scratch/{id}/{name}", BODY_OF_FILE, MAY_CLIENTS, handle_scratch_put},
    {RB_HTTP1_DELETE, "/v1/scratch/{id}/{name}", BODY_OF_SERVER, MAY_CLIENTS, handle_scratch_delete},
    {RB_HTTP1_GET, "/livez", BODY_OF_SERVER, MAY_ANYBODY, handle_livez},
    {RB_HTTP1_GET, "/readyz", BODY_OF_SERVER, MAY_ANYBODY, handle_readyz},
    {RB_HTTP1_GET, "/echo", BODY_OF_SERVER, MAY_SAY_LATER, handle_echo},
};

struct bound_route {
    struct rb_native *door;
    const struct route *row;
};

static struct errand *new_errand(struct rb_request *request, const struct bound_route *route,
                                 const struct rb_identity *who)
{
    struct errand *errand = rb_arena_new(&request->arena, struct errand);
    *errand = (struct errand){.door = route->door, .request = request, .who = who};
    return errand;
}

static void on_checked(struct rb_request *request, void *arg, rb_err err, const struct rb_identity *who)
{
    const struct bound_route *route = arg;
    if (!err && route->row->who_may == MAY_BACKENDS && who->role != RB_ROLE_BACKEND) err = RB_FORBIDDEN;
    if (err)
        rb_answer_problem(request, err, RB_STR_NONE);
    else
        route->row->handler(new_errand(request, route, who));
}

/* ---- holders of tickets ---- */

static void let_go(const void *identity)
{
    rb_identity_unref(identity);
}

/* The request's topic, whatever its tenant calls it, must be the ticket's. */
static void on_ticket(void *arg, rb_err err, const struct rb_ticket_record *ticket)
{
    struct errand *errand = arg;
    struct rb_arena *arena = &errand->request->arena;
    rb_str tenant, name = err ? RB_STR_NONE : ticket->topic;
    if (!err) rb_str_split(&name, '/', &tenant);
    if (!err && !rb_str_eq(name, rb_request_param(errand->request, "topic"))) err = RB_FORBIDDEN;
    if (err) {
        errand_fail(errand, err, NULL);
        return;
    }
    errand->who = rb_identity_new(
        &(struct rb_identity){.tenant = tenant, .client = ticket->client, .role = RB_ROLE_TICKET});
    rb_arena_at_end(arena, let_go, errand->who);
    struct rb_ticket_record *kept = rb_arena_new(arena, struct rb_ticket_record);
    *kept = *ticket;
    kept->topic = rb_arena_copy(arena, ticket->topic);
    kept->client = errand->who->client;
    errand->ticket = kept;
    handle_topic_events(errand);
}

static rb_str ticket_of(const struct route *row, const struct rb_request *request)
{
    rb_str token = rb_auth_bearer(rb_request_header(request, "Authorization"));
    return row->who_may == MAY_HOLDERS && rb_ticket_is_native(token) ? token : RB_STR_NONE;
}

/* ---- requests ---- */

static bool is_checked(const struct route *row, struct rb_request *request)
{
    switch (row->who_may) {
    case MAY_ANYBODY: return false;
    case MAY_SAY_LATER: return rb_request_header(request, "Authorization").p != NULL;
    case MAY_CLIENTS:
    case MAY_HOLDERS:
    case MAY_BACKENDS: return true;
    }
    RB_UNREACHABLE();
}

static void on_request(struct rb_request *request, void *arg)
{
    const struct bound_route *route = arg;
    struct errand *errand = new_errand(request, route, NULL);
    if (route->row->who_may != MAY_ANYBODY && !errand_is_origin_allowed(errand))
        rb_answer_problem(request, RB_ORIGIN_REFUSED, RB_STR_NONE);
    else if (ticket_of(route->row, request).p)
        rb_ticket_check(route->door->setup.tickets, ticket_of(route->row, request), on_ticket, errand);
    else if (is_checked(route->row, request))
        rb_guard(route->door->setup.auth, request, on_checked, arg);
    else
        route->row->handler(errand);
}

static void on_file_head(struct rb_request *request, void *arg)
{
    const struct bound_route *route = arg;
    struct errand *errand = new_errand(request, route, NULL);
    if (errand_is_origin_allowed(errand))
        route->row->handler(errand);
    else
        rb_answer_problem(request, RB_ORIGIN_REFUSED, RB_STR_NONE);
}

static struct rb_route route_of(const struct rb_native_setup *setup, struct bound_route *bound)
{
    switch (bound->row->body_size) {
    case BODY_OF_SERVER: return (struct rb_route){.handler = on_request, .arg = bound};
    case BODY_OF_MESSAGE:
        return (struct rb_route){.handler = on_request, .arg = bound, .body_max = setup->message_max_bytes};
    case BODY_OF_FILE:
        return (struct rb_route){.handler = rb_upload_handle,
                                 .arg = bound,
                                 .body_max = setup->upload_max_bytes,
                                 .on_head = on_file_head,
                                 .on_refused = rb_upload_refused};
    }
    RB_UNREACHABLE();
}

rb_err rb_native_add_routes(struct rb_native *door, struct rb_router *router)
{
    door->routes = rb_new_array(struct bound_route, RB_COUNT(table));
    for (size_t i = 0; i < RB_COUNT(table); i++) {
        const struct route *row = &table[i];
        if (row->handler == handle_echo && !door->setup.dev_echo) continue;
        door->routes[i] = (struct bound_route){door, row};
        struct rb_route route = route_of(&door->setup, &door->routes[i]);
        rb_err err = rb_router_add_route(router, row->method, rb_str_of(row->pattern), &route);
        if (err) return err;
    }
    return RB_OK;
}
