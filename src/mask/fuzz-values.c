/* Any text: what is found lies in it and is long enough to be one; where it stands alone it is found again;
 * nothing is left in a text that was redacted, whose length and other bytes stay. */
#include "base/check.h"
#include "mask/values.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_alone(struct bytes text, struct values_found f)
{
    struct values_found again = values_find(bytes_slice(text, f.at, f.n), f.kind, 0);
    CHECK(again.kind == f.kind && again.at == 0 && again.n == f.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    uint32_t kinds = data[0] & 7;
    struct bytes text = bytes_make(data + 1, size - 1);
    uint8_t *copy = malloc(size);
    CHECK(copy);
    memcpy(copy, text.p, text.n);
    uint32_t found = 0;
    for (size_t from = 0; from <= text.n;) {
        struct values_found f = values_find(text, kinds, from);
        if (!f.kind) break;
        CHECK(f.at >= from && f.n > 0 && f.at + f.n <= text.n && (f.kind & kinds) == f.kind);
        CHECK(f.n >= (f.kind == VALUES_CARD ? 13u : f.kind == VALUES_IBAN ? 15u : 5u));
        check_alone(text, f);
        found |= f.kind;
        from = f.at + f.n;
    }
    uint32_t redacted = values_redact(copy, text.n, kinds);
    CHECK(redacted == found);
    for (size_t i = 0; i < text.n; i++)
        CHECK(copy[i] == text.p[i] || copy[i] == '*');
    if (!found) CHECK(memcmp(copy, text.p, text.n) == 0);
    free(copy);
    return 0;
}
