/* A thread of its own, poll, and a handful of clients: the command line's questions are rare, and none of
 * them touches a worker's loop but by a posted task. */
#include "app/control.h"
#include "app/control-approvals.h"
#include "app/control-store.h"
#include "app/log-note.h"
#include "base/log.h"
#include "base/thread.h"
#include "cli/control-line.h"
#include "net/listener.h"
#include "record/frame.h"
#include "record/journal.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { CLIENTS = 32, PATH = 1100, ANSWER_CEILING = 4 * CONTROL_LINE_MOST, LISTING_CEILING = 8 << 20 };

struct client {
    int fd; /* -1: free */
    uid_t uid;
    bool watches, watches_desk;
    struct buf in;
};

struct control {
    struct control_options options;
    pthread_t thread;
    int listener, event; /* the eventfd: blocks, or the end */
    char path[PATH];
    bool blocks, desk, stop; /* atomic; desk: something happened there */
    struct desk_watcher watcher;
    struct client clients[CLIENTS];
    struct arena arena;
};

static void client_close(struct client *c)
{
    close(c->fd);
    buf_free(&c->in);
    c->fd = -1;
}

/* An answer is short and the peer is on this machine: one that does not take it at once is let go. */
static void answer(struct client *c, const char *verb, const char *message)
{
    struct buf out;
    buf_init(&out, ANSWER_CEILING);
    control_line_begin(&out, verb);
    if (message) control_line_field(&out, "message", bytes_of(message));
    control_line_end(&out);
    struct bytes line = buf_bytes(&out);
    if (out.failed || send(c->fd, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)line.n)
        client_close(c);
    buf_free(&out);
}

static void on_kill(struct control *control, struct client *c, const struct control_line *line)
{
    uint64_t session;
    char by[1100];
    struct bytes reason = control_line_get(line, "reason");
    if (!session_id_parse(control_line_get(line, "session"), &session)) {
        answer(c, "error", "kill wants session=ID");
        return;
    }
    snprintf(by, sizeof by, "%.*s", BYTES_FMT(bytes_slice(reason, 0, 1000)));
    if (workers_kill(control->options.workers, session, by))
        answer(c, "ok", NULL);
    else
        answer(c, "no", "no such session is open here");
}

/* What the command line did, for the record. */
static void on_note(struct control *control, struct client *c, const struct control_line *line)
{
    struct buf body;
    buf_init(&body, 4 * CONTROL_LINE_MOST);
    log_note_fields(line->fields, line->n_fields, c->uid, &body);
    bool good = !body.failed && control_line_get(line, "what").n;
    if (!good)
        answer(c, "error", "note wants what=TEXT");
    else if (journal_write(control->options.journal, FRAME_GATEWAY, buf_bytes(&body)))
        answer(c, "ok", NULL);
    else
        answer(c, "no", "the log has no room");
    buf_free(&body);
}

static struct session_snapshot *snapshot_of(struct control *control)
{
    struct workers *workers = control->options.workers;
    pthread_mutex_lock(&workers->lock);
    struct session_snapshot *snapshot = session_snapshot_hold(workers->snapshot);
    pthread_mutex_unlock(&workers->lock);
    return snapshot;
}

/* What is listed may be long: whoever asks takes it all within a moment, or is let go. */
static bool on_approvals(struct control *control, struct client *c, const struct control_line *line)
{
    struct timeval moment = { .tv_sec = 2 };
    struct session_snapshot *snapshot = snapshot_of(control);
    struct buf out;
    buf_init(&out, LISTING_CEILING);
    bool ours = control_approvals(control->options.workers->desk, snapshot->identity,
                                  control->options.workers->clock, line, &out);
    session_snapshot_release(snapshot);
    struct bytes text = buf_bytes(&out);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &moment, sizeof moment);
    while (ours && text.n && !out.failed) {
        int flags = fcntl(c->fd, F_GETFL);
        if (flags & O_NONBLOCK) fcntl(c->fd, F_SETFL, flags & ~O_NONBLOCK);
        ssize_t n = send(c->fd, text.p, text.n, MSG_NOSIGNAL);
        if (n <= 0) break;
        text = bytes_slice(text, (size_t)n, text.n);
    }
    if (ours && (text.n || out.failed)) client_close(c);
    buf_free(&out);
    return ours;
}

static void on_line(struct control *control, struct client *c, const struct control_line *line)
{
    const char *verdict, *message;
    if (bytes_is(line->verb, "kill")) {
        on_kill(control, c, line);
    } else if (bytes_is(line->verb, "watch")) {
        if (bytes_is(control_line_get(line, "what"), "approvals"))
            c->watches_desk = true;
        else
            c->watches = true;
        answer(c, "ok", NULL);
    } else if (bytes_is(line->verb, "reload")) {
        control->options.reload(control->options.context);
        answer(c, "ok", NULL);
    } else if (bytes_is(line->verb, "note")) {
        on_note(control, c, line);
    } else if (bytes_is(line->verb, "ping")) {
        answer(c, "ok", NULL);
    } else if (control_store(control->options.workers, control->options.log, control->options.journal, line,
                             &verdict, &message)) {
        answer(c, verdict, message);
    } else if (!on_approvals(control, c, line)) {
        answer(c, "error",
               "unknown verb; there are kill, watch, reload, ping, note, store_note, wipe, approvals, "
               "approval, decide");
    }
}

static void on_readable(struct control *control, struct client *c)
{
    uint8_t *room = buf_room(&c->in, 1024);
    ssize_t n = room ? recv(c->fd, room, 1024, MSG_DONTWAIT) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        client_close(c);
        return;
    }
    buf_added(&c->in, (size_t)n);
    while (c->fd >= 0) {
        struct control_line line;
        size_t used = 0;
        arena_reset(&control->arena);
        enum control_read got = control_line_read(buf_bytes(&c->in), &control->arena, &line, &used);
        if (got == CONTROL_MORE) return;
        if (got == CONTROL_BAD) {
            client_close(c);
            return;
        }
        buf_consume(&c->in, used);
        on_line(control, c, &line);
    }
}

static bool is_ours(int fd, uid_t *uid_out)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n)) return false;
    *uid_out = peer.uid;
    return peer.uid == geteuid() || peer.uid == 0;
}

static void on_knock(struct control *control)
{
    struct address peer;
    int fd;
    uid_t uid;
    if (listener_accept(control->listener, &fd, &peer)) return;
    for (size_t i = 0; i < CLIENTS && is_ours(fd, &uid); i++) {
        if (control->clients[i].fd >= 0) continue;
        control->clients[i] = (struct client){ .fd = fd, .uid = uid };
        buf_init(&control->clients[i].in, 2 * CONTROL_LINE_MOST);
        return;
    }
    close(fd);
}

static void on_event(struct control *control)
{
    uint64_t count;
    ssize_t n = read(control->event, &count, sizeof count);
    (void)n;
    bool blocks = __atomic_exchange_n(&control->blocks, false, __ATOMIC_SEQ_CST);
    bool desk = __atomic_exchange_n(&control->desk, false, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < CLIENTS; i++) {
        struct client *c = &control->clients[i];
        if (blocks && c->fd >= 0 && c->watches) answer(c, "blocks", NULL);
        if (desk && c->fd >= 0 && c->watches_desk) answer(c, "approvals", NULL);
    }
}

static void *control_main(void *context)
{
    struct control *control = context;
    while (!__atomic_load_n(&control->stop, __ATOMIC_SEQ_CST)) {
        struct pollfd fds[CLIENTS + 2] = { { .fd = control->event, .events = POLLIN },
                                           { .fd = control->listener, .events = POLLIN } };
        for (size_t i = 0; i < CLIENTS; i++)
            fds[i + 2] = (struct pollfd){ .fd = control->clients[i].fd, .events = POLLIN };
        if (poll(fds, CLIENTS + 2, -1) < 0 && errno != EINTR) break;
        if (fds[0].revents) on_event(control);
        if (fds[1].revents) on_knock(control);
        for (size_t i = 0; i < CLIENTS; i++)
            if (fds[i + 2].revents && control->clients[i].fd == fds[i + 2].fd && fds[i + 2].fd >= 0)
                on_readable(control, &control->clients[i]);
    }
    return NULL;
}

static void ring(struct control *control)
{
    uint64_t one = 1;
    ssize_t n = write(control->event, &one, sizeof one);
    (void)n;
}

/* On the desk's thread. */
static void on_desk(struct desk_watcher *watcher, const struct desk_event *event)
{
    struct control *control = (struct control *)((char *)watcher - offsetof(struct control, watcher));
    (void)event;
    if (!__atomic_exchange_n(&control->desk, true, __ATOMIC_SEQ_CST)) ring(control);
}

void control_free(struct control *control)
{
    if (!control) return;
    for (size_t i = 0; i < CLIENTS; i++)
        if (control->clients[i].fd >= 0) client_close(&control->clients[i]);
    if (control->listener >= 0) {
        close(control->listener);
        unlink(control->path);
    }
    if (control->event >= 0) close(control->event);
    arena_free(&control->arena);
    free(control);
}

int control_start(const struct control_options *options, struct control **out)
{
    struct control *control = calloc(1, sizeof *control);
    struct address address;
    if (!control) return -ENOMEM;
    control->options = *options;
    control->listener = -1;
    for (size_t i = 0; i < CLIENTS; i++)
        control->clients[i].fd = -1;
    arena_init(&control->arena, 4096, 1 << 20);
    snprintf(control->path, sizeof control->path, "%s/control.sock", options->data);
    control->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int error = control->event < 0 ? -errno : address_of_ip(control->path, 0, &address);
    mode_t before = umask(0177);
    if (!error) error = listener_open(&address, &control->listener);
    umask(before);
    if (!error) error = thread_start(&control->thread, "control", control_main, control);
    if (error) {
        log_line(LOG_ERROR, "the control socket %s cannot be opened: %s", control->path, strerror(-error));
        control_free(control);
        return error;
    }
    control->watcher.on_event = on_desk;
    if (options->workers->desk) desk_watch(options->workers->desk, &control->watcher);
    *out = control;
    return 0;
}

void control_blocks(struct control *control)
{
    if (!__atomic_exchange_n(&control->blocks, true, __ATOMIC_SEQ_CST)) ring(control);
}

void control_stop(struct control *control)
{
    if (!control) return;
    if (control->options.workers->desk) desk_unwatch(control->options.workers->desk, &control->watcher);
    __atomic_store_n(&control->stop, true, __ATOMIC_SEQ_CST);
    ring(control);
    pthread_join(control->thread, NULL);
}
