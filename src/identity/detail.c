#include "identity/detail.h"
#include "json/writer.h"

static void add(struct buf *out, const char *name, struct bytes text, size_t most)
{
    if (text.n == 0) return;
    buf_printf(out, " %s=\"", name);
    json_escape(out, bytes_slice(text, 0, most));
    buf_append_text(out, text.n > most ? "...\"" : "\"");
}

struct bytes detail_write(struct arena *arena, const char *why, struct bytes iss, struct bytes kid,
                          struct bytes alg)
{
    struct buf out;
    buf_init(&out, 4096);
    buf_append_text(&out, why);
    add(&out, "alg", alg, 16);
    add(&out, "kid", kid, 64);
    add(&out, "iss", iss, 200);
    struct bytes text = buf_bytes(&out);
    if (text.n > DETAIL_MAX_BYTES) {
        text.n = DETAIL_MAX_BYTES;
        while (text.n && (text.p[text.n] & 0xC0) == 0x80) /* not in the middle of a character */
            text.n--;
    }
    text = out.failed ? (struct bytes){ 0 } : arena_copy(arena, text);
    buf_free(&out);
    return text;
}
