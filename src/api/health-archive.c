#include "api/health-archive.h"
#include <inttypes.h>

void health_say_archive(struct buf *out, const struct api_archive *a)
{
    if (a->there) buf_printf(out, "archive %s\n", a->full || a->failing ? "failed" : "ok");
}

void health_write_archive(struct buf *out, const struct api_archive *a)
{
    const struct {
        const char *name, *kind, *help;
        uint64_t value;
    } rows[] = {
        { "segments_total", "counter", "Segments that were sent.", a->sent },
        { "bytes_total", "counter", "Bytes of blocks that were sent.", a->sent_bytes },
        { "dropped_total", "counter", "Segments whose blocks were removed here.", a->dropped },
        { "failures_total", "counter", "Attempts that failed.", a->failed },
        { "failing", "gauge", "1 while the last attempt had failed.", a->failing },
        { "spool_full", "gauge", "1 while statements are refused since too much waits.", a->full },
        { "spool_bytes", "gauge", "Bytes of blocks that are here only.", a->waiting_bytes },
        { "spool_limit_bytes", "gauge", "How many may be.", a->spool_bytes },
        { "behind_seconds", "gauge", "For how long a sealed segment has waited.",
          (uint64_t)(a->behind_us / 1000000) },
    };
    if (!a->there) return;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        buf_printf(out,
                   "# HELP postern_archive_%s %s\n# TYPE postern_archive_%s %s\npostern_archive_%s %" PRIu64
                   "\n",
                   rows[i].name, rows[i].help, rows[i].name, rows[i].kind, rows[i].name, rows[i].value);
    buf_append_text(out, "# HELP postern_archive_segments Sealed segments, by where their blocks are.\n"
                         "# TYPE postern_archive_segments gauge\n");
    buf_printf(out, "postern_archive_segments{where=\"here\"} %" PRIu64 "\n", a->n_waiting);
    buf_printf(out, "postern_archive_segments{where=\"both\"} %" PRIu64 "\n", a->n_kept);
    buf_printf(out, "postern_archive_segments{where=\"archive\"} %" PRIu64 "\n", a->n_away);
}
