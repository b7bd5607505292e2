/* Tokens of workers: known to this process alone, for as long as a worker runs. Looked up by their hash, as
 * those of the store are, so that the time a lookup takes tells nothing of the tokens that are out. */
#include "auth/lending.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"

#include <pthread.h>
#include <string.h>

enum { RANDOM_CHARACTERS = 32 };
static const char head[] = "rbj_";

struct lent {
    unsigned char hash[RB_SHA256_BYTES];
    const struct rb_identity *identity;
};

struct rb_lending {
    pthread_mutex_t mutex;
    struct rb_map lent; /* by hash */
};

static rb_str key_of(const unsigned char hash[RB_SHA256_BYTES])
{
    return rb_str_make(hash, RB_SHA256_BYTES);
}

struct rb_lending *rb_lending_new(void)
{
    struct rb_lending *lending = rb_new(struct rb_lending);
    pthread_mutex_init(&lending->mutex, NULL);
    return lending;
}

static void forget(struct lent *lent)
{
    if (!lent) return;
    rb_identity_unref(lent->identity);
    rb_free(lent);
}

void rb_lending_free(struct rb_lending *lending)
{
    struct lent *lent;
    for (size_t at = 0; (lent = rb_map_next(&lending->lent, &at)) != NULL;) forget(lent);
    rb_map_fini(&lending->lent);
    pthread_mutex_destroy(&lending->mutex);
    rb_free(lending);
}

bool rb_lending_has_form(rb_str token)
{
    return rb_str_starts(token, rb_str_of(head));
}

void rb_lending_lend(struct rb_lending *lending, const struct rb_identity *identity,
                     char out[RB_TOKEN_TEXT_BYTES])
{
    struct lent *lent = rb_new(struct lent);
    memcpy(out, head, sizeof head);
    rb_random_text(out + sizeof head - 1, RANDOM_CHARACTERS);
    rb_sha256(rb_str_of(out), lent->hash);
    lent->identity = rb_identity_new(identity);
    pthread_mutex_lock(&lending->mutex);
    rb_map_put(&lending->lent, key_of(lent->hash), lent);
    pthread_mutex_unlock(&lending->mutex);
}

void rb_lending_take_back(struct rb_lending *lending, rb_str token)
{
    unsigned char hash[RB_SHA256_BYTES];
    rb_sha256(token, hash);
    pthread_mutex_lock(&lending->mutex);
    struct lent *lent = rb_map_remove(&lending->lent, key_of(hash));
    pthread_mutex_unlock(&lending->mutex);
    if (lent) rb_identity_end(lent->identity);
    forget(lent);
}

const struct rb_identity *rb_lending_find(struct rb_lending *lending,
                                          const unsigned char hash[RB_SHA256_BYTES])
{
    pthread_mutex_lock(&lending->mutex);
    const struct lent *lent = rb_map_get(&lending->lent, key_of(hash));
    const struct rb_identity *identity = lent ? rb_identity_ref(lent->identity) : NULL;
    pthread_mutex_unlock(&lending->mutex);
    return identity;
}
