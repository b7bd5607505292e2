/* Which handler a path belongs to: a tree of path elements.
 *
 * A path is cut at its slashes before anything is decoded, so that a coded slash stays inside its element. At
 * each node the literal child is tried first, then the parameter, then the rest; a branch that ends without
 * the wanted method is left again, so POST /jobs/batch does not hide GET /jobs/{id}. What such branches know
 * of other methods is collected for 405 and Allow. The search visits no node twice, so its cost is bounded by
 * the patterns, not by the path. */
#include "base/map.h"
#include "base/mem.h"
#include "http/http_private.h"

enum { ELEMENTS_MAX = 32, METHODS = RB_HTTP1_OTHER + 1 };

struct node {
    struct node *older; /* of all nodes, to free them */
    struct rb_map literals;
    struct node *param;
    struct route *here[METHODS]; /* of paths that end here */
    struct route *rest[METHODS]; /* of paths that go on in whatever way */
};

struct rb_router {
    struct rb_arena arena; /* nodes, routes and names */
    struct node *newest;
    struct node *root;
};

static struct node *node_new(struct rb_router *router)
{
    struct node *node = rb_arena_new(&router->arena, struct node);
    node->older = router->newest;
    router->newest = node;
    return node;
}

struct rb_router *rb_router_new(void)
{
    struct rb_router *router = rb_new(struct rb_router);
    router->root = node_new(router);
    return router;
}

void rb_router_free(struct rb_router *router)
{
    if (!router) return;
    for (struct node *node = router->newest; node; node = node->older) rb_map_fini(&node->literals);
    rb_arena_fini(&router->arena);
    rb_free(router);
}

/* ---- adding ---- */

static bool is_dots(rb_str element)
{
    return rb_str_is(element, ".") || rb_str_is(element, "..");
}

static bool is_name(rb_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], letter = (char)(c | 0x20);
        if (!(letter >= 'a' && letter <= 'z') && !(c >= '0' && c <= '9') && c != '_') return false;
    }
    return s.n > 0;
}

static bool add_name(struct route *route, rb_str name)
{
    if (!is_name(name) || route->name_count == RB_ROUTE_PARAMS_MAX) return false;
    for (unsigned i = 0; i < route->name_count; i++)
        if (rb_str_eq(route->names[i], name)) return false;
    route->names[route->name_count++] = name;
    return true;
}

enum element_kind { LITERAL, PARAM, REST, MALFORMED };

/* Tells the kinds apart and notes the names of parameters. */
static enum element_kind read_element(struct route *route, rb_str element, bool is_last)
{
    bool has_braces = rb_str_find(element, '{') >= 0 || rb_str_find(element, '}') >= 0;
    if (!has_braces) return is_dots(element) || (element.n == 0 && !is_last) ? MALFORMED : LITERAL;
    if (element.p[0] != '{' || element.p[element.n - 1] != '}') return MALFORMED;
    rb_str name = rb_str_sub(element, 1, element.n - 2);
    bool is_rest = rb_str_ends(name, RB_STR("..."));
    if (is_rest && !is_last) return MALFORMED;
    if (is_rest) name.n -= 3;
    return !add_name(route, name) ? MALFORMED : is_rest ? REST : PARAM;
}

static struct node *literal_child(struct rb_router *router, struct node *node, rb_str element)
{
    struct node *child = rb_map_get(&node->literals, element);
    if (child) return child;
    child = node_new(router);
    rb_map_put(&node->literals, element, child);
    return child;
}

static struct node *param_child(struct rb_router *router, struct node *node)
{
    if (!node->param) node->param = node_new(router);
    return node->param;
}

/* Walks the pattern, making what is missing, and gives the place of the route; NULL when the pattern is
 * malformed. */
static struct route **make_place(struct rb_router *router, struct route *route, enum rb_http1_method method,
                                 rb_str pattern)
{
    if (!rb_str_starts(pattern, RB_STR("/"))) return NULL;
    struct node *node = router->root;
    rb_str rest = rb_str_from(pattern, 1), element;
    for (unsigned depth = 0; rb_str_split(&rest, '/', &element); depth++) {
        if (depth == ELEMENTS_MAX) return NULL;
        switch (read_element(route, element, rest.p == NULL)) {
        case LITERAL: node = literal_child(router, node, element); break;
        case PARAM: node = param_child(router, node); break;
        case REST: return &node->rest[method];
        case MALFORMED: return NULL;
        }
    }
    return &node->here[method];
}

rb_err rb_router_add_route(struct rb_router *router, enum rb_http1_method method, rb_str pattern,
                           const struct rb_route *what)
{
    struct route *route = rb_arena_new(&router->arena, struct route);
    *route = (struct route){.what = *what};
    struct route **place = make_place(router, route, method, rb_arena_copy(&router->arena, pattern));
    if (!place) return RB_BAD_NAME;
    if (*place) return RB_CONFLICT;
    *place = route;
    return RB_OK;
}

rb_err rb_router_add(struct rb_router *router, enum rb_http1_method method, rb_str pattern, size_t body_max,
                     rb_handler_fn *handler, void *arg)
{
    struct rb_route what = {.handler = handler, .arg = arg, .body_max = body_max};
    return rb_router_add_route(router, method, pattern, &what);
}

/* ---- finding ---- */

struct walk {
    enum rb_http1_method method;
    rb_str path;
    rb_str elements[ELEMENTS_MAX]; /* decoded */
    size_t starts[ELEMENTS_MAX];   /* where each begins in the path */
    size_t count;                  /* of all elements; those above ELEMENTS_MAX can only be part of a rest */
    size_t rest_min;               /* a rest may begin here: after the last element with a slash inside */
    struct rb_arena *arena;
    struct route_match *match;
};

static rb_err read_path(struct walk *walk)
{
    if (!rb_str_starts(walk->path, RB_STR("/"))) return RB_BAD_REQUEST;
    rb_str rest = rb_str_from(walk->path, 1), coded, element;
    rb_err err = RB_OK;
    for (; rb_str_split(&rest, '/', &coded); walk->count++) {
        if (rb_url_decode(walk->arena, coded, false, &element) != RB_OK || is_dots(element))
            return RB_BAD_REQUEST;
        if (coded.n == 0 && rest.p) err = RB_NOT_FOUND; /* "//" */
        if (rb_str_find(element, '/') >= 0) walk->rest_min = walk->count + 1;
        if (walk->count >= ELEMENTS_MAX) continue;
        walk->elements[walk->count] = element;
        walk->starts[walk->count] = (size_t)(coded.p - walk->path.p);
    }
    return err;
}

/* Whether one of these routes has the method; what methods there are is noted in any case, but for last
 * resorts: they come last, since they are a rest, and are taken when nothing was noted. */
static bool take_route(struct walk *walk, struct route *const routes[METHODS])
{
    for (unsigned i = 0; i < METHODS; i++)
        if (routes[i] && !routes[i]->what.is_last_resort) walk->match->allowed |= 1u << i;
    const struct route *route = routes[walk->method];
    if (!route && walk->method == RB_HTTP1_HEAD) route = routes[RB_HTTP1_GET];
    if (route && route->what.is_last_resort && walk->match->allowed) route = NULL;
    walk->match->route = route;
    return route != NULL;
}

static bool find_rest(struct walk *walk, const struct node *node, size_t at, unsigned params)
{
    bool is_reached = at < walk->count && at < ELEMENTS_MAX && at >= walk->rest_min;
    if (!is_reached || !take_route(walk, node->rest)) return false;
    rb_str coded = rb_str_from(walk->path, walk->starts[at]);
    return rb_url_decode(walk->arena, coded, false, &walk->match->params[params]) == RB_OK;
}

static bool find_from(struct walk *walk, const struct node *node, size_t at, unsigned params)
{
    if (at == walk->count) return take_route(walk, node->here);
    if (at < ELEMENTS_MAX) {
        rb_str element = walk->elements[at];
        const struct node *child = rb_map_get(&node->literals, element);
        if (child && find_from(walk, child, at + 1, params)) return true;
        if (node->param && element.n > 0) {
            walk->match->params[params] = element;
            if (find_from(walk, node->param, at + 1, params + 1)) return true;
        }
    }
    return find_rest(walk, node, at, params);
}

rb_err router_find(const struct rb_router *router, enum rb_http1_method method, rb_str path,
                   struct rb_arena *arena, struct route_match *out)
{
    *out = (struct route_match){0};
    struct walk walk = {.method = method, .path = path, .arena = arena, .match = out};
    rb_err err = read_path(&walk);
    if (err) return err;
    if (find_from(&walk, router->root, 0, 0)) return RB_OK;
    return out->allowed ? RB_METHOD_NOT_ALLOWED : RB_NOT_FOUND;
}

rb_str allow_text(struct rb_arena *arena, unsigned allowed)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"};
    rb_str text = RB_STR_NONE;
    if (allowed & 1u << RB_HTTP1_GET) allowed |= 1u << RB_HTTP1_HEAD;
    allowed |= 1u << RB_HTTP1_OPTIONS;
    for (unsigned i = 0; i < RB_COUNT(names); i++) {
        if (!(allowed & 1u << i)) continue;
        text = rb_arena_fmt(arena, "%.*s%s%s", RB_STR_FMT(text), text.n ? ", " : "", names[i]);
    }
    return text;
}
