/* Passwords as the store has them: "scrypt$15$8$1$SALT$HASH", both in base64url. What it cost to make one
 * stands in it, so that those that are made tomorrow may cost more, and those of today are good still. */
#include "auth/login.h"

#include "base/crypto.h"
#include "base/random.h"
#include "codec/base64.h"

#include <string.h>

enum { SALT_BYTES = 16, HASH_BYTES = 32 };

static const struct rb_scrypt_cost usual_cost = {.log2_n = 15, .r = 8, .p = 1};

struct verifier {
    struct rb_scrypt_cost cost;
    struct rb_buf salt, hash;
};

static bool read_number(rb_str *rest, unsigned *out)
{
    rb_str text;
    uint64_t value;
    if (!rb_str_split(rest, '$', &text) || !rb_str_u64(text, 1000, &value)) return false;
    *out = (unsigned)value;
    return true;
}

static bool read_bytes(rb_str *rest, struct rb_buf *out)
{
    rb_str text;
    return rb_str_split(rest, '$', &text) && rb_base64_decode(out, text) == RB_OK;
}

static bool read_verifier(rb_str text, struct verifier *out)
{
    rb_str name;
    return rb_str_split(&text, '$', &name) && rb_str_is(name, "scrypt") &&
           read_number(&text, &out->cost.log2_n) && read_number(&text, &out->cost.r) &&
           read_number(&text, &out->cost.p) && read_bytes(&text, &out->salt) &&
           read_bytes(&text, &out->hash) && out->hash.n == HASH_BYTES && !text.p;
}

bool rb_password_verifier(rb_str password, char out[RB_PASSWORD_VERIFIER_BYTES])
{
    unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
    struct rb_buf text = {0};
    rb_random_bytes(salt, sizeof salt);
    if (!rb_scrypt(password, rb_str_make(salt, sizeof salt), usual_cost, hash, sizeof hash)) return false;
    rb_buf_add_fmt(&text, "scrypt$%u$%u$%u$", usual_cost.log2_n, usual_cost.r, usual_cost.p);
    rb_base64url_encode(&text, rb_str_make(salt, sizeof salt));
    rb_buf_add_char(&text, '$');
    rb_base64url_encode(&text, rb_str_make(hash, sizeof hash));
    bool is_whole = !text.failed && text.n < RB_PASSWORD_VERIFIER_BYTES;
    if (is_whole) memcpy(out, rb_buf_text(&text), text.n + 1);
    rb_buf_fini(&text);
    return is_whole;
}

bool rb_password_fits(rb_str password, rb_str verifier)
{
    struct verifier wanted = {0};
    unsigned char hash[HASH_BYTES];
    bool fits = password.n <= RB_PASSWORD_BYTES_MAX && read_verifier(verifier, &wanted) &&
                rb_scrypt(password, rb_buf_str(&wanted.salt), wanted.cost, hash, sizeof hash) &&
                rb_str_eq_secret(rb_buf_str(&wanted.hash), rb_str_make(hash, sizeof hash));
    rb_buf_fini(&wanted.salt);
    rb_buf_fini(&wanted.hash);
    return fits;
}
