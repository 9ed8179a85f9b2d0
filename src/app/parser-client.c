/* A worker's way to the parser child. A pending text is a slot: WRITING (its memfd fills, a slice at each
 * receive), SENT, or GONE (cancelled; its answer will be dropped). The descriptor that the loop watches is an
 * epoll of two: the socket, and an eventfd that stays readable while some slot is WRITING or while the end of
 * the child is still to be told. */
#include "app/parser-client.h"
#include "app/parser-wire.h"
#include "base/buf.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SLICE_BYTES = 1 << 20 };
enum slot_state { SLOT_FREE = 0, SLOT_WRITING, SLOT_SENT };

struct slot {
    enum slot_state state;
    bool cancelled;
    int memory;
    uint64_t number, token;
    struct bytes text;
    size_t n_written;
};
struct parser_client {
    int socket, wake, both;
    bool lost, awake;
    uint64_t n_ever;
    size_t n_pending, pending_bytes;
    struct slot slots[PARSER_PENDING_MOST];
    struct buf facts;
};

struct parser_client *parser_client_new(int socket)
{
    struct parser_client *c = calloc(1, sizeof *c);
    if (!c) {
        close(socket);
        return NULL;
    }
    c->socket = socket;
    c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->both = epoll_create1(EPOLL_CLOEXEC);
    buf_init(&c->facts, PARSER_FACTS_MOST + 1);
    struct epoll_event in = { .events = EPOLLIN };
    if (c->wake >= 0 && c->both >= 0 && epoll_ctl(c->both, EPOLL_CTL_ADD, socket, &in) == 0 &&
        epoll_ctl(c->both, EPOLL_CTL_ADD, c->wake, &in) == 0)
        return c;
    parser_client_free(c);
    return NULL;
}

static void free_slot(struct parser_client *c, struct slot *s)
{
    if (s->memory >= 0) close(s->memory);
    c->n_pending--;
    c->pending_bytes -= s->text.n;
    *s = (struct slot){ .memory = -1 };
}

void parser_client_free(struct parser_client *c)
{
    if (!c) return;
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++)
        if (c->slots[i].state) free_slot(c, &c->slots[i]);
    buf_free(&c->facts);
    close(c->socket);
    if (c->wake >= 0) close(c->wake);
    if (c->both >= 0) close(c->both);
    free(c);
}

int parser_client_fd(const struct parser_client *c)
{
    return c->both;
}

/* Keeps the eventfd readable exactly while there is something to do that the socket does not tell. */
static void set_awake(struct parser_client *c)
{
    bool wanted = c->lost && c->n_pending > 0;
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++)
        wanted |= c->slots[i].state == SLOT_WRITING;
    if (wanted == c->awake) return;
    uint64_t one = 1;
    ssize_t n = wanted ? write(c->wake, &one, sizeof one) : read(c->wake, &one, sizeof one);
    (void)n;
    c->awake = wanted;
}

/* Copies the next slice; once all is there, sends the descriptor. The socket takes as many packets as a
 * client may have pending texts; should it not, the slot stays WRITING and is tried again. */
static void advance(struct parser_client *c, struct slot *s)
{
    struct bytes slice = bytes_slice(s->text, s->n_written, SLICE_BYTES);
    while (slice.n) {
        ssize_t n = pwrite(s->memory, slice.p, slice.n, (off_t)s->n_written);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            log_line(LOG_ERROR, "a text cannot be handed to the parser reason=%s", strerrorname_np(errno));
            s->n_written = SIZE_MAX; /* answered as killed */
            return;
        }
        s->n_written += (size_t)n;
        slice = bytes_slice(slice, (size_t)n, slice.n);
    }
    if (s->n_written < s->text.n) return;
    struct parser_request request = { .number = s->number, .n_bytes = s->text.n };
    int rc = parser_send(c->socket, &request, sizeof request, s->memory);
    if (rc == 0) s->state = SLOT_SENT;
    if (rc && rc != -EAGAIN && rc != -ENOBUFS && rc != -ETOOMANYREFS) c->lost = true;
}

enum parser_submit parser_client_submit(struct parser_client *c, struct bytes text, uint64_t token)
{
    if (c->lost || text.n == 0 || text.n > PARSER_TEXT_MOST) return PARSER_SUBMIT_REFUSED;
    if (c->n_pending == PARSER_PENDING_MOST || c->pending_bytes + text.n > PARSER_PENDING_BYTES_MOST)
        return PARSER_SUBMIT_BUSY;
    struct slot *s = c->slots;
    while (s->state)
        s++;
    int memory = memfd_create("postern-text", MFD_CLOEXEC);
    if (memory < 0) {
        log_line(LOG_ERROR, "a text cannot be handed to the parser reason=%s", strerrorname_np(errno));
        return PARSER_SUBMIT_REFUSED;
    }
    *s = (struct slot){
        .state = SLOT_WRITING, .memory = memory, .number = ++c->n_ever, .token = token, .text = text
    };
    c->n_pending++;
    c->pending_bytes += text.n;
    advance(c, s);
    set_awake(c);
    return PARSER_SUBMIT_QUEUED;
}

void parser_client_cancel(struct parser_client *c, uint64_t token)
{
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++) {
        struct slot *s = &c->slots[i];
        if (!s->state || s->cancelled || s->token != token) continue;
        if (s->state == SLOT_WRITING) {
            free_slot(c, s);
        } else {
            s->cancelled = true;
            s->text.p = NULL;
        }
    }
    set_awake(c);
}

/* Copies the facts out: they are read, never mapped, since the parser still holds the file. */
static bool fetch(struct parser_client *c, const struct slot *s, size_t n)
{
    buf_consume(&c->facts, buf_length(&c->facts));
    if (n == 0 || n > PARSER_FACTS_MOST) return false;
    uint8_t *room = buf_room(&c->facts, n);
    size_t got = 0;
    while (room && got < n) {
        ssize_t more = pread(s->memory, room + got, n - got, (off_t)(s->text.n + got));
        if (more < 0 && errno == EINTR) continue;
        if (more <= 0) return false;
        got += (size_t)more;
    }
    if (room) buf_added(&c->facts, n);
    return room != NULL;
}

static enum parser_receive hand_back(struct parser_client *c, struct slot *s, enum parser_outcome outcome,
                                     struct parser_answer *answer_out)
{
    *answer_out = (struct parser_answer){ .token = s->token, .outcome = outcome };
    if (outcome == PARSER_ANSWERED) answer_out->encoded = buf_bytes(&c->facts);
    free_slot(c, s);
    set_awake(c);
    return PARSER_DONE;
}

static struct slot *slot_of(struct parser_client *c, uint64_t number)
{
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++)
        if (c->slots[i].state == SLOT_SENT && c->slots[i].number == number) return &c->slots[i];
    return NULL;
}

/* The child is gone: each text is answered, then there is nothing more. */
static enum parser_receive receive_lost(struct parser_client *c, struct parser_answer *answer_out)
{
    c->lost = true;
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++) {
        struct slot *s = &c->slots[i];
        if (s->state && s->cancelled) free_slot(c, s);
        if (s->state) return hand_back(c, s, PARSER_KILLED, answer_out);
    }
    set_awake(c);
    return PARSER_LOST;
}

enum parser_receive parser_client_receive(struct parser_client *c, struct parser_answer *answer_out)
{
    /* One slice of one text a call, and none while there is an answer to take. */
    for (;;) {
        struct parser_result result;
        int rc = c->lost ? -EPIPE : parser_receive(c->socket, &result, sizeof result, NULL, MSG_DONTWAIT);
        if (rc < 0) return receive_lost(c, answer_out);
        if (rc == 0) break;
        struct slot *s = slot_of(c, result.number);
        if (!s) return receive_lost(c, answer_out); /* no text of ours */
        if (s->cancelled) {
            free_slot(c, s);
            continue;
        }
        bool ok = result.outcome == PARSER_ANSWERED && fetch(c, s, result.n_facts);
        return hand_back(c, s, ok ? PARSER_ANSWERED : PARSER_KILLED, answer_out);
    }
    for (size_t i = 0; i < PARSER_PENDING_MOST; i++) {
        struct slot *s = &c->slots[i];
        if (s->state != SLOT_WRITING) continue;
        if (s->n_written != SIZE_MAX) advance(c, s);
        if (s->n_written == SIZE_MAX) return hand_back(c, s, PARSER_KILLED, answer_out);
        break;
    }
    set_awake(c);
    return PARSER_NOTHING;
}
