#include "base/test.h"

#include "base/arena.h"
#include "catalog/load.h"
#include "catalog/node-tree.h"
#include <stdio.h>

#define B(text) BYTES_LITERAL(text)

/* A tree as a server writes it, of the fields that are read. */
#define VAR(entry, number, up)                                                                               \
    "{VAR :varno " entry " :varattno " number " :vartype 25 :varlevelsup " up " :location 7}"
#define TARGET(expression, number)                                                                           \
    "{TARGETENTRY :expr " expression " :resno " number " :resname c :ressortgroupref 0 :resjunk false}"
#define TABLE(oid)                                                                                           \
    "{RANGETBLENTRY :alias <> :rtekind 0 :relid " oid                                                        \
    " :relkind r :tablesample <> :requiredPerms 2 :securityQuals <>}"
#define SUBQUERY(query)      "{RANGETBLENTRY :alias <> :rtekind 1 :subquery " query " :securityQuals <>}"
#define FROM(entries, quals) "{FROMEXPR :fromlist (" entries ") :quals " quals "}"
#define FIRST                "{RANGETBLREF :rtindex 1}"
#define QUERY_WITH(ctes, table, from, targets)                                                               \
    "{QUERY :commandType 1 :utilityStmt <> :resultRelation 0 :hasTargetSRFs false :cteList " ctes            \
    " :rtable (" table ") :jointree " from " :targetList (" targets                                          \
    ") :onConflict <> :havingQual <> :windowClause <> :limitOffset <> :limitCount <> :setOperations <>}"
#define QUERY(table, from, targets) QUERY_WITH("<>", table, from, targets)
#define CALL(oid, arguments)        "{FUNCEXPR :funcid " oid " :args (" arguments ")}"

static bool is_trusted(void *context, const struct catalog_function *function)
{
    (void)context;
    return bytes_is(function->name, "quote");
}

static bool put(struct catalog_load *load, const char *line)
{
    struct bytes values[12] = { 0 };
    size_t n = 0;
    for (const char *tab; n < 11 && (tab = strchr(line, '\t')); line = tab + 1)
        values[n++] = bytes_make(tab == line ? NULL : line, (size_t)(tab - line));
    values[n++] = bytes_of(*line ? line : NULL);
    return catalog_load_row(load, 0, values, n);
}

/* The table public.t (a, b), oid 20000, and a view public.v over it with that tree and so many columns. */
static const struct catalog *load_view(const char *version, const char *n_columns, const char *tree)
{
    struct arena arena;
    const char *error;
    struct catalog_load *load = catalog_load_begin();
    arena_init(&arena, 4096, 64 << 20);
    catalog_load_trust(load, (struct catalog_trust){ is_trusted, NULL });
    assert_true(put(load, (const char *)arena_printf(&arena, "H\t%s\t10:10:", version).p));
    assert_true(put(load, "R\t20000\tpublic\tt\tr\t\t20001\t2\t0"));
    assert_true(put(load, "C\t20000\t1\ta\t25\t-1\t"));
    assert_true(put(load, "C\t20000\t2\tb\t25\t-1\t"));
    assert_true(put(load, "F\t100\tpg_catalog\tlower\tf\ti\t\t25\t25\t\t\t"));
    assert_true(put(load, "F\t101\tpg_catalog\tquote\tf\ts\t\t25\t25\t\t\t"));
    assert_true(put(load, "F\t20100\tpg_catalog\tquote\tf\ts\t\t25\t25\t\t\t"));
    assert_true(
        put(load, (const char *)arena_printf(&arena, "R\t20002\tpublic\tv\tv\t\t20003\t%s\t0", n_columns).p));
    assert_true(put(load, (const char *)arena_printf(&arena, "W\t20002\t1\t<>\t%s", tree).p));
    const struct catalog *c = catalog_load_end(load, &error);
    assert_non_null(c);
    arena_free(&arena);
    return c;
}

static const struct catalog_relation *view_of(const struct catalog *c)
{
    struct catalog_view v = { .catalog = c };
    return catalog_by_oid(&v, 20002);
}

/* "a+b" of a set of sources of t, "?" where it is opaque, "a!" where it is a as it is. */
static void assert_sources(const struct catalog_sources *sources, const char *expected)
{
    char told[64] = "";
    size_t n = 0;
    for (size_t i = 0; i < sources->n; i++)
        n += (size_t)snprintf(told + n, sizeof told - n, "%s%s", n ? "+" : "",
                              sources->items[i].attribute == 0   ? "*"
                              : sources->items[i].attribute == 1 ? "a"
                                                                 : "b");
    if (sources->opaque) n += (size_t)snprintf(told + n, sizeof told - n, "%s?", n ? "+" : "");
    if (sources->plain) snprintf(told + n, sizeof told - n, "!");
    assert_string_equal(told, expected);
}

static void assert_view(const char *tree, const char *column, const char *decides)
{
    const struct catalog *c = load_view("150020", "1", tree);
    const struct catalog_relation *v = view_of(c);
    if (!column) {
        assert_null(v->sources);
        assert_true(v->decides.opaque);
    } else {
        assert_non_null(v->sources);
        assert_sources(&v->sources[0], column);
        assert_sources(&v->decides, decides);
    }
    catalog_release(c);
}

static void a_column_is_made_of_what_it_names(void **state)
{
    (void)state;
    assert_view(
        "(" QUERY(TABLE("20000"), FROM(FIRST, VAR("1", "2", "0")), TARGET(VAR("1", "1", "0"), "1")) ")", "a!",
        "b");
    assert_view("(" QUERY(TABLE("20000"), FROM(FIRST, "<>"), TARGET(VAR("1", "0", "0"), "1")) ")", "*", "");
    assert_view("(" QUERY(SUBQUERY(QUERY(TABLE("20000"), FROM(FIRST, VAR("1", "1", "0")),
                                         TARGET(VAR("1", "1", "0"), "1") TARGET(VAR("1", "2", "0"), "2"))),
                          FROM(FIRST, "<>"), TARGET(VAR("1", "2", "0"), "1")) ")",
                "b!", "a");
}

static void a_column_is_plain_only_where_nothing_is_done_to_it(void **state)
{
    (void)state;
#define HANDING_ON(target)                                                                                   \
    "(" QUERY(SUBQUERY(QUERY(TABLE("20000"), FROM(FIRST, "<>"), TARGET(target, "1"))), FROM(FIRST, "<>"),    \
              TARGET(VAR("1", "1", "0"), "1")) ")"
    assert_view(HANDING_ON(VAR("1", "1", "0")), "a!", "");
    assert_view(HANDING_ON(CALL("101", VAR("1", "1", "0"))), "a", "");
    assert_view(HANDING_ON("{RELABELTYPE :arg " VAR("1", "1", "0") "}"), "a", "");
    assert_view(HANDING_ON(VAR("1", "-1", "0")), "b", ""); /* ctid, which this test tells as b */
}

static void a_call_that_is_not_trusted_is_opaque(void **state)
{
    (void)state;
#define CALLING(oid)                                                                                         \
    "(" QUERY(TABLE("20000"), FROM(FIRST, "<>"), TARGET(CALL(oid, VAR("1", "1", "0")), "1")) ")"
    assert_view(CALLING("101"), "a", "");
    assert_view(CALLING("100"), "a+?", "");   /* of pg_catalog, not trusted */
    assert_view(CALLING("20100"), "a+?", ""); /* made by somebody, in pg_catalog */
    assert_view(CALLING("31000"), "a+?", ""); /* not there */
}

static void what_is_not_known_makes_the_whole_view_opaque(void **state)
{
    (void)state;
#define WITH_TARGET(target) "(" QUERY(TABLE("20000"), FROM(FIRST, "<>"), target) ")"
    assert_view(WITH_TARGET(TARGET("{NEWEXPR :arg <>}", "1")), NULL, NULL);
    assert_view(WITH_TARGET(TARGET(VAR("2", "1", "0"), "1")), NULL, NULL);  /* no such entry */
    assert_view(WITH_TARGET(TARGET(VAR("1", "1", "1"), "1")), NULL, NULL);  /* no such scope */
    assert_view(WITH_TARGET(TARGET(VAR("1", "1", "-1"), "1")), NULL, NULL); /* no such scope */
    assert_view(WITH_TARGET(TARGET(VAR("1", "3", "0"), "1")), "*+?", "");   /* no such column */
    assert_view(WITH_TARGET(TARGET(VAR("1", "1", "0"), "1") TARGET(VAR("1", "1", "0"), "2")), NULL, NULL);
    assert_view("<>", NULL, NULL);
    assert_view("({QUERY", NULL, NULL);
    assert_view("(" QUERY("{RANGETBLENTRY :rtekind 9 :securityQuals <>}", FROM(FIRST, "<>"),
                          TARGET(VAR("1", "1", "0"), "1")) ")",
                NULL, NULL);
    assert_view(
        "(" QUERY("{RANGETBLENTRY :rtekind 2 :joinaliasvars (" VAR("1", "1", "0") ") :securityQuals <>}",
                  FROM("", "<>"), TARGET(VAR("1", "1", "0"), "1")) ")",
        NULL, NULL); /* a join's column that is made of itself */
}

static void trees_of_a_newer_server_are_opaque_but_what_they_read_is_told(void **state)
{
    (void)state;
    static const char *const versions[] = { "130010", "160000", "170002", "180000" };
    for (size_t i = 0; i < 4; i++) {
        const struct catalog *c = load_view(versions[i], "1", WITH_TARGET(TARGET(VAR("1", "1", "0"), "1")));
        const struct catalog_relation *v = view_of(c);
        assert_null(v->sources);
        assert_true(v->decides.opaque);
        assert_int_equal(v->n_ties, 2);
        assert_int_equal(v->ties[0].tie, CATALOG_TIE_VIEW);
        assert_int_equal(v->ties[1].tie, CATALOG_TIE_UPDATE);
        assert_bytes(v->ties[0].relation->name, "t");
        catalog_release(c);
    }
}

static void a_tree_that_doubles_with_each_level_ends(void **state)
{
    (void)state;
    enum { LEVELS = 60 };
    struct arena arena;
    arena_init(&arena, 1 << 16, 64 << 20);
    struct bytes ctes = B("");
    for (int i = 0; i < LEVELS; i++) {
        struct bytes query;
#define REFERENCE                                                                                            \
    "{RANGETBLENTRY :rtekind 6 :ctename c%d :ctelevelsup 1 :self_reference false :securityQuals <>}"
        if (i == 0)
            query = B(QUERY(TABLE("20000"), FROM(FIRST, "<>"), TARGET(VAR("1", "1", "0"), "1")));
        else
            query = arena_printf(
                &arena,
                QUERY(REFERENCE " " REFERENCE, FROM(FIRST " {RANGETBLREF :rtindex 2}", "<>"),
                      TARGET("{ROWEXPR :args (" VAR("1", "1", "0") " " VAR("2", "1", "0") ")}", "1")),
                i - 1, i - 1);
        ctes = arena_printf(&arena,
                            "%.*s {COMMONTABLEEXPR :ctename c%d :ctequery %.*s :search_clause <> "
                            ":cycle_clause <> :cterecursive false}",
                            BYTES_FMT(ctes), i, BYTES_FMT(query));
    }
    struct bytes tree = arena_printf(
        &arena,
        "(" QUERY_WITH("(%.*s)",
                       "{RANGETBLENTRY :rtekind 6 :ctename c%d :ctelevelsup 0 :self_reference false "
                       ":securityQuals <>}",
                       FROM(FIRST, "<>"), TARGET(VAR("1", "1", "0"), "1")) ")",
        BYTES_FMT(ctes), LEVELS - 1);
    assert_view((const char *)tree.p, "a", "");
    arena_free(&arena);
}

static void a_name_is_a_name_whatever_it_looks_like(void **state)
{
    (void)state;
    struct arena arena;
    const struct node *root;
    arena_init(&arena, 4096, 1 << 24);
    assert_true(node_tree_parse(B("{A :name :other :other 1 :last \\<>\\ \\{ :constvalue 4 [ 1 0 0 0 ]}"),
                                &arena, &root));
    assert_bytes(node_field(root, "name")->text, ":other");
    assert_bytes(node_field(root, "other")->text, "1");
    assert_bytes(node_field(root, "last")->text, "\\<>\\ \\{");
    assert_bytes(node_field(root, "constvalue")->next->text, "[ 1 0 0 0 ]");
    assert_null(node_field(root, "first"));
    assert_true(node_tree_parse(B("{A :name [ :n 1}"), &arena, &root));
    assert_bytes(node_field(root, "n")->text, "1");
    static const char *const broken[] = {
        "",    "(",    ")", "{", "{}", "{A :x}", "{A 1}", "{A :x 1", "(1) (2)", "1 2", "{A :constvalue [ 1}",
        "a\\", "({A)}"
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_false(node_tree_parse(bytes_of(broken[i]), &arena, &root));
    arena_free(&arena);
}

static void depth_has_a_ceiling(void **state)
{
    (void)state;
    struct arena arena;
    const struct node *root;
    char text[4 * NODE_TREE_DEPTH];
    arena_init(&arena, 1 << 16, 1 << 24);
    for (size_t depth = NODE_TREE_DEPTH; depth <= NODE_TREE_DEPTH + 1; depth++) {
        memset(text, '(', depth);
        memset(text + depth, ')', depth);
        assert_int_equal(node_tree_parse(bytes_make(text, 2 * depth), &arena, &root),
                         depth == NODE_TREE_DEPTH);
    }
    arena_free(&arena);
}

static void a_malformed_row_fails_the_whole_load(void **state)
{
    (void)state;
    static const char *const rows[] = { "",
                                        "?\t1",
                                        "R\t1",
                                        "R\tx\tpublic\tt\tr\t\t1\t2\t0",
                                        "R\t4294967296\tpublic\tt\tr\t\t1\t2\t0",
                                        "R\t1\tpublic\t\tr\t\t1\t2\t0",
                                        "R\t1\tpublic\tt\trr\t\t1\t2\t0",
                                        "R\t1\tpublic\tt\tr\t\t1\t-1\t0",
                                        "R\t1\tpublic\tt\tr\t\t1\t99999\t0",
                                        "F\t1\tpublic\tf\tf\ti\t\t25\t25\t{25,25}\t{i}\t",
                                        "F\t1\tpublic\tf\tf\ti\t\t25\t25\t{25\t{o}\t{a}",
                                        "P\tpublic",
                                        "A\tR\t1" };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *error;
        struct catalog_load *load = catalog_load_begin();
        assert_true(put(load, "H\t150000\t1:1:"));
        assert_false(put(load, rows[i]));
        assert_null(catalog_load_end(load, &error));
        assert_non_null(error);
    }
    const char *error;
    struct catalog_load *load = catalog_load_begin();
    assert_true(put(load, "F\t1\tpublic\tf\tf\ti\t\t25\t25 x\t\t\t"));
    assert_true(put(load, "H\t150000\t1:1:"));
    assert_null(catalog_load_end(load, &error));
    assert_null(catalog_load_end(catalog_load_begin(), &error)); /* no version was told */
}

static void an_overlay_from_an_older_snapshot_replaces_nothing_shared(void **state)
{
    (void)state;
    static const struct {
        const char *snapshot, *row;
        bool taken;
    } cases[] = {
        { "10:10:", "R\t20000\tpublic\trenamed\tr\t\t20001\t2\t0\t\t\t", true },
        { "12:14:12", "R\t20000\tpublic\trenamed\tr\t\t20001\t2\t0\t\t\t", true },
        { "9:9:", "R\t20000\tpublic\trenamed\tr\t\t20001\t2\t0\t\t\t", false },
        { "5:12:5", "R\t20000\tpublic\trenamed\tr\t\t20001\t2\t0\t\t\t", false },
        { "5:12:5", "R\t30000\tpublic\tnew\tr\t\t20001\t2\t0\t\t\t", true },
        { "x", "R\t20000\tpublic\trenamed\tr\t\t20001\t2\t0\t\t\t", false },
    };
    const struct catalog *c = load_view("150020", "1", WITH_TARGET(TARGET(VAR("1", "1", "0"), "1")));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct catalog_view v = { .catalog = c };
        struct bytes session[12] = { B("S"), B(""), B("t"), bytes_of(cases[i].snapshot) };
        struct bytes alive[12] = { B("A"), B("R"), B("20002") }, values[12] = { 0 };
        const char *line = cases[i].row;
        struct catalog_overlay_load *load = catalog_overlay_begin(c);
        for (size_t k = 0; k < 12; k++) {
            size_t n = strcspn(line, "\t");
            values[k] = bytes_make(line, n);
            line += n + (line[n] != 0);
        }
        assert_true(catalog_overlay_row(load, session, 12));
        assert_true(catalog_overlay_wants_more(load));
        assert_true(catalog_overlay_row(load, alive, 12));
        assert_true(catalog_overlay_row(load, values, 12));
        struct catalog_overlay *o = catalog_overlay_end(load, &v.path, &v.n_path);
        assert_int_equal(o != NULL, cases[i].taken);
        v.overlay = o;
        /* What an older snapshot does not have may be new: it stays. */
        if (i == 4) assert_non_null(catalog_find(&v, B("public"), B("t")));
        if (i == 0) assert_null(catalog_find(&v, B("public"), B("t")));
        if (i == 0) assert_non_null(catalog_find(&v, B("public"), B("renamed")));
        catalog_overlay_free(o);
    }
    catalog_release(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_is_made_of_what_it_names),
        cmocka_unit_test(a_column_is_plain_only_where_nothing_is_done_to_it),
        cmocka_unit_test(a_call_that_is_not_trusted_is_opaque),
        cmocka_unit_test(what_is_not_known_makes_the_whole_view_opaque),
        cmocka_unit_test(trees_of_a_newer_server_are_opaque_but_what_they_read_is_told),
        cmocka_unit_test(a_tree_that_doubles_with_each_level_ends),
        cmocka_unit_test(a_name_is_a_name_whatever_it_looks_like),
        cmocka_unit_test(depth_has_a_ceiling),
        cmocka_unit_test(a_malformed_row_fails_the_whole_load),
        cmocka_unit_test(an_overlay_from_an_older_snapshot_replaces_nothing_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
