/* What the files of this door share. */
#ifndef RB_ERA_PRIVATE_H
#define RB_ERA_PRIVATE_H

#include "auth/guard.h"
#include "codec/era.h"
#include "codec/json.h"
#include "doors/era/era.h"
#include "hub/conn.h"
#include "hub/registry.h"

struct era_link; /* link.c: one socket */

/* What is open on one loop. */
struct era_here {
    struct rb_era_door *door;
    struct rb_loop *loop;
    struct rb_list links; /* struct era_link */
    bool is_closing;
};

struct rb_era_door {
    struct rb_era_setup setup;
    struct rb_jobs *jobs;
    struct era_here *heres;             /* as setup.loops */
    struct notices *notices;            /* how events are written (notices.c) */
    _Atomic unsigned presence_watchers; /* subscriptions to the events of connections, on all loops */
};

struct era_here *era_here(struct rb_era_door *door);

/* ---- errors (errors.c) ---- */
/* 1000 + an HTTP-like status: 1400, 1401, 1403, 1404, 1405 (capability not switched on), 1408, 1409, 1410,
 * 1413, 1429, 1500, 1503. */
unsigned era_code(rb_err err);
/* {"error_code":1404,"error_message":"..."} with the HTTP status of the code; detail NONE: the reason's
 * sentence. */
void era_answer_error(struct rb_request *request, rb_err err, rb_str detail);

/* ---- what an operation needs to know of a link, on its loop (link.c). conn must be of this door ---- */
struct era_link *era_link_of(struct rb_conn *conn);
enum rb_era_family era_link_family(const struct era_link *link);
bool era_link_has(const struct era_link *link, rb_str capability); /* it is switched on */

/* ---- capabilities (capabilities.c) ---- */
const struct rb_era_capability *era_capability_find(const struct rb_era_door *door,
                                                    rb_str name); /* declared ones */

/* ---- REST (rest.c and the *_api.c) ---- */
/* Each file adds its own routes. */
rb_err era_add_operation_routes(struct rb_era_door *door, struct rb_router *router);
rb_err era_add_session_routes(struct rb_era_door *door, struct rb_router *router);
rb_err era_add_files_routes(struct rb_era_door *door, struct rb_router *router);
rb_err era_add_search_routes(struct rb_era_door *door, struct rb_router *router);
rb_err era_add_script_routes(struct rb_era_door *door, struct rb_router *router);

/* ---- script-side paths (paths.c): "job:<id>/<file>", "shared:<name>", and for a job's worker a bare name in
 * its own directory ---- */

/* What a path names, opened in the name of who asks: jobs that he may not see do not exist. */
struct era_reading {
    struct rb_era_door *door;
    struct rb_loop *loop;
    struct rb_arena arena;
    const struct rb_identity *who; /* a reference of its own */
    /* Blocking, on the pool, with the open file; what it returns is the outcome. era_publish makes a link of
     * it. */
    rb_err (*use)(struct era_reading *reading);
    void (*done)(struct era_reading *reading); /* once, never from inside era_reading_send; frees it */
    void *arg;

    /* The outcome: RB_OK; RB_BAD_NAME (no path, or one that leads elsewhere), RB_NOT_FOUND, errors of `use`.
     */
    rb_err err;
    rb_str url; /* era_publish: "/temp/..." */

    /* For `use`. */
    int fd;
    uint64_t bytes;
    rb_str label; /* the file's own name */

    struct era_path *path;    /* paths.c */
    struct rb_jobs_call *job; /* whose file it is; NULL: nobody's */
};
/* On a loop. path is copied. */
struct era_reading *era_reading_new(struct rb_era_door *door, const struct rb_identity *who, rb_str path,
                                    void (*done)(struct era_reading *), void *arg);
void era_reading_send(struct era_reading *reading);
void era_reading_free(struct era_reading *reading);
rb_err era_publish(struct era_reading *reading);

#endif
