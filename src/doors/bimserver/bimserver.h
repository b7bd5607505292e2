/* The BIMserver door: what clients of BIMserver (github.com/opensourceBIM/BIMserver) expect, of servers 1.3
 * to 1.6: calls as JSON, SOAP and Protocol Buffers, /stream on which the progress of jobs is pushed to
 * endpoints, /upload and /download.
 *
 * A topic id is the number of a job, so whatever runs can be followed, whoever started it. Projects and
 * revisions are things in the store; everything else is the core's. */
#ifndef RB_DOORS_BIMSERVER_H
#define RB_DOORS_BIMSERVER_H

#include "auth/login.h"
#include "files/files.h"
#include "http/http.h"
#include "http/outgoing.h"
#include "hub/hub.h"
#include "jobs/jobs.h"

/* Everything is borrowed for the door's life. */
struct rb_bimserver_setup {
    struct rb_loop *const *loops; /* those that serve connections; each has a shard of the hub */
    unsigned loop_count;
    struct rb_hub *hub;
    struct rb_store *store;
    struct rb_files *files;
    struct rb_auth *auth;
    struct rb_logins *logins;
    struct rb_outgoing *outgoing;
    rb_str const *origins; /* whose pages may call; "*": all */
    unsigned origin_count;
    rb_str path; /* in front of all its paths; begins and ends with '/' */
    rb_str site; /* "https://bim.example.org": where clients reach it; NONE: as a request's Host says */
    rb_str default_tenant;  /* of a login that names none; "tenant/login" does */
    rb_str checkin_kind;    /* of jobs: a check-in; NONE: none can be made */
    rb_str const *services; /* kinds of jobs that are BIMbots */
    unsigned service_count;
    rb_str version;      /* what it says it is: "1.6.0" */
    rb_str const *fetch; /* what addresses of files that it fetches (checkinFromUrl) begin with; none: it
                            fetches none */
    unsigned fetch_count;
    uint64_t upload_bytes_max;
    uint32_t body_bytes_max;    /* of a call, with its file in base64 */
    uint32_t message_bytes_max; /* on the stream */
    uint32_t output_bytes_max;  /* that may wait for a client to read */
    uint32_t pb_message_bytes_max;
};

/* Kinds of jobs that the door brings along (is_external): topics whose states clients give, downloads, and
 * files that are kept. */
#define RB_BIMSERVER_TOPIC_KIND "bimserver.topic"
#define RB_BIMSERVER_DOWNLOAD_KIND "bimserver.download"
#define RB_BIMSERVER_FILE_KIND "bimserver.file"
enum { RB_BIMSERVER_KINDS = 3 };
extern const struct rb_job_kind rb_bimserver_kinds[RB_BIMSERVER_KINDS];
/* The pattern of its topics of news in all tenants (new projects, revisions, users, topics): nothing of it is
 * kept. */
#define RB_BIMSERVER_TOPICS "*/bim/**"

struct rb_bimserver_door;
struct rb_bimserver_door *rb_bimserver_door_new(const struct rb_bimserver_setup *setup);
/* For the jobs: tells of the ends of those that this door has started. */
struct rb_announcer rb_bimserver_announcer(struct rb_bimserver_door *door);
void rb_bimserver_set_jobs(struct rb_bimserver_door *door, struct rb_jobs *jobs); /* before the loops run */
void rb_bimserver_door_free(
    struct rb_bimserver_door *door); /* when its connections are closed; NULL is fine */
rb_err rb_bimserver_add_routes(struct rb_bimserver_door *door, struct rb_router *router, struct rb_buf *why);
/* Before the loops run: what loop number `loop` accepts, on a port of its own, speaks Protocol Buffers.
 * Returns the argument of rb_bimserver_accept_pb there. */
void *rb_bimserver_open_pb(struct rb_bimserver_door *door, unsigned loop, struct rb_net *net,
                           struct rb_admission *admission, uint32_t connections_max);
void rb_bimserver_accept_pb(void *arg, int take_fd,
                            const struct sockaddr_storage *peer); /* an rb_accept_fn */
/* On each of the loops: tells this loop's clients, closes their streams, opens no new ones. */
void rb_bimserver_close_all(struct rb_bimserver_door *door, rb_err why);

#endif
