/* Bytes as text: hexadecimal, base64 (RFC 4648, with and without padding, URL-safe), CRC-32C, times. */
#ifndef POSTERN_BASE_CODEC_H
#define POSTERN_BASE_CODEC_H
#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"

void codec_hex(struct bytes in, struct buf *out);
/* False: an odd length or a character that is no digit; out then holds nothing new. */
bool codec_unhex(struct bytes in, struct buf *out) MUST_USE;

enum codec_base64 { CODEC_BASE64, CODEC_BASE64URL };
/* CODEC_BASE64 pads; CODEC_BASE64URL does not. */
void codec_base64(enum codec_base64 alphabet, struct bytes in, struct buf *out);
/* Strict: CODEC_BASE64 wants its padding, CODEC_BASE64URL wants none; foreign characters and set trailing
 * bits are refused (two texts never decode to the same bytes). False: out holds nothing new. */
bool codec_unbase64(enum codec_base64 alphabet, struct bytes in, struct buf *out) MUST_USE;

/* CRC-32C (Castagnoli), as in RFC 3720; start with crc = 0 and go on with what came back. */
uint32_t codec_crc32c(uint32_t crc, struct bytes in);

/* "2026-11-21T08:45:12.123456Z" of microseconds since 1970; room for 28 bytes, NUL included. */
void codec_time(int64_t unix_us, char out[28]);
#endif
