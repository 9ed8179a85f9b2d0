/* A futex word that counts the rings. Whoever rings adds first and looks for sleepers then; whoever sleeps
 * counts itself first, and the kernel compares the word: no ring is missed. */
#include "record/bell.h"
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint32_t bell_look(struct bell *b)
{
    return atomic_load(&b->rung);
}

void bell_wait(struct bell *b, uint32_t seen, int64_t timeout_us)
{
    struct timespec timeout = { timeout_us / 1000000, timeout_us % 1000000 * 1000 };
    atomic_fetch_add(&b->sleepers, 1);
    syscall(SYS_futex, &b->rung, FUTEX_WAIT_PRIVATE, seen, timeout_us < 0 ? NULL : &timeout, NULL, 0);
    atomic_fetch_sub(&b->sleepers, 1);
}

void bell_ring(struct bell *b)
{
    atomic_fetch_add(&b->rung, 1);
    if (atomic_load(&b->sleepers)) syscall(SYS_futex, &b->rung, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
