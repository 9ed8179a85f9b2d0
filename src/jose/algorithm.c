#include "jose/algorithm.h"
#include "base/check.h"

static const struct jose_algorithm_facts facts[] = { { 0 },
#define X(NAME, type, digest, pss, half) { #NAME, type, digest, pss, half },
                                                     JOSE_ALGORITHMS(X)
#undef X
};
enum { N_FACTS = sizeof facts / sizeof *facts };

const struct jose_algorithm_facts *jose_algorithm_facts(enum jose_algorithm algorithm)
{
    CHECK(algorithm > JOSE_ALGORITHM_NONE && (size_t)algorithm < N_FACTS);
    return &facts[algorithm];
}

enum jose_algorithm jose_algorithm_named(struct bytes name)
{
    for (size_t i = 1; i < N_FACTS; i++)
        if (bytes_is(name, facts[i].name)) return (enum jose_algorithm)i;
    return JOSE_ALGORITHM_NONE;
}
