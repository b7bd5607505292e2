/* Classes and enums. Fields stand in alphabetical order, those of a parent with them: that is the order on
 * the wire, and the numbering of Protocol Buffers. */
#include "doors/bimserver/table.h"

#include "base/check.h"

#define CONSTANTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define FIELDS(...) ((const struct bim_field[]){__VA_ARGS__, {NULL}})

#define OF_STRING                                                                                            \
    {                                                                                                        \
        BIM_STRING, false, NULL, NULL                                                                        \
    }
#define OF_LONG                                                                                              \
    {                                                                                                        \
        BIM_LONG, false, NULL, NULL                                                                          \
    }
#define OF_INT                                                                                               \
    {                                                                                                        \
        BIM_INT, false, NULL, NULL                                                                           \
    }
#define OF_BOOLEAN                                                                                           \
    {                                                                                                        \
        BIM_BOOLEAN, false, NULL, NULL                                                                       \
    }
#define OF_DATE                                                                                              \
    {                                                                                                        \
        BIM_DATE, false, NULL, NULL                                                                          \
    }
#define OF_BYTES                                                                                             \
    {                                                                                                        \
        BIM_BYTES, false, NULL, NULL                                                                         \
    }
#define OF_DATA                                                                                              \
    {                                                                                                        \
        BIM_DATA, false, NULL, NULL                                                                          \
    }
#define OF_UUID                                                                                              \
    {                                                                                                        \
        BIM_UUID, false, NULL, NULL                                                                          \
    }
#define OF_ENUM(name)                                                                                        \
    {                                                                                                        \
        BIM_ENUM, false, &bim_##name, NULL                                                                   \
    }
#define OF_CLASS(name)                                                                                       \
    {                                                                                                        \
        BIM_CLASS, false, NULL, &bim_##name                                                                  \
    }
#define LIST_OF_CLASS(name)                                                                                  \
    {                                                                                                        \
        BIM_CLASS, true, NULL, &bim_##name                                                                   \
    }
#define LIST_OF_STRING                                                                                       \
    {                                                                                                        \
        BIM_STRING, true, NULL, NULL                                                                         \
    }
#define LIST_OF_LONG                                                                                         \
    {                                                                                                        \
        BIM_LONG, true, NULL, NULL                                                                           \
    }

/* Every object that the reference stores has these; it came to have the last with 1.5. */
#define OID                                                                                                  \
    {                                                                                                        \
        "oid", OF_LONG                                                                                       \
    }
#define RID                                                                                                  \
    {                                                                                                        \
        "rid", OF_INT                                                                                        \
    }
#define UUID                                                                                                 \
    {                                                                                                        \
        "uuid", OF_UUID, true                                                                                \
    }

/* ---- enums ---- */

const struct bim_enum bim_SAccessMethod = {"SAccessMethod",
                                           CONSTANTS("SOAP", "WEB_INTERFACE", "INTERNAL", "REST",
                                                     "SYNDICATION", "JSON", "PROTOCOL_BUFFERS")};
const struct bim_enum bim_SActionState = {"SActionState",
                                          CONSTANTS("UNKNOWN", "STARTED", "AS_ERROR", "FINISHED")};
const struct bim_enum bim_SObjectState = {"SObjectState", CONSTANTS("ACTIVE", "DELETED")};
const struct bim_enum bim_SProgressTopicType = {"SProgressTopicType",
                                                CONSTANTS("DOWNLOAD", "UPLOAD", "RUNNING_SERVICE", "BRANCH")};
const struct bim_enum bim_SServerState = {"SServerState",
                                          CONSTANTS("UNDEFINED", "NOT_SETUP", "SETUP", "MIGRATION_REQUIRED",
                                                    "MIGRATION_IMPOSSIBLE", "FATAL_ERROR", "RUNNING")};
const struct bim_enum bim_SServiceSimpleType = {
    "SServiceSimpleType", CONSTANTS("ENUM", "STRING", "LONG", "INT", "BOOLEAN", "FLOAT", "DOUBLE", "DATE",
                                    "CLASS", "DATAHANDLER", "BYTEARRAY", "LIST", "SET", "VOID", "UNKNOWN")};
const struct bim_enum bim_SUserType = {"SUserType",
                                       CONSTANTS("SYSTEM", "ADMIN", "USER", "READ_ONLY", "MONITOR")};

const struct bim_enum *const bim_enums[] = {&bim_SAccessMethod, &bim_SActionState,
                                            &bim_SObjectState,  &bim_SProgressTopicType,
                                            &bim_SServerState,  &bim_SServiceSimpleType,
                                            &bim_SUserType,     NULL};

/* ---- jobs ---- */

const struct bim_class bim_SLongActionState = {
    .name = "SLongActionState",
    .sub = &bim_SLongCheckinActionState,
    .fields = FIELDS({"end", OF_DATE}, {"errors", LIST_OF_STRING}, {"infos", LIST_OF_STRING}, OID,
                     {"progress", OF_INT}, RID, {"stage", OF_INT}, {"start", OF_DATE},
                     {"state", OF_ENUM(SActionState)}, {"title", OF_STRING}, {"topicId", OF_LONG, true}, UUID,
                     {"warnings", LIST_OF_STRING})};

const struct bim_class bim_SLongCheckinActionState = {
    .name = "SLongCheckinActionState",
    .parent = &bim_SLongActionState,
    .is_new = true,
    .fields = FIELDS({"deserializeErrorCode", OF_INT}, {"end", OF_DATE}, {"errors", LIST_OF_STRING},
                     {"infos", LIST_OF_STRING}, OID, {"progress", OF_INT}, RID, {"roid", OF_LONG},
                     {"stage", OF_INT}, {"start", OF_DATE}, {"state", OF_ENUM(SActionState)},
                     {"title", OF_STRING}, {"topicId", OF_LONG, true}, UUID, {"warnings", LIST_OF_STRING})};

const struct bim_class bim_SDownloadResult = {
    .name = "SDownloadResult",
    .sub = &bim_SCheckoutResult,
    .fields = FIELDS({"file", OF_DATA}, OID, {"projectName", OF_STRING}, {"revisionNr", OF_INT}, RID,
                     {"serializerOid", OF_LONG}, UUID)};

const struct bim_class bim_SCheckoutResult = {
    .name = "SCheckoutResult",
    .parent = &bim_SDownloadResult,
    .fields = FIELDS({"file", OF_DATA}, OID, {"projectName", OF_STRING}, {"revisionNr", OF_INT}, RID,
                     {"serializerOid", OF_LONG}, UUID)};

/* ---- projects, users, plugins ---- */

const struct bim_class bim_SProject = {
    .name = "SProject",
    .fields =
        FIELDS({"checkinInProgress", OF_LONG}, {"checkouts", LIST_OF_LONG},
               {"concreteRevisions", LIST_OF_LONG}, {"createdById", OF_LONG}, {"createdDate", OF_DATE},
               {"description", OF_STRING}, {"exportLengthMeasurePrefix", OF_STRING},
               {"extendedData", LIST_OF_LONG}, {"geoTagId", OF_LONG}, {"hasAuthorizedUsers", LIST_OF_LONG},
               {"id", OF_INT}, {"lastConcreteRevisionId", OF_LONG}, {"lastRevisionId", OF_LONG},
               {"logs", LIST_OF_LONG}, {"modelCheckers", LIST_OF_LONG}, {"name", OF_STRING},
               {"newServices", LIST_OF_LONG}, OID, {"parentId", OF_LONG}, {"revisions", LIST_OF_LONG}, RID,
               {"schema", OF_STRING}, {"sendEmailOnNewRevision", OF_BOOLEAN}, {"services", LIST_OF_LONG},
               {"state", OF_ENUM(SObjectState)}, {"subProjects", LIST_OF_LONG}, UUID)};

const struct bim_class bim_SUser = {
    .name = "SUser",
    .fields = FIELDS({"createdById", OF_LONG}, {"createdOn", OF_DATE}, {"extendedData", LIST_OF_LONG},
                     {"hasRightsOn", LIST_OF_LONG}, {"lastSeen", OF_DATE}, {"logs", LIST_OF_LONG},
                     {"name", OF_STRING}, {"oAuthAuthorizationCodes", LIST_OF_LONG},
                     {"oAuthIssuedAuthorizationCodes", LIST_OF_LONG}, OID, {"passwordHash", OF_BYTES},
                     {"passwordSalt", OF_BYTES}, RID, {"schemas", LIST_OF_LONG}, {"services", LIST_OF_LONG},
                     {"state", OF_ENUM(SObjectState)}, {"token", OF_STRING}, {"userSettingsId", OF_LONG},
                     {"userType", OF_ENUM(SUserType)}, {"username", OF_STRING}, UUID,
                     {"validationToken", OF_BYTES}, {"validationTokenCreated", OF_DATE})};

const struct bim_class bim_SDeserializerPluginConfiguration = {
    .name = "SDeserializerPluginConfiguration",
    .fields = FIELDS({"description", OF_STRING}, {"enabled", OF_BOOLEAN}, {"name", OF_STRING}, OID,
                     {"pluginDescriptorId", OF_LONG}, RID, {"settingsId", OF_LONG},
                     {"userSettingsId", OF_LONG}, UUID)};

const struct bim_class bim_SSerializerPluginConfiguration = {
    .name = "SSerializerPluginConfiguration",
    .fields =
        FIELDS({"description", OF_STRING}, {"enabled", OF_BOOLEAN}, {"name", OF_STRING},
               {"objectIDMId", OF_LONG}, OID, {"pluginDescriptorId", OF_LONG}, {"renderEngineId", OF_LONG},
               RID, {"settingsId", OF_LONG}, {"streaming", OF_BOOLEAN}, {"userSettingsId", OF_LONG}, UUID)};

/* ---- the server ---- */

const struct bim_class bim_SServerInfo = {.name = "SServerInfo",
                                          .fields = FIELDS({"errorMessage", OF_STRING}, OID, RID,
                                                           {"serverState", OF_ENUM(SServerState)}, UUID,
                                                           {"version", OF_CLASS(SVersion)})};

const struct bim_class bim_SVersion = {
    .name = "SVersion",
    .fields = FIELDS({"date", OF_DATE}, {"downloadUrl", OF_STRING}, {"fullString", OF_STRING},
                     {"major", OF_INT}, {"minor", OF_INT}, OID, {"revision", OF_INT}, RID,
                     {"supportEmail", OF_STRING}, {"supportUrl", OF_STRING}, UUID)};

/* ---- what MetaInterface tells ---- */

const struct bim_class bim_SServiceInterface = {
    .name = "SServiceInterface",
    .fields = FIELDS({"name", OF_STRING}, {"nameSpace", OF_STRING}, {"simpleName", OF_STRING})};

const struct bim_class bim_SServiceMethod = {.name = "SServiceMethod",
                                             .fields = FIELDS({"doc", OF_STRING}, {"name", OF_STRING},
                                                              {"returnDoc", OF_STRING})};

const struct bim_class bim_SServiceParameter = {
    .name = "SServiceParameter",
    .fields = FIELDS({"doc", OF_STRING}, {"genericType", OF_CLASS(SServiceType)}, {"name", OF_STRING},
                     {"type", OF_CLASS(SServiceType)})};

const struct bim_class bim_SServiceField = {
    .name = "SServiceField",
    .fields = FIELDS({"doc", OF_STRING}, {"genericType", OF_CLASS(SServiceType)}, {"name", OF_STRING},
                     {"type", OF_CLASS(SServiceType)})};

const struct bim_class bim_SServiceType = {
    .name = "SServiceType",
    .fields = FIELDS({"fields", LIST_OF_CLASS(SServiceField)}, {"name", OF_STRING}, OID, RID,
                     {"simpleName", OF_STRING}, {"simpleType", OF_ENUM(SServiceSimpleType)}, UUID)};

const struct bim_class *const bim_classes[] = {&bim_SCheckoutResult,
                                               &bim_SDeserializerPluginConfiguration,
                                               &bim_SDownloadResult,
                                               &bim_SLongActionState,
                                               &bim_SLongCheckinActionState,
                                               &bim_SProject,
                                               &bim_SSerializerPluginConfiguration,
                                               &bim_SServerInfo,
                                               &bim_SServiceField,
                                               &bim_SServiceInterface,
                                               &bim_SServiceMethod,
                                               &bim_SServiceParameter,
                                               &bim_SServiceType,
                                               &bim_SUser,
                                               &bim_SVersion,
                                               NULL};

const char *bim_type_name(const struct bim_type *type)
{
    switch (type->kind) {
    case BIM_VOID: return "void";
    case BIM_STRING: return "String";
    case BIM_LONG: return "Long";
    case BIM_INT: return "Integer";
    case BIM_BOOLEAN: return "Boolean";
    case BIM_DATE: return "Date";
    case BIM_BYTES: return "byte[]";
    case BIM_DATA: return "DataHandler";
    case BIM_UUID: return "UUID";
    case BIM_ENUM: return type->of_enum->name;
    case BIM_CLASS: return type->of_class->name;
    }
    RB_UNREACHABLE();
}

/* ---- finding ---- */

const struct bim_enum *bim_enum_find(rb_str name)
{
    for (const struct bim_enum *const *at = bim_enums; *at; at++)
        if (rb_str_is(name, (*at)->name)) return *at;
    return NULL;
}

int bim_enum_ordinal(const struct bim_enum *of, rb_str constant)
{
    for (int i = 0; of->constants[i]; i++)
        if (rb_str_is(constant, of->constants[i])) return i;
    return -1;
}

bool bim_class_is_in(const struct bim_class *of_class, enum bim_dialect dialect)
{
    return dialect == BIM_NEW || !of_class->is_new;
}

bool bim_field_is_in(const struct bim_field *field, enum bim_dialect dialect)
{
    return dialect == BIM_NEW || !field->is_new;
}
