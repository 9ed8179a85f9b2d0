/* Whatever is asked goes through here, so that signing, tries, time-outs and errors are the same for all. */
#include "store/s3-call.h"
#include "base/codec.h"
#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "http/exchange.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    REST_US = 200000,
    REST_MOST_US = 5000000,
    DEADLINE_US = 60000000,
    BYTES_A_SECOND = 32 << 10,
    ERROR_MOST = 64 << 10,
    XML_MOST = 8 << 20,
    NAP_US = 100000,
};

struct s3 {
    struct s3_options options;
    struct http_line *line;
    char host[S3_NAME];
};

struct s3 *s3_new(const struct s3_options *options)
{
    struct s3 *s3 = calloc(1, sizeof *s3);
    if (!s3) return NULL;
    s3->options = *options;
    ptrdiff_t at = bytes_find(options->endpoint, BYTES_LITERAL("://"));
    s3_take(s3->host, sizeof s3->host,
            at < 0 ? options->endpoint : bytes_slice(options->endpoint, (size_t)at + 3, SIZE_MAX));
    s3->line = http_line_new(options->ca);
    if (s3->line) return s3;
    free(s3);
    return NULL;
}

void s3_free(struct s3 *s3)
{
    if (!s3) return;
    http_line_free(s3->line);
    free(s3);
}

/* "." and "..", and nothing between two slashes: whatever lies on the way may make something else of them. */
static bool means_a_place(struct bytes part)
{
    return part.n == 0 || bytes_is(part, ".") || bytes_is(part, "..");
}

bool s3_key_is_good(struct bytes key)
{
    size_t begin = 0;
    for (size_t i = 0; i < key.n; i++) {
        uint8_t c = key.p[i];
        if (c == '/') {
            if (means_a_place(bytes_slice(key, begin, i - begin))) return false;
            begin = i + 1;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("!-_.*'()/", c))))
            return false;
    }
    return key.n <= S3_KEY && !means_a_place(bytes_slice(key, begin, key.n));
}

void s3_take(char *room, size_t n, struct bytes text)
{
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') text = bytes_slice(text, 1, text.n - 2);
    room[0] = 0;
    if (text.n >= n) return;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] >= 0x7F) return;
    if (text.n) memcpy(room, text.p, text.n);
    room[text.n] = 0;
}

void s3_time(int64_t s, char out[32])
{
    time_t t = (time_t)s;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) out[0] = 0;
}

void s3_call_ask(struct s3_call *call, const char *name, struct bytes value)
{
    CHECK(call->n_query < SIGV4_PAIRS);
    call->query[call->n_query++] = (struct sigv4_pair){ bytes_of(name), value };
}

void s3_call_head(struct s3_call *call, const char *name, struct bytes value)
{
    CHECK(call->n_headers < SIGV4_PAIRS - 8);
    call->headers[call->n_headers++] = (struct sigv4_pair){ bytes_of(name), value };
}

void s3_call_lock(struct s3_call *call, const struct s3_lock *lock, char room[32])
{
    if (lock->mode != S3_LOCK_NONE) {
        s3_time(lock->until_s, room);
        s3_call_head(call, "x-amz-object-lock-mode",
                     bytes_of(lock->mode == S3_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE"));
        s3_call_head(call, "x-amz-object-lock-retain-until-date", bytes_of(room));
    }
    if (lock->hold) s3_call_head(call, "x-amz-object-lock-legal-hold", BYTES_LITERAL("ON"));
}

/* ---- the answer */

static int64_t read_time(struct bytes text)
{
    char room[40];
    struct tm tm = { 0 };
    s3_take(room, sizeof room, text);
    return strptime(room, "%Y-%m-%dT%H:%M:%S", &tm) ? (int64_t)timegm(&tm) : 0;
}

static void on_header(void *context, struct bytes name, struct bytes value)
{
    struct s3_answer *a = context;
    int64_t number;
    struct bytes lower = name;
#define IS(text) bytes_equal_nocase(lower, BYTES_LITERAL(text))
    if (IS("etag")) s3_take(a->etag, sizeof a->etag, value);
    if (IS("x-amz-version-id")) s3_take(a->version, sizeof a->version, value);
    if (IS("x-amz-meta-sha256")) s3_take(a->sha256, sizeof a->sha256, value);
    if (IS("content-length") && a->bytes == 0 && bytes_to_int64(value, &number) && number >= 0)
        a->bytes = (uint64_t)number;
    if (IS("content-range")) { /* bytes 0-9/443 */
        const uint8_t *slash = value.n ? memchr(value.p, '/', value.n) : NULL;
        if (slash && bytes_to_int64(bytes_slice(value, (size_t)(slash - value.p) + 1, value.n), &number) &&
            number >= 0)
            a->bytes = (uint64_t)number;
    }
    if (IS("x-amz-object-lock-mode"))
        a->lock.mode = bytes_is(value, "COMPLIANCE")   ? S3_LOCK_COMPLIANCE
                       : bytes_is(value, "GOVERNANCE") ? S3_LOCK_GOVERNANCE
                                                       : S3_LOCK_NONE;
    if (IS("x-amz-object-lock-retain-until-date")) a->lock.until_s = read_time(value);
    if (IS("x-amz-object-lock-legal-hold")) a->lock.hold = bytes_is(value, "ON");
#undef IS
}

static void on_error(void *context, const struct xml_element *e)
{
    struct s3_answer *a = context;
    if (s3_at(e, "Error/Code")) s3_take(a->code, sizeof a->code, e->text);
}

/* What the status and the error's code mean. body: the error's text, where there is one. */
static enum s3_outcome judge(struct s3_answer *a, struct bytes body)
{
    if (a->status >= 200 && a->status < 300) return S3_DONE;
    if (body.n && !xml_read(body, on_error, a)) a->code[0] = 0;
    snprintf(a->why, sizeof a->why, "it answered %ld %s", a->status, a->code);
    if (a->status == 404) return strcmp(a->code, "NoSuchBucket") == 0 ? S3_REFUSED : S3_MISSING;
    if (a->status == 412) return S3_EXISTS;
    bool passes = a->status == 408 || a->status == 409 || a->status == 429 || a->status >= 500 ||
                  a->status < 300 || strcmp(a->code, "RequestTimeout") == 0 ||
                  strcmp(a->code, "RequestTimeTooSkewed") == 0;
    return passes ? S3_FAILED : S3_REFUSED;
}

/* ---- a try */

struct prepared {
    struct sigv4_request request;
    struct buf url, authorization;
    char md5[32], path[S3_KEY + S3_NAME];
    struct http_header headers[SIGV4_PAIRS + 1];
};

static bool put_md5(struct prepared *p, const struct s3_call *call)
{
    uint8_t md5[MD5_SIZE];
    struct buf text;
    if (!call->body.n || !md5_once(call->body, md5)) return false;
    buf_init(&text, sizeof p->md5);
    codec_base64(CODEC_BASE64, bytes_make(md5, sizeof md5), &text);
    s3_take(p->md5, sizeof p->md5, buf_bytes(&text));
    buf_free(&text);
    return p->md5[0] != 0;
}

static void add_header(struct sigv4_request *r, const char *name, struct bytes value)
{
    r->headers[r->n_headers++] = (struct sigv4_pair){ bytes_of(name), value };
}

static void fill_request(const struct s3 *s3, const struct s3_call *call, struct prepared *p)
{
    struct sigv4_request *r = &p->request;
    uint8_t hash[SHA256_SIZE];
    struct buf hex;
    *r = (struct sigv4_request){ .method = call->method,
                                 .n_query = call->n_query,
                                 .n_headers = call->n_headers };
    memcpy(r->query, call->query, sizeof r->query);
    memcpy(r->headers, call->headers, sizeof r->headers);
    snprintf(p->path, sizeof p->path, "/%.*s%s%.*s", BYTES_FMT(s3->options.bucket), call->key.n ? "/" : "",
             BYTES_FMT(call->key));
    r->path = bytes_of(p->path);
    sigv4_time(clock_wall_us(s3->options.clock), r->time);
    sha256_once(call->body, hash);
    buf_init(&hex, SIGV4_HASH);
    codec_hex(bytes_make(hash, sizeof hash), &hex);
    s3_take(r->hash, sizeof r->hash, buf_bytes(&hex));
    buf_free(&hex);
    add_header(r, "host", bytes_of(s3->host));
    add_header(r, "x-amz-date", bytes_of(r->time));
    add_header(r, "x-amz-content-sha256", bytes_of(r->hash));
    if (put_md5(p, call)) add_header(r, "content-md5", bytes_of(p->md5));
    if (call->method[0] == 'P') add_header(r, "content-type", BYTES_LITERAL("application/octet-stream"));
    if (s3->options.session_token.n) add_header(r, "x-amz-security-token", s3->options.session_token);
    sigv4_sort(r);
}

/* The names of headers are ours: they end in NUL. */
static size_t fill_headers(struct prepared *p)
{
    size_t n = 0;
    for (; n < p->request.n_headers; n++)
        p->headers[n] =
            (struct http_header){ (const char *)p->request.headers[n].name.p, p->request.headers[n].value };
    p->headers[n++] = (struct http_header){ "Authorization", buf_bytes(&p->authorization) };
    return n;
}

static enum s3_outcome try_once(struct s3 *s3, const struct s3_call *call, struct prepared *p,
                                struct s3_answer *a)
{
    struct http_answered answered;
    struct buf small;
    unsigned tries = a->tries;
    size_t before = call->out ? buf_length(call->out) : 0;
    int64_t deadline = s3->options.deadline_us ? s3->options.deadline_us : DEADLINE_US;
    *a = (struct s3_answer){ .tries = tries + 1 };
    fill_request(s3, call, p);
    buf_append(&p->url, s3->options.endpoint);
    sigv4_target(&p->request, &p->url);
    struct sigv4_key key = { s3->options.access_key, s3->options.secret_key, s3->options.region };
    sigv4_authorization(&key, &p->request, &p->authorization);
    if (p->url.failed || p->authorization.failed) return S3_FAILED;
    buf_init(&small, ERROR_MOST);
    struct buf *out = call->out ? call->out : &small;
    struct http_line_request x = {
        .method = call->method,
        .url = buf_bytes(&p->url),
        .headers = p->headers,
        .n_headers = fill_headers(p),
        .body = call->body,
        .deadline_ms = (int64_t)(call->body.n + call->expected) * 1000 / BYTES_A_SECOND + deadline / 1000,
        .cancel = s3->options.cancel,
        .on_header = on_header,
        .context = a
    };
    enum http_outcome outcome = http_line_exchange(s3->line, &x, out, &answered);
    a->status = answered.status;
    enum s3_outcome result = S3_FAILED;
    if (outcome == HTTP_ANSWERED)
        result = judge(a, bytes_slice(buf_bytes(out), before, ERROR_MOST));
    else
        snprintf(a->why, sizeof a->why, "%s", answered.why);
    if (result != S3_DONE && call->out) {
        call->out->end -= buf_length(call->out) - before;
        call->out->failed = false;
    }
    buf_free(&small);
    return result;
}

static bool called_off(const struct s3 *s3)
{
    return s3->options.cancel && atomic_load(s3->options.cancel);
}

/* Between half and one and a half of what doubles. */
static void rest(const struct s3 *s3, unsigned n)
{
    int64_t us = s3->options.rest_us ? s3->options.rest_us : REST_US;
    for (; n > 1 && us < REST_MOST_US; n--)
        us *= 2;
    if (us > REST_MOST_US) us = REST_MOST_US;
    us = us / 2 + (int64_t)(random_u64() % (uint64_t)(us + 1));
    while (us > 0 && !called_off(s3)) {
        int64_t nap = us < NAP_US ? us : NAP_US;
        struct timespec t = { .tv_nsec = nap * 1000 };
        nanosleep(&t, NULL);
        us -= nap;
    }
}

enum s3_outcome s3_call_run(struct s3 *s3, const struct s3_call *call, struct s3_answer *answer)
{
    enum s3_outcome outcome = S3_FAILED;
    *answer = (struct s3_answer){ 0 };
    if (call->key.n && !s3_key_is_good(call->key)) {
        snprintf(answer->why, sizeof answer->why, "the object's name is not one");
        return S3_REFUSED;
    }
    struct prepared *p = calloc(1, sizeof *p);
    if (!p) return S3_FAILED;
    do {
        if (answer->tries) rest(s3, answer->tries);
        buf_init(&p->url, 8192);
        buf_init(&p->authorization, 8192);
        outcome = try_once(s3, call, p, answer);
        buf_free(&p->url);
        buf_free(&p->authorization);
    } while (outcome == S3_FAILED && answer->tries < s3->options.tries && !called_off(s3));
    secret_wipe(p, sizeof *p);
    free(p);
    return outcome;
}

enum s3_outcome s3_call_xml(struct s3 *s3, const struct s3_call *call,
                            void (*visit)(void *context, const struct xml_element *element), void *context,
                            struct s3_answer *answer)
{
    struct buf out;
    struct s3_call with_room = *call;
    buf_init(&out, XML_MOST);
    with_room.out = &out;
    enum s3_outcome outcome = s3_call_run(s3, &with_room, answer);
    if (outcome == S3_DONE && !xml_read(buf_bytes(&out), visit, context)) {
        snprintf(answer->why, sizeof answer->why, "its answer is not XML that is known");
        outcome = S3_FAILED;
    }
    /* An error that stands in an answer that began as 200 (completing an upload takes long). */
    if (outcome == S3_DONE &&
        bytes_find(bytes_slice(buf_bytes(&out), 0, 512), BYTES_LITERAL("<Error>")) >= 0) {
        if (!xml_read(buf_bytes(&out), on_error, answer)) answer->code[0] = 0;
        snprintf(answer->why, sizeof answer->why, "it answered %s", answer->code);
        outcome = S3_FAILED;
    }
    buf_free(&out);
    return outcome;
}

enum s3_outcome s3_call_endless(struct s3_answer *answer)
{
    snprintf(answer->why, sizeof answer->why, "its listing does not end");
    return S3_FAILED;
}
