/* Scratch directories: the two-way file exchange of a session.
 *
 * A client's names are labels: which file on disk (a name of ours in `scratch/`) belongs to which name is
 * known in memory only, so no name can lead anywhere. Everything goes with the process: `scratch/` is emptied
 * at the start. Replacing is one change of the table: who reads the old contents reads them to the end.
 *
 * Any thread; functions that say "blocking" do renames and unlinks: worker pool. A scratch is named by its
 * session's id and comes into being with its first file. */
#ifndef RB_FILES_SCRATCH_H
#define RB_FILES_SCRATCH_H

#include "files/files.h"

enum { RB_SCRATCH_NAME_BYTES_MAX = 255 };

struct rb_scratches;
/* quota: of one directory. */
struct rb_scratches *rb_scratches_new(struct rb_files *files, uint64_t bytes_max, uint32_t files_max);
void rb_scratches_free(
    struct rb_scratches *scratches); /* after the loops have ended: blocking; NULL is fine */

/* One path element: 1 to 255 bytes of UTF-8, no '/', '\', control characters (also those of U+0080 to
 * U+009F); not "." or "..". */
bool rb_scratch_name_is_valid(rb_str name);

struct rb_scratch_file {
    rb_str name;
    uint64_t bytes, modified_ms; /* wall clock */
    uint64_t version;            /* never the same for two contents, of any scratch: for ETags */
    bool is_replacement;         /* of a put: another was there under this name */
};

enum rb_scratch_put {
    RB_SCRATCH_CREATE,  /* RB_CONFLICT when the name is there */
    RB_SCRATCH_REPLACE, /* RB_NOT_FOUND when it is not */
    RB_SCRATCH_PUT      /* either */
};

/* Puts the file at `path` (on the data directory's file system; it is renamed away, and removed on failure)
 * under `name`. RB_BAD_NAME, RB_CONFLICT, RB_NOT_FOUND, RB_QUOTA_EXCEEDED, RB_DISK_FULL, RB_STORE_FAILED.
 * Blocking. out: name is borrowed from the argument; may be NULL. Who puts while the session may end looks
 * afterwards whether it has, and drops. */
rb_err rb_scratch_put(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how, rb_str name,
                      rb_str path, struct rb_scratch_file *out);
/* The same with a copy of what an open file holds (reflinked where that is possible). Blocking. */
rb_err rb_scratch_put_copy(struct rb_scratches *scratches, rb_str session, enum rb_scratch_put how,
                           rb_str name, int fd, struct rb_scratch_file *out);
/* Bytes that may still come; for refusing an upload before it is read. */
uint64_t rb_scratch_room(struct rb_scratches *scratches, rb_str session);
/* In order of names. Slices go to the arena. No disk. */
void rb_scratch_list(struct rb_scratches *scratches, rb_str session, struct rb_arena *arena,
                     struct rb_scratch_file **out_files, uint32_t *out_count);
/* RB_NOT_FOUND. name is borrowed from the argument. No disk. */
rb_err rb_scratch_find(struct rb_scratches *scratches, rb_str session, rb_str name,
                       struct rb_scratch_file *out);
/* For reading; the descriptor is the caller's. RB_NOT_FOUND. Blocking. */
rb_err rb_scratch_open(struct rb_scratches *scratches, rb_str session, rb_str name, int *out_fd,
                       struct rb_scratch_file *out);
rb_err rb_scratch_delete(struct rb_scratches *scratches, rb_str session,
                         rb_str name); /* RB_NOT_FOUND; blocking */
/* The session has ended, or was deserted: all its files go, on the pool of `loop` (the caller's). */
void rb_scratch_drop(struct rb_scratches *scratches, struct rb_loop *loop, rb_str session);

#endif
