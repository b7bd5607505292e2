#include "doors/bimserver/revisions.h"

#include "doors/bimserver/plugins.h"
#include "files/inputs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- revisions ---- */

rb_err bim_revision_read(struct rb_reader *reader, const struct rb_bimserver_door *door,
                         struct rb_arena *arena, rb_str tenant, int64_t roid, struct rb_job_record *out)
{
    if (roid <= 0) return RB_NOT_FOUND;
    rb_err err = rb_read_job_by_number(reader, arena, (uint64_t)roid, out);
    if (err) return err;
    bool is_one = rb_str_eq(out->tenant, tenant) && rb_str_eq(out->kind, door->setup.checkin_kind) &&
                  out->state == RB_JOB_STATE_FINISHED;
    return is_one ? RB_OK : RB_NOT_FOUND;
}

void bim_revision_facts(const struct rb_job_record *job, struct rb_arena *arena,
                        struct bim_revision_facts *out)
{
    struct rb_json doc;
    rb_str name = RB_STR_NONE;
    *out = (struct bim_revision_facts){.poid = -1, .deserializer_oid = -1};
    if (rb_json_parse(&doc, job->params, NULL) == RB_OK) {
        rb_json_val root = rb_json_root(&doc);
        rb_json_i64(rb_json_get(root, "poid"), &out->poid);
        rb_json_i64(rb_json_get(root, "deserializerOid"), &out->deserializer_oid);
        rb_json_string(rb_json_get(root, "fileName"), arena, &name);
        rb_json_fini(&doc);
    }
    out->file_name = name.n ? name : rb_arena_fmt(arena, "%llu.ifc", (unsigned long long)job->number);
}

/* ---- files ---- */

static rb_err open_input(const struct rb_bimserver_door *door, struct rb_arena *arena, rb_str job_id,
                         struct bim_file *out)
{
    struct stat stat;
    rb_str path = rb_inputs_find(door->setup.files, arena, job_id);
    int fd = path.p ? open(path.p, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0) return RB_EXPIRED;
    if (fstat(fd, &stat) != 0) {
        close(fd);
        return RB_STORE_FAILED;
    }
    out->fd = fd;
    out->bytes = (uint64_t)stat.st_size;
    return RB_OK;
}

static rb_err open_result(const struct rb_bimserver_door *door, const struct rb_job_record *job,
                          struct bim_file *out)
{
    if (!job->result_file.n) return RB_NO_RESULT;
    out->label = job->result_name;
    out->type = job->result_type;
    return rb_files_open_now(door->setup.files, job->result_file, &out->fd, &out->bytes);
}

/* What a client brought, as it is. */
static rb_err open_model(const struct rb_bimserver_door *door, struct rb_arena *arena,
                         const struct rb_job_record *job, rb_str type, struct bim_file *out)
{
    struct bim_revision_facts facts;
    bim_revision_facts(job, arena, &facts);
    out->label = facts.file_name;
    out->type = type;
    return open_input(door, arena, job->id, out);
}

static rb_err open_download(struct rb_reader *reader, const struct rb_bimserver_door *door,
                            struct rb_arena *arena, struct bim_file *out)
{
    struct rb_json doc;
    struct rb_job_record revision;
    struct bim_revision_facts facts;
    rb_err err = rb_json_parse(&doc, out->job.params, NULL);
    if (err) return RB_STORE_FAILED;
    rb_json_u64(rb_json_get(rb_json_root(&doc), "roid"), &out->roid);
    rb_json_i64(rb_json_get(rb_json_root(&doc), "serializerOid"), &out->serializer_oid);
    rb_json_fini(&doc);
    err = bim_revision_read(reader, door, arena, out->job.tenant, (int64_t)out->roid, &revision);
    if (err) return err == RB_NOT_FOUND ? RB_EXPIRED : err;
    bim_revision_facts(&revision, arena, &facts);
    out->poid = facts.poid;
    if (out->serializer_oid == BIM_RESULT_SERIALIZER) return open_result(door, &revision, out);
    const struct bim_plugin *serializer = bim_plugin_find(bim_serializers, out->serializer_oid);
    return open_model(door, arena, &revision, serializer ? rb_str_of(serializer->type) : RB_STR_NONE, out);
}

rb_err bim_file_open(struct rb_reader *reader, const struct rb_bimserver_door *door, struct rb_arena *arena,
                     const struct rb_identity *who, uint64_t topic, struct bim_file *out)
{
    *out = (struct bim_file){.fd = -1, .poid = -1, .serializer_oid = BIM_RESULT_SERIALIZER};
    rb_err err = rb_read_job_by_number(reader, arena, topic, &out->job);
    if (err) return err;
    const struct rb_job_record *job = &out->job;
    bool may_have = rb_str_eq(job->tenant, who->tenant) &&
                    (who->role == RB_ROLE_BACKEND || rb_str_eq(job->client, who->client));
    if (!may_have) return RB_NOT_FOUND;
    if (rb_str_is(job->kind, RB_BIMSERVER_DOWNLOAD_KIND)) return open_download(reader, door, arena, out);
    if (rb_str_is(job->kind, RB_BIMSERVER_FILE_KIND)) return open_model(door, arena, job, RB_STR_NONE, out);
    if (!rb_job_state_is_final(job->state)) return RB_NOT_READY;
    return open_result(door, job, out);
}
