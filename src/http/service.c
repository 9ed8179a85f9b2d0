/* The service's thread: listening, ceilings, waking streams, the end. */
#include "base/log.h"
#include "base/thread.h"
#include "http/service-private.h"
#include "net/listener.h"
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum { BEAT_US = 5000000, AGAIN_US = 100000 };

static bool same_host(const struct address *a, const struct address *b)
{
    if (a->storage.ss_family != b->storage.ss_family) return false;
    if (a->storage.ss_family == AF_INET)
        return ((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)&b->storage)->sin_addr.s_addr;
    /* Of IPv6, whoever has one address has its /64. */
    return a->storage.ss_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)&a->storage)->sin6_addr,
                  &((const struct sockaddr_in6 *)&b->storage)->sin6_addr, 8) == 0;
}

static bool is_crowded(const struct http_service *s, const struct address *peer)
{
    size_t n = 0;
    if (s->n_connections >= s->options.most_connections) return true;
    if (address_is_local(peer)) return false;
    for (const struct connection *c = s->connections; c; c = c->behind)
        n += same_host(&c->peer, peer);
    return n >= s->options.most_per_address;
}

static void listen_for(struct http_service *s, uint32_t events)
{
    for (size_t i = 0; i < s->options.n_listeners; i++)
        loop_watch(s->loop, &s->listening[i].source, events);
}

static void on_accept_again(struct loop_timer *timer)
{
    struct http_service *s =
        (struct http_service *)((char *)timer - offsetof(struct http_service, accept_again));
    listen_for(s, EPOLLIN);
}

static void on_knock(struct loop_source *source, uint32_t events)
{
    struct listening *l = (struct listening *)source;
    struct http_service *s = l->service;
    struct address peer;
    int fd, error;
    (void)events;
    while (!(error = listener_accept(source->fd, &fd, &peer))) {
        if (is_crowded(s, &peer)) {
            atomic_fetch_add(&s->n_refused, 1);
            close(fd);
            continue;
        }
        connection_begin(s, fd, &peer);
    }
    /* No descriptors are left: what waits keeps the listener readable. */
    if (error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM) {
        listen_for(s, 0);
        if (loop_timer_set(s->loop, &s->accept_again, loop_now_us(s->loop) + AGAIN_US))
            listen_for(s, EPOLLIN);
    }
}

static void wake_all(struct http_service *s)
{
    for (struct connection *c = s->connections, *behind; c; c = behind) {
        behind = c->behind;
        connection_wake(c);
    }
}

static void run_wake(struct loop_task *task)
{
    struct http_service *s = (struct http_service *)((char *)task - offsetof(struct http_service, wake_task));
    atomic_store(&s->wake_posted, false);
    wake_all(s);
}

static void on_beat(struct loop_timer *timer)
{
    struct http_service *s = (struct http_service *)((char *)timer - offsetof(struct http_service, beat));
    wake_all(s);
    if (loop_timer_set(s->loop, &s->beat, loop_now_us(s->loop) + BEAT_US))
        log_line(LOG_ERROR, "http: live views stand still: there is no memory");
}

static void run_stop(struct loop_task *task)
{
    struct http_service *s = (struct http_service *)((char *)task - offsetof(struct http_service, stop_task));
    s->stopping = true;
    for (size_t i = 0; i < s->options.n_listeners; i++)
        loop_remove(s->loop, &s->listening[i].source);
    loop_timer_cancel(s->loop, &s->beat);
    loop_timer_cancel(s->loop, &s->accept_again);
    for (struct connection *c = s->connections, *behind; c; c = behind) {
        behind = c->behind;
        connection_close(c);
    }
}

static void on_turn_end(void *context)
{
    struct http_service *s = context;
    connections_free_dead(s);
    if (s->stopping && s->n_connections == 0) loop_stop(s->loop);
}

static void *service_main(void *context)
{
    struct http_service *s = context;
    loop_run(s->loop);
    return NULL;
}

static void service_free(struct http_service *s)
{
    pool_stop(s->pool);
    if (s->loop) loop_free(s->loop);
    for (size_t i = 0; i < s->options.n_listeners; i++)
        close(s->options.listeners[i]);
    free(s->listening);
    free(s->listeners);
    free(s);
}

static void defaults(struct http_service_options *o)
{
    struct {
        int64_t *place, value;
    } times[] = { { &o->patience.idle_ms, 30000 },
                  { &o->patience.head_ms, 10000 },
                  { &o->patience.body_ms, 20000 },
                  { &o->patience.write_ms, 20000 },
                  { &o->patience.linger_ms, 2000 } };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (!*times[i].place) *times[i].place = times[i].value;
    if (!o->most_connections) o->most_connections = 512;
    if (!o->most_per_address) o->most_per_address = 32;
    if (!o->n_threads) o->n_threads = 4;
}

static int listen_all(struct http_service *s)
{
    int error = 0;
    for (size_t i = 0; !error && i < s->options.n_listeners; i++) {
        s->listening[i] =
            (struct listening){ .source = { .fd = s->options.listeners[i], .on_ready = on_knock },
                                .service = s };
        error = loop_add(s->loop, &s->listening[i].source, EPOLLIN);
    }
    return error ? error : loop_timer_set(s->loop, &s->beat, loop_now_us(s->loop) + BEAT_US);
}

int http_service_start(const struct http_service_options *options, struct http_service **out)
{
    sigset_t all, before;
    *out = NULL;
    struct http_service *s = calloc(1, sizeof *s);
    int *listeners = calloc(options->n_listeners + 1, sizeof *listeners);
    if (!s || !listeners) {
        free(s);
        free(listeners);
        return -ENOMEM;
    }
    s->options = *options;
    defaults(&s->options);
    s->wake_task.run = run_wake;
    s->stop_task.run = run_stop;
    s->beat.on_due = on_beat;
    s->accept_again.on_due = on_accept_again;
    memcpy(listeners, options->listeners, options->n_listeners * sizeof *listeners);
    s->listeners = listeners;
    s->options.listeners = listeners;
    s->listening = calloc(options->n_listeners + 1, sizeof *s->listening);
    int error = s->listening ? loop_new(options->clock, &s->loop) : -ENOMEM;
    if (!error) loop_set_turn_end(s->loop, on_turn_end, s);
    if (!error) error = listen_all(s);
    if (!error) error = pool_start(s->options.n_threads, &s->pool);
    if (!error) {
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        error = thread_start(&s->thread, "http-service", service_main, s);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (error) {
        service_free(s);
        return error;
    }
    *out = s;
    return 0;
}

void http_service_wake(struct http_service *s)
{
    if (!atomic_exchange(&s->wake_posted, true)) loop_post(s->loop, &s->wake_task);
}

void http_service_stop(struct http_service *s)
{
    if (!s) return;
    loop_post(s->loop, &s->stop_task);
    pthread_join(s->thread, NULL);
    service_free(s);
}

void http_service_stats(struct http_service *s, struct http_service_stats *out)
{
    *out = (struct http_service_stats){ .requests = atomic_load(&s->n_requests),
                                        .refused = atomic_load(&s->n_refused),
                                        .connections = atomic_load(&s->n_open) };
}
