#include "app/config.h"

#include "app/config_value.h"
#include "app/options.h"
#include "base/check.h"

#include <string.h>

/* The manual's page, one table for each section or collection, in the order of the table of options. */

static const char intro[] =
    "# Configuration\n"
    "\n"
    "<!-- Made from the table of options in src/app/options.c; do not edit. -->\n"
    "\n"
    "`ringback serve -c ringback.yaml` reads one YAML file at the start; `ringback check -c ringback.yaml` "
    "says what is wrong with\n"
    "it and starts nothing. Without any option the server listens on loopback and has no jobs.\n"
    "\n"
    "- The file is UTF-8, at most 1 MiB, one document. Anchors, aliases, tags, merge keys and keys given "
    "twice are errors.\n"
    "- Unknown options are errors too. Each error names file, line, option and remedy; up to 20 are shown at "
    "once:\n"
    "  `ringback.yaml:12: jobs.export.timeot: unknown option; did you mean 'timeout'?`\n"
    "- A *duration* has a unit: `500ms`, `30s`, `30m`, `12h`, `7d`. A *size* is in bytes or has a unit: "
    "`65536`, `64KiB`, `10MB`\n"
    "  (`KiB`, `MiB`, `GiB`, `TiB` are powers of 1024; `kB` or `KB`, `MB`, `GB`, `TB` of 1000).\n"
    "- Text needs quotes where YAML gives its first character a meaning: `\"{projectId}\"`, `\"*\"`.\n"
    "- `*` in the names below is a name of your choice, or each item of a list.\n"
    "- Relative paths count from the directory in which the server was started.\n"
    "\n"
    "`examples/ringback.yaml` is a complete file with comments.\n";

static const char *type_name(enum rb_option_type type)
{
    switch (type) {
    case RB_OPTION_SECTION: return "section";
    case RB_OPTION_ITEMS_BY_NAME: return "map";
    case RB_OPTION_ITEMS: return "list";
    case RB_OPTION_STRING: return "text";
    case RB_OPTION_BOOL: return "`true` or `false`";
    case RB_OPTION_U64: return "number";
    case RB_OPTION_BYTES: return "size";
    case RB_OPTION_DURATION: return "duration";
    case RB_OPTION_ENUM: return "word";
    case RB_OPTION_ADDRESS: return "address";
    case RB_OPTION_STRINGS: return "list of texts";
    case RB_OPTION_ROUTES: return "list of routes";
    case RB_OPTION_PAIRS: return "map of texts";
    }
    RB_UNREACHABLE();
}

static bool is_collection(const struct rb_option *option)
{
    return option->type == RB_OPTION_ITEMS_BY_NAME || option->type == RB_OPTION_ITEMS;
}

static void add_allowed(const struct rb_option *option, struct rb_buf *out)
{
    bool is_number = option->type == RB_OPTION_U64 || option->type == RB_OPTION_BYTES ||
                     option->type == RB_OPTION_DURATION;
    void (*add)(struct rb_buf *, uint64_t) = option->type == RB_OPTION_BYTES      ? rb_value_add_bytes
                                             : option->type == RB_OPTION_DURATION ? rb_value_add_duration
                                                                                  : rb_buf_add_u64;
    if (is_number) {
        rb_buf_add_text(out, ", ");
        add(out, option->min);
        rb_buf_add_text(out, " to ");
        add(out, option->max);
    }
    for (size_t i = 0; option->words && option->words[i]; i++)
        rb_buf_add_fmt(out, "%s`%s`", i ? ", " : ": ", option->words[i]);
}

/* As it would stand in the file. */
static void add_default(const struct rb_option *option, struct rb_buf *out)
{
    if (option->is_required) {
        rb_buf_add_text(out, "required");
    } else if (option->inherits) {
        rb_buf_add_fmt(out, "as `%s`", option->inherits);
    } else if (option->fallback && option->type == RB_OPTION_STRINGS) {
        rb_str rest = rb_str_of(option->fallback), word;
        for (const char *before = "`[\""; rb_str_split(&rest, ' ', &word); before = "\", \"")
            rb_buf_add_fmt(out, "%s%.*s", before, RB_STR_FMT(word));
        rb_buf_add_text(out, "\"]`");
    } else if (option->fallback) {
        rb_buf_add_fmt(out, "`%s`", option->fallback);
    } else {
        rb_buf_add_text(out, "none");
    }
}

static void add_table(rb_str table, struct rb_buf *out)
{
    rb_buf_add_text(out, "\n| option | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < rb_options_count; i++) {
        const struct rb_option *option = &rb_options[i];
        const char *below = rb_option_below(option, table);
        if (!below || strchr(below, '.') || option->type == RB_OPTION_SECTION || is_collection(option))
            continue;
        rb_buf_add_fmt(out, "| `%s` | %s", option->path, type_name(option->type));
        add_allowed(option, out);
        rb_buf_add_text(out, " | ");
        add_default(option, out);
        rb_buf_add_fmt(out, " | %s |\n", option->sentence);
    }
}

void rb_config_print_reference(struct rb_buf *out)
{
    rb_buf_add_text(out, intro);
    rb_buf_add_text(out, "\n## General\n");
    add_table(RB_STR(""), out);
    for (size_t i = 0; i < rb_options_count; i++) {
        const struct rb_option *option = &rb_options[i];
        if (option->type != RB_OPTION_SECTION && !is_collection(option)) continue;
        rb_buf_add_fmt(out, "\n## %s\n\n%s\n", option->path, option->sentence);
        struct rb_buf table = {0};
        rb_buf_add_fmt(&table, "%s%s", option->path, is_collection(option) ? ".*" : "");
        add_table(rb_buf_str(&table), out);
        rb_buf_fini(&table);
    }
}
