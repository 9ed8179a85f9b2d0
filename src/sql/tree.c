/* What a node's fields are: a table made from the server's headers (nodes.def), so that no field is
 * forgotten, and a tag that is not in it is noticed. */
#include "sql/tree.h"

#include <stddef.h>

/* The compiler checks that each field is what it is said to be. */
#define OFFSET(T, field, size)                                                                               \
    (uint16_t)(offsetof(T, field) + 0 * sizeof(char[sizeof(((T *)0)->field) == (size) ? 1 : -1])),
#define AT(T, field)    OFFSET(T, field, sizeof(void *))
#define NAME(T, field)  OFFSET(T, field, sizeof(char *))
#define PLACE(T, field) OFFSET(T, field, sizeof(int))
#define NODE(T, nodes, strings, places)                                                                      \
    static const uint16_t nodes_of_##T[] = { nodes 0 };                                                      \
    static const uint16_t strings_of_##T[] = { strings 0 };                                                  \
    static const uint16_t places_of_##T[] = { places 0 };
#include "sql/nodes.def"
#undef NODE
#undef PLACE
#undef NAME
#undef AT

static const struct {
    struct tree_fields fields;
    const char *name;
} table[] = {
#define NODE(T, nodes, strings, places)                                                                      \
    [T_##T] = { { nodes_of_##T, strings_of_##T, places_of_##T, sizeof(T) }, #T },
#include "sql/nodes.def"
#undef NODE
};

const struct tree_fields *tree_fields(enum NodeTag tag)
{
    return (size_t)tag < sizeof(table) / sizeof(*table) && table[tag].name ? &table[tag].fields : NULL;
}

const uint16_t *tree_children(enum NodeTag tag)
{
    const struct tree_fields *fields = tree_fields(tag);
    return fields ? fields->nodes : NULL;
}

const char *tree_tag_name(enum NodeTag tag)
{
    const char *name = (size_t)tag < sizeof(table) / sizeof(*table) ? table[tag].name : NULL;
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
