/* One form for each JSON value, so that equal ones have equal bytes: keys of objects sorted by their bytes,
 * no blanks, strings escaped in one way. Numbers stay as they are written: 1 and 1.0 are not the same. Pure.
 */
#ifndef RB_CODEC_JSON_CANONICAL_H
#define RB_CODEC_JSON_CANONICAL_H

#include "codec/json.h"

void rb_json_put_canonical(struct rb_json_out *out, rb_json_val value);

#endif
