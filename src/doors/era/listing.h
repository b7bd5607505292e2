/* Lists as this API has them: `filter` (codec/filter.h), `mask` (which fields), `order`, `offset` and
 * `limit`, over anything whose fields have names. Pure. */
#ifndef RB_ERA_LISTING_H
#define RB_ERA_LISTING_H

#include "codec/filter.h"

enum { ERA_FIELDS_MAX = 32, ERA_ORDER_MAX = 8 };

/* The fields of a kind of thing; those that may be named and are shown by default come first. */
struct era_fields {
    const char *const *names;
    unsigned count, shown_count;
};
/* As rb_filter_fits wants it. */
typedef bool era_property_fn(const void *thing, rb_str name, struct rb_filter_value *out);

struct era_listing {
    const struct era_fields *fields;
    const struct rb_filter *filter; /* NULL: everything fits */
    uint32_t mask;                  /* a bit for each field */
    struct {
        unsigned field;
        bool is_descending;
    } order[ERA_ORDER_MAX];
    unsigned order_count;
    uint64_t offset, limit;
};

/* From the query of a request; what it does not say is without effect. RB_BAD_REQUEST with `why`. */
rb_err era_listing_read(rb_str query, struct rb_arena *arena, const struct era_fields *fields,
                        struct era_listing *out, rb_str *out_why);

bool era_listing_fits(const struct era_listing *listing, era_property_fn *property, const void *thing);
/* Sorts pointers to things that fit. Those that the order does not tell apart stay as they are. */
void era_listing_sort(const struct era_listing *listing, era_property_fn *property, const void **things,
                      size_t count);
/* An object with the fields of the mask; of those that are not asked for by name, only what the thing has. */
struct rb_json_out;
void era_listing_put(struct rb_json_out *out, const struct era_listing *listing, era_property_fn *property,
                     const void *thing);

#endif
