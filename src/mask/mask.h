/* Which columns are masked from whom, and by which expression. Pure: policies say which columns, the
 * catalogue says where else their values are: in partitions and children, in what these are parts of, in
 * views and materialised views, in generated columns, in the catalogues that hold samples of data. What
 * cannot be proven clear is masked. doc/masking.md is the reference. */
#ifndef POSTERN_MASK_MASK_H
#define POSTERN_MASK_MASK_H
#include "policy/masks.h"
#include "sql/masking.h"

/* For sql_understand_masked; borrows the ruleset. */
struct sql_masking mask_masking(const struct policy_ruleset *ruleset);

/* Why a column is masked: for `policy explain`. */
enum mask_reason {
    MASK_CLEAR = 0,
    MASK_BY_POLICY,     /* a pattern or a tag names it */
    MASK_BY_RELATIVE,   /* a partition, child or parent has it, and there it is named */
    MASK_BY_VIEW,       /* it is a view's column, and made of one that is masked */
    MASK_BY_OPAQUE,     /* it is a view's column, and nobody can say what of */
    MASK_BY_TYPE,       /* it holds whole rows of a relation that has masked columns */
    MASK_BY_GENERATED,  /* it is generated in a table that has masked columns */
    MASK_BY_DEFINITION, /* it is a catalogue's, and holds the texts of definitions */
    MASK_BY_CATALOGUE   /* it is a catalogue's, and holds data or secrets */
};
struct mask_choice {
    enum mask_reason reason;
    struct policy_mask mask;
    const struct catalog_relation *because; /* the relation whose column is named; NULL: itself, or none */
};
/* attribute from 1. */
struct mask_choice mask_choose(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                               const struct catalog_relation *relation, int attribute);
/* Whether the column is somebody's business whoever asks: it has a tag, a mask of any policy speaks of it, or
 * it holds what such a column holds. Of a view only what is said of the view's column itself: what it is made
 * of has its own answer. */
bool mask_is_sensitive(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                       const struct catalog_relation *relation, int attribute);
const char *mask_reason_text(enum mask_reason reason);

/* The mask as an expression of the column's type (of a domain: what the domain is over). p == NULL: the arena
 * is full. */
struct bytes mask_expression(const struct policy_mask *mask, const struct catalog_view *view,
                             const struct catalog_column *column, struct bytes reference,
                             struct arena *arena);

/* Columns and functions of the server's own that give the texts of definitions (definition.def), and what
 * such a text goes through: the arguments of pg_catalog.regexp_replace behind the first. */
bool mask_definition_holds(struct bytes schema, struct bytes relation, struct bytes column);
bool mask_definition_given(struct bytes function);
struct bytes mask_definition_arguments(void);

/* Columns of the server's own catalogues, and of well-known extensions, that hold data or secrets
 * (catalogue.def). */
bool mask_catalogue_holds(struct bytes schema, struct bytes relation, struct bytes column);
#endif
