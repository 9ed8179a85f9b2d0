/* One issuer's keys, over time:
 *
 *     pending -- fetch succeeded --> fresh -- due, or asked --> pending
 *     pending -- fetch failed -----> away  -- backoff over, or asked --> pending
 *
 * In `fresh` and `away` the last keys are in use, if there are any; `away` for longer than keep_ms drops
 * them. Issuers are fetched one after another: a provider that hangs delays the others by two deadlines at
 * most. */
#include "identity/fetcher.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "identity/discovery.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct schedule {
    int64_t due_ms;       /* the next fetch without being asked */
    int64_t ask_again_ms; /* when may_ask is given back */
    int64_t fetched_ms;   /* the last fetch that succeeded */
    unsigned failures;    /* since then */
};

struct fetcher {
    struct issuers *issuers;
    struct identity_timing timing;
    void (*on_keys)(void *context);
    void *context;
    pthread_t thread;
    atomic_bool stop; /* set under the issuers' lock */
    struct schedule schedules[];
};

static int64_t now_ms(void)
{
    return clock_monotonic_us(&clock_system) / 1000;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value > most ? most : value < least ? least : value;
}

static int64_t backoff_ms(const struct identity_timing *timing, unsigned failures)
{
    unsigned doublings = failures - 1 < 20 ? failures - 1 : 20;
    return clamp(timing->backoff_ms << doublings, 1, timing->max_backoff_ms);
}

static void log_result(const struct issuer *issuer, const struct schedule *s,
                       const struct discovery_result *result)
{
    struct bytes name = issuer->options.issuer;
    if (result->set)
        log_line(s->failures ? LOG_INFO : LOG_DEBUG,
                 "identity: keys fetched issuer=%.*s keys=%zu ignored=%zu", BYTES_FMT(name), result->set->n,
                 result->set->n_ignored);
    else
        log_line(LOG_WARNING, "identity: keys not fetched issuer=%.*s failures=%u reason=%s", BYTES_FMT(name),
                 s->failures + 1, result->why);
}

/* Fetches for one issuer and plans its next fetch. Called and returns without the lock. */
static void fetch_one(struct fetcher *f, struct issuer *issuer, struct schedule *s)
{
    struct discovery_result result;
    bool good = discovery_fetch(issuer->options.issuer, f->timing.fetch_ms, &f->stop, &result);
    struct key_snapshot *keys = good ? key_snapshot_new(result.set) : NULL;
    if (atomic_load(&f->stop)) {
        if (keys)
            key_snapshot_release(keys);
        else
            jose_key_set_free(result.set);
        return;
    }
    log_result(issuer, s, &result);
    if (keys) {
        int64_t age = result.max_age_s < 0 || result.max_age_s > f->timing.refresh_ms / 1000
                          ? f->timing.refresh_ms
                          : result.max_age_s * 1000;
        s->failures = 0;
        s->fetched_ms = now_ms();
        s->due_ms = s->fetched_ms + clamp(age, f->timing.min_refresh_ms, f->timing.refresh_ms);
        issuer_set_keys(f->issuers, issuer, keys);
    } else {
        jose_key_set_free(result.set);
        s->failures += s->failures < 1000;
        s->due_ms = now_ms() + backoff_ms(&f->timing, s->failures);
    }
    pthread_mutex_lock(&f->issuers->lock);
    issuer->pending = false;
    pthread_mutex_unlock(&f->issuers->lock);
    f->on_keys(f->context);
}

/* Under the lock. Whether this issuer is to be fetched now. */
static bool is_wanted(const struct fetcher *f, struct issuer *issuer, struct schedule *s, int64_t now)
{
    if (issuer->asked) s->ask_again_ms = now + f->timing.ask_ms;
    bool wanted = issuer->asked || now >= s->due_ms;
    issuer->asked = false;
    if (wanted) issuer->pending = true;
    return wanted;
}

/* Under the lock. True: keys that were too old were dropped. */
static bool keep_in_order(const struct fetcher *f, struct issuer *issuer, const struct schedule *s,
                          int64_t now)
{
    if (!issuer->may_ask && !issuer->asked && now >= s->ask_again_ms) issuer->may_ask = true;
    if (!issuer->keys || now < s->fetched_ms + f->timing.keep_ms) return false;
    log_line(LOG_ERROR, "identity: keys too old, no longer trusted issuer=%.*s",
             BYTES_FMT(issuer->options.issuer));
    key_snapshot_release(issuer->keys);
    issuer->keys = NULL;
    return true;
}

static int64_t next_wake(const struct fetcher *f, const struct issuer *issuer, const struct schedule *s)
{
    int64_t wake = s->due_ms;
    if (!issuer->may_ask && s->ask_again_ms < wake) wake = s->ask_again_ms;
    if (issuer->keys && s->fetched_ms + f->timing.keep_ms < wake) wake = s->fetched_ms + f->timing.keep_ms;
    return wake;
}

/* Under the lock, which it gives up while it fetches. Returns when to look again. */
static int64_t round_of_fetches(struct fetcher *f)
{
    struct issuers *issuers = f->issuers;
    int64_t wake = now_ms() + 3600 * 1000;
    for (size_t i = 0; i < issuers->n && !atomic_load(&f->stop); i++) {
        struct issuer *issuer = &issuers->list[i];
        struct schedule *s = &f->schedules[i];
        if (issuer->pinned) continue;
        if (is_wanted(f, issuer, s, now_ms())) {
            pthread_mutex_unlock(&issuers->lock);
            fetch_one(f, issuer, s);
            pthread_mutex_lock(&issuers->lock);
        }
        if (keep_in_order(f, issuer, s, now_ms())) {
            pthread_mutex_unlock(&issuers->lock);
            f->on_keys(f->context);
            pthread_mutex_lock(&issuers->lock);
        }
        int64_t next = issuer->asked ? 0 : next_wake(f, issuer, s);
        if (next < wake) wake = next;
    }
    return wake;
}

static void *fetcher_main(void *context)
{
    struct fetcher *f = context;
    struct issuers *issuers = f->issuers;
    pthread_mutex_lock(&issuers->lock);
    while (!atomic_load(&f->stop)) {
        int64_t wake = round_of_fetches(f);
        bool asked = false;
        for (size_t i = 0; i < issuers->n; i++)
            asked |= issuers->list[i].asked;
        struct timespec until = { .tv_sec = wake / 1000, .tv_nsec = wake % 1000 * 1000000 };
        if (!asked && !atomic_load(&f->stop))
            pthread_cond_timedwait(&issuers->changed, &issuers->lock, &until);
    }
    pthread_mutex_unlock(&issuers->lock);
    return NULL;
}

int fetcher_start(struct issuers *issuers, const struct identity_timing *timing,
                  void (*on_keys)(void *context), void *context, struct fetcher **fetcher_out)
{
    sigset_t all, before;
    struct fetcher *f = calloc(1, sizeof *f + issuers->n * sizeof f->schedules[0]);
    *fetcher_out = NULL;
    if (!f) return -ENOMEM;
    f->issuers = issuers;
    f->timing = *timing;
    f->on_keys = on_keys;
    f->context = context;
    atomic_init(&f->stop, false);
    /* Signals are the main thread's. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = thread_start(&f->thread, "fetcher", fetcher_main, f);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        free(f);
        return error;
    }
    *fetcher_out = f;
    return 0;
}

void fetcher_stop(struct fetcher *f)
{
    if (!f) return;
    pthread_mutex_lock(&f->issuers->lock);
    atomic_store(&f->stop, true);
    pthread_cond_signal(&f->issuers->changed);
    pthread_mutex_unlock(&f->issuers->lock);
    pthread_join(f->thread, NULL);
    free(f);
}
