/* The table of requests, and who is told what. Invariants, with the lock held:
 *   - an item is in by_id and in the list by age from desk_ask on, until it is forgotten;
 *   - a request that stays is in by_digest while it is live, or denied and not forgotten: one for each
 * digest;
 *   - what does not stay and is live has a ticket;
 *   - a state that has ended is never left; each change is a task for the thread, in order, by serial. */
#include "approval/desk-private.h"
#include "base/log.h"
#include "base/thread.h"
#include "crypto/random.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    MOST_WAITING = 8192,
    MOST_OF_PRINCIPAL = 64,
    MOST_BYTES = 64 << 20,
    ENDED_KEPT = 1000,
    WATCH_MS_MOST = 60000 /* the thread looks at the clock at least so often: the wall clock may be set */
};

const char *desk_state_name(enum desk_state state)
{
    static const char *const names[] = {
#define X(NAME, name) name,
        DESK_STATES(X)
#undef X
    };
    return state < DESK_N_STATES ? names[state] : "unknown";
}

const char *desk_event_name(enum desk_event_kind kind)
{
    static const char *const names[] = {
#define X(NAME, name) name,
        DESK_EVENTS(X)
#undef X
    };
    return names[kind];
}

static int64_t now_us(const struct desk *desk)
{
    return clock_wall_us(desk->options.clock);
}

/* ---- items */

static void item_release(struct desk_item *item)
{
    CHECK(item->n_holders > 0);
    if (--item->n_holders == 0) desk_item_free(item);
}

struct desk_item *desk_item_of(struct desk *desk, struct bytes id)
{
    return map_get(&desk->by_id, id);
}

static struct bytes id_of(const struct desk_item *item)
{
    return bytes_make(item->kept->request.id, DESK_ID - 1);
}

static struct bytes digest_of(const struct desk_item *item)
{
    return bytes_make(item->kept->request.digest, DESK_DIGEST);
}

static void unlink_digest(struct desk *desk, struct desk_item *item)
{
    if (item->by_digest) map_take(&desk->by_digest, digest_of(item));
    item->by_digest = false;
}

/* Out of the table; tickets and tasks may still hold it. */
static void forget(struct desk *desk, struct desk_item *item)
{
    if (item->newer)
        item->newer->older = item->older;
    else
        desk->newest = item->older;
    if (item->older)
        item->older->newer = item->newer;
    else
        desk->oldest = item->newer;
    unlink_digest(desk, item);
    map_take(&desk->by_id, id_of(item));
    desk->counts.bytes -= item->kept->bytes;
    if (!desk_state_is_live(item->state)) desk->n_ended--;
    item->in_table = false;
    item_release(item);
}

/* The oldest that have ended go, until there is room. */
static void make_room(struct desk *desk, size_t bytes)
{
    struct desk_item *newer;
    for (struct desk_item *item = desk->oldest; item; item = newer) {
        newer = item->newer;
        if (desk->n_ended < ENDED_KEPT && desk->counts.bytes + bytes <= desk->options.most_bytes) return;
        if (!desk_state_is_live(item->state) && !item->by_digest) forget(desk, item);
    }
}

static bool insert(struct desk *desk, struct desk_item *item)
{
    if (map_put(&desk->by_id, id_of(item), item, NULL) == MAP_FULL) return false;
    if (item->kept->request.stays && (desk_state_is_live(item->state) || item->state == DESK_DENIED)) {
        struct desk_item *before = map_get(&desk->by_digest, digest_of(item));
        if (before) unlink_digest(desk, before);
        if (map_put(&desk->by_digest, digest_of(item), item, NULL) == MAP_FULL) {
            map_take(&desk->by_id, id_of(item));
            return false;
        }
        item->by_digest = true;
    }
    item->older = desk->newest;
    if (desk->newest)
        desk->newest->newer = item;
    else
        desk->oldest = item;
    desk->newest = item;
    item->in_table = true;
    desk->counts.bytes += item->kept->bytes;
    if (!desk_state_is_live(item->state)) desk->n_ended++;
    return true;
}

/* ---- what happened */

static void count_live(struct desk *desk, enum desk_state state, int by)
{
    if (state == DESK_WAITING) desk->counts.waiting += (size_t)by;
    if (state == DESK_APPROVED) desk->counts.approved += (size_t)by;
}

static void tell(struct desk_item *item)
{
    for (struct desk_ticket *ticket = item->tickets; ticket; ticket = ticket->next)
        ticket->waiter->tell(ticket->waiter);
}

/* Without memory for the task nobody but those with tickets learns of it: it has happened all the same. */
static void post(struct desk *desk, struct desk_item *item, enum desk_event_kind kind,
                 struct desk_given *given)
{
    struct desk_task *task = calloc(1, sizeof *task);
    item->serial = ++desk->serial;
    if (!task) {
        item->file_failed = true;
        log_line(LOG_ERROR, "approvals: no memory to tell what became of %s", item->kept->request.id);
        return;
    }
    task->item = item;
    item->n_holders++;
    task->given = given;
    if (given) atomic_fetch_add(&given->n_holders, 1);
    memcpy(task->why, item->why, sizeof task->why);
    task->event = (struct desk_event){ .kind = kind,
                                       .at_us = now_us(desk),
                                       .request = &item->kept->request,
                                       .state = item->state,
                                       .decision = given ? &given->decision : NULL,
                                       .serial = item->serial };
    *desk->last_task = task;
    desk->last_task = &task->next;
    pthread_cond_signal(&desk->work);
}

static void enters(struct desk *desk, struct desk_item *item, enum desk_state state)
{
    item->state = state;
    item->since_us = now_us(desk);
    item->ends_us = 0;
    if (state == DESK_WAITING) item->ends_us = item->kept->request.expires_us;
    if (state == DESK_APPROVED) item->ends_us = item->since_us + item->kept->request.window_us;
    if (item->ends_us && item->ends_us < desk->due_us) desk->due_us = item->ends_us;
    count_live(desk, state, 1);
    if (state != DESK_WAITING) desk->counts.ended[state]++;
}

void desk_item_moves(struct desk *desk, struct desk_item *item, enum desk_event_kind kind,
                     enum desk_state state, const char *why, struct desk_given *given)
{
    bool was_live = desk_state_is_live(item->state), is_live = desk_state_is_live(state);
    if (why) snprintf(item->why, sizeof item->why, "%s", why);
    if (state != item->state) {
        CHECK(was_live);
        count_live(desk, item->state, -1);
        enters(desk, item, state);
        if (!is_live) desk->n_ended++;
        /* A denial stands for as long as the question would have. */
        if (!is_live && state != DESK_DENIED) unlink_digest(desk, item);
        if (state == DESK_DENIED) {
            item->ends_us = item->kept->request.expires_us;
            if (item->ends_us < desk->due_us) desk->due_us = item->ends_us;
        }
    }
    post(desk, item, kind, given);
    tell(item);
}

static void end_due(struct desk *desk, struct desk_item *item)
{
    if (item->state == DESK_WAITING)
        desk_item_moves(desk, item, DESK_EVENT_ENDED, DESK_EXPIRED, "Nobody decided in time.", NULL);
    else if (item->state == DESK_APPROVED)
        desk_item_moves(desk, item, DESK_EVENT_ENDED, DESK_LAPSED,
                        "It was not used within the window of its approval.", NULL);
    else {
        unlink_digest(desk, item);
        post(desk, item, DESK_EVENT_ENDED, NULL); /* out of the file */
    }
}

void desk_look_at_clock(struct desk *desk)
{
    int64_t now = now_us(desk);
    if (now < desk->due_us) return;
    desk->due_us = INT64_MAX;
    for (struct desk_item *item = desk->newest; item; item = item->older) {
        bool counts = desk_state_is_live(item->state) || (item->state == DESK_DENIED && item->by_digest);
        if (!counts || !item->ends_us) continue;
        if (item->ends_us <= now)
            end_due(desk, item);
        else if (item->ends_us < desk->due_us)
            desk->due_us = item->ends_us;
    }
}

/* ---- asking */

static void make_id(struct desk *desk, char out[DESK_ID])
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    do {
        uint64_t low = desk->options.without_thread ? ++desk->n_ids : random_u64(); /* tests count */
        uint64_t number = (uint64_t)(now_us(desk) / 1000) << 22 | (low & ((1 << 22) - 1));
        for (int i = DESK_ID - 2; i >= 0; i--, number >>= 5)
            out[i] = digits[number & 31];
        out[DESK_ID - 1] = 0;
    } while (desk_item_of(desk, bytes_of(out)));
}

static struct desk_ticket *ticket_new(struct desk *desk, struct desk_item *item, struct desk_waiter *waiter)
{
    struct desk_ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket) return NULL;
    *ticket = (struct desk_ticket){ desk, item, waiter, item->tickets, &item->tickets };
    if (ticket->next) ticket->next->link = &ticket->next;
    item->tickets = ticket;
    item->n_holders++;
    return ticket;
}

static size_t live_of(const struct desk *desk, const struct principal *who)
{
    size_t n = 0;
    for (const struct desk_item *item = desk->newest; item; item = item->older)
        n += desk_state_is_live(item->state) &&
             bytes_equal(item->kept->request.principal.issuer, who->issuer) &&
             bytes_equal(item->kept->request.principal.subject, who->subject);
    return n;
}

static const char *why_full(struct desk *desk, const struct desk_request *request, size_t bytes)
{
    uint64_t approvals = 0;
    for (size_t i = 0; i < request->n_needs; i++)
        approvals += request->needs[i].approvals;
    if (request->n_needs == 0 || request->n_needs > 32 || approvals > DESK_DECISIONS)
        return "it is held by more rules than people could be asked for";
    if (desk->counts.waiting + desk->counts.approved >= desk->options.most_waiting)
        return "as many statements as there may be wait for approval already";
    if (live_of(desk, &request->principal) >= desk->options.most_of_principal)
        return "as many of your statements as there may be wait for approval already";
    make_room(desk, bytes);
    if (desk->counts.bytes + bytes > desk->options.most_bytes)
        return "what waits for approval takes all the memory that it may";
    return desk->stopping ? "the gateway is stopping" : NULL;
}

static struct desk_item *item_new(struct desk *desk, struct desk_kept *kept)
{
    struct desk_item *item = calloc(1, sizeof *item);
    if (!item) return NULL;
    item->n_holders = 1;
    item->kept = kept;
    item->last = &item->first;
    make_id(desk, kept->request.id);
    kept->request.asked_us = now_us(desk);
    item->state = DESK_WAITING;
    return item;
}

static enum desk_asked ask_locked(struct desk *desk, struct desk_kept **kept, struct desk_waiter *waiter,
                                  struct desk_ticket **ticket_out, const char **says_out)
{
    const struct desk_request *request = &(*kept)->request;
    desk_look_at_clock(desk);
    struct desk_item *same =
        request->stays ? map_get(&desk->by_digest, bytes_make(request->digest, DESK_DIGEST)) : NULL;
    if (same && same->state == DESK_WAITING && same->kept->request.rows >= request->rows) {
        *ticket_out = ticket_new(desk, same, waiter);
        return *ticket_out ? DESK_ASK_KNOWN : DESK_ASK_FAILED;
    }
    *says_out = why_full(desk, request, (*kept)->bytes);
    if (*says_out) return DESK_ASK_FULL;
    struct desk_item *item = item_new(desk, *kept);
    if (!item) return DESK_ASK_FAILED;
    struct desk_ticket *ticket = ticket_new(desk, item, waiter);
    if (!ticket || !insert(desk, item)) {
        free(ticket);
        free(item);
        return DESK_ASK_FAILED;
    }
    *kept = NULL;
    if (same && desk_state_is_live(same->state))
        desk_item_moves(desk, same, DESK_EVENT_ENDED,
                        same->state == DESK_APPROVED ? DESK_LAPSED : DESK_WITHDRAWN,
                        "It would change more rows by now, and was asked anew.", NULL);
    desk->counts.asked++;
    enters(desk, item, DESK_WAITING);
    post(desk, item, DESK_EVENT_ASKED, NULL);
    *ticket_out = ticket;
    return DESK_ASKED;
}

enum desk_asked desk_ask(struct desk *desk, const struct desk_request *request, struct desk_waiter *waiter,
                         struct desk_ticket **ticket_out, const char **says_out)
{
    *says_out = "it cannot be asked for approval: there is no memory";
    *ticket_out = NULL;
    if (request->stays && !desk->file) {
        *says_out = "requests that outlive their session are not kept here";
        return DESK_ASK_FULL;
    }
    struct desk_kept *kept = desk_kept_new(request);
    if (!kept) return DESK_ASK_FAILED;
    pthread_mutex_lock(&desk->lock);
    enum desk_asked asked = ask_locked(desk, &kept, waiter, ticket_out, says_out);
    pthread_mutex_unlock(&desk->lock);
    desk_kept_release(kept);
    return asked;
}

struct desk_ticket *desk_find(struct desk *desk, const uint8_t digest[DESK_DIGEST], bool counted,
                              uint64_t rows, struct desk_waiter *waiter)
{
    struct desk_ticket *ticket = NULL;
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    struct desk_item *item = map_get(&desk->by_digest, bytes_make(digest, DESK_DIGEST));
    bool fits = item && (!counted || rows <= item->kept->request.rows);
    if (fits) ticket = ticket_new(desk, item, waiter);
    pthread_mutex_unlock(&desk->lock);
    return ticket;
}

/* ---- tickets */

enum desk_state desk_ticket_state(const struct desk_ticket *ticket)
{
    pthread_mutex_lock(&ticket->desk->lock);
    desk_look_at_clock(ticket->desk);
    enum desk_state state = ticket->item->state;
    pthread_mutex_unlock(&ticket->desk->lock);
    return state;
}

const char *desk_ticket_id(const struct desk_ticket *ticket)
{
    return ticket->item->kept->request.id;
}

bool desk_use(struct desk_ticket *ticket)
{
    struct desk *desk = ticket->desk;
    pthread_mutex_lock(&desk->lock);
    desk_look_at_clock(desk);
    bool good = ticket->item->state == DESK_APPROVED;
    if (good) desk_item_moves(desk, ticket->item, DESK_EVENT_USED, DESK_USED, NULL, NULL);
    pthread_mutex_unlock(&desk->lock);
    return good;
}

static void leave(struct desk_ticket *ticket, const char *why, bool also_stays)
{
    if (!ticket) return;
    struct desk *desk = ticket->desk;
    struct desk_item *item = ticket->item;
    pthread_mutex_lock(&desk->lock);
    *ticket->link = ticket->next;
    if (ticket->next) ticket->next->link = ticket->link;
    if (desk_state_is_live(item->state) && (also_stays || !item->kept->request.stays))
        desk_item_moves(desk, item, DESK_EVENT_ENDED,
                        item->state == DESK_APPROVED ? DESK_LAPSED : DESK_WITHDRAWN, why, NULL);
    item_release(item);
    pthread_mutex_unlock(&desk->lock);
    free(ticket);
}

void desk_leave(struct desk_ticket *ticket, const char *why)
{
    leave(ticket, why, false);
}

void desk_void(struct desk_ticket *ticket, const char *why)
{
    leave(ticket, why, true);
}

/* ---- the thread */

/* What the file is to hold of it now: what is live, and denials for as long as they stand. */
static int write_item(struct desk *desk, struct desk_item *item)
{
    struct buf body;
    buf_init(&body, 4 * DESK_TEXT + (4 << 20));
    pthread_mutex_lock(&desk->lock);
    uint64_t serial = item->serial;
    bool keeps = item->by_digest;
    if (keeps) desk_item_encode(item, &body);
    pthread_mutex_unlock(&desk->lock);
    int error = body.failed ? -ENOMEM
                            : desk_file_put(desk->file, item->kept->request.id,
                                            keeps ? buf_bytes(&body) : (struct bytes){ 0 });
    buf_consume(&body, buf_length(&body));
    buf_wipe(&body);
    buf_free(&body);
    pthread_mutex_lock(&desk->lock);
    if (error) {
        log_line(LOG_ERROR, "approvals: %s cannot be written: %s", item->kept->request.id, strerror(-error));
        item->file_failed = true;
    } else {
        item->on_file = serial;
    }
    tell(item);
    pthread_mutex_unlock(&desk->lock);
    return error;
}

static void call_watchers(struct desk *desk, const struct desk_event *event)
{
    pthread_mutex_lock(&desk->calling);
    struct desk_watcher *next;
    for (struct desk_watcher *watcher = desk->watchers; watcher; watcher = next) {
        next = watcher->next;
        watcher->on_event(watcher, event);
    }
    pthread_mutex_unlock(&desk->calling);
}

static void task_free(struct desk *desk, struct desk_task *task)
{
    pthread_mutex_lock(&desk->lock);
    item_release(task->item);
    pthread_mutex_unlock(&desk->lock);
    desk_given_release(task->given);
    free(task);
}

/* False: the record takes nothing now. */
static bool run_task(struct desk *desk, struct desk_task *task)
{
    task->event.why = bytes_of(task->why);
    bool is_event = task->event.kind != DESK_EVENT_ENDED || task->event.state != DESK_DENIED;
    if (is_event && desk->options.record && !desk->options.record(desk->options.context, &task->event))
        return false;
    if (task->item->kept->request.stays && write_item(desk, task->item) &&
        task->event.kind == DESK_EVENT_ASKED) {
        pthread_mutex_lock(&desk->lock);
        if (desk_state_is_live(task->item->state))
            desk_item_moves(desk, task->item, DESK_EVENT_ENDED, DESK_WITHDRAWN, "It could not be kept.",
                            NULL);
        pthread_mutex_unlock(&desk->lock);
    }
    if (is_event) call_watchers(desk, &task->event);
    return true;
}

static struct desk_task *take_task(struct desk *desk)
{
    struct desk_task *task = desk->first_task;
    if (!task) return NULL;
    desk->first_task = task->next;
    if (!desk->first_task) desk->last_task = &desk->first_task;
    return task;
}

int64_t desk_work(struct desk *desk)
{
    struct desk_task *task;
    int64_t due_us;
    for (;;) {
        pthread_mutex_lock(&desk->lock);
        desk_look_at_clock(desk);
        task = take_task(desk);
        due_us = desk->due_us;
        pthread_mutex_unlock(&desk->lock);
        if (!task) return due_us;
        if (!run_task(desk, task)) {
            pthread_mutex_lock(&desk->lock);
            task->next = desk->first_task;
            desk->first_task = task;
            if (!task->next) desk->last_task = &task->next;
            pthread_mutex_unlock(&desk->lock);
            return now_us(desk) + 100000;
        }
        task_free(desk, task);
    }
}

static void sleep_until(struct desk *desk, int64_t due_us)
{
    struct timespec until;
    int64_t wait_us = due_us - now_us(desk);
    if (wait_us > (int64_t)WATCH_MS_MOST * 1000) wait_us = (int64_t)WATCH_MS_MOST * 1000;
    if (wait_us <= 0) return;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_us / 1000000;
    until.tv_nsec += wait_us % 1000000 * 1000;
    if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
    pthread_cond_timedwait(&desk->work, &desk->lock, &until);
}

static void *run(void *context)
{
    struct desk *desk = context;
    bool stopping = false;
    while (!stopping) {
        int64_t due_us = desk_work(desk);
        pthread_mutex_lock(&desk->lock);
        /* A record that takes nothing is asked again in a moment, not at once. */
        bool stuck = desk->first_task && due_us < desk->due_us;
        if (!desk->stopping && (!desk->first_task || stuck))
            sleep_until(desk, due_us < desk->due_us ? due_us : desk->due_us);
        stopping = desk->stopping;
        pthread_mutex_unlock(&desk->lock);
    }
    return NULL;
}

/* ---- life */

static bool take_in(void *context, struct bytes body)
{
    struct desk *desk = context;
    struct desk_item *item = desk_item_decode(body);
    if (!item) return false;
    bool good = item->kept->request.stays && item->in_table == false &&
                (desk_state_is_live(item->state) || item->state == DESK_DENIED) &&
                !desk_item_of(desk, id_of(item)) && insert(desk, item);
    if (!good) {
        desk_item_free(item);
        return false;
    }
    item->serial = item->on_file = ++desk->serial;
    count_live(desk, item->state, 1);
    if (item->ends_us && item->ends_us < desk->due_us) desk->due_us = item->ends_us;
    return true;
}

static int start_file(struct desk *desk)
{
    const struct desk_options *o = &desk->options;
    int error = desk_file_open(o->path, o->key, &desk->file);
    if (!error) error = desk_file_each(desk->file, take_in, desk);
    if (error)
        log_line(LOG_ERROR, "approvals: %s cannot be used: %s", o->path,
                 error == -EBADMSG ? "it is damaged, or was sealed under another key" : strerror(-error));
    return error;
}

int desk_open(const struct desk_options *options, struct desk **out)
{
    struct desk *desk = calloc(1, sizeof *desk);
    pthread_condattr_t attributes;
    if (!desk) return -ENOMEM;
    desk->options = *options;
    if (!desk->options.most_waiting) desk->options.most_waiting = MOST_WAITING;
    if (!desk->options.most_of_principal) desk->options.most_of_principal = MOST_OF_PRINCIPAL;
    if (!desk->options.most_bytes) desk->options.most_bytes = MOST_BYTES;
    desk->last_task = &desk->first_task;
    desk->due_us = INT64_MAX;
    pthread_mutex_init(&desk->lock, NULL);
    pthread_mutex_init(&desk->calling, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&desk->work, &attributes);
    pthread_condattr_destroy(&attributes);
    size_t ceiling = desk->options.most_waiting + 2 * ENDED_KEPT;
    map_init(&desk->by_id, ceiling, options->seed);
    map_init(&desk->by_digest, ceiling, options->seed);
    int error = options->path ? start_file(desk) : 0;
    desk->options.key = NULL; /* the caller's, and it may be gone */
    if (!error && !options->without_thread) error = thread_start(&desk->thread, "desk", run, desk);
    desk->started = !error && !options->without_thread;
    if (!error) {
        *out = desk;
        return 0;
    }
    desk_close(desk);
    return error;
}

static void withdraw_all(struct desk *desk)
{
    for (struct desk_item *item = desk->newest; item; item = item->older)
        if (desk_state_is_live(item->state) && !item->kept->request.stays)
            desk_item_moves(desk, item, DESK_EVENT_ENDED,
                            item->state == DESK_APPROVED ? DESK_LAPSED : DESK_WITHDRAWN,
                            "The gateway was stopped.", NULL);
}

void desk_close(struct desk *desk)
{
    if (!desk) return;
    pthread_mutex_lock(&desk->lock);
    desk->stopping = true;
    withdraw_all(desk);
    pthread_cond_signal(&desk->work);
    pthread_mutex_unlock(&desk->lock);
    if (desk->started) pthread_join(desk->thread, NULL);
    desk_work(desk);
    struct desk_task *task;
    while ((task = take_task(desk))) {
        log_line(LOG_ERROR, "approvals: what became of %s could not be recorded",
                 task->item->kept->request.id);
        task_free(desk, task);
    }
    while (desk->newest) {
        CHECK(!desk->newest->tickets);
        forget(desk, desk->newest);
    }
    map_free(&desk->by_id, NULL);
    map_free(&desk->by_digest, NULL);
    desk_file_close(desk->file);
    pthread_cond_destroy(&desk->work);
    pthread_mutex_destroy(&desk->calling);
    pthread_mutex_destroy(&desk->lock);
    free(desk);
}

void desk_watch(struct desk *desk, struct desk_watcher *watcher)
{
    pthread_mutex_lock(&desk->calling);
    watcher->next = desk->watchers;
    desk->watchers = watcher;
    pthread_mutex_unlock(&desk->calling);
}

void desk_unwatch(struct desk *desk, struct desk_watcher *watcher)
{
    pthread_mutex_lock(&desk->calling);
    for (struct desk_watcher **at = &desk->watchers; *at; at = &(*at)->next)
        if (*at == watcher) {
            *at = watcher->next;
            break;
        }
    pthread_mutex_unlock(&desk->calling);
}
