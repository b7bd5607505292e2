#include "app/dev_tokens.h"

#include "base/crypto.h"
#include "base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void read_tokens(const char *path, struct rb_dev_tokens *out)
{
    char text[1024];
    size_t n = 0;
    FILE *file = fopen(path, "re");
    if (file) {
        n = fread(text, 1, sizeof text, file);
        fclose(file);
    }
    rb_str content = rb_str_make(text, n);
    bool has_both = take_value(content, RB_STR("export RINGBACK_TOKEN"), out->client) &&
                    take_value(content, RB_STR("export RINGBACK_BACKEND_TOKEN"), out->backend);
    if (has_both) return;
    memcpy(out->client, "rb_", 3);
    rb_random_text(out->client + 3, 32);
    memcpy(out->backend, "rb_", 3);
    rb_random_text(out->backend + 3, 32);
}

static bool write_tokens(const char *path, const char *url, const struct rb_dev_tokens *tokens,
                         struct rb_buf *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && dprintf(fd,
                                         "# Made by `ringback dev`; for shells: . dev.env\n"
                                         "export RINGBACK_URL=%s\nexport RINGBACK_TOKEN=%s\n"
                                         "export RINGBACK_BACKEND_TOKEN=%s\n",
                                         url, tokens->client, tokens->backend) > 0;
    if (!is_written) rb_buf_add_fmt(why, "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return is_written;
}

/* ---- the store's side ---- */

struct lookup {
    struct rb_arena arena;
    unsigned char hash[RB_SHA256_BYTES];
};

static rb_err find_token(struct rb_reader *reader, void *arg)
{
    struct lookup *lookup = arg;
    struct rb_token_record found;
    return rb_read_token(reader, &lookup->arena, lookup->hash, &found);
}

static rb_err know_token(struct rb_store *store, const char *token, const char *client, enum rb_role role)
{
    struct lookup lookup = {0};
    rb_sha256(rb_str_of(token), lookup.hash);
    rb_err err = rb_store_read_wait(store, find_token, &lookup);
    rb_arena_fini(&lookup.arena);
    if (err != RB_NOT_FOUND) return err;
    struct rb_tx *tx = rb_tx_new();
    struct rb_identity identity = {.tenant = RB_STR("demo"), .client = rb_str_of(client), .role = role};
    rb_token_add(tx, rb_str_of(token), &identity, identity.client, 0);
    err = rb_store_commit_wait(store, tx);
    rb_tx_free(tx);
    return err;
}

bool rb_dev_tokens_open(struct rb_store *store, rb_str data, const char *url, struct rb_dev_tokens *out,
                        struct rb_buf *why)
{
    char path[4096];
    snprintf(path, sizeof path, "%.*s/dev.env", RB_STR_FMT(data));
    read_tokens(path, out);
    rb_err err = know_token(store, out->client, "dev-client", RB_ROLE_CLIENT);
    if (!err) err = know_token(store, out->backend, "dev-backend", RB_ROLE_BACKEND);
    if (err) rb_buf_add_text(why, rb_reason(err)->sentence);
    return !err && write_tokens(path, url, out, why);
}
