/* Any bytes as facts from the parser child. The first byte says how long the text is that they speak of.
 * Oracles: ranges inside the text, counts under their ceilings; what is taken encodes to bytes that decode to
 * the same. */
#include "base/arena.h"
#include "base/check.h"
#include "sql/facts.h"
#include "sql/safe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    size_t n_text = data[0] < size - 1 ? data[0] : size - 1;
    struct bytes text = bytes_make(data + 1, n_text),
                 encoded = bytes_make(data + 1 + n_text, size - 1 - n_text);
    struct arena arena;
    struct buf first, second;
    const struct sql_facts *facts, *again;
    arena_init(&arena, 1 << 12, 1 << 24);
    buf_init(&first, 1 << 24);
    buf_init(&second, 1 << 24);
    enum sql_outcome outcome = sql_facts_decode(text, encoded, &arena, &facts);
    CHECK(facts);
    CHECK(outcome != SQL_HOSTILE || facts->n_statements == 0);
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        CHECK(s->effects != 0);
        CHECK(s->text.p >= text.p && s->text.p + s->text.n <= text.p + text.n);
        CHECK(s->n_relations <= SQL_NAMES_CEILING && s->n_functions <= SQL_NAMES_CEILING);
    }
    sql_facts_encode(text, outcome, facts, &first);
    CHECK(sql_facts_decode(text, buf_bytes(&first), &arena, &again) == outcome);
    sql_facts_encode(text, outcome, again, &second);
    CHECK(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
    buf_free(&first);
    buf_free(&second);
    arena_free(&arena);
    return 0;
}
