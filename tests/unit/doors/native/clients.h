/* Clients of the native door, as blocking as can be: plain HTTP, event streams, WebSockets. */
#ifndef NATIVE_CLIENTS_H
#define NATIVE_CLIENTS_H

#include "native_rig.h"

#include "codec/ws.h"

/* ---- bytes ---- */

static inline int client_open(int loop)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(rig.servings[loop].port)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return fd;
}

static inline void client_send(int fd, rb_str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return; /* that it was closed is for the reading to find out */
        bytes = rb_str_from(bytes, (size_t)n);
    }
}

/* Reads some more; false at the end. */
static inline bool client_read(int fd, struct rb_buf *in)
{
    char bytes[65536];
    ssize_t n;
    do n = recv(fd, bytes, sizeof bytes, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == ECONNRESET) return false;
    if (n < 0) fail_msg("no answer: %s", strerror(errno));
    rb_buf_add(in, bytes, (size_t)n);
    return n > 0;
}

/* ---- HTTP ---- */

struct answer {
    struct rb_buf bytes; /* head and body */
    int status;
    rb_str head, body;
};

/* token NULL: none; more: further header lines, or "". */
static inline void send_request(int fd, const char *method, const char *target, const char *token,
                                const char *more, const char *body)
{
    struct rb_buf text = {0};
    rb_buf_add_fmt(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, target, more);
    if (token) rb_buf_add_fmt(&text, "Authorization: Bearer %s\r\n", token);
    if (body) rb_buf_add_fmt(&text, "Content-Length: %zu\r\n", strlen(body));
    rb_buf_add_fmt(&text, "\r\n%s", body ? body : "");
    client_send(fd, rb_buf_str(&text));
    rb_buf_fini(&text);
}

static inline void read_head(struct answer *answer, int fd)
{
    char *end;
    while (!(end = strstr(rb_buf_text(&answer->bytes), "\r\n\r\n")))
        if (!client_read(fd, &answer->bytes)) fail_msg("no head: \"%s\"", rb_buf_text(&answer->bytes));
    answer->head = rb_str_make(answer->bytes.p, (size_t)(end - answer->bytes.p) + 4);
    answer->status = atoi(answer->bytes.p + strlen("HTTP/1.1 "));
}

static inline struct answer read_answer(int fd)
{
    struct answer answer = {0};
    while (client_read(fd, &answer.bytes)) {
    }
    close(fd);
    read_head(&answer, -1);
    answer.body = rb_str_from(rb_buf_str(&answer.bytes), answer.head.n);
    return answer;
}

static inline int begin_http(int loop, const char *method, const char *target, const char *token,
                             const char *more, const char *body)
{
    char lines[1000];
    int fd = client_open(loop);
    snprintf(lines, sizeof lines, "Connection: close\r\n%s", more);
    send_request(fd, method, target, token, lines, body);
    return fd;
}

static inline struct answer http(int loop, const char *method, const char *target, const char *token,
                                 const char *more, const char *body)
{
    return read_answer(begin_http(loop, method, target, token, more, body));
}

static inline struct answer get(int loop, const char *target, const char *token)
{
    return http(loop, "GET", target, token, "", NULL);
}

static inline void answer_fini(struct answer *answer)
{
    rb_buf_fini(&answer->bytes);
}

static inline const char *answer_text(struct answer *answer)
{
    return rb_buf_text(&answer->bytes);
}

static inline void expect_status(struct answer *answer, int status)
{
    if (answer->status != status) fail_msg("not %d: %s", status, answer_text(answer));
}

static inline void expect_has(struct answer *answer, const char *text)
{
    if (!strstr(answer_text(answer), text)) fail_msg("no \"%s\" in %s", text, answer_text(answer));
}

static inline void expect_problem(struct answer answer, int status, const char *reason)
{
    char text[60];
    snprintf(text, sizeof text, "\"reason\":\"%s\"", reason);
    expect_status(&answer, status);
    expect_has(&answer, "application/problem+json");
    expect_has(&answer, text);
    answer_fini(&answer);
}

/* The raw member of a JSON object, on the heap; "" when it is missing. */
static inline char *member(rb_str json, const char *key)
{
    struct rb_json doc;
    if (rb_json_parse(&doc, json, NULL)) fail_msg("no JSON: %.*s", RB_STR_FMT(json));
    char *raw = rb_str_dup(rb_json_raw(rb_json_get(rb_json_root(&doc), key)));
    rb_json_fini(&doc);
    return raw ? raw : rb_str_dup(RB_STR(""));
}

/* The same of a string, without its quotes. */
static inline char *text_member(rb_str json, const char *key)
{
    char *raw = member(json, key);
    size_t n = strlen(raw);
    if (n < 2 || raw[0] != '"') fail_msg("no string %s in %.*s", key, RB_STR_FMT(json));
    memmove(raw, raw + 1, n - 2);
    raw[n - 2] = 0;
    return raw;
}

static inline void expect_member(rb_str json, const char *key, const char *raw)
{
    char *found = member(json, key);
    if (strcmp(found, raw) != 0) fail_msg("%s is not %s in %.*s", key, raw, RB_STR_FMT(json));
    rb_free(found);
}

/* "/v1/topics/a%2Fb/events?query" */
static inline const char *topic_target(char target[300], const char *topic, const char *query)
{
    struct rb_buf coded = {0};
    rb_url_encode(&coded, rb_str_of(topic));
    snprintf(target, 300, "/v1/topics/%s/events%s", rb_buf_text(&coded), query);
    rb_buf_fini(&coded);
    return target;
}

/* Publishes as acme's back end; the position, or the positions, as raw JSON on the heap. */
static inline char *publish(int loop, const char *topic, const char *body)
{
    char target[300];
    struct answer answer = http(loop, "POST", topic_target(target, topic, ""), "acme-crm", "", body);
    expect_status(&answer, 200);
    char *position = body[0] == '[' ? member(answer.body, "positions") : text_member(answer.body, "position");
    answer_fini(&answer);
    return position;
}

static inline void publish_number(int loop, const char *topic, unsigned number)
{
    char body[60];
    snprintf(body, sizeof body, "{\"name\":\"n\",\"data\":%u}", number);
    rb_free(publish(loop, topic, body));
}

/* ---- event streams ---- */

struct stream {
    int fd;
    struct answer answer;
    struct rb_http1_body body;
    size_t at; /* in the answer's bytes: not yet decoded */
    struct rb_buf text, block;
};

static inline struct stream stream_open(int loop, const char *target, const char *token, const char *more)
{
    struct stream stream = {.fd = client_open(loop)};
    struct rb_http1_limits limits = {16384, 8192};
    struct rb_http1_header room[RB_HTTP1_HEADERS_MAX];
    struct rb_http1_head head = {.headers = room};
    size_t scanned = 0;
    rb_err err;
    char lines[500];
    snprintf(lines, sizeof lines, "Accept: text/event-stream\r\n%s", more);
    send_request(stream.fd, "GET", target, token, lines, NULL);
    read_head(&stream.answer, stream.fd);
    assert_int_equal(rb_http1_answer(&head, rb_buf_str(&stream.answer.bytes), &scanned, false, &limits,
                                     &stream.at, &err),
                     RB_HTTP1_DONE);
    rb_http1_body_init(&stream.body, &head);
    return stream;
}

/* Decodes what has come; false at the end of the answer. */
static inline bool stream_decode(struct stream *stream)
{
    for (;;) {
        rb_str input = rb_str_from(rb_buf_str(&stream->answer.bytes), stream->at), data;
        size_t consumed = 0;
        rb_err err;
        enum rb_http1_step step = rb_http1_body_feed(&stream->body, input, &consumed, &data, &err);
        assert_int_not_equal(step, RB_HTTP1_FAILED);
        rb_buf_add_str(&stream->text, data);
        stream->at += consumed;
        if (step == RB_HTTP1_DONE) return false;
        if (consumed == 0 || stream->at == stream->answer.bytes.n) return true;
    }
}

/* The next event without its blank line, comments passed over; "" at the end. */
static inline const char *stream_next(struct stream *stream)
{
    for (;;) {
        bool has_more = stream_decode(stream);
        char *end = strstr(rb_buf_text(&stream->text), "\n\n");
        if (end) {
            rb_buf_clear(&stream->block);
            rb_buf_add(&stream->block, stream->text.p, (size_t)(end - stream->text.p) + 1);
            rb_buf_drop_front(&stream->text, (size_t)(end - stream->text.p) + 2);
            if (stream->block.p[0] != ':') return rb_buf_text(&stream->block);
            continue;
        }
        if (!has_more || !client_read(stream->fd, &stream->answer.bytes)) {
            assert_int_equal(stream->text.n, 0);
            return "";
        }
    }
}

static inline void stream_expect(struct stream *stream, const char *name, const char *data)
{
    char wanted[200];
    const char *block = stream_next(stream);
    snprintf(wanted, sizeof wanted, "event: %s\ndata: %s\n", name, data);
    if (!strstr(block, wanted) || strncmp(block, "id: ", 4) != 0)
        fail_msg("not \"%s\": \"%s\"", wanted, block);
}

/* The id of the event read last; borrowed until the next. */
static inline rb_str stream_id(struct stream *stream)
{
    rb_str line, rest = rb_buf_str(&stream->block);
    rb_str_split(&rest, '\n', &line);
    return rb_str_from(line, 4);
}

static inline void stream_close(struct stream *stream)
{
    close(stream->fd);
    answer_fini(&stream->answer);
    rb_buf_fini(&stream->text);
    rb_buf_fini(&stream->block);
}

/* ---- WebSockets ---- */

struct ws {
    int fd;
    struct rb_ws_reader reader;
    struct rb_buf in;    /* read, not yet taken */
    struct rb_buf text;  /* the message read last */
    uint16_t close_code; /* once it has closed */
    bool is_deaf;        /* answers no pings */
    unsigned pings;
};

static inline struct answer upgrade(int fd, const char *target, const char *token, const char *more)
{
    struct answer answer = {0};
    char lines[500];
    snprintf(lines, sizeof lines,
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
             more);
    send_request(fd, "GET", target, token, lines, NULL);
    read_head(&answer, fd);
    return answer;
}

static inline struct ws *ws_open_at(int loop, const char *target, const char *token)
{
    struct ws *ws = rb_new(struct ws);
    ws->fd = client_open(loop);
    rb_ws_reader_init(&ws->reader, false, 20 * 1024 * 1024);
    struct answer answer = upgrade(ws->fd, target, token, "");
    expect_status(&answer, 101);
    rb_buf_add_str(&ws->in, rb_str_from(rb_buf_str(&answer.bytes), answer.head.n));
    answer_fini(&answer);
    return ws;
}

static inline struct ws *ws_open(int loop, const char *token)
{
    return ws_open_at(loop, "/v1/socket", token);
}

static inline void ws_send(struct ws *ws, enum rb_ws_opcode opcode, rb_str payload)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    unsigned char header[RB_WS_HEADER_MAX];
    struct rb_buf frame = {0};
    rb_buf_add(&frame, header, rb_ws_put_header(header, opcode, true, payload.n, mask));
    size_t at = frame.n;
    rb_buf_add_str(&frame, payload);
    rb_ws_mask(frame.p + at, payload.n, mask, 0);
    client_send(ws->fd, rb_buf_str(&frame));
    rb_buf_fini(&frame);
}

__attribute__((format(printf, 2, 3))) static inline void ws_say(struct ws *ws, const char *format, ...)
{
    char text[1000];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ws_send(ws, RB_WS_TEXT, rb_str_of(text));
}

/* One event of the frames that have been read; false when more must be read. */
static inline bool ws_take(struct ws *ws, struct rb_ws_event *event)
{
    struct rb_ws_input input = {ws->in.p, ws->in.n};
    rb_err err;
    if (ws->in.n == 0) return false;
    enum rb_ws_step step = rb_ws_next(&ws->reader, &input, event, &err);
    assert_int_not_equal(step, RB_WS_FAILED);
    if (step == RB_WS_EVENT) {
        rb_buf_clear(&ws->text);
        rb_buf_add_str(&ws->text, event->payload);
    }
    rb_buf_drop_front(&ws->in, ws->in.n - input.n);
    return step == RB_WS_EVENT;
}

/* The next message; "" when it has closed. Pings are answered. */
static inline const char *ws_next(struct ws *ws)
{
    struct rb_ws_event event;
    for (;;) {
        while (ws_take(ws, &event)) {
            if (event.opcode == RB_WS_TEXT || event.opcode == RB_WS_BINARY) return rb_buf_text(&ws->text);
            ws->pings += event.opcode == RB_WS_PING;
            if (event.opcode == RB_WS_PING && !ws->is_deaf) ws_send(ws, RB_WS_PONG, rb_buf_str(&ws->text));
            if (event.opcode == RB_WS_CLOSE) ws->close_code = event.close_code;
        }
        if (ws->close_code || !client_read(ws->fd, &ws->in)) return "";
    }
}

static inline rb_str ws_text(struct ws *ws)
{
    return rb_buf_str(&ws->text);
}

static inline void ws_expect(struct ws *ws, const char *op, const char *id)
{
    if (ws_next(ws)[0] == 0) fail_msg("it closed: %u", ws->close_code);
    expect_member(ws_text(ws), "op", op);
    expect_member(ws_text(ws), "id", id);
}

static inline void ws_expect_error(struct ws *ws, const char *id, const char *reason)
{
    char quoted[60];
    snprintf(quoted, sizeof quoted, "\"%s\"", reason);
    ws_expect(ws, "\"error\"", id);
    expect_member(ws_text(ws), "reason", quoted);
}

static inline void ws_expect_event(struct ws *ws, const char *topic, const char *data)
{
    char quoted[300];
    snprintf(quoted, sizeof quoted, "\"%s\"", topic);
    ws_expect(ws, "\"event\"", "");
    expect_member(ws_text(ws), "topic", quoted);
    expect_member(ws_text(ws), "data", data);
}

static inline void ws_expect_close(struct ws *ws, unsigned code, const char *text)
{
    const char *last = ws_next(ws);
    if (ws->close_code != code) fail_msg("not closed with %u but %u: %s", code, ws->close_code, last);
    assert_str(ws_text(ws), text);
}

/* Subscribes with the id 1; after NULL: from now. */
static inline void ws_subscribe(struct ws *ws, const char *topic, const char *after)
{
    if (after)
        ws_say(ws, "{\"op\":\"subscribe\",\"id\":1,\"topic\":\"%s\",\"after\":\"%s\"}", topic, after);
    else
        ws_say(ws, "{\"op\":\"subscribe\",\"id\":1,\"topic\":\"%s\"}", topic);
    ws_expect(ws, "\"ok\"", "1");
}

static inline void ws_close(struct ws *ws)
{
    close(ws->fd);
    rb_ws_reader_fini(&ws->reader);
    rb_buf_fini(&ws->in);
    rb_buf_fini(&ws->text);
    rb_free(ws);
}

#endif
