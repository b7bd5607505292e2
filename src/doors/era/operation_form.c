/* What an operation is asked for, in the spellings that scripts have for it: a code may be its number, its
 * name as the designer prints it, or that with underscores for spaces; a value of another type is converted,
 * as components do with theirs. Members that the component has not are passed over: its title, its comment.
 */
#include "doors/era/operation.h"

/* ---- codes ---- */

struct code {
    const char *text;
    int value;
};

static const struct code kinds[] = {{"sendtokenmsg", OPERATION_SEND},
                                    {"ws_temp_file", OPERATION_LINK},
                                    {"websocktemp", OPERATION_FILES}};
static const struct code directions[] = {{"token message", DIRECTION_MESSAGE},
                                         {"token plugin event", DIRECTION_TOKEN_EVENT},
                                         {"user api event", DIRECTION_USER_EVENT}};
static const struct code methods[] = {{"get_coll", FILES_LIST},
                                      {"get_file", FILES_GET},
                                      {"put_file", FILES_PUT},
                                      {"delete_file", FILES_DELETE}};
static const struct code answers[] = {{"no", 0}, {"yes", 1}, {"false", 0}, {"true", 1}, {"0", 0}, {"1", 1}};

static bool is_code(rb_str text, const char *code)
{
    size_t i = 0;
    for (; i < text.n && code[i]; i++) {
        bool is_space = code[i] == ' ' && text.p[i] == '_';
        if (text.p[i] != code[i] && !is_space) return false;
    }
    return i == text.n && !code[i];
}

/* One property after the other; the first that is wrong says so, and the others are passed over. */
struct form_reader {
    rb_json_val root;
    struct rb_arena *arena;
    rb_str why; /* NONE: all is well so far */
};

static void complain(struct form_reader *reader, const char *key, const char *what)
{
    if (!reader->why.p) reader->why = rb_arena_fmt(reader->arena, "%s: %s", key, what);
}

static rb_str property(struct form_reader *reader, const char *key)
{
    rb_json_val value = rb_json_get(reader->root, key);
    enum rb_json_type type = rb_json_type(value);
    if (type == RB_JSON_ARRAY || type == RB_JSON_OBJECT)
        complain(reader, key, "a text, a number or a boolean.");
    return era_scalar(value, reader->arena);
}

static int read_code(struct form_reader *reader, const char *key, const struct code *codes, size_t count)
{
    rb_str text = property(reader, key);
    uint64_t number;
    if (!text.p) return codes[0].value;
    for (size_t i = 0; i < count; i++)
        if (is_code(text, codes[i].text)) return codes[i].value;
    if (rb_str_u64(text, (uint64_t)codes[count - 1].value, &number)) return (int)number;
    complain(reader, key, "none of its codes.");
    return codes[0].value;
}

/* ---- values ---- */

static void read_timeout(struct form_reader *reader, struct operation_form *form)
{
    rb_str text = property(reader, "timeoutSec");
    struct rb_json number = {0};
    double seconds = 0;
    form->timeout_ms = OPERATION_TIMEOUT_MS;
    if (!text.p) return;
    if (rb_json_parse(&number, text, NULL) == RB_OK) rb_json_double(rb_json_root(&number), &seconds);
    rb_json_fini(&number);
    if (seconds < 0.1 || seconds > OPERATION_TIMEOUT_MAX_MS / 1000.0) {
        complain(reader, "timeoutSec", "a number of seconds from 0.1 to 3600.");
        return;
    }
    form->timeout_ms = (uint64_t)(seconds * 1000 + 0.5);
    form->has_timeout = true;
}

static bool is_container(rb_str json, enum rb_json_type *out_type)
{
    struct rb_json doc = {0};
    bool is_json = rb_json_parse(&doc, json, NULL) == RB_OK;
    enum rb_json_type type = is_json ? rb_json_type(rb_json_root(&doc)) : RB_JSON_NONE;
    rb_json_fini(&doc);
    if (type != RB_JSON_OBJECT && type != RB_JSON_ARRAY) return false;
    *out_type = type;
    return true;
}

/* Scripts hold JSON as text: a text of an object or an array is taken as that. */
static void read_content(struct form_reader *reader, struct operation_form *form)
{
    rb_json_val value = rb_json_get(reader->root, "content");
    enum rb_json_type type = rb_json_type(value);
    rb_str text;
    form->content = rb_json_raw(value);
    if (type == RB_JSON_STRING && rb_json_string(value, reader->arena, &text) && is_container(text, &type))
        form->content = text;
    bool is_absent = type == RB_JSON_NONE || type == RB_JSON_NULL;
    if (form->is_waiting && is_absent) form->content = RB_STR("{}");
    if (form->is_waiting && !is_absent && type != RB_JSON_OBJECT)
        complain(reader, "content", "an object, if the reply is waited for.");
}

static void read_message(struct form_reader *reader, struct operation_form *form)
{
    form->direction =
        (enum operation_direction)read_code(reader, "direction", directions, RB_COUNT(directions));
    form->is_waiting = read_code(reader, "syncMode", answers, RB_COUNT(answers)) == 1;
    form->code = property(reader, "eventName");
    if (!rb_topic_name_is_valid(form->code))
        complain(reader, "eventName", "the code of the message, 1 to 255 bytes without control characters.");
    if (form->direction != DIRECTION_MESSAGE) {
        form->capability = property(reader, "capabilityName");
        if (!form->capability.n) complain(reader, "capabilityName", "needed with this direction.");
    }
    read_content(reader, form);
}

static void read_files(struct form_reader *reader, struct operation_form *form)
{
    form->files = (enum operation_files)read_code(reader, "websocktempMethod", methods, RB_COUNT(methods));
    form->name = property(reader, "websocktempFileName");
    form->path = property(reader, "websocktempFilePath");
    if (form->files != FILES_LIST && !rb_scratch_name_is_valid(form->name))
        complain(reader, "websocktempFileName", "the name of a file in the directory.");
    if (form->files == FILES_PUT && !form->path.n)
        complain(reader, "websocktempFilePath", "the file that is to be placed.");
}

static void read_form(struct form_reader *reader, struct operation_form *form)
{
    form->kind = (enum operation_kind)read_code(reader, "operation", kinds, RB_COUNT(kinds));
    form->connection = property(reader, "conn");
    if (!form->connection.n) complain(reader, "conn", "the id of the connection.");
    switch (form->kind) {
    case OPERATION_SEND: read_message(reader, form); break;
    case OPERATION_LINK:
        form->path = property(reader, "filePath");
        if (!form->path.n) complain(reader, "filePath", "the file that is to be published.");
        break;
    case OPERATION_FILES: read_files(reader, form); break;
    }
    read_timeout(reader, form);
    form->result_variable = property(reader, "resultVariable");
    form->error_variable = property(reader, "errorVariable");
    form->transfers[TRANSFER] = property(reader, "transfer");
    form->transfers[TRANSFER_TIMEOUT] = property(reader, "transferTimeout");
    form->transfers[TRANSFER_ERROR] = property(reader, "transferError");
}

rb_err operation_read(rb_str json, struct rb_arena *arena, struct operation_form *out, rb_str *out_why)
{
    struct rb_json doc = {0};
    struct operation_form form = {0};
    rb_err err = rb_json_parse(&doc, json, &(struct rb_json_limits){.bytes_max = json.n});
    if (err) {
        *out_why = rb_arena_fmt(arena, "At byte %zu of the body.", doc.error_at);
        return err;
    }
    struct form_reader reader = {.root = rb_json_root(&doc), .arena = arena};
    if (rb_json_type(reader.root) != RB_JSON_OBJECT)
        reader.why = RB_STR("The body is an object with the properties of the component.");
    else
        read_form(&reader, &form);
    rb_json_fini(&doc);
    *out_why = reader.why;
    if (reader.why.p) return RB_BAD_REQUEST;
    *out = form;
    return RB_OK;
}

/* ---- the outcome ---- */

static const char *const transfer_names[] = {"transfer", "transferTimeout", "transferError"};

/* Without a step of its own for it, an expiry goes where errors go; without that, the branch ends. */
static rb_str next_step(const struct operation_form *form, enum operation_transfer transfer)
{
    rb_str next = form->transfers[transfer];
    return transfer == TRANSFER_TIMEOUT && !next.p ? form->transfers[TRANSFER_ERROR] : next;
}

static void put_if_given(struct rb_json_out *out, const char *key, rb_str value)
{
    if (value.p) era_put_str(out, key, value);
}

void operation_put(struct rb_buf *buf, const struct operation_form *form,
                   const struct operation_outcome *outcome)
{
    struct rb_json_out out = {.buf = buf};
    bool has_steps = false;
    for (size_t i = 0; i < OPERATION_TRANSFERS; i++) has_steps |= form->transfers[i].p != NULL;
    rb_json_begin_object(&out);
    era_put_str(&out, "transfer", rb_str_of(transfer_names[outcome->transfer]));
    if (has_steps) {
        rb_str next = next_step(form, outcome->transfer);
        rb_json_put_key(&out, "next");
        if (next.p)
            rb_json_put_str(&out, next);
        else
            rb_json_put_null(&out);
    }
    put_if_given(&out, "resultVariable", form->result_variable);
    put_if_given(&out, "errorVariable", form->error_variable);
    if (outcome->transfer == TRANSFER && outcome->result.p) {
        rb_json_put_key(&out, "result");
        rb_json_put_raw(&out, outcome->result);
    } else if (outcome->transfer != TRANSFER) {
        rb_json_put_key(&out, "error");
        rb_json_begin_object(&out);
        rb_json_put_key(&out, "error_code");
        rb_json_put_u64(&out, outcome->code);
        era_put_str(&out, "error_message", outcome->message);
        rb_json_end_object(&out);
    }
    rb_json_end_object(&out);
}
