/* Password literals, cut out by token, also where the text does not parse. A string is a password where
 *   - the word before it (but for = or := or => or TO between them) is one that names a secret: PASSWORD '…',
 *     OPTIONS (user 'x', password '…'), SET password TO '…';
 *   - it is a connection string with a password in it: CONNECTION 'host=… password=…',
 * postgresql://user:…@host. What cannot be told by token stays: crypt('…', …), values for a column that holds
 * passwords, strings put together at run time. doc/understanding.md lists it. */
#include "sql/facts.h"
#include "sql/safe.h"
#include "sql/token.h"

static bool is_string(const struct token *t)
{
    return t->kind == TOKEN_STRING || t->kind == TOKEN_DOLLAR;
}

/* A word, or a quoted name, that names a secret. */
static bool names_secret(const struct token *t)
{
    static const char *const words[] = { "password",   "passwd",      "passphrase",  "passcode",
                                         "pgpassword", "sslpassword", "secret",      "client_secret",
                                         "secret_key", "api_key",     "access_token" };
    struct bytes word = t->kind == TOKEN_QUOTED ? t->content : t->text;
    if (t->kind != TOKEN_QUOTED && t->kind != TOKEN_IDENTIFIER) return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (bytes_equal_nocase(word, bytes_of(words[i]))) return true;
    return false;
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

/* scheme://user:password@host */
static bool holds_password_url(struct bytes b)
{
    ptrdiff_t start = bytes_find(b, BYTES_LITERAL("://"));
    if (start < 0) return false;
    bool colon = false;
    for (size_t i = (size_t)start + 3; i < b.n && b.p[i] != '/' && b.p[i] != ' '; i++) {
        if (b.p[i] == ':') colon = true;
        if (b.p[i] == '@') return colon;
    }
    return false;
}

static bool is_secret(const struct token *t, bool after_word, uint8_t *scratch)
{
    if (!is_string(t)) return false;
    if (after_word) return true;
    struct bytes plain = bytes_make(scratch, token_plain(t, scratch));
    return holds_password_key(plain) || holds_password_url(plain);
}

/* Between the word and its string, these may stand. */
static bool is_between(const struct token *t)
{
    if (t->kind == TOKEN_SPACE || t->kind == TOKEN_COMMENT) return true;
    if (t->kind == TOKEN_OPERATOR) return bytes_is(t->text, "=") || bytes_is(t->text, "=>");
    if (t->kind == TOKEN_OTHER) return t->text.p[0] == ':' || t->text.p[0] == '(';
    return token_is_word(t, "to");
}

struct redaction {
    struct bytes text;
    uint8_t *out, *scratch; /* out has room for the text and more; see below */
    size_t n_out;
    struct bytes *secrets;
    size_t n_secrets;
};

static void put(struct redaction *r, struct bytes b)
{
    if (b.n) memcpy(r->out + r->n_out, b.p, b.n);
    r->n_out += b.n;
}

/* Counts the secrets; writes, where there is room to write to. */
static void run(struct redaction *r, struct arena *arena, bool write)
{
    bool after_word = false;
    size_t at = 0, n = 0;
    for (;;) {
        struct token t = token_at(r->text, at);
        if (t.kind == TOKEN_END) break;
        at += t.text.n;
        bool secret = is_secret(&t, after_word, r->scratch);
        if (secret && write) {
            size_t length = token_plain(&t, r->scratch);
            r->secrets[n] = arena_copy(arena, bytes_make(r->scratch, length));
            put(r, BYTES_LITERAL("'***'"));
        } else if (write) {
            put(r, t.text);
        }
        n += secret;
        if (!is_between(&t)) after_word = names_secret(&t);
    }
    r->n_secrets = n;
}

struct bytes sql_redact(struct bytes text, struct arena *arena, struct bytes **secrets_out,
                        size_t *n_secrets_out)
{
    struct redaction r = { .text = text };
    *secrets_out = NULL;
    *n_secrets_out = 0;
    r.scratch = arena_alloc(arena, text.n + 1);
    if (!r.scratch) return (struct bytes){ 0 };
    run(&r, arena, false);
    if (r.n_secrets == 0) return arena_copy(arena, text);
    /* '***' is at most three bytes longer than the shortest literal, ''. */
    r.out = arena_alloc(arena, text.n + 3 * r.n_secrets + 1);
    r.secrets = ARENA_ARRAY(arena, struct bytes, r.n_secrets);
    if (!r.out || !r.secrets) return (struct bytes){ 0 };
    run(&r, arena, true);
    for (size_t i = 0; i < r.n_secrets; i++)
        if (!r.secrets[i].p) return (struct bytes){ 0 };
    *secrets_out = r.secrets;
    *n_secrets_out = r.n_secrets;
    return bytes_make(r.out, r.n_out);
}
