/* Something that publishes events to an audience: a Ringback server, to which they are posted by HTTP, or a
 * bare loop. Parts that compare the two run them in turns, since machines are not equally fast all the time.
 */
#ifndef BENCH_SOURCE_H
#define BENCH_SOURCE_H

#include "audience.h"
#include "bare.h"
#include "link.h"
#include "server.h"

enum { PUBLISHERS = 16 };

/* A connection that posts events; one request at a time. */
struct publisher {
    struct link link;
    bool is_busy;
};

struct source {
    const char *whose; /* "Ringback" */
    struct bench *bench;
    struct server server; /* pid 0: it is a bare loop */
    struct bare bare;
    pid_t pid;
    struct publisher publishers[PUBLISHERS];
    struct audience audience;
    struct rb_buf before, after; /* of the data, in a message of Ringback's; bare loops send the like */
    struct rb_buf request, body;
};

/* capacity: the most subscribers. False: reported; close it all the same. */
bool source_open_ringback(struct source *source, struct bench *bench, unsigned capacity, unsigned data_bytes);
/* Its messages will look like those of `model`, which has had subscribers and published. */
bool source_open_bare(struct source *source, struct bench *bench, enum bare_form form,
                      const struct source *model);
void source_learn(struct source *source); /* a Ringback source that has published: to be a model */
/* Stops and frees, and adds what was checked to the report. False: the server did not end well. */
bool source_close(struct source *source);

/* Subscribers come until there are so many, and a few events go round; or all leave. */
bool source_gather(struct source *source, unsigned subscribers);
void source_scatter(struct source *source);

/* Posts the last `events` events that the audience waits for, on a publisher that is not busy; false: there
 * is none, or the connection is gone. */
bool source_publish(struct source *source, unsigned events);
/* Takes answers of busy publishers; wait: until none is busy. False: an answer was not 200. */
bool source_take_answers(struct source *source, bool wait);

/* A round: publishes, waits until the last subscriber has it and the publish is confirmed. False: reported.
 */
bool source_run_round(struct source *source, unsigned events);

/* What was measured in a turn. */
struct turn {
    double per_second, cpu_us_each;
};

/* Rounds for so long. samples_or_null: how long each took. False: reported. */
bool source_run_turn(struct source *source, unsigned events, double seconds, struct turn *out,
                     struct samples *samples_or_null);

#endif
