/* Cross-checks the reading of libpg_query's raw tree against the library's own JSON of the same text, over
 * all texts of the decision tables: the node tags that the walk's child table reaches, and the names in its
 * RangeVars, are those that the JSON holds. A header that disagrees with the library shows here. */
#include "sql/parse.h"

#include "base/test.h"

#include <stdlib.h>

enum { TAGS = 512 };

struct census {
    unsigned tags[TAGS];
    unsigned long names_sum; /* of hashes: the same names, in any order */
    unsigned n_names;
    unsigned unknown;
};

static unsigned long hash_name(const char *name, size_t n)
{
    unsigned long h = 5381;
    for (size_t i = 0; i < n; i++)
        h = h * 33 + (unsigned char)name[i];
    return h;
}

static void count(struct census *census, const Node *node)
{
    if (!node) return;
    enum NodeTag tag = tree_tag(node);
    if (tag == T_List) {
        for (int i = 0; i < tree_length((const List *)node); i++)
            count(census, tree_item((const List *)node, i));
        return;
    }
    if (tag == T_IntList || tag == T_OidList) return;
    const uint16_t *offsets = tree_children(tag);
    if (!offsets || (size_t)tag >= TAGS) {
        census->unknown++;
        return;
    }
    census->tags[tag]++;
    if (tag == T_RangeVar && ((const RangeVar *)node)->relname) {
        const char *name = ((const RangeVar *)node)->relname;
        census->names_sum += hash_name(name, strlen(name));
        census->n_names++;
    }
    for (; *offsets; offsets++) {
        const Node *child;
        memcpy(&child, (const char *)node + *offsets, sizeof(child));
        count(census, child);
    }
}

/* Occurrences of "\"Tag\":{" in the JSON: how the library writes a node in a Node field. A field of one fixed
 * struct type is written without its tag, so only tags that stand in Node fields and lists are compared. */
static unsigned count_in(const char *json, const char *pattern)
{
    unsigned n = 0;
    for (const char *at = json; (at = strstr(at, pattern)); at++)
        n++;
    return n;
}

/* relname values: no name in the tables holds a quote or a backslash. */
static void count_names(const char *json, struct census *census)
{
    for (const char *at = json; (at = strstr(at, "\"relname\":\"")); at++) {
        const char *name = at + strlen("\"relname\":\"");
        const char *end = strchr(name, '"');
        assert_non_null(end);
        census->names_sum += hash_name(name, (size_t)(end - name));
        census->n_names++;
    }
}

static const enum NodeTag compared[] = {
    T_SelectStmt, T_SubLink,  T_FuncCall,   T_A_Expr,       T_BoolExpr,        T_ColumnRef,
    T_ParamRef,   T_A_Const,  T_CaseWhen,   T_CoalesceExpr, T_RangeSubselect,  T_RangeFunction,
    T_JoinExpr,   T_SortBy,   T_NullTest,   T_A_ArrayExpr,  T_CommonTableExpr, T_MergeWhenClause,
    T_Constraint, T_DefElem,  T_InsertStmt, T_UpdateStmt,   T_DeleteStmt,      T_LockingClause,
    T_ResTarget,  T_TypeCast, T_RowExpr,    T_BooleanTest,
};

/* A node that the grammar shares (the right-hand side of a row assignment) is written, and counted, as often
 * as it is reached: on both sides. */
static bool compare(struct bytes text)
{
    struct arena arena;
    struct parse parse;
    struct census *walked = calloc(1, sizeof(*walked)), *written = calloc(1, sizeof(*written));
    bool same = true;
    arena_init(&arena, 1 << 16, 1 << 26);
    struct bytes copy = arena_copy(&arena, text);
    parse_begin(copy, &arena, &parse);
    if (!parse.rejected) {
        for (int i = 0; i < tree_length(parse.statements); i++)
            count(walked, ((const RawStmt *)tree_item(parse.statements, i))->stmt);
        PgQueryParseResult json = pg_query_parse((const char *)copy.p);
        assert_null(json.error);
        count_names(json.parse_tree, written);
        same = walked->unknown == 0 && walked->n_names == written->n_names &&
               walked->names_sum == written->names_sum;
        if (!same) print_error("names: %u walked, %u written\n", walked->n_names, written->n_names);
        for (size_t i = 0; i < sizeof(compared) / sizeof(*compared); i++) {
            char pattern[64];
            snprintf(pattern, sizeof(pattern), "\"%s\":{", tree_tag_name(compared[i]));
            unsigned in_json = count_in(json.parse_tree, pattern);
            /* larg and rarg of a UNION, and the funccall of a CALL, are fields of a fixed type. */
            bool fixed = compared[i] == T_SelectStmt || compared[i] == T_FuncCall;
            if (fixed ? walked->tags[compared[i]] >= in_json : walked->tags[compared[i]] == in_json) continue;
            print_error("%s: %u walked, %u written\n", pattern, walked->tags[compared[i]], in_json);
            same = false;
        }
        pg_query_free_parse_result(json);
    }
    parse_end(&parse);
    arena_free(&arena);
    free(walked);
    free(written);
    return same;
}

static void the_walk_reaches_what_the_librarys_json_holds(void **state)
{
    static const char *const files[] = { "statements", "utility",  "relations", "where",
                                         "functions",  "settings", "evasions" };
    const char *source = getenv("POSTERN_SOURCE");
    size_t compared_texts = 0, failed = 0;
    (void)state;
    for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++) {
        char path[4096], *line = NULL;
        size_t size = 0;
        ssize_t n;
        snprintf(path, sizeof(path), "%s/src/sql/cases/%s.cases", source ? source : ".", files[f]);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        while ((n = getline(&line, &size, file)) > 0) {
            ptrdiff_t arrow = bytes_find(bytes_make(line, (size_t)n), BYTES_LITERAL("  =>  "));
            if (line[0] == '#' || arrow <= 0 || strchr(line, '{')) continue;
            compared_texts++;
            if (compare(bytes_make(line, (size_t)arrow))) continue;
            print_error("  in %s.cases: %.*s\n", files[f], (int)arrow, line);
            failed++;
        }
        free(line);
        fclose(file);
    }
    assert_true(compared_texts > 400);
    assert_int_equal(failed, 0);
}

static void every_tag_that_the_grammar_builds_has_its_children(void **state)
{
    (void)state;
    assert_non_null(tree_children(T_SelectStmt));
    assert_non_null(tree_children(T_AlterStatsStmt));
    assert_non_null(tree_children(T_PublicationTable));
    assert_null(tree_children(T_Query));
    assert_null(tree_children(T_PlannedStmt));
    assert_null(tree_children((enum NodeTag)100000));
    assert_string_equal(tree_tag_name(T_DropStmt), "DropStmt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_walk_reaches_what_the_librarys_json_holds),
        cmocka_unit_test(every_tag_that_the_grammar_builds_has_its_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
