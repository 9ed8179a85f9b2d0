/* Understanding and judging a text once, and keeping the outcome. Entries live in slots by hash; when the
 * ceiling is reached a hand goes round and throws out what was not used since it last came by and is not
 * pinned. */
#include "session/understood.h"
#include "base/map.h"
#include "mask/seen.h"
#include "pgwire/report.h"
#include "record/frame.h"
#include "record/sent.h"
#include "sql/edits.h"
#include <stdlib.h>

enum {
    CACHED_TEXT_CEILING = 64 * 1024,
    ARENA_CHUNK = 2048,
    ARENA_PER_BYTE = 400,
    ARENA_BASE = 1 << 20,
    ARENA_MASKS = 16 << 20, /* what masks: each mention of a wide table is written out */
    NAMES_SHOWN = 64,
    DESCRIPTION_KEPT = 2048,
    SEEN_BYTES = 160 << 10, /* of lists of columns in the record of one text */
    EVICT_STEPS = 64,
    TEMPLATE_EDITS = 256
};

struct understood_cache {
    struct understood **slots;
    size_t n_slots, n, ceiling, bytes, bytes_ceiling, hand;
    uint64_t seed, next_serial;
};

struct understood_cache *understood_cache_new(size_t entries, size_t bytes, uint64_t seed)
{
    struct understood_cache *cache = calloc(1, sizeof *cache);
    size_t n_slots = 64;
    while (n_slots < entries)
        n_slots *= 2;
    if (cache) cache->slots = calloc(n_slots, sizeof(struct understood *));
    if (!cache || !cache->slots) {
        free(cache);
        return NULL;
    }
    cache->n_slots = n_slots;
    cache->ceiling = entries;
    cache->bytes_ceiling = bytes;
    cache->seed = seed;
    cache->next_serial = 1;
    return cache;
}

uint64_t understood_cache_serial(struct understood_cache *cache)
{
    return cache->next_serial++;
}

static void understood_free(struct understood *u)
{
    if (u->n_secrets || u->judged.p != u->text.p) arena_wipe(&u->arena);
    arena_free(&u->arena);
    free(u);
}

void understood_cache_free(struct understood_cache *cache)
{
    if (!cache) return;
    for (size_t i = 0; i < cache->n_slots; i++)
        while (cache->slots[i]) {
            struct understood *u = cache->slots[i];
            cache->slots[i] = u->next;
            CHECK(u->n_pins == 0);
            understood_free(u);
        }
    free(cache->slots);
    free(cache);
}

void understood_unpin(struct understood_cache *cache, struct understood *u)
{
    (void)cache;
    CHECK(u->n_pins > 0);
    if (--u->n_pins == 0 && !u->cached) understood_free(u);
}

void understood_keep_description(struct understood_cache *cache, struct understood *u, struct bytes body)
{
    size_t before = u->arena.used;
    if (u->described.p || body.n == 0 || body.n > DESCRIPTION_KEPT) return;
    u->described = arena_copy(&u->arena, body);
    if (u->cached) cache->bytes += u->arena.used - before;
}

static void evict_some(struct understood_cache *cache)
{
    /* A few steps each time: where everything is pinned, nobody should pay for going all the way round. */
    for (size_t looked = 0; looked < EVICT_STEPS; looked++) {
        if (cache->n < cache->ceiling && cache->bytes < cache->bytes_ceiling) return;
        struct understood **link = &cache->slots[cache->hand++ & (cache->n_slots - 1)];
        while (*link) {
            struct understood *u = *link;
            if (u->recently_used || u->n_pins) {
                u->recently_used = false;
                link = &u->next;
                continue;
            }
            *link = u->next;
            cache->n--;
            cache->bytes -= u->arena.used;
            understood_free(u);
        }
    }
}

static void keep(struct understood_cache *cache, struct understood *u)
{
    if (u->text.n > CACHED_TEXT_CEILING || u->n_secrets || u->types.n) return;
    if (cache->n >= cache->ceiling || cache->bytes >= cache->bytes_ceiling) evict_some(cache);
    if (cache->n >= cache->ceiling) return; /* everything is pinned */
    struct understood **slot = &cache->slots[u->hash & (cache->n_slots - 1)];
    u->next = *slot;
    *slot = u;
    u->cached = u->recently_used = true;
    cache->n++;
    cache->bytes += u->arena.used;
}

/* The same number for two contexts that judge alike. */
static uint64_t context_key(const struct understood_context *context)
{
    uint64_t key = policy_ruleset_key(context->ruleset);
    for (size_t i = 0; i < context->target->n_settings; i++)
        key = map_hash(context->target->settings[i].name, key);
    return key;
}

static uint64_t hash_of(const struct understood_cache *cache, uint64_t ruleset, uint64_t view,
                        struct bytes key, bool is_template)
{
    return map_hash(key, cache->seed ^ ruleset ^ view ^ (is_template ? 0x9E3779B97F4A7C15ULL : 0));
}

static struct understood *find(struct understood_cache *cache, uint64_t ruleset, uint64_t view,
                               struct bytes key, bool is_template)
{
    uint64_t hash = hash_of(cache, ruleset, view, key, is_template);
    for (struct understood *u = cache->slots[hash & (cache->n_slots - 1)]; u; u = u->next)
        if (u->hash == hash && u->ruleset == ruleset && u->view == view && u->is_template == is_template &&
            bytes_equal(u->key, key)) {
            u->recently_used = true;
            return understood_pin(u);
        }
    return NULL;
}

struct understood *understood_find(struct understood_cache *cache, const struct understood_context *context,
                                   struct bytes text)
{
    uint8_t template[SQL_TEMPLATE_BYTES];
    size_t n, n_literals;
    uint64_t ruleset = context_key(context);
    if (context->types.n) return NULL;
    struct understood *u = find(cache, ruleset, context->view_key, text, false);
    if (u || !sql_template(text, template, &n, &n_literals) || n_literals == 0) return u;
    return find(cache, ruleset, context->view_key, bytes_make(template, n), true);
}

struct bytes understood_types(struct bytes types)
{
    for (size_t at = 0; at + 4 <= types.n; at += 4) {
        const uint8_t *p = types.p + at;
        if (!catalog_is_own((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]))
            return types;
    }
    return (struct bytes){ 0 };
}

static bool is_closed_setting(const struct target *target, struct bytes name)
{
    for (size_t i = 0; i < target->n_settings; i++)
        if (bytes_equal_nocase(target->settings[i].name, name)) return true;
    return false;
}

static bool calls(const struct sql_statement *s, const char *function)
{
    for (size_t i = 0; i < s->n_functions; i++)
        if (bytes_is(s->functions[i].name, function)) return true;
    return false;
}

/* Settings that the gateway makes for the connection, and every other way to a setting than SET, are closed:
 * a policy could not know of the first, and the second would go around what SET is judged by. */
static bool moves_closed_setting(const struct target *target, const struct sql_statement *s)
{
    if ((s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET) &&
        is_closed_setting(target, s->subject))
        return true;
    if (target->n_settings && s->effects & EFFECT_SESSION && calls(s, "set_config")) return true;
    for (size_t i = 0; i < s->n_relations; i++)
        if (bytes_is(s->relations[i].name, "pg_settings") && s->relations[i].access & ~(uint32_t)EFFECT_READ)
            return true;
    return false;
}

static bool needs_copy(struct understood *u, const struct policy_verdict *v)
{
    u->verdict.needs = ARENA_ARRAY(&u->arena, struct policy_need, v->n_needs);
    for (size_t i = 0; i < v->n_needs && u->verdict.needs; i++) {
        struct policy_need *need = &u->verdict.needs[i];
        *need = v->needs[i];
        need->policy = arena_copy(&u->arena, need->policy);
        need->rule = arena_copy(&u->arena, need->rule);
        need->by = ARENA_ARRAY(&u->arena, struct bytes, need->n_by);
        for (size_t k = 0; k < need->n_by && need->by; k++)
            if (!(need->by[k] = arena_copy(&u->arena, v->needs[i].by[k])).p) return false;
        if (!need->policy.p || !need->rule.p || !need->by) return false;
    }
    return u->verdict.needs != NULL;
}

static bool verdict_copy(struct understood *u, const struct policy_verdict *v)
{
    u->verdict = *v;
    u->verdict.policy = arena_copy(&u->arena, v->policy);
    u->verdict.rule = arena_copy(&u->arena, v->rule);
    u->verdict.message = arena_copy(&u->arena, v->message);
    u->verdict.hint = arena_copy(&u->arena, v->hint);
    u->verdict.would = arena_copy(&u->arena, v->would);
    u->verdict.held.policy = arena_copy(&u->arena, v->held.policy);
    u->verdict.held.rule = arena_copy(&u->arena, v->held.rule);
    u->verdict.held.message = arena_copy(&u->arena, v->held.message);
    u->verdict.held.hint = arena_copy(&u->arena, v->held.hint);
    u->verdict.by = ARENA_ARRAY(&u->arena, struct bytes, v->n_by);
    for (size_t i = 0; i < v->n_by && u->verdict.by; i++)
        u->verdict.by[i] = arena_copy(&u->arena, v->by[i]);
    if (!needs_copy(u, v)) return false;
    return u->verdict.policy.p && u->verdict.rule.p && u->verdict.message.p && u->verdict.hint.p &&
           u->verdict.would.p && u->verdict.held.policy.p && u->verdict.held.rule.p &&
           u->verdict.held.message.p && u->verdict.held.hint.p && u->verdict.by;
}

static void refuse(struct understood *u, enum refusal_reason reason, const char *rule, const char *message,
                   const char *hint)
{
    u->refused = true;
    u->reason = reason;
    u->verdict = (struct policy_verdict){
        .decision = POLICY_DENY, .rule = bytes_of(rule), .message = bytes_of(message), .hint = bytes_of(hint)
    };
}

/* The last four only where they run code. */
static const char *const counted_tags[] = { "SELECT",
                                            "SELECT INTO",
                                            "CREATE TABLE AS",
                                            "INSERT",
                                            "UPDATE",
                                            "DELETE",
                                            "MERGE",
                                            "COPY",
                                            "EXPLAIN",
                                            "CREATE INDEX",
                                            "ALTER TABLE",
                                            "CREATE MATERIALIZED VIEW",
                                            "REFRESH MATERIALIZED VIEW" };
enum { COUNTED = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_BULK_IN };

/* Trusted or not, and whatever its volatility promises. Where citext is installed, every = could be its own:
 * what is known to change nothing does not count. */
static bool runs_code(const struct sql_statement *s)
{
    if (s->effects & EFFECT_PROCEDURE) return true;
    for (size_t i = 0; i < s->n_functions; i++)
        for (size_t k = 0; k < s->functions[i].n_codes; k++)
            if (!policy_extension_is_harmless(s->functions[i].codes[k].extension)) return true;
    return false;
}

static bool tag_tells(const struct sql_statement *s)
{
    return s->in_view && !s->writes_beside && !s->runs_unseen && !runs_code(s) &&
           !bytes_is(s->tag, "EXPLAIN");
}

static enum understood_limited limited_by(const struct sql_statement *s)
{
    if (s->action == SQL_ACTION_EXECUTE || s->action == SQL_ACTION_FETCH) return LIMITED_BY_NAME;
    if (!(s->effects & COUNTED) && !runs_code(s) && !s->runs_unseen) return LIMITED_NOT;
    if (s->action == SQL_ACTION_DECLARE) return LIMITED_BY_COUNT;
    if (s->action == SQL_ACTION_PREPARE) return tag_tells(s) ? LIMITED_BY_TAG : LIMITED_BY_COUNT;
    for (size_t i = 0; i < sizeof counted_tags / sizeof *counted_tags; i++)
        if (bytes_is(s->tag, counted_tags[i])) return tag_tells(s) ? LIMITED_BY_TAG : LIMITED_BY_COUNT;
    return LIMITED_NOT;
}

/* What runs code that may commit by itself, or code that runs at another time than now, is not to be counted
 * and undone; nor what another server holds, which may know no transactions. */
static const char *why_not_counted(const struct sql_statement *s)
{
    bool code = runs_code(s);
    if (s->writes_foreign) return "It changes a foreign table, whose rows stand on another server.";
    if (s->writes_late || ((code || s->runs_unseen) && s->late_triggers))
        return "It may set off a trigger that is deferred to COMMIT, when nothing is left to count.";
    if (bytes_is(s->tag, "CALL") || bytes_is(s->tag, "DO") || (s->action == SQL_ACTION_DECLARE && code))
        return "Write the INSERT, UPDATE or DELETE itself; a procedure and DO may commit on their own.";
    return NULL;
}

/* Where changed rows are limited: what decides, or a refusal. */
static void limit_statements(struct understood *u)
{
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *s = &u->facts->statements[i];
        enum understood_limited limited = limited_by(s);
        bool inside = s->action == SQL_ACTION_PREPARE || s->action == SQL_ACTION_DECLARE;
        enum understood_limited *most = inside ? &u->limited_inside : &u->limited;
        if (limited > *most) *most = limited;
        const char *why = why_not_counted(s);
        if (!why) continue;
        refuse(u, REFUSAL_COUNTED, "affected_rows",
               "what this changes cannot be counted and undone, and changed rows are limited", why);
        return;
    }
}

/* An approval is for one run with these parameters: what is prepared in SQL could run any number of times. */
static bool prepares(const struct sql_facts *facts)
{
    for (size_t i = 0; i < facts->n_statements; i++)
        if (facts->statements[i].action == SQL_ACTION_PREPARE) return true;
    return false;
}

/* All statements are judged as one text. */
static bool judge_statements(struct understood *u, const struct understood_context *context)
{
    struct policy_verdict verdict = { 0 };
    bool open = policy_ruleset_is_open(context->ruleset);
    size_t index;
    for (size_t i = 0; i < u->facts->n_statements; i++) {
        const struct sql_statement *s = &u->facts->statements[i];
        u->has_context |= s->action == SQL_ACTION_SET && s->setting == SQL_SETTING_CONTEXT;
        u->has_names |= s->action >= SQL_ACTION_PREPARE && s->action <= SQL_ACTION_DISCARD;
        u->n_copies_in += s->action == SQL_ACTION_COPY_IN;
        if (!open && moves_closed_setting(context->target, s)) {
            refuse(u, REFUSAL_POLICY, "closed setting", "this setting belongs to the gateway",
                   "Leave it as it is.");
            return true;
        }
    }
    policy_judge_text(context->ruleset, u->facts, &u->arena, &verdict, &index);
    u->held = verdict.decision == POLICY_HOLD && verdict.n_needs && !prepares(u->facts);
    u->refused = verdict.decision != POLICY_ALLOW && !u->held;
    if (u->refused || u->held)
        u->reason = verdict.decision == POLICY_HOLD ? REFUSAL_APPROVAL : REFUSAL_POLICY;
    if (!verdict_copy(u, &verdict)) return false;
    if (!u->refused && policy_verdict_counts_rows(&verdict)) limit_statements(u);
    return true;
}

static bool judge(struct understood *u, const struct understood_context *context)
{
    struct policy_verdict verdict = { 0 };
    switch (u->outcome) {
    case SQL_HOSTILE:
        refuse(u, REFUSAL_HOSTILE, "not understood", "this text cannot be judged safely",
               "Write it in plain PostgreSQL 15 SQL.");
        if (u->facts && u->facts->error.n)
            u->verdict.message = arena_printf(&u->arena, "this text cannot be judged safely: %.*s",
                                              BYTES_FMT(u->facts->error));
        return u->verdict.message.p != NULL;
    case SQL_UNKNOWN:
        u->may_return_rows = true;
        policy_judge_unknown(context->ruleset, &u->arena, &verdict);
        u->refused = verdict.decision != POLICY_ALLOW;
        u->reason = REFUSAL_POLICY;
        return verdict_copy(u, &verdict);
    case SQL_UNDERSTOOD: return judge_statements(u, context);
    }
    return false;
}

bool understood_forward(const struct understood *u, struct bytes text, struct buf *out)
{
    struct sql_edit moved[TEMPLATE_EDITS];
    size_t n = u->facts->n_edits;
    if (n > TEMPLATE_EDITS || !sql_edits_move(u->text, u->facts->edits, n, text, moved)) return false;
    sql_edits_apply(text, moved, n, out);
    return true;
}

static struct bytes without_place(struct bytes body, struct bytes place, struct arena *arena)
{
    size_t before = (size_t)(place.p - body.p) - 1, after = before + 1 + place.n + 1;
    struct buf out;
    buf_init(&out, body.n);
    buf_append(&out, bytes_slice(body, 0, before));
    buf_append(&out, bytes_slice(body, after, body.n));
    struct bytes copy = out.failed ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy.p ? copy : body;
}

uint32_t understood_place(const struct understood *u, struct bytes text, int64_t at)
{
    struct sql_edit here = { .at = (uint32_t)at };
    uint32_t place = 1;
    if (at < 0 || (uint64_t)at > u->text.n) return 0;
    if (!bytes_equal(text, u->text) && !sql_edits_move(u->text, &here, 1, text, &here)) return 0;
    for (size_t i = 0; i < here.at && i < text.n; i++)
        place += (text.p[i] & 0xc0) != 0x80;
    return place;
}

struct bytes understood_place_back(const struct understood *u, struct bytes text, struct bytes body,
                                   struct arena *arena)
{
    struct sql_edit moved[TEMPLATE_EDITS];
    const struct sql_edit *edits = u->facts->edits;
    size_t n = u->facts->n_edits;
    struct bytes place = report_field(body, 'P');
    int64_t number;
    if (!text.p && place.p) return without_place(body, place, arena);
    if (!place.n || !bytes_to_int64(place, &number) || number < 0 || number > UINT32_MAX) return body;
    if (text.p != u->text.p) {
        if (n > TEMPLATE_EDITS || !sql_edits_move(u->text, edits, n, text, moved)) return body;
        edits = moved;
    }
    struct bytes back = arena_printf(arena, "%u", sql_edits_place_back(text, edits, n, (uint32_t)number));
    size_t before = (size_t)(place.p - body.p), after = before + place.n;
    struct buf out;
    buf_init(&out, body.n + 16);
    buf_append(&out, bytes_slice(body, 0, before));
    buf_append(&out, back);
    buf_append(&out, bytes_slice(body, after, body.n));
    struct bytes copy = out.failed || !back.p ? (struct bytes){ 0 } : arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy.p ? copy : body;
}

/* Names get their schemas. SET postern.… stays here; so that tag, transaction state and errors are the
 * server's own, it gets a SET of a placeholder in its place. */
static struct sql_edit *all_edits(struct understood *u, size_t *n_out)
{
    const struct sql_facts *facts = u->facts;
    struct sql_edit *all = ARENA_ARRAY(&u->arena, struct sql_edit, facts->n_edits + facts->n_statements);
    size_t n = 0, edit = 0;
    if (!all) return NULL;
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        if (s->action != SQL_ACTION_SET || s->setting != SQL_SETTING_CONTEXT) continue;
        size_t at = (size_t)(s->text.p - u->judged.p);
        while (edit < facts->n_edits && facts->edits[edit].at < at)
            all[n++] = facts->edits[edit++];
        all[n++] = (struct sql_edit){ .at = (uint32_t)at,
                                      .insert = BYTES_LITERAL("SET postern.kept TO ''"),
                                      .remove = (uint32_t)s->text.n };
        while (edit < facts->n_edits && facts->edits[edit].at < at + s->text.n)
            edit++; /* of what does not go out there is nothing to edit */
    }
    while (edit < facts->n_edits)
        all[n++] = facts->edits[edit++];
    *n_out = n;
    return all;
}

/* The record's field; left out where it would be too large. */
static bool encode_edits(struct understood *u, const struct sql_edit *edits, size_t n)
{
    struct buf out;
    buf_init(&out, SENT_EDITS_CEILING);
    bool fits = sent_edits_write(edits, n, &out), good = true;
    if (fits && n) good = (u->edits = arena_copy(&u->arena, buf_bytes(&out))).p != NULL;
    buf_free(&out);
    return good;
}

static bool make_forward(struct understood *u)
{
    size_t room = u->text.n + 64, n = 0;
    struct sql_edit *all = all_edits(u, &n);
    struct buf out;
    for (size_t i = 0; all && i < n; i++)
        room += all[i].insert.n;
    buf_init(&out, room);
    if (all) sql_edits_apply(u->text, all, n, &out);
    u->forward = all ? arena_copy(&u->arena, buf_bytes(&out)) : (struct bytes){ 0 };
    bool good = !out.failed && u->forward.p && encode_edits(u, all, n);
    buf_free(&out);
    return good;
}

struct bytes understood_edits(const struct understood *u, struct bytes text, struct arena *arena)
{
    struct sql_edit moved[TEMPLATE_EDITS];
    struct bytes field = { 0 };
    size_t n = u->facts ? u->facts->n_edits : 0;
    struct buf out;
    /* Places are the client's text's own: without its secrets it has others. */
    if (!u->edits.n || !bytes_equal(u->recorded_text, u->text)) return field;
    if (!u->is_template || bytes_equal(text, u->text)) return u->edits;
    if (n > TEMPLATE_EDITS || !sql_edits_move(u->text, u->facts->edits, n, text, moved)) return field;
    buf_init(&out, SENT_EDITS_CEILING);
    if (sent_edits_write(moved, n, &out)) field = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return field;
}

static void add_list(struct frame_fields *f, struct buf *scratch, const char *name)
{
    if (buf_length(scratch)) frame_fields_add(f, name, buf_bytes(scratch));
    buf_consume(scratch, buf_length(scratch));
}

static void separate(struct buf *list)
{
    if (buf_length(list)) buf_append_text(list, ", ");
}

struct seen_fields {
    struct frame_fields *fields;
    size_t statement; /* from 1; 0: the text has no other */
    size_t room, left_out;
};

static void add_seen_list(struct seen_fields *s, const char *name, struct bytes list)
{
    char numbered[32];
    if (!list.n) return;
    if (list.n > s->room) {
        s->left_out++;
        return;
    }
    s->room -= list.n;
    snprintf(numbered, sizeof numbered, s->statement ? "%s.%zu" : "%s", name, s->statement);
    frame_fields_add(s->fields, numbered, list);
}

/* Which columns of which results are masks, and which sensitive ones are not (mask/seen.h): "masked", "clear"
 * …, or "masked.1" … of a text of several statements. */
static bool add_seen(struct frame_fields *f, struct understood *u, const struct understood_context *context)
{
    struct seen_fields s = { .fields = f, .room = SEEN_BYTES };
    size_t n = u->facts->n_statements;
    for (size_t i = 0; i < n; i++) {
        struct mask_seen seen;
        s.statement = n > 1 ? i + 1 : 0;
        if (!mask_seen_of(context->ruleset, context->view, &u->facts->statements[i], &u->arena, &seen))
            return false;
        add_seen_list(&s, "masked", seen.masked);
        add_seen_list(&s, "clear", seen.clear);
        add_seen_list(&s, "untraced", seen.untraced);
        add_seen_list(&s, "outputs", seen.outputs);
        add_seen_list(&s, "values", seen.values);
        s.left_out += seen.n_left_out;
    }
    if (s.left_out) frame_fields_add_number(f, "seen_left_out", (int64_t)s.left_out);
    return true;
}

static void add_facts(struct frame_fields *f, struct buf *scratch, const struct sql_facts *facts)
{
    static const char *const wheres[] = { "", "present", "trivial", "missing" };
    uint32_t effects = 0, shown = 0;
    enum sql_where where = SQL_WHERE_NONE;
    for (size_t i = 0; i < facts->n_statements; i++) {
        effects |= facts->statements[i].effects;
        if (facts->statements[i].where > where) where = facts->statements[i].where;
        if (i >= NAMES_SHOWN) continue;
        separate(scratch);
        buf_append(scratch, facts->statements[i].tag);
    }
    add_list(f, scratch, "tags");
    for (uint32_t bit = 0; bit < SQL_N_EFFECTS; bit++)
        if (effects & 1u << bit) {
            separate(scratch);
            buf_append_text(scratch, sql_effect_name(1u << bit));
        }
    add_list(f, scratch, "effects");
    for (size_t i = 0; i < facts->n_statements; i++)
        for (size_t k = 0; k < facts->statements[i].n_relations && shown < NAMES_SHOWN; k++, shown++) {
            const struct sql_relation *r = &facts->statements[i].relations[k];
            if (!r->name.n) continue;
            separate(scratch);
            buf_printf(scratch, "%.*s%s%.*s", BYTES_FMT(r->schema), r->schema.n ? "." : "",
                       BYTES_FMT(r->name));
        }
    add_list(f, scratch, "relations");
    if (where != SQL_WHERE_NONE) frame_fields_add_text(f, "where", wheres[where]);
}

struct claim_sink {
    struct frame_fields *fields;
    struct arena *arena;
};

static void add_claim(void *context, struct bytes key, struct bytes value)
{
    struct claim_sink *sink = context;
    struct bytes name = arena_printf(sink->arena, "claim.%.*s", BYTES_FMT(key));
    if (name.p && key.n < 100) frame_fields_add(sink->fields, (const char *)name.p, value);
}

/* The fields of FRAME_TEXT, made once: a session that runs the text only copies them. */
static bool encode_record(struct understood *u, const struct understood_context *context)
{
    struct buf out, scratch;
    struct bytes text = u->text;
    buf_init(&out, u->text.n + 256 * 1024);
    buf_init(&scratch, 64 * 1024);
    bool masked = u->judged.p != u->text.p;
    if (u->facts && (u->facts->holds_secret || masked))
        text = sql_redact(u->text, &u->arena, &u->secrets, &u->n_secrets);
    bool good = text.p || text.n == 0;
    u->recorded_text = text;
    struct frame_fields f = frame_fields_begin(&out);
    bool stopped = u->refused || u->held;
    frame_fields_add_text(&f, "decision",
                          stopped ? (u->verdict.decision == POLICY_HOLD ? "hold" : "deny") : "allow");
    if (u->verdict.policy.n) frame_fields_add(&f, "policy", u->verdict.policy);
    if (u->verdict.rule.n) frame_fields_add(&f, "rule", u->verdict.rule);
    if (stopped) frame_fields_add(&f, "message", u->verdict.message);
    if (stopped) frame_fields_add_text(&f, "reason", refusal_code(u->reason));
    if (u->verdict.would.n) frame_fields_add(&f, "would", u->verdict.would);
    if (u->facts) add_facts(&f, &scratch, u->facts);
    bool runs = u->facts && u->outcome == SQL_UNDERSTOOD && !u->refused && !u->unresolved;
    if (runs) good = add_seen(&f, u, context) && good;
    if (u->facts && u->facts->error.n && !u->n_secrets) frame_fields_add(&f, "grammar", u->facts->error);
    if (bytes_find(u->text, BYTES_LITERAL("='")) >= 0) {
        struct claim_sink sink = { &f, &u->arena };
        sql_comment_claims(u->text, &u->arena, add_claim, &sink);
    }
    u->n_record = f.n;
    u->record = arena_copy(&u->arena, bytes_slice(buf_bytes(&out), 2, buf_length(&out)));
    good = good && !out.failed && u->record.p;
    buf_free(&out);
    buf_free(&scratch);
    return good;
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
    u->ruleset = context_key(context);
    u->view = context->view_key;
    u->judged = u->key = u->text;
    u->hash = hash_of(cache, u->ruleset, u->view, u->key, false);
    u->serial = cache->next_serial++;
    u->n_pins = 1;
    if (u->text.p && u->types.n == context->types.n) return u;
    understood_free(u);
    return NULL;
}

/* Kept under its template where nothing that was found hangs on a literal. */
static void make_template(struct understood_cache *cache, struct understood *u)
{
    uint8_t template[SQL_TEMPLATE_BYTES];
    size_t n, n_literals;
    if (u->outcome != SQL_UNDERSTOOD || !sql_facts_fit_template(u->facts) || u->n_secrets || u->types.n)
        return;
    if (u->facts->n_edits > TEMPLATE_EDITS || u->judged.p != u->text.p) return;
    if (!sql_template(u->text, template, &n, &n_literals) || n_literals == 0) return;
    struct bytes key = arena_copy(&u->arena, bytes_make(template, n));
    if (!key.p) return;
    u->key = key;
    u->is_template = true;
    u->hash = hash_of(cache, u->ruleset, u->view, key, true);
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
    return calls(s, "set_config");
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
    bool good = judge(u, context) &&
                (u->refused || u->unresolved || !(u->has_context || (u->facts && u->facts->n_edits)) ||
                 make_forward(u)) &&
                encode_record(u, context);
    if (!good) {
        understood_free(u);
        return NULL;
    }
    for (size_t i = 0; u->facts && i < u->facts->n_statements; i++)
        u->may_return_rows |=
            (u->facts->statements[i].effects & ~(uint32_t)(EFFECT_TRANSACTION | EFFECT_SESSION)) != 0;
    make_template(cache, u);
    keep(cache, u);
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

void understood_drop(struct understood *u)
{
    understood_free(u);
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
