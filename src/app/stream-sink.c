/* A file never ends in half a line: what could not be written whole is cut off again, and so is what the
 * death of a process left at the end.
 *
 * TCP has no answer above it. A batch counts as taken when the other kernel has acknowledged its last byte
 * and the connection is there a moment later: a receiver that died with the batch unread has reset it by
 * then. */
#include "app/stream-sink.h"
#include "app/stream-tls.h"
#include "base/clock.h"
#include "base/cursor.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    TICK_MS = 100,
    SETTLE_MS = 200,
    CONNECT_MS = 10000,
    STALL_MS = 30000,
    PIECE = 4096,
    LINE_SCAN = 64 * 1024
};

struct stream_sink {
    const struct config_stream *to;
    const bool *stop;
    int fd; /* of a stream under TLS it is its connection's */
    struct stream_tls *tls;
    char why[STREAM_TLS_WHY]; /* what is wrong besides the error; empty: nothing */
    bool reopen;              /* atomic */
    char host[256];
    char path[4200];
};

struct stream_sink *stream_sink_new(const struct config_stream *to, const bool *stop)
{
    struct stream_sink *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->to = to;
    s->stop = stop;
    s->fd = -1;
    if (gethostname(s->host, sizeof s->host - 1) || !s->host[0]) snprintf(s->host, sizeof s->host, "-");
    snprintf(s->path, sizeof s->path, "%.*s", BYTES_FMT(to->way == CONFIG_STREAM_FILE ? to->file : to->host));
    return s;
}

static void sink_close(struct stream_sink *s)
{
    if (s->tls)
        stream_tls_close(s->tls);
    else if (s->fd > STDOUT_FILENO)
        close(s->fd);
    s->tls = NULL;
    s->fd = -1;
}

void stream_sink_free(struct stream_sink *s)
{
    if (!s) return;
    sink_close(s);
    free(s);
}

void stream_sink_reopen(struct stream_sink *s)
{
    __atomic_store_n(&s->reopen, true, __ATOMIC_SEQ_CST);
}

static bool stopped(const struct stream_sink *s)
{
    return __atomic_load_n(s->stop, __ATOMIC_SEQ_CST);
}

/* Octets are counted on both of them. */
static bool is_connected(const struct stream_sink *s)
{
    return s->to->way == CONFIG_STREAM_TCP || s->to->way == CONFIG_STREAM_TLS;
}

/* ---- forms */

static void put_syslog(const struct stream_sink *s, const struct stream_entry *e, struct buf *out)
{
    time_t seconds = e->time_us / 1000000;
    struct tm tm;
    gmtime_r(&seconds, &tm);
    buf_printf(out, "<%d>1 %04d-%02d-%02dT%02d:%02d:%02d.%06dZ %s postern - %s - ",
               (int)s->to->facility * 8 + e->severity, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
               tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(e->time_us % 1000000), s->host, e->kind);
    buf_append(out, e->json);
}

void stream_sink_format(const struct stream_sink *s, const struct stream_entry *e, struct buf *batch)
{
    if (s->to->way == CONFIG_STREAM_FILE) {
        buf_append(batch, e->json);
        buf_append_text(batch, "\n");
        return;
    }
    struct buf one;
    buf_init(&one, 2 << 20);
    put_syslog(s, e, &one);
    struct bytes message = buf_bytes(&one);
    if (is_connected(s))
        buf_printf(batch, "%lu ", (unsigned long)message.n);
    else
        buf_put_u32(batch, (uint32_t)message.n); /* for ourselves: a datagram each */
    buf_append(batch, message);
    if (one.failed) batch->failed = true;
    buf_free(&one);
}

/* ---- a file */

/* The place behind the last line that is whole. */
static off_t whole_lines(int fd, off_t size)
{
    uint8_t piece[LINE_SCAN];
    while (size > 0) {
        off_t from = size > (off_t)sizeof piece ? size - (off_t)sizeof piece : 0;
        ssize_t n = pread(fd, piece, (size_t)(size - from), from);
        if (n != size - from) return -1;
        const uint8_t *end = memrchr(piece, '\n', (size_t)n);
        if (end) return from + (end - piece) + 1;
        size = from;
    }
    return 0;
}

static int open_file(struct stream_sink *s)
{
    struct stat st;
    if (bytes_is(s->to->file, "-")) {
        s->fd = STDOUT_FILENO;
        return 0;
    }
    s->fd = open(s->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (s->fd < 0 && (errno == ENXIO || errno == EACCES)) /* a pipe that nobody reads, or may not be read */
        s->fd = open(s->path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (s->fd < 0) return -errno;
    if (fstat(s->fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0) return 0;
    off_t whole = whole_lines(s->fd, st.st_size);
    if (whole >= 0 && whole < st.st_size && ftruncate(s->fd, whole)) return -errno;
    return 0;
}

/* Whether the path still leads to the file: logrotate renames it, and tells by SIGHUP, or not. */
static bool was_moved(const struct stream_sink *s)
{
    struct stat mine, there;
    if (s->fd <= STDOUT_FILENO) return false;
    return fstat(s->fd, &mine) || stat(s->path, &there) || mine.st_ino != there.st_ino ||
           mine.st_dev != there.st_dev;
}

/* Waits until it takes something. */
static int wait_for(const struct stream_sink *s, short events)
{
    for (int waited = 0; waited < STALL_MS; waited += TICK_MS) {
        struct pollfd p = { .fd = s->fd, .events = events };
        int n = poll(&p, 1, TICK_MS);
        if (n > 0) return p.revents & (POLLERR | POLLNVAL) ? -EPIPE : 0;
        if (n < 0 && errno != EINTR) return -errno;
        if (stopped(s)) return -ECANCELED;
    }
    return -ETIMEDOUT;
}

static int write_all(const struct stream_sink *s, struct bytes b, bool regular)
{
    while (b.n) {
        int error = regular ? 0 : wait_for(s, POLLOUT);
        if (error) return error;
        ssize_t n = write(s->fd, b.p, regular || b.n < PIECE ? b.n : PIECE);
        if (n < 0 && errno == EAGAIN) continue;
        if (n < 0 && errno != EINTR) return -errno;
        if (n > 0) b = bytes_slice(b, (size_t)n, b.n);
    }
    return 0;
}

static int deliver_file(struct stream_sink *s, struct bytes batch)
{
    struct stat before;
    if (__atomic_exchange_n(&s->reopen, false, __ATOMIC_SEQ_CST) || was_moved(s)) sink_close(s);
    int error = s->fd < 0 ? open_file(s) : 0;
    if (!error && fstat(s->fd, &before)) error = -errno;
    if (error) {
        sink_close(s);
        return error;
    }
    bool regular = S_ISREG(before.st_mode);
    error = write_all(s, batch, regular);
    if (!error && regular && fdatasync(s->fd)) error = -errno;
    if (!error) return 0;
    if (regular && ftruncate(s->fd, before.st_size)) error = error ? error : -errno;
    sink_close(s); /* opening cuts what is left of half a line */
    return error;
}

/* ---- sockets */

static int connect_to(struct stream_sink *s, int family, int type, const struct sockaddr *address,
                      socklen_t n)
{
    int error = 0;
    socklen_t size = sizeof error;
    s->fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0) return -errno;
    if (connect(s->fd, address, n) == 0) return 0;
    if (errno != EINPROGRESS) return -errno;
    for (int waited = 0; waited < CONNECT_MS && !stopped(s); waited += TICK_MS) {
        struct pollfd p = { .fd = s->fd, .events = POLLOUT };
        if (poll(&p, 1, TICK_MS) <= 0) continue;
        return getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) ? -errno : -error;
    }
    return -ETIMEDOUT;
}

static int open_unix(struct stream_sink *s)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof address.sun_path, "%.107s", s->path);
    return connect_to(s, AF_UNIX, SOCK_DGRAM, (struct sockaddr *)&address, sizeof address);
}

static int open_net(struct stream_sink *s)
{
    int type = is_connected(s) ? SOCK_STREAM : SOCK_DGRAM, error = -EHOSTUNREACH;
    struct addrinfo hints = { .ai_socktype = type }, *all = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", s->to->port);
    if (getaddrinfo(s->path, port, &hints, &all)) return -EHOSTUNREACH;
    for (const struct addrinfo *a = all; a && error; a = a->ai_next) {
        sink_close(s);
        error = connect_to(s, a->ai_family, type, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(all);
    return error;
}

static int open_tls(struct stream_sink *s)
{
    int error = open_net(s), fd = s->fd;
    if (error) return error;
    s->fd = -1; /* taken over */
    error = stream_tls_open(s->to, fd, s->stop, &s->tls, s->why);
    if (!error) s->fd = fd;
    return error;
}

static bool is_gone(const struct stream_sink *s)
{
    struct pollfd p = { .fd = s->fd, .events = POLLIN | POLLRDHUP };
    uint8_t byte;
    if (s->tls) return stream_tls_is_gone(s->tls);
    if (poll(&p, 1, 0) <= 0) return false;
    if (p.revents & (POLLERR | POLLHUP | POLLRDHUP | POLLNVAL)) return true;
    return p.revents & POLLIN && recv(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sleep_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
    nanosleep(&t, NULL);
}

/* All of it acknowledged, and nobody gone since. */
static int settle(const struct stream_sink *s)
{
    int left = 1, error = 0;
    socklen_t size = sizeof error;
    for (int waited = 0; left && waited < STALL_MS; waited += TICK_MS / 10) {
        if (ioctl(s->fd, SIOCOUTQ, &left)) return -errno;
        if (is_gone(s)) return -EPIPE;
        if (stopped(s) && left) return -ECANCELED;
        if (left) sleep_ms(TICK_MS / 10);
    }
    if (left) return -ETIMEDOUT;
    sleep_ms(SETTLE_MS);
    if (is_gone(s) || getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) return -EPIPE;
    return 0;
}

static int send_tcp(const struct stream_sink *s, struct bytes b)
{
    while (b.n) {
        int error = wait_for(s, POLLOUT);
        if (error) return error;
        ssize_t n = send(s->fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) return -errno;
        if (n > 0) b = bytes_slice(b, (size_t)n, b.n);
    }
    return settle(s);
}

static int send_datagrams(const struct stream_sink *s, struct bytes b)
{
    struct cursor c = cursor_over(b);
    while (cursor_left(&c)) {
        struct bytes one = cursor_counted(&c);
        for (;;) {
            int error = wait_for(s, POLLOUT);
            if (error) return error;
            if (send(s->fd, one.p, one.n, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) break;
            if (errno == EMSGSIZE && one.n > 1024) {
                one.n /= 2; /* a beginning is more than nothing */
                continue;
            }
            if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) return -errno;
            sleep_ms(TICK_MS / 10);
        }
    }
    return 0;
}

static int open_socket(struct stream_sink *s)
{
    switch (s->to->way) {
    case CONFIG_STREAM_UNIX: return open_unix(s);
    case CONFIG_STREAM_TLS: return open_tls(s);
    case CONFIG_STREAM_UDP:
    case CONFIG_STREAM_TCP: return open_net(s);
    case CONFIG_STREAM_FILE: break;
    }
    return -EINVAL;
}

static int send_batch(struct stream_sink *s, struct bytes batch)
{
    if (!s->tls) return s->to->way == CONFIG_STREAM_TCP ? send_tcp(s, batch) : send_datagrams(s, batch);
    int error = stream_tls_send(s->tls, batch);
    return error ? error : settle(s);
}

const char *stream_sink_why(const struct stream_sink *s)
{
    return s->why;
}

int stream_sink_deliver(struct stream_sink *s, struct bytes batch)
{
    int error = 0;
    if (s->to->way == CONFIG_STREAM_FILE) return deliver_file(s, batch);
    s->why[0] = 0;
    if (s->fd >= 0 && is_connected(s) && is_gone(s)) sink_close(s);
    if (s->fd < 0) error = open_socket(s);
    if (!error) error = send_batch(s, batch);
    if (error) sink_close(s);
    return error;
}
