/* Bundles: recorded sessions taken out of the log in one file, with everything that proves them, for somebody
 * who has neither the log nor its keys. doc/bundle.md is the format. The blocks go in as they stand in the
 * log, sealed, with the data keys that open them: what was recorded is read out of what was proven, and
 * nothing else in the file has to be believed. */
#ifndef POSTERN_RECORD_BUNDLE_H
#define POSTERN_RECORD_BUNDLE_H
#include "base/buf.h"
#include "record/anchored.h"
#include "record/lane.h"
#include "record/segment-file.h"

enum { BUNDLE_SESSIONS_MAX = 100000 };

/* ---- writing one */
struct bundle_request {
    const char *folder;             /* of the log */
    const struct record_keys *keys; /* unwrap is used */
    const struct record_far *far;   /* where what is in the archive is read; may be NULL */
    const uint8_t *public_key;      /* of the log, now */
    const uint64_t *sessions;       /* each once, ascending */
    size_t n_sessions;
    struct bytes anchored; /* notes that were kept elsewhere; the newest of them is proven to be the beginning
                              of what the bundle's checkpoint signs; empty: none */
    int64_t now_us;        /* for the README */
    const char *version;   /* of this program, likewise */
    void (*progress)(void *context, uint64_t done, uint64_t total);
    /* NULL, or where it goes instead of fd; 0 or -errno, which ends it. */
    int (*put)(void *context, const void *data, size_t n);
    void *context;
};
struct bundle_written {
    uint64_t sessions, blocks, bytes, tree_size;
    uint64_t erased, open; /* sessions: without their content; not ended yet */
    char message[300];
};
/* Writes it to fd, from the first byte to the last. BUNDLE_LATER, before anything is written: a session has
 * blocks that no checkpoint covers yet: one is signed each second while a gateway runs. BUNDLE_REFUSED:
 * message says why not, or what is wrong with the log; what stands in fd is worthless. */
enum bundle_outcome { BUNDLE_REFUSED = 0, BUNDLE_LATER, BUNDLE_WRITTEN };
enum bundle_outcome bundle_write(const struct bundle_request *request, int fd,
                                 struct bundle_written *out) MUST_USE;

/* ---- verifying one: needs nothing but the file */
struct bundle_session {
    uint64_t session;
    uint64_t blocks, frames;
    int64_t first_us, sealed_us; /* time of its first frame; when its last block was sealed */
    bool ended, erased;
};
struct bundle_verified {
    bool ok;    /* everything that is there is proven */
    bool whole; /* and each session is there to its end, with its content */
    bool pinned;
    uint64_t sessions, blocks, frames, tree_size, anchored_size; /* 0: none */
    uint64_t n_erased, n_open;
    char origin[256];
    uint8_t key[32]; /* that signed the checkpoint */
    char message[400];
};
/* pinned: a key of the log that the caller has from elsewhere; NULL: the bundle's own is taken, which proves
 * that the bundle agrees with itself. anchored: NULL, or checkpoints that were kept elsewhere: one of them
 * must be the bundle's, or the one that it is proven to go on from. session is called for each that is
 * proven. */
void bundle_verify(int fd, const uint8_t *pinned, const struct anchored *anchored,
                   void (*session)(void *context, const struct bundle_session *s), void *context,
                   struct bundle_verified *out);
#endif
