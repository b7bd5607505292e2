/* Clients that go before their answer.
 *
 * Three things can come in any order: the client goes, somebody begins to care (rb_request_on_gone), the
 * answer is given. Whichever of the first two is the second has it told: the client's going at once, the
 * beginning of care a little later, so that who cares can first finish what it is about. */
#include "http/http_private.h"

void request_tell_gone(struct request *request)
{
    if (!request->on_gone || request->is_told_gone) return;
    request->is_told_gone = true;
    if (request->conn) request->conn->must_close = true;
    request->on_gone(&request->pub);
}

static void on_task(struct rb_task *task)
{
    request_tell_gone(RB_OUTER(task, struct request, gone));
}

static bool is_gone(const struct request *request)
{
    if (!request->conn) return true;
    const struct rb_stream *stream = &request->conn->stream;
    return stream->state != RB_STREAM_OPEN || stream->has_ended;
}

void rb_request_on_gone(struct rb_request *pub, void (*on_gone)(struct rb_request *request))
{
    struct request *request = request_of(pub);
    request->on_gone = on_gone;
    if (!on_gone || !is_gone(request)) return;
    request->gone.run = on_task;
    rb_loop_before_sleep(pub->http->loop, &request->gone);
}

void request_end_unfinished(struct request *request)
{
    request->conn = NULL;
    request->is_ending = true;
    request_tell_gone(request);
    request_free(request);
}
