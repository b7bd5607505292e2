/* JSON and SOAP over a real HTTP server. */
#include "http/loopback.h"

#include "bim_rig.h"

#include "doors/bimserver/soap_call.h"

static void admit(struct rb_request *request, const struct bim_web *web)
{
    (void)web;
    rb_str origin = rb_request_header(request, "Origin");
    if (rb_str_is(origin, "http://evil"))
        rb_answer(request, 403, RB_STR_NONE, RB_STR_NONE);
    else
        rb_answer_header(request, "Access-Control-Allow-Origin", origin.n ? origin : RB_STR("*"));
}

static const struct bim_web web = {
    .host = &rig_host, .path = {"/bim/", 5}, .body_max = 100000, .admit = admit};

static int setup(void **state)
{
    static struct server server;
    struct rb_router *router = rb_router_new();
    rig_setup(state);
    assert_int_equal(bim_web_add_routes(&web, router), RB_OK);
    return server_setup(state, &server, router);
}

/* The head without its length, and the body. */
static int ask(struct server *server, const char *head, const char *body)
{
    struct rb_buf request = {0};
    rb_buf_add_fmt(&request, "%sHost: h\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
    int fd = client_ask(server, rb_buf_text(&request));
    rb_buf_fini(&request);
    return fd;
}

#define POST(path, more) "POST " path " HTTP/1.1\r\nConnection: close\r\n" more
#define OK_JSON                                                                                              \
    "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\nContent-Type: "               \
    "application/json\r\n"
#define ACCESS_METHOD "{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"getAccessMethod\"}}"
#define ENVELOPE                                                                                             \
    "<Envelope xmlns=\"http://www.w3.org/2003/05/soap-envelope\"><Body><getAccessMethod "                    \
    "xmlns=\"\"/></Body></Envelope>"

static void transcripts(void **state)
{
    static const struct {
        const char *head, *body;
        const char *answer; /* its beginning, without Date */
        const char *end;
    } cases[] = {
        {POST("/bim/json", "Content-Type: application/x-www-form-urlencoded\r\n"), ACCESS_METHOD, OK_JSON,
         "\r\n\r\n{\"response\":{\"result\":\"JSON\"}}"},
        {POST("/bim/json/x/y", "Authorization: Bearer good\r\n"),
         "{\"request\":{\"interface\":\"AuthInterface\",\"method\":\"isLoggedIn\"}}", OK_JSON,
         "\r\n\r\n{\"response\":{\"result\":\"anna\"}}"},
        {POST("/bim/json", ""), "{", "HTTP/1.1 500 ", "\r\n\r\n"},
        {POST("/bim/json", ""), "", "HTTP/1.1 500 ", "\r\n\r\n"},
        {POST("/bim/json", "Origin: http://evil\r\n"), ACCESS_METHOD, "HTTP/1.1 403 ", "\r\n\r\n"},
        {"OPTIONS /bim/soap11/AuthInterface HTTP/1.1\r\nOrigin: http://o\r\nConnection: close\r\n", "",
         "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: http://o\r\n", "\r\n\r\n"},
        {POST("/bim/soap12/AuthInterface", ""), ENVELOPE, "HTTP/1.1 200 OK\r\n",
         "<return>SOAP</return></ns:getAccessMethodResponse></soap:Body></soap:Envelope>"},
        {POST("/bim/soap11/AuthInterface", "Content-Type: Multipart/Related; x=y\r\n"), "x",
         "HTTP/1.1 200 OK\r\n",
         "<faultstring>" BIM_SOAP_NO_ATTACHMENTS "</faultstring></soap:Fault></soap:Body></soap:Envelope>"},
        {POST("/bim/soap11/NopeInterface", ""), "x", "HTTP/1.1 404 ", "There is no such interface."},
        {"GET /bim/soap11/org.bimserver.AuthInterface?wsdl HTTP/1.1\r\nConnection: close\r\n", "",
         "HTTP/1.1 404 ", "There is no such interface."},
        {"GET /bim/soap11/AuthInterface HTTP/1.1\r\nConnection: close\r\n", "", "HTTP/1.1 404 ",
         "POST an envelope, or GET ?wsdl."},
    };
    for (size_t i = 0; i < RB_COUNT(cases); i++) {
        struct rb_buf answer = client_finish(ask(*state, cases[i].head, cases[i].body));
        drop_dates(&answer);
        if (!rb_str_starts(rb_buf_str(&answer), rb_str_of(cases[i].answer)) ||
            !rb_str_ends(rb_buf_str(&answer), rb_str_of(cases[i].end)))
            fail_msg("%zu: \"%s\"", i, rb_buf_text(&answer));
        rb_buf_fini(&answer);
    }
}

static void wsdl_says_where_it_is(void **state)
{
    static const char *const spellings[] = {"wsdl", "WSDL", "wsdl=1"};
    for (size_t i = 0; i < RB_COUNT(spellings); i++) {
        char request[256];
        snprintf(
            request, sizeof request,
            "GET /bim/soap12/Bimsie1AuthInterface?%s HTTP/1.1\r\nHost: h:81\r\nConnection: close\r\n\r\n",
            spellings[i]);
        struct rb_buf answer = exchange(*state, request);
        assert_has(&answer, "Content-Type: text/xml; charset=utf-8");
        assert_has(&answer, "<s:address location=\"http://h:81/bim/soap12/Bimsie1AuthInterface\"/>");
        assert_has(&answer, "xmlns:s=\"http://schemas.xmlsoap.org/wsdl/soap12/\"");
        rb_buf_fini(&answer);
    }
}

static struct server *running;

static void give_up(struct bim_call *call)
{
    bim_result_void(call);
    sem_post(&running->reached);
}

static void hold(struct bim_call *call)
{
    call->on_gone = give_up;
    sem_post(&running->reached);
}

/* A call that waits is told when its client goes. */
static void clients_may_go(void **state)
{
    static const char *const requests[][2] = {{POST("/bim/json", ""), ACCESS_METHOD},
                                              {POST("/bim/soap11/AuthInterface", ""), ENVELOPE}};
    running = *state;
    rig_handle("getAccessMethod", hold);
    for (size_t i = 0; i < RB_COUNT(requests); i++) {
        int fd = ask(running, requests[i][0], requests[i][1]);
        wait_for(&running->reached);
        close(fd);
        wait_for(&running->reached);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transcripts, setup, server_teardown),
        cmocka_unit_test_setup_teardown(wsdl_says_where_it_is, setup, server_teardown),
        cmocka_unit_test_setup_teardown(clients_may_go, setup, server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
