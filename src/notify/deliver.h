/* One attempt to hand one message to one receiver; it blocks, and so runs on the receiver's thread. */
#ifndef POSTERN_NOTIFY_DELIVER_H
#define POSTERN_NOTIFY_DELIVER_H
#include "notify/fact.h"
#include <stdatomic.h>

enum { DELIVER_ID = 40 };
/* AGAIN: nobody answered, or a server says that it is its own fault (5xx) or that it is too early (408, 425,
 * 429); a program failed. NEVER: the server does not want this message (any other status). */
enum delivered { DELIVER_NEVER = 0, DELIVER_AGAIN, DELIVER_DONE };
/* id: the same for each attempt. why_out: a few words, with nothing secret in them. */
enum delivered deliver(const struct notify_receiver *receiver, const struct notify_fact *fact,
                       const char id[DELIVER_ID], const struct clock *clock, const atomic_bool *cancel,
                       char why_out[160]) MUST_USE;
#endif
