/* The lists are made of what lineage found: each column whose value can be in the result, at any depth. A row
 * that is used as a whole is each of its columns. */
#include "mask/seen.h"

enum { STATE_NONE = 0, STATE_MASKED, STATE_CLEAR };
enum {
    KIN_DEPTH = 8 /* of partitions within partitions */,
    COLUMNS_MOST = 64 /* indexed ones that one output is made of */
};
enum { OUTPUTS_MOST = 1664 /* what the server lets one query return */ };

struct list {
    struct buf out;
    size_t left_out;
};
struct seeing {
    const struct policy_ruleset *ruleset;
    const struct catalog_view *view;
    const struct sql_statement *statement;
    uint8_t *states; /* of each of the statement's columns */
    struct list masked, clear, untraced;
};

static bool is_plain(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool digit = c >= '0' && c <= '9';
        if (!(c >= 'a' && c <= 'z') && c != '_' && !(i > 0 && (digit || c == '$'))) return false;
    }
    return name.n > 0;
}

static void put_name(struct buf *out, struct bytes name)
{
    if (is_plain(name)) {
        buf_append(out, name);
        return;
    }
    buf_put_u8(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') buf_put_u8(out, '"');
        buf_put_u8(out, name.p[i]);
    }
    buf_put_u8(out, '"');
}

static void put_column(struct buf *out, struct bytes schema, struct bytes relation, struct bytes column)
{
    if (schema.n) {
        put_name(out, schema);
        buf_append_text(out, ".");
    }
    put_name(out, relation);
    if (!column.p) return;
    buf_append_text(out, ".");
    put_name(out, column);
}

static void add(struct list *list, const struct sql_relation *r, struct bytes column)
{
    /* Each byte of a name can become two. */
    size_t most = 2 * (r->schema.n + r->name.n + column.n) + 16;
    if (buf_length(&list->out) + most > SEEN_LIST_CEILING) {
        list->left_out++;
        return;
    }
    if (buf_length(&list->out)) buf_append_text(&list->out, ", ");
    put_column(&list->out, r->schema, r->name, column);
}

static int state_of(const struct seeing *s, const struct catalog_relation *of, int attribute)
{
    if (policy_ruleset_masks(s->ruleset) && mask_choose(s->ruleset, s->view, of, attribute).reason)
        return STATE_MASKED;
    return mask_is_sensitive(s->ruleset, s->view, of, attribute) ? STATE_CLEAR : STATE_NONE;
}

static bool is_listed(const struct sql_statement *st, uint32_t relation, int attribute)
{
    for (size_t i = 0; i < st->n_columns; i++)
        if (st->columns[i].relation == relation && st->columns[i].attribute == attribute &&
            st->columns[i].uses & SQL_USE_OUTPUT)
            return true;
    return false;
}

static void add_state(struct seeing *s, int state, const struct sql_relation *r, struct bytes column)
{
    if (state) add(state == STATE_MASKED ? &s->masked : &s->clear, r, column);
}

/* A whole row: what of it is listed by itself is not listed twice. */
static int add_row(struct seeing *s, const struct sql_column *c, const struct sql_relation *r,
                   const struct catalog_relation *of)
{
    int worst = STATE_NONE;
    for (size_t i = 0; i < of->n_columns; i++) {
        if (!of->columns[i].name.p) continue;
        int state = state_of(s, of, (int)i + 1);
        if (state > worst) worst = state;
        if (state && !is_listed(s->statement, c->relation, (int)i + 1))
            add_state(s, state, r, of->columns[i].name);
    }
    return worst;
}

static void look_at(struct seeing *s, size_t i)
{
    const struct sql_column *c = &s->statement->columns[i];
    const struct sql_relation *r = &s->statement->relations[c->relation];
    const struct catalog_relation *of = r->oid ? catalog_by_oid(s->view, r->oid) : NULL;
    if (!(c->uses & SQL_USE_OUTPUT) || !of) return;
    if (c->attribute == 0) {
        s->states[i] = (uint8_t)add_row(s, c, r, of);
    } else if (c->attribute > 0) {
        int state = c->masked                                                  ? STATE_MASKED
                    : mask_is_sensitive(s->ruleset, s->view, of, c->attribute) ? STATE_CLEAR
                                                                               : STATE_NONE;
        s->states[i] = (uint8_t)state;
        add_state(s, state, r, c->name);
    }
}

/* Of what a result's column is made of, the clear one counts. */
static bool put_outputs(const struct seeing *s, struct buf *out)
{
    static const char *const names[] = { "-", "masked", "clear" };
    const struct sql_statement *st = s->statement;
    bool any = false;
    for (size_t i = 0; i < st->n_outputs && i < OUTPUTS_MOST && !st->outputs_open; i++) {
        int state = STATE_NONE;
        for (size_t k = 0; k < st->outputs[i].n_columns; k++) {
            int other = s->states[st->outputs[i].columns[k]];
            if (other > state) state = other;
        }
        any |= state != STATE_NONE;
        buf_printf(out, "%s%s", i ? ", " : "", names[state]);
    }
    return any;
}

/* The relation by whose column of this name the values are to be indexed: itself, or what shares its rows: a
 * parent, a child. NULL: none. */
static const struct catalog_relation *indexed_as(const struct seeing *s, const struct catalog_relation *of,
                                                 const struct catalog_column *column, int depth)
{
    if (policy_ruleset_indexes(s->ruleset, of->schema, of->name, column->name, column->tags)) return of;
    for (size_t i = 0; i < of->n_ties && depth < KIN_DEPTH; i++) {
        const struct catalog_tie_to *tie = &of->ties[i];
        if (tie->tie != CATALOG_TIE_PARENT && tie->tie != CATALOG_TIE_CHILD) continue;
        const struct catalog_relation *kin = catalog_by_oid(s->view, tie->relation->oid);
        for (size_t k = 0; kin && k < kin->n_columns; k++)
            if (bytes_equal(kin->columns[k].name, column->name) &&
                policy_ruleset_indexes(s->ruleset, kin->schema, kin->name, column->name,
                                       kin->columns[k].tags))
                return kin;
        /* Upwards at any depth; downwards one step: a partition's parent names its rows. */
        const struct catalog_relation *up =
            kin && tie->tie == CATALOG_TIE_PARENT ? indexed_as(s, kin, column, depth + 1) : NULL;
        if (up) return up;
    }
    return NULL;
}

static bool put_values_of(const struct seeing *s, const struct sql_output *output, struct buf *out)
{
    struct {
        uint32_t oid;
        struct bytes column;
    } put[COLUMNS_MOST];
    size_t n = 0;
    for (size_t i = 0; i < output->n_columns && n < COLUMNS_MOST; i++) {
        size_t k = 0;
        const struct sql_column *c = &s->statement->columns[output->columns[i]];
        const struct sql_relation *r = &s->statement->relations[c->relation];
        const struct catalog_relation *of = r->oid ? catalog_by_oid(s->view, r->oid) : NULL;
        if (!of || c->attribute < 1 || (size_t)c->attribute > of->n_columns || c->masked) continue;
        const struct catalog_column *column = &of->columns[c->attribute - 1];
        const struct catalog_relation *as = indexed_as(s, of, column, 0);
        while (as && k < n && !(put[k].oid == as->oid && bytes_equal(put[k].column, column->name)))
            k++;
        if (!as || k < n) continue;
        if (n) buf_append_text(out, "+");
        put_column(out, as->schema, as->name, column->name);
        put[n].oid = as->oid;
        put[n++].column = column->name;
    }
    if (!n) buf_append_text(out, "-");
    return n > 0;
}

/* The whole list, or none: places count in it. */
static void put_values(struct seeing *s, struct list *list)
{
    const struct sql_statement *st = s->statement;
    bool any = false;
    if (!policy_ruleset_indexes_any(s->ruleset)) return;
    for (size_t i = 0; i < st->n_outputs && i < OUTPUTS_MOST && !st->outputs_open; i++) {
        if (i) buf_append_text(&list->out, ", ");
        any |= put_values_of(s, &st->outputs[i], &list->out);
    }
    if (any && !list->out.failed) return;
    list->left_out += list->out.failed;
    buf_free(&list->out);
    buf_init(&list->out, SEEN_LIST_CEILING);
}

static void add_untraced(struct seeing *s)
{
    if (!policy_ruleset_masks_somebody(s->ruleset) && !policy_ruleset_indexes_any(s->ruleset)) return;
    for (size_t i = 0; i < s->statement->n_relations; i++) {
        const struct sql_relation *r = &s->statement->relations[i];
        if (r->access & (EFFECT_READ | EFFECT_BULK_OUT) && r->name.n)
            add(&s->untraced, r, (struct bytes){ 0 });
    }
}

static bool take(struct list *list, struct arena *arena, struct mask_seen *seen, struct bytes *out)
{
    size_t n = buf_length(&list->out);
    if (n) *out = arena_copy(arena, buf_bytes(&list->out));
    seen->n_left_out += list->left_out;
    return !list->out.failed && (!n || out->p);
}

bool mask_seen_of(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                  const struct sql_statement *statement, struct arena *arena, struct mask_seen *seen_out)
{
    struct seeing s = { .ruleset = ruleset, .view = view, .statement = statement };
    struct list outputs = { 0 }, values = { 0 };
    *seen_out = (struct mask_seen){ 0 };
    if (statement->n_columns + statement->n_relations == 0) return true;
    s.states = arena_alloc(arena, statement->n_columns + 1);
    if (!s.states) return false;
    memset(s.states, 0, statement->n_columns + 1);
    buf_init(&s.masked.out, SEEN_LIST_CEILING);
    buf_init(&s.clear.out, SEEN_LIST_CEILING);
    buf_init(&s.untraced.out, SEEN_LIST_CEILING);
    buf_init(&outputs.out, SEEN_LIST_CEILING);
    buf_init(&values.out, SEEN_LIST_CEILING);
    if (!view || !statement->in_view) {
        add_untraced(&s);
    } else {
        for (size_t i = 0; i < statement->n_columns; i++)
            look_at(&s, i);
        if (!put_outputs(&s, &outputs.out)) buf_consume(&outputs.out, buf_length(&outputs.out));
        put_values(&s, &values);
    }
    bool good = take(&s.masked, arena, seen_out, &seen_out->masked);
    good = take(&s.clear, arena, seen_out, &seen_out->clear) && good;
    good = take(&s.untraced, arena, seen_out, &seen_out->untraced) && good;
    good = take(&outputs, arena, seen_out, &seen_out->outputs) && good;
    good = take(&values, arena, seen_out, &seen_out->values) && good;
    buf_free(&s.masked.out);
    buf_free(&s.clear.out);
    buf_free(&s.untraced.out);
    buf_free(&outputs.out);
    buf_free(&values.out);
    return good;
}

bool mask_seen_next(struct bytes *list, struct bytes *member_out)
{
    bool quoted = false;
    size_t n = 0;
    if (!list->n) return false;
    for (; n < list->n; n++) {
        if (list->p[n] == '"') quoted = !quoted;
        if (!quoted && list->p[n] == ',') break;
    }
    *member_out = bytes_slice(*list, 0, n);
    *list = bytes_slice(*list, n + 2, list->n);
    return true;
}
