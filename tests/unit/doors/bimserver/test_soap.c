#include "bim_rig.h"

#include "base/mem.h"
#include "doors/bimserver/soap_call.h"

static struct rb_buf answered;
static enum rb_soap_version version;
static unsigned answers;

static void on_done(void *arg, enum rb_soap_version as, rb_str answer)
{
    (void)arg;
    answers++;
    version = as;
    rb_buf_clear(&answered);
    rb_buf_add_str(&answered, answer);
}

static const struct bim_origin origin = {.host = &rig_host};

#define ENVELOPE_11(body)                                                                                    \
    "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>"    \
    "<t:token xmlns:t=\"uri:org.bimserver.shared\"><token>good</token></t:token></s:Header><s:Body>" body    \
    "</s:Body></s:Envelope>"
#define ENVELOPE_12(body)                                                                                    \
    "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><Body>" body "</Body></Envelope>"
#define HEAD_11                                                                                              \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope "                                            \
    "xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" "                                              \
    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Body>"
#define HEAD_12                                                                                              \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope "                                            \
    "xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\" "                                                \
    "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Body>"
#define TAIL "</soap:Body></soap:Envelope>"

static struct bim_soap *start(const char *interface, const char *text)
{
    answers = 0;
    return bim_soap_start(&origin, rb_str_of(interface), rb_str_of(text), on_done, NULL);
}

static void transcripts(void **state)
{
    (void)state;
    static const struct {
        const char *interface, *text, *answer;
    } cases[] = {
        {"AuthInterface",
         ENVELOPE_11(
             "<b:login xmlns:b=\"org.bimserver\"><username>u &lt;&#233;</username><password/></b:login>"),
         HEAD_11
         "<ns:loginResponse xmlns:ns=\"org.bimserver\"><return>username=u &lt;\u00e9 password=</return>"
         "</ns:loginResponse>" TAIL},
        {"AuthInterface",
         ENVELOPE_12(
             "<b:login xmlns:b=\"http://shared.bimserver.org/\" xmlns=\"\"><password>p</password></b:login>"),
         HEAD_12 "<ns:loginResponse xmlns:ns=\"org.bimserver\"><return>username=null password=p</return>"
                 "</ns:loginResponse>" TAIL},
        {"Bimsie1NotificationRegistryInterface",
         ENVELOPE_11("<b:registerProgressHandler "
                     "xmlns:b=\"org.buildingsmart.bimsie1\"><topicId>1</topicId><endPointId> "
                     "2 </endPointId></b:registerProgressHandler>"),
         HEAD_11 "<ns:registerProgressHandlerResponse xmlns:ns=\"org.buildingsmart.bimsie1\">"
                 "</ns:registerProgressHandlerResponse>" TAIL},
        {"NotificationRegistryInterface", ENVELOPE_11("<getProgress><topicId>12</topicId></getProgress>"),
         HEAD_11
         "<ns:getProgressResponse xmlns:ns=\"org.bimserver\"><return xsi:type=\"ns:sLongCheckinActionState\">"
         "<errors>a &lt; b</errors><errors>two</errors><oid>-1</oid><progress>40</progress><rid>0</rid>"
         "<stage>0</stage><start>2023-11-14T22:13:20.123Z</start><state>STARTED</state><title>Checkin</title>"
         "<topicId>12</topicId><deserializeErrorCode>0</deserializeErrorCode><roid>7</roid></return>"
         "</ns:getProgressResponse>" TAIL},
        {"Bimsie1NotificationRegistryInterface",
         ENVELOPE_11("<getProgress><topicId>12</topicId></getProgress>"),
         HEAD_11
         "<ns:getProgressResponse xmlns:ns=\"org.buildingsmart.bimsie1\"><return><errors>a &lt; b</errors>"
         "<errors>two</errors><oid>-1</oid><progress>40</progress><rid>0</rid><stage>0</stage>"
         "<start>2023-11-14T22:13:20.123Z</start><state>STARTED</state><title>Checkin</title></return>"
         "</ns:getProgressResponse>" TAIL},
        {"NotificationRegistryInterface", ENVELOPE_11("<getProgressTopicsOnServer/>"),
         HEAD_11
         "<ns:getProgressTopicsOnServerResponse xmlns:ns=\"org.bimserver\"><return>1</return>"
         "<return>-2</return><return>9007199254740993</return></ns:getProgressTopicsOnServerResponse>" TAIL},
        {"ServiceInterface", ENVELOPE_11("<getDownloadData><topicId>1</topicId></getDownloadData>"),
         HEAD_11
         "<ns:getDownloadDataResponse xmlns:ns=\"org.bimserver\"><return xsi:type=\"ns:sCheckoutResult\">"
         "<file>aGkA/w==</file><oid>-1</oid><revisionNr>3</revisionNr><rid>0</rid>"
         "<serializerOid>-1</serializerOid></return></ns:getDownloadDataResponse>" TAIL},
        {"NotificationRegistryInterface",
         ENVELOPE_11(
             "<updateProgressTopic xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><topicId>1</topicId>"
             "<state i:type=\"n:sLongCheckinActionState\"><errors>e</errors><errors i:nil=\"true\"/>"
             "<progress>x</progress><start>2023-11-14T22:13:20.123Z</start><title> t </title></state>"
             "</updateProgressTopic>"),
         HEAD_11
         "<ns:updateProgressTopicResponse xmlns:ns=\"org.bimserver\"></ns:updateProgressTopicResponse>" TAIL},
        {"AuthInterface", ENVELOPE_11("<getAccessMethod/>"),
         HEAD_11 "<ns:getAccessMethodResponse xmlns:ns=\"org.bimserver\"><return>SOAP</return>"
                 "</ns:getAccessMethodResponse>" TAIL},
        /* faults */
        {"AuthInterface", ENVELOPE_12("<logout/>"),
         HEAD_12
         "<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code><soap:Reason>"
         "<soap:Text xml:lang=\"en\">Authentication required for this call</soap:Text></soap:Reason>"
         "<soap:Detail><b:UserException xmlns:b=\"bimserver\"><errorCode xsi:nil=\"true\"/><userMessage>"
         "Authentication required for this call</userMessage><fullMessage>Authentication required for this "
         "call</fullMessage></b:UserException></soap:Detail></soap:Fault>" TAIL},
        {"NotificationRegistryInterface", ENVELOPE_11("<unregisterProgressHandler/>"),
         HEAD_11
         "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>No EndpointId "
         "given</faultstring><detail>"
         "<b:UserException xmlns:b=\"bimserver\"><errorCode>1</errorCode><userMessage>No EndpointId "
         "given</userMessage><fullMessage>No EndpointId given</fullMessage></b:UserException></detail>"
         "</soap:Fault>" TAIL},
        {"AuthInterface", "<x/>",
         HEAD_11
         "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>this is no SOAP envelope</faultstring>"
         "</soap:Fault>" TAIL},
        {"ServiceInterface",
         ENVELOPE_11("<checkinAsync><data><x:Include xmlns:x=\"http://www.w3.org/2004/08/xop/include\" "
                     "href=\"cid:1\"/></data></checkinAsync>"),
         HEAD_11 "<soap:Fault><faultcode>soap:Client</faultcode><faultstring>" BIM_SOAP_NO_ATTACHMENTS
                 "</faultstring></soap:Fault>" TAIL},
        {"AuthInterface",
         "<e:Envelope xmlns:e=\"http://www.w3.org/2003/05/soap-envelope\"><e:Header><x "
         "e:mustUnderstand=\"true\"/>"
         "</e:Header><e:Body><logout/></e:Body></e:Envelope>",
         HEAD_12
         "<soap:Fault><soap:Code><soap:Value>soap:MustUnderstand</soap:Value></soap:Code><soap:Reason>"
         "<soap:Text xml:lang=\"en\">a header is not understood</soap:Text></soap:Reason></soap:Fault>" TAIL},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        assert_null(start(cases[i].interface, cases[i].text));
        assert_int_equal(answers, 1);
        assert_str(rb_buf_str(&answered), cases[i].answer);
    }
}

static struct rb_buf state_text;

static void keep_state(struct bim_call *call)
{
    rb_buf_clear(&state_text);
    rb_buf_add_str(&state_text, rb_json_raw(bim_json(call, "state")));
    bim_result_void(call);
}

static void objects_come_in(void **state)
{
    (void)state;
    rig_handle("updateProgressTopic", keep_state);
    start(
        "NotificationRegistryInterface",
        ENVELOPE_11(
            "<updateProgressTopic xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><topicId>1</topicId>"
            "<state i:type=\"n:sLongCheckinActionState\"><errors>e</errors><errors i:nil=\"true\"/>"
            "<progress>x</progress><start>2023-11-14T22:13:20.123Z</start><title> t </title></state>"
            "</updateProgressTopic>"));
    assert_str(
        rb_buf_str(&state_text),
        "{\"__type\":\"SLongCheckinActionState\",\"deserializeErrorCode\":null,\"end\":null,\"errors\":["
        "\"e\","
        "null],\"infos\":[],\"oid\":null,\"progress\":\"x\",\"rid\":null,\"roid\":null,\"stage\":null,"
        "\"start\":"
        "1700000000123,\"state\":null,\"title\":\" t \",\"topicId\":null,\"uuid\":null,\"warnings\":[]}");
    rb_buf_fini(&state_text);
}

static void answers_may_come_later(void **state)
{
    (void)state;
    struct bim_soap *soap =
        start("ServiceInterface", ENVELOPE_11("<cleanupLongAction><topicId>1</topicId></cleanupLongAction>"));
    assert_non_null(soap);
    assert_int_equal(answers, 0);
    bim_soap_gone(soap);
    bim_result_void(rig_waiting);
    assert_int_equal(answers, 1);
}

/* ---- WSDL ---- */

static void check_wsdl(enum bim_dialect dialect, enum rb_soap_version as, const char *const *parts)
{
    struct rb_buf wsdl = {0};
    bim_wsdl_write(&wsdl, BIM_NotificationRegistryInterface, dialect, as, RB_STR("http://h/soap11/X?a&b"));
    for (; *parts; parts++)
        if (!strstr(rb_buf_text(&wsdl), *parts)) fail_msg("no %s in the WSDL", *parts);
    /* It is well-formed: what reads envelopes gets as far as seeing that it is none. */
    struct rb_arena arena = {0};
    struct rb_soap soap;
    const char *why;
    assert_int_equal(rb_soap_read(&soap, rb_buf_str(&wsdl), &arena, &why), RB_BAD_REQUEST);
    assert_string_equal(why, "this is no SOAP envelope");
    rb_arena_fini(&arena);
    rb_buf_fini(&wsdl);
}

static void wsdl(void **state)
{
    (void)state;
    check_wsdl(BIM_NEW, RB_SOAP_11,
               (const char *const[]){
                   "targetNamespace=\"org.bimserver\"", "<s:address location=\"http://h/soap11/X?a&amp;b\"/>",
                   "<wsdl:service name=\"NotificationRegistryInterfaceService\">",
                   "binding=\"tns:NotificationRegistryInterfaceServiceSoapBinding\"",
                   "<s:operation soapAction=\"getProgress\" style=\"document\"/>",
                   "xmlns:s=\"http://schemas.xmlsoap.org/wsdl/soap/\"", "elementFormDefault=\"unqualified\"",
                   "<xs:extension base=\"tns:sLongActionState\">",
                   "<xs:element minOccurs=\"0\" name=\"return\" type=\"tns:sLongActionState\"/>",
                   "<xs:element minOccurs=\"0\" name=\"return\" type=\"xs:long\" maxOccurs=\"unbounded\" "
                   "nillable=\"true\"/>",
                   "<xs:element minOccurs=\"0\" name=\"end\" type=\"xs:dateTime\"/>", NULL});
    check_wsdl(BIM_OLD, RB_SOAP_12,
               (const char *const[]){"targetNamespace=\"org.buildingsmart.bimsie1\"",
                                     "<wsdl:portType name=\"Bimsie1NotificationRegistryInterface\">",
                                     "xmlns:s=\"http://schemas.xmlsoap.org/wsdl/soap12/\"", NULL});
}

static void memory_may_be_out(void **state)
{
    (void)state;
    rb_buf_clear(&answered);
    for (long count = 0; !strstr(rb_buf_text(&answered), "</return>"); count++) {
        rb_buf_reserve(&answered, 2000);
        rb_mem_fail_after(count);
        assert_null(start("NotificationRegistryInterface",
                          ENVELOPE_11("<getProgress><topicId>1</topicId></getProgress>")));
        rb_mem_fail_after(-1);
        assert_int_equal(answers, 1);
        assert_true(count < 1000);
    }
}

static int teardown(void **state)
{
    (void)state;
    rb_buf_fini(&answered);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(transcripts, rig_setup),
        cmocka_unit_test_setup(objects_come_in, rig_setup),
        cmocka_unit_test_setup(answers_may_come_later, rig_setup),
        cmocka_unit_test(wsdl),
        cmocka_unit_test_setup(memory_may_be_out, rig_setup),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
