/* `ringback ticket create`: a ticket for a topic, beside a running server, which takes it at once. What else
 * the topic has for holders of tickets is set by POST /v1/tickets. */
#include "app/cli.h"
#include "auth/auth.h"
#include "auth/ticket.h"
#include "base/clock.h"
#include "codec/json.h"
#include "hub/event.h"

#include <stdio.h>
#include <string.h>

enum { MINUTES_MAX = 43200, MINUTE_MS = 60 * 1000, USES_MAX = 1000000 };

struct request {
    rb_str data, tenant, topic, client, minutes, uses;
    bool as_json;
};

static int fail(const char *what, rb_str detail)
{
    fprintf(stderr, "ringback ticket: %s%s%.*s\n", what, detail.n ? ": " : "", (int)detail.n,
            detail.n ? detail.p : "");
    return RB_EXIT_FAILED;
}

static void print_ticket(const struct request *request, const char *ticket)
{
    if (!request->as_json) {
        printf("%s\n", ticket);
        return;
    }
    struct rb_buf text = {0};
    struct rb_json_out out = {.buf = &text};
    rb_json_begin_object(&out);
    rb_json_put_key(&out, "ticket");
    rb_json_put_text(&out, ticket);
    rb_json_put_key(&out, "topic");
    rb_json_put_str(&out, request->topic);
    rb_json_end_object(&out);
    printf("%s\n", rb_buf_text(&text));
    rb_buf_fini(&text);
}

/* RB_OK: *out_record is complete but for its hash. `topic` holds its complete name. */
static int read_request(const struct request *request, struct rb_buf *topic,
                        struct rb_ticket_record *out_record)
{
    uint64_t minutes = 60, uses = 0, now_ms = rb_clock_wall_ms();
    if (!rb_auth_name_is_valid(request->tenant) || !rb_auth_name_is_valid(request->client))
        return fail("--tenant and --client take 1 to 64 characters of A-Z a-z 0-9 . _ -", RB_STR_NONE);
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
    struct rb_store *store;
    struct rb_buf why = {0};
    int status = RB_EXIT_OK;
    if (rb_store_open(request->data.p, false, &store, &why) == RB_OK) {
        struct rb_tx *tx = rb_tx_new();
        rb_tx_ticket_insert(tx, record, 0);
        rb_err err = rb_store_commit_wait(store, tx);
        rb_tx_free(tx);
        rb_store_close(store);
        if (err) status = fail("not done", rb_str_of(rb_reason(err)->sentence));
    } else {
        status = fail("no store", rb_str_of(rb_buf_text(&why)));
    }
    rb_buf_fini(&why);
    return status;
}

static int create(struct request *request)
{
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
    bool helped;
    const char *action = argc > 1 ? argv[1] : "--help";
    const struct rb_cli_flag flags[] = {
        {"--data", "DIR", "the server's data directory; default ./ringback-data", &request.data, NULL},
        {"--tenant", "NAME", "whose topic", &request.tenant, NULL},
        {"--topic", "NAME", "the one topic that it admits to", &request.topic, NULL},
        {"--client", "NAME", "whom its holder is taken for; default ticket", &request.client, NULL},
        {"--minutes", "N", "good for new connections so long; default 60", &request.minutes, NULL},
        {"--uses", "N", "good for so many connections; default any number", &request.uses, NULL},
        {"--json", NULL, "print an object instead of the bare ticket", NULL, &request.as_json},
    };
    int skip = strcmp(action, "--help") == 0 ? 1 : 2;
    if (!rb_cli_parse("ticket create", flags, RB_COUNT(flags), argc > skip ? argc - skip : 0, argv + skip,
                      &helped))
        return RB_EXIT_USAGE;
    if (helped) return RB_EXIT_OK;
    if (strcmp(action, "create") == 0) return create(&request);
    fprintf(stderr, "ringback ticket: say create\n");
    return RB_EXIT_USAGE;
}
