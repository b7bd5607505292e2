/* Links: temporary public URLs of files, "/temp/<name>", for whoever has the name: 160 random bits and the
 * file's ending.
 *
 * A link has its own copy of the contents (a hard link or reflink where the file system and the file allow
 * it), so what becomes of the source does not matter. It goes when its time is over (a fetch that has begun
 * may finish) or with the process: `links/` is emptied at the start. Any thread; "blocking": worker pool. */
#ifndef RB_FILES_LINKS_H
#define RB_FILES_LINKS_H

#include "files/files.h"
#include "http/http.h"

enum { RB_LINK_NAME_BYTES = 48, RB_LINK_TTL_MS = 300 * 1000, RB_LINKS_MAX = 100000 };

struct rb_links;
struct rb_links *rb_links_new(struct rb_files *files);
void rb_links_run(struct rb_links *links,
                  struct rb_loop *loop);    /* before the loops run: where expired ones are removed */
void rb_links_free(struct rb_links *links); /* after the loops have ended; NULL is fine */

struct rb_link_spec {
    int fd;          /* of a regular file, to be copied from its start; stays the caller's */
    rb_str label;    /* download name; its ending, if 1 to 10 of a-z 0-9, becomes the link's */
    rb_str type;     /* media type; NONE: by the label's ending */
    uint64_t ttl_ms; /* at most a day */
};
/* out_name without "/temp/". RB_TOO_MANY_REQUESTS (RB_LINKS_MAX), RB_DISK_FULL, RB_STORE_FAILED. Blocking. */
rb_err rb_links_make(struct rb_links *links, const struct rb_link_spec *spec,
                     char out_name[RB_LINK_NAME_BYTES]);

/* GET and HEAD /temp/{name}: ranges, Content-Disposition with the label, Cache-Control: private, no-store,
 * Referrer-Policy: no-referrer; 404 for what is not (or no more) there. */
rb_err rb_links_add_routes(struct rb_links *links, struct rb_router *router);

#endif
