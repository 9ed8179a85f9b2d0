/* Tests of what is shown and read as text: tables as psql prints them (asked of a real psql), safe text,
 * times, the control socket's lines, verifier keys. */
#include "base/test.h"
#include "cli/control-line.h"
#include "cli/grid.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "record/verifier-key.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const cells[][3] = {
    { "1", "plain", "x" },
    { "-22.5", "two\nlines", "y\n" },
    { "333", "", "" },
    { "4", "é漢字😀", "tail  " },
    { "5", "e\xcc\x81 combined", "\n" },
    { "6", "long long long long text", "z" },
};
enum { N_ROWS = sizeof cells / sizeof cells[0] };

/* The same table from psql, by way of dollar-quoted literals. */
static size_t ask_psql(char *out, size_t room)
{
    static char sql[4096];
    char program[4096];
    int pipe_ends[2];
    size_t n = (size_t)snprintf(sql, sizeof sql,
                                "SELECT a::numeric AS \"n\", b AS \"some text\", c AS \"ζ\" FROM (VALUES ");
    for (size_t i = 0; i < N_ROWS; i++)
        n += (size_t)snprintf(sql + n, sizeof sql - n, "%s('%s', $q$%s$q$, $q$%s$q$)", i ? ", " : "",
                              cells[i][0], cells[i][1], cells[i][2]);
    snprintf(sql + n, sizeof sql - n, ") t (a, b, c)");
    snprintf(program, sizeof program, "%s/scripts/with-postgres", getenv("POSTERN_SOURCE"));
    assert_int_equal(pipe(pipe_ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], 1);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        setenv("PGCLIENTENCODING", "UTF8", 1);
        execl(program, program, "psql", "-XqP", "footer=off", "-c", sql, (char *)NULL);
        _exit(127);
    }
    close(pipe_ends[1]);
    n = 0;
    for (ssize_t got = 1; got > 0 && n < room; n += (size_t)got) {
        got = read(pipe_ends[0], out + n, room - n);
        assert_true(got >= 0);
    }
    close(pipe_ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return n;
}

static void test_psql(void **state)
{
    (void)state;
    static char theirs[16384];
    struct grid g;
    struct buf ours;
    buf_init(&ours, 1 << 16);
    grid_init(&g, GRID_PSQL, 3, 1 << 20);
    grid_title(&g, 0, BYTES_LITERAL("n"), true);
    grid_title(&g, 1, BYTES_LITERAL("some text"), false);
    grid_title(&g, 2, BYTES_LITERAL("ζ"), false);
    for (size_t i = 0; i < N_ROWS; i++) {
        grid_row(&g);
        for (size_t k = 0; k < 3; k++)
            grid_cell_text(&g, k, cells[i][k]);
    }
    grid_print(&g, "", "", &ours);
    buf_append_text(&ours, "\n"); /* psql ends a table with an empty line */
    size_t n = ask_psql(theirs, sizeof theirs - 1);
    theirs[n] = 0;
    buf_put_u8(&ours, 0);
    assert_string_equal((const char *)buf_bytes(&ours).p, theirs);
    buf_free(&ours);
    grid_free(&g);
}

static void check_safe(const char *in, size_t n, enum safe_lines lines, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    safe_append(&out, bytes_make(in, n), lines);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void test_safe(void **state)
{
    (void)state;
#define SAFE(in, lines, expected) check_safe(in, sizeof(in) - 1, lines, expected)
    SAFE("plain é漢😀", SAFE_ONE_LINE, "plain é漢😀");
    SAFE("\x1b[31m\x00\x7f", SAFE_ONE_LINE, "\\x1b[31m\\x00\\x7f");
    SAFE("a\nb\tc\r", SAFE_ONE_LINE, "a\\nb\\tc\\r");
    SAFE("a\nb\tc\r", SAFE_LINES, "a\nb\tc\\r");
    SAFE("\xc2\x9b\xe2\x80\xae\xef\xbb\xbf\xe2\x81\xa6\xf3\xa0\x81\x81", SAFE_ONE_LINE,
         "\\u009b\\u202e\\ufeff\\u2066\\U0e0041");
    SAFE("\xff\xc3\xe2\x82", SAFE_ONE_LINE, "\\xff\\xc3\\xe2\\x82");
    assert_int_equal(safe_width(bytes_of("漢字")), 4);
    assert_int_equal(safe_width(bytes_of("e\xcc\x81")), 1);
}

static void test_when(void **state)
{
    (void)state;
    const int64_t now = INT64_C(1795250000123456);
    int64_t us;
    assert_true(when_parse(BYTES_LITERAL("2h"), now, &us) && us == now - INT64_C(7200000000));
    assert_true(when_parse(BYTES_LITERAL("2026-11-21"), now, &us) && us == INT64_C(1795219200000000));
    assert_true(when_parse(BYTES_LITERAL("today"), now, &us) && us == INT64_C(1795219200000000));
    assert_true(when_parse(BYTES_LITERAL("2026-11-21T08:45:12.5Z"), now, &us) &&
                us == INT64_C(1795250712500000));
    assert_true(when_parse(BYTES_LITERAL("2026-11-21 08:45"), now, &us) && us == INT64_C(1795250700000000));
    static const char *const wrong[] = {
        "", "h", "-2h", "2x", "2026-13-01", "2026-11-21 25:00", "2026-11-21x", "now"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(when_parse(bytes_of(wrong[i]), now, &us));
    static const struct {
        int64_t us;
        const char *text;
    } durations[] = { { 812, "812 µs" },
                      { 3402, "3.402 ms" },
                      { 1520000, "1.52 s" },
                      { 247000000, "4m 07s" },
                      { INT64_C(11520000000), "3h 12m" },
                      { INT64_C(190800000000), "2d 5h" } };
    for (size_t i = 0; i < 6; i++) {
        char text[24];
        when_duration(durations[i].us, text);
        assert_string_equal(text, durations[i].text);
    }
}

static enum control_read read_line(const char *text, struct arena *arena, struct control_line *line)
{
    size_t used;
    return control_line_read(bytes_of(text), arena, line, &used);
}

static void test_control(void **state)
{
    (void)state;
    struct arena arena;
    struct control_line line;
    struct buf out;
    size_t used;
    char evil[300];
    for (size_t i = 0; i < sizeof evil; i++)
        evil[i] = (char)i;
    arena_init(&arena, 1024, 1 << 20);
    buf_init(&out, 1 << 16);
    control_line_begin(&out, "kill");
    control_line_field(&out, "session", BYTES_LITERAL("0dz"));
    control_line_field(&out, "reason", bytes_make(evil, sizeof evil));
    control_line_number(&out, "n", 7);
    control_line_end(&out);
    buf_append_text(&out, "next\n");
    assert_int_equal(control_line_read(buf_bytes(&out), &arena, &line, &used), CONTROL_LINE);
    assert_bytes(line.verb, "kill");
    assert_bytes(control_line_get(&line, "session"), "0dz");
    assert_true(bytes_equal(control_line_get(&line, "reason"), bytes_make(evil, sizeof evil)));
    assert_null(control_line_get(&line, "other").p);
    buf_consume(&out, used);
    assert_bytes(buf_bytes(&out), "next\n");
    static const char *const bad[] = { "\n",         " x\n",        "Kill\n",        "kill a\n",
                                       "kill a=%\n", "kill a=%4\n", "kill \n",       "kill a=%zz\n",
                                       "kill =x\n",  "kill  a=b\n", "kill a=\x01\n", "kill A=b\n" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (read_line(bad[i], &arena, &line) != CONTROL_BAD) fail_msg("taken: %s", bad[i]);
    assert_int_equal(read_line("kill a=b", &arena, &line), CONTROL_MORE);
    buf_free(&out);
    arena_free(&arena);
}

static void test_key(void **state)
{
    (void)state;
    uint8_t key[32];
    struct bytes name;
    /* The example of C2SP's signed-note. */
    assert_true(verifier_key_parse(
        BYTES_LITERAL("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), key, &name));
    assert_bytes(name, "PeterNeumann");
    assert_false(verifier_key_parse(
        BYTES_LITERAL("PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), key, &name));
    assert_false(verifier_key_parse(
        BYTES_LITERAL("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TX"), key, &name));
    assert_false(verifier_key_parse(BYTES_LITERAL("PeterNeumann"), key, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a table is what psql prints", test_psql, NULL, NULL, NULL },
        { "controls, marks and foreign bytes show themselves", test_safe, NULL, NULL, NULL },
        { "times are read and written as people do", test_when, NULL, NULL, NULL },
        { "a control line carries any bytes, and nothing malformed is taken", test_control, NULL, NULL,
          NULL },
        { "a verifier key is checked against its own hash", test_key, NULL, NULL, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
