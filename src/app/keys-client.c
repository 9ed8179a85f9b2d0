/* The gateway's end of a socket to the keys child. Every packet of the child is checked for its length; one
 * that is not as expected means that the child is not what it should be, and the client is lost then. */
#include "app/keys-client.h"
#include "app/keys-wire.h"
#include "base/clock.h"
#include "base/secret.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCKING_MS = 60000, HEAD = 9, ANSWER_HEAD = 13 };

static int lose(struct keys_client *c)
{
    c->lost = true;
    shutdown(c->fd, SHUT_RDWR);
    return -EPIPE;
}

/* Sends one packet without waiting. 0, -EAGAIN, -EMSGSIZE or -EPIPE. */
static int send_packet(struct keys_client *c, uint64_t request, enum keys_verb verb, struct bytes body)
{
    uint8_t head[HEAD];
    if (c->lost) return -EPIPE;
    if (body.n > KEYS_PACKET_MOST - HEAD) return -EMSGSIZE;
    uint64_t swapped = __builtin_bswap64(request);
    memcpy(head, &swapped, 8);
    head[8] = (uint8_t)verb;
    struct iovec parts[2] = { { head, HEAD }, { (void *)body.p, body.n } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    ssize_t n;
    do
        n = sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) return 0;
    return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : lose(c);
}

/* Waits until the socket is ready for `events`; 0, -ETIMEDOUT. */
static int wait_for(struct keys_client *c, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd fd = { .fd = c->fd, .events = events };
        int64_t left_ms = (deadline_us - clock_monotonic_us(&clock_system)) / 1000;
        int n = poll(&fd, 1, left_ms > 0 ? (int)left_ms : 0);
        if (n > 0) return 0;
        if (n == 0) return -ETIMEDOUT;
        if (errno != EINTR) return -errno;
    }
}

/* One packet; 0 where none is there, its length, or -EPIPE. */
static ssize_t receive_packet(struct keys_client *c, uint8_t packet[KEYS_PACKET_MOST])
{
    if (c->lost) return -EPIPE;
    ssize_t n = recv(c->fd, packet, KEYS_PACKET_MOST, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    return n < ANSWER_HEAD ? lose(c) : n;
}

int keys_client_call(struct keys_client *c, enum keys_verb verb, struct bytes body, void *answer_out,
                     size_t n)
{
    int64_t deadline_us = clock_monotonic_us(&clock_system) + BLOCKING_MS * INT64_C(1000);
    uint64_t request = ++c->next_request;
    uint8_t packet[KEYS_PACKET_MOST];
    int rc;
    CHECK(c->n_outstanding == 0);
    while ((rc = send_packet(c, request, verb, body)) == -EAGAIN && !(rc = wait_for(c, POLLOUT, deadline_us)))
        continue;
    ssize_t got = 0;
    while (rc == 0 && (got = receive_packet(c, packet)) == 0)
        rc = wait_for(c, POLLIN, deadline_us);
    if (rc == -ETIMEDOUT) lose(c);
    if (rc || got < 0) return rc ? rc : (int)got;
    struct cursor in = cursor_over(bytes_make(packet, (size_t)got));
    uint64_t for_request = cursor_u64(&in);
    uint8_t for_verb = cursor_u8(&in);
    uint32_t status = cursor_u32(&in);
    struct bytes answer = cursor_take(&in, cursor_left(&in));
    if (for_request != request || for_verb != verb || status > 4095)
        rc = lose(c);
    else if (status)
        rc = -(int)status;
    else if (answer.n != n)
        rc = lose(c);
    else if (answer.n)
        memcpy(answer_out, answer.p, answer.n);
    secret_wipe(packet, (size_t)got);
    return rc;
}

int keys_client_wrap(struct keys_client *c, const uint8_t key[32], uint8_t wrapped_out[60])
{
    return keys_client_call(c, KEYS_VERB_WRAP, bytes_make(key, 32), wrapped_out, 60);
}

int keys_client_unwrap(struct keys_client *c, const uint8_t wrapped[60], uint8_t key_out[32])
{
    return keys_client_call(c, KEYS_VERB_UNWRAP, bytes_make(wrapped, 60), key_out, 32);
}

int keys_client_sign(struct keys_client *c, struct bytes message, uint8_t signature_out[64])
{
    if (message.n > KEYS_SIGN_MOST) return -EMSGSIZE;
    return keys_client_call(c, KEYS_VERB_SIGN, message, signature_out, 64);
}

int keys_client_public(struct keys_client *c, uint8_t public_key_out[32])
{
    return keys_client_call(c, KEYS_VERB_PUBLIC, (struct bytes){ 0 }, public_key_out, 32);
}

static int record_wrap(void *context, const uint8_t key[32], uint8_t wrapped_out[60])
{
    return keys_client_wrap(context, key, wrapped_out);
}
static int record_unwrap(void *context, const uint8_t wrapped[60], uint8_t key_out[32])
{
    return keys_client_unwrap(context, wrapped, key_out);
}
static int record_sign(void *context, struct bytes message, uint8_t signature_out[64])
{
    return keys_client_sign(context, message, signature_out);
}

int keys_client_record_keys(struct keys_client *c, struct record_keys *keys_out)
{
    *keys_out = (struct record_keys){
        .context = c, .wrap = record_wrap, .unwrap = record_unwrap, .sign = record_sign
    };
    return keys_client_public(c, keys_out->public_key);
}

static int send_question(struct keys_client *c, uint64_t request, enum keys_verb verb, struct buf *body)
{
    int rc = body->failed ? -ENOMEM : send_packet(c, request, verb, buf_bytes(body));
    if (rc == 0) c->n_outstanding++;
    buf_free(body);
    return rc;
}

int keys_client_send_scram(struct keys_client *c, struct bytes login, struct bytes salt, uint32_t iterations,
                           struct bytes auth_message, uint64_t request)
{
    struct buf b;
    if (c->lost) return -EPIPE;
    if (c->n_outstanding >= KEYS_OUTSTANDING_MOST) return -EAGAIN;
    if (login.n > KEYS_LOGIN_ID_MOST || salt.n > 1024 || auth_message.n > KEYS_AUTH_MESSAGE_MOST)
        return -EMSGSIZE;
    buf_init(&b, 2 * KEYS_PACKET_MOST);
    buf_put_counted(&b, login);
    buf_put_counted(&b, salt);
    buf_put_u32(&b, iterations);
    buf_put_counted(&b, auth_message);
    return send_question(c, request, KEYS_VERB_SCRAM, &b);
}

int keys_client_send_md5(struct keys_client *c, struct bytes login, struct bytes user, const uint8_t salt[4],
                         uint64_t request)
{
    struct buf b;
    if (c->lost) return -EPIPE;
    if (c->n_outstanding >= KEYS_OUTSTANDING_MOST) return -EAGAIN;
    if (login.n > KEYS_LOGIN_ID_MOST || user.n > KEYS_AUTH_MESSAGE_MOST) return -EMSGSIZE;
    buf_init(&b, 2 * KEYS_PACKET_MOST);
    buf_put_counted(&b, login);
    buf_put_counted(&b, user);
    buf_append(&b, bytes_make(salt, 4));
    return send_question(c, request, KEYS_VERB_MD5, &b);
}

int keys_client_fd(const struct keys_client *c)
{
    return c->fd;
}

enum keys_receive keys_client_receive(struct keys_client *c, struct keys_reply *reply_out)
{
    uint8_t packet[KEYS_PACKET_MOST];
    ssize_t n = receive_packet(c, packet);
    if (n == 0) return KEYS_NOTHING;
    if (n < 0) return KEYS_LOST;
    struct cursor in = cursor_over(bytes_make(packet, (size_t)n));
    *reply_out = (struct keys_reply){ .request = cursor_u64(&in) };
    uint8_t verb = cursor_u8(&in);
    uint32_t status = cursor_u32(&in);
    bool sound = status <= 4095 && c->n_outstanding > 0;
    reply_out->status = -(int)(sound ? status : EPIPE);
    if (sound && status == 0 && verb == KEYS_VERB_SCRAM && cursor_left(&in) == 64) {
        memcpy(reply_out->proof, cursor_take(&in, 32).p, 32);
        memcpy(reply_out->server_signature, cursor_take(&in, 32).p, 32);
    } else if (sound && status == 0 && verb == KEYS_VERB_MD5 && cursor_left(&in) == PASSWORD_MD5_TEXT - 1) {
        memcpy(reply_out->md5, cursor_take(&in, PASSWORD_MD5_TEXT - 1).p, PASSWORD_MD5_TEXT - 1);
    } else if (!sound || status == 0) {
        lose(c);
        return KEYS_LOST;
    }
    c->n_outstanding--;
    return KEYS_REPLY;
}
