/* Two requests: ISSUER/.well-known/openid-configuration, then the jwks_uri that it names. Both anew each
 * time, since a provider may move its keys. */
#include "identity/discovery.h"
#include "http/client.h"
#include "json/read.h"
#include <stdio.h>

enum { MAX_DOCUMENT_BYTES = 256 * 1024 };

bool discovery_read(struct bytes document, struct bytes issuer, struct arena *arena,
                    struct bytes *jwks_uri_out, const char **why_out)
{
    json_t *object;
    struct bytes text;
    *why_out = "the discovery document is not a strict JSON object";
    if (json_read_object(document, MAX_DOCUMENT_BYTES, 16, &object) != JSON_READ) return false;
    bool good = false;
    if (json_member_text(object, "issuer", &text) != JSON_MEMBER_FOUND || !bytes_equal(text, issuer)) {
        *why_out = "the discovery document is that of another issuer";
    } else if (json_member_text(object, "jwks_uri", &text) != JSON_MEMBER_FOUND ||
               http_url_kind(text) == HTTP_URL_REFUSED ||
               (http_url_kind(issuer) == HTTP_URL_HTTPS && http_url_kind(text) != HTTP_URL_HTTPS)) {
        *why_out = "jwks_uri is missing, or not a URL that may be fetched";
    } else {
        *jwks_uri_out = arena_copy(arena, text);
        good = jwks_uri_out->p != NULL;
        *why_out = good ? NULL : "no memory";
    }
    json_decref(object);
    return good;
}

static bool get(struct bytes url, int64_t deadline_ms, const atomic_bool *cancel, struct buf *body,
                struct discovery_result *result)
{
    struct http_answered answer;
    struct http_get request = { .url = url, .deadline_ms = deadline_ms, .cancel = cancel };
    enum http_outcome outcome = http_get(&request, body, &answer);
    result->max_age_s = answer.max_age_s;
    if (outcome == HTTP_ANSWERED && answer.status == 200) return true;
    if (outcome == HTTP_ANSWERED) snprintf(answer.why, sizeof answer.why, "status %ld", answer.status);
    snprintf(result->why, sizeof result->why, "%s (%.*s)", answer.why, (int)(url.n < 80 ? url.n : 80),
             (const char *)url.p);
    return false;
}

static bool fetch_keys(struct bytes jwks_uri, int64_t deadline_ms, const atomic_bool *cancel,
                       struct buf *body, struct discovery_result *result)
{
    const char *why = NULL;
    if (!get(jwks_uri, deadline_ms, cancel, body, result)) return false;
    switch (jose_key_set_parse(buf_bytes(body), &result->set)) {
    case JOSE_KEYS_MALFORMED: why = "the keys are not a JWK set"; break;
    case JOSE_KEYS_TOO_LONG: why = "the JWK set is too long"; break;
    case JOSE_KEYS_TOO_MANY: why = "the JWK set has too many keys"; break;
    case JOSE_KEYS_READ:
        if (result->set->n == 0) why = "the JWK set has no key that may verify signatures";
    }
    if (!why) return true;
    jose_key_set_free(result->set);
    result->set = NULL;
    snprintf(result->why, sizeof result->why, "%s", why);
    return false;
}

bool discovery_fetch(struct bytes issuer, int64_t deadline_ms, const atomic_bool *cancel,
                     struct discovery_result *result_out)
{
    const char *why;
    struct bytes jwks_uri;
    struct arena arena;
    struct buf body;
    *result_out = (struct discovery_result){ .max_age_s = -1 };
    arena_init(&arena, 8192, 64 * 1024);
    buf_init(&body, MAX_DOCUMENT_BYTES);
    struct bytes base = issuer;
    if (base.n && base.p[base.n - 1] == '/') base.n--;
    struct bytes url = arena_printf(&arena, "%.*s/.well-known/openid-configuration", BYTES_FMT(base));
    bool good = url.p && get(url, deadline_ms, cancel, &body, result_out);
    if (good && !discovery_read(buf_bytes(&body), issuer, &arena, &jwks_uri, &why)) {
        snprintf(result_out->why, sizeof result_out->why, "%s", why);
        good = false;
    }
    buf_consume(&body, buf_length(&body));
    good = good && fetch_keys(jwks_uri, deadline_ms, cancel, &body, result_out);
    buf_free(&body);
    arena_free(&arena);
    return good;
}
