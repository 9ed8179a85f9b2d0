#include "record/publish-batch.h"
#include "store/postgres.h"
#include <inttypes.h>

enum { CEILING = 256 << 20, MARKS = PUBLISH_ROWS + 1 };

void publish_batch_init(struct publish_batch *b)
{
    *b = (struct publish_batch){ 0 };
    arena_init(&b->arena, 256 << 10, CEILING);
    for (size_t i = 0; i < PUBLISH_TABLES; i++) {
        for (size_t k = 0; k < PUBLISH_UNIT; k++)
            buf_init(&b->parts[i].keys[k], CEILING);
        for (size_t k = 0; k < PUBLISH_COLUMNS; k++)
            buf_init(&b->parts[i].columns[k], CEILING);
    }
}

void publish_batch_free(struct publish_batch *b)
{
    for (size_t i = 0; i < PUBLISH_TABLES; i++) {
        for (size_t k = 0; k < PUBLISH_UNIT; k++)
            buf_free(&b->parts[i].keys[k]);
        for (size_t k = 0; k < PUBLISH_COLUMNS; k++)
            buf_free(&b->parts[i].columns[k]);
    }
    arena_free(&b->arena);
}

void publish_batch_clear(struct publish_batch *b)
{
    publish_batch_free(b);
    publish_batch_init(b);
}

bool publish_batch_is_full(const struct publish_batch *b)
{
    return b->n >= PUBLISH_ROWS || b->bytes >= PUBLISH_BYTES || b->n_months + 1 >= PUBLISH_MONTHS;
}

bool publish_batch_failed(const struct publish_batch *b)
{
    bool failed = b->n_marks == SIZE_MAX;
    for (size_t i = 0; i < publish_n_tables; i++) {
        for (size_t k = 0; k < publish_tables[i].n_unit; k++)
            failed |= b->parts[i].keys[k].failed;
        for (size_t k = 0; k < publish_tables[i].n_columns; k++)
            failed |= b->parts[i].columns[k].failed;
    }
    return failed;
}

struct bytes publish_key_clip(struct bytes text)
{
    if (text.n <= PUBLISH_KEY_TEXT) return text;
    size_t n = PUBLISH_KEY_TEXT;
    while (n && (text.p[n] & 0xC0) == 0x80)
        n--;
    return bytes_slice(text, 0, n);
}

void publish_batch_take_key(struct publish_batch *b, const struct publish_table *table,
                            struct sqlite_query *q, int column, struct publish_value *key)
{
    for (size_t k = 0; k < table->n_unit; k++) {
        key[k] = (struct publish_value){ 0 };
        if (table->columns[k].type == PUBLISH_TEXT)
            key[k].text = arena_copy(&b->arena, sqlite_query_text(q, column + (int)k));
        else
            key[k].number = sqlite_query_int(q, column + (int)k);
    }
}

/* ---- arrays */

static void begin_element(struct buf *array, size_t n)
{
    buf_append_text(array, n ? "," : "{");
}

void publish_batch_add_key(struct publish_batch *b, size_t table, const struct publish_value *key)
{
    struct publish_part *part = &b->parts[table];
    for (size_t k = 0; k < publish_tables[table].n_unit; k++) {
        begin_element(&part->keys[k], part->n_keys);
        if (publish_tables[table].columns[k].type == PUBLISH_TEXT)
            postgres_array_add(&part->keys[k], publish_key_clip(key[k].text));
        else
            buf_printf(&part->keys[k], "%" PRId64, key[k].number);
    }
    part->n_keys++;
}

static void note_month(struct publish_batch *b, size_t table, int64_t month)
{
    for (size_t i = 0; i < b->n_months; i++)
        if (b->months[i].table == table && b->months[i].month == month) return;
    CHECK(b->n_months < PUBLISH_MONTHS);
    b->months[b->n_months++] = (struct publish_month){ table, month };
}

void publish_batch_add_row(struct publish_batch *b, size_t index, struct sqlite_query *q, int column)
{
    const struct publish_table *table = &publish_tables[index];
    struct publish_part *part = &b->parts[index];
    for (size_t k = 0; k < table->n_columns; k++) {
        struct bytes text = sqlite_query_text(q, column + (int)k);
        begin_element(&part->columns[k], part->n_rows);
        if (!text.p || table->columns[k].type == PUBLISH_TEXT)
            postgres_array_add(&part->columns[k], k < table->n_keys ? publish_key_clip(text) : text);
        else
            buf_printf(&part->columns[k], "%" PRId64, sqlite_query_int(q, column + (int)k));
        b->bytes += text.n + 8;
    }
    part->n_rows++;
    if (table->time)
        note_month(b, index,
                   publish_month_of(table->time, sqlite_query_int(q, column + (int)table->time_column)));
}

void publish_batch_mark(struct publish_batch *b, size_t table, int64_t n, const struct publish_value *key)
{
    if (!b->marks) b->marks = ARENA_ARRAY(&b->arena, struct publish_mark, MARKS);
    if (!b->marks || b->n_marks >= MARKS) {
        b->n_marks = SIZE_MAX;
        return;
    }
    struct publish_mark *mark = &b->marks[b->n_marks++];
    mark->table = table;
    mark->n = n;
    memcpy(mark->key, key, sizeof mark->key);
}

/* ---- months */

/* Days since 1970 of a month's first day, by the calendar of Gregory: years begin in March here, so that the
 * day that is sometimes there stands at the end. */
static int64_t first_day(int64_t month)
{
    int64_t y = 1970 + month / 12, m = month % 12; /* m 0: January */
    if (m < 2) y--;
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * ((m + 10) % 12) + 2) / 5;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t units_of_day(enum publish_time unit)
{
    return unit == PUBLISH_MINUTES ? 1440 : (int64_t)86400 * 1000000;
}

int64_t publish_month_begin(enum publish_time unit, int64_t month)
{
    return first_day(month) * units_of_day(unit);
}

int64_t publish_month_of(enum publish_time unit, int64_t time)
{
    if (time < 0) return PUBLISH_MONTH_EARLY;
    int64_t day = time / units_of_day(unit);
    if (day >= first_day(PUBLISH_MONTH_LATE)) return PUBLISH_MONTH_LATE;
    int64_t month = day * 12 / 366; /* at most one too early a century; the loop goes on from there */
    while (first_day(month + 1) <= day)
        month++;
    return month;
}
