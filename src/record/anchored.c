#include "record/anchored.h"
#include <stdlib.h>

static int by_size(const void *a, const void *b)
{
    const struct anchored_tree *x = a, *y = b;
    return x->size < y->size ? -1 : x->size > y->size;
}

static bool add(struct anchored *a, size_t *room, const struct checkpoint *c)
{
    if (a->n == *room) {
        size_t more = *room ? 2 * *room : 64;
        struct anchored_tree *trees = realloc(a->trees, more * sizeof *trees);
        if (!trees) return false;
        a->trees = trees;
        *room = more;
    }
    a->trees[a->n].size = c->size;
    memcpy(a->trees[a->n++].root, c->root, 32);
    return true;
}

enum anchored_outcome anchored_read(struct bytes notes, struct anchored *a)
{
    struct checkpoint c;
    size_t room = 0;
    *a = (struct anchored){ 0 };
    for (size_t at = 0; at < notes.n;) {
        /* What was copied by hand may have lost its last empty line, or have more of them. */
        while (at < notes.n && notes.p[at] == '\n')
            at++;
        if (at == notes.n) break;
        if (!checkpoint_next(notes, &at, &c) || !add(a, &room, &c)) return ANCHORED_MALFORMED;
        if (a->origin.n && !bytes_equal(a->origin, c.origin)) return ANCHORED_OTHER_LOGS;
        a->origin = c.origin;
    }
    if (a->n == 0) return ANCHORED_MALFORMED;
    if (a->n) qsort(a->trees, a->n, sizeof *a->trees, by_size);
    for (size_t i = 1; i < a->n; i++)
        if (a->trees[i].size == a->trees[i - 1].size &&
            memcmp(a->trees[i].root, a->trees[i - 1].root, 32) != 0)
            return ANCHORED_CONFLICT;
    while (a->at < a->n && a->trees[a->at].size == 0)
        a->at++;
    return ANCHORED_READ;
}

void anchored_free(struct anchored *a)
{
    free(a->trees);
    *a = (struct anchored){ 0 };
}

bool anchored_holds(struct anchored *a, const struct tree *tree, struct sha256 *sha)
{
    uint8_t root[32];
    if (a->at == a->n || a->trees[a->at].size != tree->size) return true;
    tree_root(tree, sha, root);
    for (; a->at < a->n && a->trees[a->at].size == tree->size; a->at++)
        if (memcmp(root, a->trees[a->at].root, sizeof root) != 0) return false;
    a->held = tree->size;
    return true;
}
