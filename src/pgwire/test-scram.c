#include "base/test.h"

#include "base/buf.h"
#include "pgwire/scram.h"
#include <stdio.h>

static const uint8_t our_nonce[SCRAM_NONCE_BYTES] = "0123456789abcdefgh";
static const uint8_t other_nonce[SCRAM_NONCE_BYTES] = "ABCDEFGHIJKLMNOPQR";
static const struct scram_binding certificate = { { 1, 2, 3, 4, 5, 6, 7, 8 }, 32 };

#define PLAIN_LIST       bytes_make("SCRAM-SHA-256\0", 15)
#define BOTH_LIST        bytes_make("SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0", 34)
#define PLAIN_FIRST_LIST bytes_make("GSSAPI\0SCRAM-SHA-256\0SCRAM-SHA-256-PLUS\0", 41)

static struct password_keys keys_of(const char *password, const uint8_t *salt, size_t n_salt,
                                    uint32_t iterations)
{
    struct password_stretch s;
    struct password_keys keys;
    assert_int_equal(password_stretch_begin(&s, bytes_of(password), bytes_make(salt, n_salt), iterations), 0);
    assert_int_equal(password_stretch_step(&s, iterations), 1);
    assert_int_equal(password_stretch_keys(&s, &keys), 0);
    password_stretch_end(&s);
    return keys;
}

static struct scram_verifier verifier_of(const char *password)
{
    struct scram_verifier v = { .salt = "sixteen bytes!!!", .n_salt = 16, .iterations = 50 };
    struct password_keys keys = keys_of(password, v.salt, v.n_salt, v.iterations);
    memcpy(v.stored, keys.stored, 32);
    memcpy(v.server, keys.server, 32);
    return v;
}

static enum scram_step prove(struct scram_client *c, const char *password)
{
    uint8_t proof[32], signature[32];
    struct password_keys keys = keys_of(password, c->salt, c->n_salt, c->iterations);
    assert_int_equal(password_prove(&keys, c->auth_message, proof, signature), 0);
    return scram_client_prove(c, proof, signature);
}

/* A whole dialogue between both machines; where it ended for the server and for the client. */
static void converse(const struct scram_binding *client_sees, const struct scram_binding *server_has,
                     struct bytes list, const char *client_password, const char *server_password, bool mock,
                     enum scram_step *server_out, enum scram_step *client_out, const char **header_out)
{
    static struct scram_client c;
    static struct scram_server s;
    struct scram_verifier v = verifier_of(server_password);
    v.mock = mock;
    *server_out = *client_out = SCRAM_REFUSED;
    scram_client_init(&c, our_nonce, client_sees, false);
    scram_server_init(&s, other_nonce, &v, server_has);
    if (!list.p) list = scram_server_mechanisms(&s);
    if (scram_client_begin(&c, list) != SCRAM_SEND) return;
    *header_out = c.header;
    if (scram_server_begin(&s, bytes_of(c.mechanism), c.out) != SCRAM_SEND) return;
    assert_int_equal(scram_client_challenge(&c, s.out), SCRAM_PROVE);
    assert_int_equal(prove(&c, client_password), SCRAM_SEND);
    *server_out = scram_server_finish(&s, c.out);
    if (*server_out != SCRAM_DONE) return;
    assert_false(scram_client_is_done(&c));
    *client_out = scram_client_finish(&c, s.out);
    assert_int_equal(scram_client_is_done(&c), *client_out == SCRAM_DONE);
}

static void both_sides_agree_with_the_right_password_and_only_with_it(void **state)
{
    (void)state;
    enum scram_step server, client;
    const char *header = "";
    converse(NULL, NULL, (struct bytes){ 0 }, "pencil", "pencil", false, &server, &client, &header);
    assert_int_equal(server, SCRAM_DONE);
    assert_int_equal(client, SCRAM_DONE);
    assert_string_equal(header, "n,,");
    converse(NULL, NULL, (struct bytes){ 0 }, "pencil", "Pencil", false, &server, &client, &header);
    assert_int_equal(server, SCRAM_REFUSED);
    converse(NULL, NULL, (struct bytes){ 0 }, "pencil", "pencil", true, &server, &client, &header);
    assert_int_equal(server, SCRAM_REFUSED);
}

static void plus_is_chosen_wherever_it_stands_in_the_list(void **state)
{
    (void)state;
    enum scram_step server, client;
    const char *header = "";
    struct bytes lists[] = { BOTH_LIST, PLAIN_FIRST_LIST, { 0 } };
    for (size_t i = 0; i < 3; i++) {
        converse(&certificate, &certificate, lists[i], "p", "p", false, &server, &client, &header);
        assert_int_equal(client, SCRAM_DONE);
        assert_string_equal(header, "p=tls-server-end-point,,");
    }
}

static void another_certificate_in_the_middle_is_found_out(void **state)
{
    (void)state;
    enum scram_step server, client;
    const char *header = "";
    struct scram_binding other = certificate;
    other.hash[0] ^= 1;
    converse(&other, &certificate, BOTH_LIST, "p", "p", false, &server, &client, &header);
    assert_int_equal(server, SCRAM_REFUSED);
    /* The list is cut on the way: the flag y betrays it. */
    converse(&certificate, &certificate, PLAIN_LIST, "p", "p", false, &server, &client, &header);
    assert_string_equal(header, "y,,");
    assert_int_equal(server, SCRAM_REFUSED);
    /* A server that really cannot bind accepts y. */
    converse(&certificate, NULL, PLAIN_LIST, "p", "p", false, &server, &client, &header);
    assert_int_equal(client, SCRAM_DONE);
}

static void a_mechanism_list_without_a_fitting_one_is_refused(void **state)
{
    (void)state;
    static struct scram_client c;
    struct bytes lists[] = {
        bytes_make("", 0),
        bytes_make("\0", 1),
        bytes_make("SCRAM-SHA-256", 13),
        bytes_make("SCRAM-SHA-256\0", 14),
        bytes_make("SCRAM-SHA-256-PLUS\0", 20),
        bytes_make("PLAIN\0", 7),
        bytes_make("\0SCRAM-SHA-256\0", 16),
        bytes_make("scram-sha-256\0", 15),
        bytes_make("SCRAM-SHA-256X\0", 16),
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        scram_client_init(&c, our_nonce, NULL, false);
        assert_int_equal(scram_client_begin(&c, lists[i]), SCRAM_REFUSED);
        assert_true(c.why[0] != 0);
    }
    scram_client_init(&c, our_nonce, &certificate, true);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_REFUSED);
    scram_client_init(&c, our_nonce, NULL, true);
    assert_int_equal(scram_client_begin(&c, BOTH_LIST), SCRAM_REFUSED);
}

#define N "MDEyMzQ1Njc4OWFiY2RlZmdo"

static void hostile_challenges_are_refused(void **state)
{
    (void)state;
    static struct scram_client c;
    static const char *const bad[] = {
        "",
        "r=",
        "r=" N,
        "r=" N ",s=c2FsdA==,i=4096", /* nothing of the server's own */
        "r=x" N ",s=c2FsdA==,i=4096",
        "r=" N "\x01,s=c2FsdA==,i=4096", /* another nonce; a control byte */
        "r=" N "\xC3\xA4,s=c2FsdA==,i=4096",
        "r=" N "abc,s=,i=4096", /* */
        "r=" N "abc,s=c2Fsd,i=4096",
        "r=" N "abc,s=c2FsdB==,i=4096", /* base64 */
        "r=" N "abc,s=c2FsdA==",
        "r=" N "abc,s=c2FsdA==,i=", /* */
        "r=" N "abc,s=c2FsdA==,i=0",
        "r=" N "abc,s=c2FsdA==,i=-1", /* */
        "r=" N "abc,s=c2FsdA==,i=1000001",
        "r=" N "abc,s=c2FsdA==,i=4294967297",
        "r=" N "abc,s=c2FsdA==,i=1e3",
        "r=" N "abc,s=c2FsdA==,i=04096",
        "r=" N "abc,s=c2FsdA==,i=4096,",
        "r=" N "abc,s=c2FsdA==,i=4096,m=x",
        "m=x,r=" N "abc,s=c2FsdA==,i=4096",
        "s=c2FsdA==,r=" N "abc,i=4096",
        "e=other-error",
        "v=AAAA",
        "r=" N "abc ,s=c2FsdA==,i=4096",
        "r=" N "abc,s=c2FsdA==,i= 4096",
        "r=" N "abc,s=c2FsdA==,i=99999999999999999999",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scram_client_init(&c, our_nonce, NULL, false);
        assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
        assert_bytes(c.out, "n,,n=,r=" N);
        if (scram_client_challenge(&c, bytes_of(bad[i])) != SCRAM_REFUSED) fail_msg("accepted: %s", bad[i]);
    }
    /* A NUL inside, a message and a salt above the ceiling. */
    scram_client_init(&c, our_nonce, NULL, false);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
    static const char nul[] = "r=" N "abc,s=c2FsdA==,i=4096\0";
    assert_int_equal(scram_client_challenge(&c, bytes_make(nul, sizeof nul - 1)), SCRAM_REFUSED);
    static char big[SCRAM_MESSAGE_MOST + 100];
    for (size_t n = 300; n <= 2100; n += 300) {
        int at = snprintf(big, sizeof big, "r=" N "abc,s=");
        memset(big + at, 'A', n);
        snprintf(big + at + n, sizeof big - (size_t)at - n, ",i=10");
        scram_client_init(&c, our_nonce, NULL, false);
        assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
        assert_int_equal(scram_client_challenge(&c, bytes_of(big)), n <= 340 ? SCRAM_PROVE : SCRAM_REFUSED);
    }
}

static void a_wrong_server_signature_is_refused(void **state)
{
    (void)state;
    static struct scram_client c;
    static const char *const bad[] = {
        "",
        "v=",
        "v=AAAA",
        "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "e=",
        "e=invalid-proof",
        "x=1",
        "e=\n\x1b[31mboom",
        "v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,x=1",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        scram_client_init(&c, our_nonce, NULL, false);
        assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
        assert_int_equal(scram_client_challenge(&c, bytes_of("r=" N "abc,s=c2FsdA==,i=10")), SCRAM_PROVE);
        assert_int_equal(prove(&c, "pencil"), SCRAM_SEND);
        assert_int_equal(scram_client_finish(&c, bytes_of(bad[i])), SCRAM_REFUSED);
        for (const char *p = c.why; *p; p++)
            assert_true(*p >= 0x20 && *p < 0x7f);
        assert_false(scram_client_is_done(&c));
    }
}

static void messages_out_of_turn_end_the_dialogue(void **state)
{
    (void)state;
    static struct scram_client c;
    uint8_t zero[32] = { 0 };
    scram_client_init(&c, our_nonce, NULL, false);
    assert_int_equal(scram_client_finish(&c, bytes_of("v=AAAA")), SCRAM_REFUSED);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_REFUSED);
    scram_client_init(&c, our_nonce, NULL, false);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_REFUSED);
    scram_client_init(&c, our_nonce, NULL, false);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
    assert_int_equal(scram_client_prove(&c, zero, zero), SCRAM_REFUSED);
    assert_int_equal(scram_client_challenge(&c, bytes_of("r=" N "abc,s=c2FsdA==,i=10")), SCRAM_REFUSED);
    scram_client_init(&c, our_nonce, NULL, false);
    assert_int_equal(scram_client_begin(&c, PLAIN_LIST), SCRAM_SEND);
    assert_int_equal(scram_client_challenge(&c, bytes_of("r=" N "abc,s=c2FsdA==,i=10")), SCRAM_PROVE);
    /* The signature before the proof. */
    assert_int_equal(scram_client_finish(&c, bytes_of("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
                     SCRAM_REFUSED);
}

static void hostile_clients_are_refused(void **state)
{
    (void)state;
    static struct scram_server s;
    struct scram_verifier v = verifier_of("p");
    static const char *const firsts[] = {
        "",
        "n",
        "n,,",
        "n,,n=,r=",
        "n,a=admin,n=,r=abc",
        "p=tls-unique,,n=,r=abc",
        "n,,m=x,n=,r=abc",
        "n,,n=,r=a\xC3\xA4",
        "n,,r=abc,n=",
        "n,,n=,r=abc,x=1",
        "p=tls-server-end-point,,n=,r=abc",
        "x,,n=,r=abc",
    };
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        scram_server_init(&s, other_nonce, &v, NULL);
        assert_int_equal(scram_server_begin(&s, bytes_of("SCRAM-SHA-256"), bytes_of(firsts[i])),
                         SCRAM_REFUSED);
    }
    scram_server_init(&s, other_nonce, &v, NULL);
    assert_int_equal(scram_server_begin(&s, bytes_of("SCRAM-SHA-256-PLUS"), bytes_of("n,,n=,r=abc")),
                     SCRAM_REFUSED);
    static char long_nonce[2000];
    int at = snprintf(long_nonce, sizeof long_nonce, "n,,n=,r=");
    memset(long_nonce + at, 'x', sizeof long_nonce - (size_t)at - 1);
    scram_server_init(&s, other_nonce, &v, NULL);
    assert_int_equal(scram_server_begin(&s, bytes_of("SCRAM-SHA-256"), bytes_of(long_nonce)), SCRAM_REFUSED);
    static const char *const finals[] = {
        "",
        "c=biws",
        "c=biws,r=abcQUJDREVGR0hJSktMTU5PUFFS",
        "c=biws,r=abcQUJDREVGR0hJSktMTU5PUFFS,p=",
        "c=biws,r=abcQUJDREVGR0hJSktMTU5PUFFS,p=AAAA",
        "c=eSws,r=abcQUJDREVGR0hJSktMTU5PUFFS,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c=biws,r=abc,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "c=biws,r=abcQUJDREVGR0hJSktMTU5PUFFS,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    };
    for (size_t i = 0; i < sizeof finals / sizeof *finals; i++) {
        scram_server_init(&s, other_nonce, &v, NULL);
        assert_int_equal(scram_server_begin(&s, bytes_of("SCRAM-SHA-256"), bytes_of("n,,n=,r=abc")),
                         SCRAM_SEND);
        assert_int_equal(scram_server_finish(&s, bytes_of(finals[i])), SCRAM_REFUSED);
    }
}

static void a_verifier_round_trips_in_postgresql_s_form(void **state)
{
    (void)state;
    struct scram_verifier v = verifier_of("p"), back;
    struct buf b;
    buf_init(&b, 1000);
    scram_verifier_format(&v, &b);
    assert_true(scram_verifier_parse(buf_bytes(&b), &back));
    assert_memory_equal(&v, &back, sizeof v);
    static const char *const bad[] = { "", "md5abc",
                                       "SCRAM-SHA-256$0:AA==$AA==:AA==", "SCRAM-SHA-256$4096:c2FsdA==$x:y" };
    for (size_t i = 0; i < 4; i++)
        assert_false(scram_verifier_parse(bytes_of(bad[i]), &back));
    assert_false(scram_verifier_parse(bytes_slice(buf_bytes(&b), 0, buf_length(&b) - 1), &back));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree_with_the_right_password_and_only_with_it),
        cmocka_unit_test(plus_is_chosen_wherever_it_stands_in_the_list),
        cmocka_unit_test(another_certificate_in_the_middle_is_found_out),
        cmocka_unit_test(a_mechanism_list_without_a_fitting_one_is_refused),
        cmocka_unit_test(hostile_challenges_are_refused),
        cmocka_unit_test(a_wrong_server_signature_is_refused),
        cmocka_unit_test(messages_out_of_turn_end_the_dialogue),
        cmocka_unit_test(hostile_clients_are_refused),
        cmocka_unit_test(a_verifier_round_trips_in_postgresql_s_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
