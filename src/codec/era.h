/* Messages of the Era Platform's websockets (cloud.incoplax.com/docs/incoplax/latest/api/websocket): a JSON
 * array of two, a name and an object. A request has a `qid`, of any JSON type; its reply is named NAME_result
 * and has the same qid.
 *
 * A qid is kept and written back as the text that came: 0.19082918216295153 and 930293482233 survive no
 * double everywhere, and 1e400 none. Pure: bytes in, values out. */
#ifndef RB_CODEC_ERA_H
#define RB_CODEC_ERA_H

#include "codec/json.h"

enum { RB_ERA_METHOD_BYTES_MAX = 255, RB_ERA_QID_BYTES_MAX = 1024 };

struct rb_era_message {
    struct rb_json doc;
    rb_str method;      /* borrowed from the text, or in the arena */
    rb_json_val params; /* an object */
    rb_str qid;         /* raw JSON; NONE: there was none */
};

/* The text must outlive the message. RB_BAD_JSON, RB_TOO_DEEP, RB_OUT_OF_MEMORY; RB_BAD_REQUEST for JSON that
 * is no message, RB_BAD_NAME for a name or a qid that is too long. `out` is to be ended in all cases. */
rb_err rb_era_read(struct rb_era_message *out, rb_str text, struct rb_arena *arena);
void rb_era_message_fini(struct rb_era_message *message);

/* ---- writing ---- `["NAME",{`, then the caller's members, then `}]`. qid NONE: without one. */
void rb_era_begin(struct rb_json_out *out, rb_str name);
void rb_era_begin_reply(struct rb_json_out *out, rb_str method, rb_str qid);
void rb_era_end(struct rb_json_out *out);
/* The members of what went wrong: result, errorcode, errormsg. */
void rb_era_put_error(struct rb_json_out *out, unsigned code, rb_str message);

/* ["NAME",DATA]: data is one JSON value, spliced in as it is; empty: {} */
void rb_era_put_message(struct rb_buf *out, rb_str name, rb_str data);

struct rb_era_notice {
    const char *class;
    rb_str type, data; /* data: one JSON value */
    uint64_t time_ms;
};
void rb_era_put_notice(struct rb_buf *out, const struct rb_era_notice *notice);

/* ---- requests of the server ---- Their qid is "rb-NUMBER-CHECK". The check is a digest of the name, so that
 * a reply of another name is known without remembering which request had which. */

/* The members of data, with our qid in place of one that is there. RB_UNPROCESSABLE: data is no object. */
rb_err rb_era_put_request(struct rb_buf *out, uint32_t number, rb_str name, rb_str data);

enum rb_era_reply {
    RB_ERA_NO_REPLY,      /* the message is something else: its name does not end in _result */
    RB_ERA_STRANGE_REPLY, /* to nothing that was asked here: another qid, or the name of another request */
    RB_ERA_REPLY
};
enum rb_era_reply rb_era_reply_read(const struct rb_era_message *message, uint32_t *out_number);
/* Of a reply: whether it says that the request failed. */
bool rb_era_reply_failed(const struct rb_era_message *reply);
/* Its parameters without the qid, as an object; of one that failed, the text of its errormsg. */
void rb_era_put_reply(struct rb_buf *out, const struct rb_era_message *reply);

#endif
