#include "app/config_read.h"

#include <unistd.h>

/* The checks across options of the Era door. */

#define FMT(...) rb_arena_fmt(r->scratch, __VA_ARGS__)

static void check_hook(struct rb_config_reader *r, const rb_str *kind, const rb_str *url)
{
    if (kind->n && url->n)
        rb_reader_error(r, url, FMT("a job or an address, not both; remove one of the two"));
    if (kind->n) rb_config_check_kind(r, kind);
}

static void check_capability(struct rb_config_reader *r, const struct rb_config_capability *capability)
{
    static const char *const built_in[] = {"msg", "svcscript", "callrecord", "subscr", "test"};
    for (size_t i = 0; i < sizeof built_in / sizeof *built_in; i++)
        if (rb_str_is(capability->name, built_in[i]))
            rb_reader_error(r, capability,
                            FMT("'%s' is a capability that is there already; choose another name",
                                built_in[i]));
    check_hook(r, &capability->kind, &capability->url);
    if (capability->methods.count > 0 && !capability->kind.n && !capability->url.n)
        rb_reader_error(r, &capability->methods, FMT("these go nowhere; add 'kind' or 'url'"));
}

void rb_config_check_era(struct rb_config_reader *r)
{
    const struct rb_config *config = r->config;
    for (size_t i = 0; i < config->era.capabilities.count; i++)
        check_capability(r, &config->era.capabilities.items[i]);
    check_hook(r, &config->era.unclaimed_kind, &config->era.unclaimed_url);
    if (config->era.incoming_kind.n) rb_config_check_kind(r, &config->era.incoming_kind);
    rb_str shared = config->era.shared_dir;
    if (shared.n && (shared.p[0] != '/' || access(shared.p, R_OK | X_OK) != 0))
        rb_reader_error(r, &config->era.shared_dir,
                        FMT("'%.*s' is not an absolute path of a directory that can be read",
                            RB_STR_FMT(rb_report_clean(r->scratch, shared))));
}
