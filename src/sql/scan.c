/* Which mentions of relations are to be masked, and their edits. Only insertions, so that the client's own
 * tokens stay where they are: `FROM people p` becomes `FROM (SELECT … FROM public.people WHERE …) p`. What is
 * replaced is TABLE (by SELECT * FROM), and what COPY copies. */
#include "sql/scan.h"
#include "sql/names.h"

void *scan_larger(struct walk *walk, const void *old, size_t n, size_t *size, size_t element)
{
    size_t more = *size ? *size * 2 : 8;
    void *larger = more > SCAN_CEILING ? NULL : arena_alloc_array(walk->arena, more, element);
    if (!larger) {
        walk->trouble = more > SCAN_CEILING ? WALK_MANY : WALK_FULL;
        return NULL;
    }
    if (n) memcpy(larger, old, n * element);
    *size = more;
    return larger;
}

void scan_unmaskable(struct walk *walk, struct bytes says, struct bytes hint)
{
    struct sql_statement *s = walk->statement;
    if (!says.p || !hint.p) walk->trouble = WALK_FULL;
    if (s->unmaskable.n) return;
    s->unmaskable = says;
    s->unmaskable_hint = hint;
}

static void cannot(struct walk *walk, const struct scan_item *item, const char *what, const char *hint)
{
    scan_unmaskable(walk,
                    arena_printf(walk->arena, "columns of %.*s are masked for you: %s",
                                 BYTES_FMT(item->relation->name), what),
                    bytes_of(hint));
}

static bool is_masked(const struct catalog_relation *relation, const uint8_t *masked)
{
    for (size_t i = 0; i < relation->n_columns; i++)
        if (relation->columns[i].name.p && masked[i]) return true;
    return false;
}

struct scan_item *scan_item_of(struct scans *scans, const RangeVar *node)
{
    for (size_t i = scans->n_items; i > 0; i--)
        if (scans->items[i - 1].node == node) return &scans->items[i - 1];
    return NULL;
}

/* A rule may answer a write with rows of what it reads, or with those that are written. */
static bool rule_shows_masked(struct walk *walk, const struct catalog_relation *relation,
                              const uint8_t *masked)
{
    const struct sql_masking *masking = walk->names->scans->masking;
    if (!relation->has_rules) return false;
    if (is_masked(relation, masked)) return true;
    for (size_t i = 0; i < relation->n_ties && !walk->trouble; i++) {
        const struct catalog_tie_to *tie = &relation->ties[i];
        if (tie->tie != CATALOG_TIE_RULE) continue;
        const struct catalog_relation *to = catalog_by_oid(walk->view, tie->relation->oid);
        const uint8_t *theirs = to ? masking->columns(masking, walk->view, to, walk->arena) : NULL;
        if (!theirs && to) walk->trouble = WALK_FULL;
        if (theirs && is_masked(to, theirs)) return true;
    }
    return false;
}

void scan_relation(struct walk *walk, const RangeVar *node, struct walk_at at)
{
    struct scans *scans = walk->names->scans;
    const struct catalog_relation *relation;
    names_look(walk, node, &relation);
    if (!relation || walk->trouble) return;
    const uint8_t *masked = scans->masking->columns(scans->masking, walk->view, relation, walk->arena);
    if (!masked) {
        walk->trouble = WALK_FULL;
        return;
    }
    uint32_t writes = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE;
    if (at.target && at.access & writes && rule_shows_masked(walk, relation, masked))
        scan_unmaskable(walk,
                        arena_printf(walk->arena, "a rule on %.*s may show what is masked for you",
                                     BYTES_FMT(relation->name)),
                        BYTES_LITERAL("Write to another table."));
    if (!is_masked(relation, masked)) return;
    walk->statement->masks = true;
    if (scans->n_items == scans->items_size) {
        struct scan_item *more =
            scan_larger(walk, scans->items, scans->n_items, &scans->items_size, sizeof *more);
        if (!more) return;
        scans->items = more;
    }
    scans->items[scans->n_items++] = (struct scan_item){ .statement = walk->statement,
                                                         .node = node,
                                                         .relation = relation,
                                                         .masked = masked,
                                                         .target = at.target,
                                                         .read = (at.access & EFFECT_READ) != 0 };
}

void scan_sample(struct walk *walk, const RangeTableSample *sample)
{
    struct scans *scans = walk->names->scans;
    if (scans->n_samples == scans->samples_size) {
        const RangeTableSample **more =
            scan_larger(walk, scans->samples, scans->n_samples, &scans->samples_size, sizeof *more);
        if (!more) return;
        scans->samples = more;
    }
    scans->samples[scans->n_samples++] = sample;
}

bool scan_edit_add(struct walk *walk, uint32_t at, uint32_t remove, int rank, struct bytes insert)
{
    struct scans *scans = walk->names->scans;
    if (!insert.p) walk->trouble = WALK_FULL;
    if (walk->trouble) return false;
    if (scans->n_edits == scans->edits_size) {
        struct scan_edit *more =
            scan_larger(walk, scans->edits, scans->n_edits, &scans->edits_size, sizeof *more);
        if (!more) return false;
        scans->edits = more;
    }
    scans->edits[scans->n_edits++] = (struct scan_edit){ at, remove, rank, insert };
    return true;
}

void scan_node_add(struct walk *walk, struct proof_edit edit, struct bytes template)
{
    struct scans *scans = walk->names->scans;
    if (!template.p) walk->trouble = WALK_FULL;
    if (walk->trouble) return;
    if (scans->n_nodes == scans->nodes_size) {
        struct proof_edit *more =
            scan_larger(walk, scans->nodes, scans->n_nodes, &scans->nodes_size, sizeof *more);
        if (!more) return;
        scans->nodes = more;
    }
    edit.template = -1;
    if (template.n) {
        edit.template = scans->n_templates++;
        buf_append_text(&scans->templates, "SELECT ");
        buf_append(&scans->templates, template);
        buf_append_text(&scans->templates, ";\n");
        if (scans->templates.failed) walk->trouble = WALK_FULL;
    }
    scans->nodes[scans->n_nodes++] = edit;
}

bool scan_node_has(const struct scans *scans, const void *node, enum proof_kind kind)
{
    for (size_t i = 0; i < scans->n_nodes; i++)
        if (scans->nodes[i].node == node && scans->nodes[i].kind == kind) return true;
    return false;
}

/* schema.name, in quotes: as the session's own statements would name it. */
static struct bytes full_name(struct walk *walk, const struct catalog_relation *relation)
{
    bool own = relation->temporary && bytes_equal(catalog_temporary_schema(walk->view), relation->schema);
    struct bytes schema = scan_quoted(walk, own ? BYTES_LITERAL("pg_temp") : relation->schema);
    struct bytes name = scan_quoted(walk, relation->name);
    if (walk->trouble) return (struct bytes){ 0 };
    return arena_printf(walk->arena, "%.*s.%.*s", BYTES_FMT(schema), BYTES_FMT(name));
}

/* Where the tokens of a mention begin, and behind its last: ONLY, parentheses and * belong to it. */
struct extent {
    size_t from, to;
};

static bool find_extent(const struct scans *scans, const RangeVar *node, struct extent *out)
{
    int parts = 1 + (node->schemaname != NULL) + (node->catalogname != NULL);
    size_t from = scan_token_at(scans, node->location), to;
    if (from == scans->n_tokens) return false;
    to = scan_name_end(scans, from, parts);
    if (to > scans->n_tokens) return false;
    if (from >= 1 && scan_word(scans, from - 1, "only"))
        from--;
    else if (from >= 2 && scan_mark(scans, from - 1, '(') && scan_word(scans, from - 2, "only") &&
             scan_mark(scans, to, ')'))
        from -= 2, to++;
    else if (scan_mark(scans, to, '*'))
        to++;
    *out = (struct extent){ from, to };
    return true;
}

/* Behind TABLESAMPLE x (…) REPEATABLE (…). */
static size_t sample_end(const struct scans *scans, size_t at)
{
    while (at < scans->n_tokens && !scan_word(scans, at, "tablesample"))
        at++;
    while (at < scans->n_tokens && !scan_mark(scans, at, '('))
        at++;
    at = scan_closing(scans, at);
    if (at > scans->n_tokens) return at;
    return scan_word(scans, at, "repeatable") ? scan_closing(scans, at + 1) : at;
}

static uint32_t place_behind(const struct scans *scans, size_t to)
{
    return scans->tokens[to - 1].to;
}

static void wrap(struct walk *walk, const struct scan_item *item)
{
    struct scans *scans = walk->names->scans;
    const RangeVar *node = item->node;
    struct extent e;
    if (!find_extent(scans, node, &e)) {
        cannot(walk, item, "where it is read could not be found in the text", "Write it in another way.");
        return;
    }
    size_t to = item->sample ? sample_end(scans, e.to) : e.to;
    if (to > scans->n_tokens || (item->sample && node->alias && node->alias->colnames)) {
        cannot(walk, item, "a sample of it cannot have new names for columns", "Leave the names out.");
        return;
    }
    bool table = !item->sample && !node->alias && e.from >= 1 && scan_word(scans, e.from - 1, "table");
    const bool *needed = scan_needed(walk, item);
    struct bytes columns = scan_columns(walk, item->relation, item->masked, needed, BYTES_LITERAL(""));
    if (scan_needs_xmin(scans, item) && !needed) {
        cannot(walk, item, "xmin does not go with all its columns", "Name the columns.");
        return;
    }
    if (scan_needs_xmin(scans, item) && columns.p)
        columns = arena_printf(walk->arena, "%.*s%sxmin", BYTES_FMT(columns), columns.n ? ", " : "");
    struct bytes guard = scan_guard(walk, item->relation, item->masked);
    struct bytes name = full_name(walk, item->relation);
    struct bytes database =
        node->catalogname ? scan_quoted(walk, bytes_of(node->catalogname)) : (struct bytes){ 0 };
    struct bytes alias = node->alias && item->sample ? bytes_of(node->alias->aliasname)
                         : item->shared              ? scan_alias_of(walk, item)
                                                     : bytes_of(node->relname);
    struct bytes quoted = scan_quoted(walk, alias);
    if (walk->trouble) return;
    bool named = node->alias && !item->sample;
    struct bytes behind =
        named ? arena_printf(walk->arena, "%.*s)", BYTES_FMT(guard))
              : arena_printf(walk->arena, "%.*s) AS %.*s", BYTES_FMT(guard), BYTES_FMT(quoted));
    if (table)
        scan_edit_add(walk, scans->tokens[e.from - 1].from,
                      scans->tokens[e.from - 1].to - scans->tokens[e.from - 1].from, SCAN_RANK_BEFORE,
                      BYTES_LITERAL("SELECT * FROM"));
    scan_edit_add(walk, scans->tokens[e.from].from, 0, SCAN_RANK_BEFORE,
                  arena_printf(walk->arena, "(SELECT %.*s%sFROM ", BYTES_FMT(columns), columns.n ? " " : ""));
    scan_edit_add(walk, place_behind(scans, to), 0, SCAN_RANK_BEHIND, behind);
    struct proof_edit edit = { .kind = PROOF_SCAN,
                               .node = item->sample ? (const void *)item->sample : node,
                               .name = (const char *)arena_string(walk->arena, alias) };
    scan_node_add(walk, edit,
                  arena_printf(walk->arena, "%.*s FROM %s%.*s%s%.*s%.*s", BYTES_FMT(columns),
                               node->inh ? "" : "ONLY ", BYTES_FMT(database), database.n ? "." : "",
                               BYTES_FMT(name), BYTES_FMT(guard)));
}

/* One column that COPY t TO gives. */
static bool put_copied(struct walk *walk, const struct scan_item *item, size_t i, struct buf *out)
{
    const struct sql_masking *masking = walk->names->scans->masking;
    struct bytes quoted = scan_quoted(walk, item->relation->columns[i].name);
    struct bytes mask = quoted;
    if (item->masked[i] & SQL_MASKED && quoted.p)
        mask = masking->expression(masking, walk->view, item->relation, (int)i + 1, quoted, walk->arena);
    if (!mask.p || !quoted.p) walk->trouble = WALK_FULL;
    if (walk->trouble) return false;
    buf_printf(out, "%s%.*s AS %.*s", buf_length(out) ? ", " : "", BYTES_FMT(mask), BYTES_FMT(quoted));
    return true;
}

/* COPY t (a, b) TO: what stands between COPY and TO becomes a query. It copies the table alone, and no
 * generated columns but those that are named. */
static void copy_out(struct walk *walk, const CopyStmt *copy, const struct scan_item *item)
{
    struct scans *scans = walk->names->scans;
    const struct catalog_relation *r = item->relation;
    struct extent e;
    struct buf list;
    if (!find_extent(scans, copy->relation, &e) || (copy->attlist && !scan_mark(scans, e.to, '('))) {
        cannot(walk, item, "where it is copied could not be found in the text", "Use COPY (SELECT …) TO.");
        return;
    }
    size_t to = copy->attlist ? scan_closing(scans, e.to) : e.to;
    if (to > scans->n_tokens || r->kind != 'r') {
        cannot(walk, item, "it cannot be copied as it is", "Use COPY (SELECT …) TO.");
        return;
    }
    buf_init(&list, 4 << 20);
    for (int i = 0; i < tree_length(copy->attlist); i++) {
        int attribute = catalog_column_number(r, lineage_string(copy->attlist, i));
        if (attribute > 0 && !put_copied(walk, item, (size_t)attribute - 1, &list)) break;
    }
    for (size_t i = 0; !copy->attlist && i < r->n_columns; i++)
        if (r->columns[i].name.p && !r->columns[i].generated && !put_copied(walk, item, i, &list)) break;
    struct bytes guard = scan_guard(walk, r, item->masked), name = full_name(walk, r);
    struct bytes query = walk->trouble || list.failed
                             ? (struct bytes){ 0 }
                             : arena_printf(walk->arena, "%.*s FROM ONLY %.*s%.*s",
                                            BYTES_FMT(buf_bytes(&list)), BYTES_FMT(name), BYTES_FMT(guard));
    buf_free(&list);
    if (!query.p) {
        walk->trouble = walk->trouble ? walk->trouble : WALK_FULL;
        return;
    }
    uint32_t from = scans->tokens[e.from].from;
    scan_edit_add(walk, from, place_behind(scans, to) - from, SCAN_RANK_BEFORE,
                  arena_printf(walk->arena, "(SELECT %.*s)", BYTES_FMT(query)));
    scan_node_add(walk, (struct proof_edit){ .kind = PROOF_COPY, .node = copy }, query);
}

static const RangeTableSample *sample_of(const struct scans *scans, const RangeVar *node)
{
    for (size_t i = 0; i < scans->n_samples; i++)
        if ((const void *)scans->samples[i]->relation == node) return scans->samples[i];
    return NULL;
}

static void mark_columns(struct walk *walk)
{
    struct scans *scans = walk->names->scans;
    struct sql_statement *s = walk->statement;
    const struct catalog_relation *of = NULL;
    const uint8_t *masked = NULL;
    for (size_t i = 0; i < s->n_columns; i++) {
        struct sql_column *column = &s->columns[i];
        uint32_t oid = s->relations[column->relation].oid;
        if (!of || of->oid != oid) {
            of = oid ? catalog_by_oid(walk->view, oid) : NULL;
            masked = of ? scans->masking->columns(scans->masking, walk->view, of, walk->arena) : NULL;
            if (of && !masked) walk->trouble = WALK_FULL;
        }
        if (!masked || !of) continue;
        uint8_t all = SQL_MASKED | SQL_MASKED_COMPARED | SQL_MASKED_WRITTEN;
        for (size_t k = 0; column->attribute == 0 && k < of->n_columns; k++) {
            if (!of->columns[k].name.p || !masked[k]) continue;
            all &= masked[k];
            column->masked = all;
        }
        if (column->attribute > 0 && (size_t)column->attribute <= of->n_columns)
            column->masked = masked[column->attribute - 1];
    }
}

void scan_finish(struct walk *walk, const Node *top, bool gave_up)
{
    struct scans *scans = walk->names->scans;
    if (walk->trouble) return;
    if (scans->n_items && !scan_tokens(scans)) walk->trouble = WALK_FULL;
    if (scans->n_items) scan_need(walk, top, gave_up);
    scans->n_seen = 0;
    const CopyStmt *copy = tree_tag(top) == T_CopyStmt ? (const CopyStmt *)top : NULL;
    for (size_t i = 0; i < scans->n_items && !walk->trouble; i++) {
        struct scan_item *item = &scans->items[i];
        if (item->statement != walk->statement) continue;
        if (!item->target && item->read) {
            item->sample = sample_of(scans, item->node);
            wrap(walk, item);
        } else if (copy && copy->relation == item->node) {
            if (!copy->is_from) copy_out(walk, copy, item);
        } else if (item->target && (gave_up || !item->looked)) {
            cannot(walk, item, "what this does with them cannot be told", "Write it in a simpler way.");
        }
    }
    if (!walk->trouble) scan_settle(walk);
    if (!walk->trouble) mark_columns(walk);
}

struct bytes scan_templates(struct scans *scans)
{
    size_t n = buf_length(&scans->templates);
    buf_put_u8(&scans->templates, 0);
    return scans->templates.failed ? BYTES_LITERAL("") : bytes_make(buf_bytes(&scans->templates).p, n);
}

/* Any node at all, with a stack of its own: what the walk does not visit is visited here. */
struct hunt {
    struct scans *scans;
    const Node **nodes;
    size_t n, size, found;
    bool full;
};

static void hunt_push(struct hunt *h, const void *node)
{
    if (!node || h->full) return;
    if (h->n == h->size) {
        size_t size = h->size ? h->size * 2 : 256;
        const Node **more = ARENA_ARRAY(h->scans->arena, const Node *, size);
        if (!more) {
            h->full = true;
            return;
        }
        if (h->n) memcpy(more, h->nodes, h->n * sizeof *more);
        h->nodes = more;
        h->size = size;
    }
    h->nodes[h->n++] = node;
}

static void hunt_relation(struct hunt *h, const RangeVar *node)
{
    struct scans *scans = h->scans;
    if (!node->schemaname) return; /* a CTE; or an object of DDL, which is not read */
    const struct catalog_relation *relation =
        catalog_find(scans->view, bytes_of(node->schemaname), bytes_of(node->relname));
    if (!relation) return;
    const uint8_t *masked = scans->masking->columns(scans->masking, scans->view, relation, scans->arena);
    if (!masked || is_masked(relation, masked)) h->found++;
}

bool scan_all_masked(struct scans *scans, const List *statements)
{
    struct hunt h = { .scans = scans };
    hunt_push(&h, statements);
    while (h.n > 0 && !h.full) {
        const Node *node = h.nodes[--h.n];
        enum NodeTag tag = tree_tag(node);
        if (tag == T_List) {
            for (int i = 0; i < tree_length((const List *)node); i++)
                hunt_push(&h, tree_item((const List *)node, i));
            continue;
        }
        if (tag == T_RawStmt) {
            hunt_push(&h, ((const RawStmt *)node)->stmt);
            continue;
        }
        if (tag == T_RangeVar) hunt_relation(&h, (const RangeVar *)node);
        if (tag == T_MultiAssignRef && ((const MultiAssignRef *)node)->colno != 1) continue;
        const uint16_t *offsets = tree_children(tag);
        for (; offsets && *offsets; offsets++) {
            const void *child;
            memcpy(&child, (const char *)node + *offsets, sizeof child);
            hunt_push(&h, child);
        }
    }
    return !h.full && h.found <= scans->n_items;
}
