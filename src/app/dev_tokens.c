#include "app/dev_tokens.h"

#include "auth/login.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define API_CLIENT "dev-api"

static bool take_value(rb_str text, rb_str name, char out[RB_TOKEN_TEXT_BYTES])
{
    rb_str line;
    while (rb_str_split(&text, '\n', &line)) {
        if (!rb_str_starts(line, name) || line.n <= name.n + 1 || line.n - name.n - 1 >= RB_TOKEN_TEXT_BYTES)
            continue;
        rb_str value = rb_str_from(line, name.n + 1);
        memcpy(out, value.p, value.n);
        out[value.n] = '\0';
        return true;
    }
    return false;
}

/* What is in the file, by the names of its lines. */
static const struct secret {
    const char *name, *prefix;
    size_t at; /* in the struct */
} secrets[] = {
    {"export RINGBACK_TOKEN", "rb_", offsetof(struct rb_dev_tokens, client)},
    {"export RINGBACK_BACKEND_TOKEN", "rb_", offsetof(struct rb_dev_tokens, backend)},
    {"export RINGBACK_API_TOKEN", "rb_", offsetof(struct rb_dev_tokens, api)},
    {"export RINGBACK_PASSWORD", "", offsetof(struct rb_dev_tokens, password)},
};

static char *place_of(struct rb_dev_tokens *tokens, const struct secret *secret)
{
    return (char *)tokens + secret->at;
}

/* What the file does not have is made; *out_is_complete: nothing was. */
static void read_tokens(const char *path, struct rb_dev_tokens *out, bool *out_is_complete)
{
    char text[2048];
    size_t n = 0;
    FILE *file = fopen(path, "re");
    if (file) {
        n = fread(text, 1, sizeof text, file);
        fclose(file);
    }
    *out_is_complete = true;
    for (size_t i = 0; i < RB_COUNT(secrets); i++) {
        char *place = place_of(out, &secrets[i]);
        size_t prefix_bytes = strlen(secrets[i].prefix);
        if (take_value(rb_str_make(text, n), rb_str_of(secrets[i].name), place)) continue;
        *out_is_complete = false;
        memcpy(place, secrets[i].prefix, prefix_bytes);
        rb_random_text(place + prefix_bytes, 32);
    }
}

static bool write_tokens(const char *path, const char *url, struct rb_dev_tokens *tokens, struct rb_buf *why)
{
    struct rb_buf text = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rb_buf_add_fmt(&text,
                   "# Made by `ringback dev`; for shells: . dev.env\n"
                   "export RINGBACK_URL=%s\nexport RINGBACK_USER=%s\n",
                   url, RB_DEV_USER);
    for (size_t i = 0; i < RB_COUNT(secrets); i++)
        rb_buf_add_fmt(&text, "%s=%s\n", secrets[i].name, place_of(tokens, &secrets[i]));
    bool is_written = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    if (!is_written) rb_buf_add_fmt(why, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    rb_buf_fini(&text);
    return is_written;
}

/* ---- the store's side ---- */

struct lookup {
    struct rb_arena arena;
    unsigned char hash[RB_SHA256_BYTES];
    struct rb_user_record user;
};

static rb_err find_token(struct rb_reader *reader, void *arg)
{
    struct lookup *lookup = arg;
    struct rb_token_record found;
    return rb_read_token(reader, &lookup->arena, lookup->hash, &found);
}

static rb_err find_user(struct rb_reader *reader, void *arg)
{
    struct lookup *lookup = arg;
    return rb_read_user(reader, &lookup->arena, RB_STR("demo"), RB_STR(RB_DEV_USER), &lookup->user);
}

/* Of the client dev-api, made with a token that the file does not have any more. */
static rb_err find_old_point(struct rb_reader *reader, void *arg)
{
    struct lookup *lookup = arg;
    struct rb_point_record *points;
    uint32_t count;
    rb_err err = rb_read_points(reader, &lookup->arena, RB_STR("demo"), &points, &count);
    for (uint32_t i = 0; i < count && !err; i++)
        if (rb_str_is(points[i].code, API_CLIENT)) return RB_OK;
    return err ? err : RB_NOT_FOUND;
}

static rb_err add_point(struct rb_store *store, struct rb_tx *tx, struct lookup *lookup)
{
    struct rb_point_record point = {.tenant = RB_STR("demo"),
                                    .code = RB_STR(API_CLIENT),
                                    .id = RB_STR("p-dev"),
                                    .type = RB_STR("dev"),
                                    .roles = RB_STR("subscr"),
                                    .created_ms = rb_clock_wall_ms()};
    rb_err err = rb_store_read_wait(store, find_old_point, lookup);
    if (err && err != RB_NOT_FOUND) return err;
    if (!err) rb_tx_point_delete(tx, point.tenant, point.code);
    memcpy(point.hash, lookup->hash, sizeof point.hash);
    rb_tx_point_insert(tx, &point);
    return RB_OK;
}

/* Adds to the transaction what the store does not know yet. is_point: of an outside system, beside its token.
 */
static rb_err know_token(struct rb_store *store, struct rb_tx *tx, const char *token, const char *client,
                         enum rb_role role, bool is_point)
{
    struct lookup lookup = {0};
    struct rb_identity identity = {.tenant = RB_STR("demo"), .client = rb_str_of(client), .role = role};
    rb_sha256(rb_str_of(token), lookup.hash);
    rb_err err = rb_store_read_wait(store, find_token, &lookup);
    if (err == RB_NOT_FOUND) {
        err = is_point ? add_point(store, tx, &lookup) : RB_OK;
        rb_token_add(tx, rb_str_of(token), &identity, identity.client, 0);
    }
    rb_arena_fini(&lookup.arena);
    return err;
}

/* is_new: the file did not have this password; who has the directory has the user. */
static rb_err know_user(struct rb_store *store, struct rb_tx *tx, const char *password, bool is_new)
{
    struct lookup lookup = {0};
    char verifier[RB_PASSWORD_VERIFIER_BYTES];
    rb_err err = rb_store_read_wait(store, find_user, &lookup);
    rb_arena_fini(&lookup.arena);
    bool is_known = err == RB_OK;
    if (is_known && !is_new) return RB_OK;
    if (err && err != RB_NOT_FOUND) return err;
    if (!rb_password_verifier(rb_str_of(password), verifier)) return RB_OUT_OF_MEMORY;
    if (is_known)
        rb_tx_user_password(tx, RB_STR("demo"), RB_STR(RB_DEV_USER), rb_str_of(verifier));
    else
        rb_tx_user_insert(tx, &(struct rb_user_record){.tenant = RB_STR("demo"),
                                                       .login = RB_STR(RB_DEV_USER),
                                                       .id = RB_STR("u-dev"),
                                                       .name = RB_STR("Demo"),
                                                       .verifier = rb_str_of(verifier),
                                                       .roles = RB_STR("subscr"),
                                                       .created_ms = rb_clock_wall_ms()});
    return RB_OK;
}

bool rb_dev_tokens_open(struct rb_store *store, rb_str data, const char *url, struct rb_dev_tokens *out,
                        struct rb_buf *why)
{
    char path[4096];
    bool is_complete;
    snprintf(path, sizeof path, "%.*s/dev.env", RB_STR_FMT(data));
    read_tokens(path, out, &is_complete);
    struct rb_tx *tx = rb_tx_new();
    rb_err err = know_token(store, tx, out->client, "dev-client", RB_ROLE_CLIENT, false);
    if (!err) err = know_token(store, tx, out->backend, "dev-backend", RB_ROLE_BACKEND, false);
    if (!err) err = know_token(store, tx, out->api, API_CLIENT, RB_ROLE_CLIENT, true);
    if (!err) err = know_user(store, tx, out->password, !is_complete);
    if (!err) err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    if (err) rb_buf_add_text(why, rb_reason(err)->sentence);
    return !err && write_tokens(path, url, out, why);
}
