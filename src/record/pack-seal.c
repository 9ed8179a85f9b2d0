/* zstd, then AES-256-GCM under the session's key with the block's number as the nonce; the tag covers the
 * part of the head that is known before. What can fail (the key, the disk) comes first, so that a failure
 * leaves everything as it was. */
#include "record/pack-seal.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/random.h"
#include <errno.h>

enum { FLUSH_AT = 1 << 20 };

static int chain_key(struct pack *p, struct pack_chain *chain)
{
    uint8_t wrapped[FORMAT_WRAPPED_KEY];
    if (chain->key_index) return 0;
    random_bytes(chain->key, sizeof chain->key);
    int error = p->wrapper->wrap(p->wrapper->context, chain->key, wrapped);
    if (!error) error = session_keys_add(p->keys, chain->id, wrapped, &chain->key_index);
    return error;
}

/* The plaintext or its compressed form, whichever is shorter. What was compressed mostly is not tried again.
 */
static struct bytes compress(struct pack *p, const struct pack_session *s, uint32_t *flags)
{
    struct bytes plain = buf_bytes(&s->plain);
    if (s->shrunk * 2 >= plain.n) return plain;
    size_t n = ZSTD_compress2(p->zstd, p->compressed, FORMAT_BLOCK_CIPHER_MAX - AEAD_TAG, plain.p, plain.n);
    if (ZSTD_isError(n) || n >= plain.n) return plain;
    *flags |= BLOCK_ZSTD;
    return bytes_make(p->compressed, n);
}

static int encrypt(struct pack *p, const struct pack_chain *chain, const struct format_block *head,
                   struct bytes data)
{
    uint8_t raw[FORMAT_BLOCK_HEAD], nonce[AEAD_NONCE];
    format_block_encode(head, raw);
    format_block_nonce(head->number, nonce);
    if (aead_rekey(p->aead, chain->key) && aead_seal(p->aead, nonce, bytes_make(raw, FORMAT_BLOCK_BOUND),
                                                     data, p->compressed, p->compressed + data.n))
        return 0;
    log_line(LOG_ERROR, "libcrypto refuses to seal a block");
    return -EIO;
}

int pack_seal(struct pack *p, struct pack_session *s)
{
    struct pack_chain *chain = s->chain;
    int error = buf_length(&p->blocks->out) >= FLUSH_AT ? blocks_flush(p->blocks) : 0;
    if (!error) error = chain_key(p, chain);
    if (error) return error;
    /* Frames of session 0 come from several lanes: they get their sequence here, in the order of blocks. */
    if (chain->id == 0) s->first_sequence = chain->last_sequence + 1;
    struct format_block head = { .flags = BLOCK_NO_CRC | (s->ended ? BLOCK_ENDS_SESSION : 0),
                                 .leaf = p->blocks->tree.size,
                                 .session = chain->id,
                                 .number = chain->number + 1,
                                 .first_sequence = s->first_sequence,
                                 .last_sequence = s->first_sequence + s->n_frames - 1,
                                 .lane = s->lane,
                                 .boot = p->boot,
                                 .lane_frame = s->lane_frame,
                                 .first_us = s->first_us,
                                 .sealed_us = clock_wall_us(p->clock),
                                 .key = chain->key_index,
                                 .types = s->types,
                                 .plain_length = (uint32_t)buf_length(&s->plain) };
    memcpy(head.previous, chain->hash, FORMAT_HASH);
    struct bytes data = compress(p, s, &head.flags);
    head.cipher_length = (uint32_t)data.n + AEAD_TAG;
    error = encrypt(p, chain, &head, data);
    if (error) return error;
    blocks_append(p->blocks, &head, bytes_make(p->compressed, head.cipher_length), chain->hash);
    chain->number = head.number;
    chain->last_sequence = head.last_sequence;
    return 0;
}
