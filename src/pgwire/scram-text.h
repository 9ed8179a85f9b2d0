/* What both sides of a SCRAM dialogue share: the attribute grammar of RFC 5802, section 7. Private to scram.
 */
#ifndef POSTERN_PGWIRE_SCRAM_TEXT_H
#define POSTERN_PGWIRE_SCRAM_TEXT_H
#include "base/bytes.h"

/* The value of the attribute `name` at the front of *rest, which moves behind it and its comma. False: the
 * next attribute is another, or the text ended. A comma at the very end of a message is malformed, and so is
 * a value with a NUL in it. */
bool scram_attribute(struct bytes *rest, char name, struct bytes *value_out);
/* Strict base64 into a fixed place; the length, or -1: malformed, empty or longer than `most`. */
ptrdiff_t scram_unbase64(struct bytes text, uint8_t *out, size_t most);
/* The text of n bytes and a NUL; false where it does not fit. */
bool scram_base64(struct bytes in, char *out, size_t room);
/* Whether this may be (part of) a nonce: printable ASCII without the comma, not empty. */
bool scram_is_nonce(struct bytes nonce);
/* Copies text (and a NUL behind it) to buffer[*n]; false where there is no room. */
bool scram_put(char *buffer, size_t size, size_t *n, struct bytes text);
/* The attribute c=: base64 of the gs2 header and, where the header starts with p, of the binding. */
bool scram_put_channel(char *buffer, size_t size, size_t *n, const char *header, struct bytes binding);

#define SCRAM_PLAIN "SCRAM-SHA-256"
#define SCRAM_PLUS  "SCRAM-SHA-256-PLUS"
#endif
