#include "doors/bimserver/table.h"

#include "base/check.h"

/* ---- the rows ---- */

#define TYPE_VOID                                                                                            \
    {                                                                                                        \
        BIM_VOID, false, NULL, NULL                                                                          \
    }
#define TYPE_STRING                                                                                          \
    {                                                                                                        \
        BIM_STRING, false, NULL, NULL                                                                        \
    }
#define TYPE_LONG                                                                                            \
    {                                                                                                        \
        BIM_LONG, false, NULL, NULL                                                                          \
    }
#define TYPE_BOOLEAN                                                                                         \
    {                                                                                                        \
        BIM_BOOLEAN, false, NULL, NULL                                                                       \
    }
#define TYPE_DATA                                                                                            \
    {                                                                                                        \
        BIM_DATA, false, NULL, NULL                                                                          \
    }
#define TYPE_ENUM(name)                                                                                      \
    {                                                                                                        \
        BIM_ENUM, false, &bim_##name, NULL                                                                   \
    }
#define TYPE_CLASS(name)                                                                                     \
    {                                                                                                        \
        BIM_CLASS, false, NULL, &bim_##name                                                                  \
    }
#define TYPE_LIST(kind)                                                                                      \
    {                                                                                                        \
        BIM_##kind, true, NULL, NULL                                                                         \
    }
#define TYPE_LIST_CLASS(name)                                                                                \
    {                                                                                                        \
        BIM_CLASS, true, NULL, &bim_##name                                                                   \
    }

const struct bim_parameter bim_parameters[BIM_PARAMETER_IDS] = {
#define BIM_PARAMETER(ID, name, type, is_optional, as, doc)                                                  \
    [BIM_P_##ID] = {name, TYPE_##type, is_optional, as, doc},
#include "doors/bimserver/parameters.def"
#undef BIM_PARAMETER
};

const struct bim_interface bim_interfaces[BIM_INTERFACE_COUNT] = {
#define BIM_INTERFACE(name, dialects, doc) [BIM_##name] = {#name, dialects, doc},
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc)
#include "doors/bimserver/methods.def"
#undef BIM_INTERFACE
#undef BIM_METHOD
};

#define P0                                                                                                   \
    {                                                                                                        \
        BIM_NO_PARAMETER                                                                                     \
    }
#define P1(a)                                                                                                \
    {                                                                                                        \
        BIM_P_##a                                                                                            \
    }
#define P2(a, b)                                                                                             \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b                                                                                 \
    }
#define P3(a, b, c)                                                                                          \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c                                                                      \
    }
#define P4(a, b, c, d)                                                                                       \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d                                                           \
    }
#define P5(a, b, c, d, e)                                                                                    \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d, BIM_P_##e                                                \
    }
#define P6(a, b, c, d, e, f)                                                                                 \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d, BIM_P_##e, BIM_P_##f                                     \
    }
#define P7(a, b, c, d, e, f, g)                                                                              \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d, BIM_P_##e, BIM_P_##f, BIM_P_##g                          \
    }
#define P8(a, b, c, d, e, f, g, h)                                                                           \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d, BIM_P_##e, BIM_P_##f, BIM_P_##g, BIM_P_##h               \
    }
#define P9(a, b, c, d, e, f, g, h, i)                                                                        \
    {                                                                                                        \
        BIM_P_##a, BIM_P_##b, BIM_P_##c, BIM_P_##d, BIM_P_##e, BIM_P_##f, BIM_P_##g, BIM_P_##h, BIM_P_##i    \
    }

const struct bim_method bim_methods[] = {
#define BIM_INTERFACE(name, dialects, doc)
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc)                       \
    {BIM_##interface, dialects, #name, parameters, TYPE_##result, token, doc},
#include "doors/bimserver/methods.def"
#undef BIM_INTERFACE
#undef BIM_METHOD
};

const unsigned bim_method_count = RB_COUNT(bim_methods);

const struct bim_parameter *bim_parameter(const struct bim_method *method, unsigned at)
{
    RB_CHECK(at <= BIM_PARAMETERS_MAX);
    return method->parameters[at] == BIM_NO_PARAMETER ? NULL : &bim_parameters[method->parameters[at]];
}

unsigned bim_parameter_count(const struct bim_method *method)
{
    unsigned count = 0;
    while (method->parameters[count] != BIM_NO_PARAMETER) count++;
    return count;
}

/* ---- names ---- */

const char *bim_namespace(enum bim_dialect dialect)
{
    return dialect == BIM_NEW ? "org.bimserver" : "org.buildingsmart.bimsie1";
}

const char *bim_name_prefix(enum bim_dialect dialect)
{
    return dialect == BIM_NEW ? "" : BIM_OLD_PREFIX;
}

/* Without the dialect's name space, if it stands there; other dots are in no name. */
static rb_str without_namespace(rb_str name, enum bim_dialect dialect)
{
    rb_str space = rb_str_of(bim_namespace(dialect));
    bool is_full = rb_str_starts(name, space) && name.n > space.n && name.p[space.n] == '.';
    return is_full ? rb_str_from(name, space.n + 1) : name;
}

bool bim_interface_find(rb_str name, enum bim_interface_id *out_id, enum bim_dialect *out_dialect)
{
    for (enum bim_dialect dialect = BIM_NEW; dialect <= BIM_OLD; dialect++) {
        rb_str rest = without_namespace(name, dialect), prefix = rb_str_of(bim_name_prefix(dialect));
        if (!rb_str_starts(rest, prefix)) continue;
        rest = rb_str_from(rest, prefix.n);
        for (unsigned i = 0; i < BIM_INTERFACE_COUNT; i++) {
            if (!(bim_interfaces[i].dialects & 1u << dialect) || !rb_str_is(rest, bim_interfaces[i].name))
                continue;
            *out_id = (enum bim_interface_id)i;
            *out_dialect = dialect;
            return true;
        }
    }
    return false;
}

const struct bim_method *bim_method_find(enum bim_interface_id interface, enum bim_dialect dialect,
                                         rb_str name)
{
    for (unsigned i = 0; i < bim_method_count; i++) {
        const struct bim_method *method = &bim_methods[i];
        if (method->interface == interface && method->dialects & 1u << dialect &&
            rb_str_is(name, method->name))
            return method;
    }
    return NULL;
}

const struct bim_method *bim_method_elsewhere(enum bim_dialect dialect, rb_str name)
{
    for (unsigned i = 0; i < BIM_INTERFACE_COUNT; i++) {
        const struct bim_method *method = bim_method_find((enum bim_interface_id)i, dialect, name);
        if (method) return method;
    }
    return NULL;
}
