/* Writing heads and chunks. A value with a line end in it would let its author write headers, so that is
 * checked here, at the one place all of them pass. */
#include "codec/http1.h"

#include "base/check.h"

#include <stdio.h>

/* RFC 9110 section 15, and RFC 6585. */
static const struct {
    int status;
    const char *text;
} texts[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {511, "Network Authentication Required"},
};

const char *rb_http1_status_text(int status)
{
    for (size_t i = 0; i < RB_COUNT(texts); i++)
        if (texts[i].status == status) return texts[i].text;
    return "";
}

void rb_http1_put_status(struct rb_buf *out, int status)
{
    RB_CHECK(status >= 100 && status <= 599);
    rb_buf_add_text(out, "HTTP/1.1 ");
    rb_buf_add_u64(out, (uint64_t)status);
    rb_buf_add_char(out, ' ');
    rb_buf_add_text(out, rb_http1_status_text(status));
    rb_buf_add_text(out, "\r\n");
}

void rb_http1_put_header(struct rb_buf *out, const char *name, rb_str value)
{
    for (size_t i = 0; i < value.n; i++)
        RB_CHECK(value.p[i] != '\r' && value.p[i] != '\n' && value.p[i] != '\0');
    rb_buf_add_text(out, name);
    rb_buf_add_text(out, ": ");
    rb_buf_add_str(out, value);
    rb_buf_add_text(out, "\r\n");
}

void rb_http1_put_header_u64(struct rb_buf *out, const char *name, uint64_t value)
{
    rb_buf_add_text(out, name);
    rb_buf_add_text(out, ": ");
    rb_buf_add_u64(out, value);
    rb_buf_add_text(out, "\r\n");
}

void rb_http1_put_end(struct rb_buf *out)
{
    rb_buf_add_text(out, "\r\n");
}

void rb_http1_put_chunk(struct rb_buf *out, rb_str data)
{
    char size[24];
    RB_CHECK(data.n > 0); /* an empty chunk would end the body */
    int n = snprintf(size, sizeof size, "%zx\r\n", data.n);
    rb_buf_add(out, size, (size_t)n);
    rb_buf_add_str(out, data);
    rb_buf_add_text(out, "\r\n");
}

void rb_http1_put_last_chunk(struct rb_buf *out)
{
    rb_buf_add_text(out, "0\r\n\r\n");
}
