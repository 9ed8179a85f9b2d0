/* The list of catalogue.def. */
#include "mask/mask.h"

static const struct {
    const char *schema, *relation, *column;
} held[] = {
#define COLUMN(schema, relation, column) { schema, relation, column },
#include "mask/catalogue.def"
#undef COLUMN
};

static bool fits(struct bytes name, const char *pattern)
{
    return bytes_is(name, pattern) || bytes_is(bytes_of(pattern), "*");
}

bool mask_catalogue_holds(struct bytes schema, struct bytes relation, struct bytes column)
{
    for (size_t i = 0; i < sizeof held / sizeof *held; i++)
        if (fits(column, held[i].column) && fits(relation, held[i].relation) && fits(schema, held[i].schema))
            return true;
    return false;
}
