/* Understanding a text and judging it, once: its parts are understood-judge.c (the verdict),
 * understood-edits.c (what is forwarded), understood-record.c (what the record tells of it) and
 * understood-cache.c (where it is kept). */
#include "session/understood-private.h"
#include <stdlib.h>

enum {
    ARENA_CHUNK = 2048,
    ARENA_PER_BYTE = 400,
    ARENA_BASE = 1 << 20,
    ARENA_MASKS = 16 << 20 /* what masks: each mention of a wide table is written out */
};

struct bytes understood_types(struct bytes types)
{
    for (size_t at = 0; at + 4 <= types.n; at += 4) {
        const uint8_t *p = types.p + at;
        if (!catalog_is_own((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]))
            return types;
    }
    return (struct bytes){ 0 };
}

static struct understood *understood_new(struct understood_cache *cache,
                                         const struct understood_context *context, struct bytes text)
{
    struct understood *u = calloc(1, sizeof *u);
    if (!u) return NULL;
    u->masks = policy_ruleset_masks(context->ruleset);
    if (u->masks) u->masking = mask_masking(context->ruleset);
    arena_init(&u->arena, ARENA_CHUNK, (u->masks ? ARENA_MASKS : ARENA_BASE) + text.n * ARENA_PER_BYTE);
    u->text = arena_copy(&u->arena, text);
    u->types = context->types.n ? arena_copy(&u->arena, context->types) : (struct bytes){ 0 };
    u->ruleset = understood_context_key(context);
    u->view = context->view_key;
    u->judged = u->key = u->text;
    u->hash = understood_hash(cache, u->ruleset, u->view, u->key, false);
    u->serial = understood_cache_serial(cache);
    u->n_pins = 1;
    if (u->text.p && u->types.n == context->types.n) return u;
    understood_drop(u);
    return NULL;
}

/* Kept under its template where nothing that was found hangs on a literal. */
static void make_template(struct understood_cache *cache, struct understood *u)
{
    uint8_t template[SQL_TEMPLATE_BYTES];
    size_t n, n_literals;
    if (u->outcome != SQL_UNDERSTOOD || !sql_facts_fit_template(u->facts) || u->n_secrets || u->types.n)
        return;
    if (u->facts->n_edits > UNDERSTOOD_TEMPLATE_EDITS || u->judged.p != u->text.p) return;
    if (!sql_template(u->text, template, &n, &n_literals) || n_literals == 0) return;
    struct bytes key = arena_copy(&u->arena, bytes_make(template, n));
    if (!key.p) return;
    u->key = key;
    u->is_template = true;
    u->hash = understood_hash(cache, u->ruleset, u->view, key, true);
}

static bool is_one_of(struct bytes name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes_is(name, names[i])) return true;
    return false;
}

/* Whether the statement may change what names mean to the session. Code that nobody knows may do anything;
 * rights on schemas decide which of the search path count. */
static bool statement_moves_view(const struct sql_statement *s)
{
    static const char *const settings[] = { "", "search_path", "role", "session_authorization",
                                            "temp_tablespaces" };
    static const char *const discards[] = { "all", "temp" };
    if (s->effects & (EFFECT_SCHEMA | EFFECT_PROCEDURE | EFFECT_PRIVILEGE | EFFECT_UNKNOWN)) return true;
    if (s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET)
        return is_one_of(s->subject, settings, sizeof settings / sizeof *settings);
    if (s->action == SQL_ACTION_DISCARD)
        return is_one_of(s->subject, discards, sizeof discards / sizeof *discards);
    /* A function that somebody wrote here; those of extensions leave their callers' paths alone. */
    for (size_t i = 0; i < s->n_functions; i++)
        for (size_t k = 0; k < s->functions[i].n_codes; k++)
            if (!s->functions[i].codes[k].extension.n) return true;
    return understood_calls(s, "set_config");
}

/* Nothing in it is resolved by the catalogue: it can be judged while there is no view. */
static bool statement_is_nameless(const struct sql_statement *s)
{
    if (s->n_relations || s->n_functions || s->effects & ~(uint32_t)(EFFECT_TRANSACTION | EFFECT_SESSION))
        return false;
    switch (s->action) {
    case SQL_ACTION_BEGIN:
    case SQL_ACTION_COMMIT:
    case SQL_ACTION_ROLLBACK:
    case SQL_ACTION_SAVEPOINT:
    case SQL_ACTION_SET:
    case SQL_ACTION_RESET:
    case SQL_ACTION_DEALLOCATE:
    case SQL_ACTION_CLOSE:
    case SQL_ACTION_DISCARD:
    case SQL_ACTION_LISTEN:
    case SQL_ACTION_UNLISTEN: return true;
    /* SET TRANSACTION, before which the server takes no query. */
    case SQL_ACTION_NONE: return s->effects == EFFECT_TRANSACTION;
    default: return false;
    }
}

/* Queries are analysed when they are prepared, everything else when it runs. */
static bool statement_is_late(const struct sql_statement *s)
{
    static const char *const queries[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "MERGE" };
    return !is_one_of(s->tag, queries, sizeof queries / sizeof *queries);
}

static void note_view(struct understood *u)
{
    u->nameless = u->outcome == SQL_UNDERSTOOD;
    u->moves_view = u->moves_schema = u->outcome == SQL_UNKNOWN;
    for (size_t i = 0; u->facts && i < u->facts->n_statements; i++) {
        const struct sql_statement *s = &u->facts->statements[i];
        u->moves_view |= statement_moves_view(s);
        u->moves_schema |= (s->effects & (EFFECT_SCHEMA | EFFECT_PROCEDURE | EFFECT_UNKNOWN)) != 0;
        u->ends_transaction |= s->action == SQL_ACTION_COMMIT || s->action == SQL_ACTION_ROLLBACK ||
                               s->action == SQL_ACTION_SAVEPOINT || s->action == SQL_ACTION_TWO_PHASE;
        u->nameless &= statement_is_nameless(s);
        u->late |= statement_is_late(s);
        if (!u->unresolved && s->unresolved_code) u->unresolved = s;
    }
}

/* The facts are there: judge, and keep what came of it. */
static struct understood *understood_finish(struct understood_cache *cache,
                                            const struct understood_context *context, struct understood *u)
{
    u->effects = u->outcome == SQL_UNDERSTOOD ? 0 : EFFECT_UNKNOWN;
    for (size_t i = 0; u->outcome == SQL_UNDERSTOOD && i < u->facts->n_statements; i++)
        u->effects |= u->facts->statements[i].effects;
    note_view(u);
    bool good = understood_judge(u, context) &&
                (u->refused || u->unresolved || !(u->has_context || (u->facts && u->facts->n_edits)) ||
                 understood_make_forward(u)) &&
                understood_encode(u, context);
    if (!good) {
        understood_drop(u);
        return NULL;
    }
    for (size_t i = 0; u->facts && i < u->facts->n_statements; i++)
        u->may_return_rows |=
            (u->facts->statements[i].effects & ~(uint32_t)(EFFECT_TRANSACTION | EFFECT_SESSION)) != 0;
    make_template(cache, u);
    understood_cache_keep(cache, u);
    return u;
}

struct understood *understood_begin(struct understood_cache *cache, const struct understood_context *context,
                                    struct bytes text)
{
    struct understood *u = understood_new(cache, context, text);
    /* No password comes near the grammar, which leaves copies in memory that nobody wipes. */
    if (!u || !context->view || !sql_may_hold_secret(u->text)) return u;
    struct bytes masked = sql_mask(u->text, &u->arena);
    if (!masked.p) {
        understood_drop(u);
        return NULL;
    }
    if (!bytes_equal(masked, u->text)) u->judged = masked;
    return u;
}

void understood_parse(struct understood *u, const struct catalog_view *view)
{
    u->outcome =
        sql_understand_masked(u->judged, view, u->types, u->masks ? &u->masking : NULL, &u->arena, &u->facts);
    u->masking = (struct sql_masking){ 0 };
}

struct understood *understood_end(struct understood_cache *cache, const struct understood_context *context,
                                  struct understood *u)
{
    return understood_finish(cache, context, u);
}

struct understood *understood_make(struct understood_cache *cache, const struct understood_context *context,
                                   struct bytes text)
{
    struct understood *u = understood_begin(cache, context, text);
    if (!u) return NULL;
    understood_parse(u, context->view);
    return understood_end(cache, context, u);
}

struct understood *understood_make_from(struct understood_cache *cache,
                                        const struct understood_context *context, struct bytes text,
                                        struct bytes encoded_facts)
{
    struct understood *u = understood_new(cache, context, text);
    if (!u) return NULL;
    u->outcome = sql_facts_decode(u->text, encoded_facts, &u->arena, &u->facts);
    return understood_finish(cache, context, u);
}
