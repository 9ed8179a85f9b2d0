/* A bell: one thread sleeps until another rings. Ringing costs a system call only when someone sleeps. */
#ifndef POSTERN_RECORD_BELL_H
#define POSTERN_RECORD_BELL_H
#include <stdatomic.h>
#include <stdint.h>

struct bell {
    _Atomic uint32_t rung, sleepers;
};

/* What bell_wait wants to know: taken before looking whether there is work. */
uint32_t bell_look(struct bell *b);
/* Sleeps until the bell was rung after bell_look gave `seen`, or until timeout_us passed (negative: no
 * timeout). May return early. */
void bell_wait(struct bell *b, uint32_t seen, int64_t timeout_us);
void bell_ring(struct bell *b);
#endif
