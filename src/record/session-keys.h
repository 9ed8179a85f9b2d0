/* The keys file: the data key of each session, wrapped under the key-encryption key, 80 bytes each. A block's
 * head names its key by index (record 0 is the file's head). It stands apart from the blocks so that erasing
 * a session is overwriting its records here, which leaves the proof whole. */
#ifndef POSTERN_RECORD_SESSION_KEYS_H
#define POSTERN_RECORD_SESSION_KEYS_H
#include "record/format.h"
#include <stdbool.h>

struct session_keys {
    int fd;
    uint64_t n; /* records, the file's head included */
    bool dirty; /* written and not synced */
};

/* Opens or makes <folder>/keys; a record that was cut in the middle is let go. 0 or -errno. */
int session_keys_open(int folder, struct session_keys *keys_out) MUST_USE;
void session_keys_close(struct session_keys *k);
/* Appends a record. 0 or -errno; *index_out is what block heads carry. */
int session_keys_add(struct session_keys *k, uint64_t session, const uint8_t wrapped[FORMAT_WRAPPED_KEY],
                     uint64_t *index_out) MUST_USE;
int session_keys_sync(struct session_keys *k) MUST_USE;

/* What stands in the place of an erased key: which erasure it was, and when. */
struct session_grave {
    uint64_t erasure; /* named in the gateway's own frames, which say by whom and why; 0: not known */
    int64_t erased_us;
};

enum session_key { SESSION_KEY_BAD = 0, SESSION_KEY_ERASED, SESSION_KEY_FOUND };
/* Reads record `index` of a keys file; BAD: not there, damaged, or another session's. grave_out (may be NULL)
 * is filled where it is erased. */
enum session_key session_keys_read(int fd, uint64_t index, uint64_t session,
                                   uint8_t wrapped_out[FORMAT_WRAPPED_KEY],
                                   struct session_grave *grave_out) MUST_USE;

/* Whether the newest key that is there opens: what writes into a log asks first, so that no key comes to
 * stand there under another key-encryption key than the others. 0, also where there is none yet;
 * -EKEYREJECTED; or -errno. */
int session_keys_fit(const char *log_folder,
                     int (*unwrap)(void *context, const uint8_t wrapped[FORMAT_WRAPPED_KEY],
                                   uint8_t key_out[32]),
                     void *context) MUST_USE;

/* Overwrites every record of these sessions, which are in rising order, in one pass over the file, and syncs:
 * nobody can open their blocks then. Session 0 is never erased. The number of keys that were destroyed (those
 * that were gone before are not counted), or -errno. A process that appends meanwhile is not disturbed. */
int64_t session_keys_erase(int fd, const uint64_t *sessions, size_t n,
                           const struct session_grave *grave) MUST_USE;

/* Writes a copy of the file in which every key is wrapped anew, by `change`, and syncs it; erased ones stay
 * so. 0 or -errno: of change (-EBADMSG: a key does not open), of the files, or -EBADMSG: a damaged record. */
int session_keys_copy(int from, int to,
                      int (*change)(void *context, const uint8_t before[FORMAT_WRAPPED_KEY],
                                    uint8_t after_out[FORMAT_WRAPPED_KEY]),
                      void *context, uint64_t *n_out) MUST_USE;
#endif
