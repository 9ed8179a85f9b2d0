/* Signature Version 4 of requests to object storage, in the Authorization header, the payload's hash signed
 * with it. Pure: what is signed and when is handed in. Source: "Signature Calculations for the Authorization
 * Header: Transferring Payload in a Single Chunk" of the Amazon S3 API Reference. */
#ifndef POSTERN_STORE_SIGV4_H
#define POSTERN_STORE_SIGV4_H
#include "base/buf.h"
#include "base/bytes.h"

struct sigv4_key {
    struct bytes access_key, secret_key, region;
};
struct sigv4_pair {
    struct bytes name, value; /* a header's name in lower case */
};
enum { SIGV4_PAIRS = 24, SIGV4_TIME = 17, SIGV4_HASH = 65 };
struct sigv4_request {
    const char *method;
    struct bytes path; /* "/bucket/key", not escaped */
    struct sigv4_pair query[SIGV4_PAIRS], headers[SIGV4_PAIRS];
    size_t n_query, n_headers; /* in any order; `host` and `x-amz-date` among the headers */
    char time[SIGV4_TIME];     /* "20130524T000000Z" */
    char hash[SIGV4_HASH];     /* of the payload: SHA-256 in hexadecimal */
};

/* "20130524T000000Z". */
void sigv4_time(int64_t wall_us, char out[SIGV4_TIME]);
/* Puts queries and headers in the order in which they are signed: before all that follows. */
void sigv4_sort(struct sigv4_request *request);
/* Appends the path as it stands in the URL, and the query behind a '?' where there is one: both must go out
 * as they are signed, byte for byte. */
void sigv4_target(const struct sigv4_request *request, struct buf *out);
/* Appends the value of the Authorization header. */
void sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *request, struct buf *out);
#endif
