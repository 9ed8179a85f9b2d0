#include "api/health-streams.h"
#include <inttypes.h>

void health_streams_ready(const struct api_health *health, struct buf *out)
{
    for (size_t i = 0; i < health->n_streams; i++)
        buf_printf(out, "stream %s %s\n", health->streams[i].name,
                   health->streams[i].is_late ? "failed" : "ok");
}

static uint64_t delivered(const struct api_stream *s)
{
    return s->delivered;
}

static uint64_t failed(const struct api_stream *s)
{
    return s->failed;
}

static uint64_t lag_seconds(const struct api_stream *s)
{
    return (uint64_t)s->lag_us / 1000000;
}

void health_streams_metrics(const struct api_health *health, struct buf *out)
{
    static const struct {
        const char *name, *kind, *help;
        uint64_t (*of)(const struct api_stream *s);
    } all[] = {
        { "delivered_total", "counter", "Entries that a stream delivered since the start.", delivered },
        { "failed_total", "counter", "Attempts of a stream that failed; all of them are repeated.", failed },
        { "lag_seconds", "gauge", "Age of the oldest entry that a stream has not delivered.", lag_seconds }
    };
    for (size_t k = 0; k < sizeof all / sizeof *all && health->n_streams; k++) {
        buf_printf(out, "# HELP postern_stream_%s %s\n# TYPE postern_stream_%s %s\n", all[k].name,
                   all[k].help, all[k].name, all[k].kind);
        for (size_t i = 0; i < health->n_streams; i++)
            buf_printf(out, "postern_stream_%s{stream=\"%s\"} %" PRIu64 "\n", all[k].name,
                       health->streams[i].name, all[k].of(&health->streams[i]));
    }
}
