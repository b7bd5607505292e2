/* Requests: their making, and what handlers ask of them. */
#include "base/mem.h"
#include "http/http_private.h"

#include <string.h>

/* The same slice of `to` as this is of `from`. */
static rb_str rebased(rb_str slice, rb_str from, rb_str to)
{
    return slice.p ? (rb_str){to.p + (slice.p - from.p), slice.n} : RB_STR_NONE;
}

/* One piece, no larger than this head needs. */
static void remember_head(struct request *request, const struct rb_http1_head *read, rb_str bytes)
{
    struct rb_http1_head *head = &request->pub.head;
    size_t fixed = sizeof(struct head_memory) + read->header_count * sizeof *read->headers;
    struct head_memory *memory = rb_alloc(fixed + bytes.n);
    char *copy = (char *)memory + fixed;
    rb_str own = {copy, bytes.n};
    memcpy(copy, bytes.p, bytes.n);
    request->head_memory = memory;
    *head = *read;
    head->method_text = rebased(read->method_text, bytes, own);
    head->target = rebased(read->target, bytes, own);
    head->upgrade = rebased(read->upgrade, bytes, own);
    head->headers = memory->headers;
    for (unsigned i = 0; i < read->header_count; i++) {
        head->headers[i].name = rebased(read->headers[i].name, bytes, own);
        head->headers[i].value = rebased(read->headers[i].value, bytes, own);
    }
}

struct request *request_begin(struct conn *conn, rb_str head_bytes)
{
    struct rb_http *http = conn->http;
    struct request *request = rb_new(struct request);
    http->request_count++;
    request->conn = conn;
    request->pub.http = http;
    request->pub.received_ms = rb_loop_now_ms(http->loop);
    remember_head(request, &http->head, head_bytes);
    return request;
}

void request_renew(struct request *request)
{
    struct rb_request *pub = &request->pub;
    pub->url = (struct rb_url){0};
    pub->body = RB_STR_NONE;
    pub->arg = NULL;
    rb_buf_fini(&request->lines);
    rb_loop_forget_task(&request->gone);
    request->conn = NULL;
    request->route = NULL;
    request->stream = NULL;
    request->on_gone = NULL;
    request->is_told_gone = request->keep_alive = request->is_held = false;
}

void request_free(struct request *request)
{
    request->conn = NULL;
    rb_loop_forget_task(&request->gone);
    request->is_over = true;
    if (request->keepers > 0) return;
    request->pub.http->request_count--;
    rb_arena_fini(&request->pub.arena);
    rb_buf_fini(&request->lines);
    rb_buf_fini(&request->body);
    rb_free(request->head_memory);
    rb_free(request);
}

/* ---- for handlers ---- */

void rb_request_keep(struct rb_request *pub)
{
    struct request *request = request_of(pub);
    RB_CHECK(request->keepers < UINT8_MAX);
    request->keepers++;
}

void rb_request_let_go(struct rb_request *pub)
{
    struct request *request = request_of(pub);
    RB_CHECK(request->keepers > 0);
    request->keepers--;
    if (request->is_over) request_free(request);
}

struct rb_stream *rb_request_stream(const struct rb_request *pub)
{
    const struct request *request = RB_OUTER((struct rb_request *)(uintptr_t)pub, struct request, pub);
    return request->conn ? &request->conn->stream : NULL;
}

void rb_request_peer(const struct rb_request *pub, char out[RB_ADDRESS_TEXT_BYTES])
{
    const struct rb_stream *stream = rb_request_stream(pub);
    out[0] = '\0';
    if (stream) rb_address_of_peer(stream, out);
}

struct rb_loop *rb_request_loop(const struct rb_request *request)
{
    return request->http->loop;
}

void rb_request_forget_head(struct rb_request *pub)
{
    struct request *request = request_of(pub);
    struct rb_http1_head *head = &pub->head;
    rb_free(request->head_memory);
    request->head_memory = NULL;
    head->method_text = head->target = head->upgrade = RB_STR_NONE;
    head->headers = NULL;
    head->header_count = 0;
    pub->url = (struct rb_url){0};
}

char *rb_request_body_mut(struct rb_request *request)
{
    return request->body.n > 0 ? request_of(request)->body.p : NULL;
}

rb_str rb_request_param(const struct rb_request *pub, const char *name)
{
    const struct request *request = RB_OUTER(pub, const struct request, pub);
    if (!request->route || !request->head_memory) return RB_STR_NONE;
    for (unsigned i = 0; i < request->route->name_count; i++)
        if (rb_str_is(request->route->names[i], name)) return request->head_memory->params[i];
    return RB_STR_NONE;
}

rb_str rb_request_header(const struct rb_request *request, const char *name)
{
    return rb_http1_find(&request->head, name);
}

bool rb_request_query(struct rb_request *request, const char *name, rb_str *out_value)
{
    return rb_url_query_get(&request->arena, request->url.query, rb_str_of(name), out_value);
}

/* ---- Accept (RFC 9110 section 12.5.1) ---- */

/* Like rb_str_split, but a separator inside a quoted string does not count. */
static bool split_unquoted(rb_str *rest, char sep, rb_str *out_head)
{
    if (rest->p == NULL) return false;
    bool is_quoted = false;
    for (size_t i = 0; i < rest->n; i++) {
        char c = rest->p[i];
        if (c == '"') is_quoted = !is_quoted;
        if (c == '\\' && is_quoted) i++;
        if (c != sep || is_quoted) continue;
        *out_head = rb_str_sub(*rest, 0, i);
        *rest = rb_str_from(*rest, i + 1);
        return true;
    }
    *out_head = *rest;
    *rest = RB_STR_NONE;
    return true;
}

/* "0", "0.", "0.000" */
static bool is_zero(rb_str q)
{
    if (q.n == 0 || q.p[0] != '0') return false;
    for (size_t i = 1; i < q.n; i++)
        if (q.p[i] != '0' && q.p[i] != '.') return false;
    return true;
}

static bool has_zero_quality(rb_str parameters)
{
    rb_str parameter, name;
    while (split_unquoted(&parameters, ';', &parameter)) {
        rb_str value = rb_str_trim(parameter);
        rb_str_split(&value, '=', &name);
        if (rb_str_ieq(name, RB_STR("q"))) return is_zero(value);
    }
    return false;
}

/* 3: the very type, 2: its family, 1: anything, 0: another one. */
static int specificity(rb_str range, rb_str media_type)
{
    if (rb_str_ieq(range, media_type)) return 3;
    if (rb_str_is(range, "*/*")) return 1;
    ptrdiff_t slash = rb_str_find(media_type, '/');
    bool is_family = rb_str_ends(range, RB_STR("/*")) && (ptrdiff_t)range.n == slash + 2 &&
                     rb_str_ieq(rb_str_sub(range, 0, range.n - 1), rb_str_sub(media_type, 0, range.n - 1));
    return is_family ? 2 : 0;
}

bool rb_request_accepts(const struct rb_request *request, const char *media_type)
{
    const struct rb_http1_head *head = &request->head;
    bool has_any = false, is_accepted = false;
    int best = 0;
    for (unsigned i = 0; i < head->header_count; i++) {
        if (!rb_str_ieq(head->headers[i].name, RB_STR("Accept"))) continue;
        rb_str ranges = head->headers[i].value, range, parameters;
        while (split_unquoted(&ranges, ',', &parameters)) {
            has_any |= parameters.n > 0;
            rb_str_split(&parameters, ';', &range);
            int match = specificity(rb_str_trim(range), rb_str_of(media_type));
            if (match <= best) continue;
            best = match;
            is_accepted = !has_zero_quality(parameters);
        }
    }
    return is_accepted || !has_any;
}

/* ---- Origin (RFC 6454) ---- */

static rb_str without_port(rb_str authority, rb_str port)
{
    if (rb_str_ends(authority, port)) authority.n -= port.n;
    return authority;
}

/* Browsers leave the scheme's own port out; others may not. */
static bool is_same_host(rb_str origin, rb_str host)
{
    bool is_tls = rb_str_ieq(rb_str_sub(origin, 0, 8), RB_STR("https://"));
    if (!is_tls && !rb_str_ieq(rb_str_sub(origin, 0, 7), RB_STR("http://"))) return false;
    rb_str port = is_tls ? RB_STR(":443") : RB_STR(":80");
    rb_str authority = without_port(rb_str_from(origin, is_tls ? 8 : 7), port);
    return authority.n > 0 && rb_str_ieq(authority, without_port(host, port));
}

bool rb_request_origin_allowed(const struct rb_request *request, const rb_str *allowed,
                               unsigned allowed_count)
{
    rb_str origin = rb_request_header(request, "Origin");
    if (!origin.p || is_same_host(origin, rb_request_header(request, "Host"))) return true;
    for (unsigned i = 0; i < allowed_count; i++)
        if (rb_str_is(allowed[i], "*") || rb_str_ieq(allowed[i], origin)) return true;
    return false;
}
