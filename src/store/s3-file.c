/* What is there is asked of the service each time, not remembered: it alone knows. */
#include "store/s3-file.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { UPLOADS = 16, VERSIONS = 8, CHUNK = 1 << 20, LOCK_SLACK_S = 86400 };

struct sending {
    struct s3 *s3;
    const struct s3_object *object;
    int fd;
    uint64_t bytes;
    struct s3_answer *answer;
    uint8_t *room; /* of a part */
    struct s3_part *parts;
    size_t n_parts;
    char uploads[UPLOADS][S3_NAME];
    size_t n_uploads;
    char versions[VERSIONS][S3_NAME]; /* of the right length */
    size_t n_versions;
};

static int read_at(int fd, uint64_t at, uint8_t *out, size_t n)
{
    while (n) {
        ssize_t got = pread(fd, out, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? -errno : -EIO;
        out += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

static void hex_of(const uint8_t *raw, size_t n, char *out, size_t size)
{
    struct buf hex;
    buf_init(&hex, size);
    codec_hex(bytes_make(raw, n), &hex);
    struct bytes text = buf_bytes(&hex);
    CHECK(text.n < size);
    if (text.n) memcpy(out, text.p, text.n);
    out[text.n] = 0;
    buf_free(&hex);
}

int s3_file_hash(int fd, uint64_t bytes, char out[65])
{
    uint8_t hash[SHA256_SIZE];
    struct sha256 *sha = sha256_new();
    uint8_t *room = malloc(CHUNK);
    int error = sha && room ? 0 : -ENOMEM;
    if (!error) sha256_begin(sha);
    for (uint64_t at = 0; !error && at < bytes;) {
        size_t n = bytes - at < CHUNK ? (size_t)(bytes - at) : CHUNK;
        error = read_at(fd, at, room, n);
        if (!error) sha256_add(sha, bytes_make(room, n));
        at += n;
    }
    if (!error) {
        sha256_end(sha, hash);
        hex_of(hash, sizeof hash, out, 65);
    }
    free(room);
    sha256_free(sha);
    return error;
}

static enum s3_outcome cannot_read(struct sending *s, int error)
{
    snprintf(s->answer->why, sizeof s->answer->why, "the file cannot be read: %s", strerror(-error));
    return S3_FAILED;
}

/* Whether the object is there as it should be, and locked for as long, give or take a day: a lock that counts
 * from now would otherwise be laid anew at each attempt. */
static enum s3_outcome look_at(struct sending *s, struct bytes version)
{
    const struct s3_lock *wanted = &s->object->lock;
    enum s3_outcome outcome = s3_head(s->s3, s->object->key, version, s->answer);
    if (outcome != S3_DONE) return outcome;
    if (!s->answer->version[0]) snprintf(s->answer->version, S3_NAME, "%.*s", BYTES_FMT(version));
    struct s3_answer found = *s->answer;
    if (found.bytes != s->bytes || strcmp(found.sha256, s->object->sha256) != 0) {
        snprintf(s->answer->why, sizeof s->answer->why, "another object stands under this name");
        return S3_EXISTS;
    }
    if (wanted->mode != S3_LOCK_NONE &&
        (found.lock.mode < wanted->mode || found.lock.until_s < wanted->until_s - LOCK_SLACK_S))
        outcome = s3_retain(s->s3, s->object->key, bytes_of(found.version), wanted, s->answer);
    if (outcome == S3_DONE && wanted->hold && !found.lock.hold)
        outcome = s3_hold(s->s3, s->object->key, bytes_of(found.version), true, s->answer);
    if (outcome == S3_DONE) *s->answer = found;
    return outcome;
}

static void on_version(void *context, const char *version, uint64_t bytes)
{
    struct sending *s = context;
    if (bytes == s->bytes && s->n_versions < VERSIONS)
        snprintf(s->versions[s->n_versions++], S3_NAME, "%s", version);
}

/* A service that died while it took the object may have a version of it that it does not show under the key;
 * and so it is where somebody put a deletion's mark over it. It is taken as sent: there would be two
 * otherwise, and what is locked can never be cleared away. */
static enum s3_outcome look(struct sending *s)
{
    enum s3_outcome outcome = look_at(s, (struct bytes){ 0 });
    if (outcome != S3_MISSING) return outcome;
    s->n_versions = 0;
    outcome = s3_versions(s->s3, s->object->key, on_version, s, s->answer);
    if (outcome != S3_DONE) return outcome;
    for (size_t i = 0; i < s->n_versions; i++) {
        outcome = look_at(s, bytes_of(s->versions[i]));
        if (outcome == S3_DONE || outcome == S3_FAILED) return outcome;
    }
    return S3_MISSING;
}

static enum s3_outcome send_whole(struct sending *s)
{
    int error = read_at(s->fd, 0, s->room, (size_t)s->bytes);
    if (error) return cannot_read(s, error);
    return s3_put(s->s3, s->object, bytes_make(s->room, (size_t)s->bytes), s->answer);
}

static void on_upload(void *context, const char *upload)
{
    struct sending *s = context;
    if (s->n_uploads < UPLOADS) snprintf(s->uploads[s->n_uploads++], S3_NAME, "%s", upload);
}

static void on_part(void *context, const struct s3_part *part)
{
    struct sending *s = context;
    if (part->number >= 1 && part->number <= s->n_parts) s->parts[part->number - 1] = *part;
}

/* The upload that goes on: one that was begun, or a new one. Others of this key are let go. */
static enum s3_outcome choose_upload(struct sending *s, char upload_out[S3_NAME])
{
    s->n_uploads = 0;
    enum s3_outcome outcome = s3_uploads(s->s3, s->object->key, on_upload, s, s->answer);
    for (size_t i = 1; outcome == S3_DONE && i < s->n_uploads; i++) {
        outcome = s3_upload_abort(s->s3, s->object->key, s->uploads[i], s->answer);
        if (outcome == S3_MISSING) outcome = S3_DONE;
    }
    if (outcome != S3_DONE) return outcome;
    if (s->n_uploads == 0) return s3_upload_begin(s->s3, s->object, upload_out, s->answer);
    memcpy(upload_out, s->uploads[0], S3_NAME);
    return s3_upload_parts(s->s3, s->object->key, upload_out, on_part, s, s->answer);
}

/* A part that is there has the MD5 of its bytes as its ETag; where it has another one (some services
 * encrypt), it is sent again. */
static enum s3_outcome send_part(struct sending *s, const char *upload, size_t i)
{
    uint64_t at = (uint64_t)i * S3_PART_BYTES;
    size_t n = s->bytes - at < S3_PART_BYTES ? (size_t)(s->bytes - at) : S3_PART_BYTES;
    struct s3_part *part = &s->parts[i];
    uint8_t md5[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1] = "";
    int error = read_at(s->fd, at, s->room, n);
    if (error) return cannot_read(s, error);
    if (part->number && part->bytes == n && md5_once(bytes_make(s->room, n), md5)) {
        hex_of(md5, sizeof md5, hex, sizeof hex);
        if (strcmp(hex, part->etag) == 0) return S3_DONE;
    }
    part->number = (unsigned)i + 1;
    return s3_upload_part(s->s3, s->object->key, upload, bytes_make(s->room, n), part, s->answer);
}

static enum s3_outcome send_parts(struct sending *s)
{
    char upload[S3_NAME] = "";
    s->n_parts = (size_t)((s->bytes + S3_PART_BYTES - 1) / S3_PART_BYTES);
    if (s->n_parts > S3_PARTS) {
        snprintf(s->answer->why, sizeof s->answer->why, "the file is too long for an upload");
        return S3_REFUSED;
    }
    s->parts = calloc(s->n_parts, sizeof *s->parts);
    if (!s->parts) return S3_FAILED;
    enum s3_outcome outcome = choose_upload(s, upload);
    for (size_t i = 0; outcome == S3_DONE && i < s->n_parts; i++)
        outcome = send_part(s, upload, i);
    if (outcome == S3_DONE)
        outcome = s3_upload_complete(s->s3, s->object->key, upload, s->parts, s->n_parts, s->answer);
    free(s->parts);
    return outcome;
}

enum s3_outcome s3_file_send(struct s3 *s3, const struct s3_object *object, int fd, uint64_t bytes,
                             struct s3_answer *answer)
{
    struct sending s = { .s3 = s3, .object = object, .fd = fd, .bytes = bytes, .answer = answer };
    enum s3_outcome outcome = look(&s);
    if (outcome != S3_MISSING) return outcome;
    s.room = malloc(S3_PART_BYTES);
    if (!s.room) return S3_FAILED;
    outcome = bytes <= S3_PART_BYTES ? send_whole(&s) : send_parts(&s);
    free(s.room);
    /* S3_EXISTS and S3_MISSING: an earlier try may have arrived, and its answer not. */
    if (outcome != S3_DONE && outcome != S3_EXISTS && outcome != S3_MISSING) return outcome;
    struct s3_answer before = *answer;
    enum s3_outcome found = look(&s);
    if (found == S3_MISSING) {
        *answer = before;
        if (outcome == S3_DONE)
            snprintf(answer->why, sizeof answer->why, "it took the object and does not have it");
        return S3_FAILED;
    }
    return found;
}

enum s3_outcome s3_file_check(struct s3 *s3, struct bytes key, struct bytes version, uint64_t bytes,
                              const char *sha256, struct s3_answer *answer)
{
    uint8_t hash[SHA256_SIZE];
    char hex[65];
    struct buf part;
    struct sha256 *sha = sha256_new();
    enum s3_outcome outcome = sha ? S3_DONE : S3_FAILED;
    *answer = (struct s3_answer){ 0 };
    if (sha) sha256_begin(sha);
    for (uint64_t at = 0; outcome == S3_DONE && at < bytes;) {
        uint64_t n = bytes - at < S3_PART_BYTES ? bytes - at : S3_PART_BYTES;
        buf_init(&part, S3_PART_BYTES);
        outcome = s3_get(s3, key, version, at, n, &part, answer);
        if (outcome == S3_DONE && (buf_length(&part) != n || answer->bytes != bytes)) {
            snprintf(answer->why, sizeof answer->why, "it is there with another length");
            outcome = S3_REFUSED;
        }
        if (outcome == S3_DONE) sha256_add(sha, buf_bytes(&part));
        buf_free(&part);
        at += n;
    }
    if (outcome == S3_DONE) {
        sha256_end(sha, hash);
        hex_of(hash, sizeof hash, hex, sizeof hex);
        if (strcmp(hex, sha256) != 0) {
            snprintf(answer->why, sizeof answer->why, "it is there with other content");
            outcome = S3_REFUSED;
        }
    }
    sha256_free(sha);
    return outcome;
}
