/* Where in the text the tree's nodes stand: the grammar gives the place of a name's first token and nothing
 * about its end. Tokens without white space and comments, once for a whole text. */
#include "sql/scan.h"
#include "sql/token.h"

bool scan_tokens(struct scans *scans)
{
    size_t size = 256;
    struct scan_token *tokens = ARENA_ARRAY(scans->arena, struct scan_token, size);
    if (scans->tokens) return true;
    for (size_t at = 0, n = 0; tokens;) {
        struct token t = token_next(scans->text, &at);
        if (t.kind == TOKEN_END) {
            scans->tokens = tokens;
            scans->n_tokens = n;
            return true;
        }
        if (n == size) {
            struct scan_token *more = ARENA_ARRAY(scans->arena, struct scan_token, size * 2);
            if (!more) break;
            memcpy(more, tokens, n * sizeof *more);
            tokens = more;
            size *= 2;
        }
        uint32_t from = (uint32_t)(t.text.p - scans->text.p);
        tokens[n++] = (struct scan_token){ from, from + (uint32_t)t.text.n, (uint8_t)t.kind };
    }
    return false;
}

size_t scan_token_at(const struct scans *scans, int location)
{
    size_t low = 0, high = scans->n_tokens;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((int64_t)scans->tokens[middle].from < location)
            low = middle + 1;
        else
            high = middle;
    }
    return low < scans->n_tokens && (int64_t)scans->tokens[low].from == location ? low : scans->n_tokens;
}

static struct bytes text_of(const struct scans *scans, size_t at)
{
    if (at >= scans->n_tokens) return (struct bytes){ 0 };
    const struct scan_token *t = &scans->tokens[at];
    return bytes_slice(scans->text, t->from, t->to - t->from);
}

bool scan_word(const struct scans *scans, size_t at, const char *word)
{
    return at < scans->n_tokens && scans->tokens[at].kind == TOKEN_IDENTIFIER &&
           bytes_equal_nocase(text_of(scans, at), bytes_of(word));
}

bool scan_mark(const struct scans *scans, size_t at, char mark)
{
    struct bytes text = text_of(scans, at);
    return text.n == 1 && text.p[0] == (uint8_t)mark;
}

/* Behind one part of a name; U&"…" UESCAPE '…' is one. */
static size_t part_end(const struct scans *scans, size_t at)
{
    if (at >= scans->n_tokens) return scans->n_tokens + 1;
    uint8_t kind = scans->tokens[at].kind;
    if (kind == TOKEN_OPERATOR && scan_mark(scans, at, '*')) return at + 1;
    if (kind != TOKEN_IDENTIFIER && kind != TOKEN_QUOTED) return scans->n_tokens + 1;
    bool escapes = kind == TOKEN_QUOTED && text_of(scans, at).p[0] != '"';
    return escapes && scan_word(scans, at + 1, "uescape") ? at + 3 : at + 1;
}

size_t scan_name_end(const struct scans *scans, size_t at, int parts)
{
    size_t end = part_end(scans, at);
    for (int i = 1; i < parts && end <= scans->n_tokens; i++)
        end = scan_mark(scans, end, '.') ? part_end(scans, end + 1) : scans->n_tokens + 1;
    return end <= scans->n_tokens ? end : scans->n_tokens + 1;
}

size_t scan_closing(const struct scans *scans, size_t at)
{
    size_t depth = 0;
    for (; at < scans->n_tokens; at++) {
        if (scan_mark(scans, at, '(')) depth++;
        if (scan_mark(scans, at, ')') && --depth == 0) return at + 1;
    }
    return scans->n_tokens + 1;
}
