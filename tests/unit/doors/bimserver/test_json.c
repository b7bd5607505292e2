#include "bim_rig.h"

#include "base/mem.h"
#include "doors/bimserver/rpc.h"

static struct rb_buf answered;
static unsigned answers;
static bool is_nothing;

static void on_done(void *arg, rb_str answer)
{
    (void)arg;
    answers++;
    is_nothing = answer.p == NULL;
    rb_buf_clear(&answered);
    rb_buf_add_str(&answered, answer);
}

static const struct bim_origin origin = {.host = &rig_host};

static struct bim_rpc *start(const char *text)
{
    answers = 0;
    return bim_rpc_start(&origin, rb_str_of(text), on_done, NULL);
}

static int teardown(void **state)
{
    (void)state;
    rb_buf_fini(&answered);
    return 0;
}

#define CALL(interface, method, parameters)                                                                  \
    "{\"token\":\"good\",\"request\":{\"interface\":\"" interface "\",\"method\":\"" method                  \
    "\",\"parameters\":" parameters "}}"
#define RESULT(json) "{\"response\":{\"result\":" json "}}"
#define USER(message)                                                                                        \
    "{\"response\":{\"exception\":{\"__type\":\"UserException\",\"message\":\"" message "\"}}}"

static void check(const char *text, const char *expected)
{
    assert_null(start(text));
    assert_int_equal(answers, 1);
    assert_str(rb_buf_str(&answered), expected);
}

static void transcripts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *answer;
    } cases[] = {
        /* names */
        {CALL("NotificationRegistryInterface", "registerProgressHandler", "{\"topicId\":1,\"endPointId\":2}"),
         RESULT("{}")},
        {CALL("org.bimserver.NotificationRegistryInterface", "registerProgressHandler",
              "{\"topicId\":1,\"endPointId\":2}"),
         RESULT("{}")},
        {CALL("org.buildingsmart.bimsie1.Bimsie1NotificationRegistryInterface", "registerProgressHandler",
              "{\"topicId\":1,\"endPointId\":2}"),
         RESULT("{}")},
        {CALL("Bimsie1NotificationRegistryInterface", "getProgressTopicsOnServer", "{}"),
         RESULT("[1,-2,9007199254740993]")},
        /* coercions, other spellings, more than is asked for */
        {CALL("AuthInterface", "login", "{\"username\":\"u\\u00e9\",\"password\":5,\"more\":[]}"),
         RESULT("\"username=u\u00e9 password=5\"")},
        {CALL("NotificationRegistryInterface", "unregisterProgressHandler",
              "{\"topicId\":\"1\",\"endPointID\":\" 17 \"}"),
         "{\"response\":{\"exception\":{\"__type\":\"UserException\",\"message\":\"Endpoint with id 17 not "
         "found\","
         "\"errorType\":\"DefaultErrorCode\",\"errorCode\":1}}}"},
        {CALL("Bimsie1NotificationRegistryInterface", "unregisterProgressHandler",
              "{\"topicId\":1e0,\"endPointId\":null}"),
         "{\"response\":{\"exception\":{\"__type\":\"UserException\",\"message\":\"No EndpointId given\","
         "\"errorCode\":1}}}"},
        {CALL("NotificationRegistryInterface", "updateProgressTopic", "{\"topicId\":-4,\"state\":{}}"),
         RESULT("\"topicId=-4 state=null\"")},
        {CALL("AuthInterface", "getAccessMethod", "{}"), RESULT("\"JSON\"")},
        /* without parameters */
        {"{\"token\":\"good\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         RESULT("{}")},
        /* ids */
        {"{\"id\":0,\"token\":\"good\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         "{\"id\":0,\"response\":{\"result\":{}}}"},
        {"{\"request\":{},\"id\":\"x\"}",
         "{\"id\":\"x\",\"response\":{\"exception\":{\"__type\":\"UserException\",\"message\":"
         "\"No \\\"interface\\\" parameter found in request\"}}}"},
        /* exceptions */
        {"{\"request\":{\"interface\":\"AuthInterface\"}}",
         USER("No \\\"method\\\" parameter found in request")},
        {"{\"request\":{\"interface\":7,\"method\":\"m\"}}",
         USER("No \\\"interface\\\" parameter found in request")},
        {"{\"request\":[]}", USER("No \\\"request\\\" found")},
        {"{}", USER("No \\\"request\\\" found")},
        {CALL("NopeInterface", "x", "{}"), USER("No service found with name NopeInterface")},
        {CALL("org.other.AuthInterface", "login", "{}"),
         USER("No service found with name org.other.AuthInterface")},
        {CALL("Bimsie1AdminInterface", "getVersion", "{}"),
         USER("No service found with name Bimsie1AdminInterface")},
        {CALL("AuthInterface", "nope", "{}"), USER("Method nope not found on AuthInterface")},
        {CALL("org.bimserver.AuthInterface", "getProgress", "{}"),
         USER("Method getProgress not found on org.bimserver.AuthInterface (suggestion: "
              "NotificationRegistryInterface)")},
        {CALL("Bimsie1AuthInterface", "getProgress", "{}"),
         USER("Method getProgress not found on Bimsie1AuthInterface (suggestion: "
              "Bimsie1NotificationRegistryInterface)")},
        {CALL("Bimsie1AuthInterface", "getLoggedInUser", "{}"),
         USER("Method getLoggedInUser not found on Bimsie1AuthInterface")},
        {CALL("NotificationRegistryInterface", "registerProgressHandler", "{\"topicId\":1}"),
         USER("Missing parameter: registerProgressHandler -> endPointId")},
        {"{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"login\"}}",
         USER("Missing 'parameters' field, expected 2 parameters")},
        {CALL("NotificationRegistryInterface", "getProgress", "{\"topicId\":\"x\"}"),
         USER("Wrong parameter: getProgress -> topicId: a whole number is expected")},
        {CALL("NotificationRegistryInterface", "getProgress", "{\"topicId\":1.5}"),
         USER("Wrong parameter: getProgress -> topicId: a whole number is expected")},
        {CALL("NotificationRegistryInterface", "registerProgressTopic",
              "{\"type\":\"NOPE\",\"description\":\"\"}"),
         USER("Wrong parameter: registerProgressTopic -> type: no such constant")},
        {CALL("ServiceInterface", "download",
              "{\"roids\":5,\"query\":\"\",\"serializerOid\":1,\"sync\":false}"),
         USER("Wrong parameter: download -> roids: a list is expected")},
        {CALL("NotificationRegistryInterface", "updateProgressTopic",
              "{\"topicId\":1,\"state\":{\"__type\":\"SUser\"}}"),
         USER("Wrong parameter: updateProgressTopic -> state: an object of the right class is expected")},
        /* tokens */
        {"{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         USER("Authentication required for this call")},
        {"{\"token\":null,\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         USER("Authentication required for this call")},
        {"{\"token\":\"bad\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         "{\"response\":{\"exception\":{\"__type\":\"InvalidTokenException\",\"message\":\"Invalid "
         "token\"}}}"},
        {"{\"token\":\"broken\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"logout\"}}",
         USER("The store could not keep it; nothing was accepted.")},
        {"{\"token\":\"bad\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}",
         RESULT("\"nobody\"")},
        {"{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}", RESULT("\"nobody\"")},
        {CALL("AuthInterface", "isLoggedIn", "{}"), RESULT("\"anna\"")},
        {"{\"token\":\"bad\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"login\","
         "\"parameters\":"
         "{\"username\":\"a\",\"password\":\"b\"}}}",
         RESULT("\"username=a password=b\"")},
        /* several */
        {"{\"id\":3,\"token\":\"good\",\"requests\":[{\"interface\":\"AuthInterface\",\"method\":\"logout\"},"
         "{},"
         "{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}]}",
         "{\"id\":3,\"responses\":[{\"result\":{}},{\"exception\":{\"__type\":\"UserException\",\"message\":"
         "\"No \\\"interface\\\" parameter found in request\"}},{\"result\":\"anna\"}]}"},
        {"{\"requests\":[]}", "{\"responses\":[]}"},
        /* objects */
        {CALL("AdminInterface", "getServerInfo", "{}"),
         RESULT("{\"__type\":\"SServerInfo\",\"errorMessage\":null,\"oid\":-1,\"rid\":0,\"serverState\":"
                "\"RUNNING\","
                "\"uuid\":null,\"version\":{\"__type\":\"SVersion\",\"date\":null,\"downloadUrl\":null,"
                "\"fullString\":\"1.6.0\",\"major\":1,\"minor\":6,\"oid\":-1,\"revision\":0,\"rid\":0,"
                "\"supportEmail\":null,\"supportUrl\":null,\"uuid\":null}}")},
        {CALL("NotificationRegistryInterface", "getProgress", "{\"topicId\":12}"),
         RESULT("{\"__type\":\"SLongCheckinActionState\",\"deserializeErrorCode\":0,\"end\":null,\"errors\":["
                "\"a < "
                "b\",\"two\"],\"infos\":[],\"oid\":-1,\"progress\":40,\"rid\":0,\"roid\":7,\"stage\":0,"
                "\"start\":"
                "1700000000123,\"state\":\"STARTED\",\"title\":\"Checkin\",\"topicId\":12,\"uuid\":null,"
                "\"warnings\":"
                "[]}")},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) check(cases[i].text, cases[i].answer);
}

static void what_is_no_json_has_no_answer(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "{", "[]", "7", "\"x\"", "{\"request\":}", "\xff"};
    for (size_t i = 0; i < RB_COUNT(texts); i++) {
        assert_null(start(texts[i]));
        assert_int_equal(answers, 1);
        assert_true(is_nothing);
    }
}

static void the_stream_takes_one_at_a_time(void **state)
{
    (void)state;
    struct bim_origin stream = {.host = &rig_host, .token = RB_STR("good"), .is_one_only = true};
    struct rb_buf text = {0};
    rb_buf_add_text(&text, "{\"requests\":[]}");
    assert_null(bim_rpc_start_with(&stream, &text, on_done, NULL));
    assert_str(rb_buf_str(&answered), USER("No \\\"request\\\" found"));
    rb_buf_add_text(&text, "{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}");
    assert_null(bim_rpc_start_with(&stream, &text, on_done, NULL));
    assert_str(rb_buf_str(&answered), RESULT("\"anna\""));
}

#define TWO                                                                                                  \
    "{\"token\":\"good\",\"requests\":[{\"interface\":\"ServiceInterface\",\"method\":"                      \
    "\"cleanupLongAction\","                                                                                 \
    "\"parameters\":{\"topicId\":1}},{\"interface\":\"AuthInterface\",\"method\":\"logout\"}]}"

static void answers_come_when_all_are_done(void **state)
{
    (void)state;
    assert_non_null(start(TWO));
    assert_int_equal(answers, 0);
    assert_int_equal(bim_long(rig_waiting, "topicId"), 1);
    bim_fail(rig_waiting, "%s", "late");
    assert_int_equal(answers, 1);
    assert_str(rb_buf_str(&answered),
               "{\"responses\":[{\"exception\":{\"__type\":\"UserException\",\"message\":\"late\"}},"
               "{\"result\":{}}]}");
}

static void tokens_may_take_their_time(void **state)
{
    (void)state;
    assert_non_null(start(
        "{\"token\":\"later\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}"));
    const struct rb_identity *who = rb_identity_new(&rig_anna);
    bim_call_authorized(rig_waiting, RB_OK, who);
    rb_identity_unref(who);
    assert_str(rb_buf_str(&answered), RESULT("\"anna\""));
}

static unsigned gone;

static void give_up(struct bim_call *call)
{
    gone++;
    bim_result_void(call);
}

static void clients_that_go(void **state)
{
    (void)state;
    gone = 0;
    struct bim_rpc *rpc = start(TWO);
    bim_rpc_gone(rpc); /* nobody gives up */
    assert_int_equal(answers, 0);
    bim_result_void(rig_waiting);
    assert_str(rb_buf_str(&answered), "{\"responses\":[{\"result\":{}}]}");

    rpc = start(TWO);
    rig_waiting->on_gone = give_up;
    bim_rpc_gone(rpc);
    assert_int_equal(gone, 1);
    assert_int_equal(answers, 1);

    struct rb_buf text = {0};
    rb_buf_add_text(&text, TWO);
    answers = 0;
    rpc = bim_rpc_start_with(&origin, &text, on_done, NULL);
    bim_rpc_leave(rpc);
    bim_result_void(rig_waiting);
    assert_int_equal(answers, 0);
}

/* Its handler would wait for something, and be told by nobody that it need not. */
static void clients_that_go_before_their_token_is_known(void **state)
{
    (void)state;
    const struct rb_identity *who = rb_identity_new(&rig_anna);
    rig_handle("isLoggedIn", rig_wait);
    struct bim_rpc *rpc = start(
        "{\"token\":\"later\",\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}");
    bim_rpc_gone(rpc);
    assert_int_equal(answers, 0);
    bim_call_authorized(rig_waiting, RB_OK, who);
    assert_int_equal(answers, 1);
    rb_identity_unref(who);
}

static void parameters_for_handlers(void **state)
{
    (void)state;
    struct bim_call *call = bim_call_new(&rig_host, BIM_VIA_JSON, NULL, NULL);
    struct rb_buf text = {0}, bytes = {0};
    unsigned count;
    assert_true(bim_call_find(call, RB_STR("Bimsie1ServiceInterface"), RB_STR("downloadByOids")));
    rb_buf_add_text(
        &text,
        "{\"roids\":[1,\"-2\",null],\"oids\":null,\"serializerOid\":true,\"sync\":\"TRUE\",\"deep\":0}");
    assert_false(bim_call_read_text(call, &text)); /* an oid is no boolean */
    bim_call_free(call);

    call = bim_call_new(&rig_host, BIM_VIA_JSON, NULL, NULL);
    assert_true(bim_call_find(call, RB_STR("Bimsie1ServiceInterface"), RB_STR("downloadByOids")));
    rb_buf_add_text(
        &text,
        "{\"roids\":[1,\"-2\",null],\"oids\":null,\"serializerOid\":\"9\",\"sync\":\"TRUE\",\"deep\":0}");
    assert_true(bim_call_read_text(call, &text));
    int64_t *roids = bim_longs(call, "roids", &count);
    assert_int_equal(count, 3);
    assert_int_equal(roids[0], 1);
    assert_int_equal(roids[1], -2);
    assert_int_equal(roids[2], -1);
    bim_longs(call, "oids", &count);
    assert_int_equal(count, 0);
    assert_true(bim_flag(call, "sync"));
    assert_false(bim_flag(call, "deep"));
    assert_false(bim_flag(call, "merge")); /* this row has none */
    assert_false(bim_has(call, "merge"));
    bim_call_free(call);

    call = bim_call_new(&rig_host, BIM_VIA_JSON, NULL, NULL);
    assert_true(bim_call_find(call, RB_STR("Bimsie1ServiceInterface"), RB_STR("checkin")));
    rb_buf_add_text(
        &text,
        "{\"poid\":1,\"comment\":null,\"deserializerOid\":2,\"fileSize\":2,\"fileName\":\"f\",\"data\":"
        "\"aGk=\",\"sync\":\"false\"}");
    assert_true(bim_call_read_text(call, &text));
    assert_int_equal(bim_bytes(call, "data", &bytes), RB_OK);
    assert_str(rb_buf_str(&bytes), "hi");
    assert_null(bim_text(call, "comment").p);
    rb_buf_fini(&bytes);
    bim_call_free(call);

    call = bim_call_new(&rig_host, BIM_VIA_JSON, NULL, NULL);
    assert_true(bim_call_find(call, RB_STR("Bimsie1ServiceInterface"), RB_STR("getDownloadData")));
    rb_buf_add_text(&text, "{\"actionId\":4}");
    assert_true(bim_call_read_text(call, &text));
    assert_int_equal(bim_long(call, "topicId"), 4);
    bim_call_free(call);
}

static void memory_may_be_out(void **state)
{
    (void)state;
    is_nothing = true;
    for (long count = 0; is_nothing || !strstr(rb_buf_text(&answered), "\"result\""); count++) {
        rb_buf_reserve(&answered, 1000);
        rb_mem_fail_after(count);
        assert_null(start(CALL("NotificationRegistryInterface", "getProgress", "{\"topicId\":12}")));
        rb_mem_fail_after(-1);
        assert_int_equal(answers, 1);
        assert_true(count < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(transcripts, rig_setup),
        cmocka_unit_test_setup(what_is_no_json_has_no_answer, rig_setup),
        cmocka_unit_test_setup(the_stream_takes_one_at_a_time, rig_setup),
        cmocka_unit_test_setup(answers_come_when_all_are_done, rig_setup),
        cmocka_unit_test_setup(tokens_may_take_their_time, rig_setup),
        cmocka_unit_test_setup(clients_that_go, rig_setup),
        cmocka_unit_test_setup(clients_that_go_before_their_token_is_known, rig_setup),
        cmocka_unit_test_setup(parameters_for_handlers, rig_setup),
        cmocka_unit_test_setup(memory_may_be_out, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
