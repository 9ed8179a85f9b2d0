/* Between the keys child and its source reader: both are one program in one version on one machine, so these
 * are plain structs. Private to keys-source*.c. */
#ifndef POSTERN_APP_KEYS_SOURCE_WIRE_H
#define POSTERN_APP_KEYS_SOURCE_WIRE_H
#include "app/keys-source.h"

struct source_request {
    uint64_t job;
    uint64_t kind; /* enum keys_source_kind; the path or the command follows in the packet */
};
struct source_answer {
    uint64_t job;
    int64_t status;
    uint8_t text[KEYS_SECRET_MOST]; /* as much of it as the packet has */
};
/* Without one line end at the end. */
struct bytes keys_source_trim(struct bytes b);
#endif
