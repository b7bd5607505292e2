#include "app/config_read.h"

/* The checks across options of the BIMserver door. */

#define FMT(...) rb_arena_fmt(r->scratch, __VA_ARGS__)

bool rb_config_bimserver_has(const struct rb_config *config, rb_str path)
{
    static const char *const own[] = {"json",   "stream",   "upload",      "download",  "soap11",
                                      "soap12", "services", "servicelist", "bulkupload"};
    rb_str door = config->bimserver.path, rest, first;
    if (!config->bimserver.is_enabled || !rb_str_starts(path, door)) return false;
    if (door.n > 1) return true; /* all that is below it */
    rest = rb_str_from(path, door.n);
    rb_str_split(&rest, '/', &first);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (rb_str_is(first, own[i])) return true;
    return false;
}

static void check_checkin(struct rb_config_reader *r)
{
    const rb_str *name = &r->config->bimserver.checkin_kind;
    const struct rb_config_job *job = name->n ? rb_config_check_kind(r, name) : NULL;
    if (!job) return;
    if (job->is_external)
        rb_reader_error(r, name,
                        FMT("'%.*s' is external, so nobody would read the models; give the kind a 'command'",
                            RB_STR_FMT(*name)));
    else if (!rb_reader_is_given(r, &job->result_keep_ms))
        rb_reader_warning(r, name,
                          FMT("revisions go when their jobs do, after a day; set 'result_keep' of '%.*s'",
                              RB_STR_FMT(*name)));
}

void rb_config_check_bimserver(struct rb_config_reader *r)
{
    const struct rb_config *config = r->config;
    if (!config->bimserver.is_enabled) return;
    check_checkin(r);
    for (size_t i = 0; i < config->bimserver.services.count; i++)
        rb_config_check_kind(r, &config->bimserver.services.items[i]);
    for (size_t i = 0; i < config->bimserver.fetch.count; i++)
        if (!rb_str_ends(config->bimserver.fetch.items[i], RB_STR("/")))
            rb_reader_error(r, &config->bimserver.fetch.items[i],
                            FMT("expected a '/' at the end, or other hosts could begin with it"));
    bool is_taken =
        (config->socketio.is_enabled && rb_str_eq(config->bimserver.path, config->socketio.path)) ||
        (config->envoy.is_enabled && rb_str_eq(config->bimserver.path, config->envoy.path));
    if (is_taken && config->bimserver.path.n > 1)
        rb_reader_error(r, &config->bimserver.path, FMT("the same as that of another door; choose another"));
}
