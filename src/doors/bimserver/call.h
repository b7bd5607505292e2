/* One call of a method, whatever encoding brought it: JSON by HTTP or on the stream, SOAP, Protocol Buffers.
 *
 * An encoding makes it, has it find its method and read its parameters, and runs it: the token is checked,
 * then the method's handler answers it, once, now or later. The encoding's on_answer then writes it down. A
 * call belongs to one loop; all of this happens there. */
#ifndef RB_BIMSERVER_CALL_H
#define RB_BIMSERVER_CALL_H

#include "auth/auth.h"
#include "codec/json.h"
#include "doors/bimserver/table.h"

enum bim_via { BIM_VIA_JSON, BIM_VIA_SOAP, BIM_VIA_PROTOBUF };

/* Clients of the reference know these two, and choke on others. */
enum bim_exception { BIM_USER_EXCEPTION, BIM_INVALID_TOKEN_EXCEPTION };
enum bim_code {
    BIM_NO_CODE = 0,
    BIM_ENDPOINT_NOT_FOUND = 1,
    BIM_CONNECTION_REFUSED = 2,
    BIM_TOKEN_INVALID = 3
};

struct bim_call;
typedef void bim_handler_fn(struct bim_call *call);

/* What calls run on; the real one is the door, tests have their own. Borrowed for the calls' life. */
struct bim_host {
    struct rb_bimserver_door *door;  /* NULL in tests */
    bim_handler_fn *const *handlers; /* in the order of bim_methods */
    rb_str version;                  /* what the server says it is: "1.6.0" */
    /* Looks the call's token up and ends in bim_call_authorized, now or later, on the call's loop. */
    void (*authorize)(struct bim_call *call);
};

/* A parameter as the handler gets it. */
struct bim_value {
    bool is_null;     /* null, absent, or {} for an object; then the rest is zero */
    int64_t number;   /* LONG, INT, DATE; ENUM: the ordinal */
    bool flag;        /* BOOLEAN */
    rb_str text;      /* STRING, BYTES and DATA (still base64), ENUM (the constant) */
    rb_json_val json; /* lists and objects, as they came */
};

struct bim_call {
    const struct bim_host *host;
    struct rb_loop *loop; /* NULL in tests */
    enum bim_via via;
    rb_str address; /* of the client, as text; for brakes and the log */
    rb_str token;   /* NONE: none came */
    struct rb_arena arena;

    const struct bim_method *method; /* from bim_call_find on */
    enum bim_dialect dialect;
    struct bim_value values[BIM_PARAMETERS_MAX];
    const struct rb_identity *who; /* NULL: nobody; the call holds a reference */

    /* For the handler, if it waits: what it waits with, and what is called once when the client goes
     * meanwhile (one that went before the handler began is not handled). The answer is due all the same, and
     * may be given from inside. */
    void *wait;
    void (*on_gone)(struct bim_call *call);

    /* For the encoding: the answer, when on_answer is called. Nothing touches the call after it. */
    void (*on_answer)(struct bim_call *call);
    void *arg;
    struct rb_buf text; /* parameters that are the call's own */
    struct rb_json doc; /* of them */
    bool is_answered;
    bool has_failed;
    bool is_gone;         /* the client */
    struct rb_buf result; /* JSON; empty: void or null */
    enum bim_exception exception;
    enum bim_code code;
    rb_str message; /* in the arena */
};

/* ---- for handlers: parameters ---- By name; asking for one that the method's row does not have is a bug of
 * ours. Texts and values live as long as the call. */
bool bim_has(const struct bim_call *call,
             const char *name); /* not null; false too for one that this row lacks */
int64_t bim_long(const struct bim_call *call, const char *name);     /* LONG, INT, DATE, ENUM; null: -1 */
bool bim_flag(const struct bim_call *call, const char *name);        /* null or not in this row: false */
rb_str bim_text(const struct bim_call *call, const char *name);      /* STRING, ENUM; null: RB_STR_NONE */
rb_json_val bim_json(const struct bim_call *call, const char *name); /* lists, objects; null: NONE */
/* The elements of a list of LONG, in the call's arena; none for null. */
int64_t *bim_longs(struct bim_call *call, const char *name, unsigned *out_count);
/* Decodes BYTES or DATA. RB_BAD_REQUEST for what is not base64, RB_OUT_OF_MEMORY; null gives nothing. */
rb_err bim_bytes(const struct bim_call *call, const char *name, struct rb_buf *out);

/* ---- for handlers: the answer ---- One of these ends the call; it must not be touched afterwards. */
void bim_result(struct bim_call *call, struct rb_buf *take_json); /* a buffer that failed: RB_OUT_OF_MEMORY */
void bim_result_void(struct bim_call *call);
void bim_result_long(struct bim_call *call, int64_t value);
void bim_result_bool(struct bim_call *call, bool value);
void bim_result_text(struct bim_call *call, rb_str text); /* also constants of enums */
void bim_fail(struct bim_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bim_fail_code(struct bim_call *call, enum bim_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void bim_fail_token(struct bim_call *call, const char *message); /* InvalidTokenException */
void bim_fail_reason(struct bim_call *call, rb_err err);         /* the reason's sentence */

/* ---- for handlers: objects in results ---- Writes `__type`, then the fields in the order of the table.
 * Those between the ones that the handler asks for get what an unset one has: null, [], false, 0, or -1 for
 * ids. */
struct bim_object {
    struct rb_json_out *out;
    const struct bim_class *of_class;
    unsigned at;
    enum bim_dialect dialect; /* BIM_NEW unless it is set after begin: whose fields it has */
};
void bim_object_begin(struct bim_object *object, struct rb_json_out *out, const struct bim_class *of_class);
/* The key of a field stands there and wants its value. Fields in alphabetical order; any other is a bug of
 * ours. */
void bim_object_key(struct bim_object *object, const char *field);
void bim_object_text(struct bim_object *object, const char *field, rb_str text); /* NONE: null */
void bim_object_long(struct bim_object *object, const char *field, int64_t value);
void bim_object_end(struct bim_object *object);

/* ---- for encodings ---- */
struct bim_call *bim_call_new(const struct bim_host *host, enum bim_via via,
                              void (*on_answer)(struct bim_call *), void *arg);
void bim_call_free(struct bim_call *call); /* answered, or never run; NULL is fine */
/* False: the call has failed (has_failed, message); it is still to be answered by bim_call_run. */
bool bim_call_find(struct bim_call *call, rb_str interface, rb_str method);
bool bim_call_read(struct bim_call *call,
                   rb_json_val parameters); /* must outlive the call; NONE: there are none */
bool bim_call_read_text(struct bim_call *call, struct rb_buf *take_json); /* the same, of the call's own */
/* Answers it: with what has failed so far, or by authorizing and handling it. on_answer may be called from
 * inside. */
void bim_call_run(struct bim_call *call);
void bim_call_gone(
    struct bim_call *call); /* the client has gone; on_answer is called all the same, then or later */

/* ---- for the host ---- who is NULL unless err is RB_OK; a reference is taken. RB_UNAUTHENTICATED: a bad
 * token. */
void bim_call_authorized(struct bim_call *call, rb_err err, const struct rb_identity *who);

#endif
