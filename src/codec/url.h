/* Request targets (RFC 3986, origin-form of RFC 9112): path, query, percent-coding. Pure. */
#ifndef RB_CODEC_URL_H
#define RB_CODEC_URL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/reason.h"

/* The two parts, still percent-coded, borrowed from `target`. RB_BAD_REQUEST unless the target begins with
 * '/' and has only visible ASCII (fragments are refused too). Absolute-form ("http://host/path") is taken as
 * its path and query; user information in it is refused. A missing path there is "/" (static). */
struct rb_url {
    rb_str path;
    rb_str query; /* without '?'; RB_STR_NONE when there is none */
};
rb_err rb_url_split(struct rb_url *out, rb_str target);

/* Percent-decodes; borrowed from `s` when nothing is coded. RB_BAD_REQUEST for a broken code, for zero bytes
 * (coded or not) and for results that are not UTF-8. plus_is_space as in queries. */
rb_err rb_url_decode(struct rb_arena *arena, rb_str s, bool plus_is_space, rb_str *out_decoded);

/* Percent-codes all but unreserved characters. */
void rb_url_encode(struct rb_buf *out, rb_str s);

/* Walks name=value pairs ('+' is a space): true with the decoded pair, false at the end. *rest starts as the
 * query. Empty pairs are skipped, a missing value is empty. A pair with a broken code is handed out raw. */
bool rb_url_query_next(struct rb_arena *arena, rb_str *rest, rb_str *out_name, rb_str *out_value);

/* The last value of `name`; false when it does not occur. Names are compared exactly. */
bool rb_url_query_get(struct rb_arena *arena, rb_str query, rb_str name, rb_str *out_value);

#endif
