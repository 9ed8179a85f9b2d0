/* A step of a held statement's life (FRAME_APPROVAL) as a sentence for people: asked, decided and by whom,
 * used, over. */
#ifndef POSTERN_RECORD_APPROVAL_WORDS_H
#define POSTERN_RECORD_APPROVAL_WORDS_H
#include "base/buf.h"

/* Appends it; nothing for a state that this version does not know. Names and reasons are what people and
 * clients wrote: the sentence is to be shown as safely as they are. */
void approval_words(struct bytes fields, struct buf *out);
#endif
