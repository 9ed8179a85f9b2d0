#include "base/test.h"

#include "notify/body.h"
#include "notify/plain.h"
#include <stdlib.h>

#define NAUGHTY "<!channel> <@U1> @here a@b.c [x](http://evil) & \"q\"\n\xE2\x80\xAE\xFF"

static struct principal agent = { .user = BYTES_LITERAL("agent-7"), .on_behalf_of = BYTES_LITERAL("alice") };

static struct desk_request request(void)
{
    static struct bytes dba[] = { BYTES_LITERAL("dba"), BYTES_LITERAL("leads") };
    static struct policy_need needs[] = {
        { .policy = BYTES_LITERAL("agents"), .rule = BYTES_LITERAL("bulk"), .by = dba, .n_by = 2 },
        { .policy = BYTES_LITERAL("agents"), .rule = BYTES_LITERAL("more"), .by = dba, .n_by = 1 },
    };
    static struct desk_relation relations[] = { { .schema = BYTES_LITERAL("public"),
                                                  .name = BYTES_LITERAL("orders") } };
    static struct desk_parameter parameters[] = { { .text = BYTES_LITERAL("SECRETPARAMETER"),
                                                    .value = BYTES_LITERAL("SECRETPARAMETER") } };
    static struct desk_pair claims[] = { { BYTES_LITERAL("prompt"), BYTES_LITERAL("SECRETPROMPT") } };
    return (struct desk_request){ .id = "06gzv4gqn8000",
                                  .session = 1,
                                  .asked_us = 1795305600000000,
                                  .expires_us = 1795305660000000,
                                  .principal = agent,
                                  .connection = BYTES_LITERAL("shop"),
                                  .database = BYTES_LITERAL("orders"),
                                  .text = BYTES_LITERAL("DELETE FROM orders WHERE ssn = 'SECRETLITERAL'"),
                                  .parameters = parameters,
                                  .n_parameters = 1,
                                  .claims = claims,
                                  .n_claims = 1,
                                  .tags = BYTES_LITERAL("DELETE"),
                                  .relations = relations,
                                  .n_relations = 1,
                                  .counted = true,
                                  .rows = 412,
                                  .needs = needs,
                                  .n_needs = 2,
                                  .message =
                                      BYTES_LITERAL("DELETE on public.orders needs approval, by dba") };
}

static struct bytes written(void (*write)(const struct notify_fact *fact, struct buf *out),
                            const struct notify_fact *fact, struct arena *arena)
{
    struct buf out;
    buf_init(&out, NOTIFY_BODY);
    write(fact, &out);
    assert_false(out.failed);
    struct bytes copy = arena_copy(arena, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

static bool has(struct bytes text, const char *what)
{
    return bytes_find(text, bytes_of(what)) >= 0;
}

static void a_question_is_told_with_facts_and_no_values(void **state)
{
    (void)state;
    struct arena arena;
    struct notify_fact fact;
    struct desk_request r = request();
    struct desk_event event = { .kind = DESK_EVENT_ASKED, .at_us = r.asked_us, .request = &r };
    arena_init(&arena, 4096, 1 << 20);
    assert_true(fact_of_event(&event, BYTES_LITERAL("https://gate.example/"), &arena, &fact));
    struct notify_fact *copy = fact_copy(&fact);
    assert_non_null(copy);
    struct bytes body = written(body_write, copy, &arena), slack = written(slack_write, copy, &arena);
    assert_bytes(body,
                 "{\"type\":\"approval.asked\",\"timestamp\":\"2026-11-22T00:00:00.000000Z\",\"data\":{"
                 "\"request\":\"06gzv4gqn8000\",\"state\":\"waiting\",\"session\":\"0000000000001\","
                 "\"principal\":\"agent-7\",\"on_behalf_of\":\"alice\",\"connection\":\"shop\","
                 "\"database\":\"orders\",\"statement\":\"DELETE\","
                 "\"message\":\"DELETE on public.orders needs approval, by dba\",\"policy\":\"agents\","
                 "\"rule\":\"bulk\",\"link\":\"https://gate.example/approvals/06gzv4gqn8000\","
                 "\"approvers\":[\"dba\",\"leads\"],\"relations\":[\"public.orders\"],\"machine\":false,"
                 "\"rows\":412,\"expires\":\"2026-11-22T00:01:00.000000Z\"}}");
    assert_false(has(body, "SECRET") || has(slack, "SECRET"));
    assert_true(has(slack, "<https://gate.example/approvals/06gzv4gqn8000|Look at it, and approve or deny>"));
    assert_true(has(slack, "Who: agent-7 for alice") && has(slack, "Rows it would change: 412"));
    free(copy);
    arena_free(&arena);
}

static void each_thing_that_happens_has_a_type(void **state)
{
    (void)state;
    static const struct {
        enum desk_event_kind kind;
        enum desk_state state;
        const char *type;
        enum notify_kind told;
    } cases[] = {
        { DESK_EVENT_ASKED, DESK_WAITING, "approval.asked", NOTIFY_HOLD },
        { DESK_EVENT_DECIDED, DESK_WAITING, "approval.noted", NOTIFY_DECIDED },
        { DESK_EVENT_DECIDED, DESK_APPROVED, "approval.approved", NOTIFY_DECIDED },
        { DESK_EVENT_DECIDED, DESK_DENIED, "approval.denied", NOTIFY_DECIDED },
        { DESK_EVENT_USED, DESK_USED, "approval.used", NOTIFY_ENDED },
        { DESK_EVENT_ENDED, DESK_EXPIRED, "approval.expired", NOTIFY_ENDED },
        { DESK_EVENT_ENDED, DESK_WITHDRAWN, "approval.withdrawn", NOTIFY_ENDED },
        { DESK_EVENT_ENDED, DESK_LAPSED, "approval.lapsed", NOTIFY_ENDED },
    };
    struct desk_request r = request();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct arena arena;
        struct notify_fact fact;
        struct desk_decision decision = { .approve = true, .user = BYTES_LITERAL("carol") };
        struct desk_event event = { .kind = cases[i].kind, .state = cases[i].state, .request = &r };
        if (cases[i].kind == DESK_EVENT_DECIDED) event.decision = &decision;
        arena_init(&arena, 4096, 1 << 20);
        assert_true(fact_of_event(&event, (struct bytes){ 0 }, &arena, &fact));
        assert_string_equal(fact.type, cases[i].type);
        assert_int_equal(fact.kind, cases[i].told);
        assert_int_equal(fact.link.n, 0);
        assert_int_equal(fact.expires_us != 0, cases[i].state == DESK_WAITING);
        arena_free(&arena);
    }
}

static void foreign_text_is_plain_in_a_chat(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    plain_append(&out, BYTES_LITERAL(NAUGHTY));
    assert_bytes(buf_bytes(&out),
                 "&lt;!channel&gt; &lt;@\xE2\x81\xA0U1&gt; @\xE2\x81\xA0here a@b.c [x]\xE2\x81\xA0(http:"
                 "\xE2\x81\xA0//evil) &amp; \"q\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    buf_free(&out);
}

static void no_member_of_a_message_can_mention_or_link(void **state)
{
    (void)state;
    struct arena arena;
    struct notify_fact fact = {
        .kind = NOTIFY_DECIDED, .type = "approval.denied", .count = 1, .counted = true
    };
    arena_init(&arena, 4096, 1 << 20);
#define X(member) fact.member = BYTES_LITERAL(NAUGHTY);
    NOTIFY_TEXTS(X)
#undef X
#define X(member) fact.member = BYTES_LITERAL(NAUGHTY "\0" NAUGHTY "\0");
    NOTIFY_LISTS(X)
#undef X
    fact.link = BYTES_LITERAL("https://gate.example/approvals/1");
    for (int kind = 0; kind < NOTIFY_N_KINDS; kind++) {
        fact.kind = (enum notify_kind)kind;
        struct bytes slack = written(slack_write, &fact, &arena);
        assert_false(has(slack, "<!") || has(slack, "<@") || has(slack, " @here") || has(slack, "//evil)\""));
        assert_false(has(slack, "](") || has(slack, "\\u202e") || has(slack, "http://"));
    }
    arena_free(&arena);
}

static void a_refusal_is_told_with_its_rule_and_count(void **state)
{
    (void)state;
    struct arena arena;
    struct notify_fact fact;
    struct notify_refusal refusal = { .session = 1,
                                      .principal = &agent,
                                      .connection = BYTES_LITERAL("shop"),
                                      .policy = BYTES_LITERAL("agents"),
                                      .rule = BYTES_LITERAL("no-drop"),
                                      .message = BYTES_LITERAL("DROP TABLE is denied"),
                                      .code = "policy" };
    arena_init(&arena, 4096, 1 << 20);
    assert_true(fact_of_refusal(&refusal, &arena, &fact));
    fact.count = 3;
    struct bytes body = written(body_write, &fact, &arena), slack = written(slack_write, &fact, &arena);
    assert_true(has(body, "\"type\":\"statement.refused\"") && has(body, "\"count\":3"));
    assert_true(has(body, "\"rule\":\"no-drop\"") && has(body, "\"code\":\"policy\""));
    assert_true(has(slack, "Refused: DROP TABLE is denied (3 times)"));
    arena_free(&arena);
}

static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    assert_bytes(plain_cut(BYTES_LITERAL("ab\xC3\xA9"), 3), "ab");
    assert_bytes(plain_cut(BYTES_LITERAL("ab\xC3\xA9"), 4), "ab\xC3\xA9");
    assert_bytes(plain_cut(BYTES_LITERAL("\xF0\x9F\x98\x80x"), 3), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_question_is_told_with_facts_and_no_values),
        cmocka_unit_test(each_thing_that_happens_has_a_type),
        cmocka_unit_test(foreign_text_is_plain_in_a_chat),
        cmocka_unit_test(no_member_of_a_message_can_mention_or_link),
        cmocka_unit_test(a_refusal_is_told_with_its_rule_and_count),
        cmocka_unit_test(long_texts_are_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
