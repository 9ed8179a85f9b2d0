/* Who vouches for callers, and which people may look and decide. */
#include "app/config-shapes.h"
#include "policy/glob.h"

bool config_url_is_loopback(struct bytes url)
{
    static const char *const hosts[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };
    for (size_t i = 0; i < CONFIG_N(hosts); i++) {
        if (!bytes_starts_with(url, hosts[i])) continue;
        struct bytes rest = bytes_slice(url, strlen(hosts[i]), url.n);
        if (rest.n == 0 || rest.p[0] == ':' || rest.p[0] == '/') return true;
    }
    return false;
}

static void check_issuer(struct yaml_reader *reader, void *object)
{
    const struct config_issuer *issuer = object;
    bool https = bytes_starts_with(issuer->issuer, "https://") && issuer->issuer.n > 8;
    if (!https && !config_url_is_loopback(issuer->issuer) && !issuer->jwks.n)
        yaml_errors_add(
            reader->errors, yaml_place_of(issuer->at, "issuer"),
            "\"issuer\" begins with https:// (http:// only on loopback), or its keys are pinned with "
            "\"jwks\"");
    if (issuer->machine_value.n && !issuer->machine_claim.n)
        yaml_errors_add(reader->errors, yaml_place_of(issuer->at, "machine_value"),
                        "\"machine_value\" needs \"machine_claim\"");
    if (issuer->client_secret.source != YAML_SOURCE_NONE && !issuer->client_id.n)
        yaml_errors_add(reader->errors, yaml_place_of(issuer->at, "client_secret"),
                        "\"client_secret\" needs \"client_id\"");
    if (issuer->login_client_id.n && !issuer->client_id.n)
        yaml_errors_add(reader->errors, yaml_place_of(issuer->at, "login_client_id"),
                        "\"login_client_id\" needs \"client_id\"");
    if (issuer->client_secret.source == YAML_SOURCE_EXEC)
        yaml_errors_add(reader->errors, yaml_place_of(issuer->at, "client_secret"),
                        "\"client_secret\" comes from ${file:…} or ${env:…}");
}

static const struct yaml_field issuer_fields[] = {
    { "issuer", YAML_TEXT, YAML_AT(config_issuer, issuer),
      "The issuer's URL, exactly as it stands in its tokens.", .required = true,
      .example = "https://idp.example.com" },
    { "audience", YAML_TEXT, YAML_AT(config_issuer, audience), "What a token must be made for.",
      .required = true, .example = "postern" },
    { "jwks", YAML_PATH, YAML_AT(config_issuer, jwks),
      "A file with the issuer's keys, which pins them instead of discovery.", .example = "idp-keys.json" },
    { "user_claim", YAML_TEXT, YAML_AT(config_issuer, user_claim), "The claim that names the caller.",
      .fallback = "sub" },
    { "groups_claim", YAML_TEXT, YAML_AT(config_issuer, groups_claim),
      "The claim that lists the caller's groups.", .fallback = "groups" },
    { "machine_claim", YAML_TEXT, YAML_AT(config_issuer, machine_claim),
      "The claim that tells machines from people; without it every caller counts as a person.",
      .example = "gty" },
    { "machine_value", YAML_TEXT, YAML_AT(config_issuer, machine_value),
      "Its value for machines; without it any value says machine.", .example = "client-credentials" },
    { "client_id", YAML_TEXT, YAML_AT(config_issuer, client_id),
      "As whom the gateway asks this issuer to sign people in, in a browser or with postern login; without "
      "it "
      "nobody signs in with it there.",
      .example = "postern-web" },
    { "client_secret", YAML_SECRET, YAML_AT(config_issuer, client_secret),
      "That client's secret; without one it is a public client.", .example = "\"${file:client.secret}\"" },
    { "login_client_id", YAML_TEXT, YAML_AT(config_issuer, login_client_id),
      "As whom postern login asks, a public client with the device flow; without it as client_id, which then "
      "has no secret.",
      .example = "postern-cli" },
    { "scopes", YAML_TEXT, YAML_AT(config_issuer, scopes), "What is asked for when people sign in.",
      .fallback = "openid" },
    { "resource", YAML_TEXT, YAML_AT(config_issuer, resource),
      "What tokens are asked to be for (RFC 8707), where the issuer wants it said.",
      .example = "https://db.example.com" },
    { "leeway", YAML_DURATION, YAML_AT(config_issuer, leeway_us),
      "How far the clocks of issuer and gateway may differ.", .fallback = "30s", .max = 120000000 },
};
static const struct yaml_shape issuer_shape = { "an issuer",   sizeof(struct config_issuer),
                                                issuer_fields, CONFIG_N(issuer_fields),
                                                NULL,          check_issuer };

static const struct yaml_field minted_fields[] = {
    { "lifetime", YAML_DURATION, YAML_AT(config_minted, lifetime_us),
      "How long such a login lasts at most; 0s: none are minted.", .fallback = "1h", .max = 86400000000 },
    { "per_principal", YAML_NUMBER, YAML_AT(config_minted, per_principal),
      "How many of them one user may have at a time.", .fallback = "32", .min = 1, .max = 1000 },
};
static const struct yaml_shape minted_shape = {
    "identity.minted", sizeof(struct config_minted), minted_fields, CONFIG_N(minted_fields), NULL, NULL
};

static void check_identity(struct yaml_reader *reader, void *object)
{
    const struct config_identity *identity = object;
    for (size_t i = 0; i < identity->oidc.n; i++)
        for (size_t k = 0; k < i; k++)
            if (bytes_equal(identity->oidc.items[i].issuer, identity->oidc.items[k].issuer))
                yaml_errors_add(reader->errors, yaml_place_of(identity->oidc.items[i].at, "issuer"),
                                "this issuer is listed twice");
}

static const struct yaml_field identity_fields[] = {
    { "oidc", YAML_OBJECTS, YAML_AT(config_identity, oidc), "The issuers whose tokens are accepted.",
      .required = true, .shape = &issuer_shape },
    { "refresh", YAML_DURATION, YAML_AT(config_identity, refresh_us),
      "How often the issuers' keys are fetched again.", .fallback = "10m", .min = 10000000,
      .max = 86400000000 },
    { "minted", YAML_OBJECT, YAML_AT(config_identity, minted),
      "Short-lived logins that the gateway mints for clients which authenticate with SCRAM.",
      .shape = &minted_shape },
    { "saml", YAML_ABSENT, 0, CONFIG_UNSUPPORTED },
};
const struct yaml_shape config_identity_shape = {
    "identity",    sizeof(struct config_identity), identity_fields, CONFIG_N(identity_fields), NULL,
    check_identity
};

static void check_people(struct yaml_reader *reader, void *object)
{
    const struct config_people *people = object;
    if (people->at && !people->users.n && !people->groups.n)
        yaml_errors_add(reader->errors, people->at->place, "a role needs \"users\" or \"groups\"");
}

static const struct yaml_field people_fields[] = {
    { "users", YAML_TEXTS, YAML_AT(config_people, users), "These users.", .example = "[alice]" },
    { "groups", YAML_TEXTS, YAML_AT(config_people, groups), "The members of these groups.",
      .example = "[platform]" },
};
static const struct yaml_shape people_shape = { "a role",      sizeof(struct config_people),
                                                people_fields, CONFIG_N(people_fields),
                                                NULL,          check_people };

static const struct yaml_field roles_fields[] = {
    { "admin", YAML_OBJECT, YAML_AT(config_roles, admin),
      "Who may end others' sessions, and see lists of them.", .shape = &people_shape },
    { "auditor", YAML_OBJECT, YAML_AT(config_roles, auditor),
      "Who may look at the recordings of others; looking is recorded.", .shape = &people_shape },
    { "approver", YAML_OBJECT, YAML_AT(config_roles, approver), "Who may see what waits for approval.",
      .shape = &people_shape },
};
const struct yaml_shape config_roles_shape = { "roles",      sizeof(struct config_roles),
                                               roles_fields, CONFIG_N(roles_fields),
                                               NULL,         NULL };

static bool matches_one(const struct yaml_texts *patterns, struct bytes text)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (policy_glob(patterns->items[i], text)) return true;
    return false;
}

bool config_people_has(const struct config_people *people, const struct principal *principal)
{
    if (matches_one(&people->users, principal->user)) return true;
    for (size_t i = 0; i < principal->n_groups; i++)
        if (matches_one(&people->groups, principal->groups[i])) return true;
    return false;
}
