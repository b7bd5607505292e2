/* The client's half of a WebSocket handshake on a blocking socket, and its frames (RFC 6455). */
#ifndef BENCH_UPGRADE_H
#define BENCH_UPGRADE_H

#include "codec/ws.h"

/* No token: no Authorization. False: the connection is gone. */
bool upgrade_send(int fd, const char *target, const char *token_or_null);
/* Waits for the 101. The server speaks next when it is spoken to, so it is an error if anything follows the
 * head. */
bool upgrade_read(int fd);
/* The same where the server speaks first: what has come behind the head is added. */
bool upgrade_take(int fd, struct rb_buf *out_rest);

/* A masked frame. */
void frame_put(struct rb_buf *out, enum rb_ws_opcode opcode, rb_str payload);
bool frame_send(int fd, enum rb_ws_opcode opcode, rb_str payload);

#endif
