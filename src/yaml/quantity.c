/* A whole number and a unit from a table; the printer takes the largest unit that divides. */
#include "yaml/quantity.h"

struct unit {
    const char *name;
    int64_t factor;
};
/* Largest first. */
static const struct unit duration_units[] = { { "d", 86400000000 }, { "h", 3600000000 }, { "m", 60000000 },
                                              { "s", 1000000 },     { "ms", 1000 },      { "us", 1 } };
static const struct unit size_units[] = {
    { "TB", 1LL << 40 }, { "GB", 1LL << 30 }, { "MB", 1LL << 20 }, { "kB", 1LL << 10 }, { "B", 1 }
};
#define N_UNITS(units) (sizeof(units) / sizeof *(units))

static bool quantity_parse(struct bytes text, const struct unit *units, size_t n, bool unit_needed,
                           int64_t *out)
{
    size_t digits = 0;
    while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
        digits++;
    int64_t number, value;
    if (!digits || !bytes_to_int64(bytes_slice(text, 0, digits), &number)) return false;
    struct bytes unit = bytes_slice(text, digits, text.n);
    if (!unit.n && (!unit_needed || number == 0)) {
        *out = number;
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        if (!bytes_is(unit, units[i].name)) continue;
        if (__builtin_mul_overflow(number, units[i].factor, &value)) return false;
        *out = value;
        return true;
    }
    return false;
}

static void quantity_print(int64_t value, const struct unit *units, size_t n, struct buf *out)
{
    if (value == 0) {
        buf_append_text(out, "0");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (value % units[i].factor != 0) continue;
        buf_printf(out, "%lld%s", (long long)(value / units[i].factor), units[i].name);
        return;
    }
}

bool yaml_duration_parse(struct bytes text, int64_t *us_out)
{
    return quantity_parse(text, duration_units, N_UNITS(duration_units), true, us_out);
}

void yaml_duration_print(int64_t us, struct buf *out)
{
    quantity_print(us, duration_units, N_UNITS(duration_units), out);
}

bool yaml_size_parse(struct bytes text, int64_t *bytes_out)
{
    return quantity_parse(text, size_units, N_UNITS(size_units), false, bytes_out);
}

void yaml_size_print(int64_t bytes, struct buf *out)
{
    quantity_print(bytes, size_units, N_UNITS(size_units), out);
}
