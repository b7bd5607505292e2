#include "hub/hub.h"

#include "base/hash.h"
#include "base/mem.h"
#include "hub/policy_private.h"
#include "hub/registry_private.h"

struct rb_hub *rb_hub_new(struct rb_store *store, struct rb_loop *const *loops, unsigned loop_count,
                          const struct rb_topic_rule *rules, unsigned rule_count)
{
    RB_CHECK(loop_count > 0 && loop_count <= SHARDS_MAX && rule_count > 0);
    struct rb_hub *hub = rb_new(struct rb_hub);
    hub->store = store;
    hub->rules = rules;
    hub->rule_count = rule_count;
    hub->shard_count = loop_count;
    for (unsigned i = 0; i < loop_count; i++) {
        hub->shards[i] = (struct rb_shard){.hub = hub, .loop = loops[i], .index = i};
        registry_init(&hub->shards[i]);
        policies_init(&hub->shards[i]);
    }
    return hub;
}

void rb_hub_limit_tenants(struct rb_hub *hub, uint32_t connections_max)
{
    rb_tally_free(hub->tenants);
    hub->tenants = connections_max > 0 ? rb_tally_new(connections_max) : NULL;
}

/* By now nobody is subscribed any more: connections and watchers have been closed by their owners. */
static void free_topics(struct rb_shard *shard)
{
    struct rb_topic *topic;
    for (size_t at = 0; (topic = rb_map_next(&shard->topics, &at)) != NULL;) {
        RB_CHECK(!topic_has_locals(topic));
        topic_free(topic);
    }
    rb_map_fini(&shard->topics);
}

void rb_hub_free(struct rb_hub *hub)
{
    if (!hub) return;
    for (unsigned i = 0; i < hub->shard_count; i++) {
        policies_fini(&hub->shards[i]);
        free_topics(&hub->shards[i]);
        registry_fini(&hub->shards[i]);
    }
    rb_tally_free(hub->tenants);
    rb_free(hub);
}

struct rb_shard *shard_here(struct rb_hub *hub)
{
    struct rb_loop *here = rb_loop_current();
    for (unsigned i = 0; i < hub->shard_count; i++)
        if (hub->shards[i].loop == here) return &hub->shards[i];
    RB_UNREACHABLE();
}

struct rb_shard *home_of(struct rb_hub *hub, rb_str topic)
{
    return &hub->shards[rb_hash(topic) % hub->shard_count];
}

void *letter_new(size_t bytes, void (*run)(struct rb_mail *))
{
    struct rb_mail *letter = rb_alloc(bytes);
    letter->run = run;
    return letter;
}

static bool matches(rb_str pattern, rb_str name)
{
    rb_str want, have;
    while (rb_str_split(&pattern, '/', &want)) {
        if (rb_str_eq(want, RB_STR("**")) && pattern.p == NULL) return true;
        if (!rb_str_split(&name, '/', &have)) return false;
        if (!rb_str_eq(want, RB_STR("*")) && !rb_str_eq(want, have)) return false;
    }
    return name.p == NULL;
}

const struct rb_keep *rb_hub_keep(const struct rb_hub *hub, rb_str topic)
{
    for (unsigned i = 0; i < hub->rule_count; i++)
        if (matches(hub->rules[i].pattern, topic)) return &hub->rules[i].keep;
    RB_UNREACHABLE();
}
