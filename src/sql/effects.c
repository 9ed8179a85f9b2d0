/* The names of effects, from the published table. */
#include "sql/facts.h"

static const struct {
    const char *name;
    uint32_t bit;
} effects[] = {
#define EFFECT(number, NAME, text, what) { text, 1u << (number) },
#include "sql/effects.def"
#undef EFFECT
};

const char *sql_effect_name(uint32_t bit)
{
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
        if (effects[i].bit == bit) return effects[i].name;
    return "none";
}

uint32_t sql_effect_parse(struct bytes name)
{
    if (bytes_is(name, "all")) return EFFECT_ALL_BUT_UNKNOWN;
    if (bytes_is(name, "schema")) return EFFECT_SCHEMA;
    for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
        if (bytes_is(name, effects[i].name)) return effects[i].bit;
    return 0;
}
