#include "base/test.h"

#include "policy/compile.h"
#include "record/frame.h"
#include "record/sent.h"
#include "session/understood.h"
#include "yaml/tree.h"
#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct arena arena;
    const struct policy_snapshot *snapshot;
    struct principal principal;
    struct target target;
    struct target_setting setting;
    struct understood_context context;
    struct understood_cache *cache;
};

static int begin_with(void **state, const char *policy)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct yaml_errors errors;
    arena_init(&f->arena, 4096, 16 << 20);
    yaml_errors_init(&errors);
    const struct yaml_node *node = yaml_tree_parse(bytes_of(policy), bytes_of("policy"), &f->arena, &errors);
    if (node) f->snapshot = policy_compile(&node, 1, &errors);
    yaml_errors_free(&errors);
    if (!f->snapshot) return -1;
    f->principal.user = BYTES_LITERAL("ada");
    struct policy_request request = { &f->principal, BYTES_LITERAL("orders"), BYTES_LITERAL("orders") };
    f->target.name = request.connection;
    f->target.settings = &f->setting;
    f->setting = (struct target_setting){ BYTES_LITERAL("app.who"), BYTES_LITERAL("ada") };
    f->context =
        (struct understood_context){ policy_ruleset_for(f->snapshot, &request, &f->arena), &f->target };
    f->cache = understood_cache_new(8, 1 << 20, 3);
    *state = f;
    return f->context.ruleset && f->cache ? 0 : -1;
}

static int begin(void **state)
{
    return begin_with(state, "name: p\nwho: any\nallow: [read, write, update, session, bulk_in, bulk_out]\n");
}

static int begin_open(void **state)
{
    return begin_with(state, "name: p\nwho: any\nallow: [all, unknown]\n");
}

static int end(void **state)
{
    struct fixture *f = *state;
    understood_cache_free(f->cache); /* which checks that nothing is pinned */
    policy_snapshot_unref(f->snapshot);
    arena_free(&f->arena);
    free(f);
    return 0;
}

static struct understood *understand(struct fixture *f, const char *text)
{
    struct understood *u = understood_find(f->cache, &f->context, bytes_of(text));
    if (!u) u = understood_make(f->cache, &f->context, bytes_of(text));
    assert_non_null(u);
    return u;
}

static bool refuses(struct fixture *f, const char *text)
{
    struct understood *u = understand(f, text);
    bool refused = u->refused;
    understood_unpin(f->cache, u);
    return refused;
}

static void what_was_understood_is_found_again(void **state)
{
    struct fixture *f = *state;
    struct understood *first = understand(f, "table t"), *again = understand(f, "table t");
    assert_ptr_equal(first, again);
    understood_unpin(f->cache, first);
    understood_unpin(f->cache, again);
    assert_null(understood_find(f->cache, &f->context, bytes_of("table t2")));
}

static void a_text_that_differs_in_a_literal_is_the_same_template(void **state)
{
    struct fixture *f = *state;
    struct understood *one = understand(f, "select * from t where a = 1"),
                      *two = understand(f, "select * from t where a = 2");
    assert_ptr_equal(one, two);
    assert_true(one->is_template);
    understood_unpin(f->cache, one);
    understood_unpin(f->cache, two);
}

static void a_setting_of_the_connection_is_closed(void **state)
{
    struct fixture *f = *state;
    f->target.n_settings = 1;
    assert_true(refuses(f, "set app.who = 'bob'"));
    assert_true(refuses(f, "SET LOCAL App.Who TO 'bob'"));
    assert_true(refuses(f, "reset app.who"));
    assert_true(refuses(f, "select set_config('app.who', 'bob', false)"));
    assert_true(refuses(f, "update pg_settings set setting = 'bob' where name = 'app.who'"));
    assert_false(refuses(f, "set app.other = 'bob'"));
}

static void a_verdict_is_not_taken_over_by_a_connection_that_closes_more(void **state)
{
    struct fixture *f = *state;
    assert_false(refuses(f, "set app.who = 'bob'"));
    f->target.n_settings = 1;
    assert_true(refuses(f, "set app.who = 'bob'"));
    f->target.n_settings = 0;
    assert_false(refuses(f, "set app.who = 'bob'"));
}

static void one_refused_statement_refuses_its_text(void **state)
{
    struct fixture *f = *state;
    struct understood *u = understand(f, "select 1; drop table t; select 2");
    assert_true(u->refused);
    assert_int_equal(u->reason, REFUSAL_POLICY);
    understood_unpin(f->cache, u);
}

static void the_context_goes_to_the_server_as_a_placeholder(void **state)
{
    struct fixture *f = *state;
    struct understood *u = understand(f, "set postern.task = 'a;b' ; select 1");
    assert_true(u->has_context);
    assert_bytes(u->forward, "SET postern.kept TO '' ; select 1");
    struct bytes edits = understood_edits(u, u->text, &u->arena);
    struct buf sent;
    buf_init(&sent, 1024);
    assert_true(sent_text_make(edits, u->text, u->text, &sent));
    assert_true(bytes_equal(buf_bytes(&sent), u->forward));
    buf_free(&sent);
    understood_unpin(f->cache, u);
}

static void copies_from_the_client_are_counted(void **state)
{
    struct fixture *f = *state;
    struct understood *u = understand(f, "copy a from stdin; select 1; copy b from stdin; copy c to stdout");
    assert_int_equal(u->n_copies_in, 2);
    understood_unpin(f->cache, u);
}

static void hostile_text_is_refused_even_where_everything_is_allowed(void **state)
{
    struct fixture *f = *state;
    struct understood *u = understand(f, "select '\xff'");
    assert_true(u->refused);
    assert_int_equal(u->reason, REFUSAL_HOSTILE);
    understood_unpin(f->cache, u);
    assert_false(refuses(f, "select something that postgresql 19 takes"));
}

static void what_the_cache_holds_has_a_ceiling_and_what_is_pinned_stays(void **state)
{
    struct fixture *f = *state;
    char text[64];
    struct understood *pinned = understand(f, "table pinned");
    uint64_t serial = pinned->serial;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "table t%d", i);
        understood_unpin(f->cache, understand(f, text));
    }
    int kept = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "table t%d", i);
        struct understood *u = understood_find(f->cache, &f->context, bytes_of(text));
        if (!u) continue;
        kept++;
        understood_unpin(f->cache, u);
    }
    assert_in_range(kept, 1, 8);
    struct understood *again = understand(f, "table pinned");
    assert_ptr_equal(again, pinned);
    assert_int_equal(again->serial, serial);
    understood_unpin(f->cache, again);
    understood_unpin(f->cache, pinned);
}

static void a_password_is_cut_out_of_what_is_recorded(void **state)
{
    struct fixture *f = *state;
    struct understood *u = understand(f, "alter role bob password 'hunter22'");
    assert_true(bytes_find(u->recorded_text, BYTES_LITERAL("hunter22")) < 0);
    assert_int_equal(u->n_secrets, 1);
    assert_bytes(u->secrets[0], "hunter22");
    understood_unpin(f->cache, u);
    u = understand(f, "set postern.task = 'a'; alter role bob password 'hunter22'");
    assert_int_equal(u->n_secrets, 1);
    assert_int_equal(understood_edits(u, u->text, &u->arena).n, 0);
    understood_unpin(f->cache, u);
}

static void facts_from_the_parser_child_that_are_malformed_are_hostile(void **state)
{
    struct fixture *f = *state;
    struct understood *u =
        understood_make_from(f->cache, &f->context, bytes_of("select 1"), BYTES_LITERAL("\1\2\3"));
    assert_non_null(u);
    assert_true(u->refused);
    assert_int_equal(u->reason, REFUSAL_HOSTILE);
    understood_unpin(f->cache, u);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(what_was_understood_is_found_again),
        TEST(a_text_that_differs_in_a_literal_is_the_same_template),
        TEST(a_setting_of_the_connection_is_closed),
        TEST(a_verdict_is_not_taken_over_by_a_connection_that_closes_more),
        TEST(one_refused_statement_refuses_its_text),
        TEST(the_context_goes_to_the_server_as_a_placeholder),
        TEST(copies_from_the_client_are_counted),
        TEST(what_the_cache_holds_has_a_ceiling_and_what_is_pinned_stays),
        TEST(a_password_is_cut_out_of_what_is_recorded),
        TEST(facts_from_the_parser_child_that_are_malformed_are_hostile),
        cmocka_unit_test_setup_teardown(hostile_text_is_refused_even_where_everything_is_allowed, begin_open,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
