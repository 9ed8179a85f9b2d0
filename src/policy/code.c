/* In a view of the catalogue a call carries whatever it could stand for besides pg_catalog's own; with
 * nothing, it is pg_catalog's. Outside of one a name without a schema could be anybody's. */
#include "policy/code.h"
#include "policy/glob.h"
#include "sql/functions.h"

static const char *const harmless[] = {
#define EXTENSION(name) name,
#include "policy/extensions.def"
#undef EXTENSION
};

bool policy_extension_is_harmless(struct bytes extension)
{
    size_t low = 0, high = sizeof harmless / sizeof *harmless;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = bytes_compare(extension, bytes_of(harmless[middle]));
        if (order == 0) return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool texts_have(const struct yaml_texts *texts, struct bytes text)
{
    for (size_t i = 0; i < texts->n; i++)
        if (bytes_equal(texts->items[i], text)) return true;
    return false;
}

bool policy_code_trusted(const struct policy_ruleset *ruleset, enum policy_view view,
                         const struct sql_code *code)
{
    if (code->extension.n && policy_extension_is_harmless(code->extension)) return true;
    for (size_t i = 0; i < ruleset->n; i++) {
        const struct policy *p = ruleset->policies[i];
        if (!policy_in_view(p, view)) continue;
        if (code->extension.n && texts_have(&p->trust.extensions, code->extension)) return true;
        if (policy_signatures_match(&p->trust.functions, code->signature)) return true;
    }
    return false;
}

uint32_t policy_function_effects(const struct sql_statement *s, const struct sql_function *f)
{
    char schema[PATTERN_NAME_CEILING + 1], name[PATTERN_NAME_CEILING + 1];
    if (s->in_view && f->n_codes) return 0; /* its codes say */
    if (f->schema.n >= sizeof schema || f->name.n >= sizeof name) return EFFECT_PROCEDURE;
    memcpy(schema, f->schema.p ? f->schema.p : (const uint8_t *)"", f->schema.n);
    memcpy(name, f->name.p, f->name.n);
    schema[f->schema.n] = name[f->name.n] = 0;
    return functions_effects(f->schema.n ? schema : NULL, name);
}

static const struct sql_code *untrusted(const struct policy_ruleset *ruleset, enum policy_view view,
                                        const struct sql_function *f)
{
    for (size_t i = 0; i < f->n_codes; i++)
        if (!policy_code_trusted(ruleset, view, &f->codes[i])) return &f->codes[i];
    return NULL;
}

const struct sql_function *policy_procedure_called(const struct policy_ruleset *ruleset,
                                                   enum policy_view view, const struct sql_statement *s,
                                                   const struct sql_code **code_out)
{
    *code_out = NULL;
    for (size_t i = 0; i < s->n_functions; i++) {
        const struct sql_function *f = &s->functions[i];
        if (s->in_view && f->n_codes && (*code_out = untrusted(ruleset, view, f))) return f;
        if (policy_function_effects(s, f) & EFFECT_PROCEDURE) return f;
    }
    return NULL;
}

static bool code_matches(const struct policy_patterns *patterns, const struct sql_code *code,
                         enum policy_doubt doubt)
{
    struct policy_code_name name;
    bool is_cast = code->signature.n && code->signature.p[0] == '(';
    if (!policy_code_name(code->signature, &name)) return doubt == POLICY_DOUBT_HITS && !is_cast;
    return policy_patterns_match(patterns, name.schema, name.name, doubt);
}

static const struct bytes pg_catalog = BYTES_LITERAL("pg_catalog");

bool policy_function_hit(const struct policy_patterns *patterns, const struct sql_statement *s,
                         const struct sql_function *f)
{
    struct bytes schema = s->in_view && !f->schema.n ? pg_catalog : f->schema;
    if (policy_patterns_match(patterns, schema, f->name, POLICY_DOUBT_HITS)) return true;
    for (size_t i = 0; s->in_view && i < f->n_codes; i++)
        if (code_matches(patterns, &f->codes[i], POLICY_DOUBT_HITS)) return true;
    return false;
}

/* Whether everything untrusted that the call could stand for is of the patterns; *named_out: it is one. */
static bool call_allowed(const struct policy_patterns *patterns, const struct policy_ruleset *ruleset,
                         enum policy_view view, const struct sql_statement *s, const struct sql_function *f,
                         bool *named_out)
{
    if (!s->in_view || !f->n_codes) {
        struct bytes schema = s->in_view && !f->schema.n ? pg_catalog : f->schema;
        *named_out = policy_patterns_match(patterns, schema, f->name, POLICY_DOUBT_MISSES);
        return *named_out || !(policy_function_effects(s, f) & EFFECT_PROCEDURE);
    }
    for (size_t i = 0; i < f->n_codes; i++) {
        if (code_matches(patterns, &f->codes[i], POLICY_DOUBT_MISSES))
            *named_out = true;
        else if (!policy_code_trusted(ruleset, view, &f->codes[i]))
            return false;
    }
    return true;
}

bool policy_functions_allowed(const struct policy_patterns *patterns, const struct policy_ruleset *ruleset,
                              enum policy_view view, const struct sql_statement *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n_functions; i++) {
        bool named = false;
        if (!call_allowed(patterns, ruleset, view, s, &s->functions[i], &named)) return false;
        any |= named;
    }
    return any;
}

static bool named_in(const struct policy_signatures *trusted, const struct sql_made_code *made)
{
    for (size_t i = 0; i < trusted->n; i++) {
        struct policy_pattern name = trusted->items[i].name;
        const struct policy_patterns one = { &name, 1 };
        bool is_cast = trusted->items[i].cast.n > 0;
        if (is_cast != made->cast) continue;
        if (is_cast || policy_patterns_match(&one, made->schema, made->name, POLICY_DOUBT_HITS)) return true;
    }
    return false;
}

bool policy_code_is_vouched(const struct policy_ruleset *ruleset, enum policy_view view,
                            const struct sql_statement *s)
{
    const struct sql_made_code *made = &s->made_code;
    for (size_t i = 0; made->any && i < ruleset->n; i++) {
        const struct policy *p = ruleset->policies[i];
        if (!policy_in_view(p, view)) continue;
        if (named_in(&p->trust.functions, made)) return true;
        for (size_t k = 0; !made->cast && k < p->n_allows; k++)
            if (policy_patterns_match(&p->allows[k].functions, made->schema, made->name, POLICY_DOUBT_HITS))
                return true;
    }
    return false;
}
