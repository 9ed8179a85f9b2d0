/* The keys child at work: one thread, one poll loop. Signatures and wraps are answered at once; logins are
 * jobs (keys-login.h), of which one slice is done a turn, so that nothing waits longer than that. A client
 * that sends what the protocol does not know is a gateway gone wrong: the child ends, and takes the keys with
 * it. */
#include "app/keys-serve.h"
#include "app/keys-wire.h"
#include "base/log.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct server {
    const struct keys_vault *vault;
    struct keys_desk *desk;
    int *clients; /* -1: ended */
    unsigned *n_outstanding;
    size_t n_clients, n_open;
};

_Noreturn static void end_on(const char *why)
{
    log_line(LOG_ERROR, "the keys child ends reason=\"%s\"", why);
    _exit(3);
}

static void close_client(struct server *s, size_t i)
{
    close(s->clients[i]);
    s->clients[i] = -1;
    if (--s->n_open == 0) _exit(0);
}

static void reply(struct server *s, size_t i, uint64_t request, enum keys_verb verb, int status,
                  const void *body, size_t n)
{
    uint8_t packet[13 + 64];
    uint64_t request_swapped = __builtin_bswap64(request);
    uint32_t status_swapped = __builtin_bswap32((uint32_t)-status);
    CHECK(n <= 64 && status <= 0);
    if (s->clients[i] < 0) return;
    if (status) n = 0;
    memcpy(packet, &request_swapped, 8);
    packet[8] = (uint8_t)verb;
    memcpy(packet + 9, &status_swapped, 4);
    if (n) memcpy(packet + 13, body, n);
    /* A client has at most KEYS_OUTSTANDING_MOST answers to fetch, and they fit. */
    if (send(s->clients[i], packet, 13 + n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) close_client(s, i);
    secret_wipe(packet, sizeof packet);
}

static void serve_key(struct server *s, size_t i, uint64_t request, enum keys_verb verb, struct bytes body)
{
    uint8_t answer[64] = { 0 };
    size_t n = 0;
    int rc = 0;
    if (!s->vault) end_on("a request for a key, where there is none");
    if (verb == KEYS_VERB_PUBLIC && body.n == 0) {
        keys_vault_public(s->vault, answer);
        n = 32;
    } else if (verb == KEYS_VERB_WRAP && body.n == 32) {
        rc = keys_vault_wrap(s->vault, body.p, answer);
        n = 60;
    } else if (verb == KEYS_VERB_UNWRAP && body.n == 60) {
        rc = keys_vault_unwrap(s->vault, body.p, answer);
        n = 32;
    } else if (verb == KEYS_VERB_SIGN && body.n <= KEYS_SIGN_MOST) {
        rc = keys_vault_sign(s->vault, body, answer);
        n = 64;
    } else {
        end_on("a request of the wrong length");
    }
    reply(s, i, request, verb, rc, answer, n);
    secret_wipe(answer, sizeof answer);
}

static void serve_login(struct server *s, size_t i, uint64_t request, enum keys_verb verb, struct bytes body)
{
    struct cursor in = cursor_over(body);
    struct keys_question q = { .client = (unsigned)i, .request = request, .md5 = verb == KEYS_VERB_MD5 };
    q.login = cursor_counted(&in);
    if (q.md5) {
        q.text = cursor_counted(&in);
        q.salt = cursor_take(&in, 4);
    } else {
        q.salt = cursor_counted(&in);
        q.iterations = cursor_u32(&in);
        q.text = cursor_counted(&in);
    }
    if (!cursor_done(&in) || q.login.n > KEYS_LOGIN_ID_MOST) end_on("a malformed login request");
    if (s->n_outstanding[i] >= KEYS_OUTSTANDING_MOST) end_on("more requests than a client may have");
    int rc = keys_desk_ask(s->desk, &q);
    if (rc)
        reply(s, i, request, verb, rc, NULL, 0);
    else
        s->n_outstanding[i]++;
}

static void serve_control(struct server *s, size_t i, uint64_t request, enum keys_verb verb,
                          struct bytes body)
{
    struct cursor in = cursor_over(body);
    int rc = 0;
    if (verb == KEYS_VERB_LOGINS_BEGIN) {
        keys_desk_logins_begin(s->desk);
    } else if (verb == KEYS_VERB_LOGINS_ADD) {
        struct bytes id = cursor_counted(&in), source = cursor_counted(&in);
        if (!cursor_done(&in)) end_on("a malformed login");
        rc = keys_desk_logins_add(s->desk, id, source);
    } else {
        keys_desk_logins_commit(s->desk);
    }
    reply(s, i, request, verb, rc, NULL, 0);
}

static void serve_client(struct server *s, size_t i)
{
    uint8_t packet[KEYS_PACKET_MOST];
    ssize_t n = recv(s->clients[i], packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        close_client(s, i);
        return;
    }
    if ((size_t)n > sizeof packet) end_on("a request above the ceiling");
    struct cursor in = cursor_over(bytes_make(packet, (size_t)n));
    uint64_t request = cursor_u64(&in);
    enum keys_verb verb = (enum keys_verb)cursor_u8(&in);
    struct bytes body = cursor_take(&in, cursor_left(&in));
    if (in.failed) end_on("a request without a head");
    switch (verb) {
    case KEYS_VERB_PUBLIC:
    case KEYS_VERB_WRAP:
    case KEYS_VERB_UNWRAP:
    case KEYS_VERB_SIGN: serve_key(s, i, request, verb, body); break;
    case KEYS_VERB_SCRAM:
    case KEYS_VERB_MD5: serve_login(s, i, request, verb, body); break;
    case KEYS_VERB_LOGINS_BEGIN:
    case KEYS_VERB_LOGINS_ADD:
    case KEYS_VERB_LOGINS_COMMIT:
        if (i != s->n_clients - 1) end_on("a control request on another socket");
        serve_control(s, i, request, verb, body);
        break;
    case KEYS_VERB_HELLO:
    default: end_on("an unknown request");
    }
    secret_wipe(packet, (size_t)n);
}

static void work(struct server *s)
{
    struct keys_result r;
    if (!keys_desk_work(s->desk, &r)) return;
    uint8_t both[64];
    s->n_outstanding[r.client]--;
    if (r.md5) {
        reply(s, r.client, r.request, KEYS_VERB_MD5, r.status, r.md5_text, PASSWORD_MD5_TEXT - 1);
    } else {
        memcpy(both, r.proof, 32);
        memcpy(both + 32, r.server_signature, 32);
        reply(s, r.client, r.request, KEYS_VERB_SCRAM, r.status, both, sizeof both);
    }
}

_Noreturn void keys_serve(const struct keys_vault *vault, struct keys_desk *desk, int reader, int *clients,
                          size_t n_clients)
{
    struct server s = { vault, desk, clients, calloc(n_clients, sizeof(unsigned)), n_clients, n_clients };
    struct pollfd *fds = calloc(n_clients + 1, sizeof *fds);
    CHECK(fds && s.n_outstanding);
    for (;;) {
        for (size_t i = 0; i < n_clients; i++)
            fds[i] = (struct pollfd){ .fd = clients[i], .events = POLLIN };
        fds[n_clients] = (struct pollfd){ .fd = reader, .events = POLLIN };
        if (poll(fds, n_clients + 1, keys_desk_has_work(desk) ? 0 : -1) < 0 && errno != EINTR)
            end_on("poll failed");
        for (size_t i = 0; i < n_clients; i++)
            if (fds[i].revents) serve_client(&s, i);
        if (fds[n_clients].revents && keys_desk_hear_reader(desk)) end_on("the source reader is gone");
        work(&s);
    }
}
