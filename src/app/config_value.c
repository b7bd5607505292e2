#include "app/config_value.h"

#include "app/config.h"
#include "app/config_forms.h"
#include "app/config_report.h"
#include "base/check.h"

#include <arpa/inet.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* From the largest to the smallest. */
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit sizes[] = {
    {"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"B", 1}};
static const struct unit decimal_sizes[] = {
    {"TB", 1000000000000}, {"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000}, {"KB", 1000}};

/* ---- text to number ---- */

/* No sign, no blank, no leading zero: in YAML 010 is eight, to people it is ten. */
static bool read_number(rb_str text, uint64_t *out)
{
    if (text.n > 1 && text.p[0] == '0') return false;
    return rb_str_u64(text, UINT64_MAX, out);
}

static bool read_with_unit(rb_str text, const struct unit *units, size_t count, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') digits++;
    rb_str unit = rb_str_from(text, digits);
    uint64_t number;
    if (!read_number(rb_str_sub(text, 0, digits), &number)) return false;
    for (size_t i = 0; i < count; i++)
        if (rb_str_is(unit, units[i].name)) return !__builtin_mul_overflow(number, units[i].factor, out);
    return false;
}

static bool read_duration(rb_str text, uint64_t *out)
{
    return read_with_unit(text, durations, RB_COUNT(durations), out);
}

static bool read_bytes(rb_str text, uint64_t *out)
{
    return read_number(text, out) || read_with_unit(text, sizes, RB_COUNT(sizes), out) ||
           read_with_unit(text, decimal_sizes, RB_COUNT(decimal_sizes), out);
}

static bool read_ranged(const struct rb_option *option, rb_str text, bool (*read)(rb_str, uint64_t *),
                        uint64_t *field)
{
    uint64_t number;
    if (!read(text, &number) || number < option->min || number > option->max) return false;
    *field = number;
    return true;
}

/* ---- the other types ---- */

static bool read_enum(const struct rb_option *option, rb_str text, void *field)
{
    for (unsigned i = 0; option->words[i]; i++) {
        if (!rb_str_is(text, option->words[i])) continue;
        memcpy(field, &i, sizeof i); /* every enum of the configuration is an unsigned int */
        return true;
    }
    return false;
}

static bool is_all_of(rb_str s, const char *set)
{
    for (size_t i = 0; i < s.n; i++)
        if (rb_str_find(rb_str_of(set), s.p[i]) < 0) return false;
    return true;
}

static bool is_host_or_ipv4(rb_str host)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr address;
    if (!is_all_of(host, "0123456789.")) return rb_form_host.is_met(host);
    if (host.n >= sizeof text) return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET, text, &address) == 1;
}

static bool is_ipv6(rb_str host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (host.n >= sizeof text) return false;
    if (host.n) memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
}

static bool read_address(struct rb_arena *arena, rb_str text, struct rb_config_address *out)
{
    rb_str host, port = text;
    uint64_t number;
    bool in_brackets = rb_str_starts(text, RB_STR("["));
    if (in_brackets) {
        port = rb_str_from(text, 1);
        if (!rb_str_split(&port, ']', &host) || !rb_str_starts(port, RB_STR(":"))) return false;
        port = rb_str_from(port, 1);
        if (!is_ipv6(host)) return false;
    } else if (!rb_str_split(&port, ':', &host) || !is_host_or_ipv4(host)) {
        return false;
    }
    if (!read_number(port, &number) || number > 65535) return false;
    *out = (struct rb_config_address){.host = rb_arena_copy(arena, host), .port = number};
    return true;
}

static bool read_string(const struct rb_option *option, struct rb_arena *arena, rb_str text, rb_str *out)
{
    if (option->form && !option->form->is_met(text)) return false;
    *out = rb_arena_copy(arena, text);
    return true;
}

static bool read_bool(rb_str text, bool *out)
{
    bool is_true = rb_str_is(text, "true");
    if (!is_true && !rb_str_is(text, "false")) return false;
    *out = is_true;
    return true;
}

bool rb_value_read(const struct rb_option *option, struct rb_arena *arena, rb_str text, void *field)
{
    switch (option->type) {
    case RB_OPTION_STRING: return read_string(option, arena, text, field);
    case RB_OPTION_BOOL: return read_bool(text, field);
    case RB_OPTION_U64: return read_ranged(option, text, read_number, field);
    case RB_OPTION_BYTES: return read_ranged(option, text, read_bytes, field);
    case RB_OPTION_DURATION: return read_ranged(option, text, read_duration, field);
    case RB_OPTION_ENUM: return read_enum(option, text, field);
    case RB_OPTION_ADDRESS: return read_address(arena, text, field);
    case RB_OPTION_SECTION:
    case RB_OPTION_ITEMS_BY_NAME:
    case RB_OPTION_ITEMS:
    case RB_OPTION_STRINGS:
    case RB_OPTION_ROUTES:
    case RB_OPTION_PAIRS: break;
    }
    RB_UNREACHABLE();
}

bool rb_value_read_list(const struct rb_option *option, struct rb_arena *arena, const rb_str *texts,
                        size_t count, void *field, size_t *out_bad)
{
    for (size_t i = 0; i < count; i++) {
        if (!option->form || option->form->is_met(texts[i])) continue;
        *out_bad = i;
        return false;
    }
    if (option->type == RB_OPTION_ROUTES) {
        struct rb_config_route *routes = rb_arena_array(arena, struct rb_config_route, count);
        for (size_t i = 0; i < count; i++) {
            rb_str path = rb_arena_copy(arena, texts[i]), method;
            rb_str_split(&path, ' ', &method);
            routes[i] = (struct rb_config_route){rb_arena_copy(arena, method), path};
        }
        *(struct rb_config_routes *)field = (struct rb_config_routes){routes, count};
        return true;
    }
    rb_str *items = rb_arena_array(arena, rb_str, count);
    for (size_t i = 0; i < count; i++) items[i] = rb_arena_copy(arena, texts[i]);
    *(struct rb_config_strings *)field = (struct rb_config_strings){items, count};
    return true;
}

void rb_value_read_fallback(const struct rb_option *option, struct rb_arena *arena, void *field)
{
    enum { WORDS_MAX = 8 };
    if (!option->fallback) return;
    if (option->type != RB_OPTION_STRINGS) {
        RB_CHECK(rb_value_read(option, arena, rb_str_of(option->fallback), field));
        return;
    }
    rb_str words[WORDS_MAX], rest = rb_str_of(option->fallback);
    size_t count = 0, bad;
    while (count < WORDS_MAX && rb_str_split(&rest, ' ', &words[count])) count++;
    RB_CHECK(rest.p == NULL && rb_value_read_list(option, arena, words, count, field, &bad));
}

/* ---- what to say ---- */

static void add_in_units(struct rb_buf *out, const struct unit *units, size_t count, uint64_t value)
{
    size_t i = 0;
    while (i + 1 < count && (value == 0 || value % units[i].factor != 0)) i++;
    rb_buf_add_u64(out, value / units[i].factor);
    rb_buf_add_text(out, units[i].name);
}

void rb_value_add_duration(struct rb_buf *out, uint64_t ms)
{
    if (ms == 0)
        rb_buf_add_text(out, "0s");
    else
        add_in_units(out, durations, RB_COUNT(durations), ms);
}

void rb_value_add_bytes(struct rb_buf *out, uint64_t bytes)
{
    add_in_units(out, sizes, RB_COUNT(sizes), bytes);
}

static void add_range(const struct rb_option *option, struct rb_buf *out,
                      void (*add)(struct rb_buf *, uint64_t))
{
    rb_buf_add_text(out, " from ");
    add(out, option->min);
    rb_buf_add_text(out, " to ");
    add(out, option->max);
}

void rb_value_add_expected(const struct rb_option *option, struct rb_buf *out)
{
    switch (option->type) {
    case RB_OPTION_BOOL: rb_buf_add_text(out, "true or false"); return;
    case RB_OPTION_U64:
        rb_buf_add_text(out, "a whole number");
        add_range(option, out, rb_buf_add_u64);
        return;
    case RB_OPTION_BYTES:
        rb_buf_add_text(out, "a size such as 64KiB or 10MB,");
        add_range(option, out, rb_value_add_bytes);
        return;
    case RB_OPTION_DURATION:
        rb_buf_add_text(out, "a duration such as 500ms, 30s, 30m, 12h or 7d,");
        add_range(option, out, rb_value_add_duration);
        return;
    case RB_OPTION_ENUM:
        rb_buf_add_text(out, "one of ");
        for (size_t i = 0; option->words[i]; i++)
            rb_buf_add_fmt(out, "%s%s", i ? ", " : "", option->words[i]);
        return;
    case RB_OPTION_ADDRESS:
        rb_buf_add_text(out, "an address and a port such as 127.0.0.1:8080 or [::1]:8080");
        return;
    case RB_OPTION_STRING:
    case RB_OPTION_STRINGS:
    case RB_OPTION_ROUTES:
    case RB_OPTION_PAIRS:
    case RB_OPTION_SECTION:
    case RB_OPTION_ITEMS_BY_NAME:
    case RB_OPTION_ITEMS: rb_buf_add_text(out, option->form ? option->form->expected : "text"); return;
    }
    RB_UNREACHABLE();
}

static rb_str guess_word(const char *const *words, rb_str text)
{
    struct rb_nearest nearest = {.word = text};
    for (size_t i = 0; words[i]; i++) rb_nearest_offer(&nearest, rb_str_of(words[i]));
    return nearest.best;
}

static rb_str guess_bool(rb_str text)
{
    static const char *const yes[] = {"yes", "on", "true", "y", "1"};
    static const char *const no[] = {"no", "off", "false", "n", "0"};
    for (size_t i = 0; i < RB_COUNT(yes); i++) {
        if (rb_str_ieq(text, rb_str_of(yes[i]))) return RB_STR("true");
        if (rb_str_ieq(text, rb_str_of(no[i]))) return RB_STR("false");
    }
    return RB_STR_NONE;
}

/* 64k, 64KB, 64Kib: whoever writes the letter in any of these ways means the unit of that letter. */
static rb_str guess_bytes(struct rb_arena *arena, rb_str text)
{
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9') digits++;
    rb_str unit = rb_str_trim(rb_str_from(text, digits));
    for (size_t i = 0; digits && i < RB_COUNT(sizes); i++) {
        rb_str name = rb_str_of(sizes[i].name);
        if (rb_str_ieq(unit, name) || rb_str_ieq(unit, rb_str_sub(name, 0, 1)))
            return rb_arena_fmt(arena, "%.*s%s", (int)digits, text.p, sizes[i].name);
    }
    return RB_STR_NONE;
}

rb_str rb_value_guess(const struct rb_option *option, struct rb_arena *arena, rb_str text)
{
    rb_str guess = RB_STR_NONE;
    uint64_t number;
    struct rb_config_address field; /* the largest that any type with guesses has */
    if (option->type == RB_OPTION_BOOL) guess = guess_bool(text);
    if (option->type == RB_OPTION_ENUM) guess = guess_word(option->words, text);
    if (option->type == RB_OPTION_BYTES) guess = guess_bytes(arena, text);
    if (option->type == RB_OPTION_DURATION && read_number(text, &number))
        guess = rb_arena_fmt(arena, "%.*ss", RB_STR_FMT(text));
    if (option->type == RB_OPTION_ADDRESS && read_number(text, &number))
        guess = rb_arena_fmt(arena, "127.0.0.1:%.*s", RB_STR_FMT(text));
    /* A guess that would be refused as well helps nobody. */
    return guess.p && rb_value_read(option, arena, guess, &field) ? guess : RB_STR_NONE;
}
