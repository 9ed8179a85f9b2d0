/* References to columns of relations that are masked, as lineage resolves them. Those to what is read find
 * the sub-select by its alias; only a schema before it has to go. Those to the target of a write may stand in
 * RETURNING, where they become the mask. */
#include "sql/names.h"
#include "sql/scan.h"

static struct scans *scans_of(struct lineage *l)
{
    return l->walk->names ? l->walk->names->scans : NULL;
}

bool scan_is_done(struct walk *walk, const ColumnRef *ref)
{
    struct scans *scans = walk->names->scans;
    for (size_t i = scans->n_refs; i > 0; i--)
        if (scans->refs[i - 1] == ref) return true;
    if (scans->n_refs == scans->refs_size) {
        const ColumnRef **more =
            scan_larger(walk, scans->refs, scans->n_refs, &scans->refs_size, sizeof *more);
        if (!more) return true;
        scans->refs = more;
    }
    scans->refs[scans->n_refs++] = ref;
    return false;
}

static void note_found(struct lineage *l, const ColumnRef *ref, const struct range *range, int attribute)
{
    struct scans *scans = scans_of(l);
    for (size_t i = scans->n_found; i > 0; i--)
        if (scans->found[i - 1].ref == ref && scans->found[i - 1].range == range) return;
    if (scans->n_found == scans->found_size) {
        struct scan_found *more =
            scan_larger(l->walk, scans->found, scans->n_found, &scans->found_size, sizeof *more);
        if (!more) return;
        scans->found = more;
    }
    scans->found[scans->n_found++] = (struct scan_found){ ref, range, attribute };
}

bool scan_place_of(struct walk *walk, const ColumnRef *ref, struct scan_place *out)
{
    struct scans *scans = walk->names->scans;
    if (!scan_tokens(scans)) {
        walk->trouble = WALK_FULL;
        return false;
    }
    out->first = scan_token_at(scans, ref->location);
    out->end = scan_name_end(scans, out->first, tree_length(ref->fields));
    if (out->first == scans->n_tokens || out->end > scans->n_tokens) {
        scan_unmaskable(walk, BYTES_LITERAL("a column that is masked for you could not be found in the text"),
                        BYTES_LITERAL("Write it in another way."));
        return false;
    }
    out->from = scans->tokens[out->first].from;
    out->to = scans->tokens[out->end - 1].to;
    return true;
}

static void refuse(struct lineage *l, const struct scan_item *item, int attribute, const char *why,
                   const char *hint)
{
    struct bytes column = attribute > 0 ? item->relation->columns[attribute - 1].name : item->relation->name;
    scan_unmaskable(l->walk,
                    arena_printf(l->walk->arena, "%.*s is masked for you: %s", BYTES_FMT(column), why),
                    bytes_of(hint));
}

static struct bytes qualifier(struct lineage *l, const struct range *range)
{
    struct bytes quoted = scan_quoted(l->walk, scan_alias(l->walk, range));
    return l->walk->trouble ? (struct bytes){ 0 } : arena_printf(l->walk->arena, "%.*s.", BYTES_FMT(quoted));
}

/* An expression in the place of the reference that is looked up, by the same name. */
static void replace(struct lineage *l, struct bytes expression, struct bytes name)
{
    const ColumnRef *ref = l->ref;
    struct walk *walk = l->walk;
    struct scan_place place;
    if (!expression.p || !name.p) walk->trouble = WALK_FULL;
    if (walk->trouble || scan_is_done(walk, ref) || !scan_place_of(walk, ref, &place)) return;
    const ResTarget *item = l->returned;
    bool alone = item && item->val == (const void *)ref && !item->name;
    struct bytes written =
        alone ? arena_printf(walk->arena, "%.*s AS %.*s", BYTES_FMT(expression), BYTES_FMT(name))
              : arena_printf(walk->arena, "(%.*s)", BYTES_FMT(expression));
    scan_edit_add(walk, place.from, place.to - place.from, SCAN_RANK_BEFORE, written);
    scan_node_add(walk,
                  (struct proof_edit){ .kind = alone ? PROOF_ITEMS : PROOF_VALUE,
                                       .node = alone ? (const void *)item : ref },
                  written);
}

/* A column of the target in RETURNING. */
static void return_masked(struct lineage *l, const struct range *range, const struct scan_item *item,
                          int attribute)
{
    const struct sql_masking *masking = scans_of(l)->masking;
    struct walk *walk = l->walk;
    struct bytes before = qualifier(l, range);
    struct bytes name = scan_quoted(walk, item->relation->columns[attribute - 1].name);
    if (walk->trouble) return;
    struct bytes whole = arena_printf(walk->arena, "%.*s%.*s", BYTES_FMT(before), BYTES_FMT(name));
    replace(l,
            whole.p ? masking->expression(masking, walk->view, item->relation, attribute, whole, walk->arena)
                    : whole,
            name);
}

enum { TABLEOID = -6 };

/* When a row of the server's own catalogues changed tells nothing of anybody's data. */
static bool is_state(const struct scan_item *item, int attribute)
{
    return attribute == SCAN_XMIN && catalog_is_own(item->relation->oid);
}

/* Rows that can be no child's all have the same one: pg_dump asks for it, of each catalogue. */
static bool has_one_oid(const struct catalog_relation *relation)
{
    for (size_t i = 0; i < relation->n_ties; i++)
        if (relation->ties[i].tie == CATALOG_TIE_CHILD) return false;
    return relation->kind == 'r' || relation->kind == 'm' || relation->kind == 'f';
}

static void system_column(struct lineage *l, const struct range *range, const struct scan_item *item,
                          int attribute)
{
    uint32_t oid = item->relation->oid;
    if (attribute == TABLEOID && has_one_oid(item->relation))
        replace(l, arena_printf(l->walk->arena, "CAST(%u AS pg_catalog.oid)", oid),
                BYTES_LITERAL("\"tableoid\""));
    else if (is_state(item, attribute))
        note_found(l, l->ref, range, attribute);
    else
        refuse(l, item, 0, "its rows have no system columns (ctid, xmin, tableoid) for you",
               "Name rows by their key.");
}

void scan_refer(struct lineage *l, const struct range *range, int attribute)
{
    struct scans *scans = scans_of(l);
    if (!scans || !l->ref || !range->node || l->walk->trouble) return;
    struct scan_item *item = scan_item_of(scans, range->node);
    if (!item) return;
    if (!item->target) {
        if (attribute < 0) {
            system_column(l, range, item, attribute);
            return;
        }
        note_found(l, l->ref, range, attribute);
        return;
    }
    if (attribute < 0 || (attribute > 0 && !item->masked[attribute - 1])) return;
    if (l->returning != range) {
        if (attribute > 0)
            refuse(l, item, attribute, "in a statement that writes it may stand in RETURNING alone",
                   "Find the rows by columns that are not masked.");
        else
            refuse(l, item, 0, "a statement that writes cannot use its whole row", "Name the columns.");
    } else if (attribute > 0) {
        return_masked(l, range, item, attribute);
    } else {
        refuse(l, item, 0, "RETURNING cannot give its row as one value", "Name the columns, or write *.");
    }
}

void scan_conflict(struct lineage *l, const struct range *target, int attribute)
{
    struct scans *scans = scans_of(l);
    struct scan_item *item = scans && target->node ? scan_item_of(scans, target->node) : NULL;
    if (!item || attribute <= 0 || !item->masked[attribute - 1]) return;
    if (item->masked[attribute - 1] & SQL_MASKED_WRITTEN) return;
    refuse(l, item, attribute, "rows cannot conflict by it",
           "Name a constraint of columns that are not masked.");
}

/* Whether the star stands for the columns of something that is masked, and of what else. */
static const struct scan_item *starred(struct lineage *l, const struct range *range)
{
    const struct scan_item *item = range->node ? scan_item_of(scans_of(l), range->node) : NULL;
    return item && item->target ? item : NULL;
}

static void star_text(struct lineage *l, const struct scope_item *of, struct buf *out)
{
    const struct scan_item *item = starred(l, of->range);
    struct bytes before = qualifier(l, of->range);
    if (!before.p) return;
    if (buf_length(out)) buf_append_text(out, ", ");
    if (item) {
        struct bytes columns = scan_columns(l->walk, item->relation, item->masked, NULL, before);
        buf_append(out, columns);
    } else {
        buf_printf(out, "%.*s*", BYTES_FMT(before));
    }
}

static void spell_out(struct lineage *l, const struct scope_item *items, size_t n, const ColumnRef *ref)
{
    struct walk *walk = l->walk;
    struct scan_place place;
    struct buf out;
    if (scan_is_done(walk, ref) || !scan_place_of(walk, ref, &place)) return;
    buf_init(&out, 4 << 20);
    for (size_t i = 0; i < n && !walk->trouble; i++) {
        if (!items[i].columns) continue;
        if (!items[i].named)
            scan_unmaskable(walk,
                            BYTES_LITERAL("* stands for columns that are masked for you, and for a join"),
                            BYTES_LITERAL("Name the columns in RETURNING."));
        star_text(l, &items[i], &out);
    }
    struct bytes text =
        walk->trouble || out.failed ? (struct bytes){ 0 } : arena_copy(walk->arena, buf_bytes(&out));
    buf_free(&out);
    scan_edit_add(walk, place.from, place.to - place.from, SCAN_RANK_BEFORE, text);
    scan_node_add(walk, (struct proof_edit){ .kind = PROOF_ITEMS, .node = l->returned }, text);
}

void scan_refer_star(struct lineage *l, const struct scope *scope, const ColumnRef *ref)
{
    struct scans *scans = scans_of(l);
    const struct range *ranges[SCOPE_RANGES];
    struct tree_name name;
    if (!scans || !scope || l->walk->trouble) return;
    scan_saw(l, ref);
    if (tree_length(ref->fields) == 1) {
        const struct scan_item *any = NULL;
        for (size_t i = 0; i < scope->n; i++) {
            const struct range *range = scope->items[i].range;
            if (range->node && scan_item_of(scans, range->node)) note_found(l, ref, range, SCAN_ALL);
        }
        for (size_t i = 0; i < scope->n; i++)
            if (scope->items[i].columns && starred(l, scope->items[i].range))
                any = starred(l, scope->items[i].range);
        if (!any) return;
        if (l->returning && l->returned && l->returned->val == (const void *)ref)
            spell_out(l, scope->items, scope->n, ref);
        else
            refuse(l, any, 0, "a statement that writes cannot use all its columns here", "Name the columns.");
        return;
    }
    size_t n =
        tree_name_before(ref->fields, 1, &name) ? scope_ranges(l, scope, name, ranges, SCOPE_RANGES) : 0;
    if (n > 1) scan_ambiguous(l, ranges, n);
    for (size_t i = 0; i < n; i++) {
        struct scan_item *item = ranges[i]->node ? scan_item_of(scans, ranges[i]->node) : NULL;
        if (!item) continue;
        if (!item->target) {
            note_found(l, ref, ranges[i], SCAN_ALL);
        } else if (n == 1 && l->returning == ranges[i] && l->returned &&
                   l->returned->val == (const void *)ref) {
            struct scope_item one = { ranges[i], true, true };
            spell_out(l, &one, 1, ref);
        } else {
            refuse(l, item, 0, "a statement that writes cannot use all its columns here",
                   "Name the columns.");
        }
    }
}
