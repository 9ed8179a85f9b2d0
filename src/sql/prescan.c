/* The pre-scan: stops texts that libpg_query should never see, since it would be slow on them (operator runs
 * and nested comments are quadratic in PostgreSQL's scanner, and cannot be interrupted), would see only a
 * part (NUL), or would read differently from the server (bytes that are no UTF-8; \v, which is white space
 * from PostgreSQL 17 on; 1_000 and 0x1F, which are one number from 16 on and a number with a name before 15).
 * What stands inside strings and quoted names is not looked at, NUL and UTF-8 excepted. */
#include "sql/prescan.h"

#include "sql/safe.h"
#include "sql/token.h"

enum {
    OPERATOR_CEILING = 63, /* NAMEDATALEN - 1: the server refuses longer ones too */
    COMMENT_DEPTH_CEILING = 8,
    /* "*" before a banner of dashes is a long run of operator characters, and harmless: PostgreSQL's scanner
     * reads it, and steps back to the comment. Many of them would cost. */
    RESCANNED_CEILING = 4096,
    /* So is a comment that begins such a run (a banner of stars, or comment upon comment): it is read up to
     * the run's end and stepped back from. Banners do that once; comments without anything between them, each
     * time. */
    COMMENTED_CEILING = 65536,
    COMMENTED_PER_BYTE = 4
};

static bool hostile(struct prescan *out, struct arena *arena, const char *what, size_t at)
{
    out->error = arena_printf(arena, "%s at byte %zu", what, at);
    out->full = !out->error.p;
    return false;
}

static size_t find_control(struct bytes b)
{
    size_t i = 0;
    while (i < b.n) {
        uint8_t c = b.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f) break;
        i++;
    }
    return i;
}

/* A number with a letter or underscore right behind it is one number to a newer server, or one number and a
 * name to an older one. Only what a newer one takes is stopped here: the grammar rejects the rest. */
static bool number_is_new(struct bytes text, const struct token *t, size_t end)
{
    if (end >= text.n) return false;
    uint8_t next = text.p[end], lower = next | 0x20;
    return next == '_' ||
           (t->text.n == 1 && t->text.p[0] == '0' && (lower == 'x' || lower == 'o' || lower == 'b'));
}

static bool speaks_of_secrets(struct bytes b)
{
    /* What every word and every URL that sql_redact looks for has in it. */
    static const char *const words[] = { "pass", "secret", "api_key", "access_token", "://" };
    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.p[i] | 0x20;
        if (c != 'p' && c != 's' && c != 'a' && c != ':') continue;
        for (size_t w = 0; w < sizeof(words) / sizeof(*words); w++)
            if (bytes_equal_nocase(bytes_slice(b, i, strlen(words[w])), bytes_of(words[w]))) return true;
    }
    return false;
}

/* A string may spell such a word with escapes, or in parts. */
static bool string_is_odd(const struct token *t)
{
    return t->escapes || memchr(t->content.p, '\n', t->content.n) || memchr(t->content.p, '\r', t->content.n);
}

struct rescans {
    size_t operators, comments;
    size_t run_end; /* how far the run of operator characters goes that was looked at last */
};

/* Each comment that begins here or within it, and how far the run of operator characters goes that it is in.
 * Comments come in order, so that each byte is looked at once. */
static void note_comments(struct bytes text, const struct token *t, struct rescans *rescans)
{
    size_t at = (size_t)(t->text.p - text.p), end = at + t->text.n;
    if (text.p[at] == '-') return;
    for (; at + 1 < end; at++) {
        if (text.p[at] != '/' || text.p[at + 1] != '*') continue;
        if (rescans->run_end < at) rescans->run_end = at;
        while (rescans->run_end < text.n && token_is_operator_character(text.p[rescans->run_end]))
            rescans->run_end++;
        rescans->comments += rescans->run_end - at;
        at++;
    }
}

static bool token_is_fine(struct bytes text, const struct token *t, struct prescan *out, struct arena *arena,
                          struct rescans *rescans)
{
    size_t at = (size_t)(t->text.p - text.p), control;
    switch (t->kind) {
    case TOKEN_OPERATOR:
        rescans->operators += t->run - t->text.n;
        if (t->text.n > OPERATOR_CEILING)
            return hostile(out, arena, "an operator of more than 63 characters", at);
        if (rescans->operators > RESCANNED_CEILING)
            return hostile(out, arena, "too many runs of operator characters", at);
        return true;
    case TOKEN_COMMENT:
        if (t->depth > COMMENT_DEPTH_CEILING)
            return hostile(out, arena, "comments nested more than 8 deep", at);
        note_comments(text, t, rescans);
        if (rescans->comments > COMMENTED_CEILING + COMMENTED_PER_BYTE * text.n)
            return hostile(out, arena, "too many comments that touch", at);
        control = find_control(t->text);
        if (control < t->text.n) return hostile(out, arena, "a control character", at + control);
        return true;
    case TOKEN_NUMBER:
    case TOKEN_PARAMETER:
        if (number_is_new(text, t, at + t->text.n))
            return hostile(out, arena, "a number that other server versions read differently", at);
        return true;
    case TOKEN_OTHER:
        if (find_control(t->text) == 0) return hostile(out, arena, "a control character", at);
        return true;
    case TOKEN_END:
    case TOKEN_SPACE:
    case TOKEN_IDENTIFIER:
    case TOKEN_QUOTED:
    case TOKEN_DOLLAR: return true;
    case TOKEN_STRING:
    case TOKEN_BITS:
        /* The server goes on with the string, in its escape mode; libpg_query starts a new one. */
        if (t->over_comment) return hostile(out, arena, "a string that goes on behind a comment", at);
        out->may_hold_secret |= t->content.n && string_is_odd(t);
        return true;
    }
    return true;
}

enum sql_outcome prescan_text(struct bytes text, struct arena *arena, struct prescan *out)
{
    *out = (struct prescan){ .may_hold_secret = true };
    struct rescans rescans = { 0 };
    size_t at = 0;
    if (text.n > SQL_TEXT_CEILING) {
        out->error = BYTES_LITERAL("the text is longer than 64 MiB");
        return SQL_HOSTILE;
    }
    if (!bytes_is_utf8(text)) {
        out->error = BYTES_LITERAL("the text is not UTF-8, or holds a NUL");
        return SQL_HOSTILE;
    }
    out->may_hold_secret = speaks_of_secrets(text);
    for (;;) {
        struct token t = token_at(text, at);
        if (t.kind == TOKEN_END) break;
        if (!token_is_fine(text, &t, out, arena, &rescans)) {
            out->may_hold_secret = true; /* nobody looked at the rest */
            return SQL_HOSTILE;
        }
        at += t.text.n;
    }
    return SQL_UNDERSTOOD;
}

enum sql_outcome sql_prescan(struct bytes text, struct arena *arena, struct bytes *error_out)
{
    struct prescan prescan;
    enum sql_outcome outcome = prescan_text(text, arena, &prescan);
    *error_out = prescan.error;
    return outcome;
}
