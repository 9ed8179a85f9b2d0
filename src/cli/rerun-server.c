/* libpq logs in; the socket, or the TLS connection on it, is used directly from then on. GSS encryption is
 * switched off, since nothing but libpq can speak through it. */
#include "cli/rerun-server.h"
#include "base/cursor.h"
#include "pgwire/report.h"
#include <errno.h>
#include <libpq-fe.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_CEILING = 1 << 30, READ = 64 * 1024, OPTIONS_CEILING = 256 * 1024, COLUMNS = 64 };

struct rerun_server {
    PGconn *connection;
    SSL *ssl; /* NULL: none */
    int fd;
    struct buf in, out;
    size_t used; /* of `in`, by the message that was handed out last */
    bool lost;
    char why[512];
};

/* `options` of the start-up packet: words between blanks, with backslashes before blanks and backslashes. */
static void add_escaped(struct buf *out, struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ' || text.p[i] == '\\' || (text.p[i] >= '\t' && text.p[i] <= '\r'))
            buf_put_u8(out, '\\');
        buf_put_u8(out, text.p[i]);
    }
}

static void add_setting(struct buf *options, struct bytes name, struct bytes value)
{
    buf_append_text(options, buf_length(options) ? " -c " : "-c ");
    add_escaped(options, name);
    buf_append_text(options, "=");
    add_escaped(options, value);
}

/* What the caller's own string has for options, and the recorded session's settings behind it. */
static bool make_options(const char *connection, const struct rerun_script *script, struct buf *options,
                         struct buf *error)
{
    char *message = NULL;
    PQconninfoOption *all = PQconninfoParse(connection, &message);
    if (!all) {
        buf_append_text(error, message ? message : "out of memory");
        PQfreemem(message);
        return false;
    }
    for (PQconninfoOption *o = all; o->keyword; o++)
        if (o->val && strcmp(o->keyword, "options") == 0) buf_append_text(options, o->val);
    PQconninfoFree(all);
    for (size_t i = 0; script && i < script->n_settings; i++)
        add_setting(options, script->settings[i].name, script->settings[i].value);
    buf_put_u8(options, 0);
    return !options->failed;
}

static PGconn *connect_with(const char *connection, const char *options)
{
    const char *names[] = { "connect_timeout", "fallback_application_name",
                            "dbname",          "options",
                            "gssencmode",      NULL };
    const char *values[] = { "15", "postern rerun", connection, options, "disable", NULL };
    return PQconnectdbParams(names, values, 1);
}

struct rerun_server *rerun_server_open(const char *connection, const struct rerun_script *script,
                                       struct buf *error)
{
    struct buf options;
    buf_init(&options, OPTIONS_CEILING);
    bool good = make_options(connection, script, &options, error);
    struct rerun_server *s = good ? calloc(1, sizeof *s) : NULL;
    if (s) s->connection = connect_with(connection, (const char *)buf_bytes(&options).p);
    buf_free(&options);
    if (!s || PQstatus(s->connection) != CONNECTION_OK) {
        if (s) buf_append_text(error, PQerrorMessage(s->connection));
        if (s) PQfinish(s->connection);
        free(s);
        return NULL;
    }
    s->fd = PQsocket(s->connection);
    s->ssl = PQsslStruct(s->connection, "OpenSSL");
    buf_init(&s->in, MESSAGE_CEILING);
    buf_init(&s->out, MESSAGE_CEILING);
    return s;
}

/* Terminate goes as libpq sends it. */
void rerun_server_close(struct rerun_server *s)
{
    if (!s) return;
    PQfinish(s->connection);
    buf_free(&s->in);
    buf_free(&s->out);
    free(s);
}

struct rerun_place rerun_server_place(const struct rerun_server *s)
{
    return (struct rerun_place){ PQhost(s->connection), PQhostaddr(s->connection), PQport(s->connection),
                                 PQdb(s->connection), PQuser(s->connection) };
}

const char *rerun_server_version(const struct rerun_server *s)
{
    const char *version = PQparameterStatus(s->connection, "server_version");
    return version ? version : "";
}

struct buf *rerun_server_out(struct rerun_server *s)
{
    return &s->out;
}

const char *rerun_server_lost(const struct rerun_server *s)
{
    return s->why;
}

static bool lose(struct rerun_server *s, const char *why)
{
    if (!s->why[0]) snprintf(s->why, sizeof s->why, "%s", why);
    s->lost = true;
    return false;
}

/* n: what the call returned. 1: it did something; 0: it would have to wait; -1: the connection is gone. */
static int judge(struct rerun_server *s, ssize_t n)
{
    if (n > 0) return 1;
    if (s->ssl) {
        int error = SSL_get_error(s->ssl, (int)n);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return 0;
    } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        return 0;
    }
    lose(s, n == 0 ? "the server ended the connection" : strerror(errno));
    return -1;
}

static int send_some(struct rerun_server *s)
{
    struct bytes b = buf_bytes(&s->out);
    int most = b.n > READ ? READ : (int)b.n;
    ssize_t n =
        s->ssl ? SSL_write(s->ssl, b.p, most) : send(s->fd, b.p, (size_t)most, MSG_NOSIGNAL | MSG_DONTWAIT);
    int did = judge(s, n);
    if (did > 0) buf_consume(&s->out, (size_t)n);
    return did;
}

static int read_some(struct rerun_server *s)
{
    uint8_t *room = buf_room(&s->in, READ);
    if (!room) {
        lose(s, "a message of the server is larger than 1 GiB");
        return -1;
    }
    ssize_t n = s->ssl ? SSL_read(s->ssl, room, READ) : recv(s->fd, room, READ, MSG_DONTWAIT);
    int did = judge(s, n);
    if (did > 0) buf_added(&s->in, (size_t)n);
    return did;
}

/* Sends and reads whatever goes; waits where nothing does. */
static bool exchange(struct rerun_server *s)
{
    int sent = buf_length(&s->out) ? send_some(s) : 0;
    int got = sent >= 0 ? read_some(s) : -1;
    if (sent < 0 || got < 0) return false;
    if (sent > 0 || got > 0) return true;
    struct pollfd p = { .fd = s->fd, .events = POLLIN };
    if (buf_length(&s->out)) p.events |= POLLOUT;
    return poll(&p, 1, -1) >= 0 || errno == EINTR || lose(s, strerror(errno));
}

static bool is_aside(uint8_t type)
{
    return type == MESSAGE_NOTICE_RESPONSE || type == MESSAGE_NOTIFICATION_RESPONSE ||
           type == MESSAGE_PARAMETER_STATUS;
}

/* Last words: what comes behind them is the end. */
static void keep_last_words(struct rerun_server *s, const struct message *m)
{
    struct bytes severity, says;
    if (m->type != MESSAGE_ERROR_RESPONSE || !report_check(m->body)) return;
    severity = report_field(m->body, 'V');
    says = report_field(m->body, 'M');
    if (bytes_is(severity, "FATAL") || bytes_is(severity, "PANIC"))
        snprintf(s->why, sizeof s->why, "%.*s", BYTES_FMT(bytes_slice(says, 0, 400)));
}

bool rerun_server_next(struct rerun_server *s, struct message *out)
{
    for (;;) {
        buf_consume(&s->in, s->used);
        s->used = 0;
        if (s->lost) return false;
        switch (message_peek(buf_bytes(&s->in), out)) {
        case MESSAGE_BAD: return lose(s, "the server does not speak the protocol");
        case MESSAGE_WHOLE:
            s->used = out->whole.n;
            keep_last_words(s, out);
            if (is_aside(out->type)) continue;
            return true;
        case MESSAGE_MORE:
        case MESSAGE_PARTIAL: break;
        }
        if (s->out.failed) return lose(s, "a message is larger than 1 GiB");
        if (!exchange(s)) return false;
    }
}

static size_t split_row(struct bytes body, struct bytes *values)
{
    struct cursor c = cursor_over(body);
    size_t n = cursor_u16(&c);
    for (size_t i = 0; i < n && i < COLUMNS; i++) {
        uint32_t length = cursor_u32(&c);
        values[i] = length == UINT32_MAX ? (struct bytes){ 0 } : cursor_take(&c, length);
        if (length == 0) values[i].p = (const uint8_t *)"";
    }
    return c.failed || n > COLUMNS ? 0 : n;
}

bool rerun_server_ask(struct rerun_server *s, struct bytes text,
                      void (*visit)(void *context, const struct bytes *values, size_t n), void *context)
{
    struct message m;
    bool good = true;
    size_t at = message_begin(&s->out, MESSAGE_QUERY);
    buf_put_cstring(&s->out, text);
    message_finish(&s->out, at);
    while (rerun_server_next(s, &m)) {
        struct bytes values[COLUMNS];
        if (m.type == MESSAGE_READY_FOR_QUERY) return good;
        if (m.type == MESSAGE_ERROR_RESPONSE) good = false;
        size_t n = m.type == MESSAGE_DATA_ROW ? split_row(m.body, values) : 0;
        if (n) visit(context, values, n);
    }
    return false;
}
