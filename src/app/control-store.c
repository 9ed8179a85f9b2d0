/* `store_note` writes GATEWAY frames of the kinds below and no others: whoever has this socket may erase, and
 * what erasing says of itself is all it can write. */
#include "app/control-store.h"
#include "app/wipe.h"

enum { WIPE_MS = 30000 };

static const char *const events[] = { "erasure", "erasure-of", "erased",    "hold",   "hold-of",
                                      "release", "release-of", "reindexed", "backup", "publish" };

static bool is_event(struct bytes name)
{
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (bytes_is(name, events[i])) return true;
    return false;
}

static bool on_note(struct journal *journal, const struct control_line *line, const char **message_out)
{
    char name[64];
    struct buf body;
    if (!is_event(control_line_get(line, "event"))) {
        *message_out = "note wants an event of the store";
        return false;
    }
    buf_init(&body, 64 * 1024);
    struct frame_fields f = frame_fields_begin(&body);
    for (size_t i = 0; i < line->n_fields; i++) {
        snprintf(name, sizeof name, "%.*s", BYTES_FMT(bytes_slice(line->fields[i].name, 0, 63)));
        frame_fields_add(&f, name, line->fields[i].value);
    }
    bool good = !body.failed && journal_write(journal, FRAME_GATEWAY, buf_bytes(&body));
    buf_free(&body);
    if (!good) *message_out = "the record cannot be written now";
    return good;
}

bool control_store(struct workers *workers, struct record_log *log, struct journal *journal,
                   const struct control_line *line, const char **verdict_out, const char **message_out)
{
    *message_out = NULL;
    if (bytes_is(line->verb, "store_note")) {
        *verdict_out = on_note(journal, line, message_out) ? "ok" : "error";
        return true;
    }
    if (!bytes_is(line->verb, "wipe")) return false;
    bool wiped = wipe_tail(workers, log, WIPE_MS);
    *verdict_out = wiped ? "ok" : "no";
    if (!wiped)
        *message_out = "the log's tail could not be wiped: it is pressed, or blocks cannot be written";
    return true;
}
