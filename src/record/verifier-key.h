/* A log's public key as text: C2SP signed-note's verifier key, "<name>+<hash>+<base64 of 1 and the key>". */
#ifndef POSTERN_RECORD_VERIFIER_KEY_H
#define POSTERN_RECORD_VERIFIER_KEY_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

/* The first four bytes of SHA-256 over name, line feed, 1 and the key: by them a signature names its key. */
void verifier_key_id(struct bytes name, const uint8_t public_key[32], uint8_t id_out[4]);
/* Appends it as text, without a line end. */
void verifier_key_write(struct bytes name, const uint8_t public_key[32], struct buf *out);
/* False: not of this form, or the hash is not that of name and key. name_out may be NULL; borrowed. */
bool verifier_key_parse(struct bytes text, uint8_t public_key_out[32], struct bytes *name_out) MUST_USE;
/* From a file; text_out (may be NULL) gets its line. 0; -EBADMSG: it holds none; or -errno. */
int verifier_key_load(const char *path, uint8_t public_key_out[32], struct buf *text_out) MUST_USE;
#endif
