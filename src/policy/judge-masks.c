/* Under masks the world is closed: whatever could bring a masked value out by another way than a scan is
 * refused, whatever the policies allow (doc/masking.md has the table). */
#include "policy/judge-masks.h"
#include "policy/code.h"
#include "sql/masking.h"

/* Code that nobody trusts, files, other servers, what others may hear, what changes names. */
static const uint32_t closed = EFFECT_PROCEDURE | EFFECT_UNSAFE_IO | EFFECT_REPLICATION | EFFECT_PRIVILEGE |
                               EFFECT_UNKNOWN | EFFECT_SCHEMA_ALTER | EFFECT_SCHEMA_DROP;

static bool is_temporary(const struct sql_relation *r)
{
    return bytes_starts_with(r->schema, "pg_temp");
}

/* Temporary tables may come and go; nothing else of a schema may. */
static uint32_t closed_effects(const struct policy_question *q)
{
    const struct sql_statement *s = q->statement;
    uint32_t effects = q->effects & closed, schema = q->effects & EFFECT_SCHEMA;
    bool table = bytes_starts_with(s->tag, "CREATE TABLE") || bytes_is(s->tag, "DROP TABLE") ||
                 bytes_is(s->tag, "SELECT INTO") || bytes_is(s->tag, "SELECT");
    bool temporary = table && schema && !(schema & EFFECT_SCHEMA_ALTER), any = false;
    for (size_t i = 0; i < s->n_relations; i++) {
        if (!(s->relations[i].access & EFFECT_SCHEMA)) continue;
        any = true;
        if (!is_temporary(&s->relations[i]) || s->relations[i].through) temporary = false;
    }
    effects &= ~(uint32_t)EFFECT_SCHEMA;
    return temporary && any ? effects : effects | schema;
}

/* Those of pg_catalog that give what the catalogues' masked columns hold, or what stands in no column. */
static const struct sql_function *find_teller(const struct sql_statement *s)
{
    static const char *const names[] = { "pg_stat_get_activity",
                                         "pg_stat_get_backend_activity",
                                         "pg_prepared_statement",
                                         "pg_cursor",
                                         "pg_prepared_xact",
                                         "pg_stat_get_wal_receiver",
                                         "pg_hba_file_rules",
                                         "pg_get_statisticsobjdef_expressions",
                                         "pg_show_all_file_settings",
                                         "pg_stats_ext_mcvlist_items",
                                         "lo_get",
                                         "loread" };
    for (size_t i = 0; i < s->n_functions; i++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (bytes_is(s->functions[i].name, names[k])) return &s->functions[i];
    return NULL;
}

static bool has_channel(const struct sql_statement *s)
{
    return s->action == SQL_ACTION_LISTEN || s->action == SQL_ACTION_NOTIFY;
}

/* The planner estimates by what it knows of the values behind the mask. */
static bool is_explained(const struct sql_statement *s)
{
    return bytes_is(s->tag, "EXPLAIN");
}

static bool find_column(const struct policy_question *q, struct policy_outcome *out)
{
    const struct sql_statement *s = q->statement;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sql_column *c = &s->columns[i];
        if (!c->masked) continue;
        uint32_t uses = c->uses;
        /* A row that is deleted or emptied goes as a whole. */
        if (c->attribute == 0) uses &= ~(uint32_t)SQL_USE_WRITTEN;
        enum policy_mask_reason reason = MASK_REASON_NONE;
        if ((uses & SQL_USE_WRITTEN) && !(c->masked & SQL_MASKED_WRITTEN))
            reason = MASK_REASON_WRITTEN;
        else if ((uses & SQL_USE_STORED) && !(c->masked & SQL_MASKED_WRITTEN))
            reason = MASK_REASON_STORED;
        else if ((uses & SQL_USE_PREDICATE) && !(c->masked & SQL_MASKED_COMPARED))
            reason = MASK_REASON_COMPARED;
        else if (uses & SQL_USE_RANKED)
            reason = MASK_REASON_RANKED; /* a place among masks looks like one among values */
        else if ((uses & SQL_USE_PREDICATE) && is_explained(s))
            reason = MASK_REASON_EXPLAINED;
        if (!reason) continue;
        out->masked = reason;
        out->hit.relation = &s->relations[c->relation];
        out->hit.column = c;
        return true;
    }
    return false;
}

bool policy_masks_deny(const struct policy_question *q, struct policy_outcome *out)
{
    const struct sql_statement *s = q->statement;
    uint32_t effects = closed_effects(q);
    out->kind = OUTCOME_MASKED;
    if (effects) {
        out->masked = MASK_REASON_EFFECT;
        out->missing = effects & -effects;
        if (out->missing == EFFECT_PROCEDURE)
            out->hit.function = policy_procedure_called(q->ruleset, q->view, s, &out->hit.code);
        return true;
    }
    out->hit.function = find_teller(s);
    if (out->hit.function) {
        out->masked = MASK_REASON_EFFECT;
        out->missing = EFFECT_READ;
        return true;
    }
    if (has_channel(s)) {
        out->masked = MASK_REASON_CHANNEL;
        return true;
    }
    if (s->unmaskable.n) {
        out->masked = MASK_REASON_UNMASKABLE;
        return true;
    }
    if (is_explained(s) && s->action == SQL_ACTION_EXECUTE) {
        out->masked = MASK_REASON_EXPLAINED;
        return true;
    }
    if (find_column(q, out)) return true;
    *out = (struct policy_outcome){ 0 };
    return false;
}

static struct bytes column_of(const struct policy_outcome *o, struct arena *arena)
{
    const struct sql_column *c = o->hit.column;
    if (c->attribute == 0 || bytes_is(c->name, "*"))
        return arena_printf(arena, "a column of %.*s", BYTES_FMT(o->hit.relation->name));
    return arena_copy(arena, c->name);
}

struct bytes policy_masks_message(const struct sql_statement *s, const struct policy_outcome *o,
                                  struct arena *arena)
{
    struct bytes column;
    switch (o->masked) {
    case MASK_REASON_NONE: break;
    case MASK_REASON_UNMASKABLE: return arena_copy(arena, s->unmaskable);
    case MASK_REASON_CHANNEL:
        return arena_printf(arena, "%.*s is not for those from whom columns are masked", BYTES_FMT(s->tag));
    case MASK_REASON_EFFECT: {
        const struct sql_function *f = o->hit.function;
        if (o->hit.code)
            return arena_printf(arena, "%.*s is not trusted, and columns are masked for you",
                                BYTES_FMT(o->hit.code->signature));
        if (f) return arena_printf(arena, "%.*s may read what is masked for you", BYTES_FMT(f->name));
        return arena_printf(arena, "%.*s (%s) is not for those from whom columns are masked",
                            BYTES_FMT(s->tag.n ? s->tag : BYTES_LITERAL("this text")),
                            sql_effect_name(o->missing));
    }
    case MASK_REASON_WRITTEN:
        column = column_of(o, arena);
        return arena_printf(arena, "%.*s is masked for you, and cannot be written", BYTES_FMT(column));
    case MASK_REASON_STORED:
        column = column_of(o, arena);
        return arena_printf(arena, "%.*s is masked for you, and masks are not stored", BYTES_FMT(column));
    case MASK_REASON_COMPARED:
        column = column_of(o, arena);
        return arena_printf(arena, "%.*s is masked for you: select it freely, compare it not",
                            BYTES_FMT(column));
    case MASK_REASON_RANKED:
        column = column_of(o, arena);
        return arena_printf(arena, "%.*s is masked for you: a window cannot be ordered by it",
                            BYTES_FMT(column));
    case MASK_REASON_EXPLAINED:
        if (!o->hit.column)
            return arena_copy(arena,
                              BYTES_LITERAL("EXPLAIN EXECUTE is not for those from whom columns are masked"));
        column = column_of(o, arena);
        return arena_printf(arena, "%.*s is masked for you: what compares it cannot be explained",
                            BYTES_FMT(column));
    }
    return arena_copy(arena, BYTES_LITERAL("columns are masked for you"));
}

struct bytes policy_masks_hint(const struct sql_statement *s, const struct policy_outcome *o,
                               struct arena *arena)
{
    const char *hint = "";
    switch (o->masked) {
    case MASK_REASON_UNMASKABLE: return arena_copy(arena, s->unmaskable_hint);
    case MASK_REASON_EFFECT:
        hint = o->missing == EFFECT_PROCEDURE ? "A policy can trust code by its signature."
                                              : "Read and write tables; temporary tables may be made.";
        break;
    case MASK_REASON_WRITTEN: hint = "Leave the column out; a policy can say write: allow."; break;
    case MASK_REASON_STORED: hint = "Leave the column out of what is written."; break;
    case MASK_REASON_COMPARED:
        if (o->hit.column->masked & SQL_MASKED_EQUAL)
            hint = "A value of a unique column can be asked for: column = value, alone or with AND, behind "
                   "WHERE.";
        else
            hint = "Find, order and group rows by columns that are not masked; a policy can say predicates: "
                   "masked.";
        break;
    case MASK_REASON_RANKED: hint = "Order it by columns that are not masked."; break;
    case MASK_REASON_EXPLAINED: hint = "Explain what compares columns that are not masked."; break;
    case MASK_REASON_NONE:
    case MASK_REASON_CHANNEL: break;
    }
    return arena_copy(arena, bytes_of(hint));
}
