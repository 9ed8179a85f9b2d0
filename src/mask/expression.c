/* Masks as SQL. Each is of the column's base type, calls nothing but pg_catalog's own, is immutable or
 * stable, and never raises: what a mask has no meaning for (a type, an infinity, a value at the end of its
 * range) is redacted. Redacting, NULL and constants do not name the column, so that a login may lack the
 * right to read it. */
#include "base/buf.h"
#include "mask/mask.h"

/* pg_type.dat's numbers. */
enum {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_CHAR = 18,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_JSON = 114,
    TYPE_FLOAT4 = 700,
    TYPE_FLOAT8 = 701,
    TYPE_INET = 869,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_DATE = 1082,
    TYPE_TIME = 1083,
    TYPE_TIMESTAMP = 1114,
    TYPE_TIMESTAMPTZ = 1184,
    TYPE_INTERVAL = 1186,
    TYPE_BIT = 1560,
    TYPE_VARBIT = 1562,
    TYPE_NUMERIC = 1700,
    TYPE_UUID = 2950,
    TYPE_JSONB = 3802,
    DOMAINS = 40
};

struct writing {
    const struct catalog_type *type; /* the base type; NULL: not known */
    uint32_t oid;
    int32_t typmod;
    bool not_null;
    struct bytes reference;
    struct buf out;
};

static bool is_text(const struct writing *w)
{
    return w->oid == TYPE_TEXT || w->oid == TYPE_VARCHAR || w->oid == TYPE_BPCHAR || w->oid == TYPE_NAME ||
           (w->type && w->type->kind == 'b' && bytes_is(w->type->name, "citext") &&
            bytes_is(w->type->extension, "citext"));
}

static bool is_array(const struct writing *w)
{
    return w->type && w->type->element && w->type->kind == 'b';
}

static void put_quoted(struct buf *b, struct bytes name)
{
    buf_put_u8(b, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"') buf_put_u8(b, '"');
        buf_put_u8(b, name.p[i]);
    }
    buf_put_u8(b, '"');
}

/* The modifier of numeric(precision, scale); false: it has none. */
static bool numeric_modifier(const struct writing *w, int *precision, int *scale)
{
    if (w->oid != TYPE_NUMERIC || w->typmod < 4) return false;
    int32_t bits = w->typmod - 4;
    *precision = bits >> 16 & 0xffff;
    *scale = ((bits & 0x7ff) ^ 1024) - 1024;
    return true;
}

/* The type's name with what its modifier says. */
static void put_type(struct writing *w)
{
    int precision, scale;
    put_quoted(&w->out, w->type->schema);
    buf_put_u8(&w->out, '.');
    put_quoted(&w->out, w->type->name);
    bool counts = w->oid == TYPE_TIME || w->oid == TYPE_TIMESTAMP || w->oid == TYPE_TIMESTAMPTZ ||
                  w->oid == TYPE_BIT || w->oid == TYPE_VARBIT;
    if (counts && w->typmod >= 0) buf_printf(&w->out, "(%d)", w->typmod);
    if (numeric_modifier(w, &precision, &scale)) buf_printf(&w->out, "(%d, %d)", precision, scale);
    if (w->typmod < 4) return;
    if (w->oid == TYPE_VARCHAR || w->oid == TYPE_BPCHAR) buf_printf(&w->out, "(%d)", w->typmod - 4);
}

/* NULL of the type. A pseudo-type cannot be named in a cast. */
static void put_null(struct writing *w)
{
    if (!w->type || w->type->kind == 'p') {
        buf_printf(&w->out, "CASE WHEN false THEN %.*s END", BYTES_FMT(w->reference));
        return;
    }
    buf_append_text(&w->out, "CAST(NULL AS ");
    put_type(w);
    buf_append_text(&w->out, ")");
}

static void put_cast(struct writing *w, const char *expression)
{
    buf_printf(&w->out, "CAST(%s AS ", expression);
    put_type(w);
    buf_append_text(&w->out, ")");
}

static void put_redacted(struct writing *w)
{
    static const struct {
        uint32_t oid;
        const char *value;
    } values[] = {
        { TYPE_BOOL, "false" },
        { TYPE_BYTEA, "''" },
        { TYPE_CHAR, "'*'" },
        { TYPE_INT8, "0" },
        { TYPE_INT2, "0" },
        { TYPE_INT4, "0" },
        { TYPE_FLOAT4, "0" },
        { TYPE_FLOAT8, "0" },
        { TYPE_NUMERIC, "0" },
        { TYPE_JSON, "'{}'" },
        { TYPE_JSONB, "'{}'" },
        { TYPE_INET, "'0.0.0.0'" },
        { TYPE_DATE, "'1970-01-01'" },
        { TYPE_TIME, "'00:00'" },
        { TYPE_TIMESTAMP, "'1970-01-01 00:00'" },
        { TYPE_TIMESTAMPTZ, "'1970-01-01 00:00+00'" },
        { TYPE_INTERVAL, "'0'" },
        { TYPE_UUID, "'00000000-0000-0000-0000-000000000000'" },
    };
    if (is_text(w) && w->type) {
        put_cast(w, "'***'");
        return;
    }
    for (size_t i = 0; w->not_null && w->type && i < sizeof values / sizeof *values; i++)
        if (values[i].oid == w->oid) {
            put_cast(w, values[i].value);
            return;
        }
    if (w->not_null && is_array(w))
        put_cast(w, "'{}'");
    else
        put_null(w);
}

static void put_constant(struct writing *w, struct bytes constant)
{
    bool number = constant.n > 0 && constant.n <= 4;
    for (size_t i = 0; i < constant.n; i++)
        number &= constant.p[i] >= '0' && constant.p[i] <= '9';
    bool numeric = w->oid == TYPE_INT2 || w->oid == TYPE_INT4 || w->oid == TYPE_INT8 ||
                   w->oid == TYPE_FLOAT4 || w->oid == TYPE_FLOAT8 ||
                   (w->oid == TYPE_NUMERIC && w->typmod < 4);
    if (!is_text(w) && !(numeric && number)) {
        put_redacted(w);
        return;
    }
    bool escapes = constant.n && memchr(constant.p, '\\', constant.n);
    buf_append_text(&w->out, escapes ? "CAST(E'" : "CAST('");
    for (size_t i = 0; i < constant.n; i++) {
        if (constant.p[i] == '\'' || constant.p[i] == '\\') buf_put_u8(&w->out, constant.p[i]);
        buf_put_u8(&w->out, constant.p[i]);
    }
    buf_append_text(&w->out, "' AS ");
    put_type(w);
    buf_append_text(&w->out, ")");
}

#define TEXT_OF          "CAST(%.*s AS pg_catalog.text)"
#define CONCAT           " OPERATOR(pg_catalog.||) "
#define GREATER          " OPERATOR(pg_catalog.>) "
#define EQUAL_OR_GREATER " OPERATOR(pg_catalog.>=) "
#define EQUAL_OR_LESS    " OPERATOR(pg_catalog.<=) "

/* The whole is a text; NULL stays NULL. A type with a length cuts what it is given, and never shows more. */
static void put_text_case(struct writing *w, const char *condition, const char *shown)
{
    buf_printf(&w->out, "CAST(CASE WHEN %.*s IS NULL THEN NULL WHEN %s THEN %s ELSE '***' END AS ",
               BYTES_FMT(w->reference), condition, shown);
    put_type(w);
    buf_append_text(&w->out, ")");
}

static bool put_partial(struct writing *w, uint32_t first, uint32_t last, struct arena *arena)
{
    struct bytes condition = arena_printf(arena, "pg_catalog.length(" TEXT_OF ")" GREATER "%u",
                                          BYTES_FMT(w->reference), first + last);
    struct bytes head =
        arena_printf(arena, "pg_catalog.\"left\"(" TEXT_OF ", %u)" CONCAT, BYTES_FMT(w->reference), first);
    struct bytes tail =
        arena_printf(arena, CONCAT "pg_catalog.\"right\"(" TEXT_OF ", %u)", BYTES_FMT(w->reference), last);
    if (!condition.p || !head.p || !tail.p) return false;
    struct bytes shown =
        arena_printf(arena, "%s'***'%s", first ? (const char *)head.p : "", last ? (const char *)tail.p : "");
    if (!shown.p) return false;
    put_text_case(w, (const char *)condition.p, (const char *)shown.p);
    return true;
}

static bool put_email(struct writing *w, struct arena *arena)
{
    struct bytes condition =
        arena_printf(arena, "pg_catalog.strpos(" TEXT_OF ", '@')" GREATER "0", BYTES_FMT(w->reference));
    struct bytes shown = arena_printf(arena, "'***@'" CONCAT "pg_catalog.split_part(" TEXT_OF ", '@', -1)",
                                      BYTES_FMT(w->reference));
    if (!condition.p || !shown.p) return false;
    put_text_case(w, (const char *)condition.p, (const char *)shown.p);
    return true;
}

/* Far from the ends of the range, where truncating would leave it; infinity is further out. */
static bool put_year(struct writing *w)
{
    const char *type = w->oid == TYPE_TIMESTAMPTZ ? "timestamptz"
                       : w->oid == TYPE_TIMESTAMP ? "timestamp"
                                                  : "date";
    const char *through = w->oid == TYPE_TIMESTAMPTZ ? "timestamptz" : "timestamp";
    buf_printf(
        &w->out,
        "CASE WHEN %.*s" EQUAL_OR_GREATER "CAST('4000-01-01 BC' AS pg_catalog.%s) AND %.*s" EQUAL_OR_LESS
        "CAST('200000-01-01' AS pg_catalog.%s) THEN CAST(pg_catalog.date_trunc('year', CAST(%.*s AS "
        "pg_catalog.%s)) AS ",
        BYTES_FMT(w->reference), type, BYTES_FMT(w->reference), type, BYTES_FMT(w->reference), through);
    put_type(w);
    buf_append_text(&w->out, ") ELSE ");
    put_redacted(w);
    buf_append_text(&w->out, " END");
    return true;
}

/* The lowest value of numeric(p, s) whose range still begins inside the type. Above zero a range begins no
 * lower than the value does. */
static const char *numeric_low(const struct writing *w, int64_t step, struct arena *arena)
{
    int precision, scale, digits = 0;
    if (!numeric_modifier(w, &precision, &scale)) return "-1e100";
    for (int64_t rest = step; rest > 0; rest /= 10)
        digits++;
    int whole = precision - scale < 100 ? precision - scale : 100;
    if (scale < 0 || whole < digits) return "0";
    struct bytes low = arena_printf(arena, "-1e%d OPERATOR(pg_catalog.+) %lld", whole, (long long)step);
    return (const char *)low.p;
}

/* floor(x / step) * step, where neither leaves the type. */
static bool put_range(struct writing *w, int64_t step, struct arena *arena)
{
    const char *low, *high, *type, *through = "numeric";
    switch (w->oid) {
    case TYPE_INT2: low = "-32000", high = "32000", type = "int2"; break;
    case TYPE_INT4: low = "-1000000000", high = "2147483647", type = "int4"; break;
    case TYPE_INT8: low = "-9000000000000000000", high = "9000000000000000000", type = "int8"; break;
    case TYPE_FLOAT4: low = "-1e30", high = "1e30", type = "float4", through = "float8"; break;
    case TYPE_FLOAT8: low = "-1e300", high = "1e300", type = "float8", through = "float8"; break;
    case TYPE_NUMERIC: low = numeric_low(w, step, arena), high = "1e100", type = "numeric"; break;
    default: return false;
    }
    if (!w->type || !low || (w->oid == TYPE_INT2 && step > 700)) return false;
    buf_printf(&w->out,
               "CASE WHEN %.*s" EQUAL_OR_GREATER "CAST(%s AS pg_catalog.%s) AND %.*s" EQUAL_OR_LESS
               "CAST(%s AS pg_catalog.%s) THEN CAST(pg_catalog.floor(CAST(%.*s AS pg_catalog.%s) "
               "OPERATOR(pg_catalog./) CAST(%lld AS pg_catalog.%s)) OPERATOR(pg_catalog.*) CAST(%lld AS "
               "pg_catalog.%s) AS ",
               BYTES_FMT(w->reference), low, type, BYTES_FMT(w->reference), high, type,
               BYTES_FMT(w->reference), through, (long long)step, through, (long long)step, through);
    put_type(w);
    buf_append_text(&w->out, ") ELSE ");
    put_redacted(w);
    buf_append_text(&w->out, " END");
    return true;
}

/* A text, or an array of them as one. */
static bool put_definition(struct writing *w)
{
    if (!w->type || (!is_text(w) && !is_array(w))) return false;
    struct bytes arguments = mask_definition_arguments();
    buf_printf(&w->out, "CAST(pg_catalog.regexp_replace(" TEXT_OF ", %.*s) AS ", BYTES_FMT(w->reference),
               BYTES_FMT(arguments));
    put_type(w);
    buf_append_text(&w->out, ")");
    return true;
}

static bool is_date(const struct writing *w)
{
    return w->oid == TYPE_DATE || w->oid == TYPE_TIMESTAMP || w->oid == TYPE_TIMESTAMPTZ;
}

static bool put_mask(struct writing *w, const struct policy_mask *mask, struct arena *arena)
{
    bool text = is_text(w) && w->type;
    switch (mask->kind) {
    case POLICY_MASK_DEFINITION:
        if (put_definition(w)) return true;
        break;
    case POLICY_MASK_NULL: put_null(w); return true;
    case POLICY_MASK_CONSTANT:
        if (!w->type) break;
        put_constant(w, mask->constant);
        return true;
    case POLICY_MASK_PARTIAL:
        if (text) return put_partial(w, mask->first, mask->last, arena);
        break;
    case POLICY_MASK_EMAIL:
        if (text) return put_email(w, arena);
        break;
    case POLICY_MASK_PHONE:
        if (text) return put_partial(w, 0, 2, arena);
        break;
    case POLICY_MASK_YEAR:
        if (is_date(w)) return put_year(w);
        break;
    case POLICY_MASK_RANGE:
        if (put_range(w, mask->step, arena)) return true;
        break;
    case POLICY_MASK_NONE: /* nobody asks; hiding is the safe answer */
    case POLICY_MASK_REDACT: break;
    }
    put_redacted(w);
    return true;
}

struct bytes mask_expression(const struct policy_mask *mask, const struct catalog_view *view,
                             const struct catalog_column *column, struct bytes reference, struct arena *arena)
{
    struct writing w = {
        .oid = column->type, .typmod = column->typmod, .not_null = column->not_null, .reference = reference
    };
    w.type = catalog_type_by_oid(view, w.oid);
    for (int i = 0; w.type && w.type->kind == 'd' && i < DOMAINS; i++) {
        w.oid = w.type->base;
        w.typmod = -1;
        w.type = catalog_type_by_oid(view, w.oid);
    }
    buf_init(&w.out, 64 << 10);
    bool good = put_mask(&w, mask, arena) && !w.out.failed;
    struct bytes text = good ? arena_copy(arena, buf_bytes(&w.out)) : (struct bytes){ 0 };
    buf_free(&w.out);
    return text;
}
