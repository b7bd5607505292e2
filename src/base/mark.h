/* Marks: who wants to know when what was sent so far is out puts one behind it. A mark hangs at the output
 * that stands before it, wherever that waits, and costs nothing where there is none.
 *
 * `reached` is called once: is_written, when all of it was handed over; else when it never will be, since the
 * connection has ended first. From inside the writing: to be noted only, nothing may be sent or closed. The
 * mark's memory is then its owner's again. One thread. */
#ifndef RB_BASE_MARK_H
#define RB_BASE_MARK_H

#include <stdbool.h>
#include <stddef.h>

struct rb_mark {
    struct rb_mark *next; /* at the same place */
    void (*reached)(struct rb_mark *mark, bool is_written);
};

static inline void rb_marks_add(struct rb_mark **marks, struct rb_mark *mark)
{
    mark->next = *marks;
    *marks = mark;
}

/* Takes one away; NULL: there are none. */
static inline struct rb_mark *rb_marks_pop(struct rb_mark **marks)
{
    struct rb_mark *mark = *marks;
    if (mark) *marks = mark->next;
    return mark;
}

static inline void rb_marks_reach(struct rb_mark *marks, bool is_written)
{
    for (struct rb_mark *mark; (mark = rb_marks_pop(&marks)) != NULL;) mark->reached(mark, is_written);
}

#endif
