/* Runs the decision tables in cases/: one line a case, "text  =>  what is expected of it" (two spaces on each
 * side of the arrow); lines that start with # are comments. In the text, and in what is expected:
 *   {LF} {CR} {TAB} {FF} {VT} {ESC} {NUL} {DEL}  that byte        {x:c283}  these bytes
 *   {REP 300 NOT }                               "NOT " 300 times (in the text only)
 * A failing line is named with what was found; all lines are run. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/test.h"
#include "sql/facts.h"
#include "sql/safe.h"

static const struct {
    const char *name;
    char byte;
} marks[] = { { "{LF}", '\n' }, { "{CR}", '\r' },    { "{TAB}", '\t' }, { "{FF}", '\f' },
              { "{VT}", '\v' }, { "{ESC}", '\x1b' }, { "{NUL}", 0 },    { "{DEL}", '\x7f' } };

static size_t expand_repeat(struct bytes in, struct buf *out)
{
    size_t i = 5, times = 0;
    while (i < in.n && in.p[i] >= '0' && in.p[i] <= '9')
        times = times * 10 + (size_t)(in.p[i++] - '0');
    struct bytes what = bytes_slice(in, i + 1, in.n);
    ptrdiff_t end = bytes_find(what, BYTES_LITERAL("}"));
    assert_true(end > 0 && times > 0);
    what.n = (size_t)end;
    while (times-- > 0)
        buf_append(out, what);
    return i + 1 + what.n + 1;
}

static void expand(struct bytes in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        struct bytes rest = bytes_slice(in, i, in.n);
        size_t step = 0;
        for (size_t m = 0; m < sizeof(marks) / sizeof(*marks) && !step; m++) {
            if (!bytes_starts_with(rest, marks[m].name)) continue;
            buf_put_u8(out, (uint8_t)marks[m].byte);
            step = strlen(marks[m].name);
        }
        if (!step && bytes_starts_with(rest, "{x:")) {
            ptrdiff_t end = bytes_find(rest, BYTES_LITERAL("}"));
            assert_true(end > 3 && codec_unhex(bytes_slice(rest, 3, (size_t)end - 3), out));
            step = (size_t)end + 1;
        }
        if (!step && bytes_starts_with(rest, "{REP ")) step = expand_repeat(rest, out);
        if (!step) {
            buf_put_u8(out, rest.p[0]);
            step = 1;
        }
        i += step;
    }
}

static void show(struct buf *out, struct bytes b)
{
    for (size_t i = 0; i < b.n; i++) {
        const char *name = NULL;
        for (size_t m = 0; m < sizeof(marks) / sizeof(*marks); m++)
            if ((char)b.p[i] == marks[m].byte) name = marks[m].name;
        if (name)
            buf_append_text(out, name);
        else
            buf_put_u8(out, b.p[i]);
    }
}

static void show_effects(struct buf *out, uint32_t effects)
{
    const char *comma = "";
    for (unsigned bit = 0; bit < SQL_N_EFFECTS; bit++) {
        if (!(effects >> bit & 1)) continue;
        buf_printf(out, "%s%s", comma, sql_effect_name(1u << bit));
        comma = ",";
    }
}

static void show_relations(struct buf *out, const struct sql_statement *s)
{
    if (s->n_relations > 0) buf_append_text(out, " | on");
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        buf_append_text(out, " ");
        if (r->database.n) buf_printf(out, "%.*s.", BYTES_FMT(r->database));
        if (r->schema.n) buf_printf(out, "%.*s.", BYTES_FMT(r->schema));
        show(out, r->name);
        buf_append_text(out, ":");
        show_effects(out, r->access);
        if (r->whereless) buf_append_text(out, "!");
    }
}

static void show_functions(struct buf *out, const struct sql_statement *s)
{
    buf_append_text(out, " | functions=");
    for (size_t i = 0; i < s->n_functions; i++) {
        if (i > 0) buf_append_text(out, ",");
        if (s->functions[i].schema.n) buf_printf(out, "%.*s.", BYTES_FMT(s->functions[i].schema));
        show(out, s->functions[i].name);
    }
}

static void show_part(struct buf *out, const char *name, struct bytes value)
{
    if (!value.p) return;
    buf_printf(out, " | %s=", name);
    show(out, value);
}

static void show_statement(struct buf *out, const struct sql_statement *s, bool functions, bool text)
{
    static const char *const wheres[] = { "", "present", "trivial", "missing" };
    static const char *const actions[] = { "",          "begin",      "commit",   "rollback", "savepoint",
                                           "two-phase", "set",        "reset",    "show",     "prepare",
                                           "execute",   "deallocate", "declare",  "fetch",    "close",
                                           "discard",   "listen",     "unlisten", "notify",   "copy-in",
                                           "copy-out" };
    static const char *const settings[] = { "other", "harmless", "context", "pinned", "privilege" };
    buf_append(out, s->tag);
    buf_append_text(out, " | ");
    show_effects(out, s->effects);
    show_relations(out, s);
    if (s->where) buf_printf(out, " | where=%s", wheres[s->where]);
    if (s->whereless) {
        buf_append_text(out, " | whereless=");
        show_effects(out, s->whereless);
    }
    if (functions) show_functions(out, s);
    if (s->action) buf_printf(out, " | %s", actions[s->action]);
    show_part(out, "subject", s->subject);
    show_part(out, "value", s->value);
    if (s->action == SQL_ACTION_SET || s->action == SQL_ACTION_RESET)
        buf_printf(out, " | %s", settings[s->setting]);
    if (s->pinned_setting) buf_append_text(out, " | pinned");
    show_part(out, "inner", s->inner);
    if (text) show_part(out, "text", s->text);
}

/* functions= and text= are compared only where a line speaks of them. */
static void show_facts(struct bytes text, struct bytes expected, struct arena *arena, struct buf *out)
{
    const struct sql_facts *facts;
    bool functions = bytes_find(expected, BYTES_LITERAL("functions=")) >= 0;
    bool texts = bytes_find(expected, BYTES_LITERAL("text=")) >= 0;
    enum sql_outcome outcome = sql_understand(text, arena, &facts);
    assert_non_null(facts);
    switch (outcome) {
    case SQL_HOSTILE: buf_printf(out, "HOSTILE: %.*s", BYTES_FMT(facts->error)); break;
    case SQL_UNKNOWN:
        buf_printf(out, "UNKNOWN: %.*s at %lld", BYTES_FMT(facts->error), (long long)facts->error_at);
        assert_int_equal(facts->n_statements, 1);
        assert_int_equal(facts->statements[0].effects, EFFECT_UNKNOWN);
        break;
    case SQL_UNDERSTOOD:
        if (facts->n_statements == 0) buf_append_text(out, "nothing");
        for (size_t i = 0; i < facts->n_statements; i++) {
            if (i > 0) buf_append_text(out, " ;; ");
            show_statement(out, &facts->statements[i], functions, texts);
        }
        break;
    }
    if (facts->holds_secret) buf_append_text(out, " | secret");
}

static void show_shape(struct bytes text, struct bytes expected, struct arena *arena, struct buf *out)
{
    (void)expected;
    struct bytes shape = sql_shape(text, arena);
    assert_non_null(shape.p);
    show(out, shape);
    struct bytes again = sql_shape(shape, arena);
    if (!bytes_equal(again, shape)) buf_printf(out, " | whose shape is %.*s", BYTES_FMT(again));
}

static void show_redacted(struct bytes text, struct bytes expected, struct arena *arena, struct buf *out)
{
    struct bytes *secrets;
    size_t n_secrets;
    (void)expected;
    struct bytes redacted = sql_redact(text, arena, &secrets, &n_secrets);
    assert_non_null(redacted.p);
    show(out, redacted);
    for (size_t i = 0; i < n_secrets; i++) {
        buf_append_text(out, " | ");
        show(out, secrets[i]);
    }
}

static void show_claim(void *context, struct bytes key, struct bytes value)
{
    struct buf *out = context;
    if (buf_length(out) > 0) buf_append_text(out, " | ");
    show(out, key);
    buf_append_text(out, "=");
    show(out, value);
}

static void show_claims(struct bytes text, struct bytes expected, struct arena *arena, struct buf *out)
{
    (void)expected;
    sql_comment_claims(text, arena, show_claim, out);
    if (buf_length(out) == 0) buf_append_text(out, "nothing");
}

typedef void show_fn(struct bytes text, struct bytes expected, struct arena *arena, struct buf *out);

/* True where the line holds. */
static bool run_line(struct bytes line, const char *file, int number, show_fn *show_it)
{
    ptrdiff_t arrow = bytes_find(line, BYTES_LITERAL("  =>  "));
    struct buf text, found;
    struct arena arena;
    if (arrow < 0) {
        print_error("%s:%d: no arrow\n", file, number);
        return false;
    }
    struct bytes expected = bytes_slice(line, (size_t)arrow + 6, line.n);
    buf_init(&text, 64 << 20);
    buf_init(&found, 64 << 20);
    arena_init(&arena, 1 << 16, 1 << 28);
    expand(bytes_slice(line, 0, (size_t)arrow), &text);
    show_it(buf_bytes(&text), expected, &arena, &found);
    bool same = bytes_equal(buf_bytes(&found), expected);
    if (!same)
        print_error("%s:%d: %.*s\n  expected %.*s\n  found    %.*s\n", file, number, (int)arrow,
                    (const char *)line.p, BYTES_FMT(expected), BYTES_FMT(buf_bytes(&found)));
    buf_free(&text);
    buf_free(&found);
    arena_free(&arena);
    return same;
}

static void run_file(const char *name, show_fn *show_it)
{
    char path[4096], *line = NULL;
    size_t size = 0;
    ssize_t n;
    int number = 0, cases = 0, failed = 0;
    const char *source = getenv("POSTERN_SOURCE");
    snprintf(path, sizeof(path), "%s/src/sql/cases/%s", source ? source : ".", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((n = getline(&line, &size, file)) > 0) {
        number++;
        while (n > 0 && line[n - 1] == '\n')
            n--;
        if (n == 0 || line[0] == '#') continue;
        cases++;
        if (!run_line(bytes_make(line, (size_t)n), name, number, show_it)) failed++;
    }
    free(line);
    fclose(file);
    if (failed) print_error("%s: %d of %d cases failed\n", name, failed, cases);
    assert_int_equal(failed, 0);
    assert_true(cases > 0);
}

static void each_statement_is_read_as_its_table_says(void **state)
{
    (void)state;
    run_file("statements.cases", show_facts);
}
static void utility_statements_are_read_as_their_table_says(void **state)
{
    (void)state;
    run_file("utility.cases", show_facts);
}
static void cte_names_are_no_relations_where_they_are_in_scope(void **state)
{
    (void)state;
    run_file("relations.cases", show_facts);
}
static void a_where_that_picks_no_rows_is_seen_through(void **state)
{
    (void)state;
    run_file("where.cases", show_facts);
}
static void functions_do_what_the_published_list_says(void **state)
{
    (void)state;
    run_file("functions.cases", show_facts);
}
static void settings_are_judged_as_the_published_list_says(void **state)
{
    (void)state;
    run_file("settings.cases", show_facts);
}
static void hostile_and_unknown_texts_are_told_from_odd_ones(void **state)
{
    (void)state;
    run_file("hostile.cases", show_facts);
}
static void known_ways_around_a_guard_show_in_the_facts(void **state)
{
    (void)state;
    run_file("evasions.cases", show_facts);
}
static void statements_that_differ_in_literals_and_spacing_have_one_shape(void **state)
{
    (void)state;
    run_file("shape.cases", show_shape);
}
static void passwords_are_cut_out_by_token(void **state)
{
    (void)state;
    run_file("redact.cases", show_redacted);
}
static void claims_are_read_from_comments(void **state)
{
    (void)state;
    run_file("comments.cases", show_claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_statement_is_read_as_its_table_says),
        cmocka_unit_test(utility_statements_are_read_as_their_table_says),
        cmocka_unit_test(cte_names_are_no_relations_where_they_are_in_scope),
        cmocka_unit_test(a_where_that_picks_no_rows_is_seen_through),
        cmocka_unit_test(functions_do_what_the_published_list_says),
        cmocka_unit_test(settings_are_judged_as_the_published_list_says),
        cmocka_unit_test(hostile_and_unknown_texts_are_told_from_odd_ones),
        cmocka_unit_test(known_ways_around_a_guard_show_in_the_facts),
        cmocka_unit_test(statements_that_differ_in_literals_and_spacing_have_one_shape),
        cmocka_unit_test(passwords_are_cut_out_by_token),
        cmocka_unit_test(claims_are_read_from_comments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
