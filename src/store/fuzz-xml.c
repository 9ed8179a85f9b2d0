/* What was read, written again from what was visited, is read to the same. */
#include "base/buf.h"
#include "base/check.h"
#include "store/xml.h"
#include <string.h>

struct seen {
    struct buf notes;
    size_t n;
};

static void note(void *context, const struct xml_element *e)
{
    struct seen *seen = context;
    CHECK(strlen(e->path) < XML_PATH && e->text.n <= XML_TEXT && (!e->whole || e->text.n == 0));
    CHECK(e->text.n == 0 || bytes_is_utf8(e->text));
    buf_printf(&seen->notes, "%s %d ", e->path, e->whole);
    buf_append(&seen->notes, e->text);
    buf_put_u8(&seen->notes, '\n');
    seen->n++;
}

/* A leaf alone, with its text escaped, gives the text back. */
static void check_leaf(void *context, const struct xml_element *e)
{
    struct buf again;
    struct seen *back = context;
    if (e->whole) return;
    buf_init(&again, 1 << 20);
    buf_append_text(&again, "<A>");
    xml_escape(&again, e->text);
    buf_append_text(&again, "</A>");
    struct seen one = { .n = 0 };
    buf_init(&one.notes, 1 << 20);
    CHECK(xml_read(buf_bytes(&again), note, &one) && one.n == 1);
    struct bytes got = buf_bytes(&one.notes);
    CHECK(bytes_equal(bytes_slice(got, 4, got.n - 5), e->text));
    buf_free(&one.notes);
    buf_free(&again);
    back->n++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen first = { .n = 0 }, second = { .n = 0 }, leaves = { .n = 0 };
    if (size > 1 << 16) return 0;
    buf_init(&first.notes, (size_t)64 << 20);
    buf_init(&second.notes, (size_t)64 << 20);
    bool good = xml_read(bytes_make(data, size), note, &first);
    CHECK(xml_read(bytes_make(data, size), note, &second) == good);
    CHECK(bytes_equal(buf_bytes(&first.notes), buf_bytes(&second.notes)) && first.n == second.n);
    if (good) {
        CHECK(first.n > 0);
        CHECK(xml_read(bytes_make(data, size), check_leaf, &leaves) && leaves.n > 0);
    }
    buf_free(&first.notes);
    buf_free(&second.notes);
    return 0;
}
