/* What this protocol has over HTTP beside its calls: /upload, /bulkupload, /download, BIMbots (/servicelist,
 * /services), addresses that end in ".getbimserveraddress", and what it says to strange origins and paths. */
#ifndef RB_BIMSERVER_FILES_WEB_H
#define RB_BIMSERVER_FILES_WEB_H

#include "doors/bimserver/door.h"

/* All of it below the door's path, with OPTIONS (cors.c). After door->web is filled. */
rb_err bim_add_file_routes(struct rb_bimserver_door *door, struct rb_router *router);
/* Of one loop, on it: what is still to be pushed of BIMbots is given up (bots_push.c). */
void bim_bots_close(struct bim_here *here);

/* ---- its routes ---- Those of one handler, at most. Their arg is the door's struct bim_web. `path` goes on
 * behind the door's. */
rb_err bim_add_route(const struct bim_web *web, struct rb_router *router, enum rb_http1_method method,
                     const char *path, const struct rb_route *route);
rb_err bim_add_upload_routes(const struct bim_web *web, struct rb_router *router);   /* upload.c */
rb_err bim_add_bulk_routes(const struct bim_web *web, struct rb_router *router);     /* bulk.c */
rb_err bim_add_download_routes(const struct bim_web *web, struct rb_router *router); /* download.c */
rb_err bim_add_bots_routes(const struct bim_web *web, struct rb_router *router);     /* bots.c */

/* ---- cors.c ---- */
/* Before a request is looked at: adds the headers of CORS. False: it was answered, since its origin may not
 * come here. */
bool bim_is_admitted(struct rb_request *request, const struct bim_web *web);
void bim_admit(struct rb_request *request, const struct bim_web *web); /* struct bim_web has it */
void bim_on_head(struct rb_request *request, void *web);               /* an on_head that does no more */
/* "http://host/path", without a slash at its end, where the client reaches the door; in the request's arena.
 */
rb_str bim_base(struct rb_request *request, const struct bim_web *web);

/* ---- web_token.c ---- */
/* Calls `handler` once, at once or later. who is there as long as the request; NULL unless err is RB_OK. */
typedef void bim_known_fn(struct rb_request *request, struct rb_bimserver_door *door, rb_err err,
                          const struct rb_identity *who);
void bim_web_check(struct rb_request *request, struct rb_bimserver_door *door, rb_str token,
                   bim_known_fn *handler);
rb_str bim_web_token(struct rb_request *request); /* of the query, or of a header; NONE */
/* A number of the query; 0: there is none. */
uint64_t bim_web_number(struct rb_request *request, const char *name);
/* One line of text, for people. message NONE: the reason's sentence. */
void bim_web_fail(struct rb_request *request, rb_err err, rb_str message);

/* ---- download_pack.c ---- */
/* Whether Accept-Encoding (RFC 9110 section 12.5.3) allows gzip and asks for it. Pure. */
bool bim_wants_gzip(rb_str accept_encoding);
/* Whether packing makes less of a file of this type. Pure. */
bool bim_is_packable(rb_str type);

#endif
