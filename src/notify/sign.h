/* Signing webhooks, as https://www.standardwebhooks.com has it (the specification's symmetric signatures). */
#ifndef POSTERN_NOTIFY_SIGN_H
#define POSTERN_NOTIFY_SIGN_H
#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/secret.h"

enum { NOTIFY_KEY_LEAST = 24, NOTIFY_KEY_MOST = 64 }; /* bytes, decoded */

/* A secret as people hand it on, "whsec_" (which may be left out) and base64, to the key itself. False: it is
 * not of this form, or too short or too long. */
bool sign_key_read(struct bytes text, struct secret *key_out) MUST_USE;
/* Appends "v1," and base64 of HMAC-SHA-256 over "id.seconds.body". */
void sign_message(struct bytes key, const char *id, int64_t seconds, struct bytes body, struct buf *out);
#endif
