#include "codec/utf8.h"
#include "files/files_private.h"

#include <string.h>

rb_str label_of(struct rb_arena *arena, rb_str name)
{
    char *label = rb_arena_alloc(arena, name.n + 1);
    memcpy(label, name.p, name.n);
    for (size_t at = 0; at < name.n;) {
        size_t bytes = rb_utf8_length(rb_str_from(name, at));
        unsigned char c = (unsigned char)name.p[at];
        if (bytes == 0 || c < 0x20 || c == 0x7f || c == '\\') {
            label[at] = '_';
            bytes = 1;
        }
        at += bytes;
    }
    return (rb_str){label, name.n};
}
