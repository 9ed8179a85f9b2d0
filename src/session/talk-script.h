/* A .talk file, taken apart: lines of words, and blocks of raw text between braces. The language is told in
 * talks/README.md; what words mean is not known here. Test code. */
#ifndef POSTERN_SESSION_TALK_SCRIPT_H
#define POSTERN_SESSION_TALK_SCRIPT_H
#include "base/arena.h"
#include "base/bytes.h"

struct talk_word {
    struct bytes text; /* unescaped */
    bool quoted;       /* it began with a quotation mark, so it is no keyword, number or NULL */
    bool literal;      /* an escaped star stands in it: it is no pattern */
};
struct talk_line {
    unsigned number; /* from 1, in the file */
    struct talk_word *words;
    size_t n;
    struct bytes block; /* what stood between { and }, whole lines; p == NULL: no block */
    unsigned block_line;
};
struct talk_script {
    const char *path;
    struct bytes title; /* the comment on the first line: a sentence that states a fact */
    struct talk_line *lines;
    size_t n;
};

/* Takes one line apart. False: a quotation mark or an escape is not closed. */
bool talk_line_split(struct bytes text, unsigned number, struct arena *arena, struct talk_line *out);
/* False: printed why. All in the arena. */
bool talk_script_load(const char *path, struct arena *arena, struct talk_script *out);
/* Words that are equal where the expected one is a pattern (as policy/glob.h has it). */
bool talk_word_matches(const struct talk_word *expected, struct bytes actual);
static inline bool talk_word_is(const struct talk_word *word, const char *keyword)
{
    return !word->quoted && bytes_is(word->text, keyword);
}
#endif
