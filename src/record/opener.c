/* Everything that a block claims is checked before it is believed: the head next to it, the digest, the tag,
 * the length, each frame's CRC, and that sequences fill the head's range exactly. */
#include "record/opener.h"
#include "base/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int opener_init(struct opener *o, int log_folder, const struct record_keys *keys)
{
    uint8_t none[AEAD_KEY] = { 0 };
    *o = (struct opener){ .keys = keys, .keys_fd = -1 };
    o->keys_fd = openat(log_folder, "keys", O_RDONLY | O_CLOEXEC);
    if (o->keys_fd < 0 && keys) return -errno;
    o->aead = aead_new(AEAD_OPEN, none);
    o->sha = sha256_new();
    o->zstd = ZSTD_createDCtx();
    o->cipher = malloc(FORMAT_BLOCK_CIPHER_MAX);
    o->plain = malloc(FORMAT_BLOCK_PLAIN_MAX);
    return o->aead && o->sha && o->zstd && o->cipher && o->plain ? 0 : -ENOMEM;
}

void opener_free(struct opener *o)
{
    if (o->keys_fd >= 0) close(o->keys_fd);
    aead_free(o->aead);
    sha256_free(o->sha);
    ZSTD_freeDCtx(o->zstd);
    free(o->expanded);
    free(o->cipher);
    free(o->plain);
}

static enum opened say(struct opener *o, enum opened outcome, const char *message)
{
    o->message = message;
    return outcome;
}

/* Why a segment gave too few bytes. */
static const char *shortage(const struct segment_file *blocks, const char *otherwise)
{
    return blocks->error ? "its segment is in the archive, which cannot be read" : otherwise;
}

enum opened opener_read(struct opener *o, struct segment_file *blocks, uint64_t offset,
                        const uint8_t raw[FORMAT_BLOCK_HEAD], const struct format_block *head)
{
    uint8_t there[FORMAT_BLOCK_HEAD], digest[FORMAT_HASH];
    if (segment_file_read(blocks, offset, there, sizeof there) != (ssize_t)sizeof there)
        return say(o, OPENED_BAD, shortage(blocks, "the block is missing"));
    if (memcmp(there, raw, sizeof there) != 0)
        return say(o, OPENED_BAD, "another block stands in its place, or its head was changed");
    if (segment_file_read(blocks, offset + FORMAT_BLOCK_HEAD, o->cipher, head->cipher_length) !=
        (ssize_t)head->cipher_length)
        return say(o, OPENED_BAD, shortage(blocks, "the block is cut off"));
    sha256_of(o->sha, bytes_make(o->cipher, head->cipher_length), digest);
    if (memcmp(digest, head->digest, sizeof digest) != 0)
        return say(o, OPENED_BAD, "the block's content was changed");
    return OPENED;
}

bool opener_is_erased(struct opener *o, const struct format_block *head)
{
    uint8_t wrapped[FORMAT_WRAPPED_KEY];
    o->grave = (struct session_grave){ 0 };
    o->erased = o->keys_fd >= 0 && session_keys_read(o->keys_fd, head->key, head->session, wrapped,
                                                     &o->grave) == SESSION_KEY_ERASED;
    secret_wipe(wrapped, sizeof wrapped);
    return o->erased;
}

bool opener_is_removed(struct opener *o, struct segment_file *blocks, uint64_t offset,
                       const uint8_t raw[FORMAT_BLOCK_HEAD], const struct format_block *head)
{
    uint8_t there[FORMAT_BLOCK_HEAD];
    if (segment_file_read(blocks, offset, there, sizeof there) != (ssize_t)sizeof there ||
        memcmp(there, raw, sizeof there) != 0 ||
        segment_file_read(blocks, offset + FORMAT_BLOCK_HEAD, o->cipher, head->cipher_length) !=
            (ssize_t)head->cipher_length)
        return false;
    for (size_t i = 0; i < head->cipher_length; i++)
        if (o->cipher[i]) return false;
    return true;
}

static enum opened load_key(struct opener *o, const struct format_block *head)
{
    uint8_t wrapped[FORMAT_WRAPPED_KEY], key[AEAD_KEY];
    o->erased = false;
    if (!o->keys) return say(o, OPENED_CLOSED, "no key was given");
    /* Read each time, not remembered by index alone: an erased key must not live on in a reader. */
    switch (session_keys_read(o->keys_fd, head->key, head->session, wrapped, &o->grave)) {
    case SESSION_KEY_BAD: return say(o, OPENED_BAD, "the record of its key is missing or damaged");
    case SESSION_KEY_ERASED: o->erased = true; return say(o, OPENED_CLOSED, "the session's key was erased");
    case SESSION_KEY_FOUND: break;
    }
    if (o->key_index == head->key) return OPENED;
    o->key_index = 0;
    if (o->keys->unwrap(o->keys->context, wrapped, key) != 0)
        return say(o, OPENED_BAD, "the session's key does not unwrap");
    bool set = aead_rekey(o->aead, key);
    secret_wipe(key, sizeof key);
    if (!set) return say(o, OPENED_BAD, "libcrypto refuses the session's key");
    o->key_index = head->key;
    return OPENED;
}

/* With the key that aead has. */
static enum opened open_block(struct opener *o, const uint8_t raw[FORMAT_BLOCK_HEAD],
                              const struct format_block *head)
{
    uint8_t nonce[AEAD_NONCE];
    size_t n = head->cipher_length - AEAD_TAG;
    format_block_nonce(head->number, nonce);
    if (!aead_open(o->aead, nonce, bytes_make(raw, FORMAT_BLOCK_BOUND), bytes_make(o->cipher, n),
                   o->cipher + n, o->cipher))
        return say(o, OPENED_BAD, "the block does not open with the session's key");
    if (head->flags & BLOCK_ZSTD) {
        size_t got = ZSTD_decompressDCtx(o->zstd, o->plain, FORMAT_BLOCK_PLAIN_MAX, o->cipher, n);
        if (got != head->plain_length) return say(o, OPENED_BAD, "the block does not decompress");
    } else {
        if (n != head->plain_length) return say(o, OPENED_BAD, "the block has another length");
        memcpy(o->plain, o->cipher, n);
    }
    o->frames = bytes_make(o->plain, head->plain_length);
    o->frame = (struct frame){ .session = head->session,
                               .sequence = head->first_sequence - 1,
                               .time_us = head->first_us };
    o->last_sequence = head->last_sequence;
    o->has_crc = !(head->flags & BLOCK_NO_CRC);
    o->types = head->types;
    o->types_seen = 0;
    return OPENED;
}

static void close_block(struct opener *o)
{
    o->frames = (struct bytes){ 0 };
    o->at = 0;
}

enum opened opener_open(struct opener *o, const uint8_t raw[FORMAT_BLOCK_HEAD],
                        const struct format_block *head)
{
    close_block(o);
    enum opened found = load_key(o, head);
    return found == OPENED ? open_block(o, raw, head) : found;
}

enum opened opener_open_with(struct opener *o, const uint8_t raw[FORMAT_BLOCK_HEAD],
                             const struct format_block *head, const uint8_t key[AEAD_KEY])
{
    close_block(o);
    o->key_index = 0;
    if (!aead_rekey(o->aead, key)) return say(o, OPENED_BAD, "libcrypto refuses the session's key");
    return open_block(o, raw, head);
}

/* Gives a frame the body that it was appended with. */
static int expand(struct opener *o, struct frame *f)
{
    size_t n = 0;
    if (!o->expanded) o->expanded = malloc(FORMAT_BODY_MAX);
    if (!o->expanded || !shrink_expand(o->zstd, f->body, o->expanded, &n)) {
        o->message = o->expanded ? "a frame does not decompress" : "out of memory";
        return -1;
    }
    f->body = bytes_make(o->expanded, n);
    f->flags &= (uint8_t)~FRAME_ZSTD;
    return 1;
}

int opener_next(struct opener *o, struct frame *frame_out)
{
    uint32_t crc;
    if (o->at == o->frames.n) {
        if (o->frames.n == 0) return 0;
        o->message = o->frame.sequence != o->last_sequence ? "frames are missing at the block's end"
                     : o->types_seen != o->types ? "its frames are of other kinds than its head says"
                                                 : NULL;
        return o->message ? -1 : 0;
    }
    o->frame.sequence++;
    if (!format_packed_next(o->frames, &o->at, &o->frame, o->has_crc ? &crc : NULL)) {
        o->message = "a frame is malformed";
        return -1;
    }
    if (o->has_crc && crc != format_frame_crc(&o->frame)) {
        o->message = "a frame's checksum is wrong";
        return -1;
    }
    o->types_seen |= frame_type_bit(o->frame.type);
    *frame_out = o->frame;
    return frame_out->flags & FRAME_ZSTD ? expand(o, frame_out) : 1;
}
