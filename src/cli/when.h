/* Times as people give and read them. */
#ifndef POSTERN_CLI_WHEN_H
#define POSTERN_CLI_WHEN_H
#include "base/bytes.h"
#include "base/check.h"

/* "15m", "2h", "3d", "1w" (that long ago), "today", "yesterday", "2026-11-21", "2026-11-21 08:45",
 * "2026-11-21T08:45:12.5Z": all UTC. */
bool when_parse(struct bytes text, int64_t now_us, int64_t *us_out) MUST_USE;
/* "250ms", "5s", "2m", "1h": how long. */
bool when_parse_span(struct bytes text, int64_t *us_out) MUST_USE;
/* A period, whole minutes, the end excluded: "30d" (up to now), "2026", "2026-Q3", "2026-10", "2026-10-05",
 * or FROM..TO, where each is a time as above; a TO that is only a day is in the period. */
bool when_parse_period(struct bytes text, int64_t now_us, int64_t *since_us_out,
                       int64_t *until_us_out) MUST_USE;
/* "2026-11-21 08:45:12"; room for 20 bytes. */
void when_format(int64_t us, char out[20]);
/* "812 µs", "3.402 ms", "1.52 s", "4m 07s", "3h 12m", "2d 5h"; room for 24 bytes. */
void when_duration(int64_t us, char out[24]);
#endif
