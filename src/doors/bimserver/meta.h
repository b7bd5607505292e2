/* How MetaInterface describes types. Pure. */
#ifndef RB_BIMSERVER_META_H
#define RB_BIMSERVER_META_H

#include "doors/bimserver/call.h"

const char *bim_meta_simple_type(const struct bim_type *type); /* the constant of SServiceSimpleType; of a
                                                                  list its elements' */
/* SServiceType; of a list its elements'. */
void bim_meta_put_type(struct rb_json_out *out, const struct bim_type *type, bool with_fields);
/* SServiceParameter or SServiceField. */
void bim_meta_put_typed(struct rb_json_out *out, const struct bim_class *of_class, const char *name,
                        const char *doc, const struct bim_type *type);

#endif
