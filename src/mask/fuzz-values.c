/* Any text: what is found lies in it and is long enough to be one; where it stands alone it is found again;
 * in a text that was redacted nothing is found, and its length and other bytes stay. */
#include "base/check.h"
#include "mask/values.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct values_found first_of(struct bytes text, uint32_t kinds)
{
    struct values_walk walk = values_begin(text, kinds);
    return values_next(&walk);
}

static void check_alone(struct bytes text, struct values_found f)
{
    struct values_found again = first_of(bytes_slice(text, f.at, f.n), f.kind);
    CHECK(again.kind == f.kind && again.at == 0 && again.n == f.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    uint32_t kinds = data[0] & 15;
    struct bytes text = bytes_make(data + 1, size - 1);
    uint8_t *copy = malloc(size);
    CHECK(copy);
    memcpy(copy, text.p, text.n);
    uint32_t found = 0;
    struct values_walk walk = values_begin(text, kinds);
    size_t from = 0;
    for (struct values_found f; (f = values_next(&walk)).kind; from = f.at + f.n) {
        CHECK(f.at >= from && f.n > 0 && f.at + f.n <= text.n && (f.kind & kinds) == f.kind);
        CHECK(f.n >= (f.kind == VALUES_CARD     ? 13u
                      : f.kind == VALUES_IBAN   ? 15u
                      : f.kind == VALUES_US_SSN ? 11u
                                                : 5u));
        check_alone(text, f);
        found |= f.kind;
    }
    uint32_t redacted = values_redact(copy, text.n, kinds);
    CHECK((redacted & found) == found && (found || !redacted));
    for (size_t i = 0; i < text.n; i++)
        CHECK(copy[i] == text.p[i] || copy[i] == '*');
    CHECK(!first_of(bytes_make(copy, text.n), kinds).kind);
    free(copy);
    return 0;
}
