#include "doors/native/conn_body.h"

#include "codec/filter.h"

/* In this order. Those without a function are properties (hub/registry.h); what a connection has not is left
 * out. */
static void put_address(struct rb_json_out *out, const struct rb_conn_row *row);
static void put_topics(struct rb_json_out *out, const struct rb_conn_row *row);
static void put_topic_count(struct rb_json_out *out, const struct rb_conn_row *row);

static const struct member {
    const char *name;
    void (*put)(struct rb_json_out *out, const struct rb_conn_row *row);
} members[] = {
    {"id", NULL},
    {"client", NULL},
    {"door", NULL},
    {"transport", NULL},
    {"address", put_address},
    {"space", NULL},
    {"owner", NULL},
    {"user_id", NULL},
    {"login", NULL},
    {"session", NULL},
    {"application", NULL},
    {"capabilities", NULL},
    {"since", NULL},
    {"renewed", NULL},
    {"lease_s", NULL},
    {"topics", put_topics},
    {"topic_count", put_topic_count},
};

enum { ID_BIT = 1 };

bool conn_mask_read(rb_str names, uint32_t *out_mask, rb_str *out_unknown)
{
    uint32_t mask = ID_BIT;
    rb_str name;
    while (rb_str_split(&names, ',', &name)) {
        size_t i = 0;
        while (i < RB_COUNT(members) && !rb_str_is(name, members[i].name)) i++;
        if (i == RB_COUNT(members)) {
            *out_unknown = name;
            return false;
        }
        mask |= (uint32_t)1 << i;
    }
    *out_mask = mask;
    return true;
}

/* Known or not, since it may be known later. */
static void put_address(struct rb_json_out *out, const struct rb_conn_row *row)
{
    rb_json_put_key(out, "address");
    if (row->facts.address.n)
        rb_json_put_str(out, row->facts.address);
    else
        rb_json_put_null(out);
}

static void put_topics(struct rb_json_out *out, const struct rb_conn_row *row)
{
    unsigned shown = row->topic_count < RB_CONN_TOPICS_SHOWN ? row->topic_count : RB_CONN_TOPICS_SHOWN;
    rb_json_put_key(out, "topics");
    rb_json_begin_array(out);
    for (unsigned i = 0; i < shown; i++) rb_json_put_str(out, row->topics[i]);
    rb_json_end_array(out);
}

static void put_topic_count(struct rb_json_out *out, const struct rb_conn_row *row)
{
    rb_json_put_key(out, "topic_count");
    rb_json_put_u64(out, row->topic_count);
}

static void put_names(struct rb_json_out *out, rb_str list)
{
    rb_str name;
    rb_json_begin_array(out);
    while (list.n > 0 && rb_str_split(&list, ',', &name)) rb_json_put_str(out, name);
    rb_json_end_array(out);
}

static void put_property(struct rb_json_out *out, const struct rb_conn_row *row, const char *name)
{
    struct rb_filter_value value = {.type = RB_FILTER_NULL};
    RB_CHECK(rb_conn_property(row, rb_str_of(name), &value));
    if (value.type == RB_FILTER_NULL) return;
    rb_json_put_key(out, name);
    switch (value.type) {
    case RB_FILTER_NULL: rb_json_put_null(out); return;
    case RB_FILTER_TEXT: rb_json_put_str(out, value.text); return;
    case RB_FILTER_NUMBER: rb_json_put_double(out, value.number); return;
    case RB_FILTER_BOOL: rb_json_put_bool(out, value.is_true); return;
    case RB_FILTER_LIST: put_names(out, value.text); return;
    }
}

void conn_body_put(struct rb_json_out *out, const struct rb_conn_row *row, uint32_t mask)
{
    rb_json_begin_object(out);
    for (size_t i = 0; i < RB_COUNT(members); i++) {
        if (!(mask & (uint32_t)1 << i)) continue;
        if (members[i].put)
            members[i].put(out, row);
        else
            put_property(out, row, members[i].name);
    }
    rb_json_end_object(out);
}
