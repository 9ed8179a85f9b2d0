/* Whatever is written reads back, strictly; text that was UTF-8 without NUL reads back as itself. */
#include "json/read.h"
#include "json/writer.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes in = bytes_make(data, n);
    struct buf out;
    buf_init(&out, n * 6 + 64);
    struct json_writer w = json_writer_over(&out);
    json_write_object(&w);
    json_write_text_member(&w, "x", in);
    json_write_end(&w);
    CHECK(!out.failed);
    if (memchr(data, 0, n)) {
        buf_free(&out); /* the strict reader refuses U+0000 */
        return 0;
    }
    json_t *object;
    struct bytes back;
    CHECK(json_read_object(buf_bytes(&out), SIZE_MAX, 1, &object) == JSON_READ);
    CHECK(json_member_text(object, "x", &back) == JSON_MEMBER_FOUND);
    CHECK(bytes_is_utf8(in) == bytes_equal(back, in));
    json_decref(object);
    buf_free(&out);
    return 0;
}
