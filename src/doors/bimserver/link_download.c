/* {"action":"download","topicId":N} on the stream: the file of a topic in binary frames, each with a head
 * that says of which topic it is. Three layouts, by what the server says it is and by how it was asked:
 * servers up to 1.4 knew `longActionId` and counted the frames; those of 1.5 gave the topic; since 1.5.137 a
 * mark tells data from the end.
 *
 * A piece is read on the pool when the one before it is with the kernel, so a download costs one piece of
 * memory, however slow its client is. */
#include "base/mem.h"
#include "doors/bimserver/coerce.h"
#include "doors/bimserver/fetch.h"
#include "doors/bimserver/link.h"

#include <string.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, HEAD_MAX = 16 };
enum layout { LAYOUT_COUNTED, LAYOUT_PLAIN, LAYOUT_MARKED };

struct link_download {
    struct link_work work;
    struct rb_arena arena;
    struct bim_fetch fetch;
    const struct rb_identity *who; /* referenced */
    enum layout layout;
    struct rb_mark mark;
    struct rb_timer next; /* from a mark, which must only note, to the next piece */
    bool is_marked;       /* the mark hangs somewhere */
    bool is_reading;      /* on the pool */
    bool is_fetching;
    uint64_t at;
    uint32_t count;
    rb_err err;
    struct rb_buf piece;
};

static void download_free(struct link_download *download)
{
    rb_timer_stop(&download->next);
    if (download->fetch.file.fd >= 0) close(download->fetch.file.fd);
    rb_identity_unref(download->who);
    rb_buf_fini(&download->piece);
    rb_arena_fini(&download->arena);
    rb_free(download);
}

/* Whoever still has it frees it. */
static void leave(struct link_work *work)
{
    struct link_download *download = RB_OUTER(work, struct link_download, work);
    rb_timer_stop(&download->next);
    if (download->is_fetching)
        bim_fetch_gone(&download->fetch);
    else if (!download->is_reading && !download->is_marked)
        download_free(download);
}

static void end(struct link_download *download)
{
    bim_link_work_end(&download->work);
    download_free(download);
}

/* ---- frames ---- */

static void put_little(char *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) out[i] = (char)(value >> 8 * i & 0xff);
}

static void put_head(struct link_download *download, bool is_end)
{
    char head[HEAD_MAX];
    uint64_t topic = download->fetch.topic;
    size_t n = 8;
    switch (download->layout) {
    case LAYOUT_COUNTED:
        for (unsigned i = 0; i < 4; i++) head[i] = (char)(topic >> (24 - 8 * i) & 0xff);
        put_little(head + 4, download->count++, 4);
        break;
    case LAYOUT_PLAIN: put_little(head, topic, 8); break;
    case LAYOUT_MARKED:
        put_little(head, topic, 8);
        put_little(head + 8, is_end, 8);
        n = 16;
        break;
    }
    rb_buf_add(&download->piece, head, n);
}

static void send_piece(struct link_download *download)
{
    struct rb_socket *socket = &download->work.link->socket;
    rb_socket_send(socket, download->piece.failed
                               ? NULL
                               : rb_socket_frame(RB_WS_BINARY, rb_buf_str(&download->piece)));
    rb_buf_clear(&download->piece);
}

static void finish(struct link_download *download)
{
    if (download->layout == LAYOUT_MARKED) {
        put_head(download, true);
        send_piece(download);
    }
    bim_fetch_tell(download->fetch.door, download->who, &download->fetch.file.job, true);
    end(download);
}

/* ---- piece by piece ---- */

static void read_piece(struct link_download *download);

static void on_next(struct rb_timer *timer)
{
    struct link_download *download = RB_OUTER(timer, struct link_download, next);
    if (download->at < download->fetch.file.bytes)
        read_piece(download);
    else
        finish(download);
}

static void on_reached(struct rb_mark *mark, bool is_written)
{
    struct link_download *download = RB_OUTER(mark, struct link_download, mark);
    (void)is_written;
    download->is_marked = false;
    if (download->work.link)
        rb_timer_start(download->work.link->here->loop, &download->next, 0, on_next);
    else
        download_free(download);
}

static void read_on_pool(void *arg)
{
    struct link_download *download = arg;
    const struct bim_file *file = &download->fetch.file;
    size_t wanted = PIECE_BYTES;
    if (file->bytes - download->at < wanted) wanted = (size_t)(file->bytes - download->at);
    put_head(download, false);
    if (!rb_buf_reserve(&download->piece, wanted)) return;
    ssize_t n = pread(file->fd, download->piece.p + download->piece.n, wanted, (off_t)download->at);
    if (n <= 0 && wanted > 0) {
        download->err = RB_STORE_FAILED;
        return;
    }
    download->piece.n += (size_t)n;
    download->at += (uint64_t)n;
}

static void on_read(void *arg)
{
    struct link_download *download = arg;
    download->is_reading = false;
    if (!download->work.link) {
        download_free(download);
        return;
    }
    if (download->err) {
        end(download);
        return;
    }
    send_piece(download);
    download->is_marked = true;
    rb_stream_mark(&download->work.link->socket.stream, &download->mark);
}

static void read_piece(struct link_download *download)
{
    download->is_reading = true;
    rb_loop_work(download->work.link->here->loop, read_on_pool, on_read, download);
}

/* ---- beginning ---- */

static void on_fetched(struct bim_fetch *fetch)
{
    struct link_download *download = fetch->arg;
    download->is_fetching = false;
    if (fetch->err) fetch->file.fd = -1;
    if (!download->work.link) {
        download_free(download);
    } else if (fetch->err) {
        end(download); /* the topic itself says how it is with it */
    } else {
        bim_fetch_tell(fetch->door, download->who, &fetch->file.job, false);
        read_piece(download);
    }
}

static uint64_t number_of(rb_json_val frame, const char *key, struct rb_arena *arena)
{
    struct bim_value value = {0};
    bim_coerce(&(struct bim_type){.kind = BIM_LONG}, rb_json_get(frame, key), arena, &value);
    return value.number > 0 ? (uint64_t)value.number : 0;
}

/* Since 1.5.137. */
static bool has_mark(rb_str version)
{
    static const uint64_t since[] = {1, 5, 137};
    rb_str part;
    for (size_t i = 0; i < RB_COUNT(since); i++) {
        uint64_t number = 0;
        if (!rb_str_split(&version, '.', &part) || !rb_str_u64(part, UINT32_MAX, &number)) return false;
        if (number != since[i]) return number > since[i];
    }
    return true;
}

void bim_link_download(struct bim_link *link, rb_json_val frame)
{
    if (link->state != LINK_OPEN) return;
    struct rb_bimserver_door *door = link->here->door;
    struct link_download *download = rb_new(struct link_download);
    uint64_t topic = number_of(frame, "topicId", &download->arena),
             action = number_of(frame, "longActionId", &download->arena);
    download->work.leave = leave;
    download->mark.reached = on_reached;
    download->who = rb_identity_ref(link->who);
    download->layout = action ? LAYOUT_COUNTED : has_mark(door->setup.version) ? LAYOUT_MARKED : LAYOUT_PLAIN;
    download->fetch = (struct bim_fetch){.door = door,
                                         .who = download->who,
                                         .arena = &download->arena,
                                         .topic = topic ? topic : action,
                                         .done = on_fetched,
                                         .arg = download,
                                         .file.fd = -1};
    if (!bim_link_work_begin(link, &download->work)) {
        download_free(download);
        return;
    }
    download->is_fetching = true;
    bim_fetch_start(&download->fetch);
}
