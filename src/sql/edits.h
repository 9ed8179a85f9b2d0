/* Edits: what goes to the server in front of names (struct sql_edit in facts.h). Their places are bytes of
 * the text that was understood, in order, each where a token begins; they hold for that very text alone.
 * Pure; any bytes will do. */
#ifndef POSTERN_SQL_EDITS_H
#define POSTERN_SQL_EDITS_H
#include "sql/facts.h"

/* Appends the text with its edits. */
void sql_edits_apply(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct buf *out);
/* A place that the server names in the edited text (error field P: characters from 1) in the client's text,
 * counted likewise. What points into something inserted becomes the name behind it, what points behind the
 * end the end; 0 stays 0. */
uint32_t sql_edits_place_back(struct bytes text, const struct sql_edit *edits, size_t n_edits,
                              uint32_t place);
/* The edits of one text, for another one of the same template (sql_template): moved has room for n_edits, and
 * shares what they insert. False where the texts have different tokens before the last edit: then the other
 * is to be understood by itself. What stands behind it is not looked at: that is equal because the templates
 * are. */
bool sql_edits_move(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct bytes other,
                    struct sql_edit *moved) MUST_USE;
/* Whether the edits stand at the same places in another text of the same template, as they do where nothing
 * before the last of them is a literal of another length. False may only mean that it takes more to tell:
 * sql_edits_move then does. */
bool sql_edits_stand(struct bytes text, const struct sql_edit *edits, size_t n_edits, struct bytes other);
#endif
