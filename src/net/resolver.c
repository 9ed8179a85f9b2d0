/* A queue, a thread, getaddrinfo. Look-ups are rare (one a login, and only for targets that are given by
 * name), so one at a time will do. */
#include "net/resolver.h"
#include "base/thread.h"
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct resolver {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked;
    struct resolver_query *first, **last;
    bool stop;
};

static void answer(struct loop_task *task)
{
    struct resolver_query *query = (struct resolver_query *)task;
    query->on_answer(query);
}

static void look_up(struct resolver_query *query)
{
    char port[8];
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_family = AF_UNSPEC,
                              .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV },
                    *found = NULL;
    snprintf(port, sizeof port, "%u", query->port);
    int code = getaddrinfo(query->host, port, &hints, &found);
    for (struct addrinfo *a = found; a && query->n_addresses < RESOLVER_ADDRESSES; a = a->ai_next) {
        struct address *address = &query->addresses[query->n_addresses++];
        memcpy(&address->storage, a->ai_addr, a->ai_addrlen);
        address->length = a->ai_addrlen;
    }
    if (query->n_addresses == 0) query->error = code ? gai_strerror(code) : "the name has no address";
    if (found) freeaddrinfo(found);
}

static void *resolver_main(void *context)
{
    struct resolver *r = context;
    pthread_mutex_lock(&r->lock);
    while (!r->stop) {
        struct resolver_query *query = r->first;
        if (!query) {
            pthread_cond_wait(&r->asked, &r->lock);
            continue;
        }
        r->first = query->next;
        if (!r->first) r->last = &r->first;
        pthread_mutex_unlock(&r->lock);
        look_up(query);
        query->task.run = answer;
        loop_post(query->loop, &query->task);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

int resolver_new(struct resolver **out)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r) return -ENOMEM;
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->asked, NULL);
    int error = thread_start(&r->thread, "resolver", resolver_main, r);
    if (error) {
        free(r);
        return error;
    }
    *out = r;
    return 0;
}

void resolver_free(struct resolver *r)
{
    if (!r) return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->asked);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->asked);
    free(r);
}

void resolver_ask(struct resolver *r, struct resolver_query *query)
{
    query->next = NULL;
    query->n_addresses = 0;
    query->error = NULL;
    pthread_mutex_lock(&r->lock);
    *r->last = query;
    r->last = &query->next;
    pthread_cond_signal(&r->asked);
    pthread_mutex_unlock(&r->lock);
}
