/* Dates count days, times microseconds, from 2000-01-01. The calendar is the proleptic Gregorian one; the
 * year before 1 is 1 BC. Source: EncodeDateOnly, EncodeDateTime and EncodeInterval of PostgreSQL 15's
 * src/backend/utils/adt/datetime.c. */
#include "pgwire/typeout-time.h"
#include <stdlib.h>

#define DAY_US (INT64_C(86400) * 1000000)
enum { DAYS_1970_TO_2000 = 10957 };

/* Days since 1970 to a date, by eras of 400 years that begin on 1 March, so that the leap day is last. */
static void put_date(int64_t days_2000, bool *bc_out, struct buf *out)
{
    int64_t z = days_2000 + DAYS_1970_TO_2000 + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * shifted + 2) / 5 + 1;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    int64_t year = year_of_era + era * 400 + (month <= 2);
    *bc_out = year <= 0;
    buf_printf(out, "%04lld-%02lld-%02lld", (long long)(year > 0 ? year : 1 - year), (long long)month,
               (long long)day);
}

static void put_fraction(int64_t us, struct buf *out)
{
    if (us == 0) return;
    int width = 6;
    for (; us % 10 == 0; us /= 10)
        width--;
    buf_printf(out, ".%0*lld", width, (long long)us);
}

static void put_clock(int64_t us, struct buf *out)
{
    int64_t s = us / 1000000;
    buf_printf(out, "%02lld:%02lld:%02lld", (long long)(s / 3600), (long long)(s / 60 % 60),
               (long long)(s % 60));
    put_fraction(us % 1000000, out);
}

bool typeout_date(struct cursor *c, struct buf *out)
{
    int32_t days = (int32_t)cursor_u32(c);
    bool bc = false;
    if (days == INT32_MAX)
        buf_append_text(out, "infinity");
    else if (days == INT32_MIN)
        buf_append_text(out, "-infinity");
    else
        put_date(days, &bc, out);
    if (bc) buf_append_text(out, " BC");
    return true;
}

static bool time_is_sane(int64_t us)
{
    return us >= 0 && us <= DAY_US;
}

bool typeout_time(struct cursor *c, struct buf *out)
{
    int64_t us = (int64_t)cursor_u64(c);
    if (!time_is_sane(us)) return false;
    put_clock(us, out);
    return true;
}

bool typeout_timetz(struct cursor *c, struct buf *out)
{
    int64_t us = (int64_t)cursor_u64(c);
    int32_t west = (int32_t)cursor_u32(c);
    if (!time_is_sane(us) || west < -16 * 3600 || west > 16 * 3600) return false;
    put_clock(us, out);
    int32_t s = abs(west);
    buf_printf(out, "%c%02d", west <= 0 ? '+' : '-', s / 3600);
    if (s % 3600) buf_printf(out, ":%02d", s / 60 % 60);
    if (s % 60) buf_printf(out, ":%02d", s % 60);
    return true;
}

static bool put_timestamp(struct cursor *c, const char *zone, struct buf *out)
{
    int64_t us = (int64_t)cursor_u64(c);
    if (us == INT64_MAX || us == INT64_MIN) {
        buf_append_text(out, us < 0 ? "-infinity" : "infinity");
        return true;
    }
    int64_t days = us / DAY_US, rest = us % DAY_US;
    if (rest < 0) {
        rest += DAY_US;
        days--;
    }
    bool bc;
    put_date(days, &bc, out);
    buf_put_u8(out, ' ');
    put_clock(rest, out);
    buf_append_text(out, zone);
    if (bc) buf_append_text(out, " BC");
    return true;
}

bool typeout_timestamp(struct cursor *c, struct buf *out)
{
    return put_timestamp(c, "", out);
}

bool typeout_timestamptz(struct cursor *c, struct buf *out)
{
    return put_timestamp(c, "+00", out);
}

struct interval_text {
    struct buf *out;
    bool empty, before; /* before: the part that was written last is negative */
};

static void put_interval_part(struct interval_text *t, int32_t value, const char *unit)
{
    if (value == 0) return;
    buf_printf(t->out, "%s%s%d %s%s", t->empty ? "" : " ", t->before && value > 0 ? "+" : "", value, unit,
               value == 1 ? "" : "s");
    t->before = value < 0;
    t->empty = false;
}

bool typeout_interval(struct cursor *c, struct buf *out)
{
    int64_t us = (int64_t)cursor_u64(c);
    int32_t days = (int32_t)cursor_u32(c), months = (int32_t)cursor_u32(c);
    struct interval_text t = { .out = out, .empty = true };
    put_interval_part(&t, months / 12, "year");
    put_interval_part(&t, months % 12, "mon");
    put_interval_part(&t, days, "day");
    if (!t.empty && us == 0) return true;
    uint64_t size = us < 0 ? -(uint64_t)us : (uint64_t)us;
    buf_printf(out, "%s%s%02llu:%02llu:%02llu", t.empty ? "" : " ",
               us < 0     ? "-"
               : t.before ? "+"
                          : "",
               (unsigned long long)(size / 3600000000U), (unsigned long long)(size / 60000000U % 60),
               (unsigned long long)(size / 1000000U % 60));
    put_fraction((int64_t)(size % 1000000U), out);
    return true;
}
