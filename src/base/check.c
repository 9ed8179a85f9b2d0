/* The end of a process whose own invariant failed. */
#include "base/check.h"
#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "postern: internal error at %s:%d: %s does not hold; stopping\n", file, line, expression);
    abort();
}
