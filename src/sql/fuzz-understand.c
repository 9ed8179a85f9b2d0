/* Any bytes as SQL. Oracles: statements lie inside the text, in order; nothing that is understood does
 * nothing; what is encoded decodes to the same bytes; a shape's shape is itself; what was redacted holds no
 * more secrets (but those that the cutting made: "://" and "@" with a cut between them look like a URL). */
#include "base/arena.h"
#include "base/check.h"
#include "sql/facts.h"
#include "sql/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_facts(struct bytes text, enum sql_outcome outcome, const struct sql_facts *facts)
{
    const uint8_t *at = text.p;
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        CHECK(s->effects != 0);
        CHECK(s->tag.n > 0);
        CHECK(s->text.p >= at && s->text.p + s->text.n <= text.p + text.n);
        CHECK(!s->inner.p || (s->inner.p >= s->text.p && s->inner.p + s->inner.n <= s->text.p + s->text.n));
        for (size_t r = 0; r < s->n_relations; r++)
            CHECK((s->relations[r].access & ~s->effects) == 0);
        at = s->text.p + s->text.n;
    }
    CHECK(outcome != SQL_HOSTILE || facts->n_statements == 0);
    CHECK(facts->error_at >= -1 && facts->error_at <= (int64_t)text.n);
}

static void check_pipe(struct bytes text, enum sql_outcome outcome, const struct sql_facts *facts,
                       struct arena *arena)
{
    struct buf first, second;
    const struct sql_facts *decoded;
    buf_init(&first, 1 << 26);
    buf_init(&second, 1 << 26);
    sql_facts_encode(text, outcome, facts, &first);
    CHECK(sql_facts_decode(text, buf_bytes(&first), arena, &decoded) == outcome);
    sql_facts_encode(text, outcome, decoded, &second);
    CHECK(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    buf_free(&first);
    buf_free(&second);
}

static void check_text(struct bytes text, struct arena *arena)
{
    struct bytes *secrets;
    size_t n_secrets, n_again;
    struct bytes shape = sql_shape(text, arena);
    CHECK(shape.p && bytes_equal(sql_shape(shape, arena), shape));
    struct bytes redacted = sql_redact(text, arena, &secrets, &n_secrets);
    CHECK(redacted.p);
    CHECK(n_secrets > 0 || bytes_equal(redacted, text));
    struct bytes again = sql_redact(redacted, arena, &secrets, &n_again);
    CHECK(again.p);
    for (size_t i = 0; i < n_again; i++)
        CHECK(bytes_find(secrets[i], BYTES_LITERAL("***")) >= 0);
}

static void ignore_claim(void *context, struct bytes key, struct bytes value)
{
    (void)context;
    CHECK(key.n > 0 && value.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_make(data, size);
    struct arena arena;
    const struct sql_facts *facts;
    arena_init(&arena, 1 << 16, 1 << 27);
    enum sql_outcome outcome = sql_understand(text, &arena, &facts);
    CHECK(facts);
    check_facts(text, outcome, facts);
    check_pipe(text, outcome, facts, &arena);
    check_text(text, &arena);
    sql_comment_claims(text, &arena, ignore_claim, NULL);
    arena_free(&arena);
    return 0;
}
