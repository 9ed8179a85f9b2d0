#include "base/test.h"

#include "identity/claims.h"
#include "json/read.h"
#include <stdio.h>

enum { NOW_S = 1000000 };
#define GOOD "\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"alice\""

static const struct identity_issuer_options plain = {
    .issuer = BYTES_LITERAL("https://idp"),
    .audience = BYTES_LITERAL("postern"),
    .user_claim = BYTES_LITERAL("sub"),
    .groups_claim = BYTES_LITERAL("groups"),
    .leeway_s = 30,
};

struct judged {
    struct arena arena;
    struct principal principal;
    enum identity_refusal refusal;
    bool verified;
};

static struct judged judge(const char *text, const struct identity_issuer_options *rules)
{
    struct judged j = { 0 };
    json_t *claims;
    const char *why = NULL;
    arena_init(&j.arena, 4096, 1 << 20);
    assert_int_equal(json_read_object(bytes_of(text), 65536, CLAIMS_MAX_DEPTH, &claims), JSON_READ);
    j.verified = claims_judge(claims, rules, NOW_S * 1000000LL, &j.arena, &j.principal, &j.refusal, &why);
    if (!j.verified) assert_non_null(why);
    json_decref(claims);
    return j;
}

static void each_rule_refuses_with_its_own_reason(void **state)
{
    (void)state;
    enum { PASSES = -1 };
    const struct {
        const char *claims;
        int expected;
    } cases[] = {
        { "{" GOOD "}", PASSES },
        { "{\"iss\":\"https://idp/\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_ISSUER },
        { "{\"iss\":\"HTTPS://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_ISSUER },
        { "{\"iss\":[\"https://idp\"],\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_ISSUER },
        { "{\"iss\":\"https://idp\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_AUDIENCE },
        { "{\"iss\":\"https://idp\",\"aud\":\"other\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_AUDIENCE },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern2\",\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_AUDIENCE },
        { "{\"iss\":\"https://idp\",\"aud\":[],\"exp\":1000100,\"sub\":\"a\"}", IDENTITY_AUDIENCE },
        { "{\"iss\":\"https://idp\",\"aud\":{\"postern\":1},\"exp\":1000100,\"sub\":\"a\"}",
          IDENTITY_AUDIENCE },
        { "{\"iss\":\"https://idp\",\"aud\":[\"postern\",1],\"exp\":1000100,\"sub\":\"a\"}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":[\"postern\"],\"exp\":1000100,\"sub\":\"a\"}", PASSES },
        { "{\"iss\":\"https://idp\",\"aud\":[\"x\",\"postern\"],\"exp\":1000100,\"sub\":\"a\"}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":[\"x\",\"postern\"],\"azp\":\"x\",\"exp\":1000100,\"sub\":\"a\"}",
          PASSES },
        { "{\"iss\":\"https://"
          "idp\",\"aud\":[\"x\",\"postern\"],\"client_id\":\"x\",\"exp\":1000100,\"sub\":\"a\"}",
          PASSES },
        { "{\"iss\":\"https://idp\",\"aud\":[\"x\",\"postern\"],\"azp\":1,\"exp\":1000100,\"sub\":\"a\"}",
          IDENTITY_CLAIMS },
        /* exp with 30 seconds of leeway */
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\"}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":\"1000100\"}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":999971}", PASSES },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":999970}", IDENTITY_EXPIRED },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":999970.5}", PASSES },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":0}", IDENTITY_EXPIRED },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":-1}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":253402300800}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":1e300}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":9223372036854775807}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"sub\":\"a\",\"exp\":null}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"nbf\":1000030}", PASSES },
        { "{" GOOD ",\"nbf\":1000031}", IDENTITY_NOT_YET },
        { "{" GOOD ",\"nbf\":\"x\"}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"nbf\":1000101}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"iat\":1000030}", PASSES },
        { "{" GOOD ",\"iat\":1000031}", IDENTITY_NOT_YET },
        { "{" GOOD ",\"iat\":true}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"iat\":1000101}", IDENTITY_CLAIMS },
        /* the user */
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"\"}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":7}", IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"a\\nb\"}",
          IDENTITY_CLAIMS },
        { "{\"iss\":\"https://idp\",\"aud\":\"postern\",\"exp\":1000100,\"sub\":\"a\\u009bb\"}",
          IDENTITY_CLAIMS },
        { "{" GOOD ",\"jti\":1}", IDENTITY_CLAIMS },
        /* groups */
        { "{" GOOD ",\"groups\":\"one\"}", PASSES },
        { "{" GOOD ",\"groups\":[\"one\",\"two\"]}", PASSES },
        { "{" GOOD ",\"groups\":null}", PASSES },
        { "{" GOOD ",\"groups\":[1]}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"groups\":[\"\"]}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"groups\":{}}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"groups\":7}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"_claim_names\":{\"groups\":\"src1\"}}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"_claim_names\":{\"other\":\"src1\"}}", PASSES },
        /* delegation */
        { "{" GOOD ",\"act\":{\"sub\":\"agent\"}}", PASSES },
        { "{" GOOD ",\"act\":{}}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"act\":\"agent\"}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"on_behalf_of\":7}", IDENTITY_CLAIMS },
        { "{" GOOD ",\"on_behalf_of\":{}}", IDENTITY_CLAIMS },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judged j = judge(cases[i].claims, &plain);
        int got = j.verified ? PASSES : (int)j.refusal;
        if (got != cases[i].expected) fail_msg("%s gives %d", cases[i].claims, got);
        if (!j.verified) assert_int_equal(j.principal.user.n, 0);
        arena_free(&j.arena);
    }
}

static void a_principal_holds_what_the_claims_say(void **state)
{
    (void)state;
    struct judged j =
        judge("{" GOOD ",\"groups\":[\"a\",\"b c\"],\"jti\":\"t1\",\"iat\":1000000.25}", &plain);
    assert_true(j.verified);
    assert_bytes(j.principal.user, "alice");
    assert_bytes(j.principal.subject, "alice");
    assert_bytes(j.principal.issuer, "https://idp");
    assert_bytes(j.principal.token_id, "t1");
    assert_int_equal(j.principal.n_groups, 2);
    assert_bytes(j.principal.groups[0], "a");
    assert_bytes(j.principal.groups[1], "b c");
    assert_int_equal(j.principal.expires_us, 1000100LL * 1000000);
    assert_false(j.principal.machine);
    assert_int_equal(j.principal.on_behalf_of.n, 0);
    assert_int_equal(j.principal.actor.n, 0);
    arena_free(&j.arena);
}

static void claims_are_found_by_whole_name_or_by_path(void **state)
{
    (void)state;
    struct identity_issuer_options rules = plain;
    rules.groups_claim = BYTES_LITERAL("realm_access.roles");
    rules.user_claim = BYTES_LITERAL("https://example.test/user");
    struct judged j =
        judge("{" GOOD ",\"realm_access\":{\"roles\":[\"r\"]},\"https://example.test/user\":\"u\"}", &rules);
    assert_true(j.verified);
    assert_bytes(j.principal.user, "u");
    assert_bytes(j.principal.subject, "alice");
    assert_bytes(j.principal.groups[0], "r");
    arena_free(&j.arena);
    j = judge("{" GOOD ",\"realm_access.roles\":\"whole\",\"realm_access\":{\"roles\":[\"r\"]},"
              "\"https://example.test/user\":\"u\"}",
              &rules);
    assert_bytes(j.principal.groups[0], "whole");
    arena_free(&j.arena);
    j = judge("{" GOOD ",\"realm_access\":[\"roles\"],\"https://example.test/user\":\"u\"}", &rules);
    assert_true(j.verified);
    assert_int_equal(j.principal.n_groups, 0);
    arena_free(&j.arena);
    rules.groups_claim = BYTES_LITERAL("..");
    j = judge("{" GOOD ",\"\":{\"\":{\"\":\"x\"}},\"https://example.test/user\":\"u\"}", &rules);
    assert_int_equal(j.principal.n_groups, 0);
    arena_free(&j.arena);
}

static void an_unproven_address_is_no_user(void **state)
{
    (void)state;
    struct identity_issuer_options rules = plain;
    rules.user_claim = BYTES_LITERAL("email");
    const struct {
        const char *claims;
        bool passes;
    } cases[] = {
        { "{" GOOD ",\"email\":\"a@x\"}", true },
        { "{" GOOD ",\"email\":\"a@x\",\"email_verified\":true}", true },
        { "{" GOOD ",\"email\":\"a@x\",\"email_verified\":\"true\"}", true },
        { "{" GOOD ",\"email\":\"a@x\",\"email_verified\":false}", false },
        { "{" GOOD ",\"email\":\"a@x\",\"email_verified\":1}", false },
        { "{" GOOD ",\"email\":\"a@x\",\"email_verified\":null}", false },
        { "{" GOOD "}", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct judged j = judge(cases[i].claims, &rules);
        assert_int_equal(j.verified, cases[i].passes);
        arena_free(&j.arena);
    }
}

static void a_machine_is_told_by_the_configured_claim(void **state)
{
    (void)state;
    const struct {
        const char *claims, *value;
        bool machine;
    } cases[] = {
        { "{" GOOD "}", "", false },
        { "{" GOOD ",\"m\":\"x\"}", "", true },
        { "{" GOOD ",\"m\":false}", "", false },
        { "{" GOOD ",\"m\":null}", "", false },
        { "{" GOOD ",\"m\":\"x\"}", "x", true },
        { "{" GOOD ",\"m\":\"xy\"}", "x", false },
        { "{" GOOD ",\"m\":true}", "true", true },
        { "{" GOOD ",\"m\":false}", "false", true },
        { "{" GOOD ",\"m\":7}", "7", true },
        { "{" GOOD ",\"m\":[\"a\",\"x\"]}", "x", true },
        { "{" GOOD ",\"m\":[\"a\"]}", "x", false },
        { "{" GOOD ",\"m\":[]}", "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct identity_issuer_options rules = plain;
        rules.machine_claim = BYTES_LITERAL("m");
        rules.machine_value = bytes_of(cases[i].value);
        struct judged j = judge(cases[i].claims, &rules);
        assert_true(j.verified);
        assert_int_equal(j.principal.machine, cases[i].machine);
        arena_free(&j.arena);
    }
}

static void the_actor_acts_for_the_subject(void **state)
{
    (void)state;
    struct identity_issuer_options rules = plain;
    struct judged j = judge("{" GOOD ",\"act\":{\"sub\":\"agent\",\"act\":{\"sub\":\"inner\"}}}", &rules);
    assert_bytes(j.principal.user, "alice");
    assert_bytes(j.principal.actor, "agent");
    assert_bytes(j.principal.on_behalf_of, "alice");
    arena_free(&j.arena);
    rules.user_claim = BYTES_LITERAL("act.sub");
    j = judge("{" GOOD ",\"act\":{\"sub\":\"agent\"}}", &rules);
    assert_bytes(j.principal.user, "agent");
    assert_bytes(j.principal.on_behalf_of, "alice");
    arena_free(&j.arena);
    j = judge("{" GOOD ",\"on_behalf_of\":\"carol\"}", &plain);
    assert_bytes(j.principal.on_behalf_of, "carol");
    assert_int_equal(j.principal.actor.n, 0);
    arena_free(&j.arena);
    j = judge("{" GOOD ",\"on_behalf_of\":{\"sub\":\"carol\"},\"act\":{\"sub\":\"agent\"}}", &plain);
    assert_bytes(j.principal.on_behalf_of, "carol");
    assert_bytes(j.principal.actor, "agent");
    arena_free(&j.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_refuses_with_its_own_reason),
        cmocka_unit_test(a_principal_holds_what_the_claims_say),
        cmocka_unit_test(claims_are_found_by_whole_name_or_by_path),
        cmocka_unit_test(an_unproven_address_is_no_user),
        cmocka_unit_test(a_machine_is_told_by_the_configured_claim),
        cmocka_unit_test(the_actor_acts_for_the_subject),
    };
    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}
