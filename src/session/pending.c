/* The queue of unanswered messages. */
#include "session/pending.h"
#include <stdlib.h>
#include <string.h>

struct pending *pending_push(struct pendings *p, enum pending_kind kind)
{
    if (p->n == p->size) {
        uint32_t size = p->size ? p->size * 2 : 8;
        struct pending *ring = size <= PENDING_CEILING ? malloc(size * sizeof *ring) : NULL;
        if (!ring) return NULL;
        for (uint32_t i = 0; i < p->n; i++)
            ring[i] = *pending_at(p, i);
        free(p->ring);
        p->ring = ring;
        p->first = 0;
        p->size = size;
    }
    struct pending *e = pending_at(p, p->n++);
    *e = (struct pending){ .kind = (uint8_t)kind, .columns = -1 };
    return e;
}

bool pending_keep_text(struct pending *p, struct bytes text)
{
    p->text_kept = malloc(sizeof *p->text_kept + text.n);
    if (!p->text_kept) return false;
    memcpy(p->text_kept + 1, text.p, text.n);
    *p->text_kept = bytes_make(p->text_kept + 1, text.n);
    return true;
}

static void pending_clear(struct pending *e, struct bindings *b)
{
    binding_release(b, e->binding);
    if (e->understood) understood_unpin(b->cache, e->understood);
    if (e->limited_by) understood_unpin(b->cache, e->limited_by);
    free(e->refusal);
    free(e->text_kept);
    while (e->changes) {
        struct name_change *change = e->changes;
        e->changes = change->next;
        binding_release(b, change->binding);
        free(change);
    }
}

void pending_drop(struct pendings *p, struct bindings *b, uint32_t i)
{
    pending_clear(pending_at(p, i), b);
    for (; i > 0; i--)
        *pending_at(p, i) = *pending_at(p, i - 1);
    p->first = (p->first + 1) & (p->size - 1);
    p->n--;
}

void pending_free_all(struct pendings *p, struct bindings *b)
{
    while (p->n)
        pending_drop(p, b, 0);
    free(p->ring);
    *p = (struct pendings){ 0 };
}
