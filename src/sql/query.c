/* SELECT, INSERT, UPDATE, DELETE and MERGE, at any depth: what each does to which relation. READ is for what
 * comes out: a target's own columns in WHERE or SET do not count as read, RETURNING does. */
#include "sql/walk.h"

static struct walk_at with_access(struct walk_at at, uint32_t access)
{
    at.access = access;
    at.naming = NAMING_QUERY;
    at.creates = NULL;
    at.target = at.quiet = false;
    return at;
}

/* The relation that a statement writes: never a CTE. */
static void push_target(struct walk *walk, const RangeVar *target, struct walk_at at, uint32_t access)
{
    at.access = access;
    at.naming = NAMING_QUERY;
    at.target = true;
    walk_push(walk, target, at);
}

static void note_where(struct walk *walk, const RangeVar *target, enum sql_where where, uint32_t effect)
{
    struct sql_statement *s = walk->statement;
    if (where > s->where) s->where = where;
    if (where < SQL_WHERE_TRIVIAL) return;
    s->whereless |= effect;
    struct tree_name name = { target->catalogname, target->schemaname, target->relname };
    relations_add(walk, name, effect, true, NAMING_QUERY, NULL);
}

static void visit_into(struct walk *walk, const IntoClause *into, struct walk_at at)
{
    if (!into) return;
    walk_effect(walk, EFFECT_SCHEMA_CREATE);
    at.creates = into->rel;
    push_target(walk, into->rel, at, EFFECT_SCHEMA_CREATE);
    walk_push(walk, into->options, with_access(at, EFFECT_SCHEMA_CREATE));
}

static void visit_select(struct walk *walk, const SelectStmt *s, struct walk_at at)
{
    /* FOR UPDATE around a sub-select in FROM locks the relations of its FROM too. */
    uint32_t access = EFFECT_READ | (at.access & EFFECT_LOCK);
    if (!(at.quiet && s->valuesLists)) walk_effect(walk, EFFECT_READ);
    at = with_access(at, EFFECT_READ);
    at.scope = relations_with(walk, s->withClause, at);
    if (s->lockingClause) {
        /* FOR UPDATE OF names aliases; every relation of the FROM is said to be locked. */
        walk_effect(walk, EFFECT_LOCK);
        access |= EFFECT_LOCK;
    }
    walk_push(walk, s->rarg, at);
    walk_push(walk, s->larg, at);
    walk_push(walk, s->limitCount, at);
    walk_push(walk, s->limitOffset, at);
    walk_push(walk, s->sortClause, at);
    walk_push(walk, s->valuesLists, at);
    walk_push(walk, s->windowClause, at);
    walk_push(walk, s->havingClause, at);
    walk_push(walk, s->groupClause, at);
    walk_push(walk, s->whereClause, at);
    walk_push(walk, s->fromClause, with_access(at, access));
    functions_visit_settings(walk, s, at);
    walk_push(walk, s->targetList, at);
    walk_push(walk, s->distinctClause, at);
    visit_into(walk, s->intoClause, at);
}

static void visit_insert(struct walk *walk, const InsertStmt *s, struct walk_at at)
{
    const OnConflictClause *conflict = s->onConflictClause;
    uint32_t access = EFFECT_WRITE;
    if (conflict && conflict->action == ONCONFLICT_UPDATE) access |= EFFECT_UPDATE;
    if (s->returningList) access |= EFFECT_READ;
    walk_effect(walk, access);
    at = with_access(at, EFFECT_READ);
    at.scope = relations_with(walk, s->withClause, at);
    walk_push(walk, s->returningList, at);
    walk_push(walk, s->onConflictClause, at);
    struct walk_at source = at;
    source.quiet = true;
    walk_push(walk, s->selectStmt, source);
    walk_push(walk, s->cols, at);
    push_target(walk, s->relation, at, access);
}

static void visit_update(struct walk *walk, const UpdateStmt *s, struct walk_at at)
{
    uint32_t access = EFFECT_UPDATE | (s->returningList ? EFFECT_READ : 0);
    walk_effect(walk, access);
    note_where(walk, s->relation, where_read(s->whereClause, s->relation), EFFECT_UPDATE);
    at = with_access(at, EFFECT_READ);
    at.scope = relations_with(walk, s->withClause, at);
    walk_push(walk, s->returningList, at);
    walk_push(walk, s->whereClause, at);
    walk_push(walk, s->fromClause, at);
    walk_push(walk, s->targetList, at);
    push_target(walk, s->relation, at, access);
}

static void visit_delete(struct walk *walk, const DeleteStmt *s, struct walk_at at)
{
    uint32_t access = EFFECT_DELETE | (s->returningList ? EFFECT_READ : 0);
    walk_effect(walk, access);
    note_where(walk, s->relation, where_read(s->whereClause, s->relation), EFFECT_DELETE);
    at = with_access(at, EFFECT_READ);
    at.scope = relations_with(walk, s->withClause, at);
    walk_push(walk, s->returningList, at);
    walk_push(walk, s->whereClause, at);
    walk_push(walk, s->usingClause, at);
    push_target(walk, s->relation, at, access);
}

static uint32_t branch_effect(const MergeWhenClause *when)
{
    switch (when->commandType) {
    case CMD_INSERT: return EFFECT_WRITE;
    case CMD_UPDATE: return EFFECT_UPDATE;
    case CMD_DELETE: return EFFECT_DELETE;
    case CMD_NOTHING: return 0;
    default: return EFFECT_UNKNOWN;
    }
}

/* A branch that updates or deletes has the join condition and its own AND as its WHERE: either will do. */
static enum sql_where branch_where(const MergeStmt *s, const MergeWhenClause *when)
{
    enum sql_where join = where_read(s->joinCondition, s->relation);
    enum sql_where own = when->condition ? where_read(when->condition, s->relation) : SQL_WHERE_TRIVIAL;
    return join < own ? join : own;
}

static void visit_merge(struct walk *walk, const MergeStmt *s, struct walk_at at)
{
    uint32_t access = 0;
    for (int i = 0; i < tree_length(s->mergeWhenClauses); i++) {
        const MergeWhenClause *when = tree_item(s->mergeWhenClauses, i);
        uint32_t effect = branch_effect(when);
        access |= effect;
        if (effect & (EFFECT_UPDATE | EFFECT_DELETE))
            note_where(walk, s->relation, branch_where(s, when), effect);
    }
    /* Which rows match is read from the target, and a branch that does nothing still tells. */
    walk_effect(walk, access | EFFECT_READ);
    at = with_access(at, EFFECT_READ);
    at.scope = relations_with(walk, s->withClause, at);
    walk_push(walk, s->mergeWhenClauses, at);
    walk_push(walk, s->joinCondition, at);
    walk_push(walk, s->sourceRelation, at);
    push_target(walk, s->relation, at, access ? access : EFFECT_READ);
}

bool query_visit(struct walk *walk, const Node *node, struct walk_at at)
{
    switch (tree_tag(node)) {
    case T_SelectStmt: visit_select(walk, (const SelectStmt *)node, at); return true;
    case T_InsertStmt: visit_insert(walk, (const InsertStmt *)node, at); break;
    case T_UpdateStmt: visit_update(walk, (const UpdateStmt *)node, at); break;
    case T_DeleteStmt: visit_delete(walk, (const DeleteStmt *)node, at); break;
    case T_MergeStmt: visit_merge(walk, (const MergeStmt *)node, at); break;
    default: return false;
    }
    if (walk->names && at.beside) walk->statement->writes_beside = true;
    return true;
}
