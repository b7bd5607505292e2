/* Uploads over a real connection: what comes of each body, and that nothing is left of those that fail. The
 * answer to each is what its upload has called, a line for each call. */
#include "files_fixture.h"

#include "files/upload.h"
#include "http/loopback.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static struct server server;
static struct fixture *fixture;

static sem_t in_commit, may_commit; /* with X-Commit: wait */
static _Atomic int sync_error;
static struct rb_upload *unanswered; /* with X-Later */

/* ---- a disk that is full when told so ---- */

int fsync(int fd)
{
    errno = sync_error;
    return errno ? -1 : (int)syscall(SYS_fsync, fd);
}

/* ---- what is called ---- */

struct seen {
    struct rb_buf text;
    int files, gone;
};
static struct seen last; /* of an upload that has nobody to tell */

static struct seen *seen_of(struct rb_upload *upload)
{
    assert_ptr_equal(rb_loop_current(), rb_request_loop(upload->request));
    return upload->arg;
}

static rb_err on_field(struct rb_upload *upload, rb_str name, rb_str value)
{
    struct rb_buf *text = &seen_of(upload)->text;
    if (value.n < 100)
        rb_buf_add_fmt(text, "field %.*s=%.*s\n", RB_STR_FMT(name), RB_STR_FMT(value));
    else
        rb_buf_add_fmt(text, "field %.*s of %zu\n", RB_STR_FMT(name), value.n);
    if (!rb_str_is(name, "bad")) return RB_OK;
    upload->why = RB_STR("It is bad.");
    return RB_UNPROCESSABLE;
}

static rb_err on_file(struct rb_upload *upload, struct rb_upload_file *file)
{
    rb_buf_add_fmt(&seen_of(upload)->text, "file %.*s|%.*s|%.*s\n", RB_STR_FMT(file->field),
                   RB_STR_FMT(file->name), RB_STR_FMT(file->type));
    if (rb_str_starts(file->name, RB_STR("small"))) file->bytes_max = 10;
    rb_str coding = rb_request_header(upload->request, "Content-Encoding");
    if (rb_str_is(coding, "gzip")) file->coding = RB_UPLOAD_GZIP;
    if (rb_str_is(coding, "deflate")) file->coding = RB_UPLOAD_DEFLATE;
    return rb_str_starts(file->name, RB_STR("no")) ? RB_BAD_NAME : RB_OK;
}

/* The place for them is `kept/`, under their numbers. */
static rb_str kept_path(struct rb_upload *upload)
{
    struct seen *seen = upload->arg;
    return rb_arena_fmt(&upload->request->arena, "%s/kept/%d", fixture->dir, seen->files);
}

static rb_err commit(struct rb_upload *upload, struct rb_upload_file *file)
{
    rb_str how = rb_request_header(upload->request, "X-Commit");
    assert_null(rb_loop_current());
    assert_int_equal(access(file->path.p, R_OK), 0);
    if (rb_str_is(how, "wait")) {
        sem_post(&in_commit);
        wait_for(&may_commit);
    }
    if (rb_str_is(how, "refuse")) return RB_CONFLICT;
    return rename(file->path.p, kept_path(upload).p) == 0 ? RB_OK : RB_STORE_FAILED;
}

static void note_contents(struct rb_buf *text, const char *path, uint64_t bytes)
{
    char start[65];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, start, sizeof start - 1);
    assert_true(n >= 0);
    start[n] = '\0';
    struct stat stat;
    assert_int_equal(fstat(fd, &stat), 0);
    assert_int_equal(stat.st_size, bytes);
    assert_int_equal(stat.st_mode & 0777, 0600);
    close(fd);
    if (n < 64) rb_buf_add_fmt(text, " \"%s\"", start);
}

static void on_file_done(struct rb_upload *upload, const struct rb_upload_file *file)
{
    struct seen *seen = seen_of(upload);
    rb_buf_add_fmt(&seen->text, "done %s %llu", rb_reason_name(file->err), (unsigned long long)file->bytes);
    if (!file->err)
        note_contents(&seen->text, upload->ops->commit ? kept_path(upload).p : file->path.p, file->bytes);
    rb_buf_add_char(&seen->text, '\n');
    seen->files++;
}

static void answer(struct rb_upload *upload)
{
    struct seen *seen = upload->arg;
    rb_answer(upload->request, 200, RB_STR("text/plain"), rb_buf_str(&seen->text));
}

static void answer_unanswered(void *arg)
{
    (void)arg;
    answer(unanswered);
}

static void on_done(struct rb_upload *upload, rb_err err)
{
    struct seen *seen = seen_of(upload);
    rb_buf_add_fmt(&seen->text, "end %s %.*s\n", rb_reason_name(err), RB_STR_FMT(upload->why));
    if (rb_request_header(upload->request, "X-Later").p) {
        unanswered = upload;
        sem_post(&server.reached);
    } else {
        answer(upload);
    }
}

static void on_gone(struct rb_upload *upload)
{
    struct seen *seen = seen_of(upload);
    seen->gone++;
    rb_buf_fini(&last.text);
    last = (struct seen){.files = seen->files, .gone = seen->gone};
    rb_buf_add_str(&last.text, rb_buf_str(&seen->text));
    server.gone_count++;
    sem_post(&server.reached);
}

static void free_seen(const void *arg)
{
    rb_buf_fini(&((struct seen *)(uintptr_t)arg)->text);
}

static void begin(struct rb_request *request, void *arg)
{
    (void)arg;
    static const struct rb_upload_ops all = {on_field, on_file, commit, on_file_done, on_done, on_gone},
                                      stay = {on_field, on_file, NULL, on_file_done, on_done, NULL},
                                      few = {.on_done = on_done};
    rb_str how = rb_request_header(request, "X-Commit");
    struct seen *seen = rb_arena_new(&request->arena, struct seen);
    rb_arena_at_end(&request->arena, free_seen, seen);
    rb_upload_begin(fixture->files, request,
                    rb_str_is(how, "none")  ? &stay
                    : rb_str_is(how, "few") ? &few
                                            : &all,
                    seen);
}

static struct rb_router *make_router(void)
{
    static const struct server_route routes[] = {
        {RB_HTTP1_POST,
         "/up",
         {.handler = rb_upload_handle,
          .on_head = begin,
          .on_refused = rb_upload_refused,
          .body_max = 256 << 20}},
        {RB_HTTP1_POST,
         "/tiny",
         {.handler = rb_upload_handle, .on_head = begin, .on_refused = rb_upload_refused, .body_max = 64}},
    };
    return server_router(routes, RB_COUNT(routes), NULL);
}

static int start(void **state)
{
    if (set_up(state) != 0) return -1;
    fixture = *state;
    make_dir(below(fixture, "kept"));
    sem_init(&in_commit, 0, 0);
    sem_init(&may_commit, 0, 0);
    server_start(&server, make_router(), &test_limits);
    return 0;
}

static int finish(void **state)
{
    server_stop(&server);
    sem_destroy(&in_commit);
    sem_destroy(&may_commit);
    rb_buf_fini(&last.text);
    last = (struct seen){0};
    return tear_down(state);
}

static int count_files(const char *path)
{
    int count = -2; /* "." and ".." */
    DIR *dir = opendir(below(fixture, path));
    assert_non_null(dir);
    while (readdir(dir)) count++;
    closedir(dir);
    return count;
}

/* What is removed when a request has ended the pool removes: shortly after. */
static void wait_for_empty_spool(void)
{
    for (int i = 0; i < 20000; i++) {
        if (count_files("spool") == 0) return;
        settle(&server);
    }
    fail_msg("%d files are left", count_files("spool"));
}

/* ---- small bodies ---- */

#define POST(lines) "POST /up HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" lines
#define FORM "Content-Type: multipart/form-data; boundary=B\r\n"
#define FIELD_HEAD(name) "--B\r\nContent-Disposition: form-data; name=" name "\r\n\r\n"
#define FILE_HEAD(name) "--B\r\nContent-Disposition: form-data; name=f; filename=\"" name "\"\r\n\r\n"
#define END "\r\n--B--\r\n"

struct row {
    const char *head;
    rb_str body;
    const char *expected; /* in the body of the answer */
};
#define BODY(text)                                                                                           \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }

#define GZIP_HELLO                                                                                           \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9"                                           \
    "\x57\xc8\x40\x27\xb9\x00\x00\x88\x59\x0b\x18\x00\x00\x00"
/* a hundred times "a": more than /tiny takes */
#define GZIP_BOMB                                                                                            \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\x4c\xa4\x3d\x00\x00\x64\x7a\x70\xaf\x64\x00\x00\x00"
#define ZLIB_HELLO "\x78\xda\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\xb9\x00\x70\xbe\x08\xbb"
#define HELLO "hello hello hello hello\n"

static const struct row rows[] = {
    /* one file */
    {POST("Content-Type: model/ifc\r\n"), BODY("ISO-10303-21;"),
     "file ||model/ifc\ndone ok 13 \"ISO-10303-21;\"\nend ok \n"},
    {POST(), BODY(""), "file ||\ndone ok 0 \"\"\nend ok \n"},
    {POST("Content-Encoding: gzip\r\n"), BODY(GZIP_HELLO), "file ||\ndone ok 24 \"" HELLO "\"\nend ok \n"},
    {POST("Content-Encoding: deflate\r\n"), BODY(ZLIB_HELLO), "file ||\ndone ok 24 \"" HELLO "\"\nend ok \n"},
    {POST("Content-Encoding: gzip\r\n"), BODY("x"), "done bad_request 0\nend ok \n"},
    {POST("Content-Encoding: gzip\r\n"), BODY(""), "done bad_request 0\nend ok \n"},
    {POST("Content-Encoding: gzip\r\n"), BODY(ZLIB_HELLO), "done bad_request 0\nend ok \n"},
    {POST("Content-Encoding: gzip\r\n"), {GZIP_HELLO, 20}, "done bad_request 23\nend ok \n"},
    {POST("X-Commit: refuse\r\n"), BODY("abc"), "file ||\ndone conflict 3\nend ok \n"},
    {POST("X-Commit: none\r\n"), BODY("abc"), "file ||\ndone ok 3 \"abc\"\nend ok \n"},
    {POST("X-Commit: few\r\n"), BODY("abc"), "\r\n\r\nend ok \n"},
    {"POST /tiny HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Encoding: gzip\r\n", BODY(GZIP_BOMB),
     "done body_too_large 0\nend ok \n"},
    /* forms */
    {POST(FORM), BODY("--B--"), "\r\n\r\nend ok \n"},
    {POST(FORM),
     BODY(FIELD_HEAD("a") "1\r\n" FILE_HEAD("x.ifc") "one\r\n" FIELD_HEAD("b") "\r\n" FILE_HEAD("") "" END),
     "\r\n\r\nfield a=1\nfile f|x.ifc|\ndone ok 3 \"one\"\nfield b=\nfile f||\ndone ok 0 \"\"\nend ok \n"},
    {POST(FORM "X-Commit: none\r\n"), BODY(FILE_HEAD("x") "one\r\n" FILE_HEAD("y") "two" END),
     "file f|x|\ndone ok 3 \"one\"\nfile f|y|\ndone ok 3 \"two\"\nend ok \n"},
    {POST(FORM "X-Commit: few\r\n"), BODY(FIELD_HEAD("bad") "1\r\n" FILE_HEAD("no") "one" END),
     "\r\n\r\nend ok \n"},
    {POST(FORM "Content-Encoding: gzip\r\n"), BODY(FILE_HEAD("x") GZIP_HELLO END),
     "file f|x|\ndone ok 24 \"" HELLO "\"\nend ok \n"},
    /* a file fails, the others do not */
    {POST(FORM), BODY(FILE_HEAD("no") "one\r\n" FILE_HEAD("yes") "two" END),
     "file f|no|\ndone bad_name 0\nfile f|yes|\ndone ok 3 \"two\"\nend ok \n"},
    {POST(FORM), BODY(FILE_HEAD("small") "01234567890\r\n" FILE_HEAD("small") "0123456789" END),
     "file f|small|\ndone body_too_large 0\nfile f|small|\ndone ok 10 \"0123456789\"\nend ok \n"},
    {POST(FORM "Content-Encoding: gzip\r\n"),
     BODY(FILE_HEAD("small") GZIP_HELLO "\r\n" FILE_HEAD("x") GZIP_HELLO END),
     "file f|small|\ndone body_too_large 0\nfile f|x|\ndone ok 24 \"" HELLO "\"\nend ok \n"},
    {POST(FORM "X-Commit: refuse\r\n"), BODY(FILE_HEAD("x") "one\r\n" FIELD_HEAD("a") "1" END),
     "file f|x|\ndone conflict 3\nfield a=1\nend ok \n"},
    /* the whole fails */
    {POST(FORM), BODY(FIELD_HEAD("bad") "1\r\n" FIELD_HEAD("b") "2" END),
     "field bad=1\nend unprocessable It is bad.\n"},
    {POST(FORM), BODY(FILE_HEAD("x") "one"),
     "file f|x|\ndone bad_request 3\nend bad_request The body is cut short.\n"},
    {POST(FORM), BODY(FIELD_HEAD("x") "one"), "\r\n\r\nend bad_request The body is cut short.\n"},
    {POST(FORM), BODY(""), "\r\n\r\nend bad_request The body is cut short.\n"},
    {POST(FORM), BODY(FILE_HEAD("x") "one\r\n--Bx"),
     "done ok 3 \"one\"\nend bad_request A delimiter is followed by something else.\n"},
    {POST("Content-Type: multipart/form-data\r\n"), BODY("--B--"),
     "\r\n\r\nend bad_request The Content-Type has no valid boundary.\n"},
};

static struct rb_buf input_of(const struct row *row, bool is_chunked)
{
    struct rb_buf input = {0};
    rb_buf_add_text(&input, row->head);
    if (is_chunked) {
        rb_buf_add_text(&input, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < row->body.n; i++) rb_buf_add_fmt(&input, "1\r\n%c\r\n", row->body.p[i]);
        rb_buf_add_text(&input, "0\r\n\r\n");
    } else {
        rb_buf_add_fmt(&input, "Content-Length: %zu\r\n\r\n", row->body.n);
        rb_buf_add_str(&input, row->body);
    }
    return input;
}

static void small_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(rows); i++) {
        for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
            struct rb_buf input = input_of(&rows[i], is_chunked);
            int fd = client_open(&server);
            client_send(fd, input.p, input.n);
            struct rb_buf in = client_finish(fd);
            assert_has(&in, rows[i].expected);
            wait_for_empty_spool();
            rb_buf_fini(&in);
            rb_buf_fini(&input);
        }
    }
}

static void cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < RB_COUNT(rows); i += 3) {
        struct rb_buf input = input_of(&rows[i], false);
        for (size_t cut = 0; cut < input.n; cut += 7) {
            int fd = client_open(&server);
            client_send_cut(&server, fd, input.p, input.n, cut);
            struct rb_buf in = client_finish(fd);
            assert_has(&in, rows[i].expected);
            rb_buf_fini(&in);
        }
        rb_buf_fini(&input);
    }
}

/* ---- larger ones ---- */

static void fill(char *bytes, size_t n)
{
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
}

/* Each file of a form is what was sent, byte by byte, whatever its length. */
static void contents(void **state)
{
    (void)state;
    enum { BLOCK = 256 * 1024, LARGEST = 5 * 1024 * 1024 + 3 };
    static const size_t sizes[] = {1, BLOCK - 200, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, LARGEST};
    char *bytes = malloc(LARGEST), *read_back = malloc(LARGEST);
    assert_true(bytes && read_back);
    fill(bytes, LARGEST);
    size_t all = strlen(END);
    for (size_t i = 0; i < RB_COUNT(sizes); i++) all += strlen(FILE_HEAD("x")) + sizes[i] + (i > 0 ? 2 : 0);
    struct rb_buf head = {0};
    rb_buf_add_fmt(&head, POST(FORM) "Content-Length: %zu\r\n\r\n", all);
    int fd = client_open(&server);
    client_send(fd, head.p, head.n);
    for (size_t i = 0; i < RB_COUNT(sizes); i++) {
        client_say(fd, i > 0 ? "\r\n" FILE_HEAD("x") : FILE_HEAD("x"));
        client_send(fd, bytes, sizes[i]);
    }
    client_say(fd, END);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "end ok");
    for (size_t i = 0; i < RB_COUNT(sizes); i++) {
        int file = open(rb_arena_fmt(&fixture->arena, "%s/kept/%zu", fixture->dir, i).p, O_RDONLY);
        assert_true(file >= 0);
        assert_int_equal(read(file, read_back, LARGEST), sizes[i]);
        assert_int_equal(memcmp(read_back, bytes, sizes[i]), 0);
        close(file);
    }
    assert_int_equal(count_files("spool"), 0);
    rb_buf_fini(&in);
    rb_buf_fini(&head);
    free(read_back);
    free(bytes);
}

static void send_zeros(int fd, size_t n)
{
    static const char zeros[64 * 1024];
    for (size_t piece; n > 0; n -= piece) {
        piece = n < sizeof zeros ? n : sizeof zeros;
        client_send(fd, zeros, piece);
    }
}

static void fields_up_to_their_limit(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct rb_buf head = {0};
        size_t n = RB_UPLOAD_FIELD_BYTES_MAX + (size_t)over;
        rb_buf_add_fmt(&head, POST(FORM) "Content-Length: %zu\r\n\r\n" FIELD_HEAD("a"),
                       n + strlen(FIELD_HEAD("a") END));
        int fd = client_open(&server);
        client_send(fd, head.p, head.n);
        send_zeros(fd, n);
        client_say(fd, END);
        struct rb_buf in = client_finish(fd);
        assert_has(&in, over ? "\r\n\r\nend body_too_large A field is larger than 64 KiB.\n"
                             : "field a of 65536\nend ok \n");
        rb_buf_fini(&in);
        rb_buf_fini(&head);
    }
}

static void many_files(void **state)
{
    (void)state;
    struct rb_buf body = {0}, head = {0};
    for (int i = 0; i < RB_UPLOAD_PARTS_MAX; i++) rb_buf_add_text(&body, FILE_HEAD("x") "content\r\n");
    rb_buf_add_text(&body, "--B--");
    rb_buf_add_fmt(&head, POST(FORM) "Content-Length: %zu\r\n\r\n", body.n);
    int fd = client_open(&server);
    client_send(fd, head.p, head.n);
    client_send(fd, body.p, body.n);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "end ok");
    assert_int_equal(count_files("kept"), RB_UPLOAD_PARTS_MAX);
    rb_buf_fini(&in);
    rb_buf_fini(&head);
    rb_buf_fini(&body);
}

/* While the disk is behind, the client is stopped; other connections are not. */
static void slow_disk(void **state)
{
    (void)state;
    enum { REST = 64 * 1024 * 1024 };
    static char piece[64 * 1024];
    struct rb_buf head = {0};
    size_t sent = 0;
    rb_buf_add_fmt(&head, POST(FORM "X-Commit: wait\r\n") "Content-Length: %zu\r\n\r\n" FILE_HEAD("x"),
                   REST + strlen(FILE_HEAD("x") "\r\n" FILE_HEAD("y") END));
    rb_buf_add_text(&head, "\r\n" FILE_HEAD("y"));
    int fd = client_open(&server);
    client_send(fd, head.p, head.n);
    send_zeros(fd, sent = 1024 * 1024);
    wait_for(&in_commit);
    for (int quiet = 0; quiet < 20 && sent < REST;) {
        ssize_t n = send(fd, piece, sizeof piece, MSG_DONTWAIT | MSG_NOSIGNAL);
        quiet = n > 0 ? 0 : quiet + 1;
        sent += n > 0 ? (size_t)n : 0;
        settle(&server);
    }
    assert_true(sent < REST);
    rb_clock_test_advance_ms(2 * test_limits.body_timeout_ms); /* is not its fault */
    struct rb_buf other = exchange(&server, POST("Content-Length: 3\r\n\r\n") "abc");
    assert_has(&other, "end ok");
    sem_post(&may_commit);
    sem_post(&may_commit);
    send_zeros(fd, REST - sent);
    client_say(fd, END);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "file f|y|\ndone ok 67108864\nend ok \n");
    rb_buf_fini(&in);
    rb_buf_fini(&other);
    rb_buf_fini(&head);
}

/* ---- what is refused ---- */

static void refused(void **state)
{
    (void)state;
    static const char *const exchanges[][4] = {
        {"POST /tiny HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n", "413 Content Too Large",
         "\"body_too_large\"", NULL},
        {"POST /tiny HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1e\r\n012345678901234567890123456789\r\n23\r\n01234567890123456789012345678901234\r\n",
         "Connection: close\r\n", "\r\n\r\nfile ||\ndone body_too_large 0\nend body_too_large \n", NULL},
        {"POST /tiny HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcx",
         "\r\n\r\nfile ||\ndone bad_request 0\nend bad_request \n", "Connection: close\r\n", NULL},
    };
    for (size_t i = 0; i < RB_COUNT(exchanges); i++) {
        struct rb_buf in = exchange(&server, exchanges[i][0]);
        assert_exchange(exchanges[i], &in);
        rb_buf_fini(&in);
    }
    int fd = client_ask(&server, POST(FORM "Content-Length: 1000\r\n\r\n") FILE_HEAD("x") "abc");
    settle(&server);
    rb_clock_test_advance_ms(test_limits.body_timeout_ms);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "\r\n\r\nend request_timeout \n");
    rb_buf_fini(&in);
    wait_for_empty_spool();
}

/* Malformed at its start: answered before its end. */
static void answered_early(void **state)
{
    (void)state;
    int fd = client_ask(&server, POST(FORM "Content-Length: 100000000\r\n\r\n") "--Bx");
    send_zeros(fd, 1024 * 1024);
    struct rb_buf in = client_finish(fd);
    assert_has(&in, "end bad_request A delimiter is followed by something else.\n");
    assert_has(&in, "Connection: close\r\n");
    rb_buf_fini(&in);
}

/* The same, but who answers takes its time; its client may have gone by then. */
static void answered_later(void **state)
{
    (void)state;
    for (int is_gone = 0; is_gone < 2; is_gone++) {
        int fd = client_ask(&server, POST(FORM "X-Later: 1\r\nContent-Length: 100000000\r\n\r\n") "--Bx");
        send_zeros(fd, 1024 * 1024);
        wait_for(&server.reached);
        rb_clock_test_advance_ms(2 * test_limits.body_timeout_ms); /* the client has done its part */
        settle(&server);
        if (is_gone) server_call(&server, cut_connections, &server);
        wait_for_streams(&server, is_gone ? 0 : 1);
        server_call(&server, answer_unanswered, NULL);
        struct rb_buf in = client_finish(fd);
        if (!is_gone) assert_has(&in, "end bad_request A delimiter is followed by something else.\n");
        rb_buf_fini(&in);
    }
}

/* ---- clients that go ---- */

enum { CLOSED, RESET, CUT, WAYS };

static void go(int fd, int way)
{
    struct linger at_once = {.l_onoff = 1};
    if (way == RESET) setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (way == CUT) server_call(&server, cut_connections, &server);
    close(fd);
}

static void gone_amid(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t zeros;
        const char *expected;
    } inputs[] = {
        {POST("Content-Length: 100000000\r\n\r\n"), 0, ""},
        {POST("Content-Length: 100000000\r\n\r\n"), 100, ""},
        {POST("Content-Length: 100000000\r\n\r\n"), 600 * 1024, "file ||\ndone client_closed"},
        {POST(FORM "Content-Length: 100000000\r\n\r\n") FILE_HEAD("x") "1\r\n" FILE_HEAD("y"), 600 * 1024,
         "file f|x|\ndone ok 1 \"1\"\nfile f|y|\ndone client_closed"},
        {POST(FORM "Content-Length: 100000000\r\n\r\n") FILE_HEAD("no"), 600 * 1024,
         "file f|no|\ndone bad_name 0\n"},
    };
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < RB_COUNT(inputs); i++) {
            server.gone_count = 0;
            int fd = client_ask(&server, inputs[i].head);
            send_zeros(fd, inputs[i].zeros);
            settle(&server);
            go(fd, way);
            wait_for(&server.reached);
            wait_for_streams(&server, 0);
            assert_int_equal(server.gone_count, 1);
            if (way == CLOSED) assert_has(&last.text, inputs[i].expected);
            wait_for_empty_spool();
        }
    }
}

/* It goes while its file is being put away: nobody is told before that is done, and its memory is there. */
static void gone_amid_commit(void **state)
{
    (void)state;
    static const char *const inputs[] = {
        POST("X-Commit: wait\r\nContent-Length: 3\r\n\r\n") "abc", /* the answer was due */
        POST(FORM "X-Commit: wait\r\nContent-Length: 1000000\r\n\r\n")
            FILE_HEAD("x") "abc\r\n" FILE_HEAD("y"),
    };
    for (int way = 0; way < WAYS; way++) {
        for (size_t i = 0; i < RB_COUNT(inputs); i++) {
            server.gone_count = 0;
            int fd = client_ask(&server, inputs[i]);
            if (i == 1) send_zeros(fd, 300 * 1024);
            wait_for(&in_commit);
            settle(&server);
            go(fd, way);
            settle(&server);
            assert_int_equal(server.gone_count, 0);
            sem_post(&may_commit);
            wait_for(&server.reached);
            wait_for_streams(&server, 0);
            assert_int_equal(server.gone_count, 1);
            assert_has(&last.text, "done ok 3");
            wait_for_empty_spool();
        }
    }
}

/* ---- disks that fail ---- */

static void file_too_large_for_the_disk(void **state)
{
    (void)state;
    struct rlimit before, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 300 * 1024;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int fd = client_ask(&server, POST("Content-Length: 1000000\r\n\r\n"));
    send_zeros(fd, 1000000);
    struct rb_buf in = client_finish(fd);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_has(&in, "\ndone store_failed");
    assert_has(&in, "\nend store_failed \n");
    assert_has_not(&in, "done ok");
    wait_for_empty_spool();
    rb_buf_fini(&in);
}

static void disk_full(void **state)
{
    (void)state;
    sync_error = ENOSPC;
    struct row row = {POST(FORM), BODY(FILE_HEAD("x") "1\r\n" FILE_HEAD("y") "2" END), NULL};
    struct rb_buf input = input_of(&row, false), in = exchange(&server, rb_buf_text(&input));
    sync_error = 0;
    assert_has(&in, "\r\n\r\nfile f|x|\ndone disk_full 1\nend disk_full \n");
    wait_for_empty_spool();
    rb_buf_fini(&input);
    rb_buf_fini(&in);
}

static void no_spool(void **state)
{
    (void)state;
    assert_int_equal(rmdir(below(fixture, "spool")), 0);
    struct rb_buf in = exchange(&server, POST("Content-Length: 3\r\n\r\n") "abc");
    assert_has(&in, "file ||\ndone store_failed 0\nend store_failed \n");
    make_dir(below(fixture, "spool"));
    rb_buf_fini(&in);
}

int main(void)
{
#define RUN(test) cmocka_unit_test_setup_teardown(test, start, finish)
    const struct CMUnitTest tests[] = {
        RUN(small_bodies),
        RUN(cut_anywhere),
        RUN(contents),
        RUN(fields_up_to_their_limit),
        RUN(many_files),
        RUN(slow_disk),
        RUN(refused),
        RUN(answered_early),
        RUN(answered_later),
        RUN(gone_amid),
        RUN(gone_amid_commit),
        RUN(disk_full),
        RUN(file_too_large_for_the_disk),
        RUN(no_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
