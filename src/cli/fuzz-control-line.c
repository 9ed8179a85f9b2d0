/* Any bytes as control lines. The oracle: a line that was taken, written out again and read again is the
 * same; reading byte by byte gives the same as reading at once. */
#include "base/check.h"
#include "cli/control-line.h"
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void write_again(const struct control_line *line, struct buf *out)
{
    char name[CONTROL_LINE_MOST];
    snprintf(name, sizeof name, "%.*s", BYTES_FMT(line->verb));
    control_line_begin(out, name);
    for (size_t i = 0; i < line->n_fields; i++) {
        snprintf(name, sizeof name, "%.*s", BYTES_FMT(line->fields[i].name));
        control_line_field(out, name, line->fields[i].value);
    }
    control_line_end(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena arena;
    struct buf out;
    struct control_line line, again;
    size_t used = 0, used_again = 0;
    arena_init(&arena, 4096, 1 << 20);
    buf_init(&out, 8 * CONTROL_LINE_MOST);
    struct bytes in = bytes_make(data, n);
    enum control_read got = control_line_read(in, &arena, &line, &used);
    if (got == CONTROL_LINE) {
        CHECK(used <= n && data[used - 1] == '\n');
        for (size_t k = 0; k + 1 < used; k++)
            CHECK(control_line_read(bytes_slice(in, 0, k), &arena, &again, &used_again) == CONTROL_MORE);
        write_again(&line, &out);
        if (buf_length(&out) < CONTROL_LINE_MOST) {
            CHECK(control_line_read(buf_bytes(&out), &arena, &again, &used_again) == CONTROL_LINE);
            CHECK(again.n_fields == line.n_fields && bytes_equal(again.verb, line.verb));
            for (size_t i = 0; i < line.n_fields; i++)
                CHECK(bytes_equal(again.fields[i].name, line.fields[i].name) &&
                      bytes_equal(again.fields[i].value, line.fields[i].value));
        }
    }
    buf_free(&out);
    arena_free(&arena);
    return 0;
}
