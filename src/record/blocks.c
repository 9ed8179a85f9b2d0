/* Writing blocks. Always true here: the files hold a prefix of what was appended, cut at a block's end once
 * blocks_flush gave 0; a head stands in .heads only after its block stands in .blocks; a checkpoint is
 * written only after what it signs was synced. */
#include "record/blocks.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

void blocks_name(uint64_t first_leaf, const char *suffix, char out[32])
{
    snprintf(out, 32, "%012" PRIu64 ".%s", first_leaf % 1000000000000U, suffix);
}

void blocks_append(struct blocks *b, struct format_block *head, struct bytes cipher, uint8_t hash_out[32])
{
    uint8_t raw[FORMAT_BLOCK_HEAD];
    CHECK(head->cipher_length == cipher.n && head->leaf == b->tree.size);
    sha256_of(b->sha, cipher, head->digest);
    format_block_encode(head, raw);
    tree_leaf_hash(b->sha, bytes_make(raw, sizeof raw), hash_out);
    tree_append(&b->tree, b->sha, hash_out);
    buf_append(&b->heads_out, bytes_make(raw, sizeof raw));
    buf_put_u64(&b->heads_out, b->size + buf_length(&b->out));
    buf_append(&b->out, bytes_make(raw, sizeof raw));
    buf_append(&b->out, cipher);
    CHECK(!b->out.failed && !b->heads_out.failed); /* the sequencer flushes long before the ceiling */
    b->stored_bytes += sizeof raw + cipher.n;
    b->unsynced_bytes += sizeof raw + cipher.n;
}

/* Writes at a fixed place, so that a part that was written before the disk was full is written over. */
static int write_at(int fd, struct bytes data, uint64_t at)
{
    while (data.n) {
        ssize_t n = pwrite(fd, data.p, data.n, (off_t)at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? -errno : -EIO;
        data = bytes_slice(data, (size_t)n, SIZE_MAX);
        at += (uint64_t)n;
    }
    return 0;
}

static int flush_one(int fd, struct buf *out, uint64_t *size)
{
    size_t n = buf_length(out);
    int error = n ? write_at(fd, buf_bytes(out), *size) : 0;
    if (error) return error;
    *size += n;
    buf_consume(out, n);
    if (out->size > 4 << 20) buf_release(out);
    return 0;
}

int blocks_flush(struct blocks *b)
{
    int error = b->broken ? b->broken : flush_one(b->fd, &b->out, &b->size);
    return error ? error : flush_one(b->heads_fd, &b->heads_out, &b->heads_size);
}

int blocks_sync(struct blocks *b)
{
    int error = blocks_flush(b);
    if (error) return error;
    if (b->broken || b->synced == b->tree.size) return b->broken;
    if (fdatasync(b->fd) < 0 || fdatasync(b->heads_fd) < 0) return b->broken = -errno;
    b->synced = b->tree.size;
    b->unsynced_bytes = 0;
    return 0;
}

int blocks_checkpoint(struct blocks *b, const struct record_keys *keys, const char *origin)
{
    uint8_t root[32];
    struct buf note;
    if (b->synced != b->tree.size || b->checkpointed == b->tree.size) return 0;
    tree_root(&b->tree, b->sha, root);
    buf_init(&note, CHECKPOINT_MAX);
    int error = checkpoint_sign(keys, origin, b->tree.size, root, &note);
    if (!error) error = write_at(b->checkpoints_fd, buf_bytes(&note), b->checkpoints_size);
    if (!error && fdatasync(b->checkpoints_fd) < 0) error = -errno;
    if (error) {
        /* Half a note must not stay: nothing else would ever follow it. */
        if (ftruncate(b->checkpoints_fd, (off_t)b->checkpoints_size) < 0)
            log_line(LOG_ERROR, "cannot cut the checkpoints file: %s", strerror(errno));
    } else {
        b->checkpoints_size += buf_length(&note);
        b->checkpointed = b->tree.size;
    }
    buf_free(&note);
    return error;
}

bool blocks_segment_is_full(const struct blocks *b)
{
    return b->fd < 0 || b->size + buf_length(&b->out) >= b->segment_bytes;
}

/* Makes a file whole or not at all, and syncs it. */
static int make_file(int folder, const char *name, struct bytes content, int *fd_out)
{
    int fd = openat(folder, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int error = write_at(fd, content, 0);
    if (!error && fdatasync(fd) < 0) error = -errno;
    if (error) {
        close(fd);
        unlinkat(folder, name, 0);
        return error;
    }
    *fd_out = fd;
    return 0;
}

/* The .blocks file comes last: a segment without its companions is never seen. */
int blocks_begin_segment(struct blocks *b, struct bytes open)
{
    char name[32];
    uint8_t head[FORMAT_SEGMENT_HEAD];
    int open_fd = -1, heads_fd = -1, fd = -1;
    uint64_t leaf = b->tree.size;
    blocks_name(leaf, "open", name);
    int error = make_file(b->folder, name, open, &open_fd);
    if (error) return error;
    close(open_fd);
    blocks_name(leaf, "heads", name);
    error = make_file(b->folder, name, (struct bytes){ 0 }, &heads_fd);
    if (error) return error;
    format_segment_encode(leaf, head);
    blocks_name(leaf, "blocks", name);
    error = make_file(b->folder, name, bytes_make(head, sizeof head), &fd);
    if (!error && fsync(b->folder) < 0) error = -errno;
    if (error) {
        close(heads_fd);
        if (fd >= 0) close(fd);
        return error;
    }
    if (b->fd >= 0) close(b->fd);
    if (b->heads_fd >= 0) close(b->heads_fd);
    b->fd = fd;
    b->heads_fd = heads_fd;
    b->first_leaf = leaf;
    b->size = sizeof head;
    b->heads_size = 0;
    return 0;
}

void blocks_free(struct blocks *b)
{
    buf_free(&b->out);
    buf_free(&b->heads_out);
    sha256_free(b->sha);
    if (b->fd >= 0) close(b->fd);
    if (b->heads_fd >= 0) close(b->heads_fd);
    if (b->checkpoints_fd >= 0) close(b->checkpoints_fd);
    if (b->folder >= 0) close(b->folder);
}
