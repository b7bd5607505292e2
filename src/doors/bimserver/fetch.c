#include "doors/bimserver/fetch.h"

#include <unistd.h>

static void end(struct bim_fetch *fetch, rb_err err)
{
    fetch->err = err;
    fetch->done(fetch);
}

static void read_it(struct bim_fetch *fetch);

static void on_job_over(void *arg, rb_err err, const struct rb_job_record *job)
{
    struct bim_fetch *fetch = arg;
    (void)job; /* read anew, with its file */
    fetch->await = NULL;
    if (err)
        end(fetch, err);
    else
        read_it(fetch);
}

static rb_err open_file(struct rb_reader *reader, void *arg)
{
    struct bim_fetch *fetch = arg;
    return bim_file_open(reader, fetch->door, fetch->arena, fetch->who, fetch->topic, &fetch->file);
}

static void on_opened(void *arg, rb_err err)
{
    struct bim_fetch *fetch = arg;
    if (fetch->is_gone) {
        if (!err) close(fetch->file.fd);
        end(fetch, RB_CLIENT_GONE);
    } else if (err == RB_NOT_READY) {
        fetch->await = bim_await_job(fetch->door, fetch->who, fetch->file.job.id, on_job_over, fetch);
    } else {
        end(fetch, err);
    }
}

static void read_it(struct bim_fetch *fetch)
{
    rb_store_read(fetch->door->setup.store, rb_loop_current(), open_file, on_opened, fetch);
}

void bim_fetch_start(struct bim_fetch *fetch)
{
    read_it(fetch);
}

void bim_fetch_gone(struct bim_fetch *fetch)
{
    fetch->is_gone = true;
    if (!fetch->await) return;
    bim_await_leave(fetch->await);
    fetch->await = NULL;
    end(fetch, RB_CLIENT_GONE);
}

/* ---- telling ---- */

static void on_told(struct rb_jobs_call *job)
{
    rb_jobs_call_free(job); /* a second download of the same finds it over */
}

void bim_fetch_tell(struct rb_bimserver_door *door, const struct rb_identity *who,
                    const struct rb_job_record *job, bool is_over)
{
    bool is_open_download =
        rb_str_is(job->kind, RB_BIMSERVER_DOWNLOAD_KIND) && !rb_job_state_is_final(job->state);
    if (!is_open_download) return;
    struct rb_jobs_call *told =
        bim_jobs_call(door, who, is_over ? RB_JOBS_FINISH : RB_JOBS_REPORT, on_told, NULL);
    told->number = job->number;
    told->state = RB_JOB_STATE_FINISHED;
    if (!is_over) told->report = RB_STR("{\"title\":\"Downloading...\"}");
    rb_jobs_call_send(told);
}
