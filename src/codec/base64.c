#include "codec/base64.h"

#include <string.h>

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct rb_buf *out, rb_str bytes, const char *alphabet, bool is_padded)
{
    size_t tail = bytes.n % 3, n = bytes.n / 3 * 4 + (tail == 0 ? 0 : is_padded ? 4 : tail + 1);
    if (n == 0 || !rb_buf_reserve(out, n)) return;
    char *to = out->p + out->n;
    out->n += n;
    const unsigned char *p = (const unsigned char *)bytes.p;
    for (size_t left = bytes.n; left >= 3; left -= 3, p += 3) {
        uint32_t group = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        *to++ = alphabet[group >> 18];
        *to++ = alphabet[group >> 12 & 63];
        *to++ = alphabet[group >> 6 & 63];
        *to++ = alphabet[group & 63];
    }
    if (tail == 0) return;
    uint32_t group = (uint32_t)p[0] << 16 | (tail == 2 ? (uint32_t)p[1] << 8 : 0);
    *to++ = alphabet[group >> 18];
    *to++ = alphabet[group >> 12 & 63];
    if (tail == 2) *to++ = alphabet[group >> 6 & 63];
    if (is_padded) memcpy(to, "==", 3 - tail);
}

size_t rb_base64_size(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

void rb_base64_encode(struct rb_buf *out, rb_str bytes)
{
    encode(out, bytes, standard, true);
}

void rb_base64url_encode(struct rb_buf *out, rb_str bytes)
{
    encode(out, bytes, for_urls, false);
}

/* The six bits of a letter; -1 for anything that is none. */
static int letter_bits(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    if (c == '/' || c == '_') return 63;
    return -1;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether the form is right, and how many letters there are. The decoded size must be known before anything
 * is written, since `out` may have a limit and must stay as it was when the text is bad. */
static bool count_letters(rb_str text, size_t *out_letters)
{
    size_t letters = 0, padding = 0;
    int last = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (is_space(text.p[i])) continue;
        if (text.p[i] == '=') {
            padding++;
            continue;
        }
        last = letter_bits(text.p[i]);
        if (last < 0 || padding > 0) return false;
        letters++;
    }
    size_t tail = letters % 4;
    if (tail == 1 || (padding > 0 && (tail == 0 || padding != 4 - tail))) return false;
    /* Bits of the last letter that stand for nothing must be zero: one text for one value. */
    if ((tail == 2 && last & 15) || (tail == 3 && last & 3)) return false;
    *out_letters = letters;
    return true;
}

static size_t decoded_bytes(size_t letters)
{
    return letters / 4 * 3 + (letters % 4 ? letters % 4 - 1 : 0);
}

/* `to` may be where the text begins: a byte is written only after the letters it is made of are read. */
static void decode(char *to, rb_str text)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.n; i++) {
        int six = letter_bits(text.p[i]);
        if (six < 0) continue;
        bits = bits << 6 | (uint32_t)six;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        *to++ = (char)(bits >> have & 0xff);
    }
}

rb_err rb_base64_decode(struct rb_buf *out, rb_str text)
{
    size_t letters;
    if (!count_letters(text, &letters)) return RB_BAD_REQUEST;
    size_t n = decoded_bytes(letters);
    if (n == 0) return RB_OK;
    if (!rb_buf_reserve(out, n)) return RB_OUT_OF_MEMORY;
    decode(out->p + out->n, text);
    out->n += n;
    return RB_OK;
}

bool rb_base64_decode_in_place(char *text, size_t n, size_t *out_n)
{
    size_t letters;
    rb_str whole = {text, n};
    if (!count_letters(whole, &letters)) return false;
    decode(text, whole);
    *out_n = decoded_bytes(letters);
    return true;
}
