/* Any bytes as COPY data: the first two choose the form, the third how it is cut into pieces. The oracle:
 * rows and fields are the same however the data is cut; rows are counted upwards, places within a row as
 * well, and a field holds only bytes that can be read; what was lost stays lost. And the other way: rows that
 * are written as COPY writes text come back as they were. */
#include "base/check.h"
#include "base/map.h"
#include "record/copy-rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct seen {
    uint64_t hash, row, n;
    size_t place;
};

static void see(void *context, uint64_t row, size_t place, struct bytes field)
{
    struct seen *s = context;
    CHECK(row > s->row || (row == s->row && place > s->place));
    s->row = row;
    s->place = place;
    s->n++;
    s->hash = map_hash(field, s->hash ^ row << 20 ^ place);
}

static struct seen read_all(const struct copy_options *options, struct bytes data, size_t piece)
{
    struct seen s = { .place = 0 };
    struct copy_rows c;
    copy_rows_init(&c, options);
    bool lost = false;
    for (size_t at = 0; at < data.n; at += piece) {
        uint64_t before = s.n;
        copy_rows_feed(&c, bytes_slice(data, at, piece), see, &s);
        CHECK(!lost || (c.lost && s.n == before));
        CHECK(s.row <= c.n_rows);
        lost = c.lost;
    }
    s.hash ^= c.n_rows << 1 ^ c.lost;
    copy_rows_free(&c);
    return s;
}

/* ---- text, written as COPY writes it */

struct field {
    struct bytes text;
    uint64_t row;
    size_t place;
};
enum { FIELDS = 256 };
struct written {
    struct field fields[FIELDS];
    size_t n, at;
};

static void compare(void *context, uint64_t row, size_t place, struct bytes field)
{
    struct written *w = context;
    CHECK(w->at < w->n);
    const struct field *f = &w->fields[w->at++];
    CHECK(f->row == row && f->place == place && bytes_equal(f->text, field));
}

static void put_text(struct buf *out, struct bytes field)
{
    static const char special[] = "\b\f\n\r\t\v\\", letters[] = "bfnrtv\\";
    for (size_t i = 0; i < field.n; i++) {
        const char *found = field.p[i] ? strchr(special, field.p[i]) : NULL;
        if (found) buf_put_u8(out, '\\');
        buf_put_u8(out, found ? (uint8_t)letters[found - special] : field.p[i]);
    }
}

/* A byte of zero parts fields, a byte of one parts rows. */
static void round_trip(struct bytes data)
{
    static struct written w;
    struct buf out;
    struct copy_options options = copy_options_of(BYTES_LITERAL("COPY t TO STDOUT"));
    struct copy_rows c;
    size_t from = 0, place = 0;
    uint64_t row = 1;
    w.n = w.at = 0;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < data.n && w.n < FIELDS; i++) {
        if (data.p[i] > 1) continue;
        w.fields[w.n++] = (struct field){ bytes_slice(data, from, i - from), row, place++ };
        put_text(&out, bytes_slice(data, from, i - from));
        buf_put_u8(&out, data.p[i] ? '\n' : '\t');
        from = i + 1;
        if (!data.p[i]) continue;
        row++;
        place = 0;
    }
    /* A last field that is empty ends the row that is open. */
    w.fields[w.n < FIELDS ? w.n++ : FIELDS - 1] = (struct field){ { 0 }, row, place };
    if (w.n < FIELDS && !out.failed) {
        buf_put_u8(&out, '\n');
        copy_rows_init(&c, &options);
        copy_rows_feed(&c, buf_bytes(&out), compare, &w);
        CHECK(w.at == w.n && c.n_rows == row && !c.lost);
        copy_rows_free(&c);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const texts[] = {
        "COPY t TO STDOUT",
        "COPY t TO STDOUT (FORMAT csv)",
        "COPY t TO STDOUT (FORMAT binary)",
        "COPY t TO STDOUT (FORMAT csv, HEADER, DELIMITER ';', NULL 'none', QUOTE '''', ESCAPE '\\')",
        "COPY t TO STDOUT WITH (DELIMITER '|', NULL '')",
        "COPY t TO STDOUT WITH BINARY"
    };
    if (n < 3) return 0;
    struct bytes rest = bytes_make(data + 3, n - 3);
    struct copy_options options = copy_options_of(bytes_of(texts[data[0] % 6]));
    if (data[1] & 1) {
        /* The text of the statement is a client's as well. */
        size_t text = data[1] < rest.n ? data[1] : rest.n;
        options = copy_options_of(bytes_slice(rest, 0, text));
        rest = bytes_slice(rest, text, rest.n);
    }
    struct seen whole = read_all(&options, rest, rest.n + 1), bytewise = read_all(&options, rest, 1),
                pieces = read_all(&options, rest, 1 + data[2]);
    CHECK(whole.hash == bytewise.hash && whole.n == bytewise.n);
    CHECK(whole.hash == pieces.hash && whole.n == pieces.n);
    round_trip(rest);
    return 0;
}
