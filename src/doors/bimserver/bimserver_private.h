/* What the files of this door share. */
#ifndef RB_BIMSERVER_PRIVATE_H
#define RB_BIMSERVER_PRIVATE_H

#include "doors/bimserver/call.h"
#include "doors/bimserver/table.h"
#include "http/http.h"
#include "net/admission.h"

/* ---- handlers ---- One a row of methods.def, some for several. Meta, Admin and bim_auth_get_access_method
 * are in meta*.c and about.c. */
#define BIM_INTERFACE(name, dialects, doc)
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc) bim_handler_fn handler;
#include "doors/bimserver/methods.def"
#undef BIM_INTERFACE
#undef BIM_METHOD
extern bim_handler_fn *const bim_handlers[]; /* in the order of bim_methods (handlers.c) */

/* ---- calls by HTTP (web.c) ---- Below the door's path: json, json/..., soap11/INTERFACE, soap12/INTERFACE,
 * with OPTIONS. Borrowed for the routes' life. */
struct bim_web {
    const struct bim_host *host;
    rb_str path; /* begins and ends with '/' */
    rb_str site; /* "https://host", for the addresses in WSDL; NONE: as the request's Host says, by http */
    size_t body_max; /* of a call, with its file in base64 */
    /* When a head has come: adds the headers of CORS to the answer. An origin that may not is answered there.
     */
    void (*admit)(struct rb_request *request, const struct bim_web *web);
};
rb_err bim_web_add_routes(const struct bim_web *web, struct rb_router *router);

/* ---- calls by Protocol Buffers (pb_socket.c) ---- What one loop has of it. */
struct bim_pb_setup {
    const struct bim_host *host;
    struct rb_net *net;
    struct rb_admission *admission; /* NULL: nothing of it */
    size_t message_max;
    uint32_t connections_max; /* of this loop; more are closed at once */
    uint32_t request_ms;      /* for the next bytes of a request that has begun */
    uint32_t idle_ms;         /* for the next request */
};
struct bim_pb_server;
struct bim_pb_server *bim_pb_server_new(const struct bim_pb_setup *setup);
void bim_pb_accept(void *server, int take_fd, const struct sockaddr_storage *peer); /* an rb_accept_fn */
void bim_pb_server_close(struct bim_pb_server *server); /* each connection after the answer that is due */
void bim_pb_server_free(struct bim_pb_server *server);  /* when all are closed and answered; NULL is fine */

#endif
