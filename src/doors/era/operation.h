/* Operations: the component 144 "operation with websocket connection" of the Era Platform as one call
 * (.../scripts/component_types/common/144.html). */
#ifndef RB_ERA_OPERATION_H
#define RB_ERA_OPERATION_H

#include "doors/era/rest.h"

/* ---- what is asked (operation_form.c: pure) ---- The component's codes; each is its number, too. */

enum operation_kind { OPERATION_SEND, OPERATION_LINK, OPERATION_FILES };
enum operation_direction { DIRECTION_MESSAGE, DIRECTION_TOKEN_EVENT, DIRECTION_USER_EVENT };
enum operation_files { FILES_LIST, FILES_GET, FILES_PUT, FILES_DELETE };
enum operation_transfer { TRANSFER, TRANSFER_TIMEOUT, TRANSFER_ERROR, OPERATION_TRANSFERS };

enum { OPERATION_TIMEOUT_MS = 10000, OPERATION_TIMEOUT_MAX_MS = 3600 * 1000 };

struct operation_form {
    enum operation_kind kind;
    rb_str connection;
    /* SEND */
    enum operation_direction direction;
    rb_str capability; /* NONE with DIRECTION_MESSAGE */
    rb_str code;       /* of the message: a valid topic name */
    rb_str content;    /* JSON; NONE: there is none. An object if is_waiting */
    bool is_waiting;   /* syncMode */
    /* LINK, FILES_PUT */
    rb_str path;
    /* FILES */
    enum operation_files files;
    rb_str name; /* within the directory */

    uint64_t timeout_ms;
    bool has_timeout; /* it was given; counts for SEND without it too */
    /* Told back with the outcome; NONE: not given. */
    rb_str result_variable, error_variable, transfers[OPERATION_TRANSFERS];
};
/* Slices of the JSON and of the arena. RB_BAD_JSON, RB_TOO_DEEP, RB_BAD_REQUEST with `why`. */
rb_err operation_read(rb_str json, struct rb_arena *arena, struct operation_form *out, rb_str *out_why);

struct operation_outcome {
    enum operation_transfer transfer;
    rb_str result; /* JSON; NONE: there is none */
    unsigned code; /* TIMEOUT and ERROR */
    rb_str message;
};
void operation_put(struct rb_buf *out, const struct operation_form *form,
                   const struct operation_outcome *outcome);

/* ---- one that is under way ---- */

/* It takes one step after another; each ends in operation_next, which says whether anybody still waits for
 * the outcome. Who asked may be answered earlier (the time is over) or be gone. One loop, the request's. */
struct operation {
    struct rb_era_door *door;
    struct rb_loop *loop;
    struct rb_request *request; /* NULL: answered, or gone */
    struct rb_arena arena;
    const struct rb_identity *who;
    struct operation_form form;
    struct rb_handle connection;
    struct rb_timer timer;

    /* operation_files.c */
    rb_str session;           /* the connection's: the name of its directory */
    struct rb_jobs_call *job; /* the worker's that asks; NULL: it is none */
    struct rb_scratch_file file;
    rb_err err; /* of the step on the pool */
    rb_str url;
};

/* operation.c. Each of these is the end of it. */
bool operation_next(struct operation *operation); /* false: that was all, nobody waits */
void operation_succeed(struct operation *operation, rb_str result_json);
void operation_fail(struct operation *operation, rb_err err, rb_str detail);

void operation_send(struct operation *operation);  /* operation_send.c */
void operation_files(struct operation *operation); /* operation_files.c: LINK too */
/* An errand to the operation's connection, with the operation as its arg. */
struct rb_conn_errand *operation_errand(struct operation *operation, enum rb_conn_errand_kind kind,
                                        void (*done)(struct rb_conn_errand *));
/* Whether the connection is one that who asks may reach: others do not exist for it. */
bool operation_may_reach(const struct rb_identity *who, rb_str client);

#endif
