/* All live connections, for back ends: search them, and what the registry has counted. */
#include "codec/filter.h"
#include "doors/native/conn_body.h"

enum { LIST_LIMIT = 100 };

struct listing {
    struct errand *errand;
    uint32_t mask; /* conn_body.h */
};

static void on_searched(struct rb_conn_search *search)
{
    const struct listing *listing = search->arg;
    struct rb_buf body = {0}, next = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "connections");
    rb_json_begin_array(&out);
    for (unsigned i = 0; i < search->row_count; i++) conn_body_put(&out, &search->rows[i], listing->mask);
    rb_json_end_array(&out);
    rb_json_put_key(&out, "next");
    rb_buf_add_u64(&next, search->next_at);
    if (search->next_at)
        rb_json_put_str(&out, rb_buf_str(&next));
    else
        rb_json_put_null(&out);
    rb_json_end_object(&out);
    rb_buf_fini(&next);
    errand_answer_json(listing->errand, 200, &body);
    rb_conn_search_free(search);
}

/* ---- what is asked for ---- Details are in the request's arena, which outlives the search. */

static rb_str query_copy(struct errand *errand, struct rb_arena *arena, const char *name)
{
    rb_str value;
    return rb_request_query(errand->request, name, &value) ? rb_arena_copy(arena, value) : RB_STR_NONE;
}

static rb_err read_topic(struct errand *errand, struct rb_conn_search *search, const char **out_detail)
{
    rb_str topic = query_copy(errand, &search->arena, "topic");
    if (!topic.p) return RB_OK;
    *out_detail = "topic: 1 to 255 bytes without control characters.";
    if (!rb_topic_name_is_valid(topic)) return RB_BAD_NAME;
    search->topic = topic_with_tenant(&search->arena, search->tenant, topic);
    return RB_OK;
}

static void note_unknown(void *arg, rb_str name)
{
    rb_str *unknown = arg;
    struct rb_filter_value value;
    if (!unknown->p && !rb_conn_property(&(struct rb_conn_row){0}, name, &value)) *unknown = name;
}

static rb_err read_filter(struct errand *errand, struct rb_conn_search *search, const char **out_detail)
{
    struct rb_arena *arena = &errand->request->arena;
    rb_str json, why, unknown = RB_STR_NONE;
    if (!rb_request_query(errand->request, "filter", &json)) return RB_OK;
    rb_err err = rb_filter_read(json, arena, &search->filter, &why);
    if (err) {
        *out_detail = rb_arena_fmt(arena, "filter: %.*s", RB_STR_FMT(why)).p;
        return err;
    }
    rb_filter_each_property(search->filter, note_unknown, &unknown);
    if (!unknown.p) return RB_OK;
    *out_detail = rb_arena_fmt(arena, "filter: there is no property \"%.*s\".", RB_STR_FMT(unknown)).p;
    return RB_UNPROCESSABLE;
}

static rb_err read_mask(struct errand *errand, struct listing *listing, const char **out_detail)
{
    rb_str names, unknown;
    if (!rb_request_query(errand->request, "mask", &names) || conn_mask_read(names, &listing->mask, &unknown))
        return RB_OK;
    *out_detail =
        rb_arena_fmt(&errand->request->arena, "mask: there is no member \"%.*s\".", RB_STR_FMT(unknown)).p;
    return RB_UNPROCESSABLE;
}

static rb_err read_page(struct errand *errand, struct rb_conn_search *search, const char **out_detail)
{
    uint64_t limit = LIST_LIMIT;
    *out_detail = "limit is a number from 1 to 1000.";
    if (errand_query_number(errand, "limit", 1, RB_CONN_PAGE_MAX, &limit)) return RB_BAD_REQUEST;
    search->limit = (unsigned)limit;
    *out_detail = "after is what came as next.";
    return errand_query_number(errand, "after", 1, INT64_MAX, &search->at);
}

static rb_err read_query(struct errand *errand, struct rb_conn_search *search, const char **out_detail)
{
    struct rb_arena *arena = &search->arena;
    search->tenant = rb_arena_copy(arena, errand->who->tenant);
    search->client = query_copy(errand, arena, "client");
    search->door = query_copy(errand, arena, "door");
    search->session = query_copy(errand, arena, "session");
    search->capability = query_copy(errand, arena, "capability");
    search->application = query_copy(errand, arena, "application");
    search->address = query_copy(errand, arena, "address");
    rb_err err = read_topic(errand, search, out_detail);
    if (!err) err = read_filter(errand, search, out_detail);
    if (!err) err = read_mask(errand, search->arg, out_detail);
    return err ? err : read_page(errand, search, out_detail);
}

void handle_conn_list(struct errand *errand)
{
    struct listing *listing = rb_arena_new(&errand->request->arena, struct listing);
    *listing = (struct listing){errand, CONN_MASK_ALL};
    struct rb_conn_search *search = rb_conn_search_new(errand->door->setup.hub, on_searched, listing);
    const char *detail = NULL;
    rb_err err = read_query(errand, search, &detail);
    if (!err) {
        rb_conn_search_send(search);
        return;
    }
    rb_conn_search_free(search);
    errand_fail(errand, err, detail);
}

/* ---- what was counted ---- */

struct number {
    const char *name;
    uint64_t value;
};

static void put_numbers(struct rb_json_out *out, const char *key, const struct number *numbers, size_t count)
{
    rb_json_put_key(out, key);
    rb_json_begin_object(out);
    for (size_t i = 0; i < count; i++) {
        rb_json_put_key(out, numbers[i].name);
        rb_json_put_u64(out, numbers[i].value);
    }
    rb_json_end_object(out);
}

void handle_conn_stats(struct errand *errand)
{
    struct rb_hub_numbers all;
    rb_hub_numbers(errand->door->setup.hub, &all);
    const struct number calls[] = {{"waiting", all.calls_waiting}, {"replied", all.calls_replied},
                                   {"failed", all.calls_failed},   {"timeout", all.calls_timeout},
                                   {"lost", all.calls_lost},       {"late_replies", all.late_replies}};
    const struct number receipts[] = {
        {"waiting", all.receipts_waiting}, {"queued", all.receipts_queued},
        {"written", all.receipts_written}, {"acknowledged", all.receipts_acknowledged},
        {"expired", all.receipts_expired}, {"lost", all.receipts_lost}};
    struct rb_buf body = {0};
    struct rb_json_out out = {.buf = &body};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "connections");
    rb_json_put_u64(&out, all.connections);
    put_numbers(&out, "calls", calls, RB_COUNT(calls));
    put_numbers(&out, "receipts", receipts, RB_COUNT(receipts));
    rb_json_end_object(&out);
    errand_answer_json(errand, 200, &body);
}
