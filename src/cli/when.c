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
