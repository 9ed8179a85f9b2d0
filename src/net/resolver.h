/* Names to addresses, off the loops: one thread that calls getaddrinfo and posts the answer back. */
#ifndef POSTERN_NET_RESOLVER_H
#define POSTERN_NET_RESOLVER_H
#include "net/address.h"
#include "net/loop.h"

enum { RESOLVER_ADDRESSES = 8, RESOLVER_NAME = 256 };
struct resolver;
int resolver_new(struct resolver **out) MUST_USE;
/* Waits for the name in work, whose answer its loop still gets, and drops the others unanswered. */
void resolver_free(struct resolver *resolver);

/* Lives, untouched by its owner, until on_answer was called on the loop. */
struct resolver_query {
    struct loop_task task; /* the resolver's own */
    struct resolver_query *next;
    struct loop *loop;
    char host[RESOLVER_NAME];
    uint16_t port;
    struct address addresses[RESOLVER_ADDRESSES];
    size_t n_addresses;
    const char *error; /* a sentence, where n_addresses is 0 */
    void (*on_answer)(struct resolver_query *query);
};
void resolver_ask(struct resolver *resolver, struct resolver_query *query);
#endif
