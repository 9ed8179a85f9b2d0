/* Any text: loading never crashes and says why it refuses; an accepted configuration prints, and what is
 * printed loads to one that prints the same and judges by the same policies. */
#include "app/config.h"
#include "policy/compile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct config *load(struct bytes text)
{
    struct yaml_errors errors;
    yaml_errors_init(&errors);
    const struct config *config = config_parse(text, BYTES_LITERAL("f"), &errors);
    CHECK((config != NULL) == (yaml_errors_count(&errors) == 0));
    yaml_errors_free(&errors);
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once, again;
    const struct config *first = load(bytes_make(data, size));
    if (!first) return 0;
    buf_init(&once, YAML_BYTES_CEILING);
    buf_init(&again, YAML_BYTES_CEILING);
    config_print(first, YAML_PRINT_WHOLE, &once);
    const struct config *second = load(buf_bytes(&once));
    CHECK(second);
    config_print(second, YAML_PRINT_WHOLE, &again);
    CHECK(bytes_equal(buf_bytes(&once), buf_bytes(&again)));
    CHECK(bytes_equal(policy_snapshot_hash(first->policies), policy_snapshot_hash(second->policies)));
    config_unref(first);
    config_unref(second);
    buf_free(&once);
    buf_free(&again);
    return 0;
}
