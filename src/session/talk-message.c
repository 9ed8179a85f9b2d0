/* A table of messages: name, side, type byte, and a letter for each part of the body:
 *   z string   i u32   h u16   b one character   r the rest   k the rest, hexadecimal   v a list of values
 *   o a list of u32   x a list of format codes, left out where it is empty   c columns   e fields of a report
 *   n a value with a length, or NULL   w byte and list of format codes of a COPY   y a list of strings (u32)
 */
#include "session/talk-message.h"
#include "base/cursor.h"
#include <stdlib.h>

static const struct form {
    const char *name;
    enum talk_side from;
    uint8_t type;
    const char *parts;
} forms[] = {
    { "Query", TALK_CLIENT, 'Q', "z" },
    { "Parse", TALK_CLIENT, 'P', "zzo" },
    { "Bind", TALK_CLIENT, 'B', "zzxvx" },
    { "Describe", TALK_CLIENT, 'D', "bz" },
    { "Execute", TALK_CLIENT, 'E', "zi" },
    { "Close", TALK_CLIENT, 'C', "bz" },
    { "Sync", TALK_CLIENT, 'S', "" },
    { "Flush", TALK_CLIENT, 'H', "" },
    { "Terminate", TALK_CLIENT, 'X', "" },
    { "CopyData", TALK_CLIENT, 'd', "r" },
    { "CopyDone", TALK_CLIENT, 'c', "" },
    { "CopyFail", TALK_CLIENT, 'f', "z" },
    { "FunctionCall", TALK_CLIENT, 'F', "ixvh" },
    { "Password", TALK_CLIENT, 'p', "z" },
    { "SASLInitialResponse", TALK_CLIENT, 'p', "zn" },
    { "SASLResponse", TALK_CLIENT, 'p', "r" },
    { "Authentication", TALK_SERVER, 'R', "ir" },
    { "BackendKeyData", TALK_SERVER, 'K', "ik" },
    { "ParameterStatus", TALK_SERVER, 'S', "zz" },
    { "ReadyForQuery", TALK_SERVER, 'Z', "b" },
    { "RowDescription", TALK_SERVER, 'T', "c" },
    { "DataRow", TALK_SERVER, 'D', "v" },
    { "CommandComplete", TALK_SERVER, 'C', "z" },
    { "EmptyQueryResponse", TALK_SERVER, 'I', "" },
    { "PortalSuspended", TALK_SERVER, 's', "" },
    { "ParseComplete", TALK_SERVER, '1', "" },
    { "BindComplete", TALK_SERVER, '2', "" },
    { "CloseComplete", TALK_SERVER, '3', "" },
    { "NoData", TALK_SERVER, 'n', "" },
    { "ParameterDescription", TALK_SERVER, 't', "o" },
    { "ErrorResponse", TALK_SERVER, 'E', "e" },
    { "NoticeResponse", TALK_SERVER, 'N', "e" },
    { "NotificationResponse", TALK_SERVER, 'A', "izz" },
    { "CopyInResponse", TALK_SERVER, 'G', "w" },
    { "CopyOutResponse", TALK_SERVER, 'H', "w" },
    { "CopyBothResponse", TALK_SERVER, 'W', "w" },
    { "CopyData", TALK_SERVER, 'd', "r" },
    { "CopyDone", TALK_SERVER, 'c', "" },
    { "FunctionCallResponse", TALK_SERVER, 'V', "n" },
    { "NegotiateProtocolVersion", TALK_SERVER, 'v', "iy" },
};
enum { N_FORMS = sizeof forms / sizeof *forms, CODE_CANCEL = 80877102, CODE_SSL, CODE_GSSENC };

static const struct {
    const char *name;
    uint32_t oid;
} types[] = { { "bool", 16 },      { "bytea", 17 },        { "int8", 20 },   { "int2", 21 },
              { "int4", 23 },      { "text", 25 },         { "oid", 26 },    { "json", 114 },
              { "float8", 701 },   { "varchar", 1043 },    { "date", 1082 }, { "uuid", 2950 },
              { "numeric", 1700 }, { "timestamptz", 1184 } };

const char *talk_type_name(uint32_t oid)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].oid == oid) return types[i].name;
    return NULL;
}

static bool type_oid(struct bytes name, uint32_t *oid_out)
{
    int64_t number;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (bytes_is(name, types[i].name)) {
            *oid_out = types[i].oid;
            return true;
        }
    if (!bytes_to_int64(name, &number)) return false;
    *oid_out = (uint32_t)number;
    return true;
}

/* ---- words to bytes */

struct writer {
    const struct talk_word *words;
    size_t n, at;
    struct buf *out;
    bool failed;
};

static struct bytes next(struct writer *w)
{
    if (w->at < w->n) return w->words[w->at++].text;
    w->failed = true;
    return (struct bytes){ 0 };
}

static uint32_t next_number(struct writer *w)
{
    int64_t number = 0;
    w->failed |= !bytes_to_int64(next(w), &number);
    return (uint32_t)number;
}

static void put_value(struct writer *w)
{
    bool null = w->at < w->n && talk_word_is(&w->words[w->at], "NULL");
    struct bytes text = next(w);
    if (null)
        buf_put_u32(w->out, UINT32_MAX);
    else
        buf_put_counted(w->out, text);
}

/* Takes "@oid.attribute" off the end of the word. */
static bool take_origin(struct bytes *word, uint32_t *oid_out, uint16_t *attribute_out)
{
    ptrdiff_t at = bytes_find(*word, BYTES_LITERAL("@"));
    if (at < 0) return true;
    struct bytes origin = bytes_slice(*word, (size_t)at + 1, word->n);
    ptrdiff_t dot = bytes_find(origin, BYTES_LITERAL("."));
    int64_t oid, attribute;
    if (dot < 0 || !bytes_to_int64(bytes_slice(origin, 0, (size_t)dot), &oid) ||
        !bytes_to_int64(bytes_slice(origin, (size_t)dot + 1, origin.n), &attribute))
        return false;
    *oid_out = (uint32_t)oid;
    *attribute_out = (uint16_t)attribute;
    word->n = (size_t)at;
    return true;
}

/* name:type, name:type@oid.attribute, and "/1" behind it for binary */
static void put_column(struct writer *w)
{
    struct bytes word = next(w);
    ptrdiff_t colon = bytes_find(word, BYTES_LITERAL(":"));
    uint32_t oid = 0, table = 0;
    uint16_t attribute = 0;
    bool binary = word.n > 2 && bytes_is(bytes_slice(word, word.n - 2, 2), "/1");
    if (binary) word.n -= 2;
    w->failed |= !take_origin(&word, &table, &attribute);
    if (colon < 0 || !type_oid(bytes_slice(word, (size_t)colon + 1, word.n), &oid)) {
        w->failed = true;
        return;
    }
    buf_put_cstring(w->out, bytes_slice(word, 0, (size_t)colon));
    buf_put_u32(w->out, table);
    buf_put_u16(w->out, attribute);
    buf_put_u32(w->out, oid);
    buf_put_u16(w->out, UINT16_MAX);
    buf_put_u32(w->out, UINT32_MAX);
    buf_put_u16(w->out, binary);
}

static void put_report(struct writer *w)
{
    static const struct {
        const char *name;
        uint8_t code;
    } more[] = { { "detail", 'D' }, { "hint", 'H' }, { "position", 'P' }, { "where", 'W' } };
    struct bytes severity = next(w);
    buf_put_u8(w->out, 'S');
    buf_put_cstring(w->out, severity);
    buf_put_u8(w->out, 'V');
    buf_put_cstring(w->out, severity);
    buf_put_u8(w->out, 'C');
    buf_put_cstring(w->out, next(w));
    buf_put_u8(w->out, 'M');
    buf_put_cstring(w->out, next(w));
    while (w->at < w->n && !w->failed) {
        struct bytes name = next(w);
        uint8_t code = 0;
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
            if (bytes_is(name, more[i].name)) code = more[i].code;
        w->failed |= code == 0;
        buf_put_u8(w->out, code);
        buf_put_cstring(w->out, next(w));
    }
    buf_put_u8(w->out, 0);
}

/* "x:1": one format code for all; none where no such word is there. */
static void put_formats(struct writer *w)
{
    bool given = w->at < w->n && !w->words[w->at].quoted && bytes_starts_with(w->words[w->at].text, "x:");
    int64_t code = 0;
    if (!given) {
        buf_put_u16(w->out, 0);
        return;
    }
    struct bytes word = next(w);
    w->failed |= !bytes_to_int64(bytes_slice(word, 2, word.n), &code);
    buf_put_u16(w->out, 1);
    buf_put_u16(w->out, (uint16_t)code);
}

static size_t count_values(const struct writer *w)
{
    size_t n = w->at;
    while (n < w->n && (w->words[n].quoted || !bytes_starts_with(w->words[n].text, "x:")))
        n++;
    return n - w->at;
}

static void put_list(struct writer *w, char part)
{
    size_t n = part == 'v' ? count_values(w) : w->n - w->at;
    if (part == 'y')
        buf_put_u32(w->out, (uint32_t)n);
    else
        buf_put_u16(w->out, (uint16_t)n);
    for (size_t i = 0; i < n && !w->failed; i++) {
        if (part == 'v') put_value(w);
        if (part == 'c') put_column(w);
        if (part == 'y') buf_put_cstring(w->out, next(w));
        uint32_t oid = 0;
        if (part == 'o') {
            w->failed |= !type_oid(next(w), &oid);
            buf_put_u32(w->out, oid);
        }
    }
}

static void put_copy_formats(struct writer *w)
{
    uint8_t format = (uint8_t)next_number(w);
    uint16_t n = (uint16_t)next_number(w);
    buf_put_u8(w->out, format);
    buf_put_u16(w->out, n);
    for (uint16_t i = 0; i < n; i++)
        buf_put_u16(w->out, format);
}

static void put_part(struct writer *w, char part)
{
    switch (part) {
    case 'z': buf_put_cstring(w->out, next(w)); break;
    case 'i': buf_put_u32(w->out, next_number(w)); break;
    case 'h': buf_put_u16(w->out, w->at < w->n ? (uint16_t)next_number(w) : 0); break;
    case 'b': buf_append(w->out, next(w)); break;
    case 'r':
        if (w->at < w->n) buf_append(w->out, next(w));
        break;
    case 'k':
        w->failed |= !talk_raw_encode(w->words + w->at, w->n - w->at, w->out);
        w->at = w->n;
        break;
    case 'x': put_formats(w); break;
    case 'n': put_value(w); break;
    case 'w': put_copy_formats(w); break;
    case 'e': put_report(w); break;
    default: put_list(w, part); break;
    }
}

/* Startup user=ada …; version=3.2 is no parameter. CancelRequest PID KEY. */
static bool encode_untyped(const struct talk_word *words, size_t n, struct buf *out)
{
    size_t at = buf_length(out);
    uint32_t code = 3 << 16;
    if (n == 0) return false;
    bool startup = talk_word_is(&words[0], "Startup");
    if (talk_word_is(&words[0], "SSLRequest")) code = CODE_SSL;
    if (talk_word_is(&words[0], "GSSENCRequest")) code = CODE_GSSENC;
    if (talk_word_is(&words[0], "CancelRequest")) code = CODE_CANCEL;
    if (!startup && code == 3 << 16) return false;
    buf_put_u32(out, 0);
    buf_put_u32(out, code);
    if (code == CODE_CANCEL) {
        struct writer w = { words, n, 1, out, false };
        buf_put_u32(out, next_number(&w));
        if (w.failed || !talk_raw_encode(words + w.at, n - w.at, out)) return false;
    }
    for (size_t i = 1; startup && i < n; i++) {
        ptrdiff_t equals = bytes_find(words[i].text, BYTES_LITERAL("="));
        if (equals < 0) return false;
        struct bytes name = bytes_slice(words[i].text, 0, (size_t)equals),
                     value = bytes_slice(words[i].text, (size_t)equals + 1, words[i].text.n);
        if (bytes_is(name, "version") && value.n > 2) {
            uint32_t major = (uint32_t)(value.p[0] - '0'), minor = 0;
            for (size_t k = 2; k < value.n; k++)
                minor = minor * 10 + (uint32_t)(value.p[k] - '0');
            buf_patch_u32(out, at + 4, major << 16 | minor);
            continue;
        }
        buf_put_cstring(out, name);
        buf_put_cstring(out, value);
    }
    if (startup) buf_put_u8(out, 0);
    buf_patch_u32(out, at, (uint32_t)(buf_length(out) - at));
    return true;
}

bool talk_message_encode(enum talk_side from, const struct talk_word *words, size_t n, struct buf *out)
{
    const struct form *form = NULL;
    if (n && talk_word_is(&words[0], "raw")) return talk_raw_encode(words + 1, n - 1, out);
    if (from == TALK_CLIENT && encode_untyped(words, n, out)) return true;
    for (size_t i = 0; n && i < N_FORMS; i++)
        if (forms[i].from == from && talk_word_is(&words[0], forms[i].name)) form = &forms[i];
    if (!form) return false;
    struct writer w = { words, n, 1, out, false };
    size_t at = buf_length(out);
    buf_put_u8(out, form->type);
    buf_put_u32(out, 0);
    for (const char *part = form->parts; *part && !w.failed; part++)
        put_part(&w, *part);
    if (w.failed || w.at != n || out->failed) return false;
    buf_patch_u32(out, at + 1, (uint32_t)(buf_length(out) - at - 1));
    return true;
}

static int hex(uint8_t c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool talk_raw_encode(const struct talk_word *words, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes text = words[i].text;
        if (words[i].quoted) {
            buf_append(out, text);
            continue;
        }
        ptrdiff_t star = bytes_find(text, BYTES_LITERAL("*"));
        int64_t times = 1;
        if (star >= 0 && !bytes_to_int64(bytes_slice(text, (size_t)star + 1, text.n), &times)) return false;
        if (star >= 0) text.n = (size_t)star;
        if (text.n == 0 || text.n % 2) return false;
        for (int64_t k = 0; k < times; k++)
            for (size_t at = 0; at < text.n; at += 2) {
                int high = hex(text.p[at]), low = hex(text.p[at + 1]);
                if (high < 0 || low < 0) return false;
                buf_put_u8(out, (uint8_t)(high * 16 + low));
            }
    }
    return !out->failed;
}

/* ---- bytes to words */

struct reader {
    struct arena *arena;
    struct talk_word *words;
    size_t n, room;
};

static void add(struct reader *r, struct bytes text, bool quoted)
{
    if (r->n == r->room) {
        struct talk_word *wider = ARENA_ARRAY(r->arena, struct talk_word, r->room ? r->room * 2 : 8);
        if (!wider) return;
        if (r->n) memcpy(wider, r->words, r->n * sizeof *wider);
        r->words = wider;
        r->room = r->room ? r->room * 2 : 8;
    }
    r->words[r->n++] = (struct talk_word){ .text = text, .quoted = quoted };
}

static void take_value(struct reader *r, struct cursor *c)
{
    uint32_t length = cursor_u32(c);
    if (length == UINT32_MAX)
        add(r, BYTES_LITERAL("NULL"), false);
    else
        add(r, cursor_take(c, length), true);
}

static void take_column(struct reader *r, struct cursor *c)
{
    struct bytes name = cursor_cstring(c);
    uint32_t table = cursor_u32(c);
    int16_t attribute = (int16_t)cursor_u16(c);
    uint32_t oid = cursor_u32(c);
    cursor_take(c, 6);
    bool binary = cursor_u16(c) == 1;
    const char *type = talk_type_name(oid);
    struct bytes number = arena_printf(r->arena, "%u", oid), origin = BYTES_LITERAL("");
    if (table) origin = arena_printf(r->arena, "@%u.%d", table, attribute);
    add(r,
        arena_printf(r->arena, "%.*s:%s%.*s%s", BYTES_FMT(name), type ? type : (const char *)number.p,
                     BYTES_FMT(origin), binary ? "/1" : ""),
        false);
}

static void take_report(struct reader *r, struct cursor *c)
{
    struct bytes fields[128] = { { 0 } };
    uint8_t code;
    while (!c->failed && (code = cursor_u8(c)) != 0)
        fields[code & 127] = cursor_cstring(c);
    add(r, fields['S'], false);
    add(r, fields['C'], false);
    add(r, fields['M'], true);
    static const char *const names[] = { "D", "detail", "H", "hint", "P", "position", "W", "where" };
    for (size_t i = 0; i < 8; i += 2)
        if (fields[(int)names[i][0]].p) {
            add(r, bytes_of(names[i + 1]), false);
            add(r, fields[(int)names[i][0]], true);
        }
}

static void take_formats(struct reader *r, struct cursor *c)
{
    uint16_t n = cursor_u16(c);
    for (uint16_t i = 0; i < n && !c->failed; i++)
        add(r, arena_printf(r->arena, "x:%u", cursor_u16(c)), false);
}

static void take_hex(struct reader *r, struct cursor *c)
{
    struct bytes text = { 0 };
    while (cursor_left(c))
        text = arena_printf(r->arena, "%.*s%02x", BYTES_FMT(text), cursor_u8(c));
    add(r, text, false);
}

static void take_list(struct reader *r, struct cursor *c, char part)
{
    uint32_t n = part == 'y' ? cursor_u32(c) : cursor_u16(c);
    for (uint32_t i = 0; i < n && !c->failed; i++) {
        if (part == 'v') take_value(r, c);
        if (part == 'c') take_column(r, c);
        if (part == 'y') add(r, cursor_cstring(c), true);
        if (part == 'o') add(r, arena_printf(r->arena, "%u", cursor_u32(c)), false);
    }
}

static void take_part(struct reader *r, struct cursor *c, char part)
{
    switch (part) {
    case 'z': add(r, cursor_cstring(c), true); break;
    case 'i': add(r, arena_printf(r->arena, "%d", (int32_t)cursor_u32(c)), false); break;
    case 'h': cursor_u16(c); break;
    case 'b': add(r, cursor_take(c, 1), false); break;
    case 'r':
        if (cursor_left(c)) add(r, cursor_take(c, cursor_left(c)), true);
        break;
    case 'k': take_hex(r, c); break;
    case 'x': take_formats(r, c); break;
    case 'n': take_value(r, c); break;
    case 'w':
        add(r, arena_printf(r->arena, "%u", cursor_u8(c)), false);
        uint16_t n = cursor_u16(c);
        add(r, arena_printf(r->arena, "%u", n), false);
        cursor_take(c, 2u * n);
        break;
    case 'e': take_report(r, c); break;
    default: take_list(r, c, part); break;
    }
}

static void describe_untyped(struct reader *r, struct bytes packet)
{
    struct cursor c = cursor_over(packet);
    cursor_u32(&c);
    uint32_t code = cursor_u32(&c);
    if (code == CODE_SSL) add(r, BYTES_LITERAL("SSLRequest"), false);
    if (code != 3 << 16) return;
    add(r, BYTES_LITERAL("Startup"), false);
    for (struct bytes name; (name = cursor_cstring(&c)).n;) {
        struct bytes value = cursor_cstring(&c);
        add(r, arena_printf(r->arena, "%.*s=%.*s", BYTES_FMT(name), BYTES_FMT(value)), false);
    }
}

static bool describe_as(const struct form *form, struct bytes body, struct reader *r)
{
    struct cursor c = cursor_over(body);
    r->n = 0;
    add(r, bytes_of(form->name), false);
    for (const char *part = form->parts; *part; part++)
        take_part(r, &c, *part);
    return cursor_done(&c);
}

size_t talk_message_describe(enum talk_side from, struct bytes in, struct arena *arena,
                             struct talk_word **words_out, size_t *n_out)
{
    struct reader r = { .arena = arena };
    struct cursor c = cursor_over(in);
    bool untyped = in.n && in.p[0] == 0;
    if (!untyped) cursor_u8(&c);
    size_t whole = (size_t)cursor_u32(&c) + !untyped;
    if (c.failed || in.n < whole || whole < 5) return 0;
    bool known = untyped;
    if (untyped) describe_untyped(&r, bytes_slice(in, 0, whole));
    for (size_t i = 0; i < N_FORMS && !known; i++)
        if (forms[i].from == from && forms[i].type == in.p[0])
            known = describe_as(&forms[i], bytes_make(in.p + 5, whole - 5), &r);
    if (!known) {
        r.n = 0;
        add(&r, BYTES_LITERAL("malformed"), false);
        add(&r, bytes_slice(in, 0, 1), true);
    }
    *words_out = r.words;
    *n_out = r.n;
    return whole;
}

void talk_words_print(const struct talk_word *words, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (i) buf_append_text(out, " ");
        if (words[i].quoted) buf_append_text(out, "\"");
        for (size_t k = 0; k < words[i].text.n && k < 200; k++) {
            uint8_t c = words[i].text.p[k];
            if (c < 0x20 || c == 0x7F)
                buf_printf(out, "\\x%02x", c);
            else
                buf_put_u8(out, c);
        }
        if (words[i].text.n > 200) buf_printf(out, "…(%zu bytes)", words[i].text.n);
        if (words[i].quoted) buf_append_text(out, "\"");
    }
}

bool talk_words_match(const struct talk_word *expected, size_t n_expected, const struct talk_word *actual,
                      size_t n_actual)
{
    for (size_t i = 0; i < n_expected; i++) {
        if (i + 1 == n_expected && talk_word_is(&expected[i], "...")) return true;
        if (i >= n_actual) return false;
        bool null = !actual[i].quoted && bytes_is(actual[i].text, "NULL");
        if (null != talk_word_is(&expected[i], "NULL") && !talk_word_is(&expected[i], "*")) return false;
        if (!talk_word_matches(&expected[i], actual[i].text)) return false;
    }
    return n_expected == n_actual;
}
