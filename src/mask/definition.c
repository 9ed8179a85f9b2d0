/* Definitions: definition.def, and what is hidden in them. */
#include "mask/mask.h"

static const struct {
    const char *schema, *relation, *column;
} columns[] = {
#define COLUMN(schema, relation, column) { schema, relation, column },
#define FUNCTION(name)
#include "mask/definition.def"
#undef FUNCTION
#undef COLUMN
};
static const char *const functions[] = {
#define COLUMN(schema, relation, column)
#define FUNCTION(name) name,
#include "mask/definition.def"
#undef FUNCTION
#undef COLUMN
};

bool mask_definition_holds(struct bytes schema, struct bytes relation, struct bytes column)
{
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (bytes_is(column, columns[i].column) && bytes_is(relation, columns[i].relation) &&
            bytes_is(schema, columns[i].schema))
            return true;
    return false;
}

bool mask_definition_given(struct bytes function)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (bytes_is(function, functions[i])) return true;
    return false;
}

/* In this order: e-mail addresses, numbers of cards, IBANs, US social security numbers, telephone numbers
 * with their country. A plus between two operands is no telephone number. */
#define EMAIL "[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(?:[.][A-Za-z0-9-]+)+"
#define CARD  "\\\\y[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\\\\y"
#define IBAN  "\\\\y[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)\\\\y"
#define SSN   "\\\\y[0-9]{3}-[0-9]{2}-[0-9]{4}\\\\y"
#define PHONE "(?<![0-9A-Za-z_)])[+][0-9][0-9 ()-]{7,}[0-9]"

struct bytes mask_definition_arguments(void)
{
    return BYTES_LITERAL("E'" EMAIL "|" CARD "|" IBAN "|" SSN "|" PHONE "', '***', 'g'");
}
