/* A client of S3-compatible object storage: objects, versions, object lock, multipart uploads. Blocking, for
 * threads that may; one thread at a time. Requests are signed by sigv4.h, their payloads with them; what is
 * sent carries its MD5 too, which object lock asks for. Addresses are path-style: endpoint/bucket/key.
 *
 * Keys are 1 to 512 bytes of letters, digits, "!-_.*'()/", no part of them empty, "." or "..". A request that
 * failed for a reason that may pass (the network, a time-out, 429, 5xx) is tried again, at most `tries`
 * times, with rests that double and have jitter; each outcome below is that of the last try. Nothing is
 * followed anywhere else. */
#ifndef POSTERN_STORE_S3_H
#define POSTERN_STORE_S3_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/clock.h"
#include <stdatomic.h>

enum {
    S3_KEY = 512,
    S3_NAME = 256,           /* of versions, uploads, ETags */
    S3_PART_BYTES = 8 << 20, /* what is larger goes up in such parts */
    S3_PARTS = 10000,
};

/* All borrowed: they outlive the client. */
struct s3_options {
    const struct clock *clock;
    struct bytes endpoint; /* "https://s3.eu-central-1.amazonaws.com", no slash at its end */
    struct bytes region, bucket;
    struct bytes access_key, secret_key, session_token; /* the token may be empty */
    struct bytes ca;                                    /* file; empty: the system's authorities */
    const atomic_bool *cancel;                          /* may be NULL; once true, calls end soon */
    unsigned tries;                                     /* at least 1 */
    int64_t rest_us;     /* before the second try, on the average; 0: a fifth of a second */
    int64_t deadline_us; /* of a try without a body; bodies add a second for each 32 KiB. 0: a minute */
};
struct s3;
/* NULL: no memory. */
struct s3 *s3_new(const struct s3_options *options) MUST_USE;
void s3_free(struct s3 *s3);
bool s3_key_is_good(struct bytes key);

enum s3_outcome {
    S3_FAILED = 0, /* it is away, too slow, in trouble, or answers in no form that is known: later perhaps */
    S3_REFUSED,    /* it says no (403, a lock, a bad request): the same request will fail again */
    S3_MISSING,    /* 404 */
    S3_EXISTS,     /* 412: an object was to be new and is there */
    S3_DONE
};
enum s3_lock_mode { S3_LOCK_NONE = 0, S3_LOCK_GOVERNANCE, S3_LOCK_COMPLIANCE };
struct s3_lock {
    enum s3_lock_mode mode;
    int64_t until_s; /* seconds since 1970 */
    bool hold;       /* legal hold */
};
/* What an answer told; what it did not tell is 0 or "". */
struct s3_answer {
    long status;
    char code[64];  /* of an error: "NoSuchBucket" */
    char why[256];  /* for the log, wherever it is not S3_DONE */
    uint64_t bytes; /* of the whole object */
    char etag[S3_NAME], version[S3_NAME];
    char sha256[65]; /* as it was put: s3_object.sha256 */
    struct s3_lock lock;
    unsigned tries;
};

/* An object to be made. */
struct s3_object {
    struct bytes key;
    bool only_new;   /* If-None-Match: *, where the service knows it */
    char sha256[65]; /* of the whole, in hexadecimal; kept beside the object, and told by s3_head */
    struct s3_lock lock;
};
enum s3_outcome s3_put(struct s3 *s3, const struct s3_object *object, struct bytes body,
                       struct s3_answer *answer_out) MUST_USE;
/* version: empty for the newest. */
enum s3_outcome s3_head(struct s3 *s3, struct bytes key, struct bytes version,
                        struct s3_answer *answer_out) MUST_USE;
/* Appends the n bytes from `from` on (fewer at the end; n == 0: all) to out, whose ceiling limits them. What
 * a failed try appended is taken away again. */
enum s3_outcome s3_get(struct s3 *s3, struct bytes key, struct bytes version, uint64_t from, uint64_t n,
                       struct buf *out, struct s3_answer *answer_out) MUST_USE;
enum s3_outcome s3_delete(struct s3 *s3, struct bytes key, struct bytes version,
                          struct s3_answer *answer_out) MUST_USE;
struct s3_listed {
    struct bytes key;
    uint64_t bytes;
};
/* Every object under a prefix, page by page. S3_FAILED too where a listing does not end, here and below. */
enum s3_outcome s3_list(struct s3 *s3, struct bytes prefix,
                        void (*visit)(void *context, const struct s3_listed *object), void *context,
                        struct s3_answer *answer_out) MUST_USE;
/* Every version of exactly this key, deletion's marks left out. */
enum s3_outcome s3_versions(struct s3 *s3, struct bytes key,
                            void (*visit)(void *context, const char *version, uint64_t bytes), void *context,
                            struct s3_answer *answer_out) MUST_USE;
/* Locks an object that is there for longer; a lock never gets weaker by it. */
enum s3_outcome s3_retain(struct s3 *s3, struct bytes key, struct bytes version, const struct s3_lock *lock,
                          struct s3_answer *answer_out) MUST_USE;
/* Lays a legal hold on an object, or takes it away. */
enum s3_outcome s3_hold(struct s3 *s3, struct bytes key, struct bytes version, bool on,
                        struct s3_answer *answer_out) MUST_USE;

/* ---- multipart: begun, parts in any order and as often as needed, then completed or aborted. Until then
 * nothing is there under the key. */
enum s3_outcome s3_upload_begin(struct s3 *s3, const struct s3_object *object, char upload_out[S3_NAME],
                                struct s3_answer *answer_out) MUST_USE;
/* The uploads of exactly this key that were begun and not ended. */
enum s3_outcome s3_uploads(struct s3 *s3, struct bytes key, void (*visit)(void *context, const char *upload),
                           void *context, struct s3_answer *answer_out) MUST_USE;
struct s3_part {
    unsigned number; /* from 1 */
    uint64_t bytes;
    char etag[S3_NAME]; /* without its quotes */
};
/* part->number is given; its bytes and etag are filled. */
enum s3_outcome s3_upload_part(struct s3 *s3, struct bytes key, const char *upload, struct bytes body,
                               struct s3_part *part, struct s3_answer *answer_out) MUST_USE;
/* The parts that are there. S3_MISSING: there is no such upload (any more). */
enum s3_outcome s3_upload_parts(struct s3 *s3, struct bytes key, const char *upload,
                                void (*visit)(void *context, const struct s3_part *part), void *context,
                                struct s3_answer *answer_out) MUST_USE;
/* parts in the order of their numbers. */
enum s3_outcome s3_upload_complete(struct s3 *s3, struct bytes key, const char *upload,
                                   const struct s3_part *parts, size_t n,
                                   struct s3_answer *answer_out) MUST_USE;
enum s3_outcome s3_upload_abort(struct s3 *s3, struct bytes key, const char *upload,
                                struct s3_answer *answer_out) MUST_USE;
#endif
