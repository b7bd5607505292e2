/* Files of a job by name: while it runs they are its worker's, afterwards there is its result. */
#include "files/scratch.h"
#include "jobs/jobs.h"

static rb_err open_result(struct rb_files *files, const struct rb_job_record *job, rb_str name, int *out_fd,
                          uint64_t *out_bytes)
{
    if (!job->result_file.n || !rb_str_eq(job->result_name, name)) return RB_NOT_FOUND;
    rb_err err = rb_files_open_now(files, job->result_file, out_fd, out_bytes);
    return err == RB_EXPIRED ? RB_NOT_FOUND : err;
}

rb_err rb_job_open_file(struct rb_files *files, const struct rb_job_record *job, rb_str name, int *out_fd,
                        uint64_t *out_bytes)
{
    if (!rb_scratch_name_is_valid(name)) return RB_BAD_NAME;
    if (job->state != RB_JOB_STATE_RUNNING) return open_result(files, job, name, out_fd, out_bytes);
    return rb_files_open_work_file(files, job->id, job->attempt, name, out_fd, out_bytes);
}

rb_err rb_job_put_file(struct rb_files *files, const struct rb_job_record *job, rb_str name, int fd)
{
    if (!rb_scratch_name_is_valid(name)) return RB_BAD_NAME;
    if (job->state != RB_JOB_STATE_RUNNING) return RB_NOT_FOUND;
    return rb_files_put_work_file(files, job->id, job->attempt, name, fd);
}
