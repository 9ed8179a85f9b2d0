/* Password literals, cut out by token, also where the text does not parse. A string is a password where
 *   - the word before it (but for = or := or => or TO between them) is one that names a secret: PASSWORD '…',
 *     OPTIONS (user 'x', password '…'), SET password TO '…';
 *   - it is a connection string with a password in it: CONNECTION 'host=… password=…', or a URL with one;
 *   - it is code that holds one (a DO block in dollar quotes keeps the rest of it).
 * A comment that holds one is cut as a whole. What cannot be told by token stays: crypt('…', …), values for a
 * column that holds passwords, strings put together at run time; doc/understanding.md lists it. */
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

static bool is_string(const struct token *t)
{
    return t->kind == TOKEN_STRING || t->kind == TOKEN_DOLLAR;
}

static bool is_secret_word(struct bytes word)
{
    static const char *const words[] = { "password",   "passwd",      "passphrase",  "passcode",
                                         "pgpassword", "sslpassword", "secret",      "client_secret",
                                         "secret_key", "api_key",     "access_token" };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (bytes_equal_nocase(word, bytes_of(words[i]))) return true;
    return false;
}

/* A word, or a quoted name, that names a secret. */
static bool names_secret(const struct token *t)
{
    if (t->kind == TOKEN_QUOTED) return is_secret_word(t->content);
    return t->kind == TOKEN_IDENTIFIER && is_secret_word(t->text);
}

/* "password", "sslpassword", and "passfile" is none; then an equals sign. */
static bool holds_password_key(struct bytes b)
{
    struct bytes key = BYTES_LITERAL("password");
    for (size_t i = 0; i + key.n < b.n; i++) {
        if ((b.p[i] | 0x20) != 'p' || !bytes_equal_nocase(bytes_slice(b, i, key.n), key)) continue;
        size_t end = i + key.n;
        while (end < b.n && (b.p[end] == ' ' || b.p[end] == '\t' || b.p[end] == '\n'))
            end++;
        if (end < b.n && b.p[end] == '=') return true;
    }
    return false;
}

/* scheme://user:password@host, anywhere in it. */
static bool holds_password_url(struct bytes b)
{
    ptrdiff_t start;
    while ((start = bytes_find(b, BYTES_LITERAL("://"))) >= 0) {
        bool colon = false;
        size_t i = (size_t)start + 3;
        for (; i < b.n && b.p[i] != '/' && b.p[i] != ' '; i++) {
            if (b.p[i] == ':') colon = true;
            if (b.p[i] == '@' && colon) return true;
        }
        b = bytes_slice(b, (size_t)start + 3, b.n);
    }
    return false;
}

/* Between the word and its string, these may stand. */
static bool is_between(const struct token *t)
{
    if (t->kind == TOKEN_SPACE || t->kind == TOKEN_COMMENT) return true;
    if (t->kind == TOKEN_OPERATOR) return bytes_is(t->text, "=") || bytes_is(t->text, "=>");
    if (t->kind == TOKEN_OTHER) return t->text.p[0] == ':' || t->text.p[0] == '(';
    return token_is_word(t, "to");
}

static bool is_word_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_separator(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '=' || c == ':' || c == '>' || c == '(' ||
           c == '"' || c == '&';
}

/* Whether a string starts here, behind separators, TO and a prefix like E or U&. */
static bool quote_follows(struct bytes b)
{
    size_t i = 0, letters = 0;
    while (i < b.n && (is_separator(b.p[i]) || (is_word_byte(b.p[i]) && letters < 3)))
        letters += is_word_byte(b.p[i++]);
    return i < b.n && (b.p[i] == '\'' || b.p[i] == '$');
}

/* A comment is prose: an apostrophe in it opens nothing, so that tokens are no guide. A word that names a
 * secret and a quote soon behind it are enough. */
static bool comment_holds_secret(struct bytes b)
{
    if (holds_password_key(b) || holds_password_url(b)) return true;
    for (size_t i = 0; i < b.n;) {
        size_t start = i;
        while (i < b.n && is_word_byte(b.p[i]))
            i++;
        if (i == start) {
            i++;
            continue;
        }
        if (is_secret_word(bytes_slice(b, start, i - start)) && quote_follows(bytes_slice(b, i, b.n)))
            return true;
    }
    return false;
}

struct redaction {
    struct arena *arena;
    uint8_t *out; /* NULL: only counting */
    size_t n_out;
    struct bytes *secrets;
    size_t n_secrets;
    uint8_t last; /* the byte that was put last */
    bool after_secret, full;
    bool same_length; /* sql_mask: everything stays where it is */
};

/* Code within code: DO with PASSWORD in its body, EXECUTE with it in a string, and comments. */
enum { NESTING_CEILING = 4 };

static void put_bytes(struct redaction *r, struct bytes b)
{
    if (b.n == 0) return;
    if (r->out) memcpy(r->out + r->n_out, b.p, b.n);
    r->n_out += b.n;
    r->last = b.p[b.n - 1];
}

/* A quote next to the quote of a '***' would be a doubled one. */
static void put(struct redaction *r, struct bytes b, bool secret)
{
    if (b.n == 0) return;
    if (!r->same_length && (secret || r->after_secret) && r->last == '\'' && b.p[0] == '\'')
        put_bytes(r, BYTES_LITERAL(" "));
    put_bytes(r, b);
    r->after_secret = secret;
}

static void note_secret(struct redaction *r, struct bytes plain)
{
    if (r->out) {
        struct bytes copy = arena_copy(r->arena, plain);
        if (!copy.p) r->full = true;
        r->secrets[r->n_secrets] = copy;
    }
    r->n_secrets++;
}

/* The token with as many stars as it has content: a string, a dollar quote or a comment of the same kind. */
static void put_masked(struct redaction *r, const struct token *t)
{
    size_t before = (size_t)(t->content.p - t->text.p);
    put_bytes(r, bytes_slice(t->text, 0, before));
    if (r->out) memset(r->out + r->n_out, '*', t->content.n);
    r->n_out += t->content.n;
    put_bytes(r, bytes_slice(t->text, before + t->content.n, t->text.n));
}

static void put_secret(struct redaction *r, const struct token *t, struct bytes plain)
{
    note_secret(r, plain);
    if (r->same_length)
        put_masked(r, t);
    else
        put(r, BYTES_LITERAL("'***'"), true);
}

static void redact_run(struct redaction *r, struct bytes text, uint8_t *scratch, int nesting);

/* Whether SQL in a string holds a secret; too deep to tell is yes. */
static bool holds_nested_secret(const struct redaction *r, struct bytes plain, uint8_t *scratch, int nesting)
{
    if (bytes_find(plain, BYTES_LITERAL("'")) < 0 && bytes_find(plain, BYTES_LITERAL("$")) < 0) return false;
    if (nesting + 1 >= NESTING_CEILING) return true;
    struct redaction counting = { .arena = r->arena };
    redact_run(&counting, plain, scratch, nesting + 1);
    return counting.n_secrets > 0;
}

static void note_and_fill(struct redaction *r, struct bytes content)
{
    note_secret(r, content);
    if (r->out) memset(r->out + r->n_out, '*', content.n);
    r->n_out += content.n;
}

/* A dollar quote that is no secret itself keeps its delimiters. */
static void redact_inside(struct redaction *r, const struct token *t, uint8_t *scratch, int nesting)
{
    size_t before = (size_t)(t->content.p - t->text.p);
    put(r, bytes_slice(t->text, 0, before), false);
    if (nesting + 1 < NESTING_CEILING)
        redact_run(r, t->content, scratch, nesting + 1);
    else if (r->same_length)
        note_and_fill(r, t->content);
    else
        put_secret(r, t, t->content);
    put(r, bytes_slice(t->text, before + t->content.n, t->text.n), false);
}

static void redact_token(struct redaction *r, const struct token *t, bool after_word, uint8_t *scratch,
                         int nesting)
{
    if (t->kind == TOKEN_COMMENT && comment_holds_secret(t->content)) {
        note_secret(r, t->content);
        if (r->same_length)
            put_masked(r, t);
        else
            put(r, t->text.p[0] == '-' ? BYTES_LITERAL("--***") : BYTES_LITERAL("/****/"), false);
        return;
    }
    if (!is_string(t)) {
        put(r, t->text, false);
        return;
    }
    struct bytes plain = bytes_make(scratch, token_plain(t, scratch));
    uint8_t *below = scratch + plain.n;
    if (after_word || holds_password_key(plain) || holds_password_url(plain))
        put_secret(r, t, plain);
    else if (t->kind == TOKEN_DOLLAR)
        redact_inside(r, t, below, nesting);
    else if (holds_nested_secret(r, plain, below, nesting))
        put_secret(r, t, plain);
    else
        put(r, t->text, false);
}

static void redact_run(struct redaction *r, struct bytes text, uint8_t *scratch, int nesting)
{
    bool after_word = false;
    size_t at = 0;
    for (;;) {
        struct token t = token_at(text, at);
        if (t.kind == TOKEN_END) return;
        at += t.text.n;
        redact_token(r, &t, after_word, scratch, nesting);
        if (!is_between(&t)) after_word = names_secret(&t);
    }
}

static struct bytes redact(struct bytes text, struct arena *arena, bool same_length,
                           struct bytes **secrets_out, size_t *n_secrets_out)
{
    struct redaction r = { .arena = arena, .same_length = same_length };
    *secrets_out = NULL;
    *n_secrets_out = 0;
    /* Each level of nesting is no longer than the one around it. */
    uint8_t *scratch = arena_alloc(arena, NESTING_CEILING * text.n + 1);
    if (!scratch) return (struct bytes){ 0 };
    redact_run(&r, text, scratch, 0);
    if (r.n_secrets == 0) return arena_copy(arena, text);
    r.out = arena_alloc(arena, r.n_out + 1);
    r.secrets = ARENA_ARRAY(arena, struct bytes, r.n_secrets);
    if (!r.out || !r.secrets) return (struct bytes){ 0 };
    r.n_out = r.n_secrets = 0;
    r.last = 0;
    r.after_secret = false;
    redact_run(&r, text, scratch, 0);
    if (r.full) return (struct bytes){ 0 };
    *secrets_out = r.secrets;
    *n_secrets_out = r.n_secrets;
    return bytes_make(r.out, r.n_out);
}

struct bytes sql_redact(struct bytes text, struct arena *arena, struct bytes **secrets_out,
                        size_t *n_secrets_out)
{
    return redact(text, arena, false, secrets_out, n_secrets_out);
}

struct bytes sql_mask(struct bytes text, struct arena *arena)
{
    struct bytes *secrets;
    size_t n;
    return redact(text, arena, true, &secrets, &n);
}

bool sql_may_hold_secret(struct bytes text)
{
    /* A part of each word that names a secret, and what a URL with a password has. */
    static const char *const marks[] = { "pass", "secret", "_key", "_token", "://" };
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i] | 0x20;
        if (c != 'p' && c != 's' && c != ('_' | 0x20) && c != ':') continue;
        for (size_t k = 0; k < sizeof marks / sizeof *marks; k++)
            if (bytes_equal_nocase(bytes_slice(text, i, strlen(marks[k])), bytes_of(marks[k]))) return true;
    }
    return false;
}
