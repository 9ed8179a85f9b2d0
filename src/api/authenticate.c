/* A token goes before a cookie, and where there is one, cookies are not looked at. */
#include "api/authenticate.h"
#include "api/private.h"
#include <errno.h>
#include <time.h>

enum { WAIT_MS = 8000, STEP_MS = 50 };

static bool is_https(const struct api_call *call)
{
    return call->x->tls || bytes_starts_with(call->options->url, "https://");
}

const char *authenticate_cookie(const struct api_call *call, bool sign_in)
{
    if (is_https(call)) return sign_in ? "__Host-postern-sign-in" : "__Host-postern";
    return sign_in ? "postern-sign-in" : "postern";
}

/* "https://host:port" of a URL, without a path. */
static struct bytes origin_of(struct bytes url)
{
    ptrdiff_t at = bytes_find(url, BYTES_LITERAL("://"));
    if (at < 0) return (struct bytes){ 0 };
    for (size_t i = (size_t)at + 3; i < url.n; i++)
        if (url.p[i] == '/') return bytes_slice(url, 0, i);
    return url;
}

static struct bytes authority_of(struct bytes url)
{
    struct bytes origin = origin_of(url);
    ptrdiff_t at = bytes_find(origin, BYTES_LITERAL("://"));
    return at < 0 ? (struct bytes){ 0 } : bytes_slice(origin, (size_t)at + 3, origin.n);
}

static bool is_loopback_name(struct bytes host)
{
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (!bytes_equal_nocase(bytes_slice(host, 0, n), bytes_of(names[i]))) continue;
        if (host.n == n || host.p[n] == ':') return true;
    }
    return false;
}

bool authenticate_host_is_ours(const struct api_call *call)
{
    struct bytes host = call->x->asked->host, ours = authority_of(call->options->url);
    if (ours.n && bytes_equal_nocase(host, ours)) return true;
    return call->x->peer_is_local && is_loopback_name(host);
}

struct bytes authenticate_origin(const struct api_call *call)
{
    struct bytes host = call->x->asked->host;
    if (call->options->url.n && bytes_equal_nocase(host, authority_of(call->options->url)))
        return origin_of(call->options->url);
    return arena_printf(call->arena, "%s://%.*s", call->x->tls ? "https" : "http", BYTES_FMT(host));
}

/* Behind a proxy that passes another Host, the browser's origin is that of the URL. */
static bool origin_is_ours(const struct api_call *call)
{
    struct bytes origin = http_asked_field(call->x->asked, "origin");
    struct bytes site = http_asked_field(call->x->asked, "sec-fetch-site");
    if (!origin.n) return false;
    if (site.n && !bytes_is(site, "same-origin")) return false;
    return bytes_equal_nocase(origin, authenticate_origin(call)) ||
           (call->options->url.n && bytes_equal_nocase(origin, origin_of(call->options->url)));
}

static void pause_ms(long ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

enum identity_outcome authenticate_token(struct api_call *call, struct bytes token,
                                         struct principal *principal_out, enum identity_refusal *refusal_out)
{
    enum identity_outcome outcome = IDENTITY_WAIT;
    struct bytes detail;
    for (int ms = 0; ms < WAIT_MS && outcome == IDENTITY_WAIT; ms += STEP_MS) {
        if (ms) pause_ms(STEP_MS);
        outcome = identity_verify_token(call->snapshot->identity, token, call->now_us, call->arena,
                                        principal_out, refusal_out, &detail);
    }
    return outcome;
}

static bool by_token(struct api_call *call, struct bytes token)
{
    enum identity_refusal refusal = IDENTITY_UNAVAILABLE;
    if (!call->snapshot || !call->snapshot->identity)
        return api_problem(call, 503, "unavailable", "Tokens cannot be judged now.");
    switch (authenticate_token(call, token, &call->principal, &refusal)) {
    case IDENTITY_REFUSED:
        return api_problem(call, 401, "not-signed-in", "%s.", identity_refusal_sentence(refusal));
    case IDENTITY_WAIT: break;
    case IDENTITY_VERIFIED: return true;
    }
    return api_problem(call, 503, "unavailable", "The identity provider's keys do not come.");
}

static bool by_cookie(struct api_call *call, struct bytes cookie)
{
    call->person = people_find(call->api->people, cookie);
    if (!call->person) return api_problem(call, 401, "not-signed-in", "This sign-in is over.");
    call->principal = call->person->principal;
    if (bytes_is(call->x->asked->method, "GET") || bytes_is(call->x->asked->method, "HEAD")) return true;
    struct bytes token = http_asked_field(call->x->asked, "x-csrf-token");
    if (!origin_is_ours(call))
        return api_problem(call, 403, "csrf", "The Origin header is not this server's own.");
    if (!bytes_equal_constant_time(token, bytes_of(call->person->csrf)))
        return api_problem(call, 403, "csrf", "The X-CSRF-Token header is not that of this sign-in.");
    return true;
}

static bool who(struct api_call *call, bool must)
{
    const struct http_asked *asked = call->x->asked;
    bool has_token = http_asked_has(asked, "authorization");
    struct bytes token = http_asked_field(asked, "authorization");
    struct bytes cookie = http_asked_cookie(asked, authenticate_cookie(call, false));
    bool good;
    call->snapshot = call->options->snapshot(call->options->context);
    if (has_token) {
        if (!bytes_equal_nocase(bytes_slice(token, 0, 7), BYTES_LITERAL("Bearer ")) || token.n == 7)
            return api_problem(call, 401, "not-signed-in", "The Authorization header is no Bearer token.");
        good = by_token(call, bytes_slice(token, 7, token.n));
    } else if (cookie.n)
        good = by_cookie(call, cookie);
    else
        return !must ||
               api_problem(call, 401, "not-signed-in", "There is neither a token nor a sign-in's cookie.");
    if (!good) return false;
    call->roles = call->options->roles(call->options->context, &call->principal) | 1U << API_USER;
    return true;
}

bool authenticate(struct api_call *call)
{
    if (call->route.role != API_NOBODY) return who(call, true);
    call->snapshot = call->options->snapshot(call->options->context);
    return true;
}

bool authenticate_maybe(struct api_call *call)
{
    session_snapshot_release(call->snapshot);
    call->snapshot = NULL;
    return who(call, false);
}
