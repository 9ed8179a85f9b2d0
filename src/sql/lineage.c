/* The lineage of one statement, behind the walk that found its relations: what its query's row is made of
 * becomes outputs, or what is stored; everything else is in the uses of columns. */
#include "sql/lineage.h"

static void store(struct lineage *l, const struct row *row)
{
    lineage_use(l, lineage_row_value(l, row), SQL_USE_STORED);
}

/* The row is what the client gets. */
static void put_out(struct lineage *l, const struct row *row)
{
    struct sql_statement *s = l->walk->statement;
    for (size_t i = 0; i < row->n; i++)
        lineage_use(l, lineage_take(l, &row->fields[i]), SQL_USE_OUTPUT);
    lineage_use(l, row->rest, SQL_USE_OUTPUT);
    if (row->open) {
        s->outputs_open = true;
        return;
    }
    struct sql_output *outputs = row->n ? LINEAGE_ARRAY(l, struct sql_output, row->n) : NULL;
    if (!outputs) return;
    for (size_t i = 0; i < row->n; i++) {
        struct value value = lineage_take(l, &row->fields[i]);
        outputs[i] = (struct sql_output){ .name = arena_copy(l->walk->arena, row->fields[i].name),
                                          .columns = value.ids.p,
                                          .n_columns = value.ids.n,
                                          .opaque = value.opaque,
                                          .plain = value.plain };
        if (!outputs[i].name.p) l->walk->trouble = WALK_FULL;
    }
    s->outputs = outputs;
    s->n_outputs = row->n;
}

/* One column that nobody can say what it is made of. */
static void put_opaque(struct lineage *l, const char *name)
{
    struct row row = { 0 };
    lineage_append(l, &row, (struct field){ .name = bytes_of(name), .value = { .opaque = true } });
    put_out(l, &row);
}

/* A plan tells estimates that are made from statistics of columns, conditions, and with ANALYZE how many rows
 * there were: all that the statement would give or decides by can be in it. */
static void explain(struct lineage *l)
{
    struct sql_statement *s = l->walk->statement;
    struct row plan = { 0 };
    struct sum sum = lineage_sum(l);
    for (uint32_t i = 0; i < s->n_columns; i++) {
        const struct value one = { .ids = { &i, 1 } };
        if (s->columns[i].uses & (SQL_USE_OUTPUT | SQL_USE_PREDICATE | SQL_USE_STORED | SQL_USE_EQUAL))
            lineage_add(l, &sum, one);
    }
    struct value all = lineage_total(l, &sum);
    all.opaque = true;
    s->outputs = NULL;
    s->n_outputs = 0;
    s->outputs_open = false;
    lineage_append(l, &plan, (struct field){ .name = BYTES_LITERAL("QUERY PLAN"), .value = all });
    put_out(l, &plan);
}

static bool is_query(const Node *node)
{
    switch (tree_tag(node)) {
    case T_SelectStmt:
    case T_InsertStmt:
    case T_UpdateStmt:
    case T_DeleteStmt:
    case T_MergeStmt: return true;
    default: return false;
    }
}

static const IntoClause *into_of(const SelectStmt *s)
{
    while (s->larg)
        s = s->larg;
    return s->intoClause;
}

/* Statements of other kinds: the relations that they make, change or empty count whole; queries that stand
 * anywhere in them are stored (a rule's actions, a function's body), and their names may be parameters. */
static void read_other(struct lineage *l, const Node *top)
{
    struct sql_statement *s = l->walk->statement;
    l->lenient = true;
    for (uint32_t i = 0; i < s->n_relations; i++) {
        uint32_t access = s->relations[i].access;
        bool is_new = s->relations[i].oid == 0 && (access & EFFECT_SCHEMA) == EFFECT_SCHEMA_CREATE;
        if (access & (EFFECT_SCHEMA_DROP | EFFECT_TRUNCATE))
            lineage_use(l, lineage_entry(l, i), SQL_USE_WRITTEN);
        if (access & (EFFECT_SCHEMA_CREATE | EFFECT_SCHEMA_ALTER) && !is_new)
            lineage_use(l, lineage_entry(l, i), SQL_USE_PREDICATE | SQL_USE_WRITTEN | SQL_USE_STORED);
    }
    struct value inside = lineage_queries_in(l, top);
    lineage_use(l, inside, SQL_USE_STORED);
}

static void read_call(struct lineage *l, const CallStmt *call)
{
    struct scope nothing = { 0 };
    /* What goes into a procedure may come out of it, or be kept. */
    lineage_use(l, lineage_expression(l, &nothing, call->funccall), LINEAGE_ALL);
    l->walk->statement->outputs_open = true;
}

static void read_top(struct lineage *l, const Node *node);

static void read_table_as(struct lineage *l, const CreateTableAsStmt *s)
{
    struct sql_statement *statement = l->walk->statement;
    if (!is_query(s->query)) {
        /* EXECUTE: the session knows what was prepared. */
        read_top(l, s->query);
        statement->outputs_open = true;
        return;
    }
    struct row row = lineage_query(l, s->query, NULL, NULL);
    store(l, &row);
}

static void read_execute(struct lineage *l, const ExecuteStmt *s)
{
    struct scope nothing = { 0 };
    lineage_use(l, lineage_expression(l, &nothing, s->params), LINEAGE_ALL);
    l->walk->statement->outputs_open = true;
}

static void read_query(struct lineage *l, const Node *node)
{
    struct row row = lineage_query(l, node, NULL, NULL);
    if (tree_tag(node) == T_SelectStmt && into_of((const SelectStmt *)node))
        store(l, &row);
    else
        put_out(l, &row);
}

static void read_copy(struct lineage *l, const CopyStmt *s)
{
    struct row row = { 0 };
    lineage_copy(l, s, &row);
    if (!s->is_from) put_out(l, &row);
}

static void read_view(struct lineage *l, const ViewStmt *s)
{
    struct row row = lineage_query(l, s->query, NULL, NULL);
    store(l, &row);
}

/* Statements within statements nest four deep at most (EXPLAIN, CREATE TABLE AS, EXECUTE; PREPARE, query). */
static void read_top(struct lineage *l, const Node *node)
{
    struct sql_statement *s = l->walk->statement;
    if (is_query(node)) {
        read_query(l, node);
        return;
    }
    switch (tree_tag(node)) {
    case T_CopyStmt: read_copy(l, (const CopyStmt *)node); return;
    case T_DeclareCursorStmt: read_top(l, ((const DeclareCursorStmt *)node)->query); return;
    case T_PrepareStmt: read_top(l, ((const PrepareStmt *)node)->query); return;
    case T_ExplainStmt: {
        read_top(l, ((const ExplainStmt *)node)->query);
        explain(l);
        return;
    }
    case T_ViewStmt: read_view(l, (const ViewStmt *)node); return;
    case T_CreateTableAsStmt: read_table_as(l, (const CreateTableAsStmt *)node); return;
    case T_ExecuteStmt: read_execute(l, (const ExecuteStmt *)node); return;
    case T_CallStmt: read_call(l, (const CallStmt *)node); return;
    case T_FetchStmt: s->outputs_open |= !((const FetchStmt *)node)->ismove; return;
    case T_VariableShowStmt: {
        const char *name = ((const VariableShowStmt *)node)->name;
        if (strcmp(name, "all") == 0)
            s->outputs_open = true;
        else
            put_opaque(l, name);
        return;
    }
    default: read_other(l, node);
    }
}

/* What could not be followed: every relation whole, and for every use. */
static void give_up(struct lineage *l)
{
    struct sql_statement *s = l->walk->statement;
    l->gave_up = false;
    l->depth = 0;
    l->work = LINEAGE_WORK;
    for (uint32_t i = 0; i < s->n_relations && !l->gave_up; i++)
        lineage_use(l, lineage_entry(l, i), LINEAGE_ALL);
    for (size_t i = 0; i < s->n_columns; i++)
        s->columns[i].uses = LINEAGE_ALL;
    s->outputs = NULL;
    s->n_outputs = 0;
    s->outputs_open = true;
    /* Not even that: there are more of them than a statement may have. */
    if (l->gave_up) l->walk->trouble = WALK_MANY;
}

bool lineage_read(struct walk *walk, const struct catalog_view *view, const Node *top)
{
    struct sql_statement *s = walk->statement;
    struct lineage l = { .walk = walk,
                         .view = view,
                         .work = LINEAGE_WORK + (uint64_t)s->text.n * LINEAGE_WORK_PER_BYTE };
    /* One that the text names too goes by that entry. */
    for (int through = 1; through >= 0; through--)
        for (uint32_t i = 0; i < s->n_relations; i++)
            if (s->relations[i].oid && s->relations[i].through == through)
                lineage_number_put(&l, &l.relation_indices, s->relations[i].oid, i);
    read_top(&l, top);
    bool gave_up = l.gave_up;
    if (!walk->trouble && gave_up) give_up(&l);
    if (!walk->trouble) lineage_settle(&l);
    return gave_up;
}
