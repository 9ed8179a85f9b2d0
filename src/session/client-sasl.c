/* A client that gives the name of a minted login proves that it knows the password, by SCRAM-SHA-256 or, over
 * TLS, SCRAM-SHA-256-PLUS. It is never asked for the password itself, and one that sends it is refused.
 * Source: PostgreSQL documentation, "SASL Authentication"; the dialogue is pgwire/scram.h. */
#include "base/cursor.h"
#include "identity/minted.h"
#include "session/session-private.h"
#include <stdlib.h>

enum { AUTH_SASL = 10, AUTH_SASL_CONTINUE = 11, AUTH_SASL_FINAL = 12 };

struct client_sasl {
    struct scram_server scram;
    struct bytes name; /* in the session's arena */
};

bool client_sasl_wanted(const struct session *s)
{
    return s->world->minted && minted_is_name(startup_get(&s->startup, "user"));
}

void client_sasl_free(struct session *s)
{
    if (!s->sasl) return;
    secret_wipe(s->sasl, sizeof *s->sasl);
    free(s->sasl);
    s->sasl = NULL;
}

static void say(struct session *s, uint32_t code, struct bytes body)
{
    size_t at = message_begin(&s->client_out, MESSAGE_AUTHENTICATION);
    buf_put_u32(&s->client_out, code);
    buf_append(&s->client_out, body);
    message_finish(&s->client_out, at);
}

enum step client_sasl_ask(struct session *s)
{
    uint8_t nonce[SCRAM_NONCE_BYTES];
    struct scram_verifier verifier;
    struct client_sasl *sasl = calloc(1, sizeof *sasl);
    if (!sasl || !s->world->random(s->world, nonce, sizeof nonce)) {
        free(sasl);
        return session_drop(s, "out of memory or randomness");
    }
    s->sasl = sasl;
    sasl->name = startup_get(&s->startup, "user");
    minted_verifier(s->world->minted, sasl->name, &verifier);
    scram_server_init(&sasl->scram, nonce, &verifier, &s->binding);
    secret_wipe(&verifier, sizeof verifier);
    say(s, AUTH_SASL, scram_server_mechanisms(&sasl->scram));
    s->phase = PHASE_PASSWORD;
    return STEP_NEXT;
}

/* Whatever was wrong, the client hears the same: which names there are is nobody's business. */
static enum step refuse(struct session *s, const char *why)
{
    struct bytes detail = arena_printf(&s->scratch, "%s", why);
    client_sasl_free(s);
    s->wants.wipe = true; /* it may have been a password */
    return client_start_refuse(
        s, REFUSAL_MINTED,
        "no such login, or it is over, or its password is not this one (postern token --minted gives one)",
        "scram", detail);
}

static enum step begin(struct session *s, struct bytes body)
{
    struct cursor in = cursor_over(body);
    struct bytes mechanism = cursor_cstring(&in);
    uint32_t n = cursor_u32(&in);
    struct bytes first = cursor_take(&in, n);
    if (in.failed || cursor_left(&in))
        return refuse(s, "the client sent no SASL response: it may have sent a password");
    if (scram_server_begin(&s->sasl->scram, mechanism, first) != SCRAM_SEND)
        return refuse(s, s->sasl->scram.why);
    say(s, AUTH_SASL_CONTINUE, s->sasl->scram.out);
    return STEP_NEXT;
}

static enum step finish(struct session *s, struct bytes body)
{
    struct client_sasl *sasl = s->sasl;
    if (scram_server_finish(&sasl->scram, body) != SCRAM_DONE) return refuse(s, sasl->scram.why);
    if (!minted_principal(s->world->minted, sasl->name, &s->arena, &s->principal))
        return refuse(s, "the login ended while its client proved itself");
    say(s, AUTH_SASL_FINAL, sasl->scram.out);
    s->minted = sasl->name;
    client_sasl_free(s);
    return client_start_admit(s);
}

enum step client_sasl_message(struct session *s, const struct message *m)
{
    return s->sasl->scram.state == SCRAM_FRESH ? begin(s, m->body) : finish(s, m->body);
}

struct bytes session_minted(const struct session *s)
{
    return s->minted;
}
