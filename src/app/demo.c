#include "app/demo.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool has_examples(const char *directory)
{
    char worker[PATH_MAX + 32];
    snprintf(worker, sizeof worker, "%s/localize/localize", directory);
    return access(worker, X_OK) == 0;
}

static bool find_examples(char out[PATH_MAX])
{
    char self[PATH_MAX - 32], beside[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        while (n > 0 && self[n - 1] != '/') n--;
        snprintf(beside, sizeof beside, "%.*s../examples", (int)n, self);
        if (realpath(beside, out) && has_examples(out)) return true;
    }
    snprintf(out, PATH_MAX, "/usr/share/ringback/examples");
    return has_examples(out);
}

/* Paced, so that a person can watch the progress. */
static void add_export(struct rb_buf *out, const char *kind, const char *call, const char *examples)
{
    rb_buf_add_fmt(out,
                   "  process_export_%s:\n"
                   "    routes: [\"GET /api/projects/{projectId}/process/%s\", \"POST "
                   "/api/projects/{projectId}/process/%s\"]\n"
                   "    command: [\"%s/localize/localize\", %s, \"{projectId}\"]\n"
                   "    environment: {LOCALIZE_PACE: \"0.3\"}\n"
                   "    result: zip\n"
                   "    retry: true\n",
                   kind, call, call, examples, call);
}

bool rb_demo_config(struct rb_buf *out)
{
    char examples[PATH_MAX];
    if (!find_examples(examples)) return false;
    rb_buf_add_text(out, "jobs:\n");
    add_export(out, "target", "targets", examples);
    add_export(out, "source", "sources", examples);
    add_export(out, "pseudo", "pseudo", examples);
    rb_buf_add_fmt(out,
                   "  checkin:\n"
                   "    command: [\"%s/checkin/checkin\"]\n"
                   "    environment: {CHECKIN_PACE: \"0.02\"}\n"
                   "    retry: true\n"
                   "    result_keep: 3650d\n",
                   examples);
    rb_buf_add_text(
        out, "  noop:\n" /* as little work as there can be: for measuring */
             "    command: [/bin/true]\n"
             "    concurrency: 4\n"
             "    queue_max: 1000000\n"
             "era: {enabled: true}\n"
             "bimserver: {enabled: true, default_tenant: demo, checkin: checkin, services: [checkin]}\n"
             "socketio:\n"
             "  rooms:\n"
             "    - join: joinProcessRoom\n"
             "      leave: leaveProcessRoom\n"
             "      topic: projects/{projectId}\n"
             "      key: projectId\n"
             "      kinds: [process_export_target, process_export_source, process_export_pseudo]\n");
    return !out->failed;
}
