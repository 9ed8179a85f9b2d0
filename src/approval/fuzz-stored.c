/* What the file holds, read back from any bytes: what is taken is written again as the same bytes. */
#include "approval/desk-private.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct desk_item *item = desk_item_decode(bytes_make(data, size));
    if (!item) return 0;
    struct buf out;
    buf_init(&out, 64 << 20);
    desk_item_encode(item, &out);
    CHECK(!out.failed);
    /* The id ends in NUL, whatever stood there, and so does the reason. */
    struct desk_item *again = desk_item_decode(buf_bytes(&out));
    CHECK(again);
    struct buf twice;
    buf_init(&twice, 64 << 20);
    desk_item_encode(again, &twice);
    CHECK(!twice.failed && bytes_equal(buf_bytes(&out), buf_bytes(&twice)));
    CHECK(again->n_given == item->n_given && again->state == item->state);
    buf_free(&out);
    buf_free(&twice);
    desk_item_free(again);
    desk_item_free(item);
    return 0;
}
