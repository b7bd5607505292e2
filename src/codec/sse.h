/* Server-sent events, the text/event-stream format (WHATWG HTML, section "Server-sent events"): writing only.
 * Pure.
 *
 * Each call appends one whole block with its blank line, so blocks of different makers can follow each other
 * in any order. Errors show in the buffer (`failed`). Text should be UTF-8: readers replace what is not. */
#ifndef RB_CODEC_SSE_H
#define RB_CODEC_SSE_H

#include "base/buf.h"

/* One event. `id` and `event` are left out when RB_STR_NONE; CR, LF or a zero byte in them is a bug of ours
 * (checked). `data` is split at LF, CR LF and CR, which the reader gets all as LF; without any it is one
 * empty line. */
void rb_sse_put_event(struct rb_buf *out, rb_str id, rb_str event, rb_str data);

/* What readers ignore: keeps a quiet stream alive. Several lines become several comments. */
void rb_sse_put_comment(struct rb_buf *out, rb_str text);

/* How long the reader waits before it connects again. */
void rb_sse_put_retry(struct rb_buf *out, uint64_t retry_ms);

#endif
