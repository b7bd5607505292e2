/* Private to json*.c: what lies on the tape, and the steps over string text that parsing, reading and writing
 * share. */
#ifndef RB_CODEC_JSON_TAPE_H
#define RB_CODEC_JSON_TAPE_H

#include "codec/json.h"

#include <endian.h>
#include <string.h>

/* One value, or one key, which lies right before its value. 16 bytes. A container is followed by all that is
 * in it. */
struct rb_json_node {
    uint32_t start : 28;   /* where its text begins; with `end` the raw slice */
    uint32_t type : 3;     /* enum rb_json_type; RB_JSON_NONE marks a key */
    uint32_t is_plain : 1; /* string, key: no escapes; array: elements lie side by side */
    uint32_t end;
    uint32_t next;  /* the next sibling's value; 0 = none. While a container is open: the one around it */
    uint32_t count; /* elements of an array, members of an object */
};

enum { RB_JSON_TEXT_MAX = (1 << 28) - 1 };

/* The text between the quotes of a string or key. */
static inline rb_str rb_json_inside(const char *text, const struct rb_json_node *string)
{
    return (rb_str){text + string->start + 1, string->end - string->start - 2};
}

/* Moves over bytes that are neither '"', '\', a control character nor the beginning or part of a non-ASCII
 * character.
 *
 * Eight at a time: subtracting borrows into a byte's top bit where the byte is the wanted one. A byte that
 * has its top bit already shows it in `quote` or in `backslash`, as no byte meets both. A borrow reaches
 * higher bytes, but only from a hit, and the lowest hit is the one that counts. */
static inline const char *rb_json_skip_plain(const char *p, const char *end)
{
    const uint64_t each = 0x0101010101010101u, tops = 0x8080808080808080u;
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word = le64toh(word);
        uint64_t quote = (word ^ each * '"') - each;
        uint64_t backslash = (word ^ each * '\\') - each;
        uint64_t control = word - each * 0x20;
        uint64_t hits = (quote | backslash | control) & tops;
        if (hits) return p + (__builtin_ctzll(hits) >> 3);
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\') p++;
    return p;
}

/* The four digits after "\u"; -1 when they are none. */
static inline int rb_json_hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], letter = c | 0x20;
        int digit = c >= '0' && c <= '9' ? c - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
        if (digit < 0) return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* json_string.c: text between quotes that the parser has accepted. */
size_t rb_json_decode(rb_str inside, char *out);        /* `out` has inside.n bytes; the length written */
bool rb_json_decoded_is(rb_str inside, rb_str decoded); /* compares without decoding into memory */

/* json_keys.c: RB_OK, RB_OUT_OF_MEMORY, or RB_BAD_JSON when a key occurs twice; *out_at is then where its
 * second one is. */
rb_err rb_json_check_keys(const char *text, const struct rb_json_node *nodes, uint32_t object,
                          size_t *out_at);

#endif
