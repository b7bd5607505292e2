/* Revisions and the files of topics. On the pool: blocking. */
#ifndef RB_BIMSERVER_REVISIONS_H
#define RB_BIMSERVER_REVISIONS_H

#include "doors/bimserver/door.h"

/* The check-in that made it, of this tenant. RB_NOT_FOUND: there is no such revision. */
rb_err bim_revision_read(struct rb_reader *reader, const struct rb_bimserver_door *door,
                         struct rb_arena *arena, rb_str tenant, int64_t roid, struct rb_job_record *out);
/* What it was checked in with: {"poid","deserializerOid","fileName"}. */
struct bim_revision_facts {
    int64_t poid, deserializer_oid;
    rb_str file_name;
};
void bim_revision_facts(const struct rb_job_record *job, struct rb_arena *arena,
                        struct bim_revision_facts *out);

/* What a topic has to download: of a download its revision's file, or its result; of any other job the
 * result. */
struct bim_file {
    struct rb_job_record job; /* of the topic */
    uint64_t roid;            /* 0: of no revision */
    int64_t poid, serializer_oid;
    rb_str label, type;
    int fd;
    uint64_t bytes;
};
/* RB_NOT_FOUND: no such topic, or not of whom asks; RB_NOT_READY: its job is not over (out->job is there);
 * RB_NO_RESULT, RB_EXPIRED, and what the store says. The descriptor is the caller's. */
rb_err bim_file_open(struct rb_reader *reader, const struct rb_bimserver_door *door, struct rb_arena *arena,
                     const struct rb_identity *who, uint64_t topic, struct bim_file *out);

#endif
