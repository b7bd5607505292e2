/* Intrusive doubly linked ring. A head and a node are the same struct; an unlinked node points nowhere.
 * No allocation; the owner of the list says which thread. */
#ifndef RB_BASE_LIST_H
#define RB_BASE_LIST_H

#include "base/check.h"

#include <stdbool.h>

struct rb_list {
    struct rb_list *next, *prev;
};

static inline void rb_list_init(struct rb_list *head)
{
    head->next = head->prev = head;
}

static inline bool rb_list_is_empty(const struct rb_list *head)
{
    return head->next == head;
}

static inline bool rb_list_is_linked(const struct rb_list *node)
{
    return node->next != NULL;
}

static inline void rb_list_push_back(struct rb_list *head, struct rb_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

static inline void rb_list_push_front(struct rb_list *head, struct rb_list *node)
{
    rb_list_push_back(head->next, node);
}

/* Safe on a node that is not linked. */
static inline void rb_list_remove(struct rb_list *node)
{
    if (!node->next) return;
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->next = node->prev = NULL;
}

static inline struct rb_list *rb_list_pop_front(struct rb_list *head)
{
    if (rb_list_is_empty(head)) return NULL;
    struct rb_list *node = head->next;
    rb_list_remove(node);
    return node;
}

/* Moves all nodes of `from` to `to`, which must be empty. */
static inline void rb_list_move_all(struct rb_list *to, struct rb_list *from)
{
    rb_list_init(to);
    if (rb_list_is_empty(from)) return;
    *to = *from;
    to->next->prev = to;
    to->prev->next = to;
    rb_list_init(from);
}

/* The body may remove `it` itself, and nothing else. */
#define RB_LIST_EACH(it, head)                                                                               \
    for (struct rb_list *it = (head)->next, *it##_next = it->next; it != (head);                             \
         it = it##_next, it##_next = it->next)

#endif
