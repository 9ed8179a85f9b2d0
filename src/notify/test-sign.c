#include "base/test.h"

#include "notify/sign.h"
#include <string.h>

/* Computed with Python's hmac, hashlib and base64. */
static const struct {
    const char *secret, *id;
    int64_t seconds;
    const char *body, *signature;
} vectors[] = {
    { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
      "{\"test\": 2432232314}", "v1,/485aUtxlie+TIScVpHggMfqOB4so2KWb7+Gf727B44=" },
    { "whsec_//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eDf3t3c29rZ2NfW1dTT0tHQz87NzMvKycjHxsXEw8LBwA==",
      "msg_1", 1763800000, "", "v1,yPPFKbzYDegdtQqHqExa5vtiLYCwasEU7Fxo7TlPXDo=" },
    { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "msg_ffffffffffffffffffffffffffffffff", 1795305600,
      "{\"type\":\"approval.asked\",\"data\":{\"message\":\"caf\xC3\xA9\"}}",
      "v1,HfmBz/OOJVZ4LWQYjsWXIIXFXYZ22Kefp5fUA90nQYc=" },
};

static void signatures_are_those_of_another_implementation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct secret key;
        struct buf out;
        buf_init(&out, 256);
        assert_true(sign_key_read(bytes_of(vectors[i].secret), &key));
        sign_message(secret_bytes(&key), vectors[i].id, vectors[i].seconds, bytes_of(vectors[i].body), &out);
        assert_bytes(buf_bytes(&out), vectors[i].signature);
        buf_free(&out);
        secret_free(&key);
    }
}

static void a_secret_that_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "whsec_",
        "hunter2",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRY=", /* 23 bytes */
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX!",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n",
        "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eDf3t3c29rZ2NfW1dTT0tHQz87NzMvKycjHxsXEw8LBwAA=" /* 65 */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct secret key;
        assert_false(sign_key_read(bytes_of(bad[i]), &key));
        assert_null(key.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_those_of_another_implementation),
        cmocka_unit_test(a_secret_that_is_no_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
