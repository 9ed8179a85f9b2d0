/* Forms go out, JSON comes back. Providers' answers are read strictly, with ceilings; an endpoint of an https
 * issuer must be https. */
#include "identity/oauth.h"
#include "base/codec.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "http/client.h"
#include "json/read.h"
#include <stdio.h>

enum { MAX_DOCUMENT = 256 * 1024, MAX_ANSWER = 256 * 1024, MAX_FORM = 64 * 1024 };

void oauth_random(char out[44])
{
    uint8_t raw[32];
    struct buf text;
    random_bytes(raw, sizeof raw);
    buf_init(&text, 64);
    codec_base64(CODEC_BASE64URL, bytes_make(raw, sizeof raw), &text);
    CHECK(buf_length(&text) == 43);
    memcpy(out, buf_bytes(&text).p, 43);
    out[43] = 0;
    buf_wipe(&text);
    buf_free(&text);
}

/* ---- discovery */

static bool endpoint(json_t *object, const char *name, struct bytes issuer, struct arena *arena,
                     struct bytes *out)
{
    struct bytes text;
    *out = (struct bytes){ 0 };
    switch (json_member_text(object, name, &text)) {
    case JSON_MEMBER_ABSENT: return true;
    case JSON_MEMBER_WRONG_TYPE: return false;
    case JSON_MEMBER_FOUND: break;
    }
    enum http_url_kind kind = http_url_kind(text);
    if (kind == HTTP_URL_REFUSED) return false;
    if (http_url_kind(issuer) == HTTP_URL_HTTPS && kind != HTTP_URL_HTTPS) return false;
    *out = arena_copy(arena, text);
    return out->p != NULL;
}

static bool lists(json_t *object, const char *name, const char *wanted)
{
    const json_t *list = json_object_get(object, name);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));
        if (one && strcmp(one, wanted) == 0) return true;
    }
    return false;
}

bool oauth_endpoints_read(struct bytes document, struct bytes issuer, struct arena *arena,
                          struct oauth_endpoints *out, const char **why_out)
{
    json_t *object;
    struct bytes text;
    *out = (struct oauth_endpoints){ 0 };
    *why_out = "the discovery document is not a strict JSON object";
    if (json_read_object(document, MAX_DOCUMENT, 16, &object) != JSON_READ) return false;
    bool good = false;
    if (json_member_text(object, "issuer", &text) != JSON_MEMBER_FOUND || !bytes_equal(text, issuer)) {
        *why_out = "the discovery document is that of another issuer";
    } else if (!endpoint(object, "authorization_endpoint", issuer, arena, &out->authorization) ||
               !endpoint(object, "token_endpoint", issuer, arena, &out->token) ||
               !endpoint(object, "device_authorization_endpoint", issuer, arena, &out->device) ||
               !endpoint(object, "end_session_endpoint", issuer, arena, &out->end_session)) {
        *why_out = "an endpoint is not a URL that may be used";
    } else if (!out->token.n) {
        *why_out = "the provider has no token endpoint";
    } else {
        good = true;
        *why_out = NULL;
    }
    static const char methods[] = "token_endpoint_auth_methods_supported";
    out->secret_in_form =
        lists(object, methods, "client_secret_post") && !lists(object, methods, "client_secret_basic");
    out->names_itself =
        json_is_true(json_object_get(object, "authorization_response_iss_parameter_supported"));
    json_decref(object);
    return good;
}

bool oauth_discover(struct bytes issuer, int64_t deadline_ms, struct arena *arena,
                    struct oauth_endpoints *out, const char **why_out)
{
    struct buf body;
    struct http_answered answer;
    struct bytes base = issuer;
    *out = (struct oauth_endpoints){ 0 };
    *why_out = "there is no memory";
    if (base.n && base.p[base.n - 1] == '/') base.n--;
    struct http_get get = { .url =
                                arena_printf(arena, "%.*s/.well-known/openid-configuration", BYTES_FMT(base)),
                            .deadline_ms = deadline_ms };
    if (!get.url.p) return false;
    buf_init(&body, MAX_DOCUMENT);
    bool good = http_get(&get, &body, &answer) == HTTP_ANSWERED && answer.status == 200;
    if (good)
        good = oauth_endpoints_read(buf_bytes(&body), issuer, arena, out, why_out);
    else {
        struct bytes why = arena_copy(arena, answer.why[0] ? bytes_of(answer.why)
                                                           : BYTES_LITERAL("it answers with an error"));
        *why_out = why.p ? (const char *)why.p : "the provider cannot be reached";
    }
    buf_free(&body);
    return good;
}

/* ---- URLs */

static void url_begin(struct buf *out, struct bytes endpoint)
{
    buf_append(out, endpoint);
    buf_append_text(out, endpoint.n && memchr(endpoint.p, '?', endpoint.n) ? "&" : "?");
}

static void url_add(struct buf *out, const char *name, struct bytes value)
{
    uint8_t last = buf_bytes(out).p[buf_length(out) - 1];
    if (last != '?' && last != '&') buf_put_u8(out, '&');
    buf_printf(out, "%s=", name);
    http_escape(out, value);
}

static void add_challenge(struct buf *out, struct bytes verifier)
{
    uint8_t digest[SHA256_SIZE];
    struct buf text;
    buf_init(&text, 64);
    sha256_once(verifier, digest);
    codec_base64(CODEC_BASE64URL, bytes_make(digest, sizeof digest), &text);
    url_add(out, "code_challenge", buf_bytes(&text));
    url_add(out, "code_challenge_method", BYTES_LITERAL("S256"));
    buf_free(&text);
}

void oauth_authorize_url(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                         struct bytes redirect, struct bytes state, struct bytes nonce, struct bytes verifier,
                         struct buf *out)
{
    url_begin(out, endpoints->authorization);
    url_add(out, "response_type", BYTES_LITERAL("code"));
    url_add(out, "client_id", client->id);
    url_add(out, "redirect_uri", redirect);
    url_add(out, "scope", client->scopes);
    url_add(out, "state", state);
    url_add(out, "nonce", nonce);
    if (client->resource.n) url_add(out, "resource", client->resource);
    add_challenge(out, verifier);
}

void oauth_sign_out_url(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                        struct bytes id_token, struct bytes back, struct buf *out)
{
    if (!endpoints->end_session.n) return;
    url_begin(out, endpoints->end_session);
    url_add(out, "client_id", client->id);
    if (id_token.n) url_add(out, "id_token_hint", id_token);
    url_add(out, "post_logout_redirect_uri", back);
}

/* ---- asking */

/* RFC 6749, 2.3.1: both are escaped as in a form before they are joined. */
static void authorize(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                      struct buf *form, struct buf *header)
{
    struct buf pair;
    if (!client->secret.n || endpoints->secret_in_form) {
        http_form_add(form, "client_id", client->id);
        if (client->secret.n) http_form_add(form, "client_secret", client->secret);
        return;
    }
    buf_init(&pair, 32 * 1024);
    http_escape(&pair, client->id);
    buf_put_u8(&pair, ':');
    http_escape(&pair, client->secret);
    buf_append_text(header, "Basic ");
    codec_base64(CODEC_BASE64, buf_bytes(&pair), header);
    if (pair.failed) header->failed = true;
    if (pair.data) secret_wipe(pair.data, pair.size);
    buf_free(&pair);
}

static enum oauth_outcome failed(struct arena *arena, const char *why, struct bytes *error_out)
{
    *error_out = arena_copy(arena, bytes_of(why));
    return OAUTH_FAILED;
}

/* Posts the form; GRANTED: *object_out is the answer, freed by the caller. */
static enum oauth_outcome ask(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                              struct bytes url, struct buf *form, int64_t deadline_ms, struct arena *arena,
                              json_t **object_out, struct bytes *error_out)
{
    struct buf header, body;
    struct http_answered answer;
    struct bytes code;
    *object_out = NULL;
    *error_out = (struct bytes){ 0 };
    buf_init(&header, MAX_FORM);
    buf_init(&body, MAX_ANSWER);
    authorize(client, endpoints, form, &header);
    enum oauth_outcome outcome = OAUTH_FAILED;
    struct http_get post = {
        .url = url, .deadline_ms = deadline_ms, .form = buf_bytes(form), .authorization = buf_bytes(&header)
    };
    if (form->failed || header.failed)
        failed(arena, "there is no memory", error_out);
    else if (http_get(&post, &body, &answer) != HTTP_ANSWERED)
        failed(arena, answer.why, error_out);
    else if (json_read_object(buf_bytes(&body), MAX_ANSWER, 16, object_out) != JSON_READ)
        failed(arena, "the provider's answer is no JSON object", error_out);
    else if (json_member_text(*object_out, "error", &code) == JSON_MEMBER_FOUND) {
        *error_out = arena_copy(arena, bytes_slice(code, 0, 100));
        outcome = OAUTH_REFUSED;
    } else if (answer.status != 200)
        failed(arena, "the provider answers with an error", error_out);
    else
        outcome = OAUTH_GRANTED;
    if (outcome != OAUTH_GRANTED) {
        json_decref(*object_out);
        *object_out = NULL;
    }
    if (header.data) secret_wipe(header.data, header.size);
    if (body.data) secret_wipe(body.data, body.size);
    if (form->data) secret_wipe(form->data, form->size);
    buf_free(&header);
    buf_free(&body);
    buf_free(form);
    return outcome;
}

static struct bytes member(json_t *object, const char *name, struct arena *arena)
{
    struct bytes text;
    if (json_member_text(object, name, &text) != JSON_MEMBER_FOUND) return (struct bytes){ 0 };
    return arena_copy(arena, text);
}

static int64_t number(json_t *object, const char *name, int64_t fallback)
{
    const json_t *value = json_object_get(object, name);
    return json_is_integer(value) ? json_integer_value(value) : fallback;
}

static enum oauth_outcome redeem(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                                 struct buf *form, int64_t deadline_ms, struct arena *arena,
                                 struct oauth_tokens *out, struct bytes *error_out)
{
    json_t *object;
    *out = (struct oauth_tokens){ 0 };
    if (client->resource.n) http_form_add(form, "resource", client->resource);
    enum oauth_outcome outcome =
        ask(client, endpoints, endpoints->token, form, deadline_ms, arena, &object, error_out);
    if (outcome != OAUTH_GRANTED) return outcome;
    *out = (struct oauth_tokens){ .access = member(object, "access_token", arena),
                                  .id = member(object, "id_token", arena),
                                  .refresh = member(object, "refresh_token", arena),
                                  .expires_s = number(object, "expires_in", 0) };
    json_decref(object);
    return OAUTH_GRANTED;
}

enum oauth_outcome oauth_redeem_code(const struct oauth_client *client,
                                     const struct oauth_endpoints *endpoints, struct bytes code,
                                     struct bytes redirect, struct bytes verifier, int64_t deadline_ms,
                                     struct arena *arena, struct oauth_tokens *tokens_out,
                                     struct bytes *error_out)
{
    struct buf form;
    buf_init(&form, MAX_FORM);
    http_form_add(&form, "grant_type", BYTES_LITERAL("authorization_code"));
    http_form_add(&form, "code", code);
    http_form_add(&form, "redirect_uri", redirect);
    http_form_add(&form, "code_verifier", verifier);
    return redeem(client, endpoints, &form, deadline_ms, arena, tokens_out, error_out);
}

enum oauth_outcome oauth_device_begin(const struct oauth_client *client,
                                      const struct oauth_endpoints *endpoints, int64_t deadline_ms,
                                      struct arena *arena, struct oauth_device *out, struct bytes *error_out)
{
    struct buf form;
    json_t *object;
    *out = (struct oauth_device){ 0 };
    if (!endpoints->device.n) return failed(arena, "the provider has no device flow", error_out);
    buf_init(&form, MAX_FORM);
    http_form_add(&form, "scope", client->scopes);
    if (client->resource.n) http_form_add(&form, "resource", client->resource);
    enum oauth_outcome outcome =
        ask(client, endpoints, endpoints->device, &form, deadline_ms, arena, &object, error_out);
    if (outcome != OAUTH_GRANTED) return outcome;
    *out = (struct oauth_device){ .device_code = member(object, "device_code", arena),
                                  .user_code = member(object, "user_code", arena),
                                  .uri = member(object, "verification_uri", arena),
                                  .uri_complete = member(object, "verification_uri_complete", arena),
                                  .expires_s = number(object, "expires_in", 600),
                                  .interval_s = number(object, "interval", 5) };
    json_decref(object);
    if (out->interval_s < 1) out->interval_s = 1;
    if (out->interval_s > 60) out->interval_s = 60;
    if (!out->device_code.n || !out->user_code.n || !out->uri.n)
        return failed(arena, "the provider's answer lacks a code", error_out);
    return OAUTH_GRANTED;
}

enum oauth_outcome oauth_device_redeem(const struct oauth_client *client,
                                       const struct oauth_endpoints *endpoints, struct bytes device_code,
                                       int64_t deadline_ms, struct arena *arena,
                                       struct oauth_tokens *tokens_out, struct bytes *error_out)
{
    struct buf form;
    buf_init(&form, MAX_FORM);
    http_form_add(&form, "grant_type", BYTES_LITERAL("urn:ietf:params:oauth:grant-type:device_code"));
    http_form_add(&form, "device_code", device_code);
    return redeem(client, endpoints, &form, deadline_ms, arena, tokens_out, error_out);
}

enum oauth_outcome oauth_refresh(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                                 struct bytes refresh, int64_t deadline_ms, struct arena *arena,
                                 struct oauth_tokens *tokens_out, struct bytes *error_out)
{
    struct buf form;
    buf_init(&form, MAX_FORM);
    http_form_add(&form, "grant_type", BYTES_LITERAL("refresh_token"));
    http_form_add(&form, "refresh_token", refresh);
    http_form_add(&form, "scope", client->scopes);
    return redeem(client, endpoints, &form, deadline_ms, arena, tokens_out, error_out);
}
