/* Text that others wrote, made plain for chat programs: it can name nobody, link nowhere, hide nothing. */
#ifndef POSTERN_NOTIFY_PLAIN_H
#define POSTERN_NOTIFY_PLAIN_H
#include "base/buf.h"
#include "base/bytes.h"

/* At most so many bytes of it, cut between characters where it is UTF-8. */
struct bytes plain_cut(struct bytes text, size_t most);
/* Appends the text as one line. Controls, line ends, marks that are invisible or turn the direction of text,
 * and bytes that are not UTF-8 become U+FFFD. '<', '>' and '&' are escaped as Slack wants it, so that nothing
 * is a link or a mention there. Programs that take Slack's messages and read Markdown besides get a word
 * joiner (U+2060) behind an '@' that begins a word, between ':' and "//", and between ']' and '('. */
void plain_append(struct buf *out, struct bytes text);
#endif
