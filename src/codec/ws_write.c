/* Writing frames, masking, and the key of the handshake. */
#include "codec/ws.h"

#include "base/check.h"
#include "base/crypto.h"
#include "codec/base64.h"

#include <string.h>

size_t rb_ws_put_header(unsigned char *out, enum rb_ws_opcode opcode, bool is_final, uint64_t payload_bytes,
                        const unsigned char mask[4])
{
    unsigned extra = payload_bytes <= 125 ? 0 : payload_bytes <= UINT16_MAX ? 2 : 8;
    size_t n = 2;
    out[0] = (unsigned char)((is_final ? 0x80 : 0) | (unsigned)opcode);
    out[1] = (unsigned char)(extra == 0 ? payload_bytes : extra == 2 ? 126 : 127);
    while (extra > 0) out[n++] = (unsigned char)(payload_bytes >> (8 * --extra));
    if (mask) {
        out[1] |= 0x80;
        memcpy(out + n, mask, 4);
        n += 4;
    }
    return n;
}

void rb_ws_put_frame(struct rb_buf *out, enum rb_ws_opcode opcode, rb_str payload)
{
    unsigned char header[RB_WS_HEADER_MAX];
    size_t n = rb_ws_put_header(header, opcode, true, payload.n, NULL);
    if (!rb_buf_reserve(out, n + payload.n)) return;
    rb_buf_add(out, header, n);
    rb_buf_add_str(out, payload);
}

void rb_ws_put_close(struct rb_buf *out, uint16_t code, rb_str reason)
{
    char payload[RB_WS_CONTROL_MAX];
    if (!rb_ws_close_code_is_valid(code)) {
        rb_ws_put_frame(out, RB_WS_CLOSE, RB_STR_NONE);
        return;
    }
    size_t n = reason.n;
    if (n > sizeof payload - 2) {
        n = sizeof payload - 2;
        while (n > 0 && ((unsigned char)reason.p[n] & 0xc0) == 0x80) n--; /* not before a continuation byte */
    }
    payload[0] = (char)(code >> 8);
    payload[1] = (char)code;
    if (n > 0) memcpy(payload + 2, reason.p, n);
    rb_ws_put_frame(out, RB_WS_CLOSE, (rb_str){payload, n + 2});
}

void rb_ws_mask(char *p, size_t n, const unsigned char mask[4], uint32_t at)
{
    unsigned char turned[8];
    uint64_t wide, word;
    for (unsigned i = 0; i < sizeof turned; i++) turned[i] = mask[(at + i) & 3];
    memcpy(&wide, turned, sizeof wide);
    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        word ^= wide;
        memcpy(p, &word, sizeof word);
    }
    for (size_t i = 0; i < n; i++) p[i] = (char)(p[i] ^ (char)turned[i]);
}

/* 22 characters for 16 bytes, and the padding; the last character has 4 bits to spare, whose value is not
 * looked at. */
static bool is_key(rb_str key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=') return false;
    for (size_t i = 0; i < 22; i++) {
        char c = key.p[i], letter = (char)(c | 0x20);
        bool is_base64 = (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
        if (!is_base64) return false;
    }
    return true;
}

bool rb_ws_accept(rb_str key, char out[RB_WS_ACCEPT_BYTES + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 section 1.3 */
    char text[24 + sizeof guid - 1];
    unsigned char digest[RB_SHA1_BYTES];
    if (!is_key(key)) return false;
    memcpy(text, key.p, 24);
    memcpy(text + 24, guid, sizeof guid - 1);
    rb_sha1((rb_str){text, sizeof text}, digest);
    struct rb_buf accept = {0};
    rb_base64_encode(&accept, rb_str_make(digest, sizeof digest));
    bool is_made = !accept.failed && accept.n == RB_WS_ACCEPT_BYTES;
    if (is_made) memcpy(out, rb_buf_text(&accept), RB_WS_ACCEPT_BYTES + 1);
    rb_buf_fini(&accept);
    return is_made;
}
