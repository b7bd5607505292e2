/* One /stream, for the files that serve it. It belongs to one loop. */
#ifndef RB_BIMSERVER_LINK_H
#define RB_BIMSERVER_LINK_H

#include "doors/bimserver/door.h"
#include "doors/bimserver/state.h"
#include "http/socket.h"
#include "hub/registry.h"

enum {
    LINK_PING_MS = 25 * 1000,
    LINK_SILENCE_MS = 75 * 1000,
    LINK_STRANGER_MS = 60 * 1000,  /* without a token, since its last frame */
    LINK_REFUSED_MS = 5 * 1000,    /* after a bad token: time for another one */
    LINK_WORKS_MAX = 256,          /* calls and downloads under way */
    LINK_CALL_BYTES_MAX = 4 << 20, /* texts of calls under way, unless it is but one */
    LINK_REGISTRATIONS_MAX = 10000
};

enum link_state {
    LINK_NEW,      /* has brought no token */
    LINK_CHECKING, /* its token is looked up */
    LINK_OPEN,     /* an endpoint */
    LINK_REFUSED,  /* its token was bad */
    LINK_LOST,     /* to be cut: no memory */
    LINK_CLOSING
};

struct bim_link {
    uint8_t state; /* enum link_state */
    bool is_greeted;
    bool is_pinged; /* since it was heard of last */
    uint16_t work_count;
    uint32_t call_bytes; /* texts of calls under way */
    struct bim_here *here;
    struct rb_socket socket;
    struct rb_conn conn;
    struct rb_timer timer;
    struct rb_list node;         /* in here->streams */
    uint64_t heard_ms, frame_ms; /* loop time: of anything, of the last frame */
    struct rb_auth_check *check; /* CHECKING */
    char *token;                 /* the latest */
    const struct rb_identity *who;
    uint64_t endpoint;    /* 0: none */
    struct rb_list works; /* work.c */
};

/* ---- link.c ---- */
void bim_link_connect(struct rb_request *request, void *door); /* the handler of /stream */
void bim_link_shut(struct rb_list *node, rb_err why);
void bim_link_take_token(struct bim_link *link, rb_str token); /* NONE: it had none to give */
void bim_link_send(struct bim_link *link, struct rb_buf *take_text);
struct bim_link *bim_link_of(struct rb_conn *conn);

/* ---- frames.c ---- */
void bim_link_take_text(struct bim_link *link, rb_str text);

/* ---- link_works.c: what a frame has set off, until it is done or the link goes ---- */
void bim_link_call(struct bim_link *link, rb_str text);
void bim_link_works_leave(struct bim_link *link);

/* ---- link_download.c ---- */
struct link_download;
void bim_link_download(struct bim_link *link, rb_json_val frame);

/* A work, embedded in what it is. leave: the link goes, and must not be touched any more. */
struct link_work {
    struct rb_list node;
    struct bim_link *link; /* NULL: it has gone */
    void (*leave)(struct link_work *work);
};
bool bim_link_work_begin(struct bim_link *link, struct link_work *work); /* false: too many are under way */
void bim_link_work_end(struct link_work *work);

/* ---- registrations.c ---- What is pushed to an endpoint. */
struct bim_registration {
    rb_str topic; /* complete name */
    enum bim_dialect dialect;
    const struct bim_topic *progress; /* of a job; NULL: a topic of news */
    rb_str job_id;
    struct rb_blob *last; /* the job's last state, for who has seen none */
};
rb_err bim_link_register(struct bim_link *link, const struct bim_registration *registration);
void bim_link_unregister(struct bim_link *link, rb_str topic); /* no frame of it follows */
void bim_link_unregister_all(struct bim_link *link);
void bim_link_on_subscribed(struct rb_conn *conn, struct rb_conn_sub *sub);

/* What each subscription of the connection begins with. */
struct bim_registered {
    struct rb_conn_sub sub;
    struct rb_blob *last; /* until its start */
    bool is_progress;
};

#endif
