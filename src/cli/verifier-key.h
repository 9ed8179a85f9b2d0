/* A log's public key as text: C2SP signed-note's verifier key, "<name>+<hash>+<base64 of 1 and the key>". */
#ifndef POSTERN_CLI_VERIFIER_KEY_H
#define POSTERN_CLI_VERIFIER_KEY_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"

/* False: not of this form, or the hash is not that of name and key. name_out may be NULL; borrowed. */
bool verifier_key_parse(struct bytes text, uint8_t public_key_out[32], struct bytes *name_out) MUST_USE;
/* From a file; text_out (may be NULL) gets its line. 0; -EBADMSG: it holds none; or -errno. */
int verifier_key_load(const char *path, uint8_t public_key_out[32], struct buf *text_out) MUST_USE;
#endif
