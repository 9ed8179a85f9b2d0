/* A segment is three objects, of the same name but for what stands behind the dot: blocks, heads, and the
 * checkpoints that were signed while it was written. The receipt is written when all three are there, and
 * names the version of the first: whoever could put another object under its name would change nothing. */
#include "app/archive-carry.h"
#include "base/codec.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "record/blocks.h"
#include "record/segment-whole.h"
#include "store/s3-file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECKPOINTS_MOST = 256 << 20, DAY_S = 86400 };

static bool say(char why[320], const char *what, const char *reason)
{
    snprintf(why, 320, "%.200s: %.100s", what, reason);
    return false;
}

/* ---- where things go */

/* Two logs of one name (a machine that was set up anew) must not meet in one folder: it is named after the
 * log's first block as well. */
static bool name_folder(struct archive_carry *c, const struct archive_view *view, char why[320])
{
    char name[32], origin[128], hex[17] = "";
    uint8_t head[FORMAT_BLOCK_HEAD], hash[SHA256_SIZE];
    struct buf text;
    const struct config_store *config = archive_store_config(c->store);
    blocks_name(view->segments[0].first_leaf, "heads", name);
    int fd = openat(c->segments, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);
    if (fd >= 0) close(fd);
    if (n != (ssize_t)sizeof head) return say(why, name, "the first block's head cannot be read");
    sha256_once(bytes_make(head, sizeof head), hash);
    buf_init(&text, sizeof hex);
    codec_hex(bytes_make(hash, 8), &text);
    snprintf(hex, sizeof hex, "%.*s", BYTES_FMT(buf_bytes(&text)));
    buf_free(&text);
    snprintf(origin, sizeof origin, "%s", c->origin);
    for (char *p = origin; *p; p++)
        if (*p != '/' && *p != '.' && !s3_key_is_good(bytes_make(p, 1))) *p = '_';
    snprintf(c->folder, sizeof c->folder, "%.*s%s%s/%s", BYTES_FMT(config->prefix),
             config->prefix.n ? "/" : "", origin, hex);
    return true;
}

/* The newest receipt before a segment: its folder goes on being used, and its checkpoints end where the
 * segment's begin. */
static bool find_place(struct archive_carry *c, const struct archive_view *view, size_t segment,
                       uint64_t *checkpoints_from, char why[320])
{
    struct receipt r;
    *checkpoints_from = 0;
    for (size_t i = segment; i > 0; i--) {
        if (!view->segments[i - 1].receipt) continue;
        if (receipt_read(c->segments, view->segments[i - 1].first_leaf, &r) != 0) continue;
        if (i == segment) *checkpoints_from = r.checkpoints_to;
        const char *slash = strrchr(r.key, '/');
        if (!c->folder[0] && slash && bytes_is(archive_store_config(c->store)->bucket, r.bucket))
            snprintf(c->folder, sizeof c->folder, "%.*s", (int)(slash - r.key), r.key);
        break;
    }
    return c->folder[0] || name_folder(c, view, why);
}

/* ---- sending */

static void set_lock(const struct archive_carry *c, struct s3_object *object)
{
    const struct config_lock *lock = &archive_store_config(c->store)->lock;
    static const enum s3_lock_mode modes[] = { [CONFIG_LOCK_NONE] = S3_LOCK_NONE,
                                               [CONFIG_LOCK_GOVERNANCE] = S3_LOCK_GOVERNANCE,
                                               [CONFIG_LOCK_COMPLIANCE] = S3_LOCK_COMPLIANCE };
    object->lock.mode = modes[lock->mode];
    object->lock.hold = lock->legal_hold;
    if (object->lock.mode != S3_LOCK_NONE)
        object->lock.until_s = clock_wall_us(c->clock) / 1000000 + lock->days * DAY_S;
}

static enum s3_outcome send_file(struct archive_carry *c, const char *name, int fd, uint64_t bytes,
                                 char sha256_out[65], struct s3_answer *answer, char why[320])
{
    char key[S3_KEY];
    struct s3_object object = { .only_new = true };
    snprintf(key, sizeof key, "%s/%s", c->folder, name);
    object.key = bytes_of(key);
    set_lock(c, &object);
    int error = s3_file_hash(fd, bytes, object.sha256);
    if (error) {
        (void)say(why, name, strerror(-error));
        return S3_FAILED;
    }
    memcpy(sha256_out, object.sha256, 65);
    enum s3_outcome outcome = s3_file_send(c->s3, &object, fd, bytes, answer);
    if (outcome != S3_DONE) (void)say(why, key, answer->why);
    return outcome;
}

static bool open_file(struct archive_carry *c, uint64_t first_leaf, const char *suffix, char name[32],
                      int *fd_out, uint64_t *bytes_out, char why[320])
{
    struct stat st;
    blocks_name(first_leaf, suffix, name);
    int fd = openat(c->segments, name, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0) {
        *fd_out = fd;
        *bytes_out = (uint64_t)st.st_size;
        return true;
    }
    (void)say(why, name, strerror(errno));
    if (fd >= 0) close(fd);
    return false;
}

static bool send_heads(struct archive_carry *c, uint64_t first_leaf, uint64_t wanted, char why[320])
{
    char name[32], sha256[65];
    int fd;
    uint64_t bytes;
    struct s3_answer answer;
    if (!open_file(c, first_leaf, "heads", name, &fd, &bytes, why)) return false;
    bool good = bytes == wanted;
    if (!good) (void)say(why, name, "it has another length than its segment says");
    good = good && send_file(c, name, fd, bytes, sha256, &answer, why) == S3_DONE;
    close(fd);
    return good;
}

/* Whether sessions were erased in it, and nothing else happened to it. */
static bool is_erased_in(struct archive_carry *c, uint64_t first_leaf, uint64_t end_leaf)
{
    uint64_t removed;
    return segment_is_whole(c->log, first_leaf, end_leaf, &removed) == 0 && removed > 0;
}

/* Sessions may be erased at any moment, and their blocks become zeros here. Where that happened between two
 * tries, the object of the first one stands there for good with another sum, and this one gets a name of its
 * own; where it happened while the file was sent, the sum that it was sent with is not its own. */
static bool send_blocks(struct archive_carry *c, uint64_t first_leaf, uint64_t end_leaf, struct receipt *r,
                        char why[320])
{
    char plain[32], name[64], after[65];
    int fd;
    struct s3_answer answer;
    if (!open_file(c, first_leaf, "blocks", plain, &fd, &r->bytes, why)) return false;
    snprintf(name, sizeof name, "%s", plain);
    enum s3_outcome outcome = send_file(c, name, fd, r->bytes, r->sha256, &answer, why);
    if (outcome == S3_EXISTS && is_erased_in(c, first_leaf, end_leaf)) {
        snprintf(name, sizeof name, "%012" PRIu64 "-%.16s.blocks", first_leaf, r->sha256);
        outcome = send_file(c, name, fd, r->bytes, r->sha256, &answer, why);
    }
    bool good = outcome == S3_DONE;
    if (good && (s3_file_hash(fd, r->bytes, after) != 0 || strcmp(after, r->sha256) != 0))
        good = say(why, name, "it changed while it was sent, and is sent again");
    close(fd);
    if (!good) return false;
    snprintf(r->key, sizeof r->key, "%s/%s", c->folder, name);
    snprintf(r->version, sizeof r->version, "%s", answer.version);
    return true;
}

/* As a file without a name, so that it is sent like the others. */
static bool send_text(struct archive_carry *c, const char *name, struct bytes text, char why[320])
{
    char sha256[65];
    struct s3_answer answer;
    int fd = memfd_create("postern-archive", MFD_CLOEXEC);
    bool good = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
    if (!good) (void)say(why, name, strerror(errno));
    good = good && send_file(c, name, fd, text.n, sha256, &answer, why) == S3_DONE;
    if (fd >= 0) close(fd);
    return good;
}

static bool send_checkpoints(struct archive_carry *c, uint64_t first_leaf, uint64_t end_leaf, uint64_t from,
                             uint64_t *to_out, char why[320])
{
    char name[32];
    struct buf text;
    blocks_name(first_leaf, "checkpoints", name);
    buf_init(&text, CHECKPOINTS_MOST);
    int error = archive_checkpoints(c->log, from, end_leaf, &text, to_out);
    bool good = error ? say(why, name, strerror(-error)) : send_text(c, name, buf_bytes(&text), why);
    buf_free(&text);
    return good;
}

/* The key that the checkpoints are verified with: for people who look into the bucket, who trust it only as
 * far as they trust the bucket. It changes when keys are rotated; each is sent under its own sum. */
static bool send_key(struct archive_carry *c, char why[320])
{
    char path[1100], name[64], text[512];
    uint8_t hash[SHA256_SIZE];
    struct buf hex;
    snprintf(path, sizeof path, "%s/log.pub", c->data);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text, 0);
    if (fd >= 0) close(fd);
    if (n <= 0) return say(why, path, "it cannot be read");
    sha256_once(bytes_make(text, (size_t)n), hash);
    buf_init(&hex, 64);
    codec_hex(bytes_make(hash, 8), &hex);
    snprintf(name, sizeof name, "key-%.*s.pub", BYTES_FMT(buf_bytes(&hex)));
    buf_free(&hex);
    return send_text(c, name, bytes_make(text, (size_t)n), why);
}

bool archive_carry_send(struct archive_carry *c, const struct archive_view *view, size_t segment,
                        uint64_t *bytes_out, char why[320])
{
    uint64_t first = view->segments[segment].first_leaf, from;
    CHECK(segment + 1 < view->n);
    uint64_t end = view->segments[segment + 1].first_leaf;
    struct receipt r = { .first_leaf = first };
    if (!find_place(c, view, segment, &from, why)) return false;
    if (!send_key(c, why) || !send_heads(c, first, (end - first) * FORMAT_ENTRY, why) ||
        !send_checkpoints(c, first, end, from, &r.checkpoints_to, why) ||
        !send_blocks(c, first, end, &r, why))
        return false;
    snprintf(r.bucket, sizeof r.bucket, "%.*s", BYTES_FMT(archive_store_config(c->store)->bucket));
    r.at_us = clock_wall_us(c->clock);
    int error = receipt_write(c->segments, &r);
    if (error) return say(why, "the receipt cannot be written", strerror(-error));
    *bytes_out = r.bytes;
    log_line(LOG_INFO, "archived segment=%012" PRIu64 " bytes=%" PRIu64, first, r.bytes);
    return true;
}

bool archive_carry_drop(struct archive_carry *c, const struct archive_view *view, size_t segment,
                        char why[320])
{
    CHECK(segment + 1 < view->n);
    uint64_t first_leaf = view->segments[segment].first_leaf;
    uint64_t end_leaf = view->segments[segment + 1].first_leaf;
    char name[32], sha256[65];
    int fd;
    uint64_t bytes;
    struct receipt r;
    struct s3_answer answer;
    int error = receipt_read(c->segments, first_leaf, &r);
    if (error) return say(why, "a receipt cannot be read", strerror(-error));
    if (!open_file(c, first_leaf, "blocks", name, &fd, &bytes, why)) return false;
    error = s3_file_hash(fd, bytes, sha256);
    close(fd);
    if (error) return say(why, name, strerror(-error));
    /* The archive has what it was before sessions were erased, or what it was between two such times. */
    bool same = bytes == r.bytes && strcmp(sha256, r.sha256) == 0;
    if (!same && (bytes != r.bytes || !is_erased_in(c, first_leaf, end_leaf)))
        return say(why, name, "it is not what its receipt says; nothing is removed");
    if (s3_file_check(c->s3, bytes_of(r.key), bytes_of(r.version), r.bytes, r.sha256, &answer) != S3_DONE)
        return say(why, r.key, answer.why);
    if (unlinkat(c->segments, name, 0) < 0 || fsync(c->segments) < 0) return say(why, name, strerror(errno));
    log_line(LOG_INFO, "removed here, since the archive has it: segment=%012" PRIu64 " bytes=%" PRIu64,
             first_leaf, bytes);
    return true;
}
