#include "api/anchored.h"
#include <inttypes.h>

static void each(struct buf *out, const struct api_health *h, const char *name, const char *kind,
                 const char *help, uint64_t (*of)(const struct api_anchor *a))
{
    buf_printf(out, "# HELP postern_anchor_%s %s\n# TYPE postern_anchor_%s %s\n", name, help, name, kind);
    for (size_t i = 0; i < h->n_anchors; i++)
        buf_printf(out, "postern_anchor_%s{anchor=\"%s\"} %" PRIu64 "\n", name, h->anchors[i].name,
                   of(&h->anchors[i]));
}

static uint64_t of_size(const struct api_anchor *a)
{
    return a->size;
}
static uint64_t of_done(const struct api_anchor *a)
{
    return a->done;
}
static uint64_t of_failed(const struct api_anchor *a)
{
    return a->failed;
}
static uint64_t of_waits(const struct api_anchor *a)
{
    return (uint64_t)a->waits_us / 1000000;
}

void anchored_metrics(const struct api_health *h, struct buf *out)
{
    if (!h->n_anchors) return;
    each(out, h, "size", "gauge", "Blocks that the checkpoint signs which was kept there last.", of_size);
    each(out, h, "kept_total", "counter", "Checkpoints that were kept there.", of_done);
    each(out, h, "failed_total", "counter", "Attempts that failed.", of_failed);
    each(out, h, "waits_seconds", "gauge", "How long what is new waits to be kept there.", of_waits);
}

void anchored_ready(const struct api_health *h, struct buf *out)
{
    bool late = false;
    for (size_t i = 0; i < h->n_anchors; i++)
        late |= h->anchors[i].late;
    if (h->n_anchors) buf_printf(out, "anchors %s\n", late ? "failed" : "ok");
}
