/* What is known of a connection, by name: our own words, and those of the Era registrar. */
#include "codec/filter.h"
#include "hub/registry_private.h"

enum kind {
    SLICE,    /* rb_str */
    NAMES,    /* the same, a list */
    CONSTANT, /* const char * */
    ARRAY,    /* char[] of the row; empty: not known */
    ADDRESS,  /* rb_str, which costs a system call */
    TIME,     /* as ARRAY, written for who looks at it */
    PORT,     /* the rest are numbers */
    LEASE,
    NODE
};

#define AT(member) offsetof(struct rb_conn_row, member)

static const struct field {
    rb_str name;
    enum kind kind;
    size_t at; /* in the row, where it is no number */
} fields[] = {
#define FIELD(name_, kind_, at_)                                                                             \
    {                                                                                                        \
        {name_, sizeof name_ - 1}, kind_, at_                                                                \
    }
    FIELD("id", ARRAY, AT(id)),
    FIELD("connection_id", ARRAY, AT(id)),
    FIELD("domain", SLICE, AT(facts.tenant)),
    FIELD("client", SLICE, AT(facts.client)),
    FIELD("door", CONSTANT, AT(facts.door)),
    FIELD("transport", CONSTANT, AT(facts.transport)),
    FIELD("address", ADDRESS, AT(facts.address)),
    FIELD("peer_address", ADDRESS, AT(facts.address)),
    FIELD("space", SLICE, AT(facts.space)),
    FIELD("owner", SLICE, AT(facts.owner)),
    FIELD("ownertype", SLICE, AT(facts.owner)),
    FIELD("user_id", SLICE, AT(facts.user_id)),
    FIELD("login", SLICE, AT(facts.login)),
    FIELD("integration_point_id", SLICE, AT(facts.point_id)),
    FIELD("session", SLICE, AT(facts.session)),
    FIELD("session_id", SLICE, AT(facts.session)),
    FIELD("application", SLICE, AT(facts.application)),
    FIELD("app", SLICE, AT(facts.application)),
    FIELD("capabilities", NAMES, AT(facts.capabilities)),
    FIELD("caps", NAMES, AT(facts.capabilities)),
    FIELD("site", SLICE, AT(facts.site)),
    FIELD("since", TIME, AT(since)),
    FIELD("renewed", TIME, AT(renewed)),
    FIELD("peer_port", PORT, 0),
    FIELD("lease_s", LEASE, 0),
    FIELD("ttl", LEASE, 0),
    FIELD("node", NODE, 0),
#undef FIELD
};

static const struct field *find_field(rb_str name)
{
    for (size_t i = 0; i < RB_COUNT(fields); i++)
        if (rb_str_eq(fields[i].name, name)) return &fields[i];
    return NULL;
}

static struct rb_filter_value text_value(enum rb_filter_type type, rb_str text)
{
    return text.p ? (struct rb_filter_value){.type = type, .text = text}
                  : (struct rb_filter_value){.type = RB_FILTER_NULL};
}

static struct rb_filter_value number_value(double number, bool is_known)
{
    return is_known ? (struct rb_filter_value){.type = RB_FILTER_NUMBER, .number = number}
                    : (struct rb_filter_value){.type = RB_FILTER_NULL};
}

static struct rb_filter_value node_value(const struct rb_conn_row *row)
{
    struct rb_handle id;
    bool is_known = rb_handle_parse(rb_str_of(row->id), &id);
    return number_value(is_known ? rb_handle_node(&id) : 0, is_known);
}

static struct rb_filter_value value_of(const struct rb_conn_row *row, const struct field *field)
{
    const void *at = (const char *)row + field->at;
    const struct rb_conn_facts *facts = &row->facts;
    switch (field->kind) {
    case ADDRESS:
    case SLICE: return text_value(RB_FILTER_TEXT, *(const rb_str *)at);
    case NAMES: return text_value(RB_FILTER_LIST, *(const rb_str *)at);
    case CONSTANT: return text_value(RB_FILTER_TEXT, rb_str_of(*(const char *const *)at));
    case TIME:
    case ARRAY: return text_value(RB_FILTER_TEXT, *(const char *)at ? rb_str_of(at) : RB_STR_NONE);
    case PORT: return number_value(facts->port, facts->port != 0);
    case LEASE: return number_value(facts->lease_ms / 1000.0, facts->lease_ms != 0);
    case NODE: return node_value(row);
    }
    RB_UNREACHABLE();
}

bool rb_conn_property(const struct rb_conn_row *row, rb_str name, struct rb_filter_value *out)
{
    const struct field *field = find_field(name);
    if (field) *out = value_of(row, field);
    return field != NULL;
}

static void note_need(void *arg, rb_str name)
{
    struct rb_conn_search *search = arg;
    const struct field *field = find_field(name);
    if (!field) return;
    search->needs_address |= field->kind == ADDRESS || field->kind == PORT;
    search->needs_times |= field->kind == TIME;
}

void property_note_needs(struct rb_conn_search *search)
{
    search->needs_address = search->address.p != NULL;
    if (search->filter) rb_filter_each_property(search->filter, note_need, search);
}
