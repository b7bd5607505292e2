/* One automaton for all of UTF-8's rules, so that whole texts, texts in pieces and single characters agree.
 *
 * What may follow depends on the lead byte only through the first continuation byte (this is what keeps out
 * overlong forms, surrogates and everything above U+10FFFF; RFC 3629 section 4, table of UTF8-2 to UTF8-4).
 * So the state is: how many bytes are to come, and between which bounds the next one must lie. 0 is "between
 * characters". */
#include "codec/utf8.h"

#include "base/check.h"

#include <string.h>

enum { REJECT = 1 }; /* no real state: its bounds would be empty */

static uint32_t state_make(uint32_t left, uint32_t low, uint32_t high)
{
    return left << 16 | low << 8 | high;
}

static uint32_t after_lead(unsigned char lead)
{
    if (lead < 0x80) return 0;
    if (lead < 0xc2) return REJECT; /* a continuation, or C0 and C1, which only begin overlong forms */
    if (lead < 0xe0) return state_make(1, 0x80, 0xbf);
    if (lead == 0xe0) return state_make(2, 0xa0, 0xbf); /* below: overlong */
    if (lead == 0xed) return state_make(2, 0x80, 0x9f); /* above: surrogates */
    if (lead < 0xf0) return state_make(2, 0x80, 0xbf);
    if (lead == 0xf0) return state_make(3, 0x90, 0xbf); /* below: overlong */
    if (lead < 0xf4) return state_make(3, 0x80, 0xbf);
    if (lead == 0xf4) return state_make(3, 0x80, 0x8f); /* above: beyond U+10FFFF */
    return REJECT;
}

static uint32_t step(uint32_t state, unsigned char byte)
{
    if (state == 0) return after_lead(byte);
    uint32_t left = state >> 16, low = state >> 8 & 0xff, high = state & 0xff;
    if (byte < low || byte > high) return REJECT;
    return left == 1 ? 0 : state_make(left - 1, 0x80, 0xbf);
}

static size_t ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    for (; n - i >= 8; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080u) return i;
    }
    return i;
}

bool rb_utf8_feed(uint32_t *state, rb_str piece)
{
    uint32_t now = *state;
    for (size_t i = 0; i < piece.n; i++) {
        if (now == 0) i += ascii_run(piece.p + i, piece.n - i);
        if (i == piece.n) break;
        now = step(now, (unsigned char)piece.p[i]);
        if (now == REJECT) return false;
    }
    *state = now;
    return true;
}

bool rb_utf8_is_valid(rb_str s)
{
    uint32_t state = 0;
    return rb_utf8_feed(&state, s) && state == 0;
}

size_t rb_utf8_length(rb_str s)
{
    uint32_t state = 0;
    for (size_t i = 0; i < s.n && i < 4; i++) {
        state = step(state, (unsigned char)s.p[i]);
        if (state == 0) return i + 1;
        if (state == REJECT) return 0;
    }
    return 0;
}

size_t rb_utf8_put(char out[4], uint32_t code_point)
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    RB_CHECK(code_point <= 0x10ffff && (code_point & 0x1ff800) != 0xd800);
    size_t n = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (char)(lead[n] | code_point);
    return n;
}

void rb_utf8_add(struct rb_buf *out, uint32_t code_point)
{
    char bytes[4];
    rb_buf_add(out, bytes, rb_utf8_put(bytes, code_point));
}
