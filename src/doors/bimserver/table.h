/* The table of this protocol: interfaces, methods, parameters, classes and enums. JSON, SOAP, WSDL, Protocol
 * Buffers, the .proto files, MetaInterface and the reference page all come from it.
 *
 * Methods are rows of methods.def, parameters of parameters.def, classes and enums are in types.c. Static
 * data; any thread. */
#ifndef RB_BIMSERVER_TABLE_H
#define RB_BIMSERVER_TABLE_H

#include "base/str.h"

/* Servers up to 1.4 called most interfaces Bimsie1X, in another name space. */
enum bim_dialect { BIM_NEW, BIM_OLD };
enum { BIM_IN_NEW = 1 << BIM_NEW, BIM_IN_OLD = 1 << BIM_OLD, BIM_IN_BOTH = BIM_IN_NEW | BIM_IN_OLD };

/* ---- types ---- */

enum bim_kind {
    BIM_VOID,
    BIM_STRING,
    BIM_LONG,
    BIM_INT,
    BIM_BOOLEAN,
    BIM_DATE,  /* ms since 1970 */
    BIM_BYTES, /* base64 */
    BIM_DATA,  /* the same: a file */
    BIM_UUID,  /* nobody has one: null */
    BIM_ENUM,
    BIM_CLASS
};

struct bim_type {
    enum bim_kind kind;
    bool is_list;
    const struct bim_enum *of_enum;
    const struct bim_class *of_class;
};

struct bim_enum {
    const char *name;
    const char *const *constants; /* by ordinal; ended by NULL */
};

struct bim_field {
    const char *name; /* NULL ends a list */
    struct bim_type type;
    bool is_new; /* servers up to 1.4 had none of it */
};

struct bim_class {
    const char *name;
    const struct bim_class *parent;
    const struct bim_class *sub; /* the one subclass; NULL: none */
    bool is_new;
    const struct bim_field *fields; /* alphabetical, with those of the parent */
};

extern const struct bim_enum bim_SAccessMethod, bim_SActionState, bim_SObjectState, bim_SProgressTopicType,
    bim_SServerState, bim_SServiceSimpleType, bim_SUserType;
extern const struct bim_class bim_SCheckoutResult, bim_SDeserializerPluginConfiguration, bim_SDownloadResult,
    bim_SLongActionState, bim_SLongCheckinActionState, bim_SProject, bim_SSerializerPluginConfiguration,
    bim_SServerInfo, bim_SServiceField, bim_SServiceInterface, bim_SServiceMethod, bim_SServiceParameter,
    bim_SServiceType, bim_SUser, bim_SVersion;

/* "Long", "SUser"; of a list what it is a list of. */
const char *bim_type_name(const struct bim_type *type);

/* All of them, by name; ended by NULL. */
extern const struct bim_class *const bim_classes[];
extern const struct bim_enum *const bim_enums[];
const struct bim_enum *bim_enum_find(rb_str name);
int bim_enum_ordinal(const struct bim_enum *of, rb_str constant); /* -1: none */

bool bim_field_is_in(const struct bim_field *field, enum bim_dialect dialect);
bool bim_class_is_in(const struct bim_class *of_class, enum bim_dialect dialect);

/* ---- methods ---- */

struct bim_parameter {
    const char *name;
    struct bim_type type;
    bool is_optional;
    const char *as; /* under what name the handler reads it; NULL: its own */
    const char *doc;
};

enum bim_parameter_id {
    BIM_NO_PARAMETER,
#define BIM_PARAMETER(ID, name, type, is_optional, as, doc) BIM_P_##ID,
#include "doors/bimserver/parameters.def"
#undef BIM_PARAMETER
    BIM_PARAMETER_IDS
};

enum { BIM_PARAMETERS_MAX = 9 };

/* What a call must bring. */
enum bim_token {
    BIM_TOKEN_NONE,     /* whatever it brings is not looked at */
    BIM_TOKEN_OPTIONAL, /* a bad one counts as none */
    BIM_TOKEN_NEEDED
};

enum bim_interface_id {
#define BIM_INTERFACE(name, dialects, doc) BIM_##name,
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc)
#include "doors/bimserver/methods.def"
#undef BIM_INTERFACE
#undef BIM_METHOD
    BIM_INTERFACE_COUNT
};

struct bim_interface {
    const char *name; /* "AuthInterface"; the old dialect puts "Bimsie1" before it */
    unsigned dialects;
    const char *doc;
};

struct bim_method {
    enum bim_interface_id interface;
    unsigned dialects; /* BIM_IN_NEW, BIM_IN_OLD, or both */
    const char *name;
    uint8_t parameters[BIM_PARAMETERS_MAX + 1]; /* enum bim_parameter_id; ended by BIM_NO_PARAMETER */
    struct bim_type result;
    enum bim_token token;
    const char *doc;
};

extern const struct bim_parameter bim_parameters[BIM_PARAMETER_IDS];
extern const struct bim_interface bim_interfaces[BIM_INTERFACE_COUNT];
extern const struct bim_method bim_methods[];
extern const unsigned bim_method_count;

const struct bim_parameter *bim_parameter(const struct bim_method *method, unsigned at); /* NULL: no more */
unsigned bim_parameter_count(const struct bim_method *method);

/* "Bimsie1AuthInterface" and "org.buildingsmart.bimsie1" in the old dialect. */
#define BIM_OLD_PREFIX "Bimsie1"
const char *bim_namespace(enum bim_dialect dialect);
const char *bim_name_prefix(enum bim_dialect dialect); /* "" or "Bimsie1" */

/* By full or simple name, of either dialect. */
bool bim_interface_find(rb_str name, enum bim_interface_id *out_id, enum bim_dialect *out_dialect);
/* NULL: this interface has none of that name in this dialect. */
const struct bim_method *bim_method_find(enum bim_interface_id interface, enum bim_dialect dialect,
                                         rb_str name);
/* One of that name in another interface; NULL: nobody has. */
const struct bim_method *bim_method_elsewhere(enum bim_dialect dialect, rb_str name);

#endif
