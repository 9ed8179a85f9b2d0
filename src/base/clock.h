/* Time, handed down from the world: nothing below `app` asks the system itself, so that a test can move it.
 */
#ifndef POSTERN_BASE_CLOCK_H
#define POSTERN_BASE_CLOCK_H
#include <stdint.h>

struct clock {
    /* Microseconds since 1970, UTC: what records carry. */
    int64_t (*wall_us)(const struct clock *c);
    /* Microseconds since some start, never going back: what deadlines and durations use. */
    int64_t (*monotonic_us)(const struct clock *c);
};

static inline int64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c);
}
static inline int64_t clock_monotonic_us(const struct clock *c)
{
    return c->monotonic_us(c);
}
/* The system's own clocks. */
extern const struct clock clock_system;
#endif
