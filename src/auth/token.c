#include "auth/auth.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/mem.h"
#include "base/random.h"

#include <string.h>

enum { TOKEN_RANDOM_CHARACTERS = 32 };

bool rb_auth_name_is_valid(rb_str name)
{
    if (name.n == 0 || name.n > 64) return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_fine = is_letter || (c >= '0' && c <= '9') || (c && strchr("._-@+", c));
        if (!is_fine) return false;
    }
    return true;
}

void rb_token_add(struct rb_tx *tx, rb_str token, const struct rb_identity *identity, rb_str label,
                  uint64_t expires_ms)
{
    struct rb_token_record record = {.tenant = identity->tenant,
                                     .client = identity->client,
                                     .role = rb_str_of(rb_role_name(identity->role)),
                                     .label = label,
                                     .created_ms = rb_clock_wall_ms(),
                                     .expires_ms = expires_ms};
    rb_sha256(token, record.hash);
    rb_tx_token_insert(tx, &record);
}

void rb_token_make(struct rb_tx *tx, const struct rb_identity *identity, rb_str label, uint64_t expires_ms,
                   char out[RB_TOKEN_TEXT_BYTES])
{
    memcpy(out, "rb_", 3);
    rb_random_text(out + 3, TOKEN_RANDOM_CHARACTERS);
    rb_token_add(tx, rb_str_of(out), identity, label, expires_ms);
}

rb_str rb_auth_bearer(rb_str authorization)
{
    if (authorization.n < 7 || !rb_str_ieq(rb_str_sub(authorization, 0, 7), RB_STR("Bearer ")))
        return RB_STR_NONE;
    rb_str token = rb_str_trim(rb_str_from(authorization, 7));
    return token.n ? token : RB_STR_NONE;
}
