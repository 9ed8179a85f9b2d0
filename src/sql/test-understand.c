/* What no decision table can say: stacks, time, and texts that are made by a program. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"
#include "sql/facts.h"
#include "sql/safe.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static enum sql_outcome understand(struct bytes text)
{
    struct arena arena;
    const struct sql_facts *facts;
    arena_init(&arena, 1 << 16, 1 << 28);
    enum sql_outcome outcome = sql_understand(text, &arena, &facts);
    arena_free(&arena);
    return outcome;
}

static enum sql_outcome understand_repeated(const char *before, const char *what, size_t times,
                                            const char *after)
{
    struct buf text;
    buf_init(&text, 80 << 20);
    buf_append_text(&text, before);
    for (size_t i = 0; i < times; i++)
        buf_append_text(&text, what);
    buf_append_text(&text, after);
    assert_false(text.failed);
    enum sql_outcome outcome = understand(buf_bytes(&text));
    buf_free(&text);
    return outcome;
}

static void *run_deep_texts(void *arg)
{
    static const char *const deep[][3] = {
        { "SELECT 1", "+1", "" },
        { "SELECT ", "NOT ", "true" },
        { "SELECT 1", "::int", "" },
        { "SELECT 1", " UNION SELECT 1", "" },
        { "DELETE FROM t WHERE a", "+1", "=1" },
        { "SELECT * FROM a", " JOIN b ON true", "" },
        { "DELETE FROM t WHERE ", "NOT ", "true" },
        { "SELECT ", "- ", "1" },
        { "SELECT a", "[1]", "" },
        { "SELECT ", "(", "" },
        { "SELECT ", "CASE WHEN ", "" },
        { "SELECT ", "ARRAY[", "" },
        { "", "EXPLAIN ", "SELECT 1" },
        { "SELECT a", " AND a", "" },
        { "SELECT a", " OR a = 1", "" },
        { "SELECT a", "||b", "" },
    };
    size_t *n_done = arg;
    for (size_t i = 0; i < sizeof(deep) / sizeof(*deep); i++)
        for (size_t times = 100; times <= 100000; times *= 10) {
            (void)!understand_repeated(deep[i][0], deep[i][1], times, deep[i][2]);
            (*n_done)++;
        }
    return NULL;
}

static void deep_texts_fit_on_a_stack_of_256_kilobytes(void **state)
{
    pthread_attr_t attr;
    pthread_t thread;
    size_t n_done = 0;
    (void)state;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * 1024), 0);
    assert_int_equal(pthread_create(&thread, &attr, run_deep_texts, &n_done), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(n_done, 64);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What one text may cost. Under a sanitizer, our own code is some thirty times slower. */
#ifdef __SANITIZE_ADDRESS__
#define SLOWED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOWED 1
#endif
#endif
#ifdef SLOWED
static const double seconds_ceiling = 2.0;
#else
static const double seconds_ceiling = 0.1;
#endif

static double seconds_for(const char *start, const char *part, size_t times)
{
    double before = cpu_seconds();
    (void)!understand_repeated(start, part, times, "");
    return cpu_seconds() - before;
}

/* Whether a text takes long each time, and long beside what every text of its length takes: what the
 * processor does besides (a virtual machine may be paused) counts as time, too, and a machine may be slow. */
static bool takes_long(const char *start, const char *part, size_t times, double *took_out)
{
    for (int i = 0; i < 5; i++) {
        *took_out = seconds_for(start, part, times);
        if (*took_out <= seconds_ceiling) return false;
        if (*took_out <= 50 * seconds_for("SELECT 1", ",1", SQL_INLINE_BYTES / 2 - 8)) return false;
    }
    return true;
}

/* As much of one thing as may be parsed on a worker. What is quadratic took 0.1 to 60 s before the pre-scan
 * knew of it. */
static void no_text_that_is_parsed_inline_takes_long(void **state)
{
    static const char *const parts[] = {
        "+-",
        "+/**/",
        "/*",
        "/*/",
        "(",
        "[",
        "'",
        "''",
        "E'\\'' ",
        "$a$",
        "$",
        "$a",
        "\"",
        "\"\"",
        "--\n",
        "- -\n",
        "1.",
        "1e",
        ".",
        "a.",
        ";",
        ",1",
        " a",
        " OR a=a",
        " AND a=1",
        "+1",
        "::a",
        "[1]",
        " UNION SELECT 1",
        "U&'",
        "b'",
        "'a'\n",
        "'a' --\n",
        "*/",
        "*",
        "=",
        "@",
        "!",
        "|/",
        "\xc3\xa9",
        " NOT",
        " IS NULL",
        "$1",
        " password '",
        "password=",
        "://a:b",
        "$$ '",
        "f(",
        " WITH a AS (",
        " JOIN a ON",
        " CASE WHEN",
        "a=b,",
        "SELECT 1;",
        "x IN (x,",
        " a AS (SELECT 1),",
        "\\",
        ":",
        "SET a=",
    };
    static const char *const starts[] = {
        "",          "SELECT ", "DELETE FROM t WHERE a=a ", "WITH ", "SET a=1",
        "SELECT E'", "DO $$ ",  "SELECT 1 WHERE password "
    };
    (void)state;
    for (size_t s = 0; s < sizeof(starts) / sizeof(*starts); s++)
        for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++) {
            size_t times = (SQL_INLINE_BYTES - strlen(starts[s])) / strlen(parts[p]);
            double took = 0;
            if (takes_long(starts[s], parts[p], times, &took))
                fail_msg("%zu times \"%s\" behind \"%s\" took %.3f s", times, parts[p], starts[s], took);
        }
}

static void a_text_past_the_ceiling_is_hostile(void **state)
{
    (void)state;
    assert_int_equal(understand_repeated("SELECT '", "0123456789abcdef", SQL_TEXT_CEILING / 16, "'"),
                     SQL_HOSTILE);
    assert_int_equal(understand_repeated("SELECT '", "0123456789abcdef", 20 << 16, "'"), SQL_UNDERSTOOD);
    assert_int_equal(understand_repeated("", "SELECT;", SQL_STATEMENTS_CEILING, ""), SQL_UNDERSTOOD);
    assert_int_equal(understand_repeated("", "SELECT;", SQL_STATEMENTS_CEILING + 1, ""), SQL_HOSTILE);
}

static void names_past_the_ceiling_are_hostile(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 1 << 22);
    buf_append_text(&text, "SELECT 1 FROM t");
    for (int i = 0; i < SQL_NAMES_CEILING - 1; i++)
        buf_printf(&text, ",t%d", i);
    assert_int_equal(understand(buf_bytes(&text)), SQL_UNDERSTOOD);
    buf_append_text(&text, ",u");
    assert_int_equal(understand(buf_bytes(&text)), SQL_HOSTILE);
    buf_free(&text);
}

/* A row assignment's right-hand side is one node for all its columns; nested, they would multiply. */
static void shared_nodes_are_read_once(void **state)
{
    struct buf text;
    (void)state;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 20; i++)
        buf_append_text(&text, "WITH x AS (UPDATE t SET (a,b,c,d,e,f,g,h)=(SELECT * FROM (");
    buf_append_text(&text, "SELECT 1");
    for (int i = 0; i < 20; i++)
        buf_append_text(&text, ") y) WHERE a=1 RETURNING *) SELECT * FROM x");
    alarm(600); /* to the twentieth power, they would take longer */
    assert_int_equal(understand(buf_bytes(&text)), SQL_UNDERSTOOD);
    alarm(0);
    buf_free(&text);
}

/* Whoever records a text asks its facts whether sql_redact must look at it. */
static void facts_say_that_a_text_holds_a_secret(void **state)
{
    static const char *const texts[] = { "ALTER ROLE r PASSWORD 'abc'",
                                         "SET x.api_key = 'abc'",
                                         "CREATE USER MAPPING FOR u SERVER s OPTIONS (access_token 'abc')",
                                         "CREATE USER MAPPING FOR u SERVER s OPTIONS (passphrase 'abc')",
                                         "SELECT f('mysql://u:abc@h/d')",
                                         "SELECT dblink(E'p\\assword=abc')",
                                         "SELECT dblink('pass'\n'word=abc')" };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct arena arena;
        const struct sql_facts *facts;
        arena_init(&arena, 4096, 1 << 20);
        if (sql_understand(bytes_of(texts[i]), &arena, &facts) != SQL_UNDERSTOOD || !facts->holds_secret)
            fail_msg("%s", texts[i]);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_say_that_a_text_holds_a_secret),
        cmocka_unit_test(deep_texts_fit_on_a_stack_of_256_kilobytes),
        cmocka_unit_test(no_text_that_is_parsed_inline_takes_long),
        cmocka_unit_test(a_text_past_the_ceiling_is_hostile),
        cmocka_unit_test(names_past_the_ceiling_are_hostile),
        cmocka_unit_test(shared_nodes_are_read_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
