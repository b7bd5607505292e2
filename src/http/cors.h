/* Cross-origin resource sharing (WHATWG Fetch, section "CORS protocol"): tells browsers what pages of other
 * origins may read. It keeps nobody out; that is what rb_request_origin_allowed is for. */
#ifndef RB_HTTP_CORS_H
#define RB_HTTP_CORS_H

#include "http/http.h"

struct rb_cors {
    const rb_str *origins; /* "https://app.example", "null"; "*" stands for all */
    unsigned origin_count; /* 0 = off */
    bool with_credentials; /* cookies may go along */
};

static inline bool rb_cors_is_on(const struct rb_cors *cors)
{
    return cors->origin_count > 0;
}

/* Browsers refuse "*" together with credentials: a configuration that has both is an error, and must not come
 * to the functions below. */
bool rb_cors_is_valid(const struct rb_cors *cors);

/* Adds what every answer carries, errors and 101 included, to the answer to come: Allow-Origin (the request's
 * when it is listed, else none; "*" when all are), Vary: Origin unless it is "*", Allow-Credentials. Nothing
 * when it is off. Once a request. */
void rb_cors_add(const struct rb_cors *cors, struct rb_request *request);

/* Answers an OPTIONS request: 204 with what rb_cors_add adds (which is not to be called before),
 * Allow-Methods as given ("GET,POST") and Allow-Headers as asked for. It must be on. */
void rb_cors_answer_preflight(const struct rb_cors *cors, struct rb_request *request, rb_str methods);

#endif
