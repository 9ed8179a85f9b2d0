/* The types that a Parse gives its parameters. Reading a value into one is no word of the text, and can run
 * code all the same: a domain's CHECK, the input function of a type that somebody made. It is judged as the
 * cast to the type is that a text would have to name. */
#include "base/cursor.h"
#include "session/session-private.h"

enum { DIFFERENT_TYPES = 64 };

static void put_quoted(struct buf *out, struct bytes name)
{
    buf_append_text(out, "\"");
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') buf_append_text(out, "\"");
        buf_append(out, bytes_slice(name, i, 1));
    }
    buf_append_text(out, "\"");
}

static struct understood *understand_cast(struct session *s, const struct catalog_type *type)
{
    struct understood_context context = session_context(s);
    struct buf text;
    buf_init(&text, 1024);
    buf_append_text(&text, "SELECT NULL::");
    put_quoted(&text, type->schema);
    buf_append_text(&text, ".");
    put_quoted(&text, type->name);
    struct understood *u = text.failed ? NULL : understood_find(s->world->cache, &context, buf_bytes(&text));
    if (!u && !text.failed) u = understood_make(s->world->cache, &context, buf_bytes(&text));
    buf_free(&text);
    return u;
}

static void deny(struct policy_verdict *verdict, struct bytes says)
{
    *verdict = (struct policy_verdict){ .decision = POLICY_DENY,
                                        .rule = BYTES_LITERAL("parameter's type"),
                                        .message = says,
                                        .hint = BYTES_LITERAL("Leave the type open, or cast in the text.") };
}

/* Only the code counts: a cast alone has no other effect that anybody needs an allow for. */
static bool judge_type(struct session *s, uint32_t oid, struct policy_verdict *verdict)
{
    struct bytes unknown = arena_printf(&s->scratch, "a parameter's type with OID %u is not known", oid);
    const struct catalog_type *type = catalog_type_by_oid(&s->view.view, oid);
    struct understood *u = type ? understand_cast(s, type) : NULL;
    bool known = u && u->facts && u->facts->n_statements == 1 && !u->unresolved;
    if (known) {
        struct sql_statement cast = u->facts->statements[0];
        cast.effects &= ~(uint32_t)EFFECT_READ;
        policy_judge(s->ruleset, &cast, &s->scratch, verdict);
    } else {
        deny(verdict, unknown);
    }
    if (u) understood_unpin(s->world->cache, u);
    return verdict->decision == POLICY_ALLOW;
}

bool types_are_foreign(struct bytes types)
{
    struct cursor c = cursor_over(types);
    for (size_t i = 0; i < types.n / 4; i++) {
        uint32_t oid = cursor_u32(&c);
        if (oid != 0 && !catalog_is_own(oid)) return true;
    }
    return false;
}

bool types_are_allowed(struct session *s, struct bytes types, struct policy_verdict *verdict_out)
{
    struct cursor c = cursor_over(types);
    uint32_t seen[DIFFERENT_TYPES];
    size_t n = 0;
    for (size_t i = 0; i < types.n / 4; i++) {
        uint32_t oid = cursor_u32(&c);
        size_t at = 0;
        if (oid == 0 || catalog_is_own(oid)) continue;
        while (at < n && seen[at] != oid)
            at++;
        if (at < n) continue;
        if (n == DIFFERENT_TYPES) {
            deny(verdict_out, BYTES_LITERAL("the parameters have too many different types"));
            return false;
        }
        seen[n++] = oid;
        if (!judge_type(s, oid, verdict_out)) return false;
    }
    return true;
}
