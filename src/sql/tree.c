/* What a node's children are: a table made from the server's headers (nodes.def), so that no field is
 * forgotten, and a tag that is not in it is noticed. */
#include "sql/tree.h"

#include <stddef.h>

/* The compiler checks that each field is a pointer. */
#define AT(T, field)                                                                                         \
    (uint16_t)(offsetof(T, field) + 0 * sizeof(char[sizeof(((T *)0)->field) == sizeof(void *) ? 1 : -1])),
#define NODE(T, fields) static const uint16_t children_of_##T[] = { fields 0 };
#include "sql/nodes.def"
#undef NODE
#undef AT

static const struct {
    const uint16_t *children;
    const char *name;
} nodes[] = {
#define AT(T, field)
#define NODE(T, fields) [T_##T] = { children_of_##T, #T },
#include "sql/nodes.def"
#undef NODE
#undef AT
};

const uint16_t *tree_children(enum NodeTag tag)
{
    return (size_t)tag < sizeof(nodes) / sizeof(*nodes) ? nodes[tag].children : NULL;
}

const char *tree_tag_name(enum NodeTag tag)
{
    const char *name = (size_t)tag < sizeof(nodes) / sizeof(*nodes) ? nodes[tag].name : NULL;
    return name ? name : "?";
}

bool tree_name_before(const List *list, int drop, struct tree_name *name_out)
{
    int n = tree_length(list) - drop;
    *name_out = (struct tree_name){ 0 };
    if (n < 1 || n > 3 || tree_tag(list) != T_List) return false;
    for (int i = 0; i < n; i++)
        if (!tree_string(tree_item(list, i))) return false;
    name_out->name = tree_string(tree_item(list, n - 1));
    if (n > 1) name_out->schema = tree_string(tree_item(list, n - 2));
    if (n > 2) name_out->database = tree_string(tree_item(list, n - 3));
    return true;
}
