/* Which columns that are somebody's business a statement shows, and whether as their masks: what the record
 * says of a result, and what the index answers "who saw this column" from. doc/masking.md, "Who saw what". */
#ifndef POSTERN_MASK_SEEN_H
#define POSTERN_MASK_SEEN_H
#include "mask/mask.h"
#include "sql/facts.h"

enum { SEEN_LIST_CEILING = 32 << 10 }; /* bytes of one list */

/* Lists with ", " between their members, in the arena; empty: there is none. A column is
 * schema.relation.column, each part in double quotes where it is no plain word. */
struct mask_seen {
    struct bytes masked;   /* columns that come out as their masks */
    struct bytes clear;    /* sensitive ones (mask_is_sensitive) that come out as they are */
    struct bytes untraced; /* relations that are read by what was understood without a catalogue, where
                              somebody is masked: any of their columns may come out */
    struct bytes outputs;  /* for each column of the result "masked", "clear" or "-"; empty where all are "-",
                              or  where it is not known which there are */
    struct bytes values; /* for each column of the result the columns whose values are to be indexed and that
                            it is made of, clear, with "+" between, or "-"; empty where all are "-" */
    size_t n_left_out;   /* members that the ceiling left no room for */
};
/* view == NULL: without a catalogue. False: there is no memory. */
bool mask_seen_of(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                  const struct sql_statement *statement, struct arena *arena,
                  struct mask_seen *seen_out) MUST_USE;
/* The next member of such a list; *list becomes what is behind it. False: there is none. */
bool mask_seen_next(struct bytes *list, struct bytes *member_out);
#endif
