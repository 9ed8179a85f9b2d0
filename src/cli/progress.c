/* One line that is written over itself, at most ten times a second. */
#include "cli/progress.h"

enum { PATIENCE_US = 300000, PERIOD_US = 100000, WIDTH = 30 };

struct progress progress_begin(const struct cli_call *call, const char *what)
{
    return (
        struct progress){ .call = call, .what = what, .started_us = clock_monotonic_us(call->world->clock) };
}

void progress_show(struct progress *p, uint64_t done, uint64_t total)
{
    const struct cli_world *w = p->call->world;
    int64_t now = clock_monotonic_us(w->clock);
    if (!w->err_is_terminal || now - p->started_us < PATIENCE_US || now - p->shown_us < PERIOD_US) return;
    p->shown_us = now;
    if (!total) {
        fprintf(w->err, "\r%s: %llu \x1b[K", p->what, (unsigned long long)done);
        fflush(w->err);
        return;
    }
    if (done > total) done = total;
    char bar[WIDTH + 1];
    for (uint64_t i = 0; i < WIDTH; i++)
        bar[i] = i * total < done * WIDTH ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(w->err, "\r%s [%s] %3llu %%\x1b[K", p->what, bar, (unsigned long long)(done * 100 / total));
    fflush(w->err);
}

void progress_end(struct progress *p)
{
    if (!p->shown_us) return;
    fputs("\r\x1b[K", p->call->world->err);
    fflush(p->call->world->err);
}
