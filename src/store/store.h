/* Durable state: jobs, durable events, named cursors, tokens, users, things of doors. SQLite underneath,
 * which nobody else sees.
 *
 * One thread owns the writing connection. It takes transactions from a queue, applies as many as are waiting
 * in one SQLite transaction (each in a savepoint of its own), commits once with an fsync, and then answers
 * all of them: accepted means stored, and many callers share one fsync. Reads run on the worker pool, each
 * with a read-only connection of the store's own set. No loop ever waits for the disk.
 *
 * Files: DIR/ringback.db and its -wal and -shm (WAL, synchronous=FULL), DIR/ringback.lock. A DIR is used by
 * one server at a time; the command line may make and delete tokens beside it. */
#ifndef RB_STORE_STORE_H
#define RB_STORE_STORE_H

#include "base/arena.h"
#include "base/blob.h"
#include "base/reason.h"
#include "loop/loop.h"

struct rb_store;

/* Opens or creates DIR (mode 0700) and its database, and migrates it to the newest schema. as_server takes
 * the lock; the command line opens without, may come first, and leaves migrating an older database to a
 * server. RB_LOCKED, RB_NOT_A_STORE (foreign, newer, or older for the command line), RB_DISK_FULL,
 * RB_STORE_FAILED; `why` gets one readable sentence, and *out_store is left alone. */
rb_err rb_store_open(const char *dir, bool as_server, struct rb_store **out_store, struct rb_buf *why);
/* Writes what is queued, answers it, ends the thread, checkpoints (a server), closes. No read may be running,
 * nothing may be committed any more. */
void rb_store_close(struct rb_store *store);

/* A random number made with the database; positions of durable topics carry it. Never 0, below 2^63. */
uint64_t rb_store_epoch(const struct rb_store *store);
/* Random bytes made with the database, from which ids that nobody can guess are made of what somebody says.
 */
enum { RB_STORE_SECRET_BYTES = 32 };
rb_str rb_store_secret(const struct rb_store *store); /* as long as the store */

/* ---- records ---- */

enum rb_job_state {
    RB_JOB_STATE_QUEUED, /* the numbers stand in databases */
    RB_JOB_STATE_RUNNING,
    RB_JOB_STATE_FINISHED,
    RB_JOB_STATE_FAILED,
    RB_JOB_STATE_CANCELLED,
    RB_JOB_STATE_EXPIRED
};
const char *rb_job_state_name(enum rb_job_state state); /* "queued" ... */
bool rb_job_state_find(rb_str name, enum rb_job_state *out_state);
static inline bool rb_job_state_is_final(enum rb_job_state state)
{
    return state >= RB_JOB_STATE_FINISHED;
}

/* One row of jobs. Slices are borrowed from whoever made the record (an arena on reads). Times are wall-clock
 * ms, 0 = not yet. */
/* not_before_ms of a job that is held: it may not run before somebody lets it. */
#define RB_JOB_HELD ((uint64_t)1 << 62)

struct rb_job_record {
    uint64_t number; /* row id, from 1 up, never used again */
    rb_str id;       /* public, unguessable */
    rb_str tenant, client, kind;
    rb_str role;     /* of who started it: what its worker may do at most ("client", "backend"). NONE: kept as
                        "client" */
    rb_str params;   /* a JSON object */
    rb_str announce; /* what doors want done with the outcome: a JSON value that the store does not read; may
                        be NONE */
    rb_str idempotency_key;         /* NONE when there was none */
    rb_str idempotency_fingerprint; /* of the request body */
    enum rb_job_state state;
    uint32_t attempt; /* 0 until it ran once */
    bool cancel_requested;
    uint64_t created_ms, started_ms, ended_ms, not_before_ms /* for retries; or RB_JOB_HELD */,
        expires_ms /* of the result */;
    rb_str reason;                   /* name of the rb_err with which it ended; NONE else */
    rb_str message;                  /* for people, one line */
    rb_str report;                   /* last progress shape as a JSON object; NONE when none came */
    rb_str result_name, result_type; /* label and media type; NONE without a result */
    rb_str result_file;              /* path below DIR, ours */
    uint64_t result_bytes;
    rb_str log_tail; /* last part of the worker's output; may be NONE */
};

/* A durable event. */
struct rb_event_record {
    uint64_t id; /* row id: rises over all topics */
    rb_str topic;
    uint64_t time_ms;
    rb_str name, data; /* data: one JSON value */
    rb_str audience;   /* only for this client; NONE = all */
    uint32_t flags;
};

struct rb_token_record {
    unsigned char hash[32];      /* SHA-256 of the token */
    rb_str tenant, client, role; /* role: "client", "backend" */
    rb_str label;
    uint64_t created_ms, expires_ms; /* 0 = never */
};

/* A ticket: admits to one topic, for new connections until it expires or is used up. */
struct rb_ticket_record {
    unsigned char hash[32]; /* SHA-256 of the ticket */
    rb_str topic;           /* complete name */
    rb_str client;          /* whom its holder is taken for */
    uint64_t created_ms, expires_ms;
    int64_t uses_left; /* below 0: any number */
};

/* What a topic has for the holders of tickets (hub/policy.h), and how far it has come. Kept until the last
 * ticket has expired and a day has passed since it was saved with a later called_ms. */
struct rb_policy_record {
    rb_str topic; /* complete name */
    rb_str owner; /* who may push; NONE: nobody in particular */
    uint64_t called_ms;
    uint32_t instances;
    bool keeps_last, is_deadline_shared, is_completed;
    uint64_t timeout_ms, deadline_ms;
    uint64_t last_ms; /* when the latest event was published; 0: there is none */
    uint32_t last_flags, last_timeout_s;
    rb_str last_name, last_data;
};

/* An account whose calls are signed. The secret must be there as it is, or no signature could be checked: it
 * is protected as the database file is, and shown to nobody. */
struct rb_account_record {
    rb_str public_id, tenant;
    rb_str secret;   /* NONE in lists */
    bool is_guarded; /* against replays */
    uint64_t created_ms;
};

/* A person with a password. Lists are "a,b,c". */
struct rb_user_record {
    rb_str tenant, login;
    rb_str id;           /* "u" and random characters; stays when the login is changed */
    rb_str name;         /* for people; may be empty */
    rb_str verifier;     /* of the password (auth/login.h); NONE in lists */
    rb_str roles;        /* may be empty */
    rb_str capabilities; /* that may be switched on; NONE: any */
    bool is_disabled;
    uint64_t created_ms;
};

/* What is known of a token beyond its row in tokens: an API client, an outside system ("integration point").
 * It goes with its token. */
struct rb_point_record {
    unsigned char hash[32]; /* SHA-256 of the token */
    rb_str tenant;
    rb_str code; /* its name in the tenant: the token's client and label */
    rb_str id;   /* "p" and random characters */
    rb_str type;
    rb_str roles;        /* may be empty */
    rb_str capabilities; /* that may be switched on; NONE: any */
    rb_str addresses;    /* from where it may connect, "10.0.0.0/8,::1"; NONE: anywhere */
    rb_str user_id;      /* in whose name; NONE: nobody's */
    uint64_t created_ms;
};

/* What a door has to keep and the store does not read: JSON under (tenant, space, number). */
struct rb_thing_record {
    uint64_t number; /* from 1 up within tenant and space; never used again */
    rb_str body;
};

/* ---- writing ---- A transaction is made, filled, and committed once; all or nothing of it is applied.
 * Everything handed in is copied into the transaction's arena. */

struct rb_tx {
    struct rb_tx *next;    /* the store's */
    struct rb_arena arena; /* usable by the maker until commit, by done after it; freed by rb_tx_free */
    struct rb_tx_op *first, **last;
    void (*done)(struct rb_tx *tx,
                 rb_err err); /* on the store's thread, after the fsync: must only post mail. Owns the tx. */
    void *arg;
    struct rb_mail mail; /* for done's use */
    rb_err err;          /* set before done */
};

struct rb_tx *rb_tx_new(void);
void rb_tx_free(struct rb_tx *tx);

/* Result places are arena memory of the tx, filled before done. */
struct rb_tx_inserted {
    uint64_t number; /* of the new job, or of the one that was there */
    rb_str id;       /* likewise */
    bool was_there; /* the same (tenant, client, kind, key) and fingerprint came before: nothing was inserted,
                       and the following operations of the transaction were skipped */
};
/* Another fingerprint under the same key makes the whole tx fail with RB_IDEMPOTENCY_MISMATCH. */
struct rb_tx_inserted *rb_tx_job_insert(struct rb_tx *tx, const struct rb_job_record *job);
/* Writes the mutable columns (all but number, id, tenant, client, kind, params, announce, idempotency,
 * created) of the job `number`. RB_NOT_FOUND when there is no such job. */
void rb_tx_job_update(struct rb_tx *tx, const struct rb_job_record *job);
/* Of a job that was started without them (jobs.h, RB_JOBS_RELEASE). RB_NOT_FOUND. */
void rb_tx_job_params(struct rb_tx *tx, uint64_t number, rb_str params);
/* After the result's files are gone or never were: forgets the job and, unless topic is NONE, that topic with
 * its events and cursors. Fine when they are gone already. */
void rb_tx_job_delete(struct rb_tx *tx, uint64_t number, rb_str topic);
/* The number pointed to is the event's row id once done has been called. */
uint64_t *rb_tx_event_append(struct rb_tx *tx, const struct rb_event_record *event);
/* Forgets the oldest events of a topic up to and including this id: readers see them no more from then on.
 * The rows of a large trimming (above 200) are deleted in portions by later groups and when the writer has
 * nothing else to do. */
void rb_tx_events_trim(struct rb_tx *tx, rb_str topic, uint64_t up_to_id);
/* Remembers how far a named cursor (a client) has got in a topic; id 0 forgets it. Never moves backwards. */
void rb_tx_cursor_set(struct rb_tx *tx, rb_str topic, rb_str name, uint64_t id);
void rb_tx_token_insert(struct rb_tx *tx, const struct rb_token_record *token); /* RB_CONFLICT: the hash */
/* All with this label, and their points; RB_NOT_FOUND when there is none. */
void rb_tx_token_delete(struct rb_tx *tx, rb_str tenant, rb_str label);
/* Of the next 16 whose labels are between these, those that have expired. With a new token of a random label
 * each time, few that have expired are there. */
void rb_tx_tokens_sweep(struct rb_tx *tx, rb_str tenant, rb_str after, rb_str before, uint64_t now_ms);

/* RB_TOO_MANY_REQUESTS when `alive_max` tickets of the topic have not expired; 0: any number may. */
void rb_tx_ticket_insert(struct rb_tx *tx, const struct rb_ticket_record *ticket, uint32_t alive_max);
void rb_tx_ticket_use(struct rb_tx *tx, const unsigned char hash[32]); /* RB_TICKET_EXPIRED: used up */
/* Forgets some of the tickets that have expired by now_ms, and of the policies without tickets that were last
 * called by called_ms: at most 200 each. */
void rb_tx_tickets_sweep(struct rb_tx *tx, uint64_t now_ms, uint64_t called_ms);
void rb_tx_policy_save(struct rb_tx *tx, const struct rb_policy_record *policy);
void rb_tx_account_insert(struct rb_tx *tx, const struct rb_account_record *account); /* RB_CONFLICT */
void rb_tx_account_delete(struct rb_tx *tx, rb_str tenant, rb_str public_id);         /* RB_NOT_FOUND */

void rb_tx_user_insert(struct rb_tx *tx,
                       const struct rb_user_record *user); /* RB_CONFLICT: tenant and login */
void rb_tx_user_password(struct rb_tx *tx, rb_str tenant, rb_str login, rb_str verifier); /* RB_NOT_FOUND */
void rb_tx_user_delete(struct rb_tx *tx, rb_str tenant, rb_str login);                    /* RB_NOT_FOUND */
/* With the token of the same hash (rb_tx_token_insert in the same transaction). RB_CONFLICT: tenant and code
 */
void rb_tx_point_insert(struct rb_tx *tx, const struct rb_point_record *point);
void rb_tx_point_delete(struct rb_tx *tx, rb_str tenant, rb_str code); /* and its token; RB_NOT_FOUND */
/* The number pointed to is that of the new thing once done has been called. */
uint64_t *rb_tx_thing_insert(struct rb_tx *tx, rb_str tenant, rb_str space, rb_str body);
void rb_tx_thing_update(struct rb_tx *tx, rb_str tenant, rb_str space, uint64_t number,
                        rb_str body);                                                    /* RB_NOT_FOUND */
void rb_tx_thing_delete(struct rb_tx *tx, rb_str tenant, rb_str space, uint64_t number); /* RB_NOT_FOUND */

/* Queues it; order of commits and of answers is order of calls. Any thread. RB_DISK_FULL, RB_STORE_FAILED,
 * and what the operations say: the tx is answered with the error and nothing of it is kept; others are not
 * harmed by it, except that a failing disk fails all that were to share its fsync. Later ones are tried anew.
 */
void rb_store_commit(struct rb_store *store, struct rb_tx *tx);
/* Commits and waits: for the command line and for starting up, never on a loop. Does not free the tx; done is
 * not called. */
rb_err rb_store_commit_wait(struct rb_store *store, struct rb_tx *tx);

/* Groups of transactions committed so far, each with one fsync. For metrics; any thread. */
uint64_t rb_store_commits(const struct rb_store *store);

/* ---- reading ---- */

/* Runs on a pool thread with a connection; gives its results through arg. All queries of one run see the same
 * state. An arena belongs to one read at a time. */
struct rb_reader;
typedef rb_err rb_read_fn(struct rb_reader *reader, void *arg);
/* Runs read on the pool, then done on `loop` (the caller's) with its result. */
void rb_store_read(struct rb_store *store, struct rb_loop *loop, rb_read_fn *read,
                   void (*done)(void *arg, rb_err err), void *arg);
/* The same at once on this thread: for the command line, for starting up, and inside other work of the pool.
 */
rb_err rb_store_read_wait(struct rb_store *store, rb_read_fn *read, void *arg);

/* All of these: RB_STORE_FAILED, RB_DISK_FULL. Those for one row: RB_NOT_FOUND. Slices go to the arena;
 * columns that are NONE come as NONE, empty ones as empty. */
rb_err rb_read_job(struct rb_reader *reader, struct rb_arena *arena, rb_str id, struct rb_job_record *out);
rb_err rb_read_job_by_number(struct rb_reader *reader, struct rb_arena *arena, uint64_t number,
                             struct rb_job_record *out);

struct rb_job_query {
    rb_str tenant;
    rb_str client, kind; /* NONE = any */
    int state;           /* -1 = any */
    uint64_t before;     /* numbers below this; 0 = from the newest */
    uint32_t limit;      /* at most 200 */
};
/* Newest first, without log_tail, params and role. */
rb_err rb_read_jobs(struct rb_reader *reader, struct rb_arena *arena, const struct rb_job_query *query,
                    struct rb_job_record **out_jobs, uint32_t *out_count);
/* All jobs that are not final, oldest first. */
rb_err rb_read_open_jobs(struct rb_reader *reader, struct rb_arena *arena, struct rb_job_record **out_jobs,
                         uint32_t *out_count);
/* Final jobs whose expires_ms is over (0 is never), the one that expired first coming first, at most limit;
 * without log_tail, params and role. */
rb_err rb_read_expired_jobs(struct rb_reader *reader, struct rb_arena *arena, uint64_t now_ms, uint32_t limit,
                            struct rb_job_record **out_jobs, uint32_t *out_count);

/* Events of a topic with id > after, oldest first, at most limit; *out_trimmed is the highest id of the topic
 * that was trimmed (0 = none). */
rb_err rb_read_events(struct rb_reader *reader, struct rb_arena *arena, rb_str topic, uint64_t after,
                      uint32_t limit, struct rb_event_record **out_events, uint32_t *out_count,
                      uint64_t *out_trimmed);

/* For who goes through all topics bit by bit: those behind `after` (0 = from the start), at most limit. */
struct rb_topic_record {
    uint64_t id; /* rises in the order of their making */
    rb_str name;
};
rb_err rb_read_topics(struct rb_reader *reader, struct rb_arena *arena, uint64_t after, uint32_t limit,
                      struct rb_topic_record **out, uint32_t *out_count);
/* When the oldest event of all, the first in the order of ids, was published; UINT64_MAX when there is none.
 */
rb_err rb_read_oldest_event_ms(struct rb_reader *reader, uint64_t *out_ms);
/* The last of those events at the topic's start that were published at or before this time; 0 = none. As in
 * every trimming, what follows a younger event stays with it. */
rb_err rb_read_last_old_event(struct rb_reader *reader, uint64_t topic_id, uint64_t up_to_ms,
                              uint64_t *out_event_id);

struct rb_cursor_record {
    rb_str name;
    uint64_t id;
};
rb_err rb_read_cursors(struct rb_reader *reader, struct rb_arena *arena, rb_str topic,
                       struct rb_cursor_record **out, uint32_t *out_count);

rb_err rb_read_token(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                     struct rb_token_record *out);
/* Of one tenant, or of all (NONE); by tenant and label. */
rb_err rb_read_tokens(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                      struct rb_token_record **out, uint32_t *out_count);

rb_err rb_read_ticket(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                      struct rb_ticket_record *out);
rb_err rb_read_policy(struct rb_reader *reader, struct rb_arena *arena, rb_str topic,
                      struct rb_policy_record *out);
rb_err rb_read_account(struct rb_reader *reader, struct rb_arena *arena, rb_str public_id,
                       struct rb_account_record *out);
/* As rb_read_tokens, without the secrets. */
rb_err rb_read_accounts(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                        struct rb_account_record **out, uint32_t *out_count);

rb_err rb_read_user(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str login,
                    struct rb_user_record *out);
rb_err rb_read_user_by_id(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str id,
                          struct rb_user_record *out);
/* As rb_read_tokens, without the verifiers. */
rb_err rb_read_users(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                     struct rb_user_record **out, uint32_t *out_count);
rb_err rb_read_point(struct rb_reader *reader, struct rb_arena *arena, const unsigned char hash[32],
                     struct rb_point_record *out);
rb_err rb_read_points(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant,
                      struct rb_point_record **out, uint32_t *out_count);
rb_err rb_read_thing(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str space,
                     uint64_t number, struct rb_thing_record *out);
/* With numbers above `after`, in their order, at most limit. */
rb_err rb_read_things(struct rb_reader *reader, struct rb_arena *arena, rb_str tenant, rb_str space,
                      uint64_t after, uint32_t limit, struct rb_thing_record **out, uint32_t *out_count);

#endif
