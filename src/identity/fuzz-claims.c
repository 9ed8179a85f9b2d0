/* Claims that are accepted keep every promise, checked anew from the text by other means: the issuer is the
 * one, the audience is named, the token has not expired, and the user and groups stand in it. Reading them
 * twice gives the same; one second past exp and leeway they are refused. */
#include "identity/claims.h"
#include "json/read.h"

enum { NOW_S = 1000000, LEEWAY_S = 30 };

static bool holds_text(const json_t *value, struct bytes text)
{
    if (json_is_string(value))
        return bytes_equal(bytes_make(json_string_value(value), json_string_length(value)), text);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (holds_text(json_array_get(value, i), text)) return true;
    return false;
}

static void verified_is_sound(const json_t *claims, const struct identity_issuer_options *rules,
                              const struct principal *p)
{
    CHECK(holds_text(json_object_get(claims, "iss"), rules->issuer) &&
          json_is_string(json_object_get(claims, "iss")));
    CHECK(holds_text(json_object_get(claims, "aud"), rules->audience));
    CHECK(json_number_value(json_object_get(claims, "exp")) > NOW_S - LEEWAY_S - 0.001);
    CHECK(p->expires_us > (NOW_S - LEEWAY_S) * 1000000LL);
    CHECK(p->user.n && bytes_is_utf8(p->user) && holds_text(claims_find(claims, rules->user_claim), p->user));
    for (size_t i = 0; i < p->n_groups; i++)
        CHECK(p->groups[i].n && holds_text(claims_find(claims, rules->groups_claim), p->groups[i]));
    CHECK(!p->actor.n || p->on_behalf_of.n || !json_object_get(claims, "sub"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct identity_issuer_options rules = {
        .issuer = BYTES_LITERAL("i"),
        .audience = BYTES_LITERAL("a"),
        .user_claim = BYTES_LITERAL("sub"),
        .groups_claim = BYTES_LITERAL("r.g"),
        .machine_claim = BYTES_LITERAL("m"),
        .machine_value = BYTES_LITERAL("1"),
        .leeway_s = LEEWAY_S,
    };
    json_t *claims;
    struct arena arena;
    struct principal first, again;
    enum identity_refusal refusal;
    const char *why;
    if (json_read_object(bytes_make(data, n), 65536, CLAIMS_MAX_DEPTH, &claims) != JSON_READ) return 0;
    arena_init(&arena, 4096, 4 << 20);
    if (claims_judge(claims, &rules, NOW_S * 1000000LL, &arena, &first, &refusal, &why)) {
        verified_is_sound(claims, &rules, &first);
        CHECK(claims_judge(claims, &rules, NOW_S * 1000000LL, &arena, &again, &refusal, &why));
        CHECK(bytes_equal(first.user, again.user) && first.n_groups == again.n_groups);
        CHECK(!claims_judge(claims, &rules, first.expires_us + (LEEWAY_S + 1) * 1000000LL, &arena, &again,
                            &refusal, &why));
        CHECK(refusal == IDENTITY_EXPIRED);
    }
    arena_free(&arena);
    json_decref(claims);
    return 0;
}
