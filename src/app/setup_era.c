#include "app/setup.h"

static rb_str joined(struct rb_arena *arena, const struct rb_config_strings *strings)
{
    rb_str list = RB_STR_NONE;
    for (size_t i = 0; i < strings->count; i++)
        list =
            rb_arena_fmt(arena, "%.*s%s%.*s", RB_STR_FMT(list), i ? "," : "", RB_STR_FMT(strings->items[i]));
    return list;
}

static unsigned families_of(const struct rb_config_strings *strings)
{
    unsigned families = 0;
    for (size_t i = 0; i < strings->count; i++)
        families |= rb_str_is(strings->items[i], "user") ? RB_ERA_USER : RB_ERA_TOKEN;
    return families;
}

static const struct rb_era_capability *capabilities_of(const struct rb_config *config, struct rb_arena *arena)
{
    size_t count = config->era.capabilities.count;
    struct rb_era_capability *all = rb_arena_array(arena, struct rb_era_capability, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct rb_config_capability *capability = &config->era.capabilities.items[i];
        all[i] =
            (struct rb_era_capability){.name = capability->name,
                                       .families = families_of(&capability->families),
                                       .roles = joined(arena, &capability->roles),
                                       .events = capability->events.items,
                                       .event_count = (unsigned)capability->events.count,
                                       .requests = capability->requests.items,
                                       .request_count = (unsigned)capability->requests.count,
                                       .methods = capability->methods.items,
                                       .method_count = (unsigned)capability->methods.count,
                                       .hook = {capability->kind, capability->url, capability->timeout_ms}};
    }
    return all;
}

void rb_setup_era(const struct rb_config *config, struct rb_arena *arena, struct rb_era_setup *out)
{
    out->origins = config->origins.items;
    out->origin_count = (unsigned)config->origins.count;
    out->default_tenant = config->era.default_tenant;
    out->site = config->era.site;
    out->capabilities = capabilities_of(config, arena);
    out->capability_count = (unsigned)config->era.capabilities.count;
    out->unclaimed = (struct rb_era_hook){config->era.unclaimed_kind, config->era.unclaimed_url,
                                          config->era.unclaimed_timeout_ms};
    out->incoming_kind = config->era.incoming_kind;
    out->shared_dir = config->era.shared_dir;
    out->message_bytes_max = (uint32_t)config->era.message_bytes_max;
    out->login_timeout_ms = (uint32_t)config->era.login_timeout_ms;
    out->ping_interval_ms = (uint32_t)config->era.ping_interval_ms;
    out->silence_ms = (uint32_t)config->era.silence_ms;
    out->upload_bytes_max = config->files.upload_bytes_max;
    out->is_cookie_secure = config->era.is_cookie_secure;
}
