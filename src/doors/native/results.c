/* What a job leaves behind: its result to download, and the end of its worker's output. */
#include "base/mem.h"
#include "doors/native/native_private.h"

/* Holds the job's record while its file is opened. */
struct download {
    struct errand *errand;
    struct rb_jobs_call *job;
};

static void answer_file(struct download *download, const struct rb_file_open *open)
{
    const struct rb_job_record *job = &download->job->job;
    struct rb_request *request = download->errand->request;
    /* A retry that succeeds later would have another result under the same address. */
    rb_str etag = rb_arena_fmt(&download->job->arena, "\"%.*s.%u\"", RB_STR_FMT(job->id), job->attempt);
    rb_answer_header(request, "Cache-Control", RB_STR("private, no-cache"));
    rb_answer_with_file(request, &(struct rb_answer_file){.take_fd = open->fd,
                                                          .bytes = open->bytes,
                                                          .label = job->result_name,
                                                          .type = job->result_type,
                                                          .etag = etag});
}

static void on_opened(struct rb_file_open *open)
{
    struct download *download = open->arg;
    struct rb_jobs_call *job = download->job;
    if (open->err)
        errand_fail(download->errand, open->err, NULL);
    else
        answer_file(download, open);
    rb_jobs_call_free(job);
    rb_free(open);
}

static void on_job_with_result(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    if (!call->err && call->job.result_file.n > 0) {
        struct download *download = rb_arena_new(&errand->request->arena, struct download);
        *download = (struct download){errand, call};
        rb_files_open_result(errand->door->setup.files, rb_request_loop(errand->request),
                             call->job.result_file, on_opened, download);
        return;
    }
    rb_answer_problem(errand->request, call->err ? call->err : RB_NO_RESULT, call->why);
    rb_jobs_call_free(call);
}

void handle_job_result(struct errand *errand)
{
    rb_str id = rb_request_param(errand->request, "id");
    rb_jobs_call_send(errand_job_call(errand, RB_JOBS_GET, id, on_job_with_result, errand));
}

static void on_job_with_log(struct rb_jobs_call *call)
{
    struct errand *errand = call->arg;
    if (call->err) {
        rb_answer_problem(errand->request, call->err, call->why);
    } else {
        rb_answer_header(errand->request, "Cache-Control", RB_STR("no-store"));
        rb_answer_header(errand->request, "X-Content-Type-Options", RB_STR("nosniff"));
        rb_answer(errand->request, 200, RB_STR("text/plain; charset=utf-8"), call->job.log_tail);
    }
    rb_jobs_call_free(call);
}

void handle_job_log(struct errand *errand)
{
    rb_str id = rb_request_param(errand->request, "id");
    rb_jobs_call_send(errand_job_call(errand, RB_JOBS_GET, id, on_job_with_log, errand));
}
