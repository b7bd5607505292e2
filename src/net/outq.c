#include "base/mem.h"
#include "net/net_private.h"

#include <unistd.h>

struct rb_outq *outq_of(struct rb_stream *stream)
{
    if (stream->out) return stream->out;
    struct rb_net *net = stream->net;
    struct rb_outq *out = net->spare;
    net->spare = NULL;
    if (!out) {
        out = rb_new(struct rb_outq);
        out->cap = 4;
        out->entries = rb_new_array(struct out_entry, out->cap);
    }
    out->stream = stream;
    stream->out = out;
    return out;
}

static struct out_entry *entry_at(struct rb_outq *out, unsigned i)
{
    return &out->entries[(out->first + i) & (out->cap - 1)];
}

void outq_push(struct rb_outq *out, struct out_entry entry)
{
    if (out->count == out->cap) {
        struct out_entry *grown = rb_new_array(struct out_entry, (size_t)out->cap * 2);
        for (unsigned i = 0; i < out->count; i++) grown[i] = *entry_at(out, i);
        rb_free(out->entries);
        out->entries = grown;
        out->first = 0;
        out->cap *= 2;
    }
    out->count++;
    *entry_at(out, out->count - 1) = entry;
    if (entry.frame) out->bytes += entry.left;
}

struct out_entry *outq_head(struct rb_outq *out)
{
    return out && out->count ? entry_at(out, 0) : NULL;
}

void outq_pop(struct rb_outq *out, bool is_sent)
{
    struct out_entry *entry = entry_at(out, 0);
    struct rb_mark *marks = entry->marks;
    if (entry->frame) {
        out->bytes -= entry->left;
        rb_blob_unref(entry->frame);
    } else {
        close(entry->fd);
    }
    out->first = (out->first + 1) & (out->cap - 1);
    out->count--;
    rb_marks_reach(marks, is_sent);
}

void outq_drop(struct rb_stream *stream)
{
    struct rb_outq *out = stream->out;
    if (!out) return;
    while (out->count) outq_pop(out, false);
    rb_timer_stop(&out->stall);
    stream->out = NULL;
    out->first = 0;
    if (!stream->net->spare && out->cap <= 16) {
        stream->net->spare = out;
        return;
    }
    rb_free(out->entries);
    rb_free(out);
}

void rb_stream_mark(struct rb_stream *stream, struct rb_mark *mark)
{
    struct rb_outq *out = stream->out;
    if (stream->state != RB_STREAM_OPEN)
        mark->reached(mark, false);
    else if (!outq_head(out))
        mark->reached(mark, true);
    else
        rb_marks_add(&entry_at(out, out->count - 1)->marks, mark);
}
