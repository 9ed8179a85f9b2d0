/* From a connected server to the client's ReadyForQuery: a StartupMessage of our own, the log-in, the
 * parameters. The password is in the keys child; here are only its proofs. Source: PostgreSQL documentation,
 * "Message Flow: Start-up". */
#include "base/cursor.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdlib.h>

enum { PARAMETERS_CEILING = 256 * 1024, OPTIONS_CEILING = 64 * 1024 };

void server_start_free(struct session *s)
{
    if (!s->logging_in) return;
    buf_free(&s->logging_in->parameters);
    buf_free(&s->logging_in->settings);
    secret_wipe(s->logging_in, sizeof *s->logging_in);
    free(s->logging_in);
    s->logging_in = NULL;
}

/* Whether a start-up parameter may go upstream; as a SET would be judged. */
static bool parameter_allowed(struct session *s, struct startup_parameter p, struct bytes *why_out)
{
    for (size_t i = 0; i < s->target->n_settings; i++)
        if (bytes_equal_nocase(s->target->settings[i].name, p.name)) {
            *why_out = BYTES_LITERAL("the gateway sets it itself");
            return false;
        }
    enum sql_setting kind = sql_setting_kind(p.name, p.value);
    if (s->open || kind == SQL_SETTING_HARMLESS || kind == SQL_SETTING_CONTEXT) return true;
    *why_out = BYTES_LITERAL("the gateway pins it");
    if (kind == SQL_SETTING_PINNED) return false;
    struct sql_statement as_set = { .tag = BYTES_LITERAL("SET"),
                                    .effects =
                                        kind == SQL_SETTING_PRIVILEGE ? EFFECT_PRIVILEGE : EFFECT_SESSION,
                                    .action = SQL_ACTION_SET,
                                    .subject = p.name,
                                    .value = p.value,
                                    .setting = kind };
    struct policy_verdict verdict = { 0 };
    policy_judge(s->ruleset, &as_set, &s->scratch, &verdict);
    *why_out = verdict.message;
    return verdict.decision == POLICY_ALLOW;
}

static enum step refuse_parameter(struct session *s, struct startup_parameter p, struct bytes why)
{
    return session_fail(
        s, REFUSAL_PARAMETER,
        arena_printf(&s->scratch, "start-up parameter \"%.*s\" is refused", BYTES_FMT(p.name)), why);
}

/* ${principal}, ${subject}, ${session} and ${connection}, filled in. */
static struct bytes expand(struct session *s, struct bytes value)
{
    char id[14];
    session_id_format(s->record.id, id);
    struct {
        const char *name;
        struct bytes value;
    } places[] = { { "${principal}", s->principal.user },
                   { "${subject}", s->principal.subject },
                   { "${connection}", s->target->name },
                   { "${session}", bytes_of(id) } };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        ptrdiff_t at = bytes_find(value, bytes_of(places[i].name));
        if (at < 0) continue;
        struct bytes after = bytes_slice(value, (size_t)at + strlen(places[i].name), value.n);
        value = arena_printf(&s->scratch, "%.*s%.*s%.*s", (int)at, (const char *)value.p,
                             BYTES_FMT(places[i].value), BYTES_FMT(after));
    }
    return value;
}

static bool is_ours(struct bytes name)
{
    return bytes_is(name, "user") || bytes_is(name, "database") || bytes_is(name, "options") ||
           bytes_is(name, "replication") || bytes_starts_with(name, "_pq_.") ||
           bytes_starts_with(name, "postern.");
}

/* What the session begins with is recorded, so that it can be run again. */
static void keep_setting(struct session *s, struct bytes name, struct bytes value)
{
    buf_put_counted(&s->logging_in->settings, name);
    buf_put_counted(&s->logging_in->settings, value);
}

/* One that goes in the start-up packet's `options`. */
static void add_option(struct session *s, struct buf *options, struct bytes name, struct bytes value)
{
    startup_options_add(options, name, value);
    keep_setting(s, name, value);
}

/* The client's allowed parameters go as start-up parameters, `options` included, so that RESET falls back to
 * them; then what the gateway pins and sets. */
static enum step send_startup(struct session *s)
{
    struct startup_parameter *out =
                                 ARENA_ARRAY(&s->scratch, struct startup_parameter, STARTUP_PARAMETERS + 8),
                             *options = NULL;
    size_t n = 0, n_options = 0;
    struct buf text;
    struct bytes why = { 0 }, given = startup_get(&s->startup, "options");
    bool encoding = false;
    enum step step = STEP_NEXT;
    if (!out) return session_fail_text(s, REFUSAL_PROTOCOL, "the start-up packet is too large");
    buf_init(&text, OPTIONS_CEILING);
    out[n++] = (struct startup_parameter){ BYTES_LITERAL("user"), s->login->user };
    out[n++] = (struct startup_parameter){ BYTES_LITERAL("database"), s->database };
    for (size_t i = 0; i < s->startup.n_parameters && step == STEP_NEXT; i++) {
        struct startup_parameter p = s->startup.parameters[i];
        detail_choose(s, p.name, p.value);
        if (is_ours(p.name)) continue;
        encoding |= bytes_is(p.name, "client_encoding");
        if (!parameter_allowed(s, p, &why)) step = refuse_parameter(s, p, why);
        out[n++] = p;
        keep_setting(s, p.name, p.value);
    }
    if (step == STEP_NEXT && given.n && !startup_options_split(given, &s->scratch, &options, &n_options))
        step = session_fail_text(
            s, REFUSAL_PARAMETER,
            "the start-up parameter \"options\" holds something other than -c NAME=VALUE and --NAME=VALUE");
    for (size_t i = 0; i < n_options && step == STEP_NEXT; i++) {
        detail_choose(s, options[i].name, options[i].value);
        if (bytes_starts_with(options[i].name, "postern.")) continue;
        if (!parameter_allowed(s, options[i], &why)) step = refuse_parameter(s, options[i], why);
        add_option(s, &text, options[i].name, options[i].value);
    }
    if (!encoding)
        out[n++] = (struct startup_parameter){ BYTES_LITERAL("client_encoding"), BYTES_LITERAL("UTF8") };
    if (!s->open)
        startup_options_add(&text, BYTES_LITERAL("standard_conforming_strings"), BYTES_LITERAL("on"));
    for (size_t i = 0; i < s->target->n_settings; i++)
        add_option(s, &text, s->target->settings[i].name, expand(s, s->target->settings[i].value));
    if (buf_length(&text))
        out[n++] = (struct startup_parameter){ BYTES_LITERAL("options"), buf_bytes(&text) };
    if (step == STEP_NEXT) startup_encode(&s->server_out, out, n);
    buf_free(&text);
    return step;
}

void session_on_connected(struct session *s, struct bytes address, const struct scram_binding *binding)
{
    if (s->phase != PHASE_CONNECT) return;
    struct login_state *l = s->logging_in = calloc(1, sizeof *l);
    uint8_t nonce[SCRAM_NONCE_BYTES];
    if (!l || !s->world->random(s->world, nonce, sizeof nonce)) {
        session_drop(s, "out of memory");
        return;
    }
    buf_init(&l->parameters, PARAMETERS_CEILING);
    buf_init(&l->settings, PARAMETERS_CEILING);
    l->server_address = arena_copy(&s->arena, address);
    server_login_init(&l->dialogue, s->login->has_password, nonce, binding);
    s->record = record_session_begin(s->world->lane);
    s->phase = PHASE_LOGIN;
    send_startup(s);
    arena_reset(&s->scratch);
}

void session_on_unreachable(struct session *s, struct bytes message)
{
    if (s->phase == PHASE_CONNECT)
        session_fail(s, REFUSAL_UNREACHABLE, BYTES_LITERAL("the database server cannot be reached"), message);
}

static enum step refuse_server(struct session *s, const char *why)
{
    return session_fail(s, REFUSAL_SERVER_LOGIN, BYTES_LITERAL("the log-in at the database server failed"),
                        bytes_of(why));
}

static struct bytes login_id(struct session *s)
{
    return arena_printf(&s->arena, "%.*s/%.*s", BYTES_FMT(s->target->name), BYTES_FMT(s->login->name));
}

void session_on_proof(struct session *s, int status, const uint8_t proof[32],
                      const uint8_t server_signature[32], const char *md5)
{
    if (s->phase != PHASE_LOGIN || !server_login_waits(&s->logging_in->dialogue)) return;
    struct server_login *dialogue = &s->logging_in->dialogue;
    if (server_login_answer(dialogue, status, proof, server_signature, md5, &s->server_out) == LOGIN_REFUSED)
        refuse_server(s, dialogue->why);
}

static enum step on_authentication(struct session *s, struct bytes body)
{
    struct server_login *dialogue = &s->logging_in->dialogue;
    switch (server_login_message(dialogue, body, &s->server_out)) {
    case LOGIN_NEXT: return STEP_NEXT;
    case LOGIN_REFUSED: break;
    case LOGIN_PROVE: {
        struct session_proof proof = server_login_question(dialogue, login_id(s), s->login->user);
        if (s->world->ask_proof(s->world, s, &proof)) return STEP_NEXT;
        dialogue->answered = true; /* nobody was asked */
        return refuse_server(s, "The keys process cannot be asked now.");
    }
    }
    return refuse_server(s, dialogue->why);
}

static enum step on_key_data(struct session *s, struct bytes body)
{
    struct cursor c = cursor_over(body);
    s->server_pid = (int32_t)cursor_u32(&c);
    struct bytes key = cursor_take(&c, cursor_left(&c));
    if (c.failed || key.n < 4 || key.n > sizeof s->server_key)
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent malformed key data");
    memcpy(s->server_key, key.p, key.n);
    s->n_server_key = key.n;
    return STEP_NEXT;
}

static enum step on_parameter_status(struct session *s, const struct message *m)
{
    struct cursor c = cursor_over(m->body);
    struct bytes name = cursor_cstring(&c), value = cursor_cstring(&c);
    if (!cursor_done(&c))
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed parameter");
    if (!s->open && bytes_is(name, "standard_conforming_strings") && !bytes_is(value, "on"))
        return refuse_server(s, "The server runs with standard_conforming_strings off.");
    if (!s->open && bytes_is(name, "client_encoding") && !bytes_is(value, "UTF8"))
        return refuse_server(s, "The server does not take client_encoding UTF8.");
    if (bytes_is(name, "is_superuser")) s->logging_in->is_ordinary = bytes_is(value, "off");
    buf_append(&s->logging_in->parameters, m->whole);
    if (s->logging_in->parameters.failed) return refuse_server(s, "The server sends parameters without end.");
    return STEP_NEXT;
}

/* Nothing stands behind the masks where the role is a superuser. A server that does not tell is not believed.
 */
static bool is_guarded(const struct session *s)
{
    return !s->masks || s->target->accepts_risk || s->logging_in->is_ordinary;
}

/* The session begins: from here on every byte is accounted for. The process id is the real one (drivers
 * compare it), the key is ours. */
static enum step on_ready(struct session *s, const struct message *m)
{
    if (!s->logging_in->dialogue.authenticated)
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server is ready without a log-in");
    if (m->body.n != 1 || m->body.p[0] != 'I')
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server is not idle after log-in");
    if (!is_guarded(s))
        return session_fail(
            s, REFUSAL_UNGUARDED,
            BYTES_LITERAL("columns are masked for you, and this connection logs in as a superuser"),
            BYTES_LITERAL("The gateway's operator can give it another login, or accept the risk."));
    switch (recording_start(s)) {
    case RECORD_WAIT: return STEP_WAIT;
    case RECORD_FULL:
        return session_fail_text(s, REFUSAL_RECORD, "this session cannot be recorded: the log has no room");
    case RECORD_OK: break;
    }
    if (!budget_start(s))
        return session_fail_text(s, REFUSAL_CROWDED, "there is no room for another principal's budget today");
    if (s->n_server_key) {
        if (!s->world->random(s->world, s->client_key, sizeof s->client_key))
            return session_drop(s, "no random bytes");
        s->registered = s->world->register_key(s->world, s, s->server_pid, s->client_key);
    }
    size_t at = message_begin(&s->client_out, MESSAGE_AUTHENTICATION);
    buf_put_u32(&s->client_out, AUTH_OK);
    message_finish(&s->client_out, at);
    buf_append(&s->client_out, buf_bytes(&s->logging_in->parameters));
    if (s->registered) {
        at = message_begin(&s->client_out, MESSAGE_BACKEND_KEY_DATA);
        buf_put_u32(&s->client_out, (uint32_t)s->server_pid);
        buf_append(&s->client_out, bytes_make(s->client_key, sizeof s->client_key));
        message_finish(&s->client_out, at);
    }
    buf_append(&s->client_out, m->whole);
    server_start_free(s);
    s->phase = PHASE_READY;
    if (s->target->outlives_token) s->token_due_us = INT64_MAX;
    if (s->terms->limits.session_us) s->session_due_us = session_now(s) + s->terms->limits.session_us;
    return STEP_NEXT;
}

/* The server's own refusal reaches the client as it is, with its SQLSTATE (a role that does not exist, a full
 * server). */
static enum step on_error(struct session *s, struct bytes body)
{
    if (!report_check(body))
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a malformed error");
    recording_rejected(s, REFUSAL_SERVER_LOGIN, BYTES_LITERAL("the database server refused the log-in"),
                       report_field(body, 'M'));
    message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, body);
    return session_drop(s, "the database server refused the log-in");
}

enum step server_start_message(struct session *s, const struct message *m)
{
    if (m->body.n != m->body_length) return STEP_MORE;
    switch (m->type) {
    case MESSAGE_AUTHENTICATION: return on_authentication(s, m->body);
    case MESSAGE_BACKEND_KEY_DATA: return on_key_data(s, m->body);
    case MESSAGE_PARAMETER_STATUS: return on_parameter_status(s, m);
    case MESSAGE_READY_FOR_QUERY: return on_ready(s, m);
    case MESSAGE_ERROR_RESPONSE: return on_error(s, m->body);
    case MESSAGE_NOTICE_RESPONSE: return STEP_NEXT; /* a banner for whoever logs in, which is the gateway */
    case MESSAGE_NEGOTIATE_PROTOCOL_VERSION: return STEP_NEXT; /* we asked for 3.0 without options */
    default:
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL,
                                 "the server sent a message that has no place in a log-in");
    }
}
