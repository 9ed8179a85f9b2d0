/* Runs the files of cases: policies, who asks, and line by line what is judged of which text.
 *
 *   policies                         what follows, up to "as", is a YAML list of policies
 *   as alice groups=a,b machine on=orders database=x claims={"k":1}
 *   allow agents/allow: read | SELECT 1
 *   deny agents/no-drop | DROP TABLE x | message | hint
 *   observed agents/allow | DROP TABLE x | what enforcing would have said
 *   nobody                           no policy lets this principal in
 *
 * A text that begins with "@" is not SQL but the facts of a statement that was understood in a view: its tag,
 * and then, each behind "; ":
 *
 *   public.t: read, update           a relation that is named, and its access
 *   through public.t: read           one that is only reached
 *   renamed public.t: schema.alter   one that gets another name
 *   .a: output, predicate            a column of the relation before; "*" is the whole row
 *   effects: lock                    what the statement does besides
 *   call public.f(integer)           a call of code of the server's; call[citext] where an extension owns it
 *   pg lower                         a call of PostgreSQL's own
 *
 * A field that is left out is not compared. Lines that begin with "#" are comments. */
#include "base/test.h"

#include "policy/compile.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { GROUPS_CEILING = 8, FIELDS_CEILING = 4, LINE_CEILING = 4096, FACTS_CEILING = 16 };

struct run {
    const char *file;
    unsigned line, n_cases;
    struct buf policies;
    bool reading;
    const struct policy_snapshot *snapshot;
    const struct policy_ruleset *ruleset;
    struct arena session, statement;
};

static void fail_at(const struct run *run, const char *what, struct bytes is, struct bytes expected)
{
    fail_msg("%s:%u: %s is \"%.*s\", not \"%.*s\"", run->file, run->line, what, BYTES_FMT(is),
             BYTES_FMT(expected));
}

static void expect(const struct run *run, const char *what, struct bytes is, struct bytes expected)
{
    if (!bytes_equal(is, expected)) fail_at(run, what, is, expected);
}

static void compile(struct run *run)
{
    struct yaml_errors errors;
    struct arena arena;
    yaml_errors_init(&errors);
    arena_init(&arena, 4096, YAML_ARENA_CEILING);
    const struct yaml_node *list =
        yaml_tree_parse(buf_bytes(&run->policies), BYTES_LITERAL("policies"), &arena, &errors);
    policy_snapshot_unref(run->snapshot);
    run->snapshot = list ? policy_compile(list->items, list->n, &errors) : NULL;
    if (!run->snapshot) fail_at(run, "error", errors.items[0].text, BYTES_LITERAL(""));
    yaml_errors_free(&errors);
    arena_free(&arena);
    run->reading = false;
}

static bool word_is(char *word, const char *name, struct bytes *value_out)
{
    size_t n = strlen(name);
    if (strncmp(word, name, n) != 0) return false;
    *value_out = bytes_of(word + n);
    return true;
}

static void start_session(struct run *run, char *line)
{
    struct bytes groups[GROUPS_CEILING], list;
    struct principal who = { .groups = groups, .claims = BYTES_LITERAL("{}") };
    struct policy_request request = { .principal = &who, .connection = BYTES_LITERAL("orders") };
    if (run->reading) compile(run);
    arena_reset(&run->session);
    char *rest = line + 3, *word = strsep(&rest, " ");
    who.user = who.subject = bytes_of(word);
    while ((word = strsep(&rest, " "))) {
        if (strcmp(word, "machine") == 0) {
            who.machine = true;
        } else if (word_is(word, "groups=", &list)) {
            char *names = word + 7, *name;
            while ((name = strsep(&names, ",")) && who.n_groups < GROUPS_CEILING)
                groups[who.n_groups++] = bytes_of(name);
        } else if (!word_is(word, "on=", &request.connection) &&
                   !word_is(word, "database=", &request.database) && !word_is(word, "claims=", &who.claims)) {
            fail_at(run, "word", bytes_of(word), BYTES_LITERAL("known"));
        }
    }
    run->ruleset = policy_ruleset_for(run->snapshot, &request, &run->session);
}

/* The bits of a list of names; 0 for a name that is none. */
static uint32_t bits_of(char *list, uint32_t (*parse)(struct bytes name))
{
    uint32_t bits = 0;
    for (char *name; (name = strsep(&list, ","));) {
        uint32_t bit = parse(bytes_of(name + strspn(name, " ")));
        if (!bit) fail_msg("no such effect or use: %s", name);
        bits |= bit;
    }
    return bits;
}

static uint32_t use_parse(struct bytes name)
{
    static const char *const names[] = { "output", "predicate", "written", "stored" };
    for (uint32_t i = 0; i < 4; i++)
        if (bytes_is(name, names[i])) return 1u << i;
    return 0;
}

struct made {
    struct sql_statement statement;
    struct sql_relation relations[FACTS_CEILING];
    struct sql_column columns[FACTS_CEILING];
    struct sql_function functions[FACTS_CEILING];
    struct sql_code codes[FACTS_CEILING];
};

static void make_call(struct made *made, char *word)
{
    struct sql_statement *s = &made->statement;
    struct sql_code *code = &made->codes[s->n_functions];
    char *signature = strchr(word, ' ') + 1, *name = strchr(signature, '.');
    if (word[4] == '[') code->extension = bytes_make(word + 5, strcspn(word + 5, "]"));
    code->signature = bytes_of(signature);
    made->functions[s->n_functions++] = (struct sql_function){
        .name = bytes_make(name + 1, strcspn(name + 1, "(")), .codes = code, .n_codes = 1
    };
}

static void make_relation(struct made *made, char *word, char *list)
{
    struct sql_statement *s = &made->statement;
    struct sql_relation *r = &made->relations[s->n_relations++];
    char *dot;
    if (strncmp(word, "through ", 8) == 0) {
        r->through = true;
        word += 8;
    }
    if (strncmp(word, "renamed ", 8) == 0) {
        r->renamed = true;
        word += 8;
    }
    dot = strchr(word, '.');
    r->resolved = dot != NULL; /* "?": what only the server knows has no name */
    r->schema = bytes_make(word, dot ? (size_t)(dot - word) : 0);
    r->name = bytes_of(dot ? dot + 1 : "");
    r->access = bits_of(list, sql_effect_parse);
    s->effects |= r->access;
}

static void make_word(struct made *made, char *word)
{
    struct sql_statement *s = &made->statement;
    if (strncmp(word, "call", 4) == 0) {
        make_call(made, word);
        return;
    }
    if (strncmp(word, "pg ", 3) == 0) {
        made->functions[s->n_functions++] = (struct sql_function){ .name = bytes_of(word + 3) };
        return;
    }
    char *list = strchr(word, ':');
    assert_non_null(list);
    *list++ = 0;
    if (strcmp(word, "effects") == 0) {
        s->effects |= bits_of(list, sql_effect_parse);
    } else if (word[0] == '.' || word[0] == '*') {
        bool whole = word[0] == '*';
        made->columns[s->n_columns++] =
            (struct sql_column){ (uint32_t)s->n_relations - 1, bytes_of(word + !whole), (int16_t)!whole,
                                 bits_of(list, use_parse) };
    } else {
        make_relation(made, word, list);
    }
}

/* "@ SELECT; public.t: read; .a: output" */
static const struct sql_statement *make_facts(struct run *run, struct bytes text)
{
    struct made *made = ARENA_NEW(&run->statement, struct made);
    char *rest = arena_string(&run->statement, bytes_slice(text, 2, text.n)), *word;
    *made = (struct made){ { .in_view = true,
                             .relations = made->relations,
                             .columns = made->columns,
                             .functions = made->functions } };
    made->statement.tag = bytes_of(strsep(&rest, ";"));
    made->statement.outputs_open = bytes_is(made->statement.tag, "SELECT");
    if (made->statement.outputs_open) made->statement.effects = EFFECT_READ;
    while ((word = strsep(&rest, ";")))
        make_word(made, word + strspn(word, " "));
    return &made->statement;
}

static void judge(struct run *run, struct bytes sql, struct policy_verdict *v)
{
    const struct sql_facts *facts;
    if (bytes_starts_with(sql, "@ ")) {
        policy_judge(run->ruleset, make_facts(run, sql), &run->statement, v);
        return;
    }
    enum sql_outcome outcome = sql_understand(sql, &run->statement, &facts);
    if (outcome == SQL_HOSTILE) fail_at(run, "text", BYTES_LITERAL("hostile"), sql);
    if (outcome == SQL_UNKNOWN) {
        policy_judge_unknown(run->ruleset, &run->statement, v);
        return;
    }
    if (facts->n_statements != 1) fail_at(run, "text", BYTES_LITERAL("several statements"), sql);
    policy_judge(run->ruleset, &facts->statements[0], &run->statement, v);
}

static void check_case(struct run *run, char *line)
{
    static const char *const decisions[] = { "deny", "hold", "allow" };
    struct bytes fields[FIELDS_CEILING] = { { 0 } };
    struct policy_verdict v;
    size_t n = 0;
    for (char *at = line; at && n < FIELDS_CEILING;) {
        char *end = strstr(at, " | ");
        if (end) *end = 0;
        fields[n++] = bytes_of(at);
        at = end ? end + 3 : NULL;
    }
    if (n < 2 || !run->ruleset)
        fail_at(run, "line", bytes_of(line), BYTES_LITERAL("a case of somebody let in"));
    judge(run, fields[1], &v);
    const char *decision = v.observed ? "observed" : decisions[v.decision];
    struct bytes said =
        arena_printf(&run->statement, "%s %.*s/%.*s", decision, BYTES_FMT(v.policy), BYTES_FMT(v.rule));
    expect(run, "verdict", said, fields[0]);
    assert_int_equal(v.observed, v.would.n > 0 && v.decision == POLICY_ALLOW);
    if (n > 2) expect(run, v.observed ? "would" : "message", v.observed ? v.would : v.message, fields[2]);
    if (n > 3) expect(run, "hint", v.hint, fields[3]);
    arena_reset(&run->statement);
    run->n_cases++;
}

static void run_line(struct run *run, char *line)
{
    bool blank = line[strspn(line, " \t")] == 0;
    if (strcmp(line, "policies") == 0) {
        buf_free(&run->policies);
        run->reading = true;
    } else if (strncmp(line, "as ", 3) == 0) {
        start_session(run, line);
    } else if (run->reading) {
        buf_printf(&run->policies, "%s\n", line);
    } else if (strcmp(line, "nobody") == 0) {
        if (run->ruleset) fail_at(run, "principal", BYTES_LITERAL("let in"), BYTES_LITERAL("kept out"));
        run->n_cases++;
    } else if (!blank && line[0] != '#') {
        check_case(run, line);
    }
}

static unsigned run_file(const char *path)
{
    struct run run = { .file = path };
    char *line = malloc(LINE_CEILING);
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    assert_non_null(line);
    buf_init(&run.policies, YAML_BYTES_CEILING);
    arena_init(&run.session, 4096, 1 << 20);
    arena_init(&run.statement, 4096, 16 << 20);
    while (fgets(line, LINE_CEILING, f)) {
        line[strcspn(line, "\n")] = 0;
        run.line++;
        run_line(&run, line);
    }
    fclose(f);
    free(line);
    buf_free(&run.policies);
    arena_free(&run.session);
    arena_free(&run.statement);
    policy_snapshot_unref(run.snapshot);
    return run.n_cases;
}

static int is_cases(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".cases") == 0;
}

static void every_line_of_the_decision_tables_holds(void **state)
{
    (void)state;
    char folder[4096], path[8192];
    struct dirent **entries;
    const char *source = getenv("POSTERN_SOURCE");
    snprintf(folder, sizeof folder, "%s/src/policy/cases", source ? source : ".");
    int n = scandir(folder, &entries, is_cases, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        assert_true(run_file(path) > 0);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_line_of_the_decision_tables_holds) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
