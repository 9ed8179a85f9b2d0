/* The server's side of SCRAM, for short-lived logins. The client is not trusted. A verifier that is a mock
 * goes through the same steps and fails at the last. Sources: RFC 5802 sections 5 to 7, RFC 7677. */
#include "base/buf.h"
#include "base/codec.h"
#include "pgwire/scram-text.h"
#include "pgwire/scram.h"
#include <stdio.h>

static enum scram_step refuse(struct scram_server *s, const char *why)
{
    s->state = SCRAM_OVER;
    s->why = why;
    s->out = (struct bytes){ 0 };
    return SCRAM_REFUSED;
}

void scram_server_init(struct scram_server *s, const uint8_t nonce[SCRAM_NONCE_BYTES],
                       const struct scram_verifier *verifier, const struct scram_binding *binding)
{
    *s = (struct scram_server){ .state = SCRAM_FRESH, .why = "", .verifier = *verifier };
    if (binding) s->binding = *binding;
    CHECK(s->binding.n <= SCRAM_BINDING_MOST && verifier->n_salt <= SCRAM_SALT_MOST);
    CHECK(scram_base64(bytes_make(nonce, SCRAM_NONCE_BYTES), s->nonce, sizeof s->nonce));
}

struct bytes scram_server_mechanisms(const struct scram_server *s)
{
    static const char both[] = SCRAM_PLUS "\0" SCRAM_PLAIN "\0";
    static const char plain[] = SCRAM_PLAIN "\0";
    return s->binding.n ? bytes_make(both, sizeof both) : bytes_make(plain, sizeof plain);
}

/* The gs2 header of client-first, against the mechanism and what we offered: NULL, or what is wrong. */
static const char *read_header(struct scram_server *s, struct bytes *rest)
{
    static const char *const headers[] = { "n,,", "y,,", "p=tls-server-end-point,," };
    for (size_t i = 0; i < 3; i++) {
        if (!bytes_starts_with(*rest, headers[i])) continue;
        if ((i == 2) != s->plus) return "the channel binding flag and the mechanism disagree";
        if (i == 1 && s->binding.n)
            return "the client was told that channel binding is not offered: someone stands between";
        snprintf(s->header, sizeof s->header, "%s", headers[i]);
        *rest = bytes_slice(*rest, strlen(headers[i]), rest->n);
        return NULL;
    }
    return "the client's channel binding flag is malformed or not supported";
}

enum scram_step scram_server_begin(struct scram_server *s, struct bytes mechanism, struct bytes client_first)
{
    struct bytes rest = client_first, user, nonce;
    if (s->state != SCRAM_FRESH) return refuse(s, "the client's first message came out of turn");
    s->plus = bytes_is(mechanism, SCRAM_PLUS);
    if (!(s->plus ? s->binding.n > 0 : bytes_is(mechanism, SCRAM_PLAIN)))
        return refuse(s, "the client chose a mechanism that was not offered");
    if (client_first.n > SCRAM_MESSAGE_MOST) return refuse(s, "the client's first message is too long");
    const char *wrong = read_header(s, &rest);
    if (wrong) return refuse(s, wrong);
    struct bytes bare = rest;
    /* m= is an extension that must be understood; there are none. The name in n= is not used: the start-up
     * packet's counts. */
    if (!scram_attribute(&rest, 'n', &user) || !scram_attribute(&rest, 'r', &nonce) || rest.n ||
        !scram_is_nonce(nonce))
        return refuse(s, "the client's first message is malformed");

    char salt[2 * SCRAM_SALT_MOST], count[16];
    size_t n = 0;
    snprintf(count, sizeof count, ",i=%u", s->verifier.iterations);
    bool fits = scram_base64(bytes_make(s->verifier.salt, s->verifier.n_salt), salt, sizeof salt) &&
                scram_put(s->text, sizeof s->text, &n, bare) &&
                scram_put(s->text, sizeof s->text, &n, bytes_of(","));
    size_t first_at = n;
    fits = fits && scram_put(s->text, sizeof s->text, &n, bytes_of("r="));
    s->nonce_at = n;
    fits = fits && scram_put(s->text, sizeof s->text, &n, nonce) &&
           scram_put(s->text, sizeof s->text, &n, bytes_of(s->nonce));
    s->n_nonce = n - s->nonce_at;
    fits = fits && scram_put(s->text, sizeof s->text, &n, bytes_of(",s=")) &&
           scram_put(s->text, sizeof s->text, &n, bytes_of(salt)) &&
           scram_put(s->text, sizeof s->text, &n, bytes_of(count));
    if (!fits || n - first_at > SCRAM_MESSAGE_MOST) return refuse(s, "the client's nonce is too long");
    s->n_text = n;
    s->out = bytes_make(s->text + first_at, n - first_at);
    s->state = SCRAM_FIRST_SENT;
    return SCRAM_SEND;
}

/* Whether c= is what our own view of the channel gives. */
static bool channel_is_right(const struct scram_server *s, struct bytes channel)
{
    char expected[200];
    size_t n = 0;
    return scram_put_channel(expected, sizeof expected, &n, s->header,
                             bytes_make(s->binding.hash, s->binding.n)) &&
           bytes_equal_constant_time(channel, bytes_make(expected + 2, n - 2));
}

enum scram_step scram_server_finish(struct scram_server *s, struct bytes client_final)
{
    struct bytes rest = client_final, channel, nonce, coded;
    uint8_t proof[PASSWORD_KEY_BYTES], signature[PASSWORD_KEY_BYTES];
    if (s->state != SCRAM_FIRST_SENT) return refuse(s, "the client's final message came out of turn");
    if (client_final.n > SCRAM_MESSAGE_MOST) return refuse(s, "the client's final message is too long");
    if (!scram_attribute(&rest, 'c', &channel) || !scram_attribute(&rest, 'r', &nonce))
        return refuse(s, "the client's final message is malformed");
    size_t n_without_proof = (size_t)(nonce.p + nonce.n - client_final.p);
    if (!scram_attribute(&rest, 'p', &coded) || rest.n ||
        scram_unbase64(coded, proof, sizeof proof) != PASSWORD_KEY_BYTES)
        return refuse(s, "the client's final message is malformed");
    if (!channel_is_right(s, channel)) return refuse(s, "the client sees another channel than we do");
    if (!bytes_equal_constant_time(nonce, bytes_make(s->text + s->nonce_at, s->n_nonce)))
        return refuse(s, "the client's nonce is another");
    if (!scram_put(s->text, sizeof s->text, &s->n_text, bytes_of(",")) ||
        !scram_put(s->text, sizeof s->text, &s->n_text, bytes_slice(client_final, 0, n_without_proof)))
        return refuse(s, "the client's final message is too long");

    struct bytes auth_message = bytes_make(s->text, s->n_text);
    bool holds = password_proof_holds(s->verifier.stored, auth_message, proof);
    if (!holds || s->verifier.mock) return refuse(s, "the password is wrong");
    size_t n = 0;
    char text[64];
    if (password_hmac(bytes_make(s->verifier.server, PASSWORD_KEY_BYTES), auth_message, (struct bytes){ 0 },
                      signature) ||
        !scram_base64(bytes_make(signature, sizeof signature), text, sizeof text) ||
        !scram_put(s->sent, sizeof s->sent, &n, bytes_of("v=")) ||
        !scram_put(s->sent, sizeof s->sent, &n, bytes_of(text)))
        return refuse(s, "the signature could not be made");
    s->out = bytes_make(s->sent, n);
    s->state = SCRAM_FINISHED;
    return SCRAM_DONE;
}

/* The part up to `separator`, which *rest moves behind; false where there is none. */
static bool take_until(struct bytes *rest, char separator, struct bytes *part_out)
{
    const uint8_t *at = rest->n ? memchr(rest->p, separator, rest->n) : NULL;
    if (!at) return false;
    *part_out = bytes_make(rest->p, (size_t)(at - rest->p));
    *rest = bytes_slice(*rest, part_out->n + 1, rest->n);
    return true;
}

bool scram_verifier_parse(struct bytes text, struct scram_verifier *verifier_out)
{
    struct bytes method, iterations, salt, stored;
    struct scram_verifier v = { 0 };
    int64_t n = 0;
    if (text.n > SCRAM_MESSAGE_MOST || !take_until(&text, '$', &method) || !bytes_is(method, SCRAM_PLAIN) ||
        !take_until(&text, ':', &iterations) || !take_until(&text, '$', &salt) ||
        !take_until(&text, ':', &stored))
        return false;
    if (!bytes_to_int64(iterations, &n) || n < 1 || n > SCRAM_ITERATIONS_MOST) return false;
    ptrdiff_t n_salt = scram_unbase64(salt, v.salt, sizeof v.salt);
    if (n_salt < 0 || scram_unbase64(stored, v.stored, sizeof v.stored) != PASSWORD_KEY_BYTES ||
        scram_unbase64(text, v.server, sizeof v.server) != PASSWORD_KEY_BYTES)
        return false;
    v.iterations = (uint32_t)n;
    v.n_salt = (size_t)n_salt;
    *verifier_out = v;
    return true;
}

void scram_verifier_format(const struct scram_verifier *v, struct buf *out)
{
    buf_printf(out, SCRAM_PLAIN "$%u:", v->iterations);
    codec_base64(CODEC_BASE64, bytes_make(v->salt, v->n_salt), out);
    buf_append_text(out, "$");
    codec_base64(CODEC_BASE64, bytes_make(v->stored, PASSWORD_KEY_BYTES), out);
    buf_append_text(out, ":");
    codec_base64(CODEC_BASE64, bytes_make(v->server, PASSWORD_KEY_BYTES), out);
}
