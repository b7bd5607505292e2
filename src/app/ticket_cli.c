/* `ringback ticket create`: a ticket for a topic, beside a running server, which takes it at once. What else
 * the topic has for holders of tickets is set by POST /v1/tickets. */
#include "app/cli.h"
#include "auth/auth.h"
#include "auth/ticket.h"
#include "base/clock.h"
#include "hub/event.h"

#include <stdio.h>

enum { MINUTES_MAX = 43200, MINUTE_MS = 60 * 1000, USES_MAX = 1000000 };

struct request {
    rb_str data, tenant, topic, client, minutes, uses;
    bool as_json;
};

static int fail(const char *what, rb_str detail)
{
    return rb_cli_fail("ticket", what, detail);
}

static void print_ticket(const struct request *request, const char *ticket)
{
    if (!request->as_json) {
        printf("%s\n", ticket);
        return;
    }
    const struct rb_cli_member members[] = {{"ticket", rb_str_of(ticket)}, {"topic", request->topic}};
    rb_cli_print_object(members, RB_COUNT(members));
}

/* RB_OK: *out_record is complete but for its hash. `topic` holds its complete name. */
static int read_request(const struct request *request, struct rb_buf *topic,
                        struct rb_ticket_record *out_record)
{
    uint64_t minutes = 60, uses = 0, now_ms = rb_clock_wall_ms();
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->client))
        return fail("--tenant and --client take 1 to 64 characters of A-Z a-z 0-9 . _ - @ +", RB_STR_NONE);
    if (!rb_topic_name_is_valid(request->topic))
        return fail("--topic takes the name of a topic", RB_STR_NONE);
    if (request->minutes.p && (!rb_str_u64(request->minutes, MINUTES_MAX, &minutes) || minutes == 0))
        return fail("--minutes takes a number from 1 to 43200", request->minutes);
    if (request->uses.p && (!rb_str_u64(request->uses, USES_MAX, &uses) || uses == 0))
        return fail("--uses takes a number from 1 to 1000000", request->uses);
    rb_buf_add_fmt(topic, "%.*s/%.*s", RB_STR_FMT(request->tenant), RB_STR_FMT(request->topic));
    *out_record = (struct rb_ticket_record){.topic = rb_buf_str(topic),
                                            .client = request->client,
                                            .created_ms = now_ms,
                                            .expires_ms = now_ms + minutes * MINUTE_MS,
                                            .uses_left = uses ? (int64_t)uses : -1};
    return RB_EXIT_OK;
}

static int store_ticket(const struct request *request, const struct rb_ticket_record *record)
{
    struct rb_tx *tx = rb_tx_new();
    rb_tx_ticket_insert(tx, record, 0);
    return rb_cli_commit("ticket", request->data, tx, NULL);
}

static int create(void *arg)
{
    struct request *request = arg;
    struct rb_ticket_record record;
    struct rb_buf topic = {0};
    char ticket[RB_TICKET_TEXT_BYTES];
    if (!request->client.p) request->client = RB_STR("ticket");
    int status = read_request(request, &topic, &record);
    if (status == RB_EXIT_OK) {
        rb_ticket_make(RB_TICKET_NATIVE, ticket, record.hash);
        status = store_ticket(request, &record);
    }
    if (status == RB_EXIT_OK) print_ticket(request, ticket);
    rb_buf_fini(&topic);
    return status;
}

int rb_ticket_main(int argc, char **argv)
{
    struct request request = {.data = RB_STR("./ringback-data")};
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &request.data, NULL},
        {"--tenant", "NAME", "whose topic", &request.tenant, NULL},
        {"--topic", "NAME", "the one topic that it admits to", &request.topic, NULL},
        {"--client", "NAME", "whom its holder is taken for; default ticket", &request.client, NULL},
        {"--minutes", "N", "good for new connections so long; default 60", &request.minutes, NULL},
        {"--uses", "N", "good for so many connections; default any number", &request.uses, NULL},
        {"--json", NULL, "print an object instead of the bare ticket", NULL, &request.as_json},
    };
    static const struct rb_cli_action actions[] = {{"create", create}};
    return rb_cli_run_action("ticket", actions, RB_COUNT(actions), flags, RB_COUNT(flags), argc, argv,
                             &request);
}
