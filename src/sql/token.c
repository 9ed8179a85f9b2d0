/* SQL text, token by token; see token.h. */
#include "sql/token.h"

#include "sql/safe.h"

/* What a byte may be in PostgreSQL's scanner; looked up, since every byte of every text is asked about. */
enum { SPACE = 1, WORD_START = 2, DIGIT = 4, WORD = 8, OPERATOR = 16, STANDARD = 32 };
#define START             (WORD_START | WORD)
#define STANDARD_OPERATOR (OPERATOR | STANDARD) /* the characters of standard SQL's operators */
static const uint8_t classes[256] = {
    [' '] = SPACE,
    ['\t'] = SPACE,
    ['\n'] = SPACE,
    ['\r'] = SPACE,
    ['\f'] = SPACE,
    ['a' ... 'z'] = START,
    ['A' ... 'Z'] = START,
    ['_'] = START,
    [0x80 ... 0xff] = START,
    ['0' ... '9'] = DIGIT | WORD,
    ['$'] = WORD,
    ['~'] = OPERATOR,
    ['!'] = OPERATOR,
    ['@'] = OPERATOR,
    ['#'] = OPERATOR,
    ['^'] = OPERATOR,
    ['&'] = OPERATOR,
    ['|'] = OPERATOR,
    ['`'] = OPERATOR,
    ['?'] = OPERATOR,
    ['%'] = OPERATOR,
    ['+'] = STANDARD_OPERATOR,
    ['-'] = STANDARD_OPERATOR,
    ['*'] = STANDARD_OPERATOR,
    ['/'] = STANDARD_OPERATOR,
    ['<'] = STANDARD_OPERATOR,
    ['>'] = STANDARD_OPERATOR,
    ['='] = STANDARD_OPERATOR,
};

static bool is_space(uint8_t c)
{
    return classes[c] & SPACE;
}
static bool is_word_start(uint8_t c)
{
    return classes[c] & WORD_START;
}
static bool is_digit(uint8_t c)
{
    return classes[c] & DIGIT;
}
static bool is_word(uint8_t c)
{
    return classes[c] & WORD;
}
static bool is_operator(uint8_t c)
{
    return classes[c] & OPERATOR;
}
static bool is_standard_operator(uint8_t c)
{
    return classes[c] & STANDARD;
}
/* The byte at i, or 0 behind the end: no text that passes the pre-scan holds a NUL. */
static uint8_t peek(struct bytes b, size_t i)
{
    return i < b.n ? b.p[i] : 0;
}

static size_t line_comment_end(struct bytes b, size_t i)
{
    while (i < b.n && b.p[i] != '\n' && b.p[i] != '\r')
        i++;
    return i;
}

/* Behind the comment that starts at i; block comments nest. */
static size_t comment_end(struct bytes b, size_t i, struct token *t)
{
    if (b.p[i] == '-') {
        size_t end = line_comment_end(b, i);
        t->content = bytes_slice(b, i + 2, end - i - 2);
        return end;
    }
    size_t start = i + 2, depth = 1;
    t->depth = 1;
    for (i += 2; i < b.n; i++) {
        if (b.p[i] == '*' && peek(b, i + 1) == '/') {
            i++;
            if (--depth == 0) {
                t->content = bytes_slice(b, start, i - 1 - start);
                return i + 1;
            }
        } else if (b.p[i] == '/' && peek(b, i + 1) == '*') {
            i++;
            if (++depth > t->depth) t->depth = depth;
        }
    }
    t->unterminated = true;
    t->content = bytes_slice(b, start, b.n);
    return b.n;
}

/* A string goes on behind white space that holds a line end (and perhaps comments of the -- kind): where its
 * next part's opening quote stands, or 0. */
static size_t continuation(struct bytes b, size_t i, bool *over_comment_out)
{
    bool line_end = false, comment = false;
    while (i < b.n) {
        if (b.p[i] == '\n' || b.p[i] == '\r') {
            line_end = true;
            i++;
        } else if (is_space(b.p[i])) {
            i++;
        } else if (b.p[i] == '-' && peek(b, i + 1) == '-') {
            i = line_comment_end(b, i);
            comment = true;
        } else {
            if (b.p[i] != '\'' || !line_end) return 0;
            *over_comment_out |= comment;
            return i;
        }
    }
    return 0;
}

/* Behind what is quoted from `open` (the place of its opening quote) on. */
static size_t quoted_end(struct bytes b, size_t open, uint8_t quote, struct token *t)
{
    size_t i = open + 1;
    while (i < b.n) {
        if (b.p[i] == '\\' && t->escapes) {
            i += 2;
        } else if (b.p[i] != quote) {
            i++;
        } else if (peek(b, i + 1) == quote) {
            i += 2;
        } else {
            size_t more = quote == '\'' ? continuation(b, i + 1, &t->over_comment) : 0;
            if (!more) {
                t->content = bytes_slice(b, open + 1, i - open - 1);
                return i + 1;
            }
            i = more + 1;
        }
    }
    t->unterminated = true;
    t->content = bytes_slice(b, open + 1, b.n);
    return b.n;
}

/* The length of a dollar quote's delimiter at i ("$$", "$tag$"), or 0. */
static size_t dollar_delimiter(struct bytes b, size_t i)
{
    size_t n = i + 1;
    if (n < b.n && is_word_start(b.p[n]))
        while (n < b.n && is_word(b.p[n]) && b.p[n] != '$')
            n++;
    return peek(b, n) == '$' ? n + 1 - i : 0;
}

static size_t dollar_end(struct bytes b, size_t i, size_t n_delimiter, struct token *t)
{
    struct bytes delimiter = bytes_slice(b, i, n_delimiter);
    size_t start = i + n_delimiter;
    for (size_t at = start; at + n_delimiter <= b.n; at++) {
        const uint8_t *dollar = memchr(b.p + at, '$', b.n - at);
        if (!dollar) break;
        at = (size_t)(dollar - b.p);
        if (bytes_equal(bytes_slice(b, at, n_delimiter), delimiter)) {
            t->content = bytes_slice(b, start, at - start);
            return at + n_delimiter;
        }
    }
    t->unterminated = true;
    t->content = bytes_slice(b, start, b.n);
    return b.n;
}

static size_t number_end(struct bytes b, size_t i)
{
    while (is_digit(peek(b, i)))
        i++;
    /* "1..10" is a number and two dots. */
    if (peek(b, i) == '.' && peek(b, i + 1) != '.') {
        i++;
        while (is_digit(peek(b, i)))
            i++;
    }
    if ((peek(b, i) | 0x20) == 'e') {
        size_t e = i + 1;
        if (peek(b, e) == '+' || peek(b, e) == '-') e++;
        if (is_digit(peek(b, e))) {
            while (is_digit(peek(b, e)))
                e++;
            i = e;
        }
    }
    return i;
}

/* An operator ends where a comment starts; and of a run that ends in + or -, those are cut off unless the run
 * holds one of ~ ! @ # ^ & | ` ? %. No more of a run is looked at than makes it too long for an operator, so
 * that a text of nothing else is still read in linear time. */
enum { OPERATOR_LOOK = 66 };

static size_t operator_end(struct bytes b, size_t start, struct token *t)
{
    size_t end = start;
    while (end < b.n && end - start < OPERATOR_LOOK && is_operator(b.p[end]))
        end++;
    t->run = end - start;
    bool special = false;
    for (size_t i = start; i < end; i++) {
        if (i + 1 < end && ((b.p[i] == '/' && b.p[i + 1] == '*') || (b.p[i] == '-' && b.p[i + 1] == '-'))) {
            end = i;
            break;
        }
        if (!is_standard_operator(b.p[i])) special = true;
    }
    if (!special)
        while (end > start + 1 && (b.p[end - 1] == '+' || b.p[end - 1] == '-'))
            end--;
    return end;
}

/* A word, or a string or quoted name that starts with a letter: E'…', U&"…". */
static size_t word_end(struct bytes b, size_t i, struct token *t)
{
    uint8_t c = b.p[i] | 0x20;
    bool unicode = c == 'u' && peek(b, i + 1) == '&';
    size_t open = i + (unicode ? 2 : 1);
    if (peek(b, open) == '\'' && (unicode || c == 'e' || c == 'n' || c == 'b' || c == 'x')) {
        t->kind = c == 'b' || c == 'x' ? TOKEN_BITS : TOKEN_STRING;
        t->escapes = c == 'e';
        return quoted_end(b, open, '\'', t);
    }
    if (unicode && peek(b, open) == '"') {
        t->kind = TOKEN_QUOTED;
        return quoted_end(b, open, '"', t);
    }
    t->kind = TOKEN_IDENTIFIER;
    while (i < b.n && is_word(b.p[i]))
        i++;
    return i;
}

static size_t dollar_token_end(struct bytes b, size_t at, struct token *t)
{
    size_t end = at + 1;
    if (is_digit(peek(b, end))) {
        t->kind = TOKEN_PARAMETER;
        while (is_digit(peek(b, end)))
            end++;
        return end;
    }
    size_t n_delimiter = dollar_delimiter(b, at);
    if (!n_delimiter) return end;
    t->kind = TOKEN_DOLLAR;
    return dollar_end(b, at, n_delimiter, t);
}

struct token token_at(struct bytes b, size_t at)
{
    struct token t = { .kind = TOKEN_OTHER };
    if (at >= b.n) return (struct token){ .kind = TOKEN_END, .text = bytes_slice(b, b.n, 0) };
    uint8_t c = b.p[at];
    size_t end = at + 1;
    if (is_space(c)) {
        t.kind = TOKEN_SPACE;
        while (end < b.n && is_space(b.p[end]))
            end++;
    } else if ((c == '-' && peek(b, end) == '-') || (c == '/' && peek(b, end) == '*')) {
        t.kind = TOKEN_COMMENT;
        end = comment_end(b, at, &t);
    } else if (is_word_start(c)) {
        end = word_end(b, at, &t);
    } else if (c == '\'' || c == '"') {
        t.kind = c == '"' ? TOKEN_QUOTED : TOKEN_STRING;
        end = quoted_end(b, at, c, &t);
    } else if (c == '$') {
        end = dollar_token_end(b, at, &t);
    } else if (is_digit(c) || (c == '.' && is_digit(peek(b, end)))) {
        t.kind = TOKEN_NUMBER;
        end = number_end(b, at);
    } else if (is_operator(c)) {
        t.kind = TOKEN_OPERATOR;
        end = operator_end(b, at, &t);
    }
    t.text = bytes_slice(b, at, end - at);
    return t;
}

struct token token_next(struct bytes b, size_t *at)
{
    struct token t;
    do {
        t = token_at(b, *at);
        *at += t.text.n;
    } while (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT);
    return t;
}

static size_t escape(struct bytes b, size_t i, uint8_t *out)
{
    static const char letters[] = "bfnrt", values[] = "\b\f\n\r\t";
    const char *letter = b.p[i] ? strchr(letters, b.p[i]) : NULL;
    *out = letter ? (uint8_t)values[letter - letters] : b.p[i];
    return i + 1;
}

size_t token_plain(const struct token *t, uint8_t *out)
{
    struct bytes b = t->content;
    size_t n = 0, i = 0;
    if (t->kind != TOKEN_STRING) {
        if (b.n) memcpy(out, b.p, b.n);
        return b.n;
    }
    while (i < b.n) {
        if (b.p[i] == '\\' && t->escapes && i + 1 < b.n) {
            i = escape(b, i + 1, out + n++);
        } else if (b.p[i] != '\'') {
            out[n++] = b.p[i++];
        } else if (peek(b, i + 1) == '\'') {
            out[n++] = '\'';
            i += 2;
        } else { /* the string goes on behind a line end */
            bool over_comment = false;
            size_t more = continuation(b, i + 1, &over_comment);
            i = more ? more + 1 : b.n;
        }
    }
    return n;
}

bool token_is_operator_character(uint8_t c)
{
    return is_operator(c);
}
