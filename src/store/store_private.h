/* What a store consists of. Only for the two files that put it together (store.c, store_read.c). */
#ifndef RB_STORE_STORE_PRIVATE_H
#define RB_STORE_STORE_PRIVATE_H

#include "store/place.h"
#include "store/readers.h"
#include "store/writer.h"

struct rb_store {
    uint64_t epoch;
    unsigned char secret[RB_STORE_SECRET_BYTES];
    struct rb_place place;
    struct rb_db db; /* the writer's */
    struct rb_writer writer;
    struct rb_readers readers;
};

#endif
