/* The system's clocks. */
#include "base/clock.h"
#include <time.h>

static int64_t now_us(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_wall_us(const struct clock *c)
{
    (void)c;
    return now_us(CLOCK_REALTIME);
}

static int64_t system_monotonic_us(const struct clock *c)
{
    (void)c;
    return now_us(CLOCK_MONOTONIC);
}

const struct clock clock_system = { system_wall_us, system_monotonic_us };
