/* Copying a principal from one lifetime to another. */
#include "identity/principal.h"

bool principal_copy(struct arena *arena, const struct principal *from, struct principal *to)
{
    struct principal copy = *from;
    struct bytes *texts[] = { &copy.user,  &copy.subject,  &copy.issuer, &copy.on_behalf_of,
                              &copy.actor, &copy.token_id, &copy.claims };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        *texts[i] = arena_copy(arena, *texts[i]);
        if (!texts[i]->p) return false;
    }
    copy.groups = ARENA_ARRAY(arena, struct bytes, from->n_groups + 1);
    for (size_t i = 0; copy.groups && i < from->n_groups; i++) {
        copy.groups[i] = arena_copy(arena, from->groups[i]);
        if (!copy.groups[i].p) return false;
    }
    if (copy.groups) *to = copy;
    return copy.groups != NULL;
}
