/* SQL of a server's, written for showing: what comes out shows as it is, and names the same. */
#include "app/doctor-fill.h"
#include "cli/safe.h"

/* The names of the SQL one after the other, each with a NUL behind it, U&"…" undone; what is outside of them
 * as it is. Reads only what doctor_fill_sql may have written, or what a server quotes. */
static void names(struct bytes sql, bool ours, struct buf *out)
{
    for (size_t i = 0; i < sql.n;) {
        bool escaped = ours && i + 2 < sql.n && memcmp(sql.p + i, "U&\"", 3) == 0;
        if (escaped) i += 2;
        if (sql.p[i] != '"') {
            buf_put_u8(out, sql.p[i++]);
            continue;
        }
        for (i++; i < sql.n && (sql.p[i] != '"' || (i + 1 < sql.n && sql.p[i + 1] == '"'));) {
            uint32_t c = sql.p[i], digits = 0;
            if (c == '"' || (escaped && c == '\\' && sql.p[i + 1] == '\\')) {
                i += 2;
            } else if (escaped && c == '\\') {
                digits = sql.p[i + 1] == '+' ? 6 : 4;
                i += digits == 6 ? 2 : 1;
                c = 0;
                for (uint32_t k = 0; k < digits; k++, i++)
                    c = c * 16 + (uint32_t)(sql.p[i] >= 'A' ? sql.p[i] - 'A' + 10 : sql.p[i] - '0');
            } else {
                i++;
            }
            if (!digits || c < 0x80) {
                buf_put_u8(out, (uint8_t)c);
            } else if (c < 0x800) {
                buf_put_u16(out, (uint16_t)((0xC0 | c >> 6) << 8 | 0x80 | (c & 0x3F)));
            } else {
                if (c > 0xFFFF) buf_put_u8(out, (uint8_t)(0xF0 | c >> 18));
                buf_put_u8(out, (uint8_t)(c > 0xFFFF ? 0x80 | (c >> 12 & 0x3F) : 0xE0 | c >> 12));
                buf_put_u16(out, (uint16_t)((0x80 | (c >> 6 & 0x3F)) << 8 | 0x80 | (c & 0x3F)));
            }
        }
        i++;
        buf_put_u8(out, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf out, safe, before, after;
    struct bytes in = bytes_make(data, n);
    if (n > 4096) return 0;
    /* A server writes no U& by itself, and the oracle could not tell it from ours. */
    if (bytes_find(in, BYTES_LITERAL("U&\"")) >= 0 || memchr(data, 0, n)) return 0;
    buf_init(&out, 1 << 20);
    buf_init(&safe, 1 << 20);
    buf_init(&before, 1 << 20);
    buf_init(&after, 1 << 20);
    if (doctor_fill_sql(in, DOCTOR_FILL_SQL, &out)) {
        safe_append(&safe, buf_bytes(&out), SAFE_ONE_LINE);
        CHECK(bytes_equal(buf_bytes(&safe), buf_bytes(&out)));
        names(in, false, &before);
        names(buf_bytes(&out), true, &after);
        CHECK(bytes_equal(buf_bytes(&before), buf_bytes(&after)));
        buf_consume(&out, buf_length(&out));
        bool plain = doctor_fill_sql(in, DOCTOR_FILL_PLAIN, &out);
        CHECK(!plain || bytes_equal(buf_bytes(&out), in));
    }
    buf_free(&out);
    buf_free(&safe);
    buf_free(&before);
    buf_free(&after);
    return 0;
}
