/* Reading what a server says to a client that only logs in and asks simple queries. Whatever else it says is
 * an end. */
#include "session/own-client.h"
#include "base/cursor.h"
#include "pgwire/message.h"
#include "pgwire/report.h"
#include "pgwire/startup.h"
#include <stdio.h>
#include <stdlib.h>

enum { OUT_CEILING = 1 << 20 };

static void lose(struct own_client *c, struct bytes why)
{
    if (c->phase == OWN_LOST) return;
    c->phase = OWN_LOST;
    c->user->on_lost(c->user->context, why);
}

void own_client_lose(struct own_client *c, const char *why)
{
    lose(c, bytes_of(why));
}

/* What this client does must not hang on what somebody set for its role, and it changes nothing. */
static void send_startup(struct own_client *c, struct bytes database)
{
    struct startup_parameter parameters[] = {
        { BYTES_LITERAL("user"), c->login->user },
        { BYTES_LITERAL("database"), database },
        { BYTES_LITERAL("client_encoding"), BYTES_LITERAL("UTF8") },
        { BYTES_LITERAL("application_name"), BYTES_LITERAL("postern") },
        { BYTES_LITERAL("options"),
          BYTES_LITERAL("-c search_path=pg_catalog -c default_transaction_read_only=on "
                        "-c standard_conforming_strings=on -c statement_timeout=60s -c lock_timeout=10s "
                        "-c bytea_output=hex") },
    };
    startup_encode(&c->out, parameters, sizeof parameters / sizeof *parameters);
}

bool own_client_begin(struct own_client *c, const struct own_client_user *user,
                      const struct target_login *login, struct bytes login_id, struct bytes database,
                      const uint8_t nonce[SCRAM_NONCE_BYTES], const struct scram_binding *binding)
{
    *c = (struct own_client){ .phase = OWN_LOGIN, .user = user, .login = login, .login_id = login_id };
    c->values = calloc(OWN_COLUMNS, sizeof *c->values);
    if (!c->values) return false;
    buf_init(&c->out, OUT_CEILING);
    server_login_init(&c->dialogue, login->has_password, nonce, binding);
    send_startup(c, database);
    return true;
}

void own_client_end(struct own_client *c)
{
    c->phase = OWN_LOST;
    secret_wipe(&c->dialogue, sizeof c->dialogue);
    buf_wipe(&c->out);
    buf_free(&c->out);
    free(c->values);
    c->values = NULL;
}

void own_client_query(struct own_client *c, const char *text)
{
    CHECK(c->phase == OWN_IDLE);
    size_t at = message_begin(&c->out, MESSAGE_QUERY);
    buf_put_cstring(&c->out, bytes_of(text));
    message_finish(&c->out, at);
    c->phase = OWN_BUSY;
    c->error[0] = 0;
    c->row_refused = false;
    c->n_columns = 0;
}

void own_client_proof(struct own_client *c, int status, const uint8_t proof[32],
                      const uint8_t server_signature[32], const char *md5)
{
    if (c->phase != OWN_LOGIN || !server_login_waits(&c->dialogue)) return;
    if (server_login_answer(&c->dialogue, status, proof, server_signature, md5, &c->out) == LOGIN_REFUSED)
        own_client_lose(c, c->dialogue.why);
}

static void on_authentication(struct own_client *c, struct bytes body)
{
    switch (server_login_message(&c->dialogue, body, &c->out)) {
    case LOGIN_NEXT: return;
    case LOGIN_REFUSED: own_client_lose(c, c->dialogue.why); return;
    case LOGIN_PROVE: {
        struct session_proof proof = server_login_question(&c->dialogue, c->login_id, c->login->user);
        if (!c->user->ask_proof(c->user->context, &proof))
            own_client_lose(c, "The keys process cannot be asked now.");
    }
    }
}

static void on_error(struct own_client *c, struct bytes body)
{
    if (!report_check(body)) {
        own_client_lose(c, "The server sent a malformed error.");
        return;
    }
    snprintf(c->error, sizeof c->error, "%.*s: %.*s", BYTES_FMT(report_field(body, 'C')),
             BYTES_FMT(report_field(body, 'M')));
    struct bytes severity = report_field(body, 'S');
    if (c->phase == OWN_LOGIN || bytes_is(severity, "FATAL") || bytes_is(severity, "PANIC"))
        own_client_lose(c, c->error);
}

static void on_row(struct own_client *c, struct bytes body)
{
    struct cursor in = cursor_over(body);
    uint16_t n = cursor_u16(&in);
    if (n != c->n_columns || n > OWN_COLUMNS || !message_data_row_check(body)) {
        own_client_lose(c, "The server sent a malformed row.");
        return;
    }
    if (c->row_refused) return;
    for (uint16_t i = 0; i < n; i++) {
        uint32_t length = cursor_u32(&in);
        c->values[i] = length == UINT32_MAX ? (struct bytes){ 0 } : cursor_take(&in, length);
    }
    if (c->user->on_row(c->user->context, c->values, n)) return;
    c->row_refused = true;
    if (!c->error[0]) snprintf(c->error, sizeof c->error, "what the server answers cannot be taken in");
}

static void on_ready(struct own_client *c)
{
    if (c->phase == OWN_LOGIN && !c->dialogue.authenticated) {
        own_client_lose(c, "The server is ready without a log-in.");
        return;
    }
    c->phase = OWN_IDLE;
    c->user->on_idle(c->user->context, bytes_of(c->error));
}

static void on_message(struct own_client *c, const struct message *m)
{
    bool busy = c->phase == OWN_BUSY;
    switch (m->type) {
    case MESSAGE_ERROR_RESPONSE: on_error(c, m->body); return;
    case MESSAGE_NOTICE_RESPONSE:
    case MESSAGE_PARAMETER_STATUS:
    case MESSAGE_NEGOTIATE_PROTOCOL_VERSION:
    case MESSAGE_NOTIFICATION_RESPONSE: return;
    case MESSAGE_BACKEND_KEY_DATA:
        if (!busy) return;
        break;
    case MESSAGE_AUTHENTICATION:
        if (busy) break;
        on_authentication(c, m->body);
        return;
    case MESSAGE_ROW_DESCRIPTION:
        if (!busy || !message_row_description_check(m->body, &c->n_columns)) break;
        return;
    case MESSAGE_DATA_ROW:
        if (!busy) break;
        on_row(c, m->body);
        return;
    case MESSAGE_COMMAND_COMPLETE:
    case MESSAGE_EMPTY_QUERY_RESPONSE:
        if (!busy) break;
        return;
    case MESSAGE_READY_FOR_QUERY:
        if (c->phase == OWN_IDLE || m->body.n != 1) break;
        on_ready(c);
        return;
    default: break;
    }
    own_client_lose(c, "The server sent a message that does not fit what it was asked.");
}

size_t own_client_read(struct own_client *c, struct bytes in)
{
    size_t used = 0;
    while (own_client_reads(c)) {
        struct message m;
        enum message_peek peek = message_peek(bytes_make(in.p + used, in.n - used), &m);
        if (peek == MESSAGE_MORE) break;
        if (peek == MESSAGE_BAD || m.body_length > OWN_MESSAGE_CEILING) {
            own_client_lose(c, "The server sent a message of invalid length.");
            break;
        }
        if (peek == MESSAGE_PARTIAL) break;
        on_message(c, &m);
        used += m.whole.n;
    }
    if (c->out.failed) own_client_lose(c, "Out of memory.");
    return used;
}
