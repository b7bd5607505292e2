/* Any bytes as WebSocket frames, on either side: whole, and in two pieces, they must give the same events.
 *
 * Byte 0 chooses the side and a narrow limit; bytes 1 and 2 where to cut the rest. Every piece is an
 * allocation of its own, so that reading past its end is seen, and so is an event that outlives it. */
#include "base/check.h"
#include "base/mem.h"
#include "codec/utf8.h"
#include "codec/ws.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AS_SERVER = 1, NARROW = 2, OPTION_BYTES = 3, WIDE_MAX = 100000, NARROW_MAX = 16 };

static void check_event(const struct rb_ws_event *event, uint32_t message_max)
{
    bool is_data = event->opcode == RB_WS_TEXT || event->opcode == RB_WS_BINARY;
    RB_CHECK(is_data || event->opcode == RB_WS_CLOSE || event->opcode == RB_WS_PING ||
             event->opcode == RB_WS_PONG);
    RB_CHECK(event->payload.n <= (is_data ? message_max : (uint32_t)RB_WS_CONTROL_MAX));
    if (event->opcode == RB_WS_TEXT || event->opcode == RB_WS_CLOSE)
        RB_CHECK(rb_utf8_is_valid(event->payload));
    if (event->opcode == RB_WS_CLOSE)
        RB_CHECK(event->close_code == 1005 || rb_ws_close_code_is_valid(event->close_code));
}

/* False when the reader has failed. */
static bool feed(struct rb_buf *out, struct rb_ws_reader *reader, uint32_t message_max, rb_str piece)
{
    char *copy = rb_alloc(piece.n);
    if (piece.n) memcpy(copy, piece.p, piece.n);
    struct rb_ws_input input = {copy, piece.n};
    struct rb_ws_event event;
    rb_err err = RB_OK;
    enum rb_ws_step step;
    while ((step = rb_ws_next(reader, &input, &event, &err)) == RB_WS_EVENT) {
        check_event(&event, message_max);
        rb_buf_add_fmt(out, "%d %d %zu:", (int)event.opcode, event.close_code, event.payload.n);
        rb_buf_add_str(out, event.payload);
    }
    RB_CHECK(step == RB_WS_FAILED || input.n == 0);
    if (step == RB_WS_FAILED) rb_buf_add_text(out, rb_reason_name(err));
    rb_free(copy);
    return step != RB_WS_FAILED;
}

static void run(struct rb_buf *out, unsigned options, rb_str input, size_t cut)
{
    uint32_t message_max = options & NARROW ? NARROW_MAX : WIDE_MAX;
    struct rb_ws_reader reader;
    rb_ws_reader_init(&reader, options & AS_SERVER, message_max);
    if (feed(out, &reader, message_max, rb_str_sub(input, 0, cut)))
        feed(out, &reader, message_max, rb_str_from(input, cut));
    rb_ws_reader_fini(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < OPTION_BYTES) return 0;
    rb_str input = rb_str_from(rb_str_make(data, size), OPTION_BYTES);
    size_t cut = (size_t)(data[1] << 8 | data[2]) % (input.n + 1);
    struct rb_buf whole = {0}, pieces = {0};
    run(&whole, data[0], input, input.n);
    run(&pieces, data[0], input, cut);
    RB_CHECK(rb_str_eq(rb_buf_str(&whole), rb_buf_str(&pieces)));
    rb_buf_fini(&whole);
    rb_buf_fini(&pieces);
    return 0;
}
