/* The claims, one rule after another; the first that is not met refuses. Sources: OpenID Connect Core 1.0, 2
 * and 3.1.3.7; RFC 7519, 4.1; RFC 9068, 2.2; RFC 8693, 4.1 (act). doc/identity.md tells users the same. */
#include "identity/claims.h"
#include <math.h>
#include <stdio.h>

struct judgement {
    const json_t *claims;
    const struct identity_issuer_options *rules;
    int64_t now_us;
    struct arena *arena;
    struct principal principal;
    enum identity_refusal refusal;
    const char *why;
};

static bool refuse(struct judgement *j, enum identity_refusal refusal, const char *why)
{
    j->refusal = refusal;
    j->why = why;
    return false;
}

static const json_t *member(const json_t *object, struct bytes name)
{
    char text[256];
    if (name.n == 0 || name.n >= sizeof text || memchr(name.p, 0, name.n)) return NULL;
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    return json_object_get(object, text);
}

const json_t *claims_find(const json_t *claims, struct bytes name)
{
    const json_t *whole = member(claims, name), *at = claims;
    if (whole) return whole;
    for (;;) {
        const uint8_t *dot = name.n ? memchr(name.p, '.', name.n) : NULL;
        size_t n = dot ? (size_t)(dot - name.p) : name.n;
        at = member(at, bytes_slice(name, 0, n));
        if (!at || !dot) return at;
        name = bytes_slice(name, n + 1, name.n);
    }
}

static struct bytes text_of(const json_t *string)
{
    return bytes_make(json_string_value(string), json_string_length(string));
}

/* A name that people read in policies and records: neither empty nor long, and without control characters. */
static bool name_is_fit(struct bytes name)
{
    if (name.n == 0 || name.n > CLAIMS_MAX_NAME_BYTES) return false;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] < 0x20 || name.p[i] == 0x7F) return false;
        if (name.p[i] == 0xC2 && i + 1 < name.n && name.p[i + 1] < 0xA0) return false; /* C1 */
    }
    return true;
}

static bool keep(struct judgement *j, struct bytes text, struct bytes *out)
{
    *out = arena_copy(j->arena, text);
    return out->p || refuse(j, IDENTITY_CLAIMS, "the claims need more memory than there is");
}

bool claims_are_for(const json_t *claims, struct bytes audience)
{
    const json_t *aud = json_object_get(claims, "aud");
    if (json_is_string(aud)) return bytes_equal(text_of(aud), audience);
    size_t n = json_array_size(aud);
    if (n > CLAIMS_MAX_AUDIENCES) return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(aud, i);
        if (json_is_string(one) && bytes_equal(text_of(one), audience)) return true;
    }
    return false;
}

static bool judge_issuer_and_audience(struct judgement *j)
{
    const json_t *iss = json_object_get(j->claims, "iss"), *aud = json_object_get(j->claims, "aud");
    if (!json_is_string(iss) || !bytes_equal(text_of(iss), j->rules->issuer))
        return refuse(j, IDENTITY_ISSUER, "iss is another");
    if (!aud) return refuse(j, IDENTITY_AUDIENCE, "aud is missing");
    for (size_t i = 0; i < json_array_size(aud); i++)
        if (!json_is_string(json_array_get(aud, i)))
            return refuse(j, IDENTITY_CLAIMS, "aud holds something that is no string");
    if (!claims_are_for(j->claims, j->rules->audience))
        return refuse(j, IDENTITY_AUDIENCE, "aud does not hold the configured audience");
    /* With several audiences, who it was issued to must be known. It is not compared: for an access token it
     * is the client that asked, which is not the audience. */
    const json_t *azp = json_object_get(j->claims, "azp"), *client = json_object_get(j->claims, "client_id");
    if ((azp && !json_is_string(azp)) || (client && !json_is_string(client)))
        return refuse(j, IDENTITY_CLAIMS, "azp or client_id is no string");
    if (json_array_size(aud) > 1 && json_string_length(azp) == 0 && json_string_length(client) == 0)
        return refuse(j, IDENTITY_CLAIMS, "aud has several values, and neither azp nor client_id is there");
    return true;
}

/* NumericDate: seconds since 1970, possibly with a fraction (RFC 7519, section 2). */
enum date { DATE_WRONG = 0, DATE_ABSENT, DATE_FOUND };
static enum date date_read(const json_t *claims, const char *name, int64_t *us_out)
{
    const double last = 253402300800.0; /* the year 10000 */
    const json_t *date = json_object_get(claims, name);
    *us_out = 0;
    if (!date) return DATE_ABSENT;
    if (!json_is_number(date)) return DATE_WRONG;
    double seconds = json_number_value(date);
    if (!(seconds >= 0 && seconds < last)) return DATE_WRONG;
    *us_out = json_is_integer(date) ? json_integer_value(date) * 1000000 : (int64_t)(seconds * 1e6);
    return DATE_FOUND;
}

static bool judge_times(struct judgement *j)
{
    int64_t exp, nbf, iat, leeway = j->rules->leeway_s * 1000000;
    enum date has_nbf = date_read(j->claims, "nbf", &nbf), has_iat = date_read(j->claims, "iat", &iat);
    if (date_read(j->claims, "exp", &exp) != DATE_FOUND)
        return refuse(j, IDENTITY_CLAIMS, "exp is missing or no date");
    if (has_nbf == DATE_WRONG) return refuse(j, IDENTITY_CLAIMS, "nbf is no date");
    if (has_iat == DATE_WRONG) return refuse(j, IDENTITY_CLAIMS, "iat is no date");
    if (has_iat == DATE_FOUND && iat > exp) return refuse(j, IDENTITY_CLAIMS, "iat is later than exp");
    if (has_nbf == DATE_FOUND && nbf > exp) return refuse(j, IDENTITY_CLAIMS, "nbf is later than exp");
    if (j->now_us >= exp + leeway) return refuse(j, IDENTITY_EXPIRED, "exp is past");
    if (has_nbf == DATE_FOUND && nbf > j->now_us + leeway)
        return refuse(j, IDENTITY_NOT_YET, "nbf is to come");
    if (has_iat == DATE_FOUND && iat > j->now_us + leeway)
        return refuse(j, IDENTITY_NOT_YET, "iat is to come");
    j->principal.expires_us = exp;
    return true;
}

/* A claim that may be absent (true, *out empty), and must be a fit name where it is there. */
static bool optional_name(struct judgement *j, const json_t *claim, const char *why, struct bytes *out)
{
    if (!claim || json_is_null(claim)) return true;
    if (!json_is_string(claim) || !name_is_fit(text_of(claim))) return refuse(j, IDENTITY_CLAIMS, why);
    return keep(j, text_of(claim), out);
}

static bool judge_user(struct judgement *j)
{
    const json_t *user = claims_find(j->claims, j->rules->user_claim);
    if (!json_is_string(user) || !name_is_fit(text_of(user)))
        return refuse(j, IDENTITY_CLAIMS, "the user's claim is missing, or no name");
    /* An address that the provider has not seen proven could be anybody's. */
    if (bytes_is(j->rules->user_claim, "email")) {
        const json_t *verified = json_object_get(j->claims, "email_verified");
        bool good = !verified || json_is_true(verified) ||
                    (json_is_string(verified) && bytes_is(text_of(verified), "true"));
        if (!good) return refuse(j, IDENTITY_CLAIMS, "email_verified is not true");
    }
    return keep(j, text_of(user), &j->principal.user) &&
           optional_name(j, json_object_get(j->claims, "sub"), "sub is no name", &j->principal.subject) &&
           optional_name(j, json_object_get(j->claims, "jti"), "jti is no name", &j->principal.token_id) &&
           keep(j, j->rules->issuer, &j->principal.issuer);
}

/* Whether the provider says that the groups stand elsewhere (OpenID Connect Core, 5.6.2): a policy that names
 * a group would then not see it, so the token is refused rather than read as one without groups. */
static bool groups_are_elsewhere(const struct judgement *j)
{
    return member(json_object_get(j->claims, "_claim_names"), j->rules->groups_claim) != NULL;
}

static bool judge_groups(struct judgement *j)
{
    const json_t *groups = claims_find(j->claims, j->rules->groups_claim);
    if (groups_are_elsewhere(j))
        return refuse(j, IDENTITY_CLAIMS, "the groups are not in the token (overage)");
    if (!groups || json_is_null(groups)) return true;
    size_t n = json_is_string(groups) ? 1 : json_array_size(groups);
    if (!json_is_string(groups) && !json_is_array(groups))
        return refuse(j, IDENTITY_CLAIMS, "the groups' claim is neither an array nor a string");
    if (n > CLAIMS_MAX_GROUPS) return refuse(j, IDENTITY_CLAIMS, "more groups than a token may have");
    j->principal.groups = ARENA_ARRAY(j->arena, struct bytes, n ? n : 1);
    if (!j->principal.groups) return refuse(j, IDENTITY_CLAIMS, "the claims need more memory than there is");
    for (size_t i = 0; i < n; i++) {
        const json_t *group = json_is_string(groups) ? groups : json_array_get(groups, i);
        if (!json_is_string(group) || !name_is_fit(text_of(group)))
            return refuse(j, IDENTITY_CLAIMS, "a group is no name");
        if (!keep(j, text_of(group), &j->principal.groups[i])) return false;
        j->principal.n_groups++;
    }
    return true;
}

/* Whether one value is what machine_value says; an empty machine_value takes any that is neither false nor
 * null. */
static bool value_says_machine(const json_t *value, struct bytes wanted)
{
    char digits[24];
    if (!value || json_is_null(value)) return false;
    if (wanted.n == 0) return !json_is_false(value);
    if (json_is_boolean(value)) return bytes_is(wanted, json_is_true(value) ? "true" : "false");
    if (json_is_string(value)) return bytes_equal(text_of(value), wanted);
    if (!json_is_integer(value)) return false;
    snprintf(digits, sizeof digits, "%lld", (long long)json_integer_value(value));
    return bytes_is(wanted, digits);
}

static bool judge_machine(struct judgement *j)
{
    if (j->rules->machine_claim.n == 0) return true;
    const json_t *value = claims_find(j->claims, j->rules->machine_claim);
    if (!json_is_array(value)) {
        j->principal.machine = value_says_machine(value, j->rules->machine_value);
        return true;
    }
    for (size_t i = 0; i < json_array_size(value); i++)
        if (value_says_machine(json_array_get(value, i), j->rules->machine_value))
            j->principal.machine = true;
    return true;
}

/* RFC 8693, 4.1: `act.sub` acts for `sub`. An on_behalf_of claim, a name or an object with sub, says it
 * outright and goes first. */
static bool judge_delegation(struct judgement *j)
{
    const json_t *act = json_object_get(j->claims, "act"),
                 *behalf = json_object_get(j->claims, "on_behalf_of");
    if (act && !json_is_object(act)) return refuse(j, IDENTITY_CLAIMS, "act is no object");
    const json_t *actor = json_object_get(act, "sub");
    if (act && !actor) return refuse(j, IDENTITY_CLAIMS, "act names nobody");
    if (json_is_object(behalf)) {
        behalf = json_object_get(behalf, "sub");
        if (!behalf) return refuse(j, IDENTITY_CLAIMS, "on_behalf_of names nobody");
    }
    if (!behalf && actor) behalf = json_object_get(j->claims, "sub");
    return optional_name(j, actor, "act.sub is no name", &j->principal.actor) &&
           optional_name(j, behalf, "on_behalf_of is no name", &j->principal.on_behalf_of);
}

bool claims_judge(const json_t *claims, const struct identity_issuer_options *rules, int64_t now_us,
                  struct arena *arena, struct principal *principal_out, enum identity_refusal *refusal_out,
                  const char **why_out)
{
    static bool (*const steps[])(struct judgement *) = {
        judge_issuer_and_audience, judge_times, judge_user, judge_groups, judge_machine, judge_delegation,
    };
    struct judgement j = { .claims = claims, .rules = rules, .now_us = now_us, .arena = arena };
    *principal_out = (struct principal){ 0 };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (steps[i](&j)) continue;
        *refusal_out = j.refusal;
        *why_out = j.why;
        return false;
    }
    *principal_out = j.principal;
    return true;
}
