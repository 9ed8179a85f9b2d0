/* Who was shown one value of a column: by the keyed index, or by reading the recordings. */
#ifndef POSTERN_CLI_WHO_SAW_VALUE_H
#define POSTERN_CLI_WHO_SAW_VALUE_H
#include "cli/evidence.h"

struct who_saw_value {
    struct bytes relation, column, value;
    bool scan; /* read the recordings, also where the column's values are indexed */
    bool json;
};
/* Prints; answers the exit code: CLI_NO where nobody saw it. */
int who_saw_value(struct cli_call *call, struct evidence *e, const struct index_filter *filter,
                  const struct who_saw_value *asked);
#endif
