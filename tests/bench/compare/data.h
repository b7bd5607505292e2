/* What is published: a JSON object of DATA_BYTES with the event's number at a fixed place, so that any peer
 * can carry it and a reader finds the number without parsing. Pure. */
#ifndef COMPARE_DATA_H
#define COMPARE_DATA_H

#include "base/buf.h"

enum { DATA_BYTES = 128 };

/* The topic, subject or channel of all peers. */
#define COMPARE_TOPIC "bench"

void data_put(struct rb_buf *out, uint64_t number);
/* The number of the event; false: it is no such data. */
bool data_read(rb_str data, uint64_t *out_number);

#endif
