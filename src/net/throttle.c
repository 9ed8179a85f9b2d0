#include "net/throttle.h"
#include "base/map.h"

bool throttle_take(struct throttle *t, struct bytes key, int64_t now_us)
{
    int64_t *whole_at = &t->whole_at_us[map_hash(key, t->seed) % THROTTLE_PLACES];
    int64_t from = *whole_at > now_us ? *whole_at : now_us;
    if (from + t->interval_us - now_us > t->interval_us * t->burst) return false;
    *whole_at = from + t->interval_us;
    return true;
}

struct bytes throttle_host(struct bytes address)
{
    if (bytes_starts_with(address, "unix:")) return bytes_slice(address, 0, 5);
    size_t n = address.n;
    while (n && address.p[n - 1] != ':')
        n--;
    return n ? bytes_slice(address, 0, n - 1) : address;
}
