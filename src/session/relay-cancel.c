/* A cancel request travels on a connection of its own, which the server closes when it has told the process
 * that runs the statement. Nothing else is sent on before: it could be hit instead. */
#include "base/log.h"
#include "pgwire/startup.h"
#include "session/dial.h"
#include "session/relay-private.h"
#include <stdlib.h>

enum { CANCEL_DEADLINE_US = 10000000 };

struct canceller {
    struct canceller *next, **link;
    struct relays *all;
    struct relay *relay; /* NULL: it is gone */
    struct session_snapshot *snapshot;
    struct stream stream;
    struct loop_source source;
    struct loop_timer timer;
    int32_t pid;
    uint8_t key[256];
    size_t n_key;
};

static void cancel_over(struct canceller *c)
{
    struct relay *r = c->relay;
    if (r && --r->n_cancelling == 0) {
        session_set_cancelling(r->session, false);
        relay_mark(r);
    }
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    session_snapshot_release(c->snapshot);
    secret_wipe(c->key, sizeof c->key);
    c->all->n_cancelling--;
    free(c);
}

static void cancel_hang_up(struct canceller *c)
{
    loop_remove(c->all->loop, &c->source);
    loop_timer_cancel(c->all->loop, &c->timer);
    stream_close(&c->stream);
    cancel_over(c);
}

static void on_cancel_answered(struct loop_source *source, uint32_t events)
{
    struct canceller *c = (struct canceller *)((char *)source - offsetof(struct canceller, source));
    uint8_t nothing[16]; /* a server says nothing here; what it says all the same is not for us */
    size_t n;
    (void)events;
    if (stream_read(&c->stream, nothing, sizeof nothing, &n) != STREAM_AGAIN) cancel_hang_up(c);
}

static void on_cancel_late(struct loop_timer *timer)
{
    cancel_hang_up((struct canceller *)((char *)timer - offsetof(struct canceller, timer)));
}

static bool cancel_await(struct canceller *c)
{
    c->source = (struct loop_source){ .fd = c->stream.fd, .on_ready = on_cancel_answered };
    c->timer.on_due = on_cancel_late;
    if (loop_add(c->all->loop, &c->source, EPOLLIN)) return false;
    if (loop_timer_set(c->all->loop, &c->timer, loop_now_us(c->all->loop) + CANCEL_DEADLINE_US) == 0)
        return true;
    loop_remove(c->all->loop, &c->source);
    return false;
}

static void on_cancel_dialled(void *context, struct dial_result *result)
{
    struct canceller *c = context;
    bool sent = false;
    if (result->connected) {
        struct buf packet;
        size_t n;
        buf_init(&packet, 512);
        startup_encode_cancel(&packet, c->pid, bytes_make(c->key, c->n_key));
        sent = stream_write(&result->stream, buf_bytes(&packet), &n) == STREAM_DONE;
        if (!sent) log_line(LOG_WARNING, "a cancel request could not be sent to %s", result->address);
        buf_free(&packet);
        c->stream = result->stream;
        if (sent && cancel_await(c)) return;
        stream_close(&c->stream);
    } else {
        log_line(LOG_WARNING, "a cancel request could not be sent: %s", result->message);
    }
    cancel_over(c);
}

void relay_send_cancel(struct relay *r)
{
    struct canceller *c = calloc(1, sizeof *c);
    struct bytes key;
    if (!c) return;
    if (!session_server_key(r->session, &c->pid, &key)) {
        free(c);
        return;
    }
    memcpy(c->key, key.p, key.n);
    c->n_key = key.n;
    c->all = r->all;
    c->snapshot = session_snapshot_hold(session_snapshot_of(r->session));
    if (!dial_start(r->all->loop, r->all->resolver, session_target(r->session),
                    loop_now_us(r->all->loop) + CANCEL_DEADLINE_US, on_cancel_dialled, c)) {
        session_snapshot_release(c->snapshot);
        free(c);
        return;
    }
    c->relay = r;
    c->link = &r->all->cancellers;
    c->next = r->all->cancellers;
    if (c->next) c->next->link = &c->next;
    r->all->cancellers = c;
    r->all->n_cancelling++;
    r->n_cancelling++;
    session_set_cancelling(r->session, true);
}

void relay_forget_cancels(struct relay *r)
{
    for (struct canceller *c = r->all->cancellers; c && r->n_cancelling; c = c->next)
        if (c->relay == r) {
            c->relay = NULL;
            r->n_cancelling--;
        }
}
