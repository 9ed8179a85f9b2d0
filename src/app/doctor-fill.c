/* Filling templates, and writing names again. Source: PostgreSQL documentation, "Identifiers and Key Words".
 */
#include "app/doctor-fill.h"
#include "cli/safe.h"

/* Whether a terminal shows it as it is. */
static bool shows(struct bytes text)
{
    struct buf safe;
    buf_init(&safe, 16 * text.n + 64);
    safe_append(&safe, text, SAFE_ONE_LINE);
    bool same = !safe.failed && bytes_equal(buf_bytes(&safe), text);
    buf_free(&safe);
    return same;
}

/* The code point at the front of valid UTF-8, and its length. */
static uint32_t code_point(struct bytes text, size_t *n_out)
{
    uint8_t first = text.p[0];
    size_t n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | (text.p[i] & 0x3Fu);
    *n_out = n;
    return c;
}

/* name: what stands between the quotes, with quotes doubled. */
static bool put_name(struct bytes name, enum doctor_fill how, struct buf *out)
{
    if (shows(name)) {
        buf_printf(out, "\"%.*s\"", BYTES_FMT(name));
        return true;
    }
    if (how == DOCTOR_FILL_PLAIN || !bytes_is_utf8(name)) return false;
    buf_append_text(out, "U&\"");
    for (size_t i = 0, n; i < name.n; i += n) {
        uint32_t c = code_point(bytes_slice(name, i, name.n), &n);
        if (c == '\\')
            buf_append_text(out, "\\\\");
        else if (c >= 0x20 && c < 0x7F)
            buf_put_u8(out, (uint8_t)c);
        else
            buf_printf(out, c > 0xFFFF ? "\\+%06X" : "\\%04X", (unsigned)c);
    }
    buf_append_text(out, "\"");
    return true;
}

/* Behind the quote at the front: the length up to the one that ends it; n where none does. */
static size_t name_length(struct bytes text)
{
    size_t i = 1;
    while (i < text.n) {
        if (text.p[i] != '"')
            i++;
        else if (i + 1 < text.n && text.p[i + 1] == '"')
            i += 2;
        else
            return i - 1;
    }
    return text.n;
}

bool doctor_fill_sql(struct bytes sql, enum doctor_fill how, struct buf *out)
{
    while (sql.n) {
        size_t plain = 0;
        while (plain < sql.n && sql.p[plain] != '"')
            plain++;
        if (!shows(bytes_slice(sql, 0, plain))) return false;
        buf_append(out, bytes_slice(sql, 0, plain));
        sql = bytes_slice(sql, plain, sql.n);
        if (!sql.n) break;
        size_t n = name_length(sql);
        if (n == sql.n || !put_name(bytes_slice(sql, 1, n), how, out)) return false;
        sql = bytes_slice(sql, n + 2, sql.n);
    }
    return !out->failed;
}

static struct bytes place_value(struct bytes place, const struct doctor_values *v)
{
    const struct {
        const char *name;
        struct bytes value;
    } named[] = { { "role", v->facts->role },
                  { "database", v->facts->database },
                  { "owner", v->facts->owner },
                  { "policy", v->policy },
                  { "regard", v->regard } };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (bytes_is(place, named[i].name)) return named[i].value;
    CHECK(place.n == 1 && place.p[0] >= '1' && (size_t)(place.p[0] - '0') <= v->n);
    return v->columns[place.p[0] - '1'];
}

bool doctor_fill(const char *template, const struct doctor_values *values, enum doctor_fill how,
                 struct buf *out)
{
    for (const char *at = template; *at;) {
        size_t n = strcspn(at, "{");
        buf_append(out, bytes_make(at, n));
        at += n;
        if (!*at) break;
        n = strcspn(at, "}");
        CHECK(at[n]);
        struct bytes value = place_value(bytes_make(at + 1, n - 1), values);
        if (how == DOCTOR_FILL_WORDS)
            buf_append(out, value);
        else if (!doctor_fill_sql(value, how, out))
            return false;
        at += n + 1;
    }
    return !out->failed;
}
