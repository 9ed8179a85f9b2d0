/* What policies mask: which columns, how, and what may be done with a masked one. Which relations hold a
 * column's values besides the one that a pattern names is src/mask's to find out. */
#ifndef POSTERN_POLICY_MASKS_H
#define POSTERN_POLICY_MASKS_H
#include "policy/policy.h"
#include "yaml/errors.h"

/* From the least hiding to the most. */
enum policy_mask_kind {
    POLICY_MASK_NONE = 0,
    POLICY_MASK_REPORT,     /* of values: they are shown, and counted in the record */
    POLICY_MASK_DEFINITION, /* what looks like data in the text of a definition is hidden; no policy says it
                             */
    POLICY_MASK_EMAIL,      /* the domain is shown */
    POLICY_MASK_PHONE,      /* the last two digits */
    POLICY_MASK_PARTIAL,    /* the first and last characters */
    POLICY_MASK_RANGE,      /* the lower end of the range that a number is in */
    POLICY_MASK_YEAR,       /* the first day of the year */
    POLICY_MASK_CONSTANT,   /* the same for every row */
    POLICY_MASK_REDACT,     /* ***, or NULL where the type has no such value */
    POLICY_MASK_NULL
};
struct policy_mask {
    enum policy_mask_kind kind;
    uint32_t first, last;   /* PARTIAL: characters that are shown */
    int64_t step;           /* RANGE */
    struct bytes constant;  /* CONSTANT */
    bool compared, written; /* predicates: masked; write: allow */
    bool equal;             /* predicates: equality */
    struct bytes with;      /* as it was written */
    struct bytes policy;    /* whose it is */
};
enum {
    POLICY_MASK_SHOWN_CEILING = 64,
    POLICY_MASK_CONSTANT_CEILING = 256,
    POLICY_VALUES_CONSTANT_CEILING = 16
};

/* "redact", "partial(2, 4)" …; NULL: *mask_out is it, borrowing from the text; else why it is none, as the
 * end of a sentence. */
const char *policy_mask_parse(struct bytes text, struct policy_mask *mask_out) MUST_USE;
/* Of two masks of one column: the more hiding of either, with what both allow. */
struct policy_mask policy_mask_stricter(struct policy_mask a, struct policy_mask b);

/* Whether one of the tags (of a column's comment, comma-separated) matches the pattern. */
bool policy_mask_has_tag(struct bytes tags, struct bytes pattern);

/* What one policy says of a column; kind NONE: nothing. One that observes says nothing. */
struct policy;
struct policy_mask policy_mask_by(const struct policy *policy, struct bytes schema, struct bytes relation,
                                  struct bytes column, struct bytes tags);

/* Values that are found by what they look like, wherever they come from (mask/look.h). */
enum policy_value {
    POLICY_VALUE_CARD = 0,
    POLICY_VALUE_IBAN,
    POLICY_VALUE_EMAIL,
    POLICY_VALUE_US_SSN,
    POLICY_N_VALUES
};
/* "card_number" … */
const char *policy_value_name(enum policy_value value);
/* False: it is none of them. */
bool policy_value_parse(struct bytes name, enum policy_value *value_out) MUST_USE;
/* NULL, or why the mask is none for these values (bits of 1 << enum policy_value), as the end of a sentence.
 */
const char *policy_values_wrong(const struct policy_mask *mask, uint32_t values) MUST_USE;
/* What becomes of them; kind NONE: they are not looked for. */
struct policy_values {
    uint32_t looked, masked; /* bits: looked for at all; looked for to be masked, and not only reported */
    struct policy_mask by[POLICY_N_VALUES];
};
/* Over all policies that enforce; the most hiding mask for each. */
struct policy_values policy_ruleset_values(const struct policy_ruleset *ruleset);

/* Whether some policy that enforces masks columns for this session. */
bool policy_ruleset_masks(const struct policy_ruleset *ruleset);
/* What the policies say of one column; kind NONE: nothing. tags: of its comment, comma-separated. */
struct policy_mask policy_ruleset_mask_of(const struct policy_ruleset *ruleset, struct bytes schema,
                                          struct bytes relation, struct bytes column, struct bytes tags);
/* Whether a mask of any policy of the configuration speaks of the column: be it for others, or in a policy
 * that observes. And whether there is any such mask at all. */
bool policy_ruleset_speaks_of(const struct policy_ruleset *ruleset, struct bytes schema,
                              struct bytes relation, struct bytes column, struct bytes tags);
bool policy_ruleset_masks_somebody(const struct policy_ruleset *ruleset);
/* Whether any policy of the configuration, whomever it is about, wants values of the column in the index
 * (record.values); and of any column at all. */
bool policy_ruleset_indexes(const struct policy_ruleset *ruleset, struct bytes schema, struct bytes relation,
                            struct bytes column, struct bytes tags);
bool policy_ruleset_indexes_any(const struct policy_ruleset *ruleset);
/* One policy by itself, as if nobody else's applied: for lint. False: it masks no columns, or only observes.
 */
struct policy_alone {
    struct bytes name;
    struct yaml_place place;
    const struct policy_ruleset *ruleset; /* only masks are judged by it; in the arena */
};
bool policy_masks_alone(const struct policy_snapshot *snapshot, size_t i, struct arena *arena,
                        struct policy_alone *out) MUST_USE;
/* The same masks for longer than the session lives: a copy that holds its snapshot. NULL: no memory. */
const struct policy_ruleset *policy_ruleset_hold(const struct policy_ruleset *ruleset) MUST_USE;
void policy_ruleset_release(const struct policy_ruleset *held); /* NULL is nothing */
/* Whether each sub-select is to make sure of what it masks (some policy that masks says nothing else). */
bool policy_ruleset_guards(const struct policy_ruleset *ruleset);
#endif
