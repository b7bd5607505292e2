#include "bim_rig.h"

#include "doors/bimserver/meta.h"
#include "doors/bimserver/reference.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the rows themselves ---- */

static void fields_are_alphabetical_and_a_class_has_its_parents(void **state)
{
    (void)state;
    for (const struct bim_class *const *at = bim_classes; *at; at++) {
        const struct bim_field *fields = (*at)->fields;
        for (size_t i = 1; fields[i].name; i++) assert_true(strcmp(fields[i - 1].name, fields[i].name) < 0);
        if ((*at)->sub) assert_ptr_equal((*at)->sub->parent, *at);
        if (!(*at)->parent) continue;
        assert_ptr_equal((*at)->parent->sub, *at);
        for (const struct bim_field *field = (*at)->parent->fields; field->name; field++) {
            bool is_there = false;
            for (size_t i = 0; fields[i].name; i++) is_there |= strcmp(fields[i].name, field->name) == 0;
            assert_true(is_there);
        }
    }
}

static void a_name_is_one_method(void **state)
{
    (void)state;
    for (unsigned i = 0; i < bim_method_count; i++) {
        const struct bim_method *method = &bim_methods[i];
        unsigned outside = method->dialects & ~bim_interfaces[method->interface].dialects;
        assert_int_equal(outside, 0);
        assert_true(method->doc[0] != '\0');
        for (enum bim_dialect dialect = BIM_NEW; dialect <= BIM_OLD; dialect++)
            if (method->dialects & 1u << dialect)
                assert_ptr_equal(bim_method_find(method->interface, dialect, rb_str_of(method->name)),
                                 method);
    }
}

static void optional_parameters_come_last(void **state)
{
    (void)state;
    for (unsigned i = 0; i < bim_method_count; i++) {
        const struct bim_parameter *parameter;
        bool was_optional = false;
        for (unsigned k = 0; (parameter = bim_parameter(&bim_methods[i], k)) != NULL; k++) {
            assert_true(parameter->is_optional || !was_optional);
            was_optional = parameter->is_optional;
        }
    }
}

static void the_registry_has_27_methods_in_both_dialects(void **state)
{
    (void)state;
    unsigned count = 0;
    for (unsigned i = 0; i < bim_method_count; i++)
        if (bim_methods[i].interface == BIM_NotificationRegistryInterface) {
            assert_int_equal(bim_methods[i].dialects, BIM_IN_BOTH);
            count++;
        }
    assert_int_equal(count, 27);
}

static void interfaces_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int id;
        enum bim_dialect dialect;
    } cases[] = {
        {"AuthInterface", BIM_AuthInterface, BIM_NEW},
        {"org.bimserver.AuthInterface", BIM_AuthInterface, BIM_NEW},
        {"Bimsie1AuthInterface", BIM_AuthInterface, BIM_OLD},
        {"org.buildingsmart.bimsie1.Bimsie1AuthInterface", BIM_AuthInterface, BIM_OLD},
        {"org.bimserver.AdminInterface", BIM_AdminInterface, BIM_NEW},
        {"Bimsie1AdminInterface", -1, BIM_NEW},
        {"org.bimserver.Bimsie1AuthInterface", -1, BIM_NEW},
        {"org.buildingsmart.bimsie1.AuthInterface", -1, BIM_NEW},
        {"org.bimserverAuthInterface", -1, BIM_NEW},
        {"org.bimserverXAuthInterface", -1, BIM_NEW},
        {"org.bimserver.", -1, BIM_NEW},
        {".AuthInterface", -1, BIM_NEW},
        {"Bimsie1", -1, BIM_NEW},
        {"", -1, BIM_NEW},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        enum bim_interface_id id;
        enum bim_dialect dialect;
        bool is_found = bim_interface_find(rb_str_of(cases[i].name), &id, &dialect);
        assert_int_equal(is_found, cases[i].id >= 0);
        if (!is_found) continue;
        assert_int_equal(id, cases[i].id);
        assert_int_equal(dialect, cases[i].dialect);
    }
}

/* ---- what is made from it ---- */

static char *read_file(const char *path)
{
    static char text[256 * 1024];
    FILE *file = fopen(path, "r");
    if (!file) fail_msg("%s cannot be read", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void committed_proto_files_are_those_of_the_table(void **state)
{
    (void)state;
    struct rb_buf proto = {0};
    const char *name;
    unsigned count = 0;
    for (; rb_bimserver_print_proto(count, &name, &proto); count++) {
        char path[512];
        snprintf(path, sizeof path, RB_SOURCE_DIR "/src/doors/bimserver/proto/%s", name);
        assert_string_equal(read_file(path), rb_buf_text(&proto));
        rb_buf_clear(&proto);
    }
    assert_int_equal(count, 11);
    rb_buf_fini(&proto);
}

/* A message's fields as "name number" each. */
static void check_message(const char *file, const char *message, const char *expected)
{
    char path[512], head[128];
    struct rb_buf fields = {0};
    snprintf(path, sizeof path, RB_SOURCE_DIR "/src/doors/bimserver/proto/%s", file);
    snprintf(head, sizeof head, "\nmessage %s {\n", message);
    char *at = strstr(read_file(path), head);
    assert_non_null(at);
    at += strlen(head);
    *strchr(at, '}') = '\0';
    for (char *line = strtok(at, "\n"); line; line = strtok(NULL, "\n")) {
        char label[32], type[64], name[64];
        int number;
        assert_int_equal(sscanf(line, " %31s %63s %63s = %d;", label, type, name, &number), 4);
        rb_buf_add_fmt(&fields, "%s%s %d", fields.n ? ", " : "", name, number);
    }
    assert_str(rb_buf_str(&fields), expected);
    rb_buf_fini(&fields);
}

static void numbers_of_fields(void **state)
{
    (void)state;
    check_message(
        "Types.proto", "SLongActionState",
        "__actual_type 1, __SLongCheckinActionState 2, end 3, errors 4, infos 5, oid 6, progress 7, rid 8, "
        "stage 9, start 10, state 11, title 12, topicId 13, uuid 14, warnings 15");
    check_message(
        "Types.proto", "SLongCheckinActionState",
        "deserializeErrorCode 1, end 2, errors 3, infos 4, oid 5, progress 6, rid 7, roid 8, stage 9, start "
        "10, state 11, title 12, topicId 13, uuid 14, warnings 15");
    check_message(
        "Bimsie1Types.proto", "SLongActionState",
        "end 1, errors 2, infos 3, oid 4, progress 5, rid 6, stage 7, start 8, state 9, title 10, warnings "
        "11");
    check_message("Types.proto", "SDownloadResult",
                  "__actual_type 1, __SCheckoutResult 2, file 3, oid 4, projectName 5, revisionNr 6, rid 7, "
                  "serializerOid 8, uuid 9");
    check_message("Types.proto", "SServerInfo",
                  "errorMessage 1, oid 2, rid 3, serverState 4, uuid 5, version 6");
    check_message(
        "Types.proto", "SVersion",
        "date 1, downloadUrl 2, fullString 3, major 4, minor 5, oid 6, revision 7, rid 8, supportEmail 9, "
        "supportUrl 10, uuid 11");
    check_message(
        "Types.proto", "SUser",
        "createdById 1, createdOn 2, extendedData 3, hasRightsOn 4, lastSeen 5, logs 6, name 7, "
        "oAuthAuthorizationCodes 8, oAuthIssuedAuthorizationCodes 9, oid 10, passwordHash 11, passwordSalt "
        "12, rid 13, schemas 14, services 15, state 16, token 17, userSettingsId 18, userType 19, username "
        "20, uuid 21, validationToken 22, validationTokenCreated 23");
    check_message("Types.proto", "VoidResponse", "errorMessage 1");
    check_message("AuthInterface.proto", "LoginRequest", "username 1, password 2");
    check_message("AuthInterface.proto", "LoginResponse", "errorMessage 1, value 2");
    check_message("AuthInterface.proto", "GetLoggedInUserRequest", "");
    check_message("NotificationRegistryInterface.proto", "RegisterProgressHandlerRequest",
                  "topicId 1, endPointId 2");
    check_message("NotificationRegistryInterface.proto", "RegisterChangeProgressOnRevisionRequest",
                  "endPointId 1, roid 2, poid 3");
    check_message("ServiceInterface.proto", "CheckinAsyncRequest",
                  "poid 1, comment 2, deserializerOid 3, fileSize 4, fileName 5, data 6, merge 7");
    check_message("ServiceInterface.proto", "CheckinInitiatedSyncRequest",
                  "topicId 1, poid 2, comment 3, deserializerOid 4, fileSize 5, fileName 6, data 7, merge 8");
    check_message("ServiceInterface.proto", "DownloadRequest", "roids 1, query 2, serializerOid 3, sync 4");
    check_message("Bimsie1ServiceInterface.proto", "GetDownloadDataRequest", "actionId 1");
}

static void the_reference_names_every_method(void **state)
{
    (void)state;
    struct rb_buf page = {0};
    rb_bimserver_print_reference(&page);
    for (unsigned i = 0; i < bim_method_count; i++) {
        char row[128];
        snprintf(row, sizeof row, "\n| `%s` | ", bim_methods[i].name);
        assert_non_null(strstr(rb_buf_text(&page), row));
    }
    rb_buf_fini(&page);
}

/* ---- MetaInterface ---- */

static struct rb_buf told;

static void on_answer(struct bim_call *call)
{
    rb_buf_clear(&told);
    rb_buf_add_str(&told, call->has_failed ? call->message : rb_buf_str(&call->result));
}

static rb_str ask(bim_handler_fn *handler, const char *method, const char *parameters)
{
    struct bim_call *call = bim_call_new(&rig_host, BIM_VIA_JSON, on_answer, NULL);
    struct rb_buf text = {0};
    rig_handle(method, handler);
    assert_true(bim_call_find(call, RB_STR("MetaInterface"), rb_str_of(method)));
    rb_buf_add_text(&text, parameters);
    assert_true(bim_call_read_text(call, &text));
    bim_call_run(call);
    bim_call_free(call);
    return rb_buf_str(&told);
}

static bool tells(const char *text)
{
    return strstr(rb_buf_text(&told), text) != NULL;
}

static void meta(void **state)
{
    (void)state;
    ask(bim_meta_get_service_interfaces, "getServiceInterfaces", "{}");
    assert_true(
        tells("{\"__type\":\"SServiceInterface\",\"name\":\"org.bimserver.AuthInterface\",\"nameSpace\":"
              "\"org.bimserver\",\"simpleName\":\"AuthInterface\"}"));
    assert_false(tells("Bimsie1"));
    assert_str(
        ask(bim_meta_get_service_interface, "getServiceInterface",
            "{\"serverInterfaceName\":\"Bimsie1AuthInterface\"}"),
        "{\"__type\":\"SServiceInterface\",\"name\":\"org.buildingsmart.bimsie1.Bimsie1AuthInterface\","
        "\"nameSpace\":\"org.buildingsmart.bimsie1\",\"simpleName\":\"Bimsie1AuthInterface\"}");
    assert_str(ask(bim_meta_get_service_interface, "getServiceInterface", "{\"serverInterfaceName\":\"X\"}"),
               "No service found with name X");
    assert_str(ask(bim_meta_get_service_method, "getServiceMethod",
                   "{\"serviceInterfaceName\":\"org.bimserver.AuthInterface\",\"methodName\":\"logout\"}"),
               "{\"__type\":\"SServiceMethod\",\"doc\":\"Ends the "
               "token.\",\"name\":\"logout\",\"returnDoc\":\"void\"}");
    assert_str(ask(bim_meta_get_service_method, "getServiceMethod",
                   "{\"serviceInterfaceName\":\"AuthInterface\",\"methodName\":\"x\"}"),
               "Method x not found on AuthInterface");
    ask(bim_meta_get_service_methods, "getServiceMethods",
        "{\"serviceInterfaceName\":\"org.bimserver.AuthInterface\"}");
    assert_true(tells("getLoggedInUser"));
    ask(bim_meta_get_service_methods, "getServiceMethods",
        "{\"serviceInterfaceName\":\"Bimsie1AuthInterface\"}");
    assert_false(tells("getLoggedInUser"));
    ask(bim_meta_get_service_method_parameters, "getServiceMethodParameters",
        "{\"serviceInterfaceName\":\"ServiceInterface\",\"serviceMethodName\":\"download\"}");
    assert_true(tells(
        "[{\"__type\":\"SServiceParameter\",\"doc\":\"the revisions\",\"genericType\":{\"__type\":"
        "\"SServiceType\",\"fields\":[],\"name\":\"java.lang.Long\",\"oid\":-1,\"rid\":0,\"simpleName\":"
        "\"Long\",\"simpleType\":\"LONG\",\"uuid\":null},\"name\":\"roids\",\"type\":{\"__type\":"
        "\"SServiceType\",\"fields\":[],\"name\":\"java.util.List\",\"oid\":-1,\"rid\":0,\"simpleName\":"
        "\"List\",\"simpleType\":\"LIST\",\"uuid\":null}},{\"__type\":\"SServiceParameter\",\"doc\":"));
    assert_str(ask(bim_meta_get_enum_literals, "getEnumLiterals", "{\"enumName\":\"SActionState\"}"),
               "[\"UNKNOWN\",\"STARTED\",\"AS_ERROR\",\"FINISHED\"]");
    assert_str(ask(bim_meta_get_enum_literals, "getEnumLiterals",
                   "{\"enumName\":\"org.bimserver.interfaces.objects.SObjectState\"}"),
               "[\"ACTIVE\",\"DELETED\"]");
    assert_str(ask(bim_meta_get_enum_literals, "getEnumLiterals", "{\"enumName\":\"X\"}"),
               "No enum found with name X");
    ask(bim_meta_get_service_types, "getServiceTypes", "{}");
    assert_true(tells("\"name\":\"org.bimserver.interfaces.objects.SVersion\""));
    assert_true(tells("{\"__type\":\"SServiceField\",\"doc\":\"\",\"genericType\":null,\"name\":\"major\""));
}

static void meta_as_a_text(void **state)
{
    (void)state;
    struct rb_json outer, inner;
    struct rb_arena arena = {0};
    rb_str text;
    ask(bim_meta_get_all_as_json, "getAllAsJson", "{}");
    assert_int_equal(rb_json_parse(&outer, rb_buf_str(&told), NULL), RB_OK);
    assert_true(rb_json_string(rb_json_root(&outer), &arena, &text));
    assert_int_equal(rb_json_parse(&inner, text, NULL), RB_OK);
    rb_json_val services = rb_json_get(rb_json_root(&inner), "services");
    assert_int_equal(rb_json_count(services), BIM_INTERFACE_COUNT);
    rb_json_val first = rb_json_first(rb_json_get(rb_json_first(services), "methods"));
    assert_str(rb_json_raw(rb_json_get(first, "name")), "\"getServerInfo\"");
    rb_json_fini(&inner);
    rb_json_fini(&outer);
    rb_arena_fini(&arena);
}

static int teardown(void **state)
{
    (void)state;
    rb_buf_fini(&told);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_alphabetical_and_a_class_has_its_parents),
        cmocka_unit_test(a_name_is_one_method),
        cmocka_unit_test(optional_parameters_come_last),
        cmocka_unit_test(the_registry_has_27_methods_in_both_dialects),
        cmocka_unit_test(interfaces_by_name),
        cmocka_unit_test(committed_proto_files_are_those_of_the_table),
        cmocka_unit_test(numbers_of_fields),
        cmocka_unit_test(the_reference_names_every_method),
        cmocka_unit_test_setup(meta, rig_setup),
        cmocka_unit_test_setup(meta_as_a_text, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
