/* What a function or an operator does, by its name: the published lists (functions.def, catalogue.def). */
#ifndef POSTERN_SQL_FUNCTIONS_H
#define POSTERN_SQL_FUNCTIONS_H
#include "base/bytes.h"

/* schema: NULL where the text gives none; then the name stands for pg_catalog's function, if there is one.
 * All overloads of a name share one answer. set_config is answered as harmless: its arguments tell. */
uint32_t functions_effects(const char *schema, const char *name);
/* What functions.def says of it, whatever its schema; nothing of a name that is not there. */
uint32_t functions_listed(const char *name);
/* Whether pg_catalog of the version that the lists are of has a function of that name. */
bool functions_published(const char *name);
uint32_t functions_operator_effects(const char *schema, const char *name);
#endif
