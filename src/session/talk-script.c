/* Lines, words, quotation marks and blocks. */
#include "session/talk-script.h"
#include "base/buf.h"
#include "policy/glob.h"
#include <stdio.h>
#include <stdlib.h>

enum { SCRIPT_CEILING = 1 << 20, WORDS_CEILING = 2048, WORD_CEILING = 32 << 20 };

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* \n \t \r \0 \xHH, and any other character as it is. */
static bool unescape(struct bytes text, size_t *at, struct buf *out, bool *literal)
{
    if (++*at >= text.n) return false;
    uint8_t c = text.p[(*at)++];
    static const char from[] = "ntr0", to[] = "\n\t\r";
    const char *known = memchr(from, c, 4);
    if (known) {
        buf_put_u8(out, (uint8_t)to[known - from]);
    } else if (c == 'x') {
        if (*at + 2 > text.n || hex_digit(text.p[*at]) < 0 || hex_digit(text.p[*at + 1]) < 0) return false;
        buf_put_u8(out, (uint8_t)(hex_digit(text.p[*at]) * 16 + hex_digit(text.p[*at + 1])));
        *at += 2;
    } else {
        *literal |= c == '*' || c == '?';
        buf_put_u8(out, c);
    }
    return true;
}

/* "…"*N: the part since `from`, N times. */
static bool repeat(struct bytes text, size_t *at, struct buf *out, size_t from)
{
    size_t digits = *at + 1, n = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        n = n * 10 + (size_t)(text.p[digits++] - '0');
    if (digits == *at + 1) return true; /* a star of a pattern */
    size_t length = buf_length(out) - from;
    if (n == 0 || n * length > WORD_CEILING) return false;
    uint8_t *room = buf_room(out, length * (n - 1) + 1);
    if (!room) return false;
    for (size_t i = 0; i + 1 < n; i++)
        memcpy(room + i * length, buf_bytes(out).p + from, length);
    buf_added(out, length * (n - 1));
    *at = digits;
    return true;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool split_word(struct bytes text, size_t *at, struct buf *out, struct talk_word *word)
{
    *word = (struct talk_word){ .quoted = text.p[*at] == '"' };
    while (*at < text.n && !is_space(text.p[*at])) {
        if (text.p[*at] != '"') {
            if (text.p[*at] == '\\') {
                if (!unescape(text, at, out, &word->literal)) return false;
            } else {
                buf_put_u8(out, text.p[(*at)++]);
            }
            continue;
        }
        size_t from = buf_length(out);
        for (++*at; *at < text.n && text.p[*at] != '"';)
            if (text.p[*at] != '\\')
                buf_put_u8(out, text.p[(*at)++]);
            else if (!unescape(text, at, out, &word->literal))
                return false;
        if (*at == text.n) return false;
        ++*at;
        if (*at < text.n && text.p[*at] == '*' && !repeat(text, at, out, from)) return false;
    }
    return !out->failed;
}

bool talk_line_split(struct bytes text, unsigned number, struct arena *arena, struct talk_line *out)
{
    struct talk_word words[64], *more = words;
    size_t n = 0, room = 64;
    bool good = true;
    *out = (struct talk_line){ .number = number };
    for (size_t at = 0; good;) {
        while (at < text.n && is_space(text.p[at]))
            at++;
        if (at == text.n || text.p[at] == '#') break;
        if (n == room) {
            struct talk_word *wider = ARENA_ARRAY(arena, struct talk_word, room * 2);
            if (!wider || n >= WORDS_CEILING) return false;
            memcpy(wider, more, n * sizeof *more);
            more = wider;
            room *= 2;
        }
        struct buf word;
        buf_init(&word, WORD_CEILING);
        good = split_word(text, &at, &word, &more[n]);
        more[n].text = arena_copy(arena, buf_bytes(&word));
        good = good && more[n++].text.p;
        buf_free(&word);
    }
    out->words = ARENA_ARRAY(arena, struct talk_word, n + 1);
    if (!out->words) return false;
    if (n) memcpy(out->words, more, n * sizeof *more);
    out->n = n;
    return good;
}

static bool next_line(struct bytes *rest, struct bytes *line)
{
    if (rest->n == 0) return false;
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    *line = bytes_slice(*rest, 0, n);
    *rest = bytes_slice(*rest, n + 1, rest->n);
    return true;
}

/* The raw lines up to one that is a closing brace alone. */
static bool take_block(struct bytes *rest, unsigned *number, struct talk_line *out)
{
    struct bytes line, start = *rest;
    out->block_line = *number + 1;
    while (next_line(rest, &line)) {
        ++*number;
        if (bytes_is(line, "}")) {
            out->block = bytes_make(start.p, (size_t)(line.p - start.p));
            return true;
        }
    }
    return false;
}

static bool split_all(struct bytes text, struct arena *arena, struct talk_script *out, unsigned *number)
{
    struct bytes line;
    size_t room = 0;
    for (*number = 0; next_line(&text, &line);) {
        struct talk_line split;
        ++*number;
        if (*number == 1 && bytes_starts_with(line, "# ")) out->title = bytes_slice(line, 2, line.n);
        if (!talk_line_split(line, *number, arena, &split)) return false;
        if (split.n == 0) continue;
        if (talk_word_is(&split.words[split.n - 1], "{")) {
            split.n--;
            if (!take_block(&text, number, &split)) return false;
        }
        if (out->n == room) {
            struct talk_line *wider = ARENA_ARRAY(arena, struct talk_line, room ? room * 2 : 64);
            if (!wider) return false;
            if (room) memcpy(wider, out->lines, out->n * sizeof *wider);
            out->lines = wider;
            room = room ? room * 2 : 64;
        }
        out->lines[out->n++] = split;
    }
    return true;
}

bool talk_script_load(const char *path, struct arena *arena, struct talk_script *out)
{
    *out = (struct talk_script){ .path = path };
    FILE *file = fopen(path, "re");
    char *text = arena_alloc(arena, SCRIPT_CEILING);
    size_t n = file && text ? fread(text, 1, SCRIPT_CEILING, file) : 0;
    unsigned number = 0;
    if (file) fclose(file);
    bool good = n > 0 && n < SCRIPT_CEILING && split_all(bytes_make(text, n), arena, out, &number);
    if (!good) printf("%s:%u: cannot be read\n", path, number);
    return good;
}

bool talk_word_matches(const struct talk_word *expected, struct bytes actual)
{
    return expected->literal ? bytes_equal(expected->text, actual) : policy_glob(expected->text, actual);
}
