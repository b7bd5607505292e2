/* Parameters as clients write them, into what handlers read. Clients are careless: numbers and booleans come
 * as texts, texts as numbers. Pure. */
#ifndef RB_BIMSERVER_COERCE_H
#define RB_BIMSERVER_COERCE_H

#include "doors/bimserver/call.h"

enum { BIM_TEXT_BYTES_MAX = 1 << 20 }; /* of a STRING; files are DATA */

/* NULL, or what would have been right. null, NONE, and {} where no object stands for itself: is_null. Texts
 * are in the arena, or borrowed from the document. */
const char *bim_coerce(const struct bim_type *type, rb_json_val v, struct rb_arena *arena,
                       struct bim_value *out);

#endif
