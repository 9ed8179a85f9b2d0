/* Any bytes: the parser keeps its ceilings, says why it refuses, and what it accepts prints to a text that
 * parses to an equal tree. */
#include "yaml/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct yaml_errors errors;
    struct buf once, again;
    arena_init(&arena, 4096, YAML_ARENA_CEILING);
    yaml_errors_init(&errors);
    buf_init(&once, YAML_BYTES_CEILING);
    buf_init(&again, YAML_BYTES_CEILING);
    const struct yaml_node *root =
        yaml_tree_parse(bytes_make(data, size), BYTES_LITERAL("f"), &arena, &errors);
    CHECK((root != NULL) == (yaml_errors_count(&errors) == 0));
    if (root) {
        yaml_tree_print(root, 0, &once);
        CHECK(!once.failed);
        root = yaml_tree_parse(buf_bytes(&once), BYTES_LITERAL("f"), &arena, &errors);
        CHECK(root);
        yaml_tree_print(root, 0, &again);
        CHECK(bytes_equal(buf_bytes(&once), buf_bytes(&again)));
    }
    buf_free(&once);
    buf_free(&again);
    yaml_errors_free(&errors);
    arena_free(&arena);
    return 0;
}
