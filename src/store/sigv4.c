/* Everything is escaped by one function, once, so that what is signed and what is sent cannot differ. */
#include "store/sigv4.h"
#include "base/codec.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "http/client.h"
#include <stdlib.h>
#include <time.h>

void sigv4_time(int64_t wall_us, char out[SIGV4_TIME])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(out, SIGV4_TIME, "%Y%m%dT%H%M%SZ", &tm) == 0) out[0] = 0;
}

static int by_name(const void *a, const void *b)
{
    const struct sigv4_pair *x = a, *y = b;
    int order = bytes_compare(x->name, y->name);
    return order ? order : bytes_compare(x->value, y->value);
}

void sigv4_sort(struct sigv4_request *r)
{
    qsort(r->query, r->n_query, sizeof *r->query, by_name);
    qsort(r->headers, r->n_headers, sizeof *r->headers, by_name);
}

static void put_path(const struct sigv4_request *r, struct buf *out)
{
    struct bytes rest = r->path;
    for (;;) {
        const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
        size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
        http_escape(out, bytes_slice(rest, 0, n));
        if (!slash) return;
        buf_put_u8(out, '/');
        rest = bytes_slice(rest, n + 1, rest.n);
    }
}

static void put_query(const struct sigv4_request *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_query; i++) {
        if (i) buf_put_u8(out, '&');
        http_escape(out, r->query[i].name);
        buf_put_u8(out, '=');
        http_escape(out, r->query[i].value);
    }
}

void sigv4_target(const struct sigv4_request *r, struct buf *out)
{
    put_path(r, out);
    if (r->n_query) buf_put_u8(out, '?');
    put_query(r, out);
}

static void put_names(const struct sigv4_request *r, struct buf *out)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (i) buf_put_u8(out, ';');
        buf_append(out, r->headers[i].name);
    }
}

static void put_canonical(const struct sigv4_request *r, struct buf *out)
{
    buf_printf(out, "%s\n", r->method);
    put_path(r, out);
    buf_put_u8(out, '\n');
    put_query(r, out);
    buf_put_u8(out, '\n');
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_append(out, r->headers[i].name);
        buf_put_u8(out, ':');
        buf_append(out, r->headers[i].value);
        buf_put_u8(out, '\n');
    }
    buf_put_u8(out, '\n');
    put_names(r, out);
    buf_printf(out, "\n%s", r->hash);
}

/* date, region and service bound into a key that signs for that day only. */
static void derive(const struct sigv4_key *key, struct bytes date, uint8_t out[SHA256_SIZE])
{
    struct buf first;
    uint8_t a[SHA256_SIZE], b[SHA256_SIZE];
    buf_init(&first, 4096);
    buf_append_text(&first, "AWS4");
    buf_append(&first, key->secret_key);
    hmac_sha256(buf_bytes(&first), date, a);
    if (first.data) secret_wipe(first.data, first.size);
    buf_free(&first);
    hmac_sha256(bytes_make(a, sizeof a), key->region, b);
    hmac_sha256(bytes_make(b, sizeof b), BYTES_LITERAL("s3"), a);
    hmac_sha256(bytes_make(a, sizeof a), BYTES_LITERAL("aws4_request"), out);
    secret_wipe(a, sizeof a);
    secret_wipe(b, sizeof b);
}

void sigv4_authorization(const struct sigv4_key *key, const struct sigv4_request *r, struct buf *out)
{
    struct buf text;
    uint8_t hash[SHA256_SIZE], signing[SHA256_SIZE];
    struct bytes time = bytes_of(r->time), date = bytes_slice(time, 0, 8);
    buf_init(&text, (size_t)1 << 16);
    put_canonical(r, &text);
    sha256_once(buf_bytes(&text), hash);
    bool whole = !text.failed;
    buf_consume(&text, buf_length(&text));
    buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%.*s/%.*s/s3/aws4_request\n", r->time, BYTES_FMT(date),
               BYTES_FMT(key->region));
    codec_hex(bytes_make(hash, sizeof hash), &text);
    derive(key, date, signing);
    hmac_sha256(bytes_make(signing, sizeof signing), buf_bytes(&text), hash);
    secret_wipe(signing, sizeof signing);
    if (!whole || text.failed) out->failed = true;
    buf_free(&text);
    buf_printf(out, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s/%.*s/s3/aws4_request,SignedHeaders=",
               BYTES_FMT(key->access_key), BYTES_FMT(date), BYTES_FMT(key->region));
    put_names(r, out);
    buf_append_text(out, ",Signature=");
    codec_hex(bytes_make(hash, sizeof hash), out);
}
