/* A relay carries the bytes of one session between its sockets: reads, feeds, and, once the worker has
 * committed what the turn recorded, writes. All relays of a worker share one host; everything runs on its
 * loop. */
#ifndef POSTERN_SESSION_RELAY_H
#define POSTERN_SESSION_RELAY_H
#include "base/map.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls.h"
#include "session/session.h"
#include <stdatomic.h>

struct relay;
enum { RELAY_SCRATCH = 256 * 1024 };

/* What the relays of one worker share. Made by the program, which also calls relays_turn_end. */
struct relays {
    struct loop *loop;
    struct resolver *resolver;
    struct session_world *world;
    struct tls_server *tls; /* NULL: none */
    struct record_lane *lane;
    uint8_t *scratch; /* RELAY_SCRATCH bytes: what is read and consumed in one go touches no other memory */
    struct relay *first; /* all of them */
    struct relay *dirty; /* those with something to write, to watch or to free at the end of this turn */
    struct map keys;     /* cancel keys (8 bytes: process id and key) to relays */
    size_t n, n_unauthenticated;
    atomic_size_t *n_sessions; /* that are signed in, of all workers */
    size_t most_sessions;      /* who comes when there are so many is refused */
    struct canceller *cancellers;
    size_t n_cancelling; /* cancel requests on their way to servers: their sessions may be gone already */
};
/* 0 or -ENOMEM. */
int relays_init(struct relays *relays, size_t most_sessions, atomic_size_t *n_sessions,
                uint64_t seed) MUST_USE;
/* Ends what sessions are left; a second time does nothing. */
void relays_free(struct relays *relays);

/* Takes over a connection that was accepted. 0 or -errno (the descriptor is closed then). */
int relay_accept(struct relays *relays, int fd, const struct address *peer) MUST_USE;
/* Commits the lane and then lets every dirty relay write. */
void relays_turn_end(struct relays *relays);

/* For the world's calls, which know sessions. */
void relay_touch(struct relays *relays,
                 struct session *session); /* something was done to it from outside its sockets */
/* A cancel request, looked for among this worker's sessions. */
void relays_cancel(struct relays *relays, int32_t pid, struct bytes key, struct bytes from);
bool relays_register_key(struct relays *relays, struct session *session, int32_t pid,
                         const uint8_t key[4]) MUST_USE;
void relays_forget_key(struct relays *relays, int32_t pid, const uint8_t key[4]);
/* Everybody: room in the log, keys of an issuer. */
void relays_each(struct relays *relays, void (*visit)(struct session *session, void *context), void *context);
/* There is news of a catalogue: whoever waits for it is told. */
void relays_on_catalog(struct relays *relays, const struct session_catalog *catalog);
/* The session of that number; NULL: not here. */
struct session *relays_find(struct relays *relays, uint64_t id);
#endif
