/* What is made from the table for people and for other tools. */
#ifndef RB_BIMSERVER_REFERENCE_H
#define RB_BIMSERVER_REFERENCE_H

#include "base/buf.h"

/* docs/reference/bimserver.md: all methods. */
void rb_bimserver_print_reference(struct rb_buf *out);

/* The .proto files of this protocol, one an interface and one for the types of each dialect:
 * src/doors/bimserver/proto. False: there are no more; *out_name ("AuthInterface.proto") is static. */
bool rb_bimserver_print_proto(unsigned at, const char **out_name, struct rb_buf *out);

#endif
