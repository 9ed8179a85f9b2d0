/* SQL text, token by token, also where it does not parse: for the pre-scan, shapes, redaction and comments.
 * Cuts as PostgreSQL's scanner does with standard_conforming_strings on (its documentation, "Lexical
 * Structure"; the grammar itself is read by libpg_query). Linear in the text; allocates nothing. */
#ifndef POSTERN_SQL_TOKEN_H
#define POSTERN_SQL_TOKEN_H
#include "base/bytes.h"

enum token_kind {
    TOKEN_END = 0,
    TOKEN_SPACE,      /* space, tab, LF, CR, FF */
    TOKEN_COMMENT,    /* either kind, delimiters included */
    TOKEN_IDENTIFIER, /* a bare word: an identifier or a keyword */
    TOKEN_QUOTED,     /* "…" and U&"…" */
    TOKEN_STRING,     /* '…', E'…', U&'…', N'…', with what is continued on later lines */
    TOKEN_DOLLAR,     /* $tag$…$tag$ */
    TOKEN_BITS,       /* B'…', X'…' */
    TOKEN_NUMBER,
    TOKEN_PARAMETER, /* $1 */
    TOKEN_OPERATOR,  /* a run of operator characters, cut where PostgreSQL cuts it */
    TOKEN_OTHER      /* one byte: , ( ) [ ] ; . : and what belongs to nothing */
};
struct token {
    enum token_kind kind;
    struct bytes text;    /* the whole token */
    struct bytes content; /* of strings, quoted names and comments: between the delimiters */
    bool unterminated;    /* the text ends before the token does */
    bool escapes;         /* E'…': backslash escapes */
    bool over_comment;    /* a string that is continued behind a -- comment: libpg_query ends it there */
    size_t depth;         /* of a comment: how deep comments nest in it */
    size_t run; /* of an operator: the run of operator characters before it was cut, or its first 66 */
};
/* The token that starts at `at`; TOKEN_END at the end. The next one starts behind its text. */
struct token token_at(struct bytes text, size_t at);
/* One of the characters that operators are made of, which "/" and "*" of a comment are too. */
bool token_is_operator_character(uint8_t c);
/* The next token that is neither white space nor a comment, from *at on; *at is moved behind it. */
struct token token_next(struct bytes text, size_t *at);
/* The content of a string with its escapes and doubled quotes resolved and its continuation lines joined,
 * into out (room for content.n); the number of bytes. U& escapes stay as they are. */
size_t token_plain(const struct token *t, uint8_t *out);
/* word: in whichever case. Here, so that the length of a literal word is known where it is compared. */
static inline bool token_is_word(const struct token *t, const char *word)
{
    struct bytes w = bytes_of(word);
    return t->kind == TOKEN_IDENTIFIER && t->text.n == w.n && bytes_equal_nocase(t->text, w);
}
#endif
