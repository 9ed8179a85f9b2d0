/* Objects and their locks. */
#include "store/s3.h"
#include "store/s3-call.h"
#include <inttypes.h>
#include <stdio.h>

static void describe(struct s3_call *call, const struct s3_object *object, char room[32])
{
    s3_call_lock(call, &object->lock, room);
    if (object->sha256[0]) s3_call_head(call, "x-amz-meta-sha256", bytes_of(object->sha256));
}

enum s3_outcome s3_put(struct s3 *s3, const struct s3_object *object, struct bytes body,
                       struct s3_answer *answer)
{
    char until[32];
    struct s3_call call = { .method = "PUT", .key = object->key, .body = body };
    describe(&call, object, until);
    if (object->only_new) s3_call_head(&call, "if-none-match", BYTES_LITERAL("*"));
    return s3_call_run(s3, &call, answer);
}

static void choose_version(struct s3_call *call, struct bytes version)
{
    if (version.n) s3_call_ask(call, "versionId", version);
}

enum s3_outcome s3_head(struct s3 *s3, struct bytes key, struct bytes version, struct s3_answer *answer)
{
    struct s3_call call = { .method = "HEAD", .key = key };
    choose_version(&call, version);
    return s3_call_run(s3, &call, answer);
}

enum s3_outcome s3_get(struct s3 *s3, struct bytes key, struct bytes version, uint64_t from, uint64_t n,
                       struct buf *out, struct s3_answer *answer)
{
    char range[64];
    struct s3_call call = { .method = "GET", .key = key, .out = out, .expected = n ? n : out->ceiling };
    choose_version(&call, version);
    if (from || n) {
        snprintf(range, sizeof range, n ? "bytes=%" PRIu64 "-%" PRIu64 : "bytes=%" PRIu64 "-", from,
                 from + n - 1);
        s3_call_head(&call, "range", bytes_of(range));
    }
    size_t before = buf_length(out);
    enum s3_outcome outcome = s3_call_run(s3, &call, answer);
    if (outcome == S3_DONE && n && (buf_length(out) - before > n || (from && answer->status != 206))) {
        snprintf(answer->why, sizeof answer->why, "it does not know ranges");
        return S3_REFUSED;
    }
    return outcome;
}

enum s3_outcome s3_delete(struct s3 *s3, struct bytes key, struct bytes version, struct s3_answer *answer)
{
    struct s3_call call = { .method = "DELETE", .key = key };
    choose_version(&call, version);
    return s3_call_run(s3, &call, answer);
}

/* ---- listing */

struct listing {
    void (*visit)(void *context, const struct s3_listed *object);
    void *context;
    char key[S3_KEY + 1], next[1024 + 1];
    uint64_t bytes;
    bool more;
};

static void take_text(char *room, size_t n, struct bytes text)
{
    size_t take = text.n < n ? text.n : 0;
    if (take) memcpy(room, text.p, take);
    room[take] = 0;
}

static void on_listed(void *context, const struct xml_element *e)
{
    struct listing *l = context;
    int64_t number;
    if (s3_at(e, "ListBucketResult/Contents/Key")) take_text(l->key, sizeof l->key, e->text);
    if (s3_at(e, "ListBucketResult/Contents/Size") && bytes_to_int64(e->text, &number) && number >= 0)
        l->bytes = (uint64_t)number;
    if (s3_at(e, "ListBucketResult/IsTruncated")) l->more = bytes_is(e->text, "true");
    if (s3_at(e, "ListBucketResult/NextContinuationToken")) take_text(l->next, sizeof l->next, e->text);
    if (!s3_at(e, "ListBucketResult/Contents")) return;
    struct s3_listed object = { bytes_of(l->key), l->bytes };
    l->visit(l->context, &object);
}

enum s3_outcome s3_list(struct s3 *s3, struct bytes prefix,
                        void (*visit)(void *context, const struct s3_listed *object), void *context,
                        struct s3_answer *answer)
{
    struct listing l = { .visit = visit, .context = context };
    for (int page = 0; page < S3_PAGES; page++) {
        char token[sizeof l.next];
        struct s3_call call = { .method = "GET" };
        memcpy(token, l.next, sizeof token);
        s3_call_ask(&call, "list-type", BYTES_LITERAL("2"));
        s3_call_ask(&call, "prefix", prefix);
        if (token[0]) s3_call_ask(&call, "continuation-token", bytes_of(token));
        l.next[0] = 0;
        l.more = false;
        enum s3_outcome outcome = s3_call_xml(s3, &call, on_listed, &l, answer);
        if (outcome != S3_DONE || !l.more || !l.next[0]) return outcome;
    }
    return s3_call_endless(answer);
}

/* ---- versions */

struct versions {
    void (*visit)(void *context, const char *version, uint64_t bytes);
    void *context;
    struct bytes key;
    bool ours, more;
    char version[S3_NAME], next_key[S3_KEY + 1], next_version[S3_NAME];
    uint64_t bytes;
};

static void on_version(void *context, const struct xml_element *e)
{
    struct versions *v = context;
    int64_t number;
    if (s3_at(e, "ListVersionsResult/Version/Key")) v->ours = bytes_equal(e->text, v->key);
    if (s3_at(e, "ListVersionsResult/Version/VersionId")) s3_take(v->version, sizeof v->version, e->text);
    if (s3_at(e, "ListVersionsResult/Version/Size") && bytes_to_int64(e->text, &number) && number >= 0)
        v->bytes = (uint64_t)number;
    if (s3_at(e, "ListVersionsResult/IsTruncated")) v->more = bytes_is(e->text, "true");
    if (s3_at(e, "ListVersionsResult/NextKeyMarker")) s3_take(v->next_key, sizeof v->next_key, e->text);
    if (s3_at(e, "ListVersionsResult/NextVersionIdMarker"))
        s3_take(v->next_version, sizeof v->next_version, e->text);
    if (!s3_at(e, "ListVersionsResult/Version")) return;
    if (v->ours && v->version[0]) v->visit(v->context, v->version, v->bytes);
    v->ours = false;
}

enum s3_outcome s3_versions(struct s3 *s3, struct bytes key,
                            void (*visit)(void *context, const char *version, uint64_t bytes), void *context,
                            struct s3_answer *answer)
{
    struct versions v = { .visit = visit, .context = context, .key = key };
    for (int page = 0; page < S3_PAGES; page++) {
        char from_key[sizeof v.next_key], from_version[S3_NAME];
        struct s3_call call = { .method = "GET" };
        memcpy(from_key, v.next_key, sizeof from_key);
        memcpy(from_version, v.next_version, sizeof from_version);
        s3_call_ask(&call, "versions", (struct bytes){ 0 });
        s3_call_ask(&call, "prefix", key);
        if (from_key[0]) s3_call_ask(&call, "key-marker", bytes_of(from_key));
        if (from_key[0] && from_version[0]) s3_call_ask(&call, "version-id-marker", bytes_of(from_version));
        v.next_key[0] = 0;
        v.more = false;
        enum s3_outcome outcome = s3_call_xml(s3, &call, on_version, &v, answer);
        if (outcome != S3_DONE || !v.more || !v.next_key[0]) return outcome;
    }
    return s3_call_endless(answer);
}

/* ---- locks */

enum s3_outcome s3_retain(struct s3 *s3, struct bytes key, struct bytes version, const struct s3_lock *lock,
                          struct s3_answer *answer)
{
    char until[32], body[256];
    s3_time(lock->until_s, until);
    int n = snprintf(body, sizeof body,
                     "<Retention><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
                     lock->mode == S3_LOCK_COMPLIANCE ? "COMPLIANCE" : "GOVERNANCE", until);
    struct s3_call call = { .method = "PUT", .key = key, .body = bytes_make(body, (size_t)n) };
    s3_call_ask(&call, "retention", (struct bytes){ 0 });
    choose_version(&call, version);
    return s3_call_run(s3, &call, answer);
}

enum s3_outcome s3_hold(struct s3 *s3, struct bytes key, struct bytes version, bool on,
                        struct s3_answer *answer)
{
    char body[128];
    int n = snprintf(body, sizeof body, "<LegalHold><Status>%s</Status></LegalHold>", on ? "ON" : "OFF");
    struct s3_call call = { .method = "PUT", .key = key, .body = bytes_make(body, (size_t)n) };
    s3_call_ask(&call, "legal-hold", (struct bytes){ 0 });
    choose_version(&call, version);
    return s3_call_run(s3, &call, answer);
}
