/* Protocol messages as words, and words as messages: `DataRow 1 "x" NULL`. Written against PostgreSQL's
 * documentation ("Message Formats") and apart from pgwire, so that a mistake there does not cancel out here.
 * Test code. */
#ifndef POSTERN_SESSION_TALK_MESSAGE_H
#define POSTERN_SESSION_TALK_MESSAGE_H
#include "base/buf.h"
#include "session/talk-script.h"

enum talk_side { TALK_CLIENT = 0, TALK_SERVER };

/* Appends the message that the words tell, as the side sends it. False: no such message, or words that do not
 * fit it. */
bool talk_message_encode(enum talk_side from, const struct talk_word *words, size_t n, struct buf *out);
/* Appends what `raw` tells: pairs of hexadecimal digits, repeated as in 00*100, and quoted texts. */
bool talk_raw_encode(const struct talk_word *words, size_t n, struct buf *out);
/* The first message of `in`, which the side sent, as words: a name, then its parts. Returns its length; 0: it
 * is not all there. What has no form that is known here is the words "malformed" and its type. */
size_t talk_message_describe(enum talk_side from, struct bytes in, struct arena *arena,
                             struct talk_word **words_out, size_t *n_out);
/* Words on one line, as a script would have them; long ones are cut. */
void talk_words_print(const struct talk_word *words, size_t n, struct buf *out);
/* Whether the words are what is expected; a last `...` stands for any rest. */
bool talk_words_match(const struct talk_word *expected, size_t n_expected, const struct talk_word *actual,
                      size_t n_actual);
/* "int4" for 23; NULL: not known here. */
const char *talk_type_name(uint32_t oid);
#endif
