/* See look.h. Appending to `out` begins only where something is found that is masked. */
#include "mask/look.h"
#include "base/cursor.h"
#include "mask/look-nested.h"
#include "pgwire/typeout.h"
#include <stdio.h>

enum { NUMERIC_CEILING = 256 * 1024 };

/* ---- types, by what PostgreSQL's catalogue gives them as OIDs, which never change */

static bool is_among(const uint16_t *oids, size_t n, uint32_t type)
{
    for (size_t i = 0; i < n; i++)
        if (oids[i] == type) return true;
    return false;
}

#define IS_AMONG(type, ...)                                                                                  \
    is_among((const uint16_t[]){ __VA_ARGS__ }, sizeof(uint16_t[]){ __VA_ARGS__ } / sizeof(uint16_t), type)

/* bool, the short integers, floating point, money, times, networks, geometry, bits, UUIDs, the system's own
 * numbers; and arrays of them. */
static bool holds_none(uint32_t type)
{
    return IS_AMONG(type, 16, 21, 23, 26, 27, 28, 29, 600, 601, 602, 603, 604, 628, 650, 700, 701, 718, 774,
                    790, 829, 869, 1082, 1083, 1114, 1184, 1186, 1266, 1560, 1562, 2278, 2950, 3220, 5069) ||
           IS_AMONG(type, 629, 651, 719, 775, 791, 1000, 1005, 1007, 1010, 1011, 1012, 1017, 1018, 1019, 1020,
                    1021, 1022, 1027, 1028, 1040, 1041, 1115, 1182, 1183, 1185, 1187, 1270, 1561, 1563, 2951,
                    3221);
}

enum look_way look_way(uint32_t type, bool binary)
{
    enum {
        BYTEA = 17,
        INT8 = 20,
        JSON = 114,
        NUMERIC = 1700,
        INT8RANGE = 3926,
        NUMRANGE = 3906,
        JSONB = 3802
    };
    if (holds_none(type)) return LOOK_NOT;
    if (type == JSON) return LOOK_JSON;
    if (type == JSONB) return binary ? LOOK_JSONB : LOOK_JSON;
    if (type == BYTEA) return LOOK_BYTES;
    /* "char", name, text, xml, unknown, bpchar, varchar, refcursor, cstring */
    if (IS_AMONG(type, 18, 19, 25, 142, 705, 1042, 1043, 1790, 2275)) return LOOK_BYTES;
    if (binary)
        return type == INT8                            ? LOOK_INT8
               : type == NUMERIC                       ? LOOK_NUMERIC
               : type == INT8RANGE || type == NUMRANGE ? LOOK_RANGE
                                                       : LOOK_OPAQUE;
    /* Numbers, ranges of them, arrays of both, of json, jsonb and bytea. */
    if (IS_AMONG(type, INT8, NUMERIC, 1016, 1231, INT8RANGE, 3927, NUMRANGE, 3907, 4532, 4536, 199, 3807,
                 1001))
        return LOOK_WHOLE;
    return LOOK_BYTES;
}

/* ---- text */

static bool is_shown_as_star(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* Where the n-th character ends. */
static size_t characters(struct bytes text, size_t n)
{
    size_t at = 0;
    while (at < text.n && n > 0) {
        at++;
        while (at < text.n && (text.p[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

static size_t count_characters(struct bytes text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += (text.p[i] & 0xC0) != 0x80;
    return n;
}

static void put_partial(struct buf *out, const struct policy_mask *mask, struct bytes value)
{
    size_t n = count_characters(value);
    bool shown = n > (size_t)mask->first + mask->last;
    if (shown) buf_append(out, bytes_slice(value, 0, characters(value, mask->first)));
    buf_append_text(out, "***");
    if (shown) buf_append(out, bytes_slice(value, characters(value, n - mask->last), value.n));
}

static void put_masked(struct buf *out, const struct policy_mask *mask, struct bytes value)
{
    const uint8_t *sign = memchr(value.p, '@', value.n);
    switch (mask->kind) {
    case POLICY_MASK_CONSTANT: buf_append(out, mask->constant); return;
    case POLICY_MASK_PARTIAL: put_partial(out, mask, value); return;
    case POLICY_MASK_EMAIL:
        buf_append_text(out, "***");
        if (sign) buf_append(out, bytes_slice(value, (size_t)(sign - value.p), value.n));
        return;
    case POLICY_MASK_NONE:
    case POLICY_MASK_REPORT:
    case POLICY_MASK_DEFINITION:
    case POLICY_MASK_PHONE:
    case POLICY_MASK_RANGE:
    case POLICY_MASK_YEAR:
    case POLICY_MASK_REDACT:
    case POLICY_MASK_NULL: break;
    }
    for (size_t i = 0; i < value.n; i++)
        buf_put_u8(out, is_shown_as_star(value.p[i]) ? '*' : value.p[i]);
}

static unsigned index_of(uint32_t kind)
{
    return (unsigned)__builtin_ctz(kind);
}

static void count_reported(const struct look *l, struct bytes text)
{
    uint32_t kinds = l->rules->looked & ~l->rules->masked;
    if (!kinds) return;
    struct values_walk walk = values_begin(text, kinds);
    for (struct values_found f; (f = values_next(&walk)).kind;)
        l->tally->found[index_of(f.kind)]++;
}

static void cut_back(struct buf *out, size_t length)
{
    if (buf_length(out) > length) out->end = out->start + length;
}

/* What is masked by stars, and looks like a value only since its neighbours have become some. */
static void redact_again(const struct look *l, size_t from)
{
    uint32_t kinds = 0;
    for (unsigned v = 0; v < POLICY_N_VALUES; v++)
        if (l->rules->by[v].kind == POLICY_MASK_REDACT) kinds |= 1U << v;
    if (kinds && !l->out->failed)
        values_redact(l->out->data + l->out->start + from, buf_length(l->out) - from, kinds);
}

/* Where JSON is read: whether a place lies in a string. */
struct json_place {
    size_t at;
    bool in_string, escaped;
};

static bool is_in_string(struct json_place *j, struct bytes text, size_t to)
{
    for (; j->at < to; j->at++) {
        uint8_t c = text.p[j->at];
        if (j->escaped)
            j->escaped = false;
        else if (j->in_string && c == '\\')
            j->escaped = true;
        else if (c == '"')
            j->in_string = !j->in_string;
    }
    return j->in_string;
}

static bool is_of_number(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c && strchr("+-.eE", c));
}

/* A part of a text, from..to, in which no bytes stand as hexadecimal digits. The place in JSON is that of the
 * whole. Whether something is masked; *hidden_out: all of the value is to go. */
static bool look_part(const struct look *l, struct bytes text, size_t from, size_t to,
                      struct json_place *json, bool *hidden_out)
{
    struct bytes part = bytes_slice(text, from, to - from);
    size_t at = from, start = buf_length(l->out);
    if (!values_may_hold(part, l->rules->looked)) return false;
    count_reported(l, part);
    struct values_walk walk = values_begin(part, l->rules->masked);
    struct values_found f = values_next(&walk);
    bool found = f.kind != 0;
    for (; f.kind; f = values_next(&walk)) {
        const struct policy_mask *mask = &l->rules->by[index_of(f.kind)];
        size_t begins = from + f.at, ends = begins + f.n;
        struct bytes value = bytes_slice(text, begins, f.n);
        l->tally->found[index_of(f.kind)]++;
        *hidden_out |= mask->kind == POLICY_MASK_NULL && !l->never_null;
        if (begins < at) continue; /* it was a part of a number that is gone */
        bool bare = json && !is_in_string(json, text, begins);
        while (bare && begins > at && is_of_number(text.p[begins - 1]))
            begins--;
        while (bare && ends < to && is_of_number(text.p[ends]))
            ends++;
        if (begins > at) buf_append(l->out, bytes_slice(text, at, begins - at));
        if (bare)
            buf_append_text(l->out, "null");
        else
            put_masked(l->out, mask, value);
        at = ends;
    }
    if (found && to > at) buf_append(l->out, bytes_slice(text, at, to - at));
    if (found) redact_again(l, start);
    return found;
}

static int digit_of(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* How bytea stands in text: \x and two digits a byte. The next one at or behind `from` that can hold a value;
 * *end_out - *at_out is its length, digits and all. */
static bool next_hex(struct bytes text, size_t from, size_t *at_out, size_t *end_out)
{
    enum { LEAST = 2 + 2 * 5 };
    while (from < text.n) {
        const uint8_t *p = memchr(text.p + from, '\\', text.n - from);
        if (!p) return false;
        size_t at = (size_t)(p - text.p), end = at + 2;
        from = at + 1;
        if (at + 1 >= text.n || text.p[at + 1] != 'x') continue;
        while (end + 1 < text.n && digit_of(text.p[end]) >= 0 && digit_of(text.p[end + 1]) >= 0)
            end += 2;
        if (end - at < LEAST) continue;
        *at_out = at;
        *end_out = end;
        return true;
    }
    return false;
}

/* Digits, behind their \x. As look_part. */
static bool look_hex(const struct look *l, struct bytes digits, bool *hidden_out)
{
    static const char hex[] = "0123456789abcdef";
    struct buf raw, changed;
    struct look inner = *l;
    buf_init(&raw, digits.n);
    buf_init(&changed, 4 * digits.n);
    inner.out = &changed;
    for (size_t i = 0; i + 1 < digits.n; i += 2)
        buf_put_u8(&raw, (uint8_t)(digit_of(digits.p[i]) << 4 | digit_of(digits.p[i + 1])));
    size_t n = buf_length(&raw);
    bool found = look_part(&inner, buf_bytes(&raw), 0, n, NULL, hidden_out);
    struct bytes bytes = buf_bytes(&changed);
    for (size_t i = 0; found && i < bytes.n; i++) {
        buf_put_u8(l->out, (uint8_t)hex[bytes.p[i] >> 4]);
        buf_put_u8(l->out, (uint8_t)hex[bytes.p[i] & 15]);
    }
    if (raw.failed || changed.failed) l->out->failed = true;
    buf_free(&raw);
    buf_free(&changed);
    return found;
}

/* A text: its parts, and the bytes that stand in it as hexadecimal digits. */
static enum look_outcome look_text(const struct look *l, struct bytes text, bool json)
{
    size_t from = buf_length(l->out), at = 0, hex_at = 0, end = 0;
    struct json_place place = { 0 };
    bool hidden = false, any = false;
    if (!values_may_hold(text, l->rules->looked)) return LOOK_SAME;
    while (next_hex(text, end, &hex_at, &end)) {
        size_t digits = hex_at + 2;
        if (look_part(l, text, at, digits, json ? &place : NULL, &hidden))
            any = true;
        else
            buf_append(l->out, bytes_slice(text, at, digits - at));
        struct bytes run = bytes_slice(text, digits, end - digits);
        if (look_hex(l, run, &hidden))
            any = true;
        else
            buf_append(l->out, run);
        at = end;
    }
    if (look_part(l, text, at, text.n, json ? &place : NULL, &hidden))
        any = true;
    else if (any)
        buf_append(l->out, bytes_slice(text, at, text.n));
    if (any && !hidden) return LOOK_CHANGED;
    cut_back(l->out, from);
    return any ? LOOK_HIDDEN : LOOK_SAME;
}

/* Nothing can be put in its place: all of it goes. */
static enum look_outcome look_whole(const struct look *l, struct bytes text)
{
    size_t from = buf_length(l->out);
    enum look_outcome outcome = look_text(l, text, false);
    cut_back(l->out, from);
    return outcome == LOOK_SAME ? LOOK_SAME : LOOK_HIDDEN;
}

/* ---- what is no text */

static enum look_outcome look_int8(const struct look *l, struct bytes value)
{
    char text[24];
    struct cursor c = cursor_over(value);
    int n = snprintf(text, sizeof text, "%lld", (long long)cursor_u64(&c));
    return c.failed ? look_whole(l, value) : look_whole(l, bytes_make(text, (size_t)n));
}

static enum look_outcome look_numeric(const struct look *l, struct bytes value)
{
    enum { NUMERIC = 1700 };
    struct buf text;
    buf_init(&text, NUMERIC_CEILING);
    bool good = typeout_binary(NUMERIC, value, &text);
    enum look_outcome outcome = look_whole(l, good ? buf_bytes(&text) : value);
    buf_free(&text);
    return outcome;
}

/* Flags, and the bounds that there are, each behind its length. */
static enum look_outcome look_range(const struct look *l, struct bytes value)
{
    struct cursor c = cursor_over(value);
    cursor_u8(&c);
    while (cursor_left(&c) && !c.failed) {
        struct bytes bound = cursor_take(&c, cursor_u32(&c));
        enum look_outcome outcome = bound.n == 8 ? look_int8(l, bound) : look_numeric(l, bound);
        if (outcome != LOOK_SAME) return LOOK_HIDDEN;
        /* A numeric may be as long as a bigint is. */
        if (bound.n == 8 && look_numeric(l, bound) != LOOK_SAME) return LOOK_HIDDEN;
    }
    return LOOK_SAME;
}

static enum look_outcome look_jsonb(const struct look *l, struct bytes value)
{
    size_t from = buf_length(l->out);
    if (value.n == 0) return LOOK_SAME;
    buf_put_u8(l->out, value.p[0]);
    enum look_outcome outcome = look_text(l, bytes_slice(value, 1, value.n), true);
    if (outcome != LOOK_CHANGED) cut_back(l->out, from);
    return outcome;
}

enum look_outcome look_by_way(const struct look *l, enum look_way way, struct bytes value)
{
    switch (way) {
    case LOOK_OPAQUE: break;
    case LOOK_BYTES: return look_text(l, value, false);
    case LOOK_JSON: return look_text(l, value, true);
    case LOOK_JSONB: return look_jsonb(l, value);
    case LOOK_WHOLE: return look_whole(l, value);
    case LOOK_INT8: return look_int8(l, value);
    case LOOK_NUMERIC: return look_numeric(l, value);
    case LOOK_RANGE: return look_range(l, value);
    case LOOK_NOT: return LOOK_SAME;
    }
    enum look_outcome outcome;
    if (look_nested(l, value, &outcome)) return outcome;
    return look_whole(l, value);
}

enum look_outcome look_value(const struct policy_values *rules, enum look_way way, struct bytes value,
                             struct buf *out, struct look_tally *tally)
{
    struct look l = { .rules = rules, .out = out, .tally = tally };
    if (way == LOOK_NOT) return LOOK_SAME;
    if (value.n <= LOOK_CEILING) return look_by_way(&l, way, value);
    tally->unseen++;
    return rules->masked ? LOOK_HIDDEN : LOOK_SAME;
}

enum look_outcome look_words(const struct policy_values *rules, struct bytes words, struct buf *out,
                             struct look_tally *tally)
{
    struct look l = { .rules = rules, .out = out, .tally = tally, .never_null = true };
    return look_text(&l, words, false);
}
