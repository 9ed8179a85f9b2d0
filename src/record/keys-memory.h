/* A record_keys whose keys are in this process: for tests and for small tools. The gateway puts its keys
 * child there instead. */
#ifndef POSTERN_RECORD_KEYS_MEMORY_H
#define POSTERN_RECORD_KEYS_MEMORY_H
#include "record/lane.h"

struct keys_memory {
    struct record_keys keys;
    uint8_t encryption_key[32], seed[32];
};

/* Fills m->keys, whose context is m: m stays where it is while they are used. False: libcrypto refused. */
bool keys_memory_init(struct keys_memory *m, const uint8_t encryption_key[32],
                      const uint8_t seed[32]) MUST_USE;
void keys_memory_wipe(struct keys_memory *m);
#endif
