/* Opening looks at the newest segments only: it begins at the .open file of the last segment that starts at
 * or before both the newest checkpoint and from_leaf. Blocks that the checkpoint covers must be there and
 * give its root; behind it a block that is not whole is where a crash stopped the writer, and is cut off (its
 * frames are still in the tail), unless its session was erased: then zeros are what it is made of. */
#include "record/blocks-scan.h"
#include "base/log.h"
#include "record/segment-list.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct scan {
    struct blocks *b;
    struct pack *pack;
    uint64_t tail_boot;
    struct checkpoint checkpoint; /* the newest; size 0: none */
    bool checkpoint_seen;         /* the tree had its size, and its root was right */
    uint8_t *cipher;
};

/* The last whole note of the file, found from the file's end; what follows it is cut off. */
static int last_checkpoint(int fd, struct blocks *b, struct checkpoint *last)
{
    uint8_t text[4 * CHECKPOINT_MAX];
    struct stat st;
    struct checkpoint c;
    *last = (struct checkpoint){ 0 };
    if (fstat(fd, &st) < 0) return -errno;
    uint64_t size = (uint64_t)st.st_size, start = size > sizeof text ? size - sizeof text : 0;
    ssize_t n = pread(fd, text, sizeof text, (off_t)start);
    if (n != (ssize_t)(size - start)) return n < 0 ? -errno : -EIO;
    struct bytes window = bytes_make(text, (size_t)n);
    size_t end = 0;
    for (size_t i = 0; i + 1 < window.n; i++) {
        size_t at = i;
        if (i > 0 ? i < 2 || window.p[i - 1] != '\n' || window.p[i - 2] != '\n' : start > 0) continue;
        if (!checkpoint_next(window, &at, &c)) continue;
        *last = c;
        end = at;
    }
    if (size && !end) return -EBADMSG;
    b->checkpoints_size = start + end;
    if (b->checkpoints_size < size) {
        log_line(LOG_WARNING, "half a checkpoint at the end of the checkpoints file is cut off");
        if (ftruncate(fd, (off_t)b->checkpoints_size) < 0) return -errno;
    }
    /* The loop reads every note in the window; the last one that it could read is what counts, and its texts
     * stay in the window, which is gone when this returns. */
    last->origin = last->signed_text = (struct bytes){ 0 };
    return 0;
}

/* Checks the newest checkpoint's signature while its text is at hand. */
static int load_checkpoint(struct scan *s, const uint8_t public_key[32])
{
    uint8_t text[CHECKPOINT_MAX];
    struct checkpoint c;
    int error = last_checkpoint(s->b->checkpoints_fd, s->b, &s->checkpoint);
    if (error == -EBADMSG) log_line(LOG_ERROR, "the checkpoints file holds no checkpoint");
    if (error || s->b->checkpoints_size == 0) return error;
    uint64_t size = s->b->checkpoints_size, start = size > sizeof text ? size - sizeof text : 0;
    ssize_t n = pread(s->b->checkpoints_fd, text, sizeof text, (off_t)start);
    if (n < 0) return -errno;
    for (size_t i = 0; i < (size_t)n; i++) {
        size_t at = i;
        if (!checkpoint_next(bytes_make(text, (size_t)n), &at, &c) || at != (size_t)n) continue;
        if (checkpoint_verify(&c, public_key)) return 0;
    }
    log_line(LOG_ERROR, "the newest checkpoint is not signed by this log's key");
    return -EBADMSG;
}

static int check_root(struct scan *s)
{
    uint8_t root[32];
    if (s->b->tree.size != s->checkpoint.size) return 0;
    tree_root(&s->b->tree, s->b->sha, root);
    s->checkpoint_seen = s->checkpoint.size == 0 || memcmp(root, s->checkpoint.root, sizeof root) == 0;
    if (s->checkpoint_seen) return 0;
    log_line(LOG_ERROR, "the blocks do not give the root of the newest checkpoint (%" PRIu64 " blocks)",
             s->checkpoint.size);
    return -EBADMSG;
}

/* Takes in a block's head. */
static int take(struct scan *s, const struct format_block *head, const uint8_t raw[FORMAT_BLOCK_HEAD])
{
    struct pack_chain chain = { .id = head->session,
                                .number = head->number,
                                .last_sequence = head->last_sequence };
    tree_leaf_hash(s->b->sha, bytes_make(raw, FORMAT_BLOCK_HEAD), chain.hash);
    tree_append(&s->b->tree, s->b->sha, chain.hash);
    if (head->session == 0 && head->boot == s->tail_boot && head->lane < FORMAT_LANES_MAX)
        s->pack->of_lane[head->lane].lane_frame = head->lane_frame;
    int error = pack_resume(s->pack, &chain, head->flags & BLOCK_ENDS_SESSION);
    return error ? error : check_root(s);
}

/* What s->cipher holds is zeros, and the block's key was erased. */
static bool is_removed(const struct scan *s, const struct format_block *head)
{
    uint8_t wrapped[FORMAT_WRAPPED_KEY];
    for (size_t i = 0; i < head->cipher_length; i++)
        if (s->cipher[i]) return false;
    return session_keys_read(s->pack->keys->fd, head->key, head->session, wrapped, NULL) ==
           SESSION_KEY_ERASED;
}

/* Whether a whole block stands at `at`: head, length, and behind the checkpoint the digest too. */
static bool block_is_whole(struct scan *s, uint64_t at, uint64_t file_size, uint8_t raw[FORMAT_BLOCK_HEAD],
                           struct format_block *head)
{
    uint8_t digest[32];
    if (pread(s->b->fd, raw, FORMAT_BLOCK_HEAD, (off_t)at) != FORMAT_BLOCK_HEAD ||
        !format_block_decode(raw, head) || head->leaf != s->b->tree.size ||
        head->cipher_length > file_size - at - FORMAT_BLOCK_HEAD)
        return false;
    if (head->leaf < s->checkpoint.size) return true;
    if (pread(s->b->fd, s->cipher, head->cipher_length, (off_t)(at + FORMAT_BLOCK_HEAD)) !=
        (ssize_t)head->cipher_length)
        return false;
    sha256_of(s->b->sha, bytes_make(s->cipher, head->cipher_length), digest);
    return memcmp(digest, head->digest, sizeof digest) == 0 || is_removed(s, head);
}

/* Makes entry n of the .heads file what it should be; *good stays true while nothing had to be mended. */
static int mend_entry(struct blocks *b, const uint8_t raw[FORMAT_BLOCK_HEAD], uint64_t at, bool *good)
{
    uint8_t entry[FORMAT_ENTRY], there[FORMAT_ENTRY];
    memcpy(entry, raw, FORMAT_BLOCK_HEAD);
    format_put_u64(entry + FORMAT_BLOCK_HEAD, at);
    off_t place = (off_t)b->heads_size;
    if (!*good || pread(b->heads_fd, there, sizeof there, place) != FORMAT_ENTRY ||
        memcmp(there, entry, sizeof entry) != 0) {
        *good = false;
        ssize_t n = pwrite(b->heads_fd, entry, sizeof entry, place);
        if (n != FORMAT_ENTRY) return n < 0 ? -errno : -ENOSPC;
    }
    b->heads_size += FORMAT_ENTRY;
    return 0;
}

static int open_segment(struct blocks *b, uint64_t first_leaf, uint64_t *size_out)
{
    char name[32];
    struct stat st;
    uint8_t head[FORMAT_SEGMENT_HEAD];
    uint64_t leaf = 0;
    if (b->fd >= 0) close(b->fd);
    if (b->heads_fd >= 0) close(b->heads_fd);
    blocks_name(first_leaf, "blocks", name);
    b->fd = openat(b->folder, name, O_RDWR | O_CLOEXEC);
    blocks_name(first_leaf, "heads", name);
    b->heads_fd = openat(b->folder, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (b->fd < 0 || b->heads_fd < 0 || fstat(b->fd, &st) < 0) return -errno;
    b->first_leaf = first_leaf;
    b->size = FORMAT_SEGMENT_HEAD;
    b->heads_size = 0;
    *size_out = (uint64_t)st.st_size;
    if (pread(b->fd, head, sizeof head, 0) != FORMAT_SEGMENT_HEAD || !format_segment_decode(head, &leaf) ||
        leaf != first_leaf) {
        log_line(LOG_ERROR, "segment %012" PRIu64 " has no head", first_leaf);
        return -EBADMSG;
    }
    return 0;
}

/* A segment whose blocks went to the archive: the heads that stayed here give the tree, and the checkpoint
 * behind them says whether they are right. */
static int scan_away(struct scan *s, uint64_t first_leaf)
{
    char name[32];
    uint8_t raw[FORMAT_ENTRY];
    struct format_block head;
    int error = 0;
    blocks_name(first_leaf, "heads", name);
    int fd = openat(s->b->folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    for (off_t at = 0; !error && pread(fd, raw, sizeof raw, at) == (ssize_t)sizeof raw; at += sizeof raw) {
        if (!format_block_decode(raw, &head) || head.leaf != s->b->tree.size) {
            log_line(LOG_ERROR, "the entry of block %" PRIu64 " is damaged", s->b->tree.size);
            error = -EBADMSG;
        } else {
            error = take(s, &head, raw);
        }
    }
    close(fd);
    return error;
}

static bool is_here(int folder, uint64_t first_leaf)
{
    char name[32];
    blocks_name(first_leaf, "blocks", name);
    return faccessat(folder, name, F_OK, 0) == 0;
}

static int scan_segment(struct scan *s, uint64_t first_leaf, bool newest)
{
    struct blocks *b = s->b;
    struct format_block head;
    uint8_t raw[FORMAT_BLOCK_HEAD];
    uint64_t file_size = 0;
    bool heads_good = true;
    if (!newest && !is_here(b->folder, first_leaf)) return scan_away(s, first_leaf);
    int error = open_segment(b, first_leaf, &file_size);
    while (!error && b->size < file_size && file_size - b->size >= FORMAT_BLOCK_HEAD &&
           block_is_whole(s, b->size, file_size, raw, &head)) {
        error = mend_entry(b, raw, b->size, &heads_good);
        if (!error) error = take(s, &head, raw);
        b->size += FORMAT_BLOCK_HEAD + head.cipher_length;
    }
    if (error) return error;
    if (b->size < file_size) {
        if (!newest || b->tree.size < s->checkpoint.size) {
            log_line(LOG_ERROR, "block %" PRIu64 ", which a checkpoint covers, is damaged", b->tree.size);
            return -EBADMSG;
        }
        log_line(LOG_WARNING, "%" PRIu64 " bytes of an unfinished block are cut off", file_size - b->size);
        if (ftruncate(b->fd, (off_t)b->size) < 0) return -errno;
    }
    return ftruncate(b->heads_fd, (off_t)b->heads_size) < 0 ? -errno : 0;
}

/* Reads a segment's .open file into pack and tree. */
static int load_open(struct scan *s, uint64_t first_leaf)
{
    char name[32];
    struct stat st;
    blocks_name(first_leaf, "open", name);
    int fd = openat(s->b->folder, name, O_RDONLY | O_CLOEXEC), error = 0;
    if (fd < 0) return -errno;
    if (fstat(fd, &st) < 0 || st.st_size > INT32_MAX) error = -EIO;
    uint8_t *text = error ? NULL : malloc((size_t)st.st_size + 1);
    if (!error && !text) error = -ENOMEM;
    if (!error && pread(fd, text, (size_t)st.st_size, 0) != st.st_size) error = -EIO;
    if (!error && !pack_decode_open(s->pack, bytes_make(text, (size_t)st.st_size), first_leaf, &s->b->tree))
        error = -EBADMSG;
    if (error) log_line(LOG_ERROR, "segments/%s cannot be read: %s", name, strerror(-error));
    free(text);
    close(fd);
    return error;
}

static int scan_all(struct scan *s, const struct segment_list *list, uint64_t from_leaf)
{
    size_t first = list->n;
    if (from_leaf > s->checkpoint.size) from_leaf = s->checkpoint.size;
    while (first > 0 && (first == list->n || list->first_leaf[first] > from_leaf))
        first--;
    if (list->n == 0) return check_root(s);
    int error = load_open(s, list->first_leaf[first]);
    if (!error) error = check_root(s);
    for (size_t i = first; i < list->n && !error; i++) {
        if (list->first_leaf[i] != s->b->tree.size) {
            log_line(LOG_ERROR, "a segment is missing before segments/%012" PRIu64, list->first_leaf[i]);
            return -EBADMSG;
        }
        error = scan_segment(s, list->first_leaf[i], i + 1 == list->n);
    }
    return error;
}

int blocks_scan(int folder, struct blocks *b, struct pack *pack, const uint8_t public_key[32],
                uint64_t from_leaf, uint64_t tail_boot)
{
    struct scan s = { .b = b, .pack = pack, .tail_boot = tail_boot };
    struct segment_list list = { 0 };
    b->folder = openat(folder, "segments", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    b->checkpoints_fd = openat(folder, "checkpoints", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (b->folder < 0 || b->checkpoints_fd < 0) return -errno;
    s.cipher = malloc(FORMAT_BLOCK_CIPHER_MAX);
    int error = s.cipher ? load_checkpoint(&s, public_key) : -ENOMEM;
    if (!error) error = segment_list_read(b->folder, &list);
    if (!error) error = scan_all(&s, &list, from_leaf);
    if (!error && !s.checkpoint_seen) {
        log_line(LOG_ERROR, "the log has %" PRIu64 " blocks, its newest checkpoint signs %" PRIu64,
                 b->tree.size, s.checkpoint.size);
        error = -EBADMSG;
    }
    b->checkpointed = s.checkpoint.size;
    b->synced = 0; /* whatever is there is synced once more */
    segment_list_free(&list);
    free(s.cipher);
    return error;
}
