#include "base/test.h"

#include "identity/minted.h"
#include <stdlib.h>

enum { SECOND_US = 1000000 };
#define START_US (1700000000LL * SECOND_US)

static int64_t now_us;

static int64_t tell_time(const struct clock *c)
{
    (void)c;
    return now_us;
}

static const struct clock clock_of_test = { tell_time, tell_time };

static struct minted *make(int64_t lifetime_s, size_t most_of_one)
{
    now_us = START_US;
    struct minted *m = minted_new(&(struct minted_options){
        .clock = &clock_of_test, .lifetime_us = lifetime_s * SECOND_US, .most_of_one = most_of_one });
    assert_non_null(m);
    return m;
}

static struct bytes groups[] = { { (const uint8_t *)"dba", 3 }, { (const uint8_t *)"staff", 5 } };

static struct principal person(const char *subject)
{
    return (struct principal){ .user = bytes_of(subject),
                               .subject = bytes_of(subject),
                               .issuer = bytes_of("https://idp.example"),
                               .groups = groups,
                               .n_groups = 2,
                               .token_id = bytes_of("jti-1"),
                               .on_behalf_of = bytes_of("carol"),
                               .claims = bytes_of("{\"sub\":\"ada\"}"),
                               .expires_us = START_US + 7200LL * SECOND_US };
}

static struct minted_login mint(struct minted *m, const char *subject, uint64_t sign_in)
{
    struct minted_login login;
    struct principal p = person(subject);
    assert_int_equal(minted_mint(m, &p, 0, sign_in, &login), MINTED_GIVEN);
    return login;
}

/* A whole dialogue over what the table gives for the name. */
static bool lets_in(struct minted *m, const char *name, const char *password)
{
    static struct scram_client client;
    static struct scram_server server;
    static const uint8_t nonce[SCRAM_NONCE_BYTES] = "0123456789abcdefgh";
    struct scram_verifier verifier;
    struct password_stretch stretch;
    struct password_keys keys;
    uint8_t proof[PASSWORD_KEY_BYTES], signature[PASSWORD_KEY_BYTES];
    minted_verifier(m, bytes_of(name), &verifier);
    scram_server_init(&server, nonce, &verifier, NULL);
    scram_client_init(&client, nonce, NULL, false);
    assert_int_equal(scram_client_begin(&client, scram_server_mechanisms(&server)), SCRAM_SEND);
    assert_int_equal(scram_server_begin(&server, bytes_of(client.mechanism), client.out), SCRAM_SEND);
    assert_int_equal(scram_client_challenge(&client, server.out), SCRAM_PROVE);
    struct secret prepared = password_prepare(bytes_of(password));
    assert_int_equal(password_stretch_begin(&stretch, secret_bytes(&prepared),
                                            bytes_make(client.salt, client.n_salt), client.iterations),
                     0);
    assert_int_equal(password_stretch_step(&stretch, client.iterations), 1);
    assert_int_equal(password_stretch_keys(&stretch, &keys), 0);
    password_stretch_end(&stretch);
    secret_free(&prepared);
    assert_int_equal(password_prove(&keys, client.auth_message, proof, signature), 0);
    assert_int_equal(scram_client_prove(&client, proof, signature), SCRAM_SEND);
    return scram_server_finish(&server, client.out) == SCRAM_DONE &&
           scram_client_finish(&client, server.out) == SCRAM_DONE;
}

static void a_login_is_for_whom_it_was_minted_and_its_password_alone_opens_it(void **state)
{
    (void)state;
    struct minted *m = make(3600, 8);
    struct minted_login ada = mint(m, "ada", 0), bob = mint(m, "bob", 0);
    struct arena arena;
    struct principal p = { 0 };
    arena_init(&arena, 1024, 1 << 20);
    assert_true(minted_is_name(bytes_of(ada.name)));
    assert_int_equal(strlen(ada.password), MINTED_PASSWORD - 1);
    assert_string_not_equal(ada.name, bob.name);
    assert_string_not_equal(ada.password, bob.password);
    assert_true(lets_in(m, ada.name, ada.password));
    assert_true(lets_in(m, ada.name, ada.password)); /* as often as wanted */
    assert_false(lets_in(m, ada.name, bob.password));
    assert_false(lets_in(m, bob.name, ada.password));
    assert_false(lets_in(m, ada.name, "x"));
    assert_true(minted_principal(m, bytes_of(ada.name), &arena, &p));
    assert_bytes(p.user, "ada");
    assert_bytes(p.issuer, "https://idp.example");
    assert_bytes(p.on_behalf_of, "carol");
    assert_bytes(p.token_id, "jti-1");
    assert_bytes(p.claims, "{\"sub\":\"ada\"}");
    assert_int_equal(p.n_groups, 2);
    assert_bytes(p.groups[1], "staff");
    assert_int_equal(p.expires_us, ada.expires_us);
    arena_free(&arena);
    minted_free(m);
}

static void it_ends_with_the_first_of_what_bounds_it(void **state)
{
    (void)state;
    struct minted *m = make(3600, 8);
    struct minted_login login;
    struct principal p = person("ada");
    assert_int_equal(minted_mint(m, &p, 0, 0, &login), MINTED_GIVEN);
    assert_int_equal(login.expires_us, START_US + 3600LL * SECOND_US);
    assert_int_equal(minted_mint(m, &p, START_US + 60 * SECOND_US, 0, &login), MINTED_GIVEN);
    assert_int_equal(login.expires_us, START_US + 60 * SECOND_US);
    p.expires_us = START_US + 30 * SECOND_US;
    assert_int_equal(minted_mint(m, &p, START_US + 60 * SECOND_US, 0, &login), MINTED_GIVEN);
    assert_int_equal(login.expires_us, START_US + 30 * SECOND_US);
    p.expires_us = START_US;
    struct minted_login none;
    assert_int_equal(minted_mint(m, &p, 0, 0, &none), MINTED_OVER);
    assert_string_equal(none.name, "");
    assert_string_equal(none.password, "");

    struct arena arena;
    arena_init(&arena, 1024, 1 << 20);
    now_us = START_US + 30 * SECOND_US - 1;
    assert_true(lets_in(m, login.name, login.password));
    now_us++;
    assert_false(lets_in(m, login.name, login.password));
    assert_false(minted_principal(m, bytes_of(login.name), &arena, &p));
    assert_int_equal(minted_count(m), 2);
    arena_free(&arena);
    minted_free(m);
    m = make(0, 8);
    p = person("ada");
    assert_int_equal(minted_mint(m, &p, 0, 0, &none), MINTED_OFF);
    minted_free(m);
}

static void nobody_learns_which_names_there_are(void **state)
{
    (void)state;
    struct minted *m = make(60, 8);
    struct scram_verifier before, after, unknown, again, ended;
    struct minted_login login = mint(m, "ada", 0), other = mint(m, "ada", 0);
    minted_verifier(m, bytes_of("postern-aaaaaaaaaaaaaaaa"), &unknown);
    minted_verifier(m, bytes_of("postern-aaaaaaaaaaaaaaaa"), &again);
    assert_true(unknown.mock);
    assert_memory_equal(&unknown, &again, sizeof unknown);
    minted_verifier(m, bytes_of(login.name), &before);
    assert_false(before.mock);
    now_us += 60 * SECOND_US;
    minted_verifier(m, bytes_of(login.name), &after);
    minted_verifier(m, bytes_of(other.name), &ended);
    assert_true(after.mock && ended.mock);
    assert_int_equal(before.n_salt, after.n_salt);
    assert_memory_equal(before.salt, after.salt, before.n_salt); /* its end does not show */
    assert_memory_not_equal(after.salt, ended.salt, after.n_salt);
    assert_int_equal(unknown.n_salt, after.n_salt);
    assert_int_equal(unknown.iterations, before.iterations);
    /* Another gateway, or this one after a restart, has other mocks. */
    struct minted *next = make(60, 8);
    minted_verifier(next, bytes_of("postern-aaaaaaaaaaaaaaaa"), &again);
    assert_memory_not_equal(again.salt, unknown.salt, again.n_salt);
    assert_memory_not_equal(again.stored, unknown.stored, sizeof again.stored);
    minted_free(next);
    minted_free(m);
}

static void names_have_one_form(void **state)
{
    (void)state;
    assert_true(minted_is_name(bytes_of("postern-abcdefghijkl2345")));
    static const char *const none[] = { "",
                                        "postern-",
                                        "ada",
                                        "postern-abcdefghijkl234",
                                        "postern-abcdefghijkl23456",
                                        "postern-ABCDEFGHIJKL2345",
                                        "postern-abcdefghijkl1345",
                                        "postern_abcdefghijkl2345" };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(minted_is_name(bytes_of(none[i])));
}

static void there_are_ceilings(void **state)
{
    (void)state;
    struct minted *m = make(60, 2);
    struct minted_login login;
    mint(m, "ada", 0);
    now_us += 30 * SECOND_US;
    mint(m, "ada", 0);
    struct principal p = person("ada");
    assert_int_equal(minted_mint(m, &p, 0, 0, &login), MINTED_CROWDED);
    assert_string_equal(login.password, "");
    mint(m, "bob", 0);
    p.issuer = bytes_of("https://other.example"); /* somebody else of the same name */
    assert_int_equal(minted_mint(m, &p, 0, 0, &login), MINTED_GIVEN);
    now_us += 30 * SECOND_US; /* the first of ada's is over */
    mint(m, "ada", 0);
    minted_free(m);

    /* Of all: claims are what is large. */
    m = make(60, SIZE_MAX);
    static char large[200000];
    memset(large, 'x', sizeof large);
    p = person("ada");
    p.claims = bytes_make(large, sizeof large);
    size_t n = 0;
    while (minted_mint(m, &p, 0, 0, &login) == MINTED_GIVEN)
        n++;
    assert_in_range(n, 200, MINTED_MOST_BYTES / sizeof large);
    minted_free(m);
}

struct told {
    size_t n;
    char last[MINTED_NAME];
    struct minted *m;
};

static void on_ended(void *context, struct bytes name, const struct principal *principal)
{
    struct told *told = context;
    assert_bytes(principal->issuer, "https://idp.example");
    memcpy(told->last, name.p, name.n + 1);
    told->n++;
    minted_count(told->m); /* no lock is held */
}

static void what_is_ended_lets_nobody_in_and_is_told_of(void **state)
{
    (void)state;
    struct minted *m = make(60, 8);
    struct told told = { .m = m };
    struct principal ada = person("ada"), bob = person("bob");
    struct minted_login a = mint(m, "ada", 1), b = mint(m, "ada", 2), c = mint(m, "ada", 0),
                        d = mint(m, "bob", 1);
    struct minted_end end = { .name = bytes_of(d.name), .owner = &ada, .ended = on_ended, .context = &told };
    assert_int_equal(minted_end_all(m, &end), 0); /* bob's is none of ada's */
    assert_true(lets_in(m, d.name, d.password));
    end.name = bytes_of(a.name);
    assert_int_equal(minted_end_all(m, &end), 1);
    assert_string_equal(told.last, a.name);
    assert_int_equal(minted_end_all(m, &end), 0);
    assert_false(lets_in(m, a.name, a.password));
    assert_true(lets_in(m, b.name, b.password));
    end = (struct minted_end){ .owner = &ada, .sign_in = 2, .ended = on_ended, .context = &told };
    assert_int_equal(minted_end_all(m, &end), 1);
    assert_false(lets_in(m, b.name, b.password));
    end = (struct minted_end){ .owner = &ada };
    assert_int_equal(minted_end_all(m, &end), 1);
    assert_false(lets_in(m, c.name, c.password));
    assert_true(lets_in(m, d.name, d.password));
    end = (struct minted_end){ .owner = &bob };
    assert_int_equal(minted_end_all(m, &end), 1);
    assert_int_equal(told.n, 2);
    assert_int_equal(minted_count(m), 0);
    minted_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_login_is_for_whom_it_was_minted_and_its_password_alone_opens_it),
        cmocka_unit_test(it_ends_with_the_first_of_what_bounds_it),
        cmocka_unit_test(nobody_learns_which_names_there_are),
        cmocka_unit_test(names_have_one_form),
        cmocka_unit_test(there_are_ceilings),
        cmocka_unit_test(what_is_ended_lets_nobody_in_and_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
