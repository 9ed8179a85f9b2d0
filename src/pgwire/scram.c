/* The client's side of SCRAM. The server is not trusted: each of its messages is bounded before it is read,
 * its nonce must continue ours, its salt and iteration count lie within bounds, and nothing counts as logged
 * in before its signature was right. Sources: RFC 5802 sections 5 to 7, RFC 7677, and PostgreSQL's "SASL
 * Authentication", by which the user's name in the message stays empty. */
#include "pgwire/scram.h"
#include "base/codec.h"
#include "pgwire/scram-text.h"
#include <stdio.h>

static enum scram_step refuse(struct scram_client *c, const char *why)
{
    c->state = SCRAM_OVER;
    c->why = why;
    c->out = (struct bytes){ 0 };
    return SCRAM_REFUSED;
}

void scram_client_init(struct scram_client *c, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_binding *binding, bool binding_required)
{
    *c = (struct scram_client){ .state = SCRAM_FRESH, .why = "", .binding_required = binding_required };
    if (binding) c->binding = *binding;
    CHECK(c->binding.n <= SCRAM_BINDING_MOST);
    CHECK(scram_base64(bytes_make(nonce, SCRAM_NONCE_BYTES), c->nonce, sizeof c->nonce));
}

/* Looks at the whole list. False: malformed. */
static bool read_mechanisms(struct bytes list, bool *plain_out, bool *plus_out)
{
    *plain_out = *plus_out = false;
    while (list.n > 1) {
        const uint8_t *nul = memchr(list.p, 0, list.n);
        if (!nul || nul == list.p) return false;
        struct bytes name = bytes_make(list.p, (size_t)(nul - list.p));
        *plain_out |= bytes_is(name, SCRAM_PLAIN);
        *plus_out |= bytes_is(name, SCRAM_PLUS);
        list = bytes_slice(list, name.n + 1, list.n);
    }
    return list.n == 1 && list.p[0] == 0;
}

enum scram_step scram_client_begin(struct scram_client *c, struct bytes mechanisms)
{
    bool plain, plus;
    if (c->state != SCRAM_FRESH) return refuse(c, "the server asked for SASL out of turn");
    if (mechanisms.n > SCRAM_MESSAGE_MOST || !read_mechanisms(mechanisms, &plain, &plus))
        return refuse(c, "the server's list of SASL mechanisms is malformed");
    bool can_bind = c->binding.n > 0;
    if (c->binding_required && !(can_bind && plus))
        return refuse(c, "channel binding is required, and this connection has none");
    if (can_bind && plus) {
        c->mechanism = SCRAM_PLUS;
        snprintf(c->header, sizeof c->header, "p=tls-server-end-point,,");
    } else if (plain) {
        c->mechanism = SCRAM_PLAIN;
        snprintf(c->header, sizeof c->header, "%s,,", can_bind ? "y" : "n");
    } else {
        return refuse(c, "the server offers no SASL mechanism that fits");
    }
    c->n_first = (size_t)snprintf(c->text, sizeof c->text, "n=,r=%s", c->nonce);
    int n = snprintf(c->sent, sizeof c->sent, "%s%s", c->header, c->text);
    CHECK(n > 0 && (size_t)n < sizeof c->sent);
    c->out = bytes_make(c->sent, (size_t)n);
    c->state = SCRAM_FIRST_SENT;
    return SCRAM_SEND;
}

/* A decimal number from 1 to the ceiling, without sign or leading zero. */
static bool read_iterations(struct bytes text, uint32_t *out)
{
    int64_t n = 0;
    if (text.n == 0 || text.n > 10 || text.p[0] < '1' || text.p[0] > '9' || !bytes_to_int64(text, &n) ||
        n > SCRAM_ITERATIONS_MOST)
        return false;
    *out = (uint32_t)n;
    return true;
}

enum scram_step scram_client_challenge(struct scram_client *c, struct bytes server_first)
{
    if (c->state != SCRAM_FIRST_SENT) return refuse(c, "the server's challenge came out of turn");
    if (server_first.n > SCRAM_MESSAGE_MOST) return refuse(c, "the server's challenge is too long");
    struct bytes rest = server_first, nonce, salt, iterations, ours = bytes_of(c->nonce);
    if (!scram_attribute(&rest, 'r', &nonce) || !scram_attribute(&rest, 's', &salt) ||
        !scram_attribute(&rest, 'i', &iterations))
        return refuse(c, "the server's challenge is malformed");
    /* What may follow are extensions, which RFC 5802 lets a client pass over; PostgreSQL sends none. */
    if (rest.n) return refuse(c, "the server's challenge has an unknown extension");
    if (!scram_is_nonce(nonce) || nonce.n <= ours.n || !bytes_equal(bytes_slice(nonce, 0, ours.n), ours))
        return refuse(c, "the server's nonce does not continue ours");
    ptrdiff_t n_salt = scram_unbase64(salt, c->salt, sizeof c->salt);
    if (n_salt < 0) return refuse(c, "the server's salt is malformed");
    if (!read_iterations(iterations, &c->iterations))
        return refuse(c, "the server's iteration count is out of bounds");
    c->n_salt = (size_t)n_salt;

    size_t n = c->n_first;
    bool fits = scram_put(c->text, sizeof c->text, &n, bytes_of(",")) &&
                scram_put(c->text, sizeof c->text, &n, server_first) &&
                scram_put(c->text, sizeof c->text, &n, bytes_of(","));
    c->n_auth = n; /* for now: where client-final starts */
    fits = fits &&
           scram_put_channel(c->text, sizeof c->text, &n, c->header,
                             bytes_make(c->binding.hash, c->binding.n)) &&
           scram_put(c->text, sizeof c->text, &n, bytes_of(",r=")) &&
           scram_put(c->text, sizeof c->text, &n, nonce);
    if (!fits) return refuse(c, "the server's challenge is too long");
    c->n_text = n;
    c->auth_message = bytes_make(c->text, n);
    c->state = SCRAM_PROOF_WANTED;
    return SCRAM_PROVE;
}

enum scram_step scram_client_prove(struct scram_client *c, const uint8_t proof[PASSWORD_KEY_BYTES],
                                   const uint8_t server_signature[PASSWORD_KEY_BYTES])
{
    if (c->state != SCRAM_PROOF_WANTED) return refuse(c, "the proof came out of turn");
    char coded[64];
    size_t n = c->n_text;
    if (!scram_base64(bytes_make(proof, PASSWORD_KEY_BYTES), coded, sizeof coded) ||
        !scram_put(c->text, sizeof c->text, &n, bytes_of(",p=")) ||
        !scram_put(c->text, sizeof c->text, &n, bytes_of(coded)))
        return refuse(c, "the proof does not fit");
    memcpy(c->server_signature, server_signature, PASSWORD_KEY_BYTES);
    c->auth_message = (struct bytes){ 0 };
    c->out = bytes_make(c->text + c->n_auth, n - c->n_auth);
    c->state = SCRAM_FINAL_SENT;
    return SCRAM_SEND;
}

/* e=… is shown, since it tells a wrong password from a wrong server; only letters and hyphens of it. */
static enum scram_step refuse_error(struct scram_client *c, struct bytes error)
{
    char code[33];
    size_t n = 0;
    for (size_t i = 0; i < error.n && n < sizeof code - 1; i++)
        if ((error.p[i] | 0x20) >= 'a' && (error.p[i] | 0x20) <= 'z')
            code[n++] = (char)error.p[i];
        else if (error.p[i] == '-')
            code[n++] = '-';
    code[n] = 0;
    snprintf(c->error, sizeof c->error, "the server refused the proof: %s", code);
    return refuse(c, c->error);
}

enum scram_step scram_client_finish(struct scram_client *c, struct bytes server_final)
{
    uint8_t signature[PASSWORD_KEY_BYTES];
    struct bytes rest = server_final, value;
    if (c->state != SCRAM_FINAL_SENT) return refuse(c, "the server's final message came out of turn");
    if (server_final.n > SCRAM_MESSAGE_MOST) return refuse(c, "the server's final message is too long");
    if (scram_attribute(&rest, 'e', &value)) return refuse_error(c, value);
    if (!scram_attribute(&rest, 'v', &value) || rest.n ||
        scram_unbase64(value, signature, sizeof signature) != PASSWORD_KEY_BYTES)
        return refuse(c, "the server's final message is malformed");
    if (!bytes_equal_constant_time(bytes_make(signature, sizeof signature),
                                   bytes_make(c->server_signature, PASSWORD_KEY_BYTES)))
        return refuse(c, "the server's signature is wrong: it does not know the password");
    c->out = (struct bytes){ 0 };
    c->state = SCRAM_FINISHED;
    return SCRAM_DONE;
}
