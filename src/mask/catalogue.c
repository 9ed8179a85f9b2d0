/* The list of catalogue.def. */
#include "mask/mask.h"

#define TEXT(literal)                                                                                        \
    {                                                                                                        \
        (const uint8_t *)(literal), sizeof(literal) - 1                                                      \
    }
static const struct {
    struct bytes schema, relation, column;
} held[] = {
#define COLUMN(schema, relation, column) { TEXT(schema), TEXT(relation), TEXT(column) },
#include "mask/catalogue.def"
#undef COLUMN
};

static bool fits(struct bytes name, struct bytes pattern)
{
    return bytes_equal(name, pattern) || (pattern.n == 1 && pattern.p[0] == '*');
}

bool mask_catalogue_holds(struct bytes schema, struct bytes relation, struct bytes column)
{
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        if (fits(column, held[i].column) && fits(relation, held[i].relation) && fits(schema, held[i].schema))
            return true;
    return false;
}
