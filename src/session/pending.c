/* The queue of unanswered messages. */
#include "session/pending.h"
#include <stdlib.h>
#include <string.h>

enum { SPARE_ROOM = 512 };

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

bool pending_keep_text(struct pendings *all, struct pending *p, struct bytes text)
{
    struct text_kept *kept = all->spare;
    if (kept && kept->room >= text.n) {
        all->spare = NULL;
    } else {
        size_t room = text.n < SPARE_ROOM ? SPARE_ROOM : text.n;
        kept = malloc(sizeof *kept + room);
        if (!kept) return false;
        kept->room = room;
    }
    memcpy(kept + 1, text.p, text.n);
    kept->text = bytes_make(kept + 1, text.n);
    p->text_kept = kept;
    return true;
}

static void text_forget(struct pendings *all, struct text_kept *kept)
{
    if (!kept) return;
    if (all->spare || kept->room > SPARE_ROOM)
        free(kept);
    else
        all->spare = kept;
}

static void pending_clear(struct pendings *p, struct pending *e, struct bindings *b)
{
    binding_release(b, e->binding);
    if (e->understood) understood_unpin(b->cache, e->understood);
    if (e->limited_by) understood_unpin(b->cache, e->limited_by);
    free(e->refusal);
    text_forget(p, e->text_kept);
    while (e->changes) {
        struct name_change *change = e->changes;
        e->changes = change->next;
        binding_release(b, change->binding);
        free(change);
    }
}

void pending_drop(struct pendings *p, struct bindings *b, uint32_t i)
{
    pending_clear(p, pending_at(p, i), b);
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
    free(p->spare);
    *p = (struct pendings){ 0 };
}
