/* The session's name space: prepared statements and portals (cursors), whether the protocol or SQL made them
 * (WIRE: "namespaces are shared").
 *
 * What a message or a statement does to a name is noted when it is forwarded and made final, or taken back,
 * when the server has answered. A name's bindings form a chain, newest first; a tombstone (no text) stands
 * for a close that is on its way. What is looked up is the newest: the one that the server will know by the
 * time it reads what comes next. */
#ifndef POSTERN_SESSION_BINDING_H
#define POSTERN_SESSION_BINDING_H
#include "base/bytes.h"
#include "base/map.h"
#include "session/understood.h"

/* A Parse as it came: what is understood may be of another text of the same template. */
struct binding_source {
    struct bytes text;
    uint32_t *types; /* of parameters: as Parse gives them, then as the server tells them */
    uint16_t n_types;
    size_t bytes; /* as they were counted */
};

struct binding {
    struct binding *older;
    unsigned n_users;              /* the chain is one, each pending message that refers to it another */
    bool portal;                   /* of the portals' space */
    bool linked;                   /* still in its chain */
    bool committed;                /* the server has it: it is the oldest of its chain */
    bool described;                /* a Describe for it is under way or answered */
    bool granted;                  /* a portal: people have approved that it runs */
    bool hold;                     /* a portal that survives its transaction (WITH HOLD, or not known) */
    struct binding *of;            /* a portal: a use of the statement that it was bound from; NULL */
    uint32_t text;                 /* number in the record; 0 */
    uint32_t bind;                 /* a portal's FRAME_BIND; 0 */
    uint32_t description;          /* number of its row description in the record; 0: not known, or none */
    int32_t columns;               /* of that description; -1: not known */
    uint64_t rows, values;         /* a portal: delivered so far, by any number of Execute and FETCH */
    struct understood *understood; /* pinned; NULL: a tombstone */
    struct binding_source *source; /* of a statement that people may have to approve; NULL */
    size_t n;
    uint8_t name[];
};

struct bindings {
    struct map statements, portals;
    struct binding *unnamed_statement, *unnamed_portal; /* "" is used all the time: no map for it */
    struct understood_cache *cache;
    size_t bytes; /* of understood texts that no cache keeps, counted for each name */
};
/* NAME_BYTES: names are told apart by so many bytes, since that is what a server keeps of them (NAMEDATALEN
 * less one). */
enum { BINDINGS_CEILING = 100000, BINDING_NAME_BYTES = 63 };
/* Of what is understood and in no cache, a session's names may hold so much; the cache has a ceiling of its
 * own. */
enum { BINDINGS_BYTES_CEILING = 256 << 20 };

void bindings_init(struct bindings *b, struct understood_cache *cache, uint64_t seed);
void bindings_free(struct bindings *b);
/* The newest for the name; NULL where there is none, or a tombstone. */
struct binding *binding_find(const struct bindings *b, bool portal, struct bytes name);
/* Adds a newest one with one user for the caller; understood NULL: a tombstone. Takes a pin of its own. NULL:
 * the ceiling, or no memory. */
struct binding *binding_push(struct bindings *b, bool portal, struct bytes name,
                             struct understood *understood) MUST_USE;
/* Keeps a Parse's text and types (big-endian, as they came). False: no memory, or too much is kept already.
 */
bool binding_keep_source(struct bindings *b, struct binding *binding, struct bytes text,
                         struct bytes types) MUST_USE;
/* The server has told the types: the body of its ParameterDescription. */
void binding_learn_types(struct binding *binding, struct bytes body);
static inline struct binding *binding_use(struct binding *binding)
{
    if (binding) binding->n_users++;
    return binding;
}
/* Lets go of a use; NULL is fine. */
void binding_release(struct bindings *b, struct binding *binding);
/* The same text, understood anew, takes the place of what the binding holds. */
void binding_renew(struct bindings *b, struct binding *binding, struct understood *understood);
/* The server took it: what is older is forgotten, and a tombstone takes the name away. */
void binding_commit(struct bindings *b, struct binding *binding);
/* The server did not: it leaves the chain. */
void binding_revert(struct bindings *b, struct binding *binding);
/* The server has no such name any more, and no tombstone was pushed. What is on its way to the server stays.
 */
void binding_forget(struct bindings *b, bool portal, struct bytes name);
/* DEALLOCATE ALL, DISCARD ALL (which leave the unnamed statement alone); the end of a transaction for portals
 * without hold. What is on its way to the server stays. */
void bindings_forget_all(struct bindings *b, bool portal, bool also_held);
#endif
