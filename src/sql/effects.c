/* The names of effects, from effects.def. */
#include "sql/facts.h"
#include "sql/safe.h"

static const struct {
    uint32_t bit;
    const char *name;
} names[] = {
#define EFFECT(bit, NAME, name, what) { EFFECT_##NAME, name },
#include "sql/effects.def"
#undef EFFECT
};
_Static_assert(sizeof(names) / sizeof(*names) == SQL_N_EFFECTS, "SQL_N_EFFECTS counts effects.def");

const char *sql_effect_name(uint32_t bit)
{
    for (size_t i = 0; i < SQL_N_EFFECTS; i++)
        if (names[i].bit == bit) return names[i].name;
    return "?";
}

uint32_t sql_effect_parse(struct bytes name)
{
    if (bytes_is(name, "schema")) return EFFECT_SCHEMA;
    if (bytes_is(name, "all")) return EFFECT_ALL_BUT_UNKNOWN;
    for (size_t i = 0; i < SQL_N_EFFECTS; i++)
        if (bytes_is(name, names[i].name)) return names[i].bit;
    return 0;
}
