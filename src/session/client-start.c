/* From a client's first byte to a principal: SSLRequest, start-up packet, token. Source: PostgreSQL
 * documentation, "Message Flow: Start-up". */
#include "pgwire/report.h"
#include "policy/masks.h"
#include "session/session-private.h"

/* SSLRequest: nothing may follow it in clear, or it would be taken for what came through TLS
 * (CVE-2021-23214). */
static enum step on_ssl_request(struct session *s, struct bytes in)
{
    if (s->ssl_asked || s->is_tls)
        return session_fail_text(s, REFUSAL_VERSION, "unsupported frontend protocol 1234.5679");
    s->ssl_asked = true;
    if (!s->world->tls) {
        buf_append_text(&s->client_out, "N");
        return STEP_NEXT;
    }
    if (in.n > s->startup.length)
        return session_fail_text(s, REFUSAL_PROTOCOL, "received unencrypted data after SSL request");
    buf_append_text(&s->client_out, "S");
    s->wants.tls = true;
    s->phase = PHASE_TLS;
    return STEP_NEXT;
}

static enum step on_gssenc_request(struct session *s)
{
    if (s->gss_asked || s->is_tls)
        return session_fail_text(s, REFUSAL_VERSION, "unsupported frontend protocol 1234.5680");
    s->gss_asked = true;
    buf_append_text(&s->client_out, "N");
    return STEP_NEXT;
}

/* The packet's bytes go away with the input; what is kept moves to the session's arena. */
static bool keep_startup(struct session *s)
{
    struct startup *st = &s->startup;
    struct startup_parameter *kept = ARENA_ARRAY(&s->arena, struct startup_parameter, st->n_parameters + 1);
    for (size_t i = 0; kept && i < st->n_parameters; i++) {
        kept[i].name = arena_copy(&s->arena, st->parameters[i].name);
        kept[i].value = arena_copy(&s->arena, st->parameters[i].value);
        if (!kept[i].name.p || !kept[i].value.p) return false;
    }
    st->parameters = kept;
    return kept != NULL;
}

/* Protocol 3.x and _pq_.x: say what we speak, which is 3.0 without options. */
static void negotiate(struct session *s)
{
    uint32_t n = 0;
    for (size_t i = 0; i < s->startup.n_parameters; i++)
        n += bytes_starts_with(s->startup.parameters[i].name, "_pq_.");
    if (n == 0 && s->startup.version == STARTUP_VERSION_3_0) return;
    size_t at = message_begin(&s->client_out, MESSAGE_NEGOTIATE_PROTOCOL_VERSION);
    buf_put_u32(&s->client_out, STARTUP_VERSION_3_0);
    buf_put_u32(&s->client_out, n);
    for (size_t i = 0; i < s->startup.n_parameters; i++)
        if (bytes_starts_with(s->startup.parameters[i].name, "_pq_."))
            buf_put_cstring(&s->client_out, s->startup.parameters[i].name);
    message_finish(&s->client_out, at);
}

static bool is_off(struct bytes value)
{
    return bytes_is(value, "off") || bytes_is(value, "false") || bytes_is(value, "no") ||
           bytes_is(value, "0");
}

static enum step on_startup(struct session *s)
{
    struct bytes replication = startup_get(&s->startup, "replication");
    if (s->startup.duplicate) {
        s->startup.n_parameters = 0;
        return session_fail_text(s, REFUSAL_PROTOCOL, "a start-up parameter was given twice");
    }
    if (!keep_startup(s)) return session_fail_text(s, REFUSAL_PROTOCOL, "the start-up packet is too large");
    for (size_t i = 0; i < s->startup.n_parameters; i++)
        if (!bytes_is_utf8(s->startup.parameters[i].value) || !bytes_is_utf8(s->startup.parameters[i].name)) {
            s->startup.n_parameters = 0;
            return session_fail_text(s, REFUSAL_PROTOCOL, "a start-up parameter is not valid UTF-8");
        }
    if (startup_get(&s->startup, "user").n == 0)
        return session_fail_text(s, REFUSAL_IDENTITY, "no PostgreSQL user name specified in startup packet");
    if (s->peer.crowded)
        return session_fail(
            s, REFUSAL_CROWDED, BYTES_LITERAL("this gateway has as many sessions as it takes"),
            BYTES_LITERAL("Try again when others have ended; limits.sessions says how many."));
    if (replication.p && !is_off(replication))
        return session_fail_text(s, REFUSAL_REPLICATION, "replication connections do not pass this gateway");
    if (!s->is_tls && !s->peer.local)
        return session_fail(s, REFUSAL_CLEAR, BYTES_LITERAL("this gateway takes credentials over TLS only"),
                            BYTES_LITERAL("Connect with sslmode=require or stronger."));
    negotiate(s);
    if (client_sasl_wanted(s)) return client_sasl_ask(s);
    size_t at = message_begin(&s->client_out, MESSAGE_AUTHENTICATION);
    buf_put_u32(&s->client_out, 3); /* AuthenticationCleartextPassword: the token travels as the password */
    message_finish(&s->client_out, at);
    s->phase = PHASE_PASSWORD;
    return STEP_NEXT;
}

enum step client_start_packet(struct session *s, struct bytes in, size_t *used_out)
{
    enum startup_kind kind = startup_decode(in, &s->scratch, &s->startup);
    *used_out = s->startup.length;
    switch (kind) {
    case STARTUP_MORE: return STEP_MORE;
    case STARTUP_SSL: return on_ssl_request(s, in);
    case STARTUP_GSSENC: return on_gssenc_request(s);
    case STARTUP_CANCEL:
        s->world->cancel(s->world, s->startup.cancel_pid, s->startup.cancel_key, s->peer.address);
        s->startup.n_parameters = 0;
        s->phase = PHASE_ENDING;
        s->wants.close = true;
        return STEP_CLOSE;
    case STARTUP_VERSION:
        return session_fail_text(s, REFUSAL_VERSION, "unsupported frontend protocol: server supports 3.0");
    case STARTUP_SESSION: return on_startup(s);
    case STARTUP_BAD: break;
    }
    s->startup = (struct startup){ 0 };
    return session_fail_text(s, REFUSAL_PROTOCOL, "invalid startup packet");
}

enum step client_start_password(struct session *s, const struct message *m)
{
    struct bytes token;
    if (s->sasl) return client_sasl_message(s, m);
    if (!message_string_decode(m->body, &token))
        return session_fail_text(s, REFUSAL_PROTOCOL, "invalid password packet");
    if (token.n == 0)
        return session_fail_text(s, REFUSAL_PASSWORD,
                                 "empty password: this gateway wants a token as the password");
    return client_start_identify(s, token);
}

enum step client_start_refuse(struct session *s, enum refusal_reason reason, const char *sentence,
                              const char *code, struct bytes detail)
{
    struct bytes message = arena_printf(&s->scratch, "sign-in refused: %s", sentence);
    secret_free(&s->token);
    /* The detail is for the record: it may say more than an attacker should hear. */
    struct bytes recorded =
        arena_printf(&s->scratch, "%s%s%.*s", code, detail.n ? ": " : "", BYTES_FMT(detail));
    recording_rejected(s, reason, message, recorded);
    recording_end(s, code);
    s->unrecorded = true;
    return session_fail(s, reason, message, (struct bytes){ 0 });
}

static enum step refuse_identity(struct session *s, enum identity_refusal refusal, struct bytes detail)
{
    return client_start_refuse(s, REFUSAL_PASSWORD, identity_refusal_sentence(refusal),
                               identity_refusal_code(refusal), detail);
}

bool session_needs_view(const struct session *s)
{
    return !s->world->without_views && policy_ruleset_needs_view(s->ruleset);
}

/* Which target, which policies: asked only once it is known who asks. */
static enum step admit(struct session *s)
{
    struct bytes database = startup_get(&s->startup, "database");
    if (database.n == 0) database = startup_get(&s->startup, "user");
    s->target = target_find(s->snapshot, database, &s->database);
    if (!s->target)
        return session_fail(s, REFUSAL_NO_DATABASE,
                            arena_printf(&s->scratch, "database \"%.*s\" does not exist behind this gateway",
                                         BYTES_FMT(database)),
                            (struct bytes){ 0 });
    s->database = arena_copy(&s->arena, s->database);
    struct policy_request request = { &s->principal, s->target->name, database };
    s->ruleset = policy_ruleset_for(s->snapshot->policies, &request, &s->arena);
    if (!s->ruleset)
        return session_fail(
            s, REFUSAL_NO_POLICY,
            arena_printf(&s->scratch, "no policy lets you connect to \"%.*s\"", BYTES_FMT(database)),
            arena_printf(&s->scratch, "You are signed in as \"%.*s\".", BYTES_FMT(s->principal.user)));
    s->terms = policy_ruleset_terms(s->ruleset);
    s->open = policy_ruleset_is_open(s->ruleset);
    s->masks = policy_ruleset_masks(s->ruleset);
    sift_start(s);
    s->login = &s->target->logins[0];
    for (size_t i = 0; i < s->target->n_logins; i++)
        if (s->terms->login.n && bytes_equal(s->target->logins[i].name, s->terms->login))
            s->login = &s->target->logins[i];
    if (s->terms->login.n && !bytes_equal(s->login->name, s->terms->login))
        return session_fail_text(s, REFUSAL_NO_POLICY,
                                 "the policy names a login that the connection does not have");
    if (session_needs_view(s)) view_begin(s);
    s->phase = PHASE_CONNECT;
    s->wants.connect = true;
    return STEP_NEXT;
}

enum step client_start_identify(struct session *s, struct bytes token)
{
    enum identity_refusal refusal = IDENTITY_UNAVAILABLE;
    struct bytes detail = { 0 };
    if (!s->snapshot->identity)
        return refuse_identity(s, IDENTITY_UNAVAILABLE, BYTES_LITERAL("no issuer is configured"));
    switch (identity_verify_token(s->snapshot->identity, token, clock_wall_us(s->world->clock), &s->arena,
                                  &s->principal, &refusal, &detail)) {
    case IDENTITY_REFUSED: return refuse_identity(s, refusal, detail);
    case IDENTITY_WAIT:
        if (!s->token.data) s->token = secret_copy(token);
        s->phase = PHASE_IDENTIFY;
        return s->token.data ? STEP_NEXT : session_drop(s, "out of memory");
    case IDENTITY_VERIFIED: break;
    }
    secret_free(&s->token);
    return client_start_admit(s);
}

enum step client_start_admit(struct session *s)
{
    if (s->principal.expires_us)
        s->token_due_us = session_now(s) + s->principal.expires_us - clock_wall_us(s->world->clock);
    return admit(s);
}

void session_on_keys(struct session *s)
{
    if (s->phase != PHASE_IDENTIFY) return;
    client_start_identify(s, secret_bytes(&s->token));
    arena_reset(&s->scratch);
}
