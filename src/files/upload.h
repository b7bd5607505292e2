/* Uploads: the body of a request on its way to disk, file by file, without ever being in memory as a whole.
 *
 * A multipart/form-data body (RFC 7578) is taken apart as it comes; any other body is one file. Files are
 * written in the data directory's `spool/` under names of ours, on the worker pool, and synced; the client is
 * not read from while the disk is behind. What nobody takes is removed; the directory is emptied at the
 * start. One loop. */
#ifndef RB_FILES_UPLOAD_H
#define RB_FILES_UPLOAD_H

#include "files/files.h"
#include "http/http.h"

enum {
    RB_UPLOAD_FIELD_BYTES_MAX = 64 * 1024,
    RB_UPLOAD_PARTS_MAX = 1000,
    RB_UPLOAD_PART_HEAD_MAX = 8 * 1024
};

enum rb_upload_coding { RB_UPLOAD_PLAIN, RB_UPLOAD_GZIP, RB_UPLOAD_DEFLATE /* zlib, RFC 1950 */ };

struct rb_upload;

/* Valid until on_file_done returns; its slices as long as the request. */
struct rb_upload_file {
    rb_str field, name,
        type; /* as the client says; name is decoded, else untouched: a label. May be empty, type NONE */
    uint64_t bytes_max; /* at first what the route allows a body. on_file may set it; counted after decoding.
                           Beyond: RB_BODY_TOO_LARGE */
    enum rb_upload_coding coding; /* on_file may set it: the file is kept decoded; damaged: RB_BAD_REQUEST */
    rb_err err;                   /* then: RB_OK, or why it is not there */
    uint64_t bytes;
    rb_str path; /* absolute, in spool/, ends with a zero; whoever renames or links it away has taken it */
};

struct rb_upload_ops {
    /* A part without a file name; the slices are valid during the call. An error ends the upload with it.
     * NULL: passed over. */
    rb_err (*on_field)(struct rb_upload *upload, rb_str name, rb_str value);
    /* A file begins. An error: it is read away, on_file_done gets it as file->err, and the upload goes on.
     * NULL: fine. */
    rb_err (*on_file)(struct rb_upload *upload, struct rb_upload_file *file);
    /* On the pool, in order, one at a time, and nothing else of the upload is called meanwhile (the request's
     * arena may be used): the file is complete and synced; the place to put it where it belongs. Returned as
     * file->err; the file is removed if it is still there. NULL: it stays until the request is freed. */
    rb_err (*commit)(struct rb_upload *upload, struct rb_upload_file *file);
    /* On the loop, for each file that on_file was called for, in order; also when the upload ends in the
     * middle of it. NULL: nothing of it. */
    void (*on_file_done)(struct rb_upload *upload, const struct rb_upload_file *file);
    /* Once, unless the client went before (then on_gone). The request is to be answered, now or later, and is
     * the caller's as any other from here on (arg, on_gone); the upload lives as long. RB_OK: the body came
     * to its end; RB_BAD_REQUEST (malformed multipart, with `why`), RB_BODY_TOO_LARGE, RB_REQUEST_TIMEOUT,
     * RB_OUT_OF_MEMORY, an error of on_field; RB_DISK_FULL, RB_STORE_FAILED, which are logged. */
    void (*on_done)(struct rb_upload *upload, rb_err err);
    /* The client went; the last call. Nothing is to be answered. NULL: nothing of it. */
    void (*on_gone)(struct rb_upload *upload);
};

struct rb_upload {
    struct rb_request *request;
    const struct rb_upload_ops *ops;
    void *arg;
    rb_str why; /* of an error; may be NONE */
};

/* From inside on_head of a route whose handler is rb_upload_handle and whose on_refused is rb_upload_refused;
 * takes over request->arg and on_gone. Memory is the request's; who has work of its own that uses it keeps
 * the request. None of the calls comes from inside this. */
struct rb_upload *rb_upload_begin(struct rb_files *files, struct rb_request *request,
                                  const struct rb_upload_ops *ops, void *arg);
void rb_upload_handle(struct rb_request *request, void *arg);
/* A request that is refused before its upload began (request->arg is NULL) is answered with a problem body.
 */
void rb_upload_refused(struct rb_request *request, void *arg, rb_err err);
bool rb_upload_is_multipart(const struct rb_request *request);

#endif
