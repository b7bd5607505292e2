/* Who may open a socket: users, who say who they are inside, and outside systems, whose token is looked up
 * before. A refusal is answered in this door's form. Messages may come with the request, so the link is ready
 * before it is accepted. */
#include "base/crypto.h"
#include "base/mem.h"
#include "doors/era/link.h"

#include <string.h>

static bool may_come(struct rb_era_door *door, struct rb_request *request)
{
    rb_err err = RB_OK;
    if (era_here(door)->is_closing)
        err = RB_SHUTTING_DOWN;
    else if (!rb_request_origin_allowed(request, door->setup.origins, door->setup.origin_count))
        err = RB_ORIGIN_REFUSED;
    if (err) era_answer_error(request, err, RB_STR_NONE);
    return !err;
}

/* ---- users ---- */

void era_connect_user(struct rb_request *request, void *arg)
{
    struct rb_era_door *door = arg;
    if (may_come(door, request)) era_link_accept(era_link_new(era_here(door), RB_ERA_USER), request);
}

/* ---- outside systems ---- */

struct visitor {
    struct rb_era_door *door;
    struct rb_request *request;
    struct rb_arena arena; /* for the record */
    const struct rb_identity *who;
    char *token;
    unsigned char hash[RB_SHA256_BYTES];
    struct rb_point_record point; /* id NONE: it is a token, and no more */
};

static void visitor_free(struct visitor *visitor)
{
    rb_identity_unref(visitor->who);
    rb_arena_fini(&visitor->arena);
    rb_free(visitor->token);
    rb_free(visitor);
}

static rb_err read_point(struct rb_reader *reader, void *arg)
{
    struct visitor *visitor = arg;
    rb_err err = rb_read_point(reader, &visitor->arena, visitor->hash, &visitor->point);
    return err == RB_NOT_FOUND ? RB_OK : err;
}

static struct rb_session *session_of(const struct visitor *visitor)
{
    const struct rb_point_record *point = &visitor->point;
    return rb_session_open(visitor->door->setup.sessions,
                           &(struct rb_session){.who = visitor->who,
                                                .user_id = point->user_id,
                                                .roles = point->roles,
                                                .capabilities = point->capabilities},
                           true);
}

static struct era_link *link_of(struct visitor *visitor)
{
    struct era_link *link = era_link_new(era_here(visitor->door), RB_ERA_TOKEN);
    link->point =
        (struct era_point){rb_str_dup(visitor->point.id), rb_str_dup(visitor->point.type), visitor->token};
    visitor->token = NULL;
    return link;
}

static rb_err admit(struct visitor *visitor)
{
    struct rb_session *session = session_of(visitor);
    if (!session) return RB_OVERLOADED;
    struct era_link *link = link_of(visitor);
    rb_err err = era_link_authorize(link, session);
    if (err) {
        rb_session_unref(session);
        era_link_free(link);
        return err;
    }
    if (era_link_accept(link, visitor->request) && link->state == LINK_OPEN) era_link_started(link);
    return RB_OK;
}

static bool comes_from_there(const struct visitor *visitor)
{
    char address[RB_ADDRESS_TEXT_BYTES];
    rb_request_peer(visitor->request, address);
    return !visitor->point.addresses.p || rb_address_in_list(rb_str_of(address), visitor->point.addresses);
}

static void on_point(void *arg, rb_err err)
{
    struct visitor *visitor = arg;
    struct rb_request *request = visitor->request;
    if (!err && era_here(visitor->door)->is_closing) err = RB_SHUTTING_DOWN;
    if (!err && !comes_from_there(visitor))
        era_answer_error(request, RB_FORBIDDEN, RB_STR("This token is not good for this address."));
    else if (err || (err = admit(visitor)))
        era_answer_error(request, err, RB_STR_NONE);
    visitor_free(visitor);
}

static void on_checked(void *arg, rb_err err, const struct rb_identity *who)
{
    struct visitor *visitor = arg;
    if (err) {
        era_answer_error(visitor->request, err, RB_STR_NONE);
        visitor_free(visitor);
        return;
    }
    visitor->who = rb_identity_ref(who);
    rb_store_read(visitor->door->setup.store, rb_loop_current(), read_point, on_point, visitor);
}

void era_connect_token(struct rb_request *request, void *arg)
{
    struct rb_era_door *door = arg;
    rb_str token = rb_request_param(request, "token");
    if (!token.n) token = rb_auth_bearer(rb_request_header(request, "Authorization"));
    if (!may_come(door, request)) return;
    if (!token.n) {
        era_answer_error(request, RB_UNAUTHENTICATED, RB_STR_NONE);
        return;
    }
    struct visitor *visitor = rb_new(struct visitor);
    visitor->door = door;
    visitor->request = request;
    visitor->token = rb_str_dup(token);
    rb_sha256(token, visitor->hash);
    rb_auth_check(door->setup.auth, rb_str_of(visitor->token), on_checked, visitor);
}
