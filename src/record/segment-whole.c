/* Heads are read from the .heads file, which stays here whatever becomes of the blocks. */
#include "record/segment-whole.h"
#include "record/heads.h"
#include "record/opener.h"
#include <errno.h>

struct check {
    struct heads heads;
    struct opener opener;
    struct segment_file blocks;
    uint64_t removed;
};

static bool block_is_good(struct check *c, const struct heads_entry *e)
{
    if (opener_is_erased(&c->opener, &e->head) &&
        opener_is_removed(&c->opener, &c->blocks, e->offset, e->raw, &e->head)) {
        c->removed++;
        return true;
    }
    return opener_read(&c->opener, &c->blocks, e->offset, e->raw, &e->head) == OPENED;
}

static int walk(struct check *c, uint64_t first_leaf, uint64_t end_leaf)
{
    uint8_t head[FORMAT_SEGMENT_HEAD];
    uint64_t at = FORMAT_SEGMENT_HEAD, leaf, size;
    int error = segment_file_open(&c->blocks, first_leaf);
    if (!error) error = segment_file_size(&c->blocks, &size);
    if (error) return error;
    if (segment_file_read(&c->blocks, 0, head, sizeof head) != (ssize_t)sizeof head ||
        !format_segment_decode(head, &leaf) || leaf != first_leaf)
        return -EBADMSG;
    for (leaf = first_leaf; leaf < end_leaf; leaf++) {
        struct heads_entry e;
        if (heads_get(&c->heads, leaf, &e) != HEADS_FOUND || e.first_leaf != first_leaf || e.offset != at ||
            !block_is_good(c, &e))
            return -EBADMSG;
        at += FORMAT_BLOCK_HEAD + e.head.cipher_length;
    }
    return at == size ? 0 : -EBADMSG;
}

int segment_is_whole(int log_folder, uint64_t first_leaf, uint64_t end_leaf, uint64_t *removed_out)
{
    struct check c = { .opener.keys_fd = -1, .heads = { .folder = -1, .fd = -1 }, .blocks.fd = -1 };
    int error = heads_open(log_folder, &c.heads);
    if (error) return error;
    segment_file_init(&c.blocks, c.heads.folder, NULL);
    error = opener_init(&c.opener, log_folder, NULL);
    if (!error) error = walk(&c, first_leaf, end_leaf);
    segment_file_free(&c.blocks);
    opener_free(&c.opener);
    heads_close(&c.heads);
    *removed_out = c.removed;
    return error;
}
