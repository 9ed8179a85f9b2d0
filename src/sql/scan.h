/* Masking at the scan: each reference to a relation with masked columns becomes a sub-select over it, which
 * yields the same columns in the same order, the masked ones as expressions (doc/masking.md). Where no
 * sub-select fits (the target of a write) references in RETURNING become the expression, and all others are
 * refused. Private to the files that walk.
 *
 * What is always true: a relation with masked columns that the walk meets is in `items`; each of them is in
 * an edit, or is a target whose references were all looked at, or the statement is unmaskable. proof.c shows
 * that the edited text is the text with these sub-selects and nothing else. */
#ifndef POSTERN_SQL_SCAN_H
#define POSTERN_SQL_SCAN_H
#include "sql/lineage.h"
#include "sql/masking.h"
#include "sql/proof.h"

enum {
    SCAN_CEILING = 20000, /* masked references of one text */
    SCAN_ALL = INT16_MAX, /* an attribute: all columns, by a star */
    SCAN_XMIN = -2        /* the system column of that name */
};

struct scan_token {
    uint32_t from, to;
    uint8_t kind; /* enum token_kind; no white space, no comments */
};
/* One mention of a relation with masked columns. */
struct scan_item {
    const struct sql_statement *statement;
    const RangeVar *node;
    const RangeTableSample *sample; /* around it */
    const struct catalog_relation *relation;
    const uint8_t *masked;
    bool target; /* it is written, or copied */
    bool looked; /* of a target: lineage has looked at what refers to it */
    bool met;    /* lineage has read the FROM that it stands in */
    bool whole;  /* all its columns are used: by a join that merges, or renames */
    bool shared; /* another relation of that name stands beside it: the sub-select gets an alias of its own */
    bool read;   /* its rows come out of it */
};
/* An edit of the text on its way. Those of one place stand in the order of `rank`. */
struct scan_edit {
    uint32_t at, remove;
    int rank;
    struct bytes insert;
};
enum { SCAN_RANK_BEHIND = -1, SCAN_RANK_BEFORE = 0, SCAN_RANK_NAME = 1 };
struct scans {
    const struct sql_masking *masking;
    const struct catalog_view *view;
    struct arena *arena;
    struct bytes text;
    struct scan_token *tokens;
    size_t n_tokens;
    struct scan_item *items;
    size_t n_items, items_size;
    const RangeTableSample **samples;
    size_t n_samples, samples_size;
    struct scan_found {
        const ColumnRef *ref;
        const struct range *range;
        int attribute;
    } * found; /* what references to items that are read mean */
    size_t n_found, found_size, n_settled;
    const ColumnRef **seen; /* references that lineage looked up */
    size_t n_seen, seen_size;
    bool prunes;            /* and that is all there are in the statement */
    const ColumnRef **refs; /* that have an edit */
    size_t n_refs, refs_size;
    struct scan_edit *edits;
    size_t n_edits, edits_size;
    struct proof_edit *nodes;
    size_t n_nodes, nodes_size;
    struct buf templates; /* what was written, statement by statement, for the proof */
    int n_templates;
};

/* scan.c: what the walk meets. */
void scan_relation(struct walk *walk, const RangeVar *node, struct walk_at at);
void scan_sample(struct walk *walk, const RangeTableSample *sample);
/* Behind the walk and the lineage of one statement: its edits, and the marks on its columns. */
void scan_finish(struct walk *walk, const Node *top, bool gave_up);
/* The first thing that cannot be masked. */
void scan_unmaskable(struct walk *walk, struct bytes says, struct bytes hint);
struct scan_item *scan_item_of(struct scans *scans, const RangeVar *node);
bool scan_edit_add(struct walk *walk, uint32_t at, uint32_t remove, int rank, struct bytes insert);
/* The template behind a node's edit: all that stands between SELECT and the semicolon. */
void scan_node_add(struct walk *walk, struct proof_edit edit, struct bytes template);
bool scan_node_has(const struct scans *scans, const void *node, enum proof_kind kind);
void *scan_larger(struct walk *walk, const void *old, size_t n, size_t *size, size_t element);

/* The templates as one text with a NUL behind it. */
struct bytes scan_templates(struct scans *scans);
/* Whether an edited text names no relation with masked columns more often than the walk has met one. */
bool scan_all_masked(struct scans *scans, const List *statements);

/* scan-token.c: where in the text something stands. */
bool scan_tokens(struct scans *scans);
/* The index of the token that begins there; n_tokens: none does. */
size_t scan_token_at(const struct scans *scans, int location);
/* Behind a dotted name of that many parts; more than n_tokens: it is no such name. */
size_t scan_name_end(const struct scans *scans, size_t at, int parts);
bool scan_word(const struct scans *scans, size_t at, const char *word);
bool scan_mark(const struct scans *scans, size_t at, char mark);
/* Behind the parenthesis that closes the one at `at`; more than n_tokens: there is none. */
size_t scan_closing(const struct scans *scans, size_t at);

/* scan-alias.c. The name by which a range is referred to in what is written. */
struct bytes scan_alias(struct walk *walk, const struct range *range);
struct bytes scan_alias_of(struct walk *walk, const struct scan_item *item);
/* A relation comes to stand beside those of the scope: two of one name and no alias, as in FROM a.t, b.t. */
void scan_beside(struct lineage *l, const struct scope *scope, const struct range *range);
/* A name that stands for several ranges. */
void scan_ambiguous(struct lineage *l, const struct range *const *ranges, size_t n);
/* What is locked by the name of one that has another alias by now. */
void scan_locks(struct lineage *l, const struct scope *scope, const SelectStmt *s);
/* Behind the lineage of a statement: names before a dot that a sub-select's alias does not have. */
void scan_settle(struct walk *walk);

/* scan-definition.c: calls that give the text of a definition. */
void scan_definition(struct walk *walk, const FuncCall *call);
void scan_definition_from(struct walk *walk, const RangeFunction *from);

/* scan-need.c: which columns a sub-select has to have, so that a login which may read no other ones can use
 * it. */
void scan_saw(struct lineage *l, const ColumnRef *ref);
void scan_whole(struct lineage *l, const struct scope_item *items, size_t n);
/* Behind the lineage of a statement: whether it saw each reference in it. */
void scan_need(struct walk *walk, const Node *top, bool gave_up);
/* A flag for each column; NULL: all. */
const bool *scan_needed(struct walk *walk, const struct scan_item *item);
/* Whether the statement refers to xmin; it can have it only where what is needed is known. */
bool scan_needs_xmin(const struct scans *scans, const struct scan_item *item);

/* scan-text.c: what is written. p == NULL: there is no memory, and the walk has trouble. */
struct bytes scan_quoted(struct walk *walk, struct bytes name);
/* "a, <mask> AS b, …"; qualifier: what stands before each column ("c."), or nothing; needed: see scan_needed.
 */
struct bytes scan_columns(struct walk *walk, const struct catalog_relation *relation, const uint8_t *masked,
                          const bool *needed, struct bytes qualifier);
struct bytes scan_guard(struct walk *walk, const struct catalog_relation *relation, const uint8_t *masked);

struct scan_place {
    size_t first, end; /* tokens */
    uint32_t from, to; /* bytes */
};
/* scan-refer.c. False: it is not found, and that is told. */
bool scan_place_of(struct walk *walk, const ColumnRef *ref, struct scan_place *out);
/* Whether the reference has an edit; it has one from now on. */
bool scan_is_done(struct walk *walk, const ColumnRef *ref);
/* Lineage found what a reference means. attribute 0: the whole row. */
void scan_refer(struct lineage *l, const struct range *range, int attribute);
/* A column of the target that ON CONFLICT names: the server would look for its real values. */
void scan_conflict(struct lineage *l, const struct range *target, int attribute);
/* `*` or `x.*`. */
void scan_refer_star(struct lineage *l, const struct scope *scope, const ColumnRef *ref);

/* scan-group.c: behind all of a query's clauses. */
void scan_group(struct lineage *l, const struct scope *scope, const SelectStmt *s);
#endif
