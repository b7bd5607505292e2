/* Finding: live connections (the registrar), and whose token a token is.
 *
 * A client's own token finds its own connections, a back end's all of its tenant. */
#include "base/crypto.h"
#include "base/mem.h"
#include "doors/era/listing.h"
#include "doors/era/rest.h"

enum { SEARCH_LIMIT = 100 };

/* As registrar events have them, then what else is known, then our own words for the same. */
static const char *const connection_fields[] = {"connection_id",
                                                "user_id",
                                                "session_id",
                                                "app",
                                                "caps",
                                                "peer_address",
                                                "peer_port",
                                                "ttl",
                                                "ownertype",
                                                "domain",
                                                "login",
                                                "site",
                                                "integration_point_id",
                                                "node",
                                                "since",
                                                "renewed",
                                                "door",
                                                "id",
                                                "client",
                                                "owner",
                                                "session",
                                                "application",
                                                "capabilities",
                                                "address",
                                                "lease_s",
                                                "transport",
                                                "space"};
enum { FIELDS_SHOWN = 17 };
static const struct era_fields fields = {connection_fields, RB_COUNT(connection_fields), FIELDS_SHOWN};

/* ---- connections ---- */

struct searching {
    struct rb_request *request;
    struct era_listing listing;
};

static bool connection_property(const void *thing, rb_str name, struct rb_filter_value *out)
{
    return rb_conn_property(thing, name, out);
}

static void on_searched(struct rb_conn_search *search)
{
    const struct searching *searching = search->arg;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "connections");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < search->row_count; i++)
        era_listing_put(&out, &searching->listing, connection_property, &search->rows[i]);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "next");
    if (search->next_at)
        rb_json_put_str(&out, rb_arena_fmt(&search->arena, "%llu", (unsigned long long)search->next_at));
    else
        rb_json_put_null(&out);
    rb_json_end_object(&out);
    era_answer_json(searching->request, 200, &body);
    rb_conn_search_free(search);
}

static rb_str query_copy(struct rb_request *request, struct rb_arena *arena, const char *name)
{
    rb_str value;
    return rb_request_query(request, name, &value) ? rb_arena_copy(arena, value) : RB_STR_NONE;
}

/* user=ID says the same as a filter of its own. */
static rb_str whole_filter(struct rb_request *request)
{
    rb_str user, filter;
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    bool has_filter = rb_request_query(request, "filter", &filter);
    if (!rb_request_query(request, "user", &user)) return has_filter ? filter : RB_STR_NONE;
    rb_json_begin_array(&out);
    rb_json_put_text(&out, "and");
    rb_json_begin_array(&out);
    rb_json_put_text(&out, "==");
    rb_json_put_raw(&out, RB_STR("[\"property\",\"user_id\"]"));
    rb_json_put_str(&out, user);
    rb_json_end_array(&out);
    if (has_filter) rb_json_put_raw(&out, filter);
    rb_json_end_array(&out);
    rb_str copy = rb_arena_copy(&request->arena, rb_buf_str(&text));
    rb_buf_fini(&text);
    return copy;
}

static rb_err read_search(struct rb_request *request, struct rb_conn_search *search,
                          const struct rb_identity *who, struct searching *searching, rb_str *out_why)
{
    uint64_t limit = SEARCH_LIMIT;
    rb_err err = era_listing_read(request->url.query, &request->arena, &fields, &searching->listing, out_why);
    if (err) return err;
    rb_str filter = whole_filter(request);
    if (filter.p) err = rb_filter_read(filter, &request->arena, &search->filter, out_why);
    if (err) return err;
    search->tenant = rb_arena_copy(&search->arena, who->tenant);
    search->capability = query_copy(request, &search->arena, "capability");
    if (who->role != RB_ROLE_BACKEND) search->client = rb_arena_copy(&search->arena, who->client);
    *out_why = RB_STR("order and offset: not here; after is what came as next.");
    if (searching->listing.order_count > 0 || searching->listing.offset > 0) return RB_BAD_REQUEST;
    *out_why = RB_STR("limit is a number from 1 to 1000.");
    if (era_query_number(request, "limit", 1, RB_CONN_PAGE_MAX, &limit)) return RB_BAD_REQUEST;
    search->limit = (unsigned)limit;
    *out_why = RB_STR("after is what came as next.");
    return era_query_number(request, "after", 1, INT64_MAX, &search->at);
}

static void on_search(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    struct searching *searching = rb_arena_new(&request->arena, struct searching);
    struct rb_conn_search *search = rb_conn_search_new(door->setup.hub, on_searched, searching);
    rb_str why = RB_STR_NONE;
    searching->request = request;
    rb_err err = read_search(request, search, who, searching, &why);
    if (!err) {
        rb_conn_search_send(search);
        return;
    }
    rb_conn_search_free(search);
    era_answer_error(request, err, why);
}

static void handle_search(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_search);
}

/* ---- tokens ---- */

struct token_errand {
    struct rb_request *request;
    const struct rb_identity *who;
    unsigned char hash[RB_SHA256_BYTES];
    struct rb_arena arena; /* of the read */
    struct rb_point_record point;
};

static rb_err read_point(struct rb_reader *reader, void *arg)
{
    struct token_errand *errand = arg;
    return rb_read_point(reader, &errand->arena, errand->hash, &errand->point);
}

static void on_point(void *arg, rb_err err)
{
    struct token_errand *errand = arg;
    const struct rb_point_record *point = &errand->point;
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    if (!err && !rb_str_eq(point->tenant, errand->who->tenant)) err = RB_NOT_FOUND;
    if (err) {
        era_answer_error(errand->request, err, RB_STR_NONE);
    } else {
        rb_json_begin_object(&out);
        era_put_str(&out, "domain", point->tenant);
        rb_json_put_key(&out, "integration_point");
        rb_json_begin_object(&out);
        era_put_str(&out, "id", point->id);
        era_put_str(&out, "code", point->code);
        era_put_str(&out, "type", point->type);
        rb_json_end_object(&out);
        rb_json_end_object(&out);
        era_answer_json(errand->request, 200, &body);
    }
    rb_arena_fini(&errand->arena);
    rb_free(errand);
}

static void on_token(struct rb_era_door *door, struct rb_request *request, const struct rb_identity *who)
{
    if (who->role != RB_ROLE_BACKEND) {
        era_answer_error(request, RB_FORBIDDEN, RB_STR_NONE);
        return;
    }
    struct token_errand *errand = rb_new(struct token_errand);
    errand->request = request;
    errand->who = who;
    rb_sha256(rb_request_param(request, "token"), errand->hash);
    rb_store_read(door->setup.store, rb_request_loop(request), read_point, on_point, errand);
}

static void handle_token(struct rb_request *request, void *arg)
{
    era_guard(arg, request, on_token);
}

/* ---- routes ---- */

rb_err era_add_search_routes(struct rb_era_door *door, struct rb_router *router)
{
    static const struct era_route routes[] = {{RB_HTTP1_GET, "/era/v1/connections", handle_search},
                                              {RB_HTTP1_GET, "/rest/v1/service/integration_tokens/{token}",
                                               handle_token}};
    return era_add_routes(door, router, routes, RB_COUNT(routes), 0);
}
