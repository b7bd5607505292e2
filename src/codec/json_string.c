/* Decoding of strings that the parser has accepted: a walk over pieces, which are runs of plain text or one
 * escape. Nothing is checked a second time. The decoded text is never longer than the coded one. */
#include "codec/json_tape.h"

#include "codec/utf8.h"

static uint32_t unicode_escape(rb_str *rest)
{
    uint32_t unit = (uint32_t)rb_json_hex4(rest->p + 2);
    *rest = rb_str_from(*rest, 6);
    if ((unit & 0xfc00) != 0xd800) return unit;
    uint32_t low = (uint32_t)rb_json_hex4(rest->p + 2);
    *rest = rb_str_from(*rest, 6);
    return 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
}

static char simple_escape(char letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter; /* '"', '\' and '/' stand for themselves */
    }
}

/* Takes the next piece from *rest; a decoded escape lies in `store`. False at the end. */
static bool next_piece(rb_str *rest, char store[4], rb_str *out_piece)
{
    if (rest->n == 0) return false;
    if (rest->p[0] != '\\') {
        ptrdiff_t run = rb_str_find(*rest, '\\');
        *out_piece = rb_str_sub(*rest, 0, run < 0 ? rest->n : (size_t)run);
        *rest = rb_str_from(*rest, out_piece->n);
    } else if (rest->p[1] == 'u') {
        *out_piece = (rb_str){store, rb_utf8_put(store, unicode_escape(rest))};
    } else {
        store[0] = simple_escape(rest->p[1]);
        *out_piece = (rb_str){store, 1};
        *rest = rb_str_from(*rest, 2);
    }
    return true;
}

size_t rb_json_decode(rb_str inside, char *out)
{
    size_t n = 0;
    char store[4];
    rb_str piece;
    while (next_piece(&inside, store, &piece)) {
        memcpy(out + n, piece.p, piece.n);
        n += piece.n;
    }
    return n;
}

bool rb_json_decoded_is(rb_str inside, rb_str decoded)
{
    char store[4];
    rb_str piece;
    while (next_piece(&inside, store, &piece)) {
        if (!rb_str_starts(decoded, piece)) return false;
        decoded = rb_str_from(decoded, piece.n);
    }
    return decoded.n == 0;
}
