/* A door of one loop, with an upper side that notes what it hears and does what it is told to, and clients
 * that speak HTTP and WebSocket by hand. The clock is a test's. */
#ifndef RB_LINK_RIG_H
#define RB_LINK_RIG_H

#include "http/loopback.h"

#include "doors/socketio/link_private.h"

enum { INTERVAL_MS = 25000, TIMEOUT_MS = 20000, CONNECT_MS = 45000, UPGRADE_MS = 10000, CLOSE_MS = 30000 };
enum { LEEWAY_MS = 2000 }; /* the clock of tests goes on by itself, too */

static struct server server;
static struct rb_sio_door *door;
static struct rb_loop *door_loops[1];

/* ---- the upper side ---- All of it is touched on the loop's thread only. */

static struct rb_buf heard;
static struct sio_link *last_link;
static struct frame_queue gives; /* what take gives */
static bool joins_by_itself, closes_when_asked;

static inline void note(const char *what, rb_str text)
{
    rb_buf_add_fmt(&heard, "%s%s%.*s", heard.n ? " " : "", what, RB_STR_FMT(text));
}

static inline void upper_on_open(struct sio_link *link, struct rb_request *request)
{
    char peer[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(request, peer);
    note("open@", rb_str_of(peer));
    last_link = link;
    if (joins_by_itself) link_joined(link);
    if (link->revision == 3) link_send_text(link, RB_STR("40"));
}

static inline void upper_on_text(struct sio_link *link, rb_str text)
{
    note("", text);
    if (rb_str_is(text, "pause")) link_pause(link, true);
    if (rb_str_is(text, "both")) {
        link_pause(link, true);
        link_pause(link, false);
    }
    if (rb_str_is(text, "close")) link_close(link, RB_GAP);
    if (rb_str_is(text, "bye")) {
        link_send_text(link, RB_STR("4bye"));
        link_close(link, RB_GAP);
    }
    if (rb_str_is(text, "later")) closes_when_asked = true, link_want_output(link);
    if (rb_str_is(text, "echo")) link_send_text(link, RB_STR("4echo"));
}

static inline void upper_on_binary(struct sio_link *link, rb_str data)
{
    (void)link;
    rb_buf_add_fmt(&heard, " binary:%zu", data.n);
}

static inline void upper_on_ping(struct sio_link *link)
{
    (void)link;
    note("ping", RB_STR_NONE);
}

static inline void upper_on_pong(struct sio_link *link)
{
    (void)link;
    note("pong", RB_STR_NONE);
}

static inline struct rb_blob *upper_take(struct sio_link *link)
{
    if (closes_when_asked) link_close_later(link, RB_GAP);
    return frames_pop(&gives);
}

static inline void upper_on_pull(struct sio_link *link, struct rb_gather *gather)
{
    struct rb_blob *frames;
    while (rb_gather_has_room(gather) && (frames = upper_take(link))) rb_gather_add(gather, frames);
}

static inline void upper_on_closed(struct sio_link *link, rb_err why, bool is_clean)
{
    note("closed:", rb_str_of(rb_reason(why)->name));
    if (is_clean) note("clean", RB_STR_NONE);
    if (last_link == link) last_link = NULL;
    sem_post(&server.reached);
}

static const struct link_ops upper_ops = {.on_open = upper_on_open,
                                          .on_text = upper_on_text,
                                          .on_binary = upper_on_binary,
                                          .on_ping = upper_on_ping,
                                          .on_pong = upper_on_pong,
                                          .on_pull = upper_on_pull,
                                          .take = upper_take,
                                          .on_closed = upper_on_closed};

static inline void move_heard(void *to)
{
    *(struct rb_buf *)to = heard;
    heard = (struct rb_buf){0};
}

/* What the upper side has heard since the last time. */
static inline void assert_heard(const char *expected)
{
    struct rb_buf all = {0};
    settle(&server);
    server_call(&server, move_heard, &all);
    if (strcmp(rb_buf_text(&all), expected) != 0)
        fail_msg("heard \"%s\", not \"%s\"", rb_buf_text(&all), expected);
    rb_buf_fini(&all);
}

static inline void wait_for_end(void)
{
    wait_for(&server.reached);
}

static inline void do_unpause(void *arg)
{
    (void)arg;
    link_pause(last_link, false);
}

static inline void unpause(void)
{
    server_call(&server, do_unpause, NULL);
}

static inline void pass_ms(uint64_t ms)
{
    rb_clock_test_advance_ms(ms);
    settle(&server);
}

/* ---- the server ---- */

static inline void tie_door(void *arg)
{
    (void)arg;
    door->heres[0].loop = server.loop;
    rb_sio_set_http(door, 0, server.http);
}

static inline int rig_start(void **state)
{
    (void)state;
    const struct rb_sio_setup setup = {.loops = door_loops,
                                       .loop_count = 1,
                                       .path = RB_STR("/socket.io/"),
                                       .has_v3 = true,
                                       .has_polling = true,
                                       .upgrade_timeout_ms = UPGRADE_MS,
                                       .close_timeout_ms = CLOSE_MS,
                                       .ping_interval_ms = INTERVAL_MS,
                                       .ping_timeout_ms = TIMEOUT_MS,
                                       .connect_timeout_ms = CONNECT_MS,
                                       .payload_bytes_max = 1000000};
    struct rb_router *router = rb_router_new();
    joins_by_itself = true;
    closes_when_asked = false;
    door = rb_sio_door_new(&setup);
    door->socketio.ops = &upper_ops;
    assert_int_equal(requests_add_routes(&door->socketio, router), RB_OK);
    server_start(&server, router, &test_limits);
    server_call(&server, tie_door, NULL);
    return 0;
}

static inline void close_links(void *arg)
{
    (void)arg;
    rb_sio_close_links(door, RB_SHUTTING_DOWN);
}

static inline void free_links(void *arg)
{
    (void)arg;
    links_free(&door->heres[0]);
}

static inline int rig_stop(void **state)
{
    (void)state;
    server_call(&server, close_links, NULL);
    settle(&server);
    server_call(&server, free_links,
                NULL); /* those that have not fetched their end; their timers are the loop's */
    server_stop(&server);
    rb_sio_door_free(door);
    frames_fini(&gives);
    rb_buf_fini(&heard);
    return 0;
}

/* ---- clients ---- */

struct answer {
    int status;
    struct rb_buf body;
};

/* Sends a request on a connection of its own. */
static inline int ask(const char *method, const char *query, const char *body)
{
    struct rb_buf request = {0};
    rb_buf_add_fmt(&request, "%s /socket.io/?%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n", method, query);
    if (body) rb_buf_add_fmt(&request, "Content-Length: %zu\r\n", strlen(body));
    rb_buf_add_fmt(&request, "\r\n%s", body ? body : "");
    int fd = client_open(&server);
    client_send(fd, request.p, request.n);
    rb_buf_fini(&request);
    return fd;
}

/* The whole answer, as far as it matters: "200 body". */
static inline void assert_answer(int fd, const char *expected)
{
    struct rb_buf in = {0}, got = {0};
    client_read_all(fd, &in);
    close(fd);
    const char *text = rb_buf_text(&in), *body = strstr(text, "\r\n\r\n");
    if (!body) fail_msg("no answer, but \"%s\"", text);
    rb_buf_add_fmt(&got, "%.3s %s", text + 9, body + 4);
    if (strcmp(rb_buf_text(&got), expected) != 0)
        fail_msg("\"%s\" is not \"%s\"", rb_buf_text(&got), expected);
    rb_buf_fini(&got);
    rb_buf_fini(&in);
}

static char sid[RB_HANDLE_TEXT_BYTES], link_query[100];

/* Opens a link on polling; the requests below name it. */
static inline void open_polling(void)
{
    struct rb_buf in = {0};
    int fd = ask("GET", "EIO=4&transport=polling", NULL);
    client_read_all(fd, &in);
    close(fd);
    const char *at = strstr(rb_buf_text(&in), "0{\"sid\":\"");
    assert_non_null(at);
    snprintf(sid, sizeof sid, "%s", at + 9);
    snprintf(link_query, sizeof link_query, "EIO=4&transport=polling&sid=%s", sid);
    rb_buf_fini(&in);
    assert_heard("open@127.0.0.1");
}

static inline int get(void)
{
    int fd = ask("GET", link_query, NULL);
    settle(&server);
    return fd;
}

static inline void assert_poll(const char *expected)
{
    assert_answer(get(), expected);
}

static inline void post(const char *body)
{
    assert_answer(ask("POST", link_query, body), "200 ok");
}

static inline void assert_unknown(void)
{
    assert_poll("400 {\"code\":1,\"message\":\"Session ID unknown\"}");
}

/* A WebSocket, with the link's sid or without one; the answer to the upgrade is read. */
static inline int open_socket(const char *query)
{
    struct rb_buf in = {0};
    char request[500];
    snprintf(request, sizeof request,
             "GET /socket.io/?%s HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
             query);
    int fd = client_open(&server);
    client_say(fd, request);
    while (!strstr(rb_buf_text(&in), "\r\n\r\n")) { /* not a byte of what follows */
        char c;
        assert_int_equal(recv(fd, &c, 1, 0), 1);
        rb_buf_add_char(&in, c);
    }
    assert_has(&in, "HTTP/1.1 101 ");
    rb_buf_fini(&in);
    return fd;
}

static inline int open_second_socket(void)
{
    char query[100];
    snprintf(query, sizeof query, "EIO=4&transport=websocket&sid=%s", sid);
    return open_socket(query);
}

static inline void say_frame(int fd, enum rb_ws_opcode opcode, const char *text)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    unsigned char header[RB_WS_HEADER_MAX];
    struct rb_buf out = {0};
    rb_buf_add(&out, header, rb_ws_put_header(header, opcode, true, strlen(text), mask));
    size_t at = out.n;
    rb_buf_add_text(&out, text);
    rb_ws_mask(out.p + at, strlen(text), mask, 0);
    client_send(fd, out.p, out.n);
    rb_buf_fini(&out);
}

static inline void say(int fd, const char *packet)
{
    say_frame(fd, RB_WS_TEXT, packet);
}

/* The next frame, a short one: its text, or "close". */
static inline void assert_frame(int fd, const char *expected)
{
    unsigned char header[2];
    char text[130] = "";
    assert_int_equal(recv(fd, header, 2, MSG_WAITALL), 2);
    assert_true(header[1] <= 125);
    if (header[1] > 0) assert_int_equal(recv(fd, text, header[1], MSG_WAITALL), header[1]);
    if (header[0] == 0x88) snprintf(text, sizeof text, "close");
    assert_string_equal(text, expected);
}

/* It has been sent already, whatever the clock says later. */
static inline void assert_frame_now(int fd, const char *expected)
{
    char byte;
    settle(&server);
    assert_int_equal(recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT), 1);
    assert_frame(fd, expected);
}

static inline void assert_open_packet(int fd)
{
    unsigned char header[2];
    char text[130] = "";
    assert_int_equal(recv(fd, header, 2, MSG_WAITALL), 2);
    assert_int_equal(recv(fd, text, header[1], MSG_WAITALL), header[1]);
    assert_true(strncmp(text, "0{\"sid\":\"", 9) == 0);
}

/* ---- what take gives ---- */

static inline struct rb_blob *frames_of(unsigned first, unsigned count)
{
    struct rb_buf out = {0};
    for (unsigned i = first; i < first + count; i++) {
        char text[20];
        snprintf(text, sizeof text, "4n%u", i);
        rb_ws_put_frame(&out, RB_WS_TEXT, rb_str_of(text));
    }
    struct rb_blob *blob = rb_blob_copy(rb_buf_str(&out));
    rb_buf_fini(&out);
    return blob;
}

struct gift {
    unsigned first, count, per_blob;
};

static inline void do_give(void *arg)
{
    const struct gift *gift = arg;
    for (unsigned i = 0; i < gift->count; i += gift->per_blob)
        frames_push(&gives, frames_of(gift->first + i, gift->per_blob));
    if (last_link) link_want_output(last_link);
}

static inline void give(unsigned first, unsigned count, unsigned per_blob)
{
    server_call(&server, do_give, &(struct gift){first, count, per_blob});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_start, rig_stop)

#endif
