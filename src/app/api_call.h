/* How the command line asks a server, and workers theirs: where it is and who asks come from RINGBACK_URL and
 * RINGBACK_TOKEN, unless flags say otherwise. Blocks. */
#ifndef RB_APP_API_CALL_H
#define RB_APP_API_CALL_H

#include "codec/json.h"
#include "http/outgoing.h"

struct rb_api {
    rb_str url;   /* "http://127.0.0.1:8080"; NONE: RINGBACK_URL, else that */
    rb_str token; /* NONE: RINGBACK_TOKEN */
};
/* Fills in what is NONE. token_file: a path, in place of a token; NONE: not. False: `why` says what is
 * missing. */
bool rb_api_open(struct rb_api *api, struct rb_arena *arena, rb_str token_file, struct rb_buf *why);

/* One call with a JSON body (NONE: without) and its answer, parsed. */
struct rb_api_answer {
    struct rb_outgoing_call *call;
    struct rb_json doc; /* of the answer; empty when it is not JSON */
    rb_err err;         /* RB_OK: a status below 300. Else what `why` says */
    rb_str why;         /* for people: the problem's detail, or title */
    int status;         /* 0: no answer */
};
void rb_api_ask(const struct rb_api *api, const char *method, rb_str path, rb_str body, uint64_t timeout_ms,
                struct rb_api_answer *out);
void rb_api_answer_fini(struct rb_api_answer *answer); /* safe on zeroed storage */

#endif
