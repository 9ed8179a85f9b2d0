/* Any bytes as a tree in text form. Oracles: what is parsed lies inside the text and within the ceiling of
 * depth; what is printed of it parses to a tree that prints the same, with as many nodes; a tree and the same
 * tree as the one item of a list agree. */
#include "base/check.h"
#include "catalog/node-tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t count_nodes(const struct node *node, struct bytes text, size_t depth)
{
    size_t n = 1;
    CHECK(depth <= NODE_TREE_DEPTH + 1);
    CHECK(!node->text.n || (node->text.p >= text.p && node->text.p + node->text.n <= text.p + text.n));
    CHECK((node->kind == NODE_LIST || node->kind == NODE_OBJECT) || !node->first);
    for (const struct node *i = node->first; i; i = i->next) {
        CHECK((i->field.n > 0) == (node->kind == NODE_OBJECT));
        n += count_nodes(i, text, depth + 1);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes text = bytes_make(data, n);
    struct arena arena;
    struct buf printed, again;
    const struct node *root, *second;
    arena_init(&arena, 1 << 16, 1 << 26);
    buf_init(&printed, n * 4 + 64);
    buf_init(&again, n * 4 + 64);
    if (node_tree_parse(text, &arena, &root)) {
        size_t n_nodes = count_nodes(root, text, 0);
        node_print(root, &printed);
        CHECK(!printed.failed);
        struct bytes once = buf_bytes(&printed);
        CHECK(node_tree_parse(once, &arena, &second));
        CHECK(count_nodes(second, once, 0) == n_nodes);
        node_print(second, &again);
        CHECK(bytes_equal(once, buf_bytes(&again)));
        buf_append_text(&printed, ")");
        struct buf list;
        buf_init(&list, n * 4 + 64);
        buf_append_text(&list, "(");
        buf_append(&list, buf_bytes(&printed));
        if (node_tree_parse(buf_bytes(&list), &arena, &second))
            CHECK(count_nodes(second, buf_bytes(&list), 0) == n_nodes + 1);
        buf_free(&list);
    }
    buf_free(&printed);
    buf_free(&again);
    arena_free(&arena);
    return 0;
}
