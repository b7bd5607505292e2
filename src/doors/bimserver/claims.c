/* From looking whether a project has a check-in to noting a new one there, another one must not do the same.
 * The two are far apart, on the pool and in the store; so who is between them has the project's claim. */
#include "doors/bimserver/claims.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

struct bim_claims {
    pthread_mutex_t lock;
    struct rb_map keys; /* to copies of themselves */
};

struct bim_claims *bim_claims_new(void)
{
    struct bim_claims *claims = rb_new(struct bim_claims);
    RB_CHECK(pthread_mutex_init(&claims->lock, NULL) == 0);
    return claims;
}

void bim_claims_free(struct bim_claims *claims)
{
    if (!claims) return;
    char *key;
    for (size_t at = 0; (key = rb_map_next(&claims->keys, &at)) != NULL;) rb_free(key);
    rb_map_fini(&claims->keys);
    pthread_mutex_destroy(&claims->lock);
    rb_free(claims);
}

bool bim_claims_take(struct bim_claims *claims, rb_str key)
{
    pthread_mutex_lock(&claims->lock);
    bool is_free = !rb_map_get(&claims->keys, key);
    char *copy = is_free ? rb_str_dup(key) : NULL;
    if (is_free) rb_map_put(&claims->keys, rb_str_of(copy), copy);
    pthread_mutex_unlock(&claims->lock);
    return is_free;
}

void bim_claims_give_back(struct bim_claims *claims, rb_str key)
{
    pthread_mutex_lock(&claims->lock);
    char *copy = rb_map_remove(&claims->keys, key);
    pthread_mutex_unlock(&claims->lock);
    rb_free(copy);
}
