/* Reaching a server: its hosts in turn, each with its addresses in turn, then TLS where the target wants it.
 * Used for sessions and for cancel requests. */
#ifndef POSTERN_SESSION_DIAL_H
#define POSTERN_SESSION_DIAL_H
#include "net/loop.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "pgwire/scram.h"
#include "session/target.h"

struct dial_result {
    bool connected;
    struct stream stream; /* the caller's now, when connected; in no loop */
    char address[ADDRESS_TEXT];
    char message[512];            /* what went wrong last, when not */
    struct scram_binding binding; /* n == 0 in clear */
};
struct dial;
/* on_done is called once, from the loop, never from within dial_start; the dial is freed then. NULL: no
 * memory. The target outlives the dial. */
struct dial *dial_start(struct loop *loop, struct resolver *resolver, const struct target *target,
                        int64_t deadline_us, void (*on_done)(void *context, struct dial_result *result),
                        void *context) MUST_USE;
/* Nobody wants the result any more; on_done is not called. */
void dial_abandon(struct dial *dial);
#endif
