#include "doors/bimserver/endpoints.h"

#include "base/check.h"
#include "base/map.h"
#include "base/mem.h"

#include <pthread.h>

enum { FIRST = 2 };

struct endpoint {
    uint64_t number; /* the key */
    char *token;     /* the other one */
    const struct rb_identity *who;
    struct rb_handle connection;
    struct endpoint *older, *newer; /* of the same token */
};

struct bim_endpoints {
    pthread_mutex_t lock;
    struct rb_map by_number;
    struct rb_map by_token; /* to the newest of each */
    uint64_t next;
};

static rb_str key_of(const uint64_t *number)
{
    return rb_str_make(number, sizeof *number);
}

struct bim_endpoints *bim_endpoints_new(void)
{
    struct bim_endpoints *endpoints = rb_new(struct bim_endpoints);
    RB_CHECK(pthread_mutex_init(&endpoints->lock, NULL) == 0);
    endpoints->next = FIRST;
    return endpoints;
}

static void endpoint_free(struct endpoint *endpoint)
{
    if (!endpoint) return;
    rb_identity_unref(endpoint->who);
    rb_free(endpoint->token);
    rb_free(endpoint);
}

void bim_endpoints_free(struct bim_endpoints *endpoints)
{
    if (!endpoints) return;
    struct endpoint *endpoint;
    for (size_t at = 0; (endpoint = rb_map_next(&endpoints->by_number, &at)) != NULL;)
        endpoint_free(endpoint);
    rb_map_fini(&endpoints->by_number);
    rb_map_fini(&endpoints->by_token);
    pthread_mutex_destroy(&endpoints->lock);
    rb_free(endpoints);
}

static void put_newest(struct bim_endpoints *endpoints, struct endpoint *endpoint)
{
    rb_map_put(&endpoints->by_token, rb_str_of(endpoint->token), endpoint);
}

static struct endpoint *drop_newest(struct bim_endpoints *endpoints, const char *token)
{
    return rb_map_remove(&endpoints->by_token, rb_str_of(token));
}

static void link_in(struct bim_endpoints *endpoints, struct endpoint *endpoint)
{
    endpoint->older = drop_newest(endpoints, endpoint->token);
    if (endpoint->older) endpoint->older->newer = endpoint;
    put_newest(endpoints, endpoint);
}

static void link_out(struct bim_endpoints *endpoints, struct endpoint *endpoint)
{
    if (endpoint->older) endpoint->older->newer = endpoint->newer;
    if (endpoint->newer) {
        endpoint->newer->older = endpoint->older;
    } else {
        drop_newest(endpoints, endpoint->token);
        if (endpoint->older) put_newest(endpoints, endpoint->older);
    }
}

uint64_t bim_endpoints_add(struct bim_endpoints *endpoints, const struct rb_handle *connection,
                           const struct rb_identity *who, rb_str token)
{
    struct endpoint *endpoint = rb_new(struct endpoint);
    endpoint->connection = *connection;
    endpoint->token = rb_str_dup(token);
    endpoint->who = rb_identity_ref(who);
    pthread_mutex_lock(&endpoints->lock);
    uint64_t number = endpoint->number = endpoints->next++;
    rb_map_put(&endpoints->by_number, key_of(&endpoint->number), endpoint);
    link_in(endpoints, endpoint);
    pthread_mutex_unlock(&endpoints->lock);
    return number;
}

void bim_endpoints_remove(struct bim_endpoints *endpoints, uint64_t number)
{
    pthread_mutex_lock(&endpoints->lock);
    struct endpoint *endpoint = rb_map_remove(&endpoints->by_number, key_of(&number));
    if (endpoint) link_out(endpoints, endpoint);
    pthread_mutex_unlock(&endpoints->lock);
    endpoint_free(endpoint);
}

bool bim_endpoints_find(struct bim_endpoints *endpoints, uint64_t number, const struct rb_identity *who,
                        struct rb_handle *out_connection)
{
    pthread_mutex_lock(&endpoints->lock);
    const struct endpoint *endpoint = rb_map_get(&endpoints->by_number, key_of(&number));
    bool is_theirs = endpoint && rb_str_eq(endpoint->who->tenant, who->tenant) &&
                     rb_str_eq(endpoint->who->client, who->client);
    if (is_theirs) *out_connection = endpoint->connection;
    pthread_mutex_unlock(&endpoints->lock);
    return is_theirs;
}

bool bim_endpoints_find_by_token(struct bim_endpoints *endpoints, rb_str token,
                                 struct rb_handle *out_connection)
{
    pthread_mutex_lock(&endpoints->lock);
    const struct endpoint *endpoint = rb_map_get(&endpoints->by_token, token);
    if (endpoint) *out_connection = endpoint->connection;
    pthread_mutex_unlock(&endpoints->lock);
    return endpoint != NULL;
}

unsigned bim_endpoints_list_by_token(struct bim_endpoints *endpoints, rb_str token, struct rb_handle *out,
                                     unsigned out_max)
{
    unsigned count = 0;
    pthread_mutex_lock(&endpoints->lock);
    const struct endpoint *endpoint = rb_map_get(&endpoints->by_token, token);
    for (; endpoint && count < out_max; endpoint = endpoint->older) out[count++] = endpoint->connection;
    pthread_mutex_unlock(&endpoints->lock);
    return count;
}
