/* One call as libcurl sees it. The other side is not trusted: what it may make us keep has limits, no
 * redirect leads us elsewhere, and nothing but http and https is spoken. */
#include "http/outgoing_private.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 64 * 1024, NS_OF_MS = 1000000 };

struct rb_outgoing_transfer *transfer_new(struct rb_outgoing_call *call)
{
    struct rb_outgoing_transfer *transfer = rb_new(struct rb_outgoing_transfer);
    *transfer = (struct rb_outgoing_transfer){.call = call, .file_fd = -1, .out_fd = -1};
    transfer->until_ns = rb_clock_real_ns() + call->timeout_ms * NS_OF_MS;
    call->transfer = transfer;
    return transfer;
}

void transfer_free(struct rb_outgoing_transfer *transfer)
{
    transfer->call->transfer = NULL;
    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    if (transfer->file_fd >= 0) close(transfer->file_fd);
    rb_buf_fini(&transfer->answer);
    rb_free(transfer);
}

/* ---- what comes ---- */

static bool is_good(const struct rb_outgoing_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status < 300;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, p, n);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        p += written;
        n -= (size_t)written;
    }
    return true;
}

/* Less than was given ends the transfer. */
static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    struct rb_outgoing_transfer *transfer = arg;
    transfer->head_bytes += size * n;
    transfer->is_too_large |= transfer->head_bytes > HEAD_BYTES_MAX;
    return transfer->is_too_large ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct rb_outgoing_transfer *transfer = arg;
    size_t bytes = size * n;
    transfer->is_too_large |= bytes > transfer->call->answer_max - transfer->body_bytes;
    if (transfer->is_too_large) return 0;
    transfer->body_bytes += bytes;
    if (transfer->out_fd >= 0 && is_good(transfer)) {
        transfer->is_write_failed = !write_all(transfer->out_fd, p, bytes);
        return transfer->is_write_failed ? 0 : bytes;
    }
    rb_buf_add(&transfer->answer, p, bytes);
    return transfer->answer.failed ? 0 : bytes;
}

/* ---- what goes ---- */

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct rb_outgoing_transfer *transfer = arg;
    ssize_t got;
    do got = read(transfer->file_fd, p, size * n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* A connection of the pool that turns out to be dead is replaced, and the file sent anew. */
static int on_seek(void *arg, curl_off_t offset, int origin)
{
    struct rb_outgoing_transfer *transfer = arg;
    return lseek(transfer->file_fd, offset, origin) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static bool fail(struct rb_outgoing_transfer *transfer, rb_err err, const char *why)
{
    transfer->call->err = err;
    transfer->call->why = rb_arena_copy(&transfer->call->arena, rb_str_of(why));
    return false;
}

static bool is_one_line(rb_str text)
{
    return !memchr(text.p, '\0', text.n) && !memchr(text.p, '\r', text.n) && !memchr(text.p, '\n', text.n);
}

static void add_header(struct rb_outgoing_transfer *transfer, const char *text)
{
    transfer->headers = curl_slist_append(transfer->headers, text);
}

static bool set_headers(struct rb_outgoing_transfer *transfer)
{
    struct rb_outgoing_call *call = transfer->call;
    for (unsigned i = 0; i < call->header_count; i++) {
        if (!is_one_line(call->headers[i]))
            return fail(transfer, RB_CALL_FAILED, "A header has a line break.");
        add_header(transfer, rb_arena_copy(&call->arena, call->headers[i]).p);
    }
    if (call->type.p && !is_one_line(call->type))
        return fail(transfer, RB_CALL_FAILED, "The media type has a line break.");
    if (call->type.p)
        add_header(transfer, rb_arena_fmt(&call->arena, "Content-Type: %.*s", RB_STR_FMT(call->type)).p);
    else
        add_header(transfer, "Content-Type:"); /* none, where libcurl has one of its own */
    add_header(transfer, "Expect:");           /* no waiting for permission */
    curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers);
    return true;
}

static bool set_file(struct rb_outgoing_transfer *transfer)
{
    struct stat stat;
    transfer->file_fd = open(transfer->call->file, O_RDONLY | O_CLOEXEC);
    if (transfer->file_fd < 0 || fstat(transfer->file_fd, &stat) != 0)
        return fail(transfer, RB_CALL_FAILED, "The file that was to be sent cannot be read.");
    curl_easy_setopt(transfer->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(transfer->easy, CURLOPT_SEEKDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)stat.st_size);
    return true;
}

/* A method that usually has a body says so also when it is empty. */
static bool set_method_and_body(struct rb_outgoing_transfer *transfer)
{
    static const char *const with_body[] = {"POST", "PUT", "PATCH"};
    const struct rb_outgoing_call *call = transfer->call;
    CURL *easy = transfer->easy;
    bool has_body = call->body.p != NULL;
    for (size_t i = 0; i < RB_COUNT(with_body); i++) has_body |= strcmp(call->method, with_body[i]) == 0;
    if (call->file) {
        if (!set_file(transfer)) return false;
    } else if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.p ? call->body.p : "");
    } else if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    return true;
}

bool transfer_begin(struct rb_outgoing_transfer *transfer)
{
    struct rb_outgoing_call *call = transfer->call;
    uint64_t now_ns = rb_clock_real_ns();
    if (now_ns >= transfer->until_ns)
        return fail(transfer, RB_CALL_TIMEOUT, "It waited too long for its turn.");
    if (!is_one_line(call->url)) return fail(transfer, RB_CALL_FAILED, "The URL has a line break.");
    CURL *easy = transfer->easy = curl_easy_init();
    if (!easy) return fail(transfer, RB_CALL_FAILED, "libcurl is out of memory.");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_URL, rb_arena_copy(&call->arena, call->url).p);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "ringback");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)((transfer->until_ns - now_ns) / NS_OF_MS + 1));
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* nobody waits for a name server that does not answer */
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    return set_method_and_body(transfer) && set_headers(transfer);
}

/* ---- what became of it ---- */

static void take_answer(struct rb_outgoing_transfer *transfer)
{
    struct rb_outgoing_call *call = transfer->call;
    const char *type = NULL;
    long status = 0;
    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
    call->err = RB_OK;
    call->status = (int)status;
    call->answer = rb_arena_copy(&call->arena, rb_buf_str(&transfer->answer));
    call->answer_type = type ? rb_arena_copy(&call->arena, rb_str_of(type)) : RB_STR_NONE;
}

void transfer_end(struct rb_outgoing_transfer *transfer, CURLcode code)
{
    const char *said = transfer->error[0] ? transfer->error : curl_easy_strerror(code);
    if (code == CURLE_OK)
        take_answer(transfer);
    else if (transfer->is_too_large)
        fail(transfer, RB_BODY_TOO_LARGE, "The answer is larger than it may be.");
    else if (transfer->is_write_failed)
        fail(transfer, RB_CALL_FAILED, "The answer cannot be written.");
    else
        fail(transfer, code == CURLE_OPERATION_TIMEDOUT ? RB_CALL_TIMEOUT : RB_CALL_FAILED, said);
}
