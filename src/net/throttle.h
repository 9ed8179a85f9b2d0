/* How often each of many may do something, in a fixed room: nothing is allocated, and there is nothing to
 * forget. Two keys may share a place; they then share what one of them may do. The keyed hash keeps anybody
 * from choosing with whom. (The generic cell rate algorithm: a place holds the time when all of it is there
 * again.) */
#ifndef POSTERN_NET_THROTTLE_H
#define POSTERN_NET_THROTTLE_H
#include "base/bytes.h"
#include "base/check.h"

enum { THROTTLE_PLACES = 1024 };
struct throttle {
    uint64_t seed;
    int64_t interval_us; /* of one, in the long run */
    int64_t burst;       /* that may come at once; at least 1 */
    int64_t whole_at_us[THROTTLE_PLACES];
};
/* Whether one more is allowed now (a time that does not go backwards); it is counted then. */
bool throttle_take(struct throttle *throttle, struct bytes key, int64_t now_us) MUST_USE;
/* The part of "127.0.0.1:6432", "[::1]:6432" or "unix:/path" that names the host, as key. Of an IPv6 address
 * the whole counts: whoever has many networks has many connections as well. */
struct bytes throttle_host(struct bytes address);
#endif
