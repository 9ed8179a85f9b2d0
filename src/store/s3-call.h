/* One call of the service: from what is asked to a signed request, its tries, and what the answer says. For
 * s3*.c only. */
#ifndef POSTERN_STORE_S3_CALL_H
#define POSTERN_STORE_S3_CALL_H
#include "store/s3.h"
#include "store/sigv4.h"
#include "store/xml.h"

enum { S3_PAGES = 1000 /* of a listing, a thousand each */ };

struct s3_call {
    const char *method;
    struct bytes key;                                           /* empty: the bucket itself */
    struct sigv4_pair query[SIGV4_PAIRS], headers[SIGV4_PAIRS]; /* the caller's own */
    size_t n_query, n_headers;
    struct bytes body;
    struct buf *out;   /* of the answer's body; NULL: there is none that matters */
    uint64_t expected; /* how many bytes of it at most, for the deadline */
};
void s3_call_ask(struct s3_call *call, const char *name, struct bytes value);
void s3_call_head(struct s3_call *call, const char *name, struct bytes value);
/* Lock and checksum of an object that is made; times live in room. */
void s3_call_lock(struct s3_call *call, const struct s3_lock *lock, char room[32]);
/* "2026-11-22T01:02:03Z". */
void s3_time(int64_t s, char out[32]);
enum s3_outcome s3_call_run(struct s3 *s3, const struct s3_call *call, struct s3_answer *answer_out) MUST_USE;
/* Runs a call whose answer is XML and visits it. S3_FAILED too where it cannot be read. */
enum s3_outcome s3_call_xml(struct s3 *s3, const struct s3_call *call,
                            void (*visit)(void *context, const struct xml_element *element), void *context,
                            struct s3_answer *answer_out) MUST_USE;
/* A listing went on for S3_PAGES: S3_FAILED, and says so. */
enum s3_outcome s3_call_endless(struct s3_answer *answer_out) MUST_USE;
/* Copies a text into room of n bytes, without quotes around it; longer ones are left out. */
void s3_take(char *room, size_t n, struct bytes text);
/* For what s3_call_xml visits. */
static inline bool s3_at(const struct xml_element *e, const char *path)
{
    return strcmp(e->path, path) == 0;
}
#endif
