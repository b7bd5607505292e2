/* What a client calls a file and what the disk calls it have nothing to do with each other: on disk it is the
 * number of its version, and which version a name stands for is a table in memory. So the worst name is only
 * a strange label, a replacement is one change of the table, and whoever has the old version open reads it to
 * its end.
 *
 * The table is behind one lock, the disk is not: a file is at its place before the table knows it, and
 * forgotten by the table before it is removed. */
#include "files/scratch.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/utf8.h"
#include "files/copy_file.h"
#include "files/files_private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct entry {
    struct rb_scratch_file file; /* name: in text */
    char text[];
};

struct directory {
    rb_str session; /* in text */
    struct rb_map entries;
    uint64_t bytes;
    char text[];
};

struct rb_scratches {
    struct rb_files *files;
    uint64_t bytes_max;
    uint32_t files_max;
    pthread_mutex_t lock;
    struct rb_map directories;
    uint64_t last_version;
};

/* ---- names ---- */

static bool is_control(const char *p, size_t bytes)
{
    unsigned char c = (unsigned char)p[0];
    if (bytes == 2) return c == 0xc2 && (unsigned char)p[1] < 0xa0; /* U+0080 to U+009F */
    return bytes == 1 && (c < 0x20 || c == 0x7f);
}

bool rb_scratch_name_is_valid(rb_str name)
{
    if (name.n == 0 || name.n > RB_SCRATCH_NAME_BYTES_MAX) return false;
    if (rb_str_is(name, ".") || rb_str_is(name, "..")) return false;
    for (size_t at = 0; at < name.n;) {
        size_t bytes = rb_utf8_length(rb_str_from(name, at));
        if (bytes == 0 || is_control(name.p + at, bytes) || name.p[at] == '/' || name.p[at] == '\\')
            return false;
        at += bytes;
    }
    return true;
}

/* ---- on disk ---- */

enum { PATH_BYTES = 32 };

static const char *path_of(uint64_t version, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "scratch/%016llx", (unsigned long long)version);
    return out;
}

static void remove_version(struct rb_scratches *scratches, uint64_t version)
{
    char path[PATH_BYTES];
    unlinkat(scratches->files->dir_fd, path_of(version, path), 0);
}

/* ---- the table ---- Under the lock. */

static struct directory *directory_of(struct rb_scratches *scratches, rb_str session)
{
    struct directory *directory = rb_map_get(&scratches->directories, session);
    if (directory) return directory;
    directory = rb_alloc(sizeof *directory + session.n);
    memcpy(directory->text, session.p, session.n);
    directory->session = rb_str_make(directory->text, session.n);
    rb_map_put(&scratches->directories, directory->session, directory);
    return directory;
}

static void forget_if_empty(struct rb_scratches *scratches, struct directory *directory)
{
    if (directory->entries.count > 0) return;
    rb_map_remove(&scratches->directories, directory->session);
    rb_map_fini(&directory->entries);
    rb_free(directory);
}

static const struct entry *find(struct rb_scratches *scratches, rb_str session, rb_str name)
{
    const struct directory *directory = rb_map_get(&scratches->directories, session);
    return directory ? rb_map_get(&directory->entries, name) : NULL;
}

static rb_err judge(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how, rb_str name,
                    uint64_t bytes)
{
    const struct directory *directory = rb_map_get(&scratches->directories, session);
    const struct entry *former = find(scratches, session, name);
    uint64_t others = (directory ? directory->bytes : 0) - (former ? former->file.bytes : 0);
    if (how == RB_SCRATCH_CREATE && former) return RB_CONFLICT;
    if (how == RB_SCRATCH_REPLACE && !former) return RB_NOT_FOUND;
    if (!former && directory && directory->entries.count >= scratches->files_max) return RB_QUOTA_EXCEEDED;
    return others > scratches->bytes_max || bytes > scratches->bytes_max - others ? RB_QUOTA_EXCEEDED : RB_OK;
}

/* Takes it out; the caller frees it and removes its version. NULL: there is none. */
static struct entry *take_out(struct directory *directory, rb_str name)
{
    struct entry *entry = rb_map_remove(&directory->entries, name);
    if (entry) directory->bytes -= entry->file.bytes;
    return entry;
}

/* ---- putting ---- */

static rb_err judge_locked(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how,
                           rb_str name, uint64_t bytes, uint64_t *out_version)
{
    if (!rb_scratch_name_is_valid(name)) return RB_BAD_NAME;
    pthread_mutex_lock(&scratches->lock);
    rb_err err = judge(scratches, session, how, name, bytes);
    if (!err) *out_version = ++scratches->last_version;
    pthread_mutex_unlock(&scratches->lock);
    return err;
}

static struct entry *new_entry(rb_str name, uint64_t version, uint64_t bytes)
{
    struct entry *entry = rb_alloc(sizeof *entry + name.n);
    memcpy(entry->text, name.p, name.n);
    entry->file = (struct rb_scratch_file){.name = rb_str_make(entry->text, name.n),
                                           .bytes = bytes,
                                           .modified_ms = rb_clock_wall_ms(),
                                           .version = version};
    return entry;
}

/* The file of this version is at its place; from now on the name means it, or it is removed. */
static rb_err enter(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how, rb_str name,
                    uint64_t version, uint64_t bytes, struct rb_scratch_file *out)
{
    struct entry *entry = new_entry(name, version, bytes), *outdated = entry;
    pthread_mutex_lock(&scratches->lock);
    /* Much may have happened since this was asked first. */
    rb_err err = judge(scratches, session, how, name, bytes);
    if (!err) {
        struct directory *directory = directory_of(scratches, session);
        outdated = take_out(directory, name);
        entry->file.is_replacement = outdated != NULL;
        rb_map_put(&directory->entries, entry->file.name, entry);
        directory->bytes += bytes;
        if (out) *out = entry->file;
        if (out) out->name = name;
    }
    pthread_mutex_unlock(&scratches->lock);
    if (outdated) remove_version(scratches, outdated->file.version);
    rb_free(outdated);
    return err;
}

static rb_err move_in(struct rb_scratches *scratches, const char *path, uint64_t version)
{
    char to[PATH_BYTES];
    return renameat(AT_FDCWD, path, scratches->files->dir_fd, path_of(version, to)) == 0 ? RB_OK
                                                                                         : file_errno(errno);
}

rb_err rb_scratch_put(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how, rb_str name,
                      rb_str path, struct rb_scratch_file *out)
{
    struct stat stat;
    uint64_t version;
    char *text = rb_str_dup(path);
    rb_err err = lstat(text, &stat) == 0 && S_ISREG(stat.st_mode) ? RB_OK : RB_STORE_FAILED;
    if (!err) err = judge_locked(scratches, session, how, name, (uint64_t)stat.st_size, &version);
    if (!err) err = move_in(scratches, text, version);
    if (err)
        unlink(text);
    else
        err = enter(scratches, session, how, name, version, (uint64_t)stat.st_size, out);
    rb_free(text);
    return err;
}

rb_err rb_scratch_put_copy(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how,
                           rb_str name, int fd, struct rb_scratch_file *out)
{
    struct stat stat;
    uint64_t version, bytes;
    char path[PATH_BYTES];
    if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode)) return RB_STORE_FAILED;
    rb_err err = judge_locked(scratches, session, how, name, (uint64_t)stat.st_size, &version);
    if (!err)
        err = copy_file(fd, scratches->files->dir_fd, path_of(version, path), scratches->bytes_max, &bytes);
    return err ? err : enter(scratches, session, how, name, version, bytes, out);
}

/* ---- looking ---- */

uint64_t rb_scratch_room(struct rb_scratches *scratches, rb_str session)
{
    pthread_mutex_lock(&scratches->lock);
    const struct directory *directory = rb_map_get(&scratches->directories, session);
    uint64_t room = scratches->bytes_max - (directory ? directory->bytes : 0);
    pthread_mutex_unlock(&scratches->lock);
    return room;
}

static int compare_files(const void *a, const void *b)
{
    return rb_str_cmp(((const struct rb_scratch_file *)a)->name, ((const struct rb_scratch_file *)b)->name);
}

void rb_scratch_list(struct rb_scratches *scratches, rb_str session, struct rb_arena *arena,
                     struct rb_scratch_file **out_files, uint32_t *out_count)
{
    uint32_t count = 0;
    size_t at = 0;
    pthread_mutex_lock(&scratches->lock);
    const struct directory *directory = rb_map_get(&scratches->directories, session);
    struct rb_scratch_file *files =
        rb_arena_array(arena, struct rb_scratch_file, (directory ? directory->entries.count : 0) + 1);
    const struct entry *entry;
    while (directory && (entry = rb_map_next(&directory->entries, &at)) != NULL) {
        files[count] = entry->file;
        files[count++].name = rb_arena_copy(arena, entry->file.name);
    }
    pthread_mutex_unlock(&scratches->lock);
    qsort(files, count, sizeof *files, compare_files);
    *out_files = files;
    *out_count = count;
}

rb_err rb_scratch_find(struct rb_scratches *scratches, rb_str session, rb_str name,
                       struct rb_scratch_file *out)
{
    pthread_mutex_lock(&scratches->lock);
    const struct entry *entry = find(scratches, session, name);
    if (entry) *out = entry->file;
    pthread_mutex_unlock(&scratches->lock);
    if (!entry) return RB_NOT_FOUND;
    out->name = name;
    return RB_OK;
}

rb_err rb_scratch_open(struct rb_scratches *scratches, rb_str session, rb_str name, int *out_fd,
                       struct rb_scratch_file *out)
{
    struct rb_scratch_file found;
    char path[PATH_BYTES];
    uint64_t bytes;
    rb_err err = rb_scratch_find(scratches, session, name, &found);
    while (!err) {
        err = file_open_at(scratches->files->dir_fd, path_of(found.version, path), out_fd, &bytes);
        if (err != RB_EXPIRED) break;
        /* It went after the table was asked: was it replaced meanwhile? */
        uint64_t version = found.version;
        err = rb_scratch_find(scratches, session, name, &found);
        if (!err && found.version == version) err = RB_STORE_FAILED;
    }
    if (!err) *out = found;
    return err;
}

/* ---- removing ---- */

rb_err rb_scratch_delete(struct rb_scratches *scratches, rb_str session, rb_str name)
{
    pthread_mutex_lock(&scratches->lock);
    struct directory *directory = rb_map_get(&scratches->directories, session);
    struct entry *entry = directory ? take_out(directory, name) : NULL;
    if (entry) forget_if_empty(scratches, directory);
    pthread_mutex_unlock(&scratches->lock);
    if (!entry) return RB_NOT_FOUND;
    remove_version(scratches, entry->file.version);
    rb_free(entry);
    return RB_OK;
}

/* With its files; nobody else knows it any more. */
static void free_directory(struct rb_scratches *scratches, struct directory *directory)
{
    size_t at = 0;
    struct entry *entry;
    while ((entry = rb_map_next(&directory->entries, &at)) != NULL) {
        remove_version(scratches, entry->file.version);
        rb_free(entry);
    }
    rb_map_fini(&directory->entries);
    rb_free(directory);
}

struct dropping {
    struct rb_scratches *scratches;
    struct directory *directory;
};

static void drop_on_pool(void *arg)
{
    struct dropping *dropping = arg;
    free_directory(dropping->scratches, dropping->directory);
}

void rb_scratch_drop(struct rb_scratches *scratches, struct rb_loop *loop, rb_str session)
{
    pthread_mutex_lock(&scratches->lock);
    struct directory *directory = rb_map_remove(&scratches->directories, session);
    pthread_mutex_unlock(&scratches->lock);
    if (!directory) return;
    struct dropping *dropping = rb_new(struct dropping);
    *dropping = (struct dropping){scratches, directory};
    rb_loop_work(loop, drop_on_pool, rb_free, dropping);
}

/* ---- all of them ---- */

struct rb_scratches *rb_scratches_new(struct rb_files *files, uint64_t bytes_max, uint32_t files_max)
{
    struct rb_scratches *scratches = rb_new(struct rb_scratches);
    *scratches = (struct rb_scratches){.files = files, .bytes_max = bytes_max, .files_max = files_max};
    pthread_mutex_init(&scratches->lock, NULL);
    /* Clients keep what they have seen of a server before this one. */
    scratches->last_version = rb_random_u64();
    return scratches;
}

void rb_scratches_free(struct rb_scratches *scratches)
{
    if (!scratches) return;
    size_t at = 0;
    struct directory *directory;
    while ((directory = rb_map_next(&scratches->directories, &at)) != NULL)
        free_directory(scratches, directory);
    rb_map_fini(&scratches->directories);
    pthread_mutex_destroy(&scratches->lock);
    rb_free(scratches);
}
