/* What people are shown of a statement that waits for them, and what an approval of it binds. Whatever is
 * here was proven or found by the gateway, but for the claims, which are the client's. */
#include "base/cursor.h"
#include "crypto/hash.h"
#include "pgwire/typeout.h"
#include "policy/compile.h"
#include "session/session-private.h"

enum { CLAIMS = 32, CLAIM_BYTES = 4096, PATH_BYTES = 4096, LIST_BYTES = 4096, VALUE_BYTES = 64 * 1024 };

/* ---- claims: what SET postern.… said last, by name */

void claims_keep(struct session *s, struct bytes name, struct bytes value)
{
    struct buf kept;
    struct cursor c = cursor_over(buf_bytes(&s->claims));
    buf_init(&kept, CLAIMS * (CLAIM_BYTES + 128));
    size_t n = 0;
    while (cursor_left(&c) && !c.failed) {
        struct bytes other = cursor_counted(&c), said = cursor_counted(&c);
        if (bytes_equal_nocase(other, name) || ++n >= CLAIMS) continue;
        buf_put_counted(&kept, other);
        buf_put_counted(&kept, said);
    }
    buf_put_counted(&kept, bytes_slice(name, 0, 64));
    buf_put_counted(&kept, bytes_slice(value, 0, CLAIM_BYTES));
    if (kept.failed) {
        buf_free(&kept);
        return;
    }
    buf_free(&s->claims);
    s->claims = kept;
}

struct pairs {
    struct arena *arena;
    struct desk_request *r;
};

static void add_pair(void *context, struct bytes name, struct bytes value)
{
    struct pairs *p = context;
    if (!p->r->claims || p->r->n_claims == CLAIMS || !value.n) return;
    p->r->claims[p->r->n_claims++] =
        (struct desk_pair){ arena_copy(p->arena, bytes_slice(name, 0, 64)),
                            arena_copy(p->arena, bytes_slice(value, 0, CLAIM_BYTES)) };
}

static struct bytes without_prefix(struct bytes name)
{
    return bytes_starts_with(name, "postern.") ? bytes_slice(name, 8, name.n) : name;
}

static bool add_claims(struct session *s, struct bytes text, struct arena *arena, struct desk_request *r)
{
    struct pairs p = { arena, r };
    struct startup_parameter *options = NULL;
    size_t n_options = 0;
    struct bytes given = startup_get(&s->startup, "options");
    r->claims = ARENA_ARRAY(arena, struct desk_pair, CLAIMS);
    sql_comment_claims(text, arena, add_pair, &p);
    struct cursor c = cursor_over(buf_bytes(&s->claims));
    while (cursor_left(&c) && !c.failed) {
        struct bytes name = cursor_counted(&c), value = cursor_counted(&c);
        add_pair(&p, without_prefix(name), value);
    }
    if (given.n && !startup_options_split(given, arena, &options, &n_options)) n_options = 0;
    for (size_t i = 0; i < n_options; i++)
        if (bytes_starts_with(options[i].name, "postern."))
            add_pair(&p, without_prefix(options[i].name), options[i].value);
    for (size_t i = 0; i < s->startup.n_parameters; i++) {
        struct startup_parameter parameter = s->startup.parameters[i];
        if (bytes_starts_with(parameter.name, "postern.") || bytes_is(parameter.name, "application_name"))
            add_pair(&p, without_prefix(parameter.name), parameter.value);
    }
    return r->claims != NULL;
}

/* ---- the statement */

static void add_word(struct buf *list, struct bytes word)
{
    if (buf_length(list)) buf_append_text(list, ", ");
    buf_append(list, word);
}

static bool add_facts(const struct understood *u, struct arena *arena, struct desk_request *r)
{
    const struct sql_facts *facts = u->facts;
    struct buf tags, effects;
    size_t n = 0;
    for (size_t i = 0; facts && i < facts->n_statements; i++)
        n += facts->statements[i].n_relations;
    r->relations = ARENA_ARRAY(arena, struct desk_relation, n < 256 ? n : 256);
    if (!r->relations) return false;
    buf_init(&tags, LIST_BYTES);
    buf_init(&effects, LIST_BYTES);
    for (size_t i = 0; facts && i < facts->n_statements; i++) {
        const struct sql_statement *st = &facts->statements[i];
        if (buf_length(&tags) < LIST_BYTES - 200) add_word(&tags, bytes_slice(st->tag, 0, 100));
        if (st->where > r->where) r->where = st->where;
        for (size_t k = 0; k < st->n_relations && r->n_relations < 256; k++) {
            const struct sql_relation *rel = &st->relations[k];
            r->relations[r->n_relations++] =
                (struct desk_relation){ rel->schema, rel->name, rel->access, rel->whereless, rel->through };
        }
    }
    for (uint32_t bit = 0; bit < SQL_N_EFFECTS; bit++)
        if (u->effects & 1u << bit) add_word(&effects, bytes_of(sql_effect_name(1u << bit)));
    r->tags = arena_copy(arena, buf_bytes(&tags));
    r->effects = arena_copy(arena, buf_bytes(&effects));
    buf_free(&tags);
    buf_free(&effects);
    return r->tags.p && r->effects.p;
}

/* ---- parameters: the Bind's, with the types that its Parse gave or the server told */

static bool add_parameter(struct cursor *c, uint32_t type, bool is_binary, struct arena *arena,
                          struct desk_parameter *out)
{
    struct buf text;
    uint32_t length = cursor_u32(c);
    *out = (struct desk_parameter){ .type = type, .is_null = length == UINT32_MAX, .is_binary = is_binary };
    if (out->is_null) return true;
    out->value = cursor_take(c, length);
    if (out->value.n > VALUE_BYTES) return true; /* it is bound all the same */
    buf_init(&text, 4 * VALUE_BYTES + 64);
    bool shown = !is_binary || typeout_binary(type, out->value, &text);
    if (shown && !is_binary) buf_append(&text, out->value);
    if (shown && !text.failed) out->text = arena_copy(arena, buf_bytes(&text));
    shown = !shown || out->text.p;
    buf_free(&text);
    return shown;
}

static bool add_parameters(const struct hold_question *q, struct arena *arena, struct desk_request *r)
{
    struct cursor c = cursor_over(q->bind);
    if (!q->bind.p) return true;
    cursor_cstring(&c);
    cursor_cstring(&c);
    uint16_t n_formats = cursor_u16(&c);
    struct bytes formats = cursor_take(&c, (size_t)n_formats * 2);
    uint16_t n = cursor_u16(&c);
    r->parameters = ARENA_ARRAY(arena, struct desk_parameter, n);
    if (!r->parameters || c.failed) return false;
    for (uint16_t i = 0; i < n; i++) {
        uint16_t at = n_formats == 1 ? 0 : i;
        bool is_binary = at < n_formats && formats.p[2 * at + 1] == 1;
        uint32_t type = q->source && q->source->types && i < q->source->n_types ? q->source->types[i] : 0;
        if (!add_parameter(&c, type, is_binary, arena, &r->parameters[i])) return false;
        r->n_parameters++;
    }
    return !c.failed;
}

static bool add_not_undone(const struct session *s, const struct hold_question *q, struct arena *arena,
                           struct desk_request *r)
{
    const struct sql_facts *facts = q->u->facts;
    const struct holding *h = s->holding;
    r->not_undone = ARENA_ARRAY(arena, struct bytes, 2 * HOLD_NOT_UNDONE);
    for (size_t i = 0; r->not_undone && i < h->n_not_undone; i++)
        r->not_undone[r->n_not_undone++] = h->not_undone[i];
    for (size_t i = 0; r->not_undone && facts && i < facts->n_statements; i++)
        for (size_t k = 0; k < facts->statements[i].n_functions; k++) {
            const struct sql_function *f = &facts->statements[i].functions[k];
            if (r->n_not_undone >= 2 * HOLD_NOT_UNDONE - 2) break;
            if (bytes_is(f->name, "nextval") || bytes_is(f->name, "setval"))
                r->not_undone[r->n_not_undone++] =
                    arena_printf(arena, "a sequence, by %.*s()", BYTES_FMT(f->name));
            else if (f->n_codes)
                r->not_undone[r->n_not_undone++] = arena_printf(
                    arena, "what %.*s does outside the transaction", BYTES_FMT(f->codes[0].signature));
        }
    for (size_t i = 0; r->not_undone && i < r->n_not_undone; i++)
        if (!r->not_undone[i].p) return false;
    return r->not_undone != NULL;
}

/* ---- who wants what */

static bool add_needs(const struct hold_question *q, struct arena *arena, struct desk_request *r)
{
    const struct policy_verdict *v = &q->u->verdict;
    r->needs = ARENA_ARRAY(arena, struct policy_need, v->n_needs);
    for (size_t i = 0; r->needs && i < v->n_needs; i++)
        if (!q->counted || !v->needs[i].unless || q->rows > v->needs[i].rows)
            r->needs[r->n_needs++] = v->needs[i];
    return r->needs != NULL;
}

static void add_times(const struct session *s, struct desk_request *r)
{
    int64_t wait_us = INT64_MAX;
    r->window_us = INT64_MAX;
    for (size_t i = 0; i < r->n_needs; i++) {
        int64_t us = s->holding->within ? r->needs[i].in_transaction_us : r->needs[i].expires_us;
        if (us < wait_us) wait_us = us;
        if (r->needs[i].window_us < r->window_us) r->window_us = r->needs[i].window_us;
    }
    r->expires_us = clock_wall_us(s->world->clock) + (wait_us == INT64_MAX ? 0 : wait_us);
    if (r->window_us == INT64_MAX) r->window_us = 0;
}

static struct bytes path_of(const struct session *s, struct arena *arena)
{
    struct buf path;
    buf_init(&path, PATH_BYTES);
    for (size_t i = 0; s->view.key && i < s->view.view.n_path; i++)
        add_word(&path, s->view.view.path[i]);
    struct bytes copy = arena_copy(arena, buf_bytes(&path));
    buf_free(&path);
    return copy;
}

/* The configuration in force by now: where its policies have changed since it was asked, it is asked anew. */
static struct bytes policies_now(struct session *s, struct arena *arena)
{
    struct session_snapshot *now = s->world->snapshot(s->world);
    struct bytes hash = arena_copy(arena, policy_snapshot_hash(now->policies));
    session_snapshot_release(now);
    return hash;
}

bool hold_request(struct session *s, const struct hold_question *q, struct arena *arena,
                  struct desk_request *r)
{
    const struct understood *u = q->u;
    uint8_t exact[SHA256_SIZE];
    *r =
        (struct desk_request){ .stays = s->fails_on_hold,
                               .session = s->record.id,
                               .run = q->run,
                               .replaces = bytes_of(s->holding->before),
                               .because = s->holding->changed
                                              ? BYTES_LITERAL("What it touches, what it means or how much it "
                                                              "changes is not what was approved before.")
                                              : (struct bytes){ 0 },
                               .principal = s->principal,
                               .connection = s->target->name,
                               .database = s->database,
                               .login = s->login->name,
                               .search_path = path_of(s, arena),
                               .text = u->n_secrets ? u->recorded_text : q->text,
                               .counted = q->counted,
                               .rows = q->rows,
                               .message = q->counted ? u->verdict.held.message : u->verdict.message,
                               .policy_hash = policies_now(s, arena) };
    if (!q->counted) r->not_counted = BYTES_LITERAL("The rule asks before anything runs.");
    if (!r->search_path.p || !r->policy_hash.p || !add_facts(u, arena, r) || !add_parameters(q, arena, r) ||
        !add_needs(q, arena, r) || !add_claims(s, r->text, arena, r))
        return false;
    if (q->counted && !add_not_undone(s, q, arena, r)) return false;
    add_times(s, r);
    /* The text that people see may lack a password; what is approved does not. */
    sha256_once(q->text, exact);
    struct buf all;
    buf_init(&all, 1024);
    buf_append(&all, bytes_of(s->holding->versions));
    buf_append(&all, bytes_make(exact, sizeof exact));
    struct bytes versions = arena_copy(arena, buf_bytes(&all));
    buf_free(&all);
    if (!versions.p) return false;
    desk_digest(r, versions, r->digest);
    return true;
}
