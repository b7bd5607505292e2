/* The server's part of one loop: who may come in, and how it ends. */
#include "base/clock.h"
#include "base/mem.h"
#include "http/http_private.h"
#include "net/admission.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { REFUSED_MAX = 1024 }; /* at the same time; beyond that even a refusal costs too much */

struct rb_http *rb_http_new(struct rb_net *net, const struct rb_router *router,
                            const struct rb_http_limits *limits)
{
    struct rb_http *http = rb_new(struct rb_http);
    http->net = net;
    http->loop = rb_net_loop(net);
    http->router = router;
    http->limits = *limits;
    http->head.headers = http->head_room;
    rb_list_init(&http->conns);
    return http;
}

void rb_http_free(struct rb_http *http)
{
    if (!http) return;
    RB_CHECK(rb_list_is_empty(&http->conns));
    RB_CHECK(http->request_count == 0);
    rb_buf_fini(&http->answer_head);
    rb_free(http);
}

enum welcome http_welcome(const struct rb_http *http)
{
    if (http->is_over) return SHUT_OUT;
    /* All of the loop's connections count, also those that have become sockets. */
    if (rb_net_stream_count(http->net) - http->refused_count < http->limits.connections_max) return LET_IN;
    return http->refused_count < REFUSED_MAX ? REFUSE : SHUT_OUT;
}

void http_shut_out(struct rb_http *http, int take_fd)
{
    if (http->limits.admission) rb_admission_leave(http->limits.admission, take_fd);
    close(take_fd);
}

void rb_http_accept(void *arg, int take_fd, const struct sockaddr_storage *peer)
{
    struct rb_http *http = arg;
    struct rb_admission *admission = http->limits.admission;
    rb_err err = !admission || rb_admission_enter(admission, take_fd, peer) ? RB_OK : RB_TOO_MANY_CONNECTIONS;
    enum welcome welcome = http_welcome(http);
    if (welcome == REFUSE && !err) err = RB_OVERLOADED;
    if (welcome == LET_IN && err && http->refused_count >= REFUSED_MAX) welcome = SHUT_OUT;
    if (welcome == SHUT_OUT)
        http_shut_out(http, take_fd);
    else
        conn_open(http, take_fd, err);
}

void rb_http_drain(struct rb_http *http)
{
    http->is_draining = true;
    RB_LIST_EACH(node, &http->conns)
    {
        struct conn *conn = RB_OUTER(node, struct conn, node);
        if (conn_is_between_requests(conn)) conn_shut(conn, RB_SHUTTING_DOWN);
    }
}

void rb_http_end(struct rb_http *http)
{
    http->is_over = true;
    rb_net_abort_all(http->net, RB_SHUTTING_DOWN);
}

/* RFC 9110 section 5.6.7, written without the locale's names; once a second. */
void http_date_format(uint64_t wall_s, char out[HTTP_DATE_BYTES])
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)wall_s;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    int n = snprintf(out, HTTP_DATE_BYTES, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
                     tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    RB_CHECK(n > 0 && n < HTTP_DATE_BYTES);
}

rb_str http_date(struct rb_http *http)
{
    uint64_t now_s = rb_clock_wall_ms() / 1000;
    if (now_s != http->date_s) {
        http_date_format(now_s, http->date);
        http->date_s = now_s;
    }
    return rb_str_of(http->date);
}
