/* What of a text went to the server. The record has the client's text and, where another was sent, the places
 * at which it differs: names that got their schemas, masks in the place of relations. The text that was sent
 * is put together from the two when it is looked at.
 *
 * Field "edits" of FRAME_TEXT: for each, in order of place, u32 place in bytes of the text, u32 bytes that
 * are taken away there, u32 length and as many bytes that stand in their stead. */
#ifndef POSTERN_RECORD_SENT_H
#define POSTERN_RECORD_SENT_H
#include "base/buf.h"
#include "sql/facts.h"

enum { SENT_EDITS_CEILING = 32 << 10 /* bytes of the field */, SENT_EDITS_MOST = 1024 };

/* Appends the field's value. False: it would be more than the ceilings, and nothing was appended. */
bool sent_edits_write(const struct sql_edit *edits, size_t n, struct buf *out) MUST_USE;
/* Appends the text as it was sent. of: the text whose places the edits name; text: that one, or another that
 * differs from it in literals only. Any bytes will do. False: the edits are none of this text. */
bool sent_text_make(struct bytes edits, struct bytes of, struct bytes text, struct buf *out) MUST_USE;
#endif
