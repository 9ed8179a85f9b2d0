/* What the record tells of a text, written once and kept with it. */
#include "mask/seen.h"
#include "record/frame.h"
#include "session/understood-private.h"
#include <stdlib.h>

enum { NAMES_SHOWN = 64, SEEN_BYTES = 160 << 10 /* of lists of columns in the record of one text */ };

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
bool understood_encode(struct understood *u, const struct understood_context *context)
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
