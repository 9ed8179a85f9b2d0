/* Any value of any type, text or binary: what it becomes holds nothing that is found when it is looked at
 * again; what is unchanged had nothing in it; nothing is appended but where it changes. */
#include "base/check.h"
#include "mask/look.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t types[] = { 0, 17, 20, 25, 114, 1009, 1016, 1700, 2249, 3802, 3926, 701, 20001 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const masks[] = { "redact", "null", "constant(x)" };
    struct policy_values rules = { 0 };
    struct look_tally tally = { 0 }, again = { 0 };
    struct buf out, more;
    if (size < 2) return 0;
    rules.looked = rules.masked = data[0] & 7;
    for (unsigned v = 0; v < POLICY_N_VALUES; v++)
        CHECK(!(rules.masked & 1U << v) ||
              !policy_mask_parse(bytes_of(masks[(data[0] >> 3) % 3]), &rules.by[v]));
    enum look_way way = look_way(types[(data[1] >> 1) % (sizeof types / sizeof *types)], data[1] & 1);
    struct bytes value = bytes_make(data + 2, size - 2);
    buf_init(&out, 4 << 20);
    buf_init(&more, 4 << 20);
    buf_append_text(&out, "before");
    enum look_outcome outcome = look_value(&rules, way, value, &out, &tally);
    CHECK(!out.failed && bytes_starts_with(buf_bytes(&out), "before"));
    CHECK(outcome == LOOK_CHANGED || buf_length(&out) == 6);
    struct bytes now = outcome == LOOK_CHANGED ? bytes_slice(buf_bytes(&out), 6, SIZE_MAX) : value;
    bool starred = (data[0] >> 3) % 3 == 0;
    if (outcome != LOOK_HIDDEN && (starred || outcome == LOOK_SAME))
        CHECK(look_value(&rules, way, now, &more, &again) == LOOK_SAME);
    buf_free(&out);
    buf_free(&more);
    return 0;
}
