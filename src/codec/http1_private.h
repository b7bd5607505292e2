/* Between the http1 files: characters of a token, and the judgement of a head whose lines are split. Not for
 * other rooms. */
#ifndef RB_CODEC_HTTP1_PRIVATE_H
#define RB_CODEC_HTTP1_PRIVATE_H

#include "codec/http1.h"

extern const bool rb_http1_token_chars[256]; /* RFC 9110 5.6.2 */

bool rb_http1_is_token(rb_str s); /* not empty, token characters only */

/* What the start line and the headers mean together: fills framing, length, keep_alive, expects_continue,
 * upgrade. The errors are those of rb_http1_request. */
rb_err rb_http1_judge_request(struct rb_http1_head *head);
rb_err rb_http1_judge_answer(struct rb_http1_head *head, bool is_head_request);

#endif
