/* Durations and sizes as people write them: a whole number and a unit, "30s", "15m", "8h", "400d"; "64kB",
 * "16MB". Units of size are powers of 1,024, as in PostgreSQL's settings. */
#ifndef POSTERN_YAML_QUANTITY_H
#define POSTERN_YAML_QUANTITY_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

/* us, ms, s, m, h, d; 0 needs no unit. False leaves *us_out alone. */
bool yaml_duration_parse(struct bytes text, int64_t *us_out) MUST_USE;
/* In the largest unit that loses nothing; parsing it gives the same number. */
void yaml_duration_print(int64_t us, struct buf *out);
/* B, kB, MB, GB, TB, or a number of bytes. False leaves *bytes_out alone. */
bool yaml_size_parse(struct bytes text, int64_t *bytes_out) MUST_USE;
void yaml_size_print(int64_t bytes, struct buf *out);
#endif
