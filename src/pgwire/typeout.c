/* One table row a type: its OID, its array's OID, its names, how to print it. A printer reads from a cursor
 * that stands over exactly the value, and the caller checks that all of it was read. Arrays, composites and
 * ranges print their parts by the same table, so that nesting needs a depth and nothing else.
 *
 * Source of the layouts and of the forms: the _send and _out functions of PostgreSQL 15. Dates and times are
 * in typeout-time.c. */
#include "pgwire/typeout.h"
#include "base/codec.h"
#include "base/cursor.h"
#include "pgwire/typeout-time.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEPTH_CEILING = 8, DIMENSION_CEILING = 6 };

typedef bool printer(struct cursor *c, struct buf *out);

static bool print_bool(struct cursor *c, struct buf *out)
{
    buf_append_text(out, cursor_u8(c) ? "t" : "f");
    return true;
}

static bool print_int2(struct cursor *c, struct buf *out)
{
    buf_printf(out, "%d", (int16_t)cursor_u16(c));
    return true;
}

static bool print_int4(struct cursor *c, struct buf *out)
{
    buf_printf(out, "%d", (int32_t)cursor_u32(c));
    return true;
}

static bool print_int8(struct cursor *c, struct buf *out)
{
    buf_printf(out, "%lld", (long long)cursor_u64(c));
    return true;
}

static bool print_u32(struct cursor *c, struct buf *out)
{
    buf_printf(out, "%u", cursor_u32(c));
    return true;
}

static bool print_u64(struct cursor *c, struct buf *out)
{
    buf_printf(out, "%llu", (unsigned long long)cursor_u64(c));
    return true;
}

/* Whether a text reads back as the number without hanging on the rule that ties go to even: a text exactly
 * between two numbers does not count, as in PostgreSQL. */
static bool reads_back(const char *text, double value, bool single)
{
    if (single ? strtof(text, NULL) != (float)value : strtod(text, NULL) != value) return false;
    long double wide = strtold(text, NULL), exact = (long double)value;
    long double towards = wide > exact ? HUGE_VALL : -HUGE_VALL;
    long double next = single ? (long double)nextafterf((float)value, (float)towards)
                              : (long double)nextafter(value, (double)towards);
    long double middle = exact + (next - exact) / 2;
    if (isinf(next) || wide != middle) return true;
    /* Equal as far as the wide type sees: it is a tie only if the middle's own digits end where the text's
     * do. */
    char digits[140];
    snprintf(digits, sizeof digits, "%.120Le", middle);
    const char *e = strchr(text, 'e');
    size_t n = (size_t)(e - text);
    return strncmp(digits, text, n) != 0 || strspn(digits + n, "0.") != strcspn(digits + n, "e");
}

/* Moves "d.ddde±xx" up by one in its last digit. False where that would carry into a longer text. */
static bool bump_last_digit(char *text)
{
    char *e = strchr(text, 'e');
    for (char *p = e - 1; p >= text; p--) {
        if (*p < '0' || *p > '9') continue;
        if (*p != '9') {
            (*p)++;
            return true;
        }
        *p = '0';
    }
    return false;
}

/* Into digits_out, as "-d.ddde±xx", the fewest digits that read back as the same number. Just above a power
 * of two the numbers are twice as far apart as below it, and there the text that is nearest may read back as
 * the neighbour below while the next text up reads back right. */
static void find_shortest(double value, bool single, char digits_out[40])
{
    for (int precision = 0, most = single ? 8 : 16; precision <= most; precision++) {
        snprintf(digits_out, 40, "%.*e", precision, value);
        if (reads_back(digits_out, value, single)) return;
        if (bump_last_digit(digits_out) && reads_back(digits_out, value, single)) return;
    }
    snprintf(digits_out, 40, "%.*e", single ? 8 : 16, value);
}

/* An exponent is written from 1e15 (float8) or 1e6 (float4) and below 1e-4. */
static void print_shortest(double value, bool single, struct buf *out)
{
    char text[40], digits[40];
    find_shortest(value, single, text);
    const char *e = strchr(text, 'e');
    long exponent = strtol(e + 1, NULL, 10);
    if (exponent < -4 || exponent >= (single ? 6 : 15)) {
        buf_append_text(out, text);
        return;
    }
    int n = 0;
    for (const char *p = text; p < e; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    if (text[0] == '-') buf_put_u8(out, '-');
    if (exponent < 0) buf_append_text(out, "0.");
    for (long i = exponent + 1; i < 0; i++)
        buf_put_u8(out, '0');
    for (int i = 0; i < n || i <= exponent; i++) {
        if (i && i == exponent + 1) buf_put_u8(out, '.');
        buf_put_u8(out, i < n ? (uint8_t)digits[i] : '0');
    }
}

static bool print_real(double value, bool single, struct buf *out)
{
    if (isnan(value))
        buf_append_text(out, "NaN");
    else if (isinf(value))
        buf_append_text(out, value < 0 ? "-Infinity" : "Infinity");
    else if (value == 0)
        buf_append_text(out, signbit(value) ? "-0" : "0");
    else
        print_shortest(value, single, out);
    return true;
}

static bool print_float4(struct cursor *c, struct buf *out)
{
    uint32_t raw = cursor_u32(c);
    float value;
    memcpy(&value, &raw, sizeof value);
    return print_real((double)value, true, out);
}

static bool print_float8(struct cursor *c, struct buf *out)
{
    uint64_t raw = cursor_u64(c);
    double value;
    memcpy(&value, &raw, sizeof value);
    return print_real(value, false, out);
}

/* Base-10,000 digits; `weight` is the power of the first. */
static bool print_numeric(struct cursor *c, struct buf *out)
{
    enum {
        POSITIVE = 0,
        NEGATIVE = 0x4000,
        NOT_A_NUMBER = 0xC000,
        PLUS_INFINITY = 0xD000,
        MINUS_INFINITY = 0xF000
    };
    uint16_t n = cursor_u16(c);
    int weight = (int16_t)cursor_u16(c);
    uint16_t sign = cursor_u16(c), scale = cursor_u16(c);
    struct bytes digits = cursor_take(c, (size_t)n * 2);
    if (c->failed || scale > 0x3FFF) return false;
    switch (sign) {
    case NOT_A_NUMBER: buf_append_text(out, "NaN"); return true;
    case PLUS_INFINITY: buf_append_text(out, "Infinity"); return true;
    case MINUS_INFINITY: buf_append_text(out, "-Infinity"); return true;
    case NEGATIVE: buf_put_u8(out, '-'); break;
    case POSITIVE: break;
    default: return false;
    }
#define DIGIT(i) ((i) >= 0 && (i) < n ? (unsigned)(digits.p[2 * (i)] << 8 | digits.p[2 * (i) + 1]) : 0U)
    for (int i = 0; i < n; i++)
        if (DIGIT(i) > 9999) return false;
    if (weight < 0) buf_put_u8(out, '0');
    for (int i = 0; i <= weight; i++)
        buf_printf(out, i == 0 ? "%u" : "%04u", DIGIT(i));
    if (scale) buf_put_u8(out, '.');
    for (int at = weight + 1, left = scale; left > 0; at++, left -= 4) {
        char four[12];
        snprintf(four, sizeof four, "%04u", DIGIT(at));
        buf_append(out, bytes_make(four, left < 4 ? (size_t)left : 4));
    }
#undef DIGIT
    return true;
}

static bool print_money(struct cursor *c, struct buf *out)
{
    int64_t value = (int64_t)cursor_u64(c);
    uint64_t cents = value < 0 ? -(uint64_t)value : (uint64_t)value;
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)(cents / 100));
    buf_append_text(out, value < 0 ? "-$" : "$");
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) buf_put_u8(out, ',');
        buf_put_u8(out, (uint8_t)digits[i]);
    }
    buf_printf(out, ".%02u", (unsigned)(cents % 100));
    return true;
}

static bool print_text(struct cursor *c, struct buf *out)
{
    buf_append(out, cursor_take(c, cursor_left(c)));
    return true;
}

/* The type "char": NUL is nothing, a byte past ASCII is octal. */
static bool print_char(struct cursor *c, struct buf *out)
{
    uint8_t b = cursor_u8(c);
    if (b >= 0x80)
        buf_printf(out, "\\%03o", b);
    else if (b)
        buf_put_u8(out, b);
    return true;
}

static bool print_bytea(struct cursor *c, struct buf *out)
{
    buf_append_text(out, "\\x");
    codec_hex(cursor_take(c, cursor_left(c)), out);
    return true;
}

static bool print_jsonb(struct cursor *c, struct buf *out)
{
    return cursor_u8(c) == 1 && print_text(c, out);
}

static bool print_uuid(struct cursor *c, struct buf *out)
{
    struct bytes b = cursor_take(c, 16);
    for (size_t i = 0; i < b.n; i++)
        buf_printf(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b.p[i]);
    return true;
}

static bool print_macaddr(struct cursor *c, struct buf *out)
{
    size_t n = cursor_left(c);
    if (n != 6 && n != 8) return false;
    for (size_t i = 0; i < n; i++)
        buf_printf(out, i ? ":%02x" : "%02x", cursor_u8(c));
    return true;
}

static bool print_bit(struct cursor *c, struct buf *out)
{
    uint32_t n = cursor_u32(c);
    struct bytes b = cursor_take(c, ((size_t)n + 7) / 8);
    if (c->failed || n > INT32_MAX) return false;
    uint8_t *room = n ? buf_room(out, n) : NULL;
    if (n && !room) return true;
    for (uint32_t i = 0; i < n; i++)
        room[i] = b.p[i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
    buf_added(out, n);
    return true;
}

static bool print_tid(struct cursor *c, struct buf *out)
{
    uint32_t block = cursor_u32(c);
    buf_printf(out, "(%u,%u)", block, cursor_u16(c));
    return true;
}

static bool print_lsn(struct cursor *c, struct buf *out)
{
    uint32_t high = cursor_u32(c);
    buf_printf(out, "%X/%X", high, cursor_u32(c));
    return true;
}

/* The longest run of zero words (two at least) becomes "::"; an embedded IPv4 address is written as one. */
static void print_ipv6(struct bytes b, struct buf *out)
{
    unsigned words[8];
    int best = -1, best_n = 1;
    for (int i = 0; i < 8; i++)
        words[i] = (unsigned)(b.p[2 * i] << 8 | b.p[2 * i + 1]);
    for (int i = 0; i < 8; i++) {
        int n = 0;
        while (i + n < 8 && words[i + n] == 0)
            n++;
        if (n > best_n) {
            best = i;
            best_n = n;
        }
    }
    bool embedded =
        best == 0 && (best_n == 6 || (best_n == 7 && words[7] != 1) || (best_n == 5 && words[5] == 0xFFFF));
    for (int i = 0; i < 8; i++) {
        if (best >= 0 && i >= best && i < best + best_n) {
            if (i == best) buf_put_u8(out, ':');
            continue;
        }
        if (i) buf_put_u8(out, ':');
        if (i == 6 && embedded) {
            buf_printf(out, "%u.%u.%u.%u", b.p[12], b.p[13], b.p[14], b.p[15]);
            return;
        }
        buf_printf(out, "%x", words[i]);
    }
    if (best >= 0 && best + best_n == 8) buf_put_u8(out, ':');
}

static bool print_inet(struct cursor *c, struct buf *out)
{
    enum { FAMILY_4 = 2, FAMILY_6 = 3 };
    uint8_t family = cursor_u8(c), bits = cursor_u8(c), is_cidr = cursor_u8(c), n = cursor_u8(c);
    struct bytes b = cursor_take(c, n);
    if (c->failed || !((family == FAMILY_4 && n == 4) || (family == FAMILY_6 && n == 16)) || bits > n * 8)
        return false;
    if (family == FAMILY_4)
        buf_printf(out, "%u.%u.%u.%u", b.p[0], b.p[1], b.p[2], b.p[3]);
    else
        print_ipv6(b, out);
    if (is_cidr || bits != n * 8) buf_printf(out, "/%u", bits);
    return true;
}

static bool print_point(struct cursor *c, struct buf *out)
{
    buf_put_u8(out, '(');
    bool ok = print_float8(c, out);
    buf_put_u8(out, ',');
    ok = ok && print_float8(c, out);
    buf_put_u8(out, ')');
    return ok;
}

static bool print_pair_of_points(struct cursor *c, struct buf *out)
{
    bool ok = print_point(c, out);
    buf_put_u8(out, ',');
    return ok && print_point(c, out);
}

static bool print_segment(struct cursor *c, struct buf *out)
{
    buf_put_u8(out, '[');
    bool ok = print_pair_of_points(c, out);
    buf_put_u8(out, ']');
    return ok;
}

static bool print_circle(struct cursor *c, struct buf *out)
{
    buf_put_u8(out, '<');
    bool ok = print_point(c, out);
    buf_put_u8(out, ',');
    ok = ok && print_float8(c, out);
    buf_put_u8(out, '>');
    return ok;
}

static bool print_void(struct cursor *c, struct buf *out)
{
    (void)c;
    (void)out;
    return true;
}

struct type {
    uint32_t oid, array;
    const char *name, *array_name;
    printer *print;
    bool number;
};

/* OIDs from src/include/catalog/pg_type.dat; they never change. A type whose text is made of names that only
 * the server knows (regclass and its kin) is left out. */
#define T(oid, array, name, print, number)                                                                   \
    {                                                                                                        \
        oid, array, name, name "[]", print, number                                                           \
    }
static const struct type types[] = {
    T(16, 1000, "boolean", print_bool, false),
    T(17, 1001, "bytea", print_bytea, false),
    T(18, 1002, "\"char\"", print_char, false),
    T(19, 1003, "name", print_text, false),
    T(20, 1016, "bigint", print_int8, true),
    T(21, 1005, "smallint", print_int2, true),
    T(23, 1007, "integer", print_int4, true),
    T(25, 1009, "text", print_text, false),
    T(26, 1028, "oid", print_u32, true),
    T(27, 1010, "tid", print_tid, false),
    T(28, 1011, "xid", print_u32, true),
    T(29, 1012, "cid", print_u32, true),
    T(114, 199, "json", print_text, false),
    T(142, 143, "xml", print_text, false),
    T(600, 1017, "point", print_point, false),
    T(601, 1018, "lseg", print_segment, false),
    T(603, 1020, "box", print_pair_of_points, false),
    T(650, 651, "cidr", print_inet, false),
    T(700, 1021, "real", print_float4, true),
    T(701, 1022, "double precision", print_float8, true),
    T(705, 0, "unknown", print_text, false),
    T(718, 719, "circle", print_circle, false),
    T(774, 775, "macaddr8", print_macaddr, false),
    T(790, 791, "money", print_money, true),
    T(829, 1040, "macaddr", print_macaddr, false),
    T(869, 1041, "inet", print_inet, false),
    T(1042, 1014, "character", print_text, false),
    T(1043, 1015, "character varying", print_text, false),
    T(1082, 1182, "date", typeout_date, false),
    T(1083, 1183, "time without time zone", typeout_time, false),
    T(1114, 1115, "timestamp without time zone", typeout_timestamp, false),
    T(1184, 1185, "timestamp with time zone", typeout_timestamptz, false),
    T(1186, 1187, "interval", typeout_interval, false),
    T(1266, 1270, "time with time zone", typeout_timetz, false),
    T(1560, 1561, "bit", print_bit, false),
    T(1562, 1563, "bit varying", print_bit, false),
    T(1700, 1231, "numeric", print_numeric, true),
    T(1790, 2201, "refcursor", print_text, false),
    T(2275, 1263, "cstring", print_text, false),
    T(2278, 0, "void", print_void, false),
    T(2950, 2951, "uuid", print_uuid, false),
    T(3220, 3221, "pg_lsn", print_lsn, false),
    T(3802, 3807, "jsonb", print_jsonb, false),
    T(5069, 271, "xid8", print_u64, true),
};
#undef T

static const struct type *type_find(uint32_t oid, bool *is_array_out)
{
    if (oid == 0) return NULL;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].oid == oid || types[i].array == oid) {
            *is_array_out = types[i].oid != oid;
            return &types[i];
        }
    return NULL;
}

static bool print_value(uint32_t oid, struct bytes value, unsigned depth, struct buf *out);

/* array_out's rule for what must stand in quotes. */
static bool element_needs_quotes(struct bytes text, char delimiter)
{
    if (text.n == 0 || bytes_equal_nocase(text, BYTES_LITERAL("NULL"))) return true;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t b = text.p[i];
        if (b == '"' || b == '\\' || b == '{' || b == '}' || b == (uint8_t)delimiter) return true;
        if (b == ' ' || (b >= '\t' && b <= '\r')) return true;
    }
    return false;
}

/* record_out's rule. */
static bool field_needs_quotes(struct bytes text)
{
    if (text.n == 0) return true;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t b = text.p[i];
        if (b == '"' || b == '\\' || b == '(' || b == ')' || b == ',' || b == ' ' || (b >= '\t' && b <= '\r'))
            return true;
    }
    return false;
}

static void put_escaped(struct bytes text, bool doubled, struct buf *out)
{
    buf_put_u8(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\') buf_put_u8(out, doubled ? text.p[i] : '\\');
        buf_put_u8(out, text.p[i]);
    }
    buf_put_u8(out, '"');
}

/* One member of an array or composite: printed aside, then quoted as its container wants it. */
static bool print_member(uint32_t oid, struct bytes value, unsigned depth, char delimiter, struct buf *out)
{
    struct buf text;
    buf_init(&text, out->ceiling);
    bool ok = print_value(oid, value, depth + 1, &text);
    if (text.failed) out->failed = true;
    if (ok && !text.failed) {
        struct bytes b = buf_bytes(&text);
        bool is_field = delimiter == 0;
        if (is_field ? field_needs_quotes(b) : element_needs_quotes(b, delimiter))
            put_escaped(b, is_field, out);
        else
            buf_append(out, b);
    }
    buf_free(&text);
    return ok;
}

struct array {
    uint32_t element;
    unsigned n_dimensions;
    uint32_t size[DIMENSION_CEILING];
    int32_t lower[DIMENSION_CEILING];
    char delimiter;
    unsigned depth;
};

static bool print_array_level(struct cursor *c, const struct array *a, unsigned dimension, struct buf *out)
{
    buf_put_u8(out, '{');
    for (uint32_t i = 0; i < a->size[dimension]; i++) {
        if (i) buf_put_u8(out, (uint8_t)a->delimiter);
        if (dimension + 1 < a->n_dimensions) {
            if (!print_array_level(c, a, dimension + 1, out)) return false;
            continue;
        }
        int32_t n = (int32_t)cursor_u32(c);
        if (c->failed || n < -1) return false;
        if (n == -1)
            buf_append_text(out, "NULL");
        else {
            struct bytes value = cursor_take(c, (size_t)n);
            if (c->failed || !print_member(a->element, value, a->depth, a->delimiter, out)) return false;
        }
    }
    buf_put_u8(out, '}');
    return true;
}

static bool print_array(struct cursor *c, unsigned depth, struct buf *out)
{
    struct array a = { .depth = depth };
    a.n_dimensions = cursor_u32(c);
    cursor_u32(c); /* whether there are NULLs */
    a.element = cursor_u32(c);
    if (c->failed || a.n_dimensions > DIMENSION_CEILING) return false;
    bool plain = true;
    uint64_t n = 1;
    for (unsigned i = 0; i < a.n_dimensions; i++) {
        a.size[i] = cursor_u32(c);
        a.lower[i] = (int32_t)cursor_u32(c);
        if (a.lower[i] != 1) plain = false;
        n *= a.size[i];
        /* Each element takes at least its length's four bytes. */
        if (c->failed || a.size[i] == 0 || n > cursor_left(c)) return false;
    }
    if (n > 1 && n * 4 > cursor_left(c)) return false;
    if (a.n_dimensions == 0) {
        buf_append_text(out, "{}");
        return true;
    }
    a.delimiter = a.element == 603 ? ';' : ','; /* box alone has another delimiter */
    for (unsigned i = 0; i < a.n_dimensions && !plain; i++)
        buf_printf(out, "[%d:%lld]", a.lower[i], (long long)a.lower[i] + a.size[i] - 1);
    if (!plain) buf_put_u8(out, '=');
    return print_array_level(c, &a, 0, out);
}

/* int2vector and oidvector: arrays of one dimension, printed with spaces. */
static bool print_vector(struct cursor *c, uint32_t element, struct buf *out)
{
    uint32_t n_dimensions = cursor_u32(c);
    cursor_u32(c);
    if (cursor_u32(c) != element || n_dimensions != 1) return false;
    uint32_t n = cursor_u32(c);
    cursor_u32(c);
    for (uint32_t i = 0; i < n; i++) {
        struct bytes value = cursor_counted(c);
        if (c->failed) return false;
        if (i) buf_put_u8(out, ' ');
        struct cursor inner = cursor_over(value);
        if (!(element == 21 ? print_int2 : print_u32)(&inner, out) || !cursor_done(&inner)) return false;
    }
    return true;
}

/* A composite value carries its fields' types. */
static bool print_record(struct cursor *c, unsigned depth, struct buf *out)
{
    uint32_t n = cursor_u32(c);
    buf_put_u8(out, '(');
    for (uint32_t i = 0; i < n; i++) {
        uint32_t oid = cursor_u32(c);
        int32_t length = (int32_t)cursor_u32(c);
        if (c->failed || length < -1) return false;
        if (i) buf_put_u8(out, ',');
        if (length == -1) continue;
        struct bytes value = cursor_take(c, (size_t)length);
        if (c->failed || !print_member(oid, value, depth, 0, out)) return false;
    }
    buf_put_u8(out, ')');
    return true;
}

/* The built-in range types and their elements. */
static uint32_t range_element(uint32_t oid)
{
    switch (oid) {
    case 3904: return 23;
    case 3906: return 1700;
    case 3908: return 1114;
    case 3910: return 1184;
    case 3912: return 1082;
    case 3926: return 20;
    default: return 0;
    }
}

static bool print_range(struct cursor *c, uint32_t element, unsigned depth, struct buf *out)
{
    enum { EMPTY = 1, LOWER_IN = 2, UPPER_IN = 4, LOWER_OPEN = 8, UPPER_OPEN = 16 };
    uint8_t flags = cursor_u8(c);
    if (flags & EMPTY) {
        buf_append_text(out, "empty");
        return true;
    }
    buf_put_u8(out, flags & LOWER_IN ? '[' : '(');
    for (int upper = 0; upper < 2; upper++) {
        if (upper) buf_put_u8(out, ',');
        if (flags & (upper ? UPPER_OPEN : LOWER_OPEN)) continue;
        struct bytes bound = cursor_counted(c);
        if (c->failed || !print_member(element, bound, depth, 0, out)) return false;
    }
    buf_put_u8(out, flags & UPPER_IN ? ']' : ')');
    return true;
}

static bool print_value(uint32_t oid, struct bytes value, unsigned depth, struct buf *out)
{
    enum { INT2VECTOR = 22, OIDVECTOR = 30, RECORD = 2249, RECORD_ARRAY = 2287 };
    struct cursor c = cursor_over(value);
    bool is_array = oid == RECORD_ARRAY, ok;
    if (depth > DEPTH_CEILING) return false;
    const struct type *type = type_find(oid, &is_array);
    if (is_array)
        ok = print_array(&c, depth, out);
    else if (type)
        ok = type->print(&c, out);
    else if (oid == RECORD)
        ok = print_record(&c, depth, out);
    else if (oid == INT2VECTOR || oid == OIDVECTOR)
        ok = print_vector(&c, oid == INT2VECTOR ? 21 : 26, out);
    else if (range_element(oid))
        ok = print_range(&c, range_element(oid), depth, out);
    else
        return false;
    return ok && cursor_done(&c);
}

bool typeout_binary(uint32_t oid, struct bytes value, struct buf *out)
{
    size_t before = buf_length(out);
    if (print_value(oid, value, 0, out)) return true;
    if (!out->failed) out->end = out->start + before;
    return false;
}

bool typeout_value(uint32_t oid, bool binary, struct bytes value, struct buf *out)
{
    if (!binary) {
        buf_append(out, value);
        return true;
    }
    if (typeout_binary(oid, value, out)) return true;
    buf_append_text(out, "\\x");
    codec_hex(value, out);
    return false;
}

const char *typeout_name(uint32_t oid)
{
    bool is_array = false;
    const struct type *type = type_find(oid, &is_array);
    if (type) return is_array ? type->array_name : type->name;
    switch (oid) {
    case 22: return "int2vector";
    case 30: return "oidvector";
    case 2249: return "record";
    case 3904: return "int4range";
    case 3906: return "numrange";
    case 3908: return "tsrange";
    case 3910: return "tstzrange";
    case 3912: return "daterange";
    case 3926: return "int8range";
    default: return NULL;
    }
}

bool typeout_is_number(uint32_t oid)
{
    bool is_array = false;
    const struct type *type = type_find(oid, &is_array);
    return type && !is_array && type->number;
}
