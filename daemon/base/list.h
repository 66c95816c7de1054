/* list: a doubly linked list whose links live in its members. A node that is in no list points to
 * itself, so list_remove() may be called twice. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* The struct that a link is part of. */
#define list_entry(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* Walks from oldest to newest; the body may remove `at` itself, and nothing else. */
#define list_each(at, head)                                                   \
    for (struct list *at = (head)->next, *at##_next = at->next; at != (head); \
         at = at##_next, at##_next = at->next)

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

/* Adds node behind the last one. node must be in no list. */
static inline void list_append(struct list *l, struct list *node)
{
    node->prev = l->prev;
    node->next = l;
    l->prev->next = node;
    l->prev = node;
}

static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Takes the oldest node out, or returns NULL. */
static inline struct list *list_take(struct list *l)
{
    struct list *node = l->next;

    if (node == l)
        return NULL;
    list_remove(node);
    return node;
}

#endif
