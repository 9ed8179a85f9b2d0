#include "api/health-index.h"
#include <inttypes.h>

void health_say_index(struct buf *out, const struct api_shared_index *i)
{
    if (i->there) buf_printf(out, "shared_index %s\n", i->full || i->failing ? "failed" : "ok");
}

void health_write_index(struct buf *out, const struct api_shared_index *i)
{
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } rows[] = {
        { "rows_total", "counter", "Rows that were brought to PostgreSQL, or taken away there.",
          i->published },
        { "batches_total", "counter", "Transactions with them.", i->batches },
        { "failures_total", "counter", "Attempts that failed.", i->failed },
        { "failing", "gauge", "1 while the last attempt had failed.", i->failing },
        { "walking", "gauge", "1 while everything is compared, from the beginning.", i->walks },
        { "spool_full", "gauge", "1 while statements are refused since too much waits.", i->full },
        { "spool_rows", "gauge", "Rows that wait.", i->waiting },
        { "spool_limit_rows", "gauge", "How many may.", i->spool },
        { "behind_seconds", "gauge", "For how long something has waited.",
          (uint64_t)(i->behind_us / 1000000) },
    };
    if (!i->there) return;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        buf_printf(out,
                   "# HELP postern_shared_index_%s %s\n# TYPE postern_shared_index_%s %s\n"
                   "postern_shared_index_%s %" PRIu64 "\n",
                   rows[k].name, rows[k].help, rows[k].name, rows[k].kind, rows[k].name, rows[k].value);
}
