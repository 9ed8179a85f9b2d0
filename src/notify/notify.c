/* The desk's watcher and the receivers: facts are made once and offered to each. */
#include "notify/notify.h"
#include "notify/receiver.h"
#include <errno.h>
#include <stdlib.h>

enum { FIRST_RETRY_US = 1000000, STOP_US = 5000000, FACTS = 256 * 1024 };

struct notify {
    struct notify_options options;
    struct desk_watcher watcher;
    struct receiver *receivers[NOTIFY_RECEIVERS];
    size_t n;
};

static const char *const kind_names[] = {
#define X(NAME, name) name,
    NOTIFY_KINDS(X)
#undef X
};

const char *notify_kind_name(enum notify_kind kind)
{
    return kind_names[kind];
}

static void offer(struct notify *n, const struct notify_fact *fact)
{
    for (size_t i = 0; i < n->n; i++)
        receiver_offer(n->receivers[i], fact);
}

static void on_event(struct desk_watcher *watcher, const struct desk_event *event)
{
    struct notify *n = (struct notify *)((char *)watcher - offsetof(struct notify, watcher));
    struct arena arena;
    struct notify_fact fact;
    arena_init(&arena, 4096, FACTS);
    if (fact_of_event(event, n->options.url, &arena, &fact)) offer(n, &fact);
    arena_free(&arena);
}

static bool wants_refusals(const struct notify *n)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->options.receivers[i].wants & 1u << NOTIFY_DENY) return true;
    return false;
}

void notify_refused(struct notify *n, const struct notify_refusal *refusal)
{
    struct arena arena;
    struct notify_fact fact;
    if (!n || !wants_refusals(n)) return;
    arena_init(&arena, 1024, FACTS);
    if (fact_of_refusal(refusal, &arena, &fact)) offer(n, &fact);
    arena_free(&arena);
}

int notify_start(const struct notify_options *options, struct notify **out)
{
    struct notify *n = calloc(1, sizeof *n);
    if (!n) return -ENOMEM;
    CHECK(options->n_receivers <= NOTIFY_RECEIVERS);
    n->options = *options;
    if (!n->options.first_retry_us) n->options.first_retry_us = FIRST_RETRY_US;
    if (!n->options.stop_us) n->options.stop_us = STOP_US;
    for (; n->n < options->n_receivers; n->n++) {
        struct receiver *r =
            receiver_new(&options->receivers[n->n], options->clock, n->options.first_retry_us);
        if (!r) {
            notify_stop(n);
            return -ENOMEM;
        }
        n->receivers[n->n] = r;
    }
    n->watcher.on_event = on_event;
    if (options->desk) desk_watch(options->desk, &n->watcher);
    *out = n;
    return 0;
}

size_t notify_count(struct notify *n, struct notify_counts out[NOTIFY_RECEIVERS])
{
    for (size_t i = 0; n && i < n->n; i++)
        receiver_count(n->receivers[i], &out[i]);
    return n ? n->n : 0;
}

void notify_stop(struct notify *n)
{
    if (!n) return;
    for (size_t i = 0; i < n->n; i++)
        receiver_finish(n->receivers[i]);
    int64_t deadline_us = clock_monotonic_us(n->options.clock) + n->options.stop_us;
    for (size_t i = 0; i < n->n; i++)
        receiver_free(n->receivers[i], deadline_us);
    free(n);
}
