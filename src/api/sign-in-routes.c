/* /auth/sign-in, /auth/callback, /v1/sign-in, /v1/sign-out: the browser's way to a cookie and back. */
#include "api/authenticate.h"
#include "api/handlers.h"
#include "api/private.h"
#include "api/token.h"
#include "base/log.h"
#include "http/client.h"

enum { REDEEM_MS = 10000, URL_CEILING = 16384 };

static void write_issuer(struct json_writer *w, const struct api_issuer *issuer)
{
    struct buf start;
    buf_init(&start, URL_CEILING);
    buf_append_text(&start, "/auth/sign-in?issuer=");
    http_escape(&start, issuer->client.issuer);
    json_write_object(w);
    json_write_text_member(w, "issuer", issuer->client.issuer);
    json_write_text_member(w, "client_id", issuer->client.id);
    api_write_maybe(w, "login_client_id", issuer->login_client);
    json_write_text_member(w, "audience", issuer->audience);
    json_write_text_member(w, "scopes", issuer->client.scopes);
    if (issuer->client.resource.n) json_write_text_member(w, "resource", issuer->client.resource);
    json_write_text_member(w, "start", buf_bytes(&start));
    json_write_end(w);
    buf_free(&start);
}

void api_sign_in_list(struct api_call *call)
{
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_name(w, "issuers");
    json_write_array(w);
    for (size_t i = 0; i < call->options->n_issuers; i++)
        write_issuer(w, &call->options->issuers[i]);
    json_write_end(w);
    json_write_end(w);
}

static void go_to(struct api_call *call, struct bytes where)
{
    api_json(call);
    call->x->status = 302;
    call->x->type = NULL;
    http_exchange_header(call->x, "Location", where);
}

/* The browser is back on our pages, and they show what went wrong. */
static void go_back_with(struct api_call *call, const char *problem, const char *detail)
{
    struct buf to;
    buf_init(&to, URL_CEILING);
    buf_printf(&to, "/?problem=%s&detail=", problem);
    http_escape(&to, bytes_of(detail));
    go_to(call, buf_bytes(&to));
    buf_free(&to);
}

static void set_cookie(struct api_call *call, bool sign_in, const char *value, int64_t seconds)
{
    const char *name = authenticate_cookie(call, sign_in);
    struct bytes line =
        arena_printf(call->arena, "%s=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s", name, value,
                     (long long)seconds, bytes_starts_with(bytes_of(name), "__Host-") ? "; Secure" : "");
    if (line.p)
        http_exchange_header(call->x, "Set-Cookie", line);
    else
        call->x->headers.failed = true;
}

static bool choose_issuer(struct api_call *call, size_t *out)
{
    struct bytes wanted = api_query(call, "issuer");
    for (size_t i = 0; i < call->options->n_issuers; i++) {
        if (wanted.p ? !bytes_equal(wanted, call->options->issuers[i].client.issuer)
                     : call->options->n_issuers > 1)
            continue;
        *out = i;
        return true;
    }
    return api_problem(call, 404, "not-found", "%s",
                       call->options->n_issuers ? "Say which provider, of those in /v1/sign-in."
                                                : "No provider is set up for signing in: identity.oidc wants "
                                                  "a client_id.");
}

static struct bytes callback_url(struct api_call *call)
{
    return arena_printf(call->arena, "%.*s/auth/callback", BYTES_FMT(authenticate_origin(call)));
}

void api_sign_in_start(struct api_call *call)
{
    size_t issuer = 0;
    struct oauth_endpoints endpoints;
    struct sign_in_begun begun;
    char cookie[SIGN_IN_COOKIE];
    struct buf url;
    if (!choose_issuer(call, &issuer)) return;
    if (!sign_in_endpoints(call->api->sign_in, issuer, call->arena, &endpoints) ||
        !endpoints.authorization.n) {
        go_back_with(call, "signin-unavailable", "The identity provider cannot be reached now.");
        return;
    }
    if (!sign_in_begin(call->api->sign_in, issuer, api_query(call, "to"), &begun, cookie)) {
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    buf_init(&url, URL_CEILING);
    oauth_authorize_url(&call->options->issuers[issuer].client, &endpoints, callback_url(call),
                        bytes_of(begun.state), bytes_of(begun.nonce), bytes_of(begun.verifier), &url);
    go_to(call, buf_bytes(&url));
    if (url.failed) call->x->headers.failed = true;
    set_cookie(call, true, cookie, 600);
    buf_free(&url);
}

/* RFC 9207: who says iss must be the one that was asked; who promised to say it must. */
static bool iss_is_right(struct api_call *call, const struct sign_in_begun *begun,
                         const struct oauth_endpoints *endpoints)
{
    struct bytes iss = api_query(call, "iss");
    if (!iss.p) return !endpoints->names_itself;
    return bytes_equal(iss, call->options->issuers[begun->issuer].client.issuer);
}

static void enter(struct api_call *call, const struct sign_in_begun *begun, const struct oauth_tokens *tokens)
{
    struct principal principal;
    const char *why;
    char cookie[PEOPLE_COOKIE];
    if (!sign_in_verify(call->api->sign_in, begun->issuer, tokens->id, begun->nonce, call->arena, &principal,
                        &why)) {
        log_line(LOG_WARNING, "sign-in: the ID token is refused: %s", why);
        go_back_with(call, "signin-failed", "The identity provider's answer is refused.");
        return;
    }
    if (principal.machine) {
        go_back_with(call, "signin-refused", "Only people sign in here.");
        return;
    }
    struct principal door;
    bool has_door = token_at_door(call, &principal, tokens->access, &door) ||
                    token_at_door(call, &principal, tokens->id, &door);
    if (!people_enter(call->api->people, &principal, has_door ? &door : NULL, tokens->id, begun->issuer,
                      cookie)) {
        go_back_with(call, "signin-unavailable", "Too many are signed in.");
        return;
    }
    go_to(call, bytes_of(begun->to));
    set_cookie(call, false, cookie, call->options->session_us / 1000000);
}

static void redeem(struct api_call *call, const struct sign_in_begun *begun)
{
    const struct api_issuer *issuer = &call->options->issuers[begun->issuer];
    struct oauth_endpoints endpoints;
    struct oauth_tokens tokens;
    struct bytes error, code = api_query(call, "code");
    if (!sign_in_endpoints(call->api->sign_in, begun->issuer, call->arena, &endpoints)) {
        go_back_with(call, "signin-unavailable", "The identity provider cannot be reached now.");
        return;
    }
    if (!iss_is_right(call, begun, &endpoints)) {
        go_back_with(call, "signin-failed", "The answer is of another provider than the one that was asked.");
        return;
    }
    if (!code.n) {
        struct bytes said = api_query(call, "error");
        log_line(LOG_INFO, "sign-in: the provider refuses: %.*s", BYTES_FMT(bytes_slice(said, 0, 60)));
        go_back_with(call, "signin-refused", "The identity provider refused.");
        return;
    }
    if (!sign_in_spend(call->api->sign_in, begun)) {
        go_back_with(call, "signin-expired", "This sign-in is over; begin again.");
        return;
    }
    enum oauth_outcome outcome =
        oauth_redeem_code(&issuer->client, &endpoints, code, callback_url(call), bytes_of(begun->verifier),
                          REDEEM_MS, call->arena, &tokens, &error);
    if (outcome == OAUTH_GRANTED) {
        enter(call, begun, &tokens);
        return;
    }
    log_line(LOG_WARNING, "sign-in: the code is not redeemed: %.*s", BYTES_FMT(error));
    go_back_with(call, "signin-failed", "The identity provider does not take its own code back.");
}

void api_sign_in_callback(struct api_call *call)
{
    struct sign_in_begun begun;
    struct bytes cookie = http_asked_cookie(call->x->asked, authenticate_cookie(call, true));
    if (sign_in_open(call->api->sign_in, api_query(call, "state"), cookie, &begun))
        redeem(call, &begun);
    else
        go_back_with(call, "signin-expired",
                     "This sign-in is over, or began in another browser; begin again.");
    set_cookie(call, true, "", 0);
}

void api_sign_out(struct api_call *call)
{
    struct oauth_endpoints endpoints;
    struct buf url;
    buf_init(&url, 64 * 1024);
    if (call->person) {
        struct bytes back = arena_printf(call->arena, "%.*s/", BYTES_FMT(authenticate_origin(call)));
        people_leave(call->api->people, call->person);
        token_end_of_sign_in(call, call->person);
        if (sign_in_endpoints(call->api->sign_in, call->person->issuer, call->arena, &endpoints))
            oauth_sign_out_url(&call->options->issuers[call->person->issuer].client, &endpoints,
                               call->person->id_token, back, &url);
    }
    struct json_writer *w = api_json(call);
    json_write_object(w);
    api_write_maybe(w, "provider", url.failed ? (struct bytes){ 0 } : buf_bytes(&url));
    json_write_end(w);
    if (call->person) set_cookie(call, false, "", 0);
    buf_free(&url);
}
