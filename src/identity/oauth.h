/* Asking a provider for tokens: the authorization code with PKCE, for browsers, and the device flow, for
 * programs (OpenID Connect Core 1.0, RFC 6749, 7636, 8628, 8707). Every call but the pure ones blocks for at
 * most its deadline. What comes back is not verified here: identity_verify_token does that. */
#ifndef POSTERN_IDENTITY_OAUTH_H
#define POSTERN_IDENTITY_OAUTH_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"

struct oauth_client {
    struct bytes issuer, id;
    struct bytes secret;   /* empty: a public client */
    struct bytes scopes;   /* "openid groups" */
    struct bytes resource; /* may be empty */
};
struct oauth_endpoints {
    struct bytes authorization, token, device, end_session; /* empty: the provider has none */
    bool secret_in_form;                                    /* it takes the secret in the form only */
    bool names_itself; /* it says iss in its answers to browsers (RFC 9207) */
};
/* From the discovery document. False: why_out (static, or in the arena) says why. */
bool oauth_discover(struct bytes issuer, int64_t deadline_ms, struct arena *arena,
                    struct oauth_endpoints *endpoints_out, const char **why_out) MUST_USE;
/* The pure part: from a document. */
bool oauth_endpoints_read(struct bytes document, struct bytes issuer, struct arena *arena,
                          struct oauth_endpoints *endpoints_out, const char **why_out) MUST_USE;

/* Where the browser goes. verifier: 43 characters, kept secret; its challenge goes into the URL. */
void oauth_authorize_url(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                         struct bytes redirect, struct bytes state, struct bytes nonce, struct bytes verifier,
                         struct buf *out);
/* Where the browser may go to sign out there; nothing where the provider has no such place. */
void oauth_sign_out_url(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                        struct bytes id_token, struct bytes back, struct buf *out);

struct oauth_tokens {
    struct bytes access, id, refresh; /* empty: not given */
    int64_t expires_s;                /* of access; 0: not said */
};
/* REFUSED: the provider said so; error_out has its code ("invalid_grant"). FAILED: no answer that can be
 * used; error_out says why. Both in the arena. */
enum oauth_outcome { OAUTH_FAILED = 0, OAUTH_REFUSED, OAUTH_GRANTED };
enum oauth_outcome oauth_redeem_code(const struct oauth_client *client,
                                     const struct oauth_endpoints *endpoints, struct bytes code,
                                     struct bytes redirect, struct bytes verifier, int64_t deadline_ms,
                                     struct arena *arena, struct oauth_tokens *tokens_out,
                                     struct bytes *error_out) MUST_USE;

struct oauth_device {
    struct bytes device_code, user_code, uri, uri_complete;
    int64_t expires_s, interval_s;
};
enum oauth_outcome oauth_device_begin(const struct oauth_client *client,
                                      const struct oauth_endpoints *endpoints, int64_t deadline_ms,
                                      struct arena *arena, struct oauth_device *device_out,
                                      struct bytes *error_out) MUST_USE;
/* REFUSED with "authorization_pending" or "slow_down": ask again. */
enum oauth_outcome oauth_device_redeem(const struct oauth_client *client,
                                       const struct oauth_endpoints *endpoints, struct bytes device_code,
                                       int64_t deadline_ms, struct arena *arena,
                                       struct oauth_tokens *tokens_out, struct bytes *error_out) MUST_USE;
enum oauth_outcome oauth_refresh(const struct oauth_client *client, const struct oauth_endpoints *endpoints,
                                 struct bytes refresh, int64_t deadline_ms, struct arena *arena,
                                 struct oauth_tokens *tokens_out, struct bytes *error_out) MUST_USE;
/* 43 characters that nobody can guess: a state, a nonce, a verifier, a cookie. Room for 44 bytes. */
void oauth_random(char out[44]);
#endif
