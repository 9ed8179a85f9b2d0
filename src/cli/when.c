/* Reading and writing of times; UTC throughout, since records of several machines are read side by side. */
#include "cli/when.h"
#include "base/codec.h"
#include <stdio.h>
#include <time.h>

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)

static bool parse_ago(struct bytes text, int64_t now_us, int64_t *us_out)
{
    static const struct {
        char unit;
        int64_t us;
    } units[] = {
        { 's', SECOND }, { 'm', 60 * SECOND }, { 'h', 3600 * SECOND }, { 'd', DAY }, { 'w', 7 * DAY }
    };
    int64_t n;
    if (text.n < 2 || !bytes_to_int64(bytes_slice(text, 0, text.n - 1), &n) || n < 0 || n > 100000)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (text.p[text.n - 1] == (uint8_t)units[i].unit) {
            *us_out = now_us - n * units[i].us;
            return true;
        }
    return false;
}

/* The next n digits; false where there are none. */
static bool digits(struct bytes *text, size_t n, int *out)
{
    int64_t value;
    if (text->n < n || !bytes_to_int64(bytes_slice(*text, 0, n), &value) || value < 0) return false;
    *text = bytes_slice(*text, n, text->n);
    *out = (int)value;
    return true;
}

static bool mark(struct bytes *text, char one, char other)
{
    if (!text->n || (text->p[0] != (uint8_t)one && text->p[0] != (uint8_t)other)) return false;
    *text = bytes_slice(*text, 1, text->n);
    return true;
}

static bool parse_clock(struct bytes *text, struct tm *tm, int64_t *fraction_out)
{
    if (!digits(text, 2, &tm->tm_hour) || !mark(text, ':', ':') || !digits(text, 2, &tm->tm_min))
        return false;
    if (mark(text, ':', ':')) {
        if (!digits(text, 2, &tm->tm_sec)) return false;
        if (mark(text, '.', '.'))
            for (int64_t scale = SECOND / 10; text->n && text->p[0] >= '0' && text->p[0] <= '9';
                 scale /= 10) {
                *fraction_out += (text->p[0] - '0') * scale;
                *text = bytes_slice(*text, 1, text->n);
            }
    }
    return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

bool when_parse(struct bytes text, int64_t now_us, int64_t *us_out)
{
    struct tm tm = { 0 };
    int64_t fraction = 0;
    if (bytes_is(text, "today") || bytes_is(text, "yesterday")) {
        *us_out = now_us - now_us % DAY - (text.p[0] == 'y' ? DAY : 0);
        return true;
    }
    if (parse_ago(text, now_us, us_out)) return true;
    if (!digits(&text, 4, &tm.tm_year) || !mark(&text, '-', '-') || !digits(&text, 2, &tm.tm_mon) ||
        !mark(&text, '-', '-') || !digits(&text, 2, &tm.tm_mday))
        return false;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 1970)
        return false;
    if (text.n && (!mark(&text, 'T', ' ') || !parse_clock(&text, &tm, &fraction))) return false;
    mark(&text, 'Z', 'z');
    if (text.n) return false;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    *us_out = (int64_t)timegm(&tm) * SECOND + fraction;
    return true;
}

bool when_parse_span(struct bytes text, int64_t *us_out)
{
    int64_t n;
    bool ms = text.n > 2 && bytes_is(bytes_slice(text, text.n - 2, 2), "ms");
    if (ms && bytes_to_int64(bytes_slice(text, 0, text.n - 2), &n) && n >= 0 && n < INT32_MAX) {
        *us_out = n * 1000;
        return true;
    }
    return !ms && parse_ago(text, 0, &n) && (*us_out = -n) >= 0;
}

static int64_t month_us(int year, int month)
{
    struct tm tm = { .tm_year = year - 1900 + (month - 1) / 12, .tm_mon = (month - 1) % 12, .tm_mday = 1 };
    return (int64_t)timegm(&tm) * SECOND;
}

/* "2026", "2026-Q3", "2026-10". */
static bool parse_months(struct bytes text, int64_t *since_us_out, int64_t *until_us_out)
{
    int year, month = 1, n = 12;
    if (!digits(&text, 4, &year) || year < 1970) return false;
    if (text.n) {
        if (!mark(&text, '-', '-')) return false;
        bool quarter = mark(&text, 'Q', 'q');
        if (!digits(&text, quarter ? 1 : 2, &month) || month < 1 || month > (quarter ? 4 : 12)) return false;
        n = quarter ? 3 : 1;
        if (quarter) month = 3 * month - 2;
    }
    if (text.n) return false;
    *since_us_out = month_us(year, month);
    *until_us_out = month_us(year, month + n);
    return true;
}

static bool is_day(struct bytes text)
{
    return text.n == 10 || bytes_is(text, "today") || bytes_is(text, "yesterday");
}

bool when_parse_period(struct bytes text, int64_t now_us, int64_t *since_us_out, int64_t *until_us_out)
{
    ptrdiff_t dots = bytes_find(text, BYTES_LITERAL(".."));
    struct bytes from = dots < 0 ? text : bytes_slice(text, 0, (size_t)dots),
                 to = dots < 0 ? text : bytes_slice(text, (size_t)dots + 2, text.n);
    int64_t ignored;
    if (dots < 0 && parse_months(text, since_us_out, until_us_out)) return true;
    bool good = when_parse(from, now_us, since_us_out) || parse_months(from, since_us_out, &ignored);
    if (dots < 0 && !is_day(from))
        *until_us_out = now_us + 60 * SECOND - 1; /* a span, or a time: up to now */
    else if (good && !parse_months(to, &ignored, until_us_out)) {
        good = when_parse(to, now_us, until_us_out);
        if (good && is_day(to)) *until_us_out += DAY;
    }
    if (!good) return false;
    *since_us_out -= *since_us_out % (60 * SECOND);
    *until_us_out -= *until_us_out % (60 * SECOND);
    return *since_us_out < *until_us_out;
}

void when_format(int64_t us, char out[20])
{
    char text[28];
    codec_time(us, text);
    memcpy(out, text, 19);
    out[10] = ' ';
    out[19] = 0;
}

void when_duration(int64_t us, char out[24])
{
    if (us < 0) us = 0;
    int64_t s = us / SECOND;
    if (us < 1000)
        snprintf(out, 24, "%d µs", (int)us);
    else if (s < 1)
        snprintf(out, 24, "%d.%03d ms", (int)(us / 1000), (int)(us % 1000));
    else if (s < 60)
        snprintf(out, 24, "%d.%02d s", (int)s, (int)(us % SECOND / 10000));
    else if (s < 3600)
        snprintf(out, 24, "%dm %02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        snprintf(out, 24, "%dh %02dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        snprintf(out, 24, "%lldd %dh", (long long)(s / 86400 % 1000000), (int)(s / 3600 % 24));
}
