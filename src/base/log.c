/* One buffer on the stack, one write(2) a line. The level is the only state, set before threads start. */
#include "base/log.h"
#include "base/clock.h"
#include "base/codec.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST = 2000 };
static enum log_level threshold = LOG_INFO;

void log_set_level(enum log_level level)
{
    threshold = level;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    if (level > threshold) return;
    char message[LONGEST + 1], line[4 * LONGEST + 100], when[28];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    codec_time(clock_wall_us(&clock_system), when);
    size_t at = (size_t)snprintf(line, 64, "%s %s ", when, names[level]);
    for (const char *p = message; *p; p++) {
        unsigned char c = (unsigned char)*p;
        if (c < 0x20 || c == 0x7F)
            at += (size_t)snprintf(line + at, 5, "\\x%02x", c);
        else
            line[at++] = *p;
    }
    if (n > LONGEST) {
        memcpy(line + at, "…", 3);
        at += 3;
    }
    line[at++] = '\n';
    ssize_t written = write(2, line, at);
    (void)written;
}
