/* Ways to keep a checkpoint elsewhere, a row each: a file, a webhook. A new one is a row in anchor-way.c and
 * a function that blocks until the checkpoint is safe there. */
#ifndef POSTERN_APP_ANCHOR_WAY_H
#define POSTERN_APP_ANCHOR_WAY_H
#include "app/config.h"
#include "base/clock.h"
#include "base/secret.h"
#include "record/newest.h"
#include <stdatomic.h>

struct anchor_note {
    const struct newest *checkpoint;
    struct bytes text;       /* the whole note, its last empty line included */
    struct bytes public_key; /* verifier key, as text */
};
struct anchor_to {
    const struct config_anchor *config;
    struct bytes secret; /* what the way's anchor_way.secret asked for */
    const struct clock *clock;
    const atomic_bool *cancel; /* once true, it should come back soon */
};
struct anchor_way {
    const char *name;
    /* Whether the configuration asks for this way. */
    bool (*is_wanted)(const struct config_anchor *config);
    bool signs; /* it has a secret that signs what is sent (notify/sign.h) */
    /* 0: it is kept there now, or was before. -errno: why_out says in a few words, with nothing secret in
     * them. */
    int (*put)(const struct anchor_to *to, const struct anchor_note *note, char why_out[160]);
};
/* The way that the configuration asks for. */
const struct anchor_way *anchor_way_of(const struct config_anchor *config);
#endif
