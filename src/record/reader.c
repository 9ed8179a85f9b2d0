/* A reader is a place in the log: either in one session, or in the order of blocks. It uses the .heads files
 * to find blocks, and the opener to open them. */
#include "record/reader.h"
#include "record/heads.h"
#include "record/opener.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SKEW_US = 120 * 1000000 }; /* between a session's number and its first block's time */

struct record_reader {
    struct heads heads;
    struct opener opener;
    struct segment_file blocks;
    /* Of the session that is read; next_leaf: where to look for its next block. */
    uint64_t session, next_leaf;
    uint32_t from, next_sequence;
    bool follows, ended, bad;
    uint32_t follow_types;
    bool known; /* a block of the session was seen */
    char message[256];
};

int record_reader_open(const char *folder, const struct record_keys *keys, struct record_reader **reader_out)
{
    struct record_reader *r = calloc(1, sizeof *r);
    if (!r) return -ENOMEM;
    r->opener.keys_fd = r->heads.fd = r->heads.folder = -1;
    r->follow_types = UINT32_MAX;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 ? -errno : opener_init(&r->opener, fd, keys);
    if (!error) {
        error = heads_open(fd, &r->heads);
        if (error) r->heads = (struct heads){ .folder = -1, .fd = -1 };
    }
    segment_file_init(&r->blocks, r->heads.folder, NULL);
    if (fd >= 0) close(fd);
    if (error) {
        record_reader_free(r);
        return error;
    }
    *reader_out = r;
    return 0;
}

void record_reader_free(struct record_reader *r)
{
    if (!r) return;
    segment_file_free(&r->blocks);
    opener_free(&r->opener);
    heads_close(&r->heads);
    free(r);
}

void record_reader_reach(struct record_reader *r, const struct record_far *far)
{
    r->blocks.far = far;
}

const char *record_reader_message(const struct record_reader *r)
{
    return r->message;
}

/* Nothing is read behind what is bad until the reader is placed anew. */
static enum record_read bad(struct record_reader *r, uint64_t leaf, const char *message)
{
    r->bad = true;
    snprintf(r->message, sizeof r->message, "block %" PRIu64 ": %s", leaf, message);
    return RECORD_READ_BAD;
}

static enum opened open_block(struct record_reader *r, const struct heads_entry *e)
{
    /* What is erased may be gone from the disk as well. */
    if (opener_is_erased(&r->opener, &e->head)) {
        r->opener.message = "the session was erased";
        return OPENED_CLOSED;
    }
    int error = segment_file_open(&r->blocks, e->first_leaf);
    if (error) {
        r->opener.message = error == -ENOLINK   ? "its segment is in the archive, and no way there is known"
                            : error == -EBADMSG ? "the receipt of its segment is damaged"
                                                : "its segment is missing";
        return OPENED_BAD;
    }
    enum opened read = opener_read(&r->opener, &r->blocks, e->offset, e->raw, &e->head);
    return read == OPENED ? opener_open(&r->opener, e->raw, &e->head) : read;
}

/* The session's next block at or behind next_leaf, in the entry. */
static enum record_read find_block(struct record_reader *r, struct heads_entry *e)
{
    for (;; r->next_leaf++) {
        switch (heads_get(&r->heads, r->next_leaf, e)) {
        case HEADS_BAD: return bad(r, r->next_leaf, "its head is damaged");
        case HEADS_END: return RECORD_READ_END;
        case HEADS_FOUND: break;
        }
        if (e->head.session == r->session) return RECORD_READ_FRAME;
    }
}

enum record_read record_reader_session(struct record_reader *r, uint64_t session, uint32_t from)
{
    struct heads_entry e;
    r->session = session;
    r->from = from;
    r->follows = r->ended = r->bad = r->known = false;
    r->opener.frames = (struct bytes){ 0 };
    r->opener.at = 0;
    uint64_t first = r->heads.list.n ? r->heads.list.first_leaf[0] : 0;
    r->next_leaf = session ? heads_find_time(&r->heads, (int64_t)(session >> 22) * 1000 - SKEW_US) : first;
    if (r->next_leaf < first) r->next_leaf = first;
    uint64_t began = r->next_leaf;
    enum record_read found = find_block(r, &e);
    if (began > first && (found == RECORD_READ_END || (found == RECORD_READ_FRAME && e.head.number != 1))) {
        /* Not there, or its first block is not: clocks may have gone backwards. Look everywhere. */
        r->next_leaf = first;
        found = find_block(r, &e);
    }
    if (found != RECORD_READ_FRAME) return found;
    r->next_sequence = e.head.first_sequence;
    r->known = true;
    return RECORD_READ_FRAME;
}

bool record_reader_is_erased(struct record_reader *r, uint64_t session, struct session_grave *grave)
{
    struct heads_entry e;
    if (record_reader_session(r, session, 1) != RECORD_READ_FRAME || find_block(r, &e) != RECORD_READ_FRAME ||
        !opener_is_erased(&r->opener, &e.head))
        return false;
    *grave = r->opener.grave;
    return true;
}

/* Goes to the session's next block that has frames from r->from on. */
static enum record_read next_block(struct record_reader *r)
{
    struct heads_entry e;
    for (;;) {
        if (r->ended) return RECORD_READ_END;
        enum record_read found = find_block(r, &e);
        if (found != RECORD_READ_FRAME) return found;
        if (!r->known) r->next_sequence = e.head.first_sequence;
        r->known = true;
        if (e.head.first_sequence != r->next_sequence)
            return bad(r, e.head.leaf, "frames of its session are missing before it");
        bool wanted = e.head.last_sequence >= r->from;
        if (wanted && open_block(r, &e) != OPENED) return bad(r, e.head.leaf, r->opener.message);
        r->next_leaf = e.head.leaf + 1;
        r->next_sequence = e.head.last_sequence + 1;
        r->ended = e.head.flags & BLOCK_ENDS_SESSION;
        if (wanted) return RECORD_READ_FRAME;
    }
}

enum record_read record_reader_next(struct record_reader *r, struct frame *frame_out)
{
    while (!r->bad) {
        int got = opener_next(&r->opener, frame_out);
        if (got < 0) return bad(r, r->next_leaf - 1, r->opener.message);
        if (got > 0 && (r->follows || frame_out->sequence >= r->from)) return RECORD_READ_FRAME;
        if (got > 0) continue;
        if (r->follows) return RECORD_READ_END;
        enum record_read found = next_block(r);
        if (found != RECORD_READ_FRAME) return found;
    }
    return RECORD_READ_BAD;
}

void record_reader_follow_types(struct record_reader *r, uint32_t types)
{
    r->follow_types = types;
}

enum record_read record_reader_follow(struct record_reader *r, uint64_t position, struct record_block *out)
{
    struct heads_entry e;
    r->follows = true;
    r->bad = false;
    r->opener.frames = (struct bytes){ 0 };
    r->opener.at = 0;
    if (r->heads.list.n && position < r->heads.list.first_leaf[0]) position = r->heads.list.first_leaf[0];
    switch (heads_get(&r->heads, position, &e)) {
    case HEADS_BAD: return bad(r, position, "its head is damaged");
    case HEADS_END: return RECORD_READ_END;
    case HEADS_FOUND: break;
    }
    *out = (struct record_block){ .position = position,
                                  .next_position = position + 1,
                                  .session = e.head.session,
                                  .first_sequence = e.head.first_sequence,
                                  .last_sequence = e.head.last_sequence,
                                  .number = e.head.number,
                                  .types = e.head.types,
                                  .first_us = e.head.first_us,
                                  .time_us = e.head.sealed_us };
    r->next_leaf = position + 1;
    if (opener_is_erased(&r->opener, &e.head)) {
        out->erased = true;
        out->erasure = r->opener.grave.erasure;
        out->erased_us = r->opener.grave.erased_us;
        (void)bad(r, position, "the session was erased");
        return RECORD_READ_FRAME;
    }
    if (!(e.head.types & r->follow_types)) return RECORD_READ_FRAME;
    switch (open_block(r, &e)) {
    case OPENED: break;
    case OPENED_BAD: return bad(r, position, r->opener.message);
    case OPENED_CLOSED: (void)bad(r, position, r->opener.message); break; /* the head is good: go past it */
    }
    return RECORD_READ_FRAME;
}
