/* The log: one line an event, a stable dotted name and typed key-value pairs, to standard error.
 *
 * Whoever decides logs, once; what is returned is not logged as well. Secrets never come here: hand over ids.
 *     RB_LOG_INFO("job.finished", RB_KV("job", id), RB_KV_U64("attempt", 2));
 * Text form: `2026-11-22T03:07:45.123Z info  job.finished job=j1 attempt=2`; JSON form: one object a line.
 * Any thread. */
#ifndef RB_BASE_LOG_H
#define RB_BASE_LOG_H

#include "base/reason.h"

enum rb_log_level { RB_LOG_LEVEL_DEBUG, RB_LOG_LEVEL_INFO, RB_LOG_LEVEL_WARN, RB_LOG_LEVEL_ERROR };

struct rb_log_kv {
    const char *key; /* NULL ends the list */
    enum { RB_LOG_STR, RB_LOG_U64 } kind;
    rb_str str;
    uint64_t u64;
};

#define RB_KV(key_, str_) ((struct rb_log_kv){.key = (key_), .kind = RB_LOG_STR, .str = (str_)})
#define RB_KV_TEXT(key_, text_) RB_KV(key_, rb_str_of(text_))
#define RB_KV_U64(key_, value_)                                                                              \
    ((struct rb_log_kv){.key = (key_), .kind = RB_LOG_U64, .u64 = (uint64_t)(value_)})
#define RB_KV_REASON(err_) RB_KV("reason", rb_str_of(rb_reason_name(err_)))

#define RB_LOG_AT(level, event, ...)                                                                         \
    rb_log_write((level), (event), (const struct rb_log_kv[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define RB_LOG_DEBUG(event, ...) RB_LOG_AT(RB_LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define RB_LOG_INFO(event, ...) RB_LOG_AT(RB_LOG_LEVEL_INFO, event, __VA_ARGS__)
#define RB_LOG_WARN(event, ...) RB_LOG_AT(RB_LOG_LEVEL_WARN, event, __VA_ARGS__)
#define RB_LOG_ERROR(event, ...) RB_LOG_AT(RB_LOG_LEVEL_ERROR, event, __VA_ARGS__)

void rb_log_setup(enum rb_log_level least, bool as_json); /* before threads start */
bool rb_log_level_find(rb_str name, enum rb_log_level *out_level);
void rb_log_write(enum rb_log_level level, const char *event, const struct rb_log_kv *pairs);

#endif
