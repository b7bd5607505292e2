/* The name of a link is all that its reader needs, so it is made of random bits, is written to no log, and no
 * answer lets it be kept by caches or handed on as a referrer. The table in memory says what there is; a file
 * of the same name in `links/` holds the contents, for itself: another name of a result, which never changes,
 * else a copy.
 *
 * A link is over by the clock, at each fetch; the sweep only frees what it held. */
#include "files/links.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "files/copy_file.h"
#include "files/files_private.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    SWEEP_MS = 5000,
    DAY_MS = 24 * 60 * 60 * 1000,
    RANDOM_CHARACTERS = 32 /* of 5 bits */,
    ENDING_MAX = 10
};

struct link {
    char name[RB_LINK_NAME_BYTES];
    rb_str label, type; /* label: in text; type: static, or in text */
    uint64_t expires_ms;
    struct link *next; /* of those that are to be removed */
    char text[];
};

struct rb_links {
    struct rb_files *files;
    struct rb_loop *loop; /* that of the sweep */
    struct rb_timer sweep;
    pthread_mutex_t lock;
    struct rb_map table;
    size_t coming; /* being made; they count */
};

/* ---- names ---- */

static void put_ending(char *out, rb_str label)
{
    size_t n = 0;
    while (n < label.n && label.p[label.n - 1 - n] != '.') n++;
    rb_str ending = rb_str_from(label, label.n - n);
    if (n == label.n || n == 0 || n > ENDING_MAX) return;
    for (size_t i = 0; i < n; i++) {
        char c = ending.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return;
    }
    snprintf(out, ENDING_MAX + 2, ".%.*s", RB_STR_FMT(ending));
}

static void make_name(char out[RB_LINK_NAME_BYTES], rb_str label)
{
    _Static_assert(RB_LINK_NAME_BYTES >= RANDOM_CHARACTERS + 1 + ENDING_MAX + 1, "it fits");
    unsigned char bytes[RANDOM_CHARACTERS];
    rb_random_bytes(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) out[i] = "abcdefghijklmnopqrstuvwxyz234567"[bytes[i] & 31];
    out[RANDOM_CHARACTERS] = 0;
    put_ending(out + RANDOM_CHARACTERS, label);
}

/* ---- making ---- */

static struct link *new_link(const struct rb_link_spec *spec)
{
    struct link *link = rb_alloc(sizeof *link + spec->label.n + spec->type.n);
    make_name(link->name, spec->label);
    if (spec->label.n) memcpy(link->text, spec->label.p, spec->label.n);
    if (spec->type.n) memcpy(link->text + spec->label.n, spec->type.p, spec->type.n);
    link->label = rb_str_make(link->text, spec->label.n);
    link->type = spec->type.n ? rb_str_make(link->text + spec->label.n, spec->type.n)
                              : rb_files_media_type(spec->label);
    return link;
}

static const char *path_of(const char *name, char out[RB_LINK_NAME_BYTES + 8])
{
    snprintf(out, RB_LINK_NAME_BYTES + 8, "links/%s", name);
    return out;
}

/* What nobody writes to any more: our results. */
static bool is_result(struct rb_files *files, int fd)
{
    char of_fd[32], path[4096];
    snprintf(of_fd, sizeof of_fd, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(of_fd, path, sizeof path);
    rb_str rest = rb_str_make(path, n > 0 ? (size_t)n : 0);
    return rb_str_starts(rest, files->dir) &&
           rb_str_starts(rb_str_from(rest, files->dir.n), RB_STR("/results/"));
}

static rb_err keep_contents(struct rb_links *links, int fd, const char *name)
{
    char path[RB_LINK_NAME_BYTES + 8];
    uint64_t bytes;
    path_of(name, path);
    if (is_result(links->files, fd) && link_file(fd, links->files->dir_fd, path)) return RB_OK;
    return copy_file(fd, links->files->dir_fd, path, UINT64_MAX, &bytes);
}

static bool reserve(struct rb_links *links)
{
    pthread_mutex_lock(&links->lock);
    bool is_free = links->table.count + links->coming < RB_LINKS_MAX;
    if (is_free) links->coming++;
    pthread_mutex_unlock(&links->lock);
    return is_free;
}

rb_err rb_links_make(struct rb_links *links, const struct rb_link_spec *spec,
                     char out_name[RB_LINK_NAME_BYTES])
{
    if (!reserve(links)) return RB_TOO_MANY_REQUESTS;
    struct link *link = new_link(spec);
    rb_err err = keep_contents(links, spec->fd, link->name);
    link->expires_ms = rb_clock_ms() + (spec->ttl_ms < DAY_MS ? spec->ttl_ms : DAY_MS);
    if (!err) memcpy(out_name, link->name, sizeof link->name);
    pthread_mutex_lock(&links->lock);
    links->coming--;
    if (!err) rb_map_put(&links->table, rb_str_of(link->name), link);
    pthread_mutex_unlock(&links->lock);
    if (err) rb_free(link);
    return err;
}

/* ---- fetching ---- */

struct fetch {
    struct rb_request *request;
    rb_str label, type;
};

static void answer_missing(struct rb_request *request, rb_err err)
{
    rb_answer_problem(request, err == RB_EXPIRED ? RB_NOT_FOUND : err, RB_STR_NONE);
}

static void on_opened(struct rb_file_open *open)
{
    struct fetch *fetch = open->arg;
    if (open->err)
        answer_missing(fetch->request, open->err);
    else
        rb_answer_with_file(fetch->request,
                            &(struct rb_answer_file){.take_fd = open->fd,
                                                     .bytes = open->bytes,
                                                     .label = fetch->label,
                                                     .type = fetch->type,
                                                     .etag = RB_STR("\"1\"")}); /* it never changes */
    rb_free(open);
}

static struct fetch *find(struct rb_links *links, struct rb_request *request, rb_str name)
{
    struct fetch *fetch = NULL;
    pthread_mutex_lock(&links->lock);
    const struct link *link = rb_map_get(&links->table, name);
    if (link && rb_clock_ms() < link->expires_ms) {
        fetch = rb_arena_new(&request->arena, struct fetch);
        *fetch = (struct fetch){.request = request,
                                .label = rb_arena_copy(&request->arena, link->label),
                                .type = rb_arena_copy(&request->arena, link->type)};
    }
    pthread_mutex_unlock(&links->lock);
    return fetch;
}

static void on_fetch(struct rb_request *request, void *arg)
{
    struct rb_links *links = arg;
    rb_str name = rb_request_param(request, "name");
    struct fetch *fetch = find(links, request, name);
    rb_answer_header(request, "Cache-Control", RB_STR("private, no-store"));
    rb_answer_header(request, "Referrer-Policy", RB_STR("no-referrer"));
    if (!fetch) {
        answer_missing(request, RB_NOT_FOUND);
        return;
    }
    rb_str path = rb_arena_fmt(&request->arena, "links/%.*s", RB_STR_FMT(name));
    rb_files_open_result(links->files, rb_request_loop(request), path, on_opened, fetch);
}

rb_err rb_links_add_routes(struct rb_links *links, struct rb_router *router)
{
    return rb_router_add(router, RB_HTTP1_GET, RB_STR("/temp/{name}"), 0, on_fetch, links);
}

/* ---- sweeping ---- */

/* What is over leaves the table; its files go without the lock. */
static struct link *take_expired(struct rb_links *links, uint64_t now_ms)
{
    struct link *expired = NULL, *link;
    size_t at = 0;
    pthread_mutex_lock(&links->lock);
    while ((link = rb_map_next(&links->table, &at)) != NULL) {
        if (link->expires_ms > now_ms) continue;
        rb_map_remove(&links->table, rb_str_of(link->name));
        link->next = expired;
        expired = link;
    }
    pthread_mutex_unlock(&links->lock);
    return expired;
}

static void free_links(struct rb_files *files, struct link *first)
{
    char path[RB_LINK_NAME_BYTES + 8];
    for (struct link *link = first, *next; link; link = next) {
        next = link->next;
        unlinkat(files->dir_fd, path_of(link->name, path), 0);
        rb_free(link);
    }
}

struct sweeping {
    struct rb_files *files;
    struct link *expired;
};

static void sweep_on_pool(void *arg)
{
    struct sweeping *sweeping = arg;
    free_links(sweeping->files, sweeping->expired);
}

static void on_sweep(struct rb_timer *timer)
{
    struct rb_links *links = RB_OUTER(timer, struct rb_links, sweep);
    struct link *expired = take_expired(links, rb_clock_ms());
    rb_timer_start(links->loop, timer, SWEEP_MS, on_sweep);
    if (!expired) return;
    struct sweeping *sweeping = rb_new(struct sweeping);
    *sweeping = (struct sweeping){links->files, expired};
    rb_loop_work(links->loop, sweep_on_pool, rb_free, sweeping);
}

/* ---- all of them ---- */

struct rb_links *rb_links_new(struct rb_files *files)
{
    struct rb_links *links = rb_new(struct rb_links);
    links->files = files;
    pthread_mutex_init(&links->lock, NULL);
    return links;
}

void rb_links_run(struct rb_links *links, struct rb_loop *loop)
{
    links->loop = loop;
    rb_timer_start(loop, &links->sweep, SWEEP_MS, on_sweep);
}

void rb_links_free(struct rb_links *links)
{
    if (!links) return;
    free_links(links->files, take_expired(links, UINT64_MAX));
    rb_map_fini(&links->table);
    pthread_mutex_destroy(&links->lock);
    rb_free(links);
}
