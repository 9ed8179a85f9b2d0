/* Facts over a pipe. */
#include "base/arena.h"
#include "base/test.h"
#include "sql/facts.h"
#include "sql/safe.h"

#include <stdlib.h>

static const char *const texts[] = {
    "",
    "SELECT 1",
    "WITH d AS (DELETE FROM s.t RETURNING *) SELECT f(x), s.g(y) FROM d.s.u, d; SET client_encoding = 'SJIS'",
    "PREPARE p (int) AS UPDATE t SET a = $1; EXECUTE p; SHOW ALL; RESET ALL; COPY t TO STDOUT",
    "ALTER ROLE r PASSWORD 'x'",
    "SELEC 1",
    "SELECT 1_000",
};

static void encode(struct bytes text, struct arena *arena, struct buf *out)
{
    const struct sql_facts *facts;
    enum sql_outcome outcome = sql_understand(text, arena, &facts);
    assert_non_null(facts);
    sql_facts_encode(text, outcome, facts, out);
    assert_false(out->failed);
}

static void what_is_decoded_encodes_to_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct bytes text = bytes_of(texts[i]);
        struct arena arena;
        struct buf first, second;
        const struct sql_facts *facts, *decoded;
        arena_init(&arena, 4096, 1 << 20);
        buf_init(&first, 1 << 20);
        buf_init(&second, 1 << 20);
        enum sql_outcome outcome = sql_understand(text, &arena, &facts);
        sql_facts_encode(text, outcome, facts, &first);
        assert_int_equal(sql_facts_decode(text, buf_bytes(&first), &arena, &decoded), outcome);
        assert_int_equal(decoded->n_statements, facts->n_statements);
        assert_int_equal(decoded->holds_secret, facts->holds_secret);
        for (size_t s = 0; s < facts->n_statements; s++)
            assert_ptr_equal(decoded->statements[s].text.p, facts->statements[s].text.p);
        sql_facts_encode(text, outcome, decoded, &second);
        assert_int_equal(buf_length(&first), buf_length(&second));
        assert_memory_equal(buf_bytes(&first).p, buf_bytes(&second).p, buf_length(&first));
        buf_free(&first);
        buf_free(&second);
        arena_free(&arena);
    }
}

static void facts_that_end_early_or_go_on_are_hostile(void **state)
{
    (void)state;
    struct bytes text = bytes_of(texts[2]);
    struct arena arena;
    struct buf out;
    const struct sql_facts *facts;
    arena_init(&arena, 4096, 1 << 24);
    buf_init(&out, 1 << 20);
    encode(text, &arena, &out);
    for (size_t n = 0; n < buf_length(&out); n++) {
        assert_int_equal(sql_facts_decode(text, bytes_slice(buf_bytes(&out), 0, n), &arena, &facts),
                         SQL_HOSTILE);
        assert_int_equal(facts->n_statements, 0);
        assert_true(facts->error.n > 0);
    }
    buf_put_u8(&out, 0);
    assert_int_equal(sql_facts_decode(text, buf_bytes(&out), &arena, &facts), SQL_HOSTILE);
    buf_free(&out);
    arena_free(&arena);
}

/* Whatever a child says, ranges stay inside the text, and no statement does nothing. */
static void a_flipped_byte_never_leads_out_of_the_text(void **state)
{
    (void)state;
    struct bytes text = bytes_of(texts[3]);
    struct arena arena;
    struct buf out;
    arena_init(&arena, 4096, 1 << 24);
    buf_init(&out, 1 << 20);
    encode(text, &arena, &out);
    uint8_t *bytes = out.data + out.start;
    for (size_t i = 0; i < buf_length(&out); i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 1) {
            const struct sql_facts *facts;
            bytes[i] ^= (uint8_t)flip;
            enum sql_outcome outcome = sql_facts_decode(text, buf_bytes(&out), &arena, &facts);
            bytes[i] ^= (uint8_t)flip;
            if (outcome == SQL_HOSTILE) continue;
            for (size_t s = 0; s < facts->n_statements; s++) {
                const struct sql_statement *statement = &facts->statements[s];
                assert_true(statement->effects != 0);
                assert_true(statement->text.p >= text.p);
                assert_true(statement->text.p + statement->text.n <= text.p + text.n);
            }
        }
        arena_reset(&arena);
    }
    buf_free(&out);
    arena_free(&arena);
}

static void a_full_arena_is_hostile_without_facts(void **state)
{
    (void)state;
    struct bytes text = bytes_of(texts[2]);
    for (size_t ceiling = 0; ceiling < 20000; ceiling += 97) {
        struct arena arena;
        const struct sql_facts *facts;
        arena_init(&arena, 64, ceiling);
        enum sql_outcome outcome = sql_understand(text, &arena, &facts);
        if (outcome == SQL_UNDERSTOOD)
            assert_int_equal(facts->n_statements, 2);
        else
            assert_true(outcome == SQL_HOSTILE && (!facts || facts->n_statements == 0));
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_decoded_encodes_to_the_same_bytes),
        cmocka_unit_test(facts_that_end_early_or_go_on_are_hostile),
        cmocka_unit_test(a_flipped_byte_never_leads_out_of_the_text),
        cmocka_unit_test(a_full_arena_is_hostile_without_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
