/* Found by the hash of the cookie, so that neither a look at memory's order nor at times tells a cookie. */
#include "api/people.h"
#include "base/map.h"
#include "crypto/hash.h"
#include "identity/oauth.h"
#include <pthread.h>
#include <stdlib.h>

enum { MOST = 4096, MOST_OF_ONE = 32, IDLE_US = 3600 * 1000000LL, ARENA_CEILING = 512 << 10 };

struct entry {
    struct person person; /* first */
    struct entry *next;
    uint8_t key[SHA256_SIZE];
    unsigned n_users; /* the list has one */
    int64_t seen_us;  /* monotonic */
    bool out;
};

struct people {
    const struct clock *clock;
    int64_t session_us;
    pthread_mutex_t lock;
    struct map by_key;
    struct entry *all;
    size_t n;
    uint64_t n_numbers;
};

struct people *people_new(const struct clock *clock, int64_t session_us, uint64_t seed)
{
    struct people *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    *p = (struct people){ .clock = clock, .session_us = session_us };
    pthread_mutex_init(&p->lock, NULL);
    map_init(&p->by_key, MOST, seed);
    return p;
}

static void let_go(struct entry *e)
{
    if (--e->n_users) return;
    arena_wipe(&e->person.arena);
    arena_free(&e->person.arena);
    free(e);
}

/* Out of the list; under the lock. */
static void put_out(struct people *p, struct entry *e)
{
    if (e->out) return;
    e->out = true;
    for (struct entry **at = &p->all; *at; at = &(*at)->next) {
        if (*at != e) continue;
        *at = e->next;
        break;
    }
    map_take(&p->by_key, bytes_make(e->key, sizeof e->key));
    p->n--;
    let_go(e);
}

void people_free(struct people *p)
{
    if (!p) return;
    while (p->all)
        put_out(p, p->all);
    map_free(&p->by_key, NULL);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static bool is_over(const struct people *p, const struct entry *e)
{
    return e->out || clock_wall_us(p->clock) >= e->person.expires_us ||
           clock_monotonic_us(p->clock) - e->seen_us >= IDLE_US;
}

/* Makes room: of what is over, and of one person's own oldest. */
static void sweep(struct people *p, const struct principal *who)
{
    size_t n = 0;
    struct entry *oldest = NULL;
    for (struct entry *e = p->all, *next; e; e = next) {
        next = e->next;
        if (is_over(p, e)) {
            put_out(p, e);
            continue;
        }
        if (!bytes_equal(e->person.principal.subject, who->subject) ||
            !bytes_equal(e->person.principal.issuer, who->issuer))
            continue;
        n++;
        oldest = e; /* newer ones come first */
    }
    if (n >= MOST_OF_ONE) put_out(p, oldest);
}

bool people_enter(struct people *p, const struct principal *principal, const struct principal *door,
                  struct bytes id_token, size_t issuer, char cookie_out[PEOPLE_COOKIE])
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e) return false;
    arena_init(&e->person.arena, 2048, ARENA_CEILING);
    oauth_random(cookie_out);
    oauth_random(e->person.csrf);
    sha256_once(bytes_of(cookie_out), e->key);
    e->person.id_token = arena_copy(&e->person.arena, id_token);
    e->person.issuer = issuer;
    e->person.expires_us = clock_wall_us(p->clock) + p->session_us;
    e->seen_us = clock_monotonic_us(p->clock);
    e->n_users = 1;
    bool good = principal_copy(&e->person.arena, principal, &e->person.principal) &&
                (!door || principal_copy(&e->person.arena, door, &e->person.door));
    pthread_mutex_lock(&p->lock);
    e->person.number = ++p->n_numbers;
    if (good) sweep(p, principal);
    good =
        good && p->n < MOST && map_put(&p->by_key, bytes_make(e->key, sizeof e->key), e, NULL) == MAP_ADDED;
    if (good) {
        e->next = p->all;
        p->all = e;
        p->n++;
    } else
        let_go(e);
    pthread_mutex_unlock(&p->lock);
    return good;
}

struct person *people_find(struct people *p, struct bytes cookie)
{
    uint8_t key[SHA256_SIZE];
    if (cookie.n != PEOPLE_COOKIE - 1) return NULL;
    sha256_once(cookie, key);
    pthread_mutex_lock(&p->lock);
    struct entry *e = map_get(&p->by_key, bytes_make(key, sizeof key));
    if (e && is_over(p, e)) {
        put_out(p, e);
        e = NULL;
    }
    if (e) {
        e->seen_us = clock_monotonic_us(p->clock);
        e->n_users++;
    }
    pthread_mutex_unlock(&p->lock);
    return e ? &e->person : NULL;
}

void people_release(struct people *p, struct person *person)
{
    if (!person) return;
    pthread_mutex_lock(&p->lock);
    let_go((struct entry *)person);
    pthread_mutex_unlock(&p->lock);
}

void people_leave(struct people *p, struct person *person)
{
    pthread_mutex_lock(&p->lock);
    put_out(p, (struct entry *)person);
    pthread_mutex_unlock(&p->lock);
}

bool people_is_in(struct people *p, const struct person *person)
{
    pthread_mutex_lock(&p->lock);
    const struct entry *e = (const struct entry *)person;
    bool in = !is_over(p, e);
    pthread_mutex_unlock(&p->lock);
    return in;
}
