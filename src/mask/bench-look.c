/* What looking through results for values costs: a row of eight columns, such as a table of customers has,
 * and a long text; without a value in it, and with. usage: bench-mask-look [--json] */
#include "base/check.h"
#include "mask/look.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 21, ROWS = 20000, LONG = 1 << 20 };
enum { INT8 = 20, INT4 = 23, TEXT = 25, DATE = 1082, TIMESTAMPTZ = 1184, NUMERIC = 1700, JSONB = 3802 };

struct value {
    uint32_t type;
    const char *text;
};
static const struct value plain[] = {
    { INT8, "1734512" },
    { TEXT, "Example Street 17, 2nd floor" },
    { TEXT, "Ann" },
    { DATE, "1987-04-12" },
    { NUMERIC, "1299.95" },
    { TIMESTAMPTZ, "2024-05-07 20:24:05.072+00" },
    { JSONB, "{\"plan\": \"basic\", \"seats\": 12, \"since\": \"2021\"}" },
    { TEXT, "Called back on Monday; wants the invoice to go to the new address from June on." },
};
static const struct value held[] = {
    { INT8, "1734512" },
    { TEXT, "ann@example.com" },
    { TEXT, "Ann" },
    { DATE, "1987-04-12" },
    { NUMERIC, "1299.95" },
    { TIMESTAMPTZ, "2024-05-07 20:24:05.072+00" },
    { JSONB, "{\"plan\": \"basic\", \"seats\": 12, \"since\": \"2021\"}" },
    { TEXT, "Paid with 4111 1111 1111 1111; wants the invoice to go to the new address." },
};
enum { COLUMNS = sizeof plain / sizeof *plain };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double each[RUNS])
{
    qsort(each, RUNS, sizeof *each, by_size);
    return each[RUNS / 2];
}

/* As a session does it: what cannot hold any is passed over before. */
static bool look_at(const struct policy_values *rules, enum look_way way, struct bytes value, struct buf *out)
{
    struct look_tally tally = { 0 };
    if (way == LOOK_NOT || !values_may_hold(value, rules->looked)) return false;
    return look_value(rules, way, value, out, &tally) != LOOK_SAME;
}

/* Nanoseconds a row. */
static double rows(const struct policy_values *rules, const struct value *row, unsigned wanted)
{
    double each[RUNS];
    struct bytes values[COLUMNS];
    enum look_way ways[COLUMNS];
    struct buf out;
    unsigned found = 0;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < COLUMNS; i++) {
        values[i] = bytes_of(row[i].text);
        ways[i] = look_way(row[i].type, false);
    }
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        for (int n = 0; n < ROWS; n++)
            for (size_t i = 0; i < COLUMNS; i++) {
                found += look_at(rules, ways[i], values[i], &out);
                buf_consume(&out, buf_length(&out));
            }
        each[run] = (now_us() - start) * 1000 / ROWS;
    }
    CHECK(found == wanted * RUNS * ROWS);
    buf_free(&out);
    return median(each);
}

/* Nanoseconds a kilobyte of a long text that repeats this one. */
static double kilobyte(const struct policy_values *rules, const char *text)
{
    double each[RUNS];
    struct buf out, whole;
    buf_init(&out, 8 << 20);
    buf_init(&whole, LONG);
    while (buf_length(&whole) + strlen(text) <= LONG)
        buf_append_text(&whole, text);
    for (int run = 0; run < RUNS; run++) {
        double start = now_us();
        (void)!look_at(rules, LOOK_BYTES, buf_bytes(&whole), &out);
        each[run] = (now_us() - start) * 1e6 / (double)buf_length(&whole);
        buf_consume(&out, buf_length(&out));
    }
    buf_free(&out);
    buf_free(&whole);
    return median(each) * 1.024;
}

static void tell(bool json, const char *name, double ns)
{
    if (json)
        printf("{\"name\":\"%s\",\"ns\":%.1f}\n", name, ns);
    else
        printf("%-40s %8.1f ns\n", name, ns);
}

int main(int argc, char **argv)
{
    struct policy_values rules = { 0 };
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    for (unsigned v = 0; v < POLICY_N_VALUES; v++) {
        const char *wrong = policy_mask_parse(BYTES_LITERAL("redact"), &rules.by[v]);
        CHECK(!wrong);
        rules.looked = rules.masked |= 1U << v;
    }
    tell(json, "a row of 8 columns without a value", rows(&rules, plain, 0));
    tell(json, "a row of 8 columns with two", rows(&rules, held, 2));
    tell(json, "a kilobyte of words",
         kilobyte(&rules, "the quick brown fox jumps over the lazy dog, 12 times. "));
    tell(json, "a kilobyte of numbers",
         kilobyte(&rules, "4539 5787 6362 1487, 2024-05-07; 1734512 and 99 more. "));
    tell(json, "a kilobyte of addresses", kilobyte(&rules, "ann@example.com, bob@example.org; "));
    return 0;
}
