/* Where values of masked columns come out under another name: views and materialised views that are made of
 * them, and partitions, parents and rows of them that no mask names. They are masked there all the same, by
 * the closure (mask.h); whoever writes policies wants to know, since the mask there may hide more, and since
 * rights on a view are given apart. For lint. */
#ifndef POSTERN_MASK_EXPORTS_H
#define POSTERN_MASK_EXPORTS_H
#include "mask/mask.h"

struct mask_export {
    const struct catalog_relation *relation;
    struct bytes columns;      /* "mail, m": its columns that show something of it */
    struct mask_choice choice; /* of the first of them */
};
/* Each relation of the catalogue that is not the server's own and has such columns; with its columns that are
 * named by a mask left out. What visit gets is borrowed until it returns. */
void mask_exports(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                  void (*visit)(void *context, const struct mask_export *found), void *context);
#endif
