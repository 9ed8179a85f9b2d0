/* The text of a mask, and which of several counts. */
#include "policy/masks.h"
#include "policy/glob.h"
#include "policy/ruleset.h"
#include <stdlib.h>

static struct bytes trimmed(struct bytes text)
{
    while (text.n && text.p[0] == ' ')
        text = bytes_slice(text, 1, text.n);
    while (text.n && text.p[text.n - 1] == ' ')
        text.n--;
    return text;
}

static bool number(struct bytes text, int64_t most, int64_t *out)
{
    return bytes_to_int64(trimmed(text), out) && *out >= 0 && *out <= most;
}

/* One number, or two. */
static bool numbers(struct bytes text, int64_t most, int64_t *first, int64_t *second)
{
    ssize_t comma = bytes_find(text, BYTES_LITERAL(","));
    if (!second) return comma < 0 && number(text, most, first);
    if (comma < 0) return false;
    return number(bytes_slice(text, 0, (size_t)comma), most, first) &&
           number(bytes_slice(text, (size_t)comma + 1, text.n), most, second);
}

static const char *parse_arguments(struct bytes name, struct bytes inside, struct policy_mask *out)
{
    int64_t first = 0, last = 0;
    const char *few = "a mask that shows more than 64 characters, or says no number";
    if (bytes_is(name, "constant")) {
        out->kind = POLICY_MASK_CONSTANT;
        out->constant = inside;
        return inside.n <= POLICY_MASK_CONSTANT_CEILING ? NULL : "a constant of more than 256 bytes";
    }
    if (bytes_is(name, "range")) {
        out->kind = POLICY_MASK_RANGE;
        if (!numbers(inside, 1000000000, &out->step, NULL) || out->step < 2)
            return "a range that is no number from 2 to 1000000000";
        return NULL;
    }
    out->kind = POLICY_MASK_PARTIAL;
    if (bytes_is(name, "partial")) {
        if (!numbers(inside, POLICY_MASK_SHOWN_CEILING, &first, &last)) return few;
    } else if (bytes_is(name, "keep_first")) {
        if (!numbers(inside, POLICY_MASK_SHOWN_CEILING, &first, NULL)) return few;
    } else if (bytes_is(name, "keep_last")) {
        if (!numbers(inside, POLICY_MASK_SHOWN_CEILING, &last, NULL)) return few;
    } else {
        return "no mask; masks are redact, null, constant(…), partial(first, last), keep_first(n), "
               "keep_last(n), partial_email, partial_phone, year and range(n)";
    }
    out->first = (uint32_t)first;
    out->last = (uint32_t)last;
    return NULL;
}

const char *policy_mask_parse(struct bytes text, struct policy_mask *mask_out)
{
    static const struct {
        const char *name;
        enum policy_mask_kind kind;
    } plain[] = { { "report", POLICY_MASK_REPORT },       { "redact", POLICY_MASK_REDACT },
                  { "null", POLICY_MASK_NULL },           { "partial_email", POLICY_MASK_EMAIL },
                  { "partial_phone", POLICY_MASK_PHONE }, { "year", POLICY_MASK_YEAR } };
    *mask_out = (struct policy_mask){ .with = text };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (bytes_is(text, plain[i].name)) {
            mask_out->kind = plain[i].kind;
            return NULL;
        }
    ssize_t open = bytes_find(text, BYTES_LITERAL("("));
    if (open < 0 || text.p[text.n - 1] != ')') return parse_arguments(text, (struct bytes){ 0 }, mask_out);
    return parse_arguments(trimmed(bytes_slice(text, 0, (size_t)open)),
                           bytes_slice(text, (size_t)open + 1, text.n - (size_t)open - 2), mask_out);
}

struct policy_mask policy_mask_stricter(struct policy_mask a, struct policy_mask b)
{
    if (!a.kind || !b.kind) return a.kind ? a : b;
    struct policy_mask out = b.kind > a.kind ? b : a;
    if (a.kind == b.kind && a.kind == POLICY_MASK_PARTIAL) {
        out.first = a.first < b.first ? a.first : b.first;
        out.last = a.last < b.last ? a.last : b.last;
    }
    if (a.kind == b.kind && b.step > a.step) out.step = b.step;
    /* A mask that is compared tells less than a value that is asked for. */
    out.equal = a.equal && b.equal;
    out.compared = !out.equal && (a.compared || a.equal) && (b.compared || b.equal);
    out.written = a.written && b.written;
    return out;
}

static bool masks(const struct policy *p)
{
    return policy_in_view(p, POLICY_VIEW_ENFORCED) && p->n_masks > 0;
}

bool policy_ruleset_masks(const struct policy_ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->n; i++)
        if (masks(ruleset->policies[i])) return true;
    return false;
}

bool policy_ruleset_guards(const struct policy_ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->n; i++)
        if (masks(ruleset->policies[i]) && ruleset->policies[i]->guard) return true;
    return false;
}

bool policy_mask_has_tag(struct bytes tags, struct bytes pattern)
{
    while (tags.n) {
        ssize_t comma = bytes_find(tags, BYTES_LITERAL(","));
        struct bytes tag = trimmed(bytes_slice(tags, 0, comma < 0 ? tags.n : (size_t)comma));
        if (tag.n && policy_glob(pattern, tag)) return true;
        tags = comma < 0 ? (struct bytes){ 0 } : bytes_slice(tags, (size_t)comma + 1, tags.n);
    }
    return false;
}

static bool speaks_of(const struct policy_column_set *set, const struct policy *policy, struct bytes schema,
                      struct bytes relation, struct bytes column, struct bytes tags)
{
    if (policy->schemas.n && !policy_patterns_match_schema(&policy->schemas, schema, POLICY_DOUBT_HITS))
        return false;
    for (size_t i = 0; i < set->columns.n; i++) {
        const struct policy_pattern *p = &set->columns.items[i];
        if (policy_glob(p->parts[0], schema) && policy_glob(p->parts[1], relation) &&
            policy_glob(p->parts[2], column))
            return true;
    }
    for (size_t i = 0; i < set->tags.n; i++)
        if (policy_mask_has_tag(tags, set->tags.items[i])) return true;
    return false;
}

struct policy_mask policy_mask_by(const struct policy *policy, struct bytes schema, struct bytes relation,
                                  struct bytes column, struct bytes tags)
{
    struct policy_mask found = { 0 };
    for (size_t k = 0; masks(policy) && k < policy->n_masks; k++)
        if (speaks_of(&policy->masks[k].columns, policy, schema, relation, column, tags))
            found = policy_mask_stricter(found, policy->masks[k].mask);
    return found;
}

struct policy_mask policy_ruleset_mask_of(const struct policy_ruleset *ruleset, struct bytes schema,
                                          struct bytes relation, struct bytes column, struct bytes tags)
{
    struct policy_mask found = { 0 };
    for (size_t i = 0; i < ruleset->n; i++)
        found =
            policy_mask_stricter(found, policy_mask_by(ruleset->policies[i], schema, relation, column, tags));
    return found;
}

bool policy_ruleset_masks_somebody(const struct policy_ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->snapshot->n; i++)
        if (ruleset->snapshot->policies[i].n_masks) return true;
    return false;
}

bool policy_ruleset_speaks_of(const struct policy_ruleset *ruleset, struct bytes schema,
                              struct bytes relation, struct bytes column, struct bytes tags)
{
    for (size_t i = 0; i < ruleset->snapshot->n; i++) {
        const struct policy *p = &ruleset->snapshot->policies[i];
        for (size_t k = 0; k < p->n_masks; k++)
            if (speaks_of(&p->masks[k].columns, p, schema, relation, column, tags)) return true;
    }
    return false;
}

bool policy_ruleset_indexes(const struct policy_ruleset *ruleset, struct bytes schema, struct bytes relation,
                            struct bytes column, struct bytes tags)
{
    for (size_t i = 0; i < ruleset->snapshot->n; i++) {
        const struct policy *p = &ruleset->snapshot->policies[i];
        if (speaks_of(&p->indexed, p, schema, relation, column, tags)) return true;
    }
    return false;
}

bool policy_ruleset_indexes_any(const struct policy_ruleset *ruleset)
{
    for (size_t i = 0; i < ruleset->snapshot->n; i++) {
        const struct policy_column_set *set = &ruleset->snapshot->policies[i].indexed;
        if (set->columns.n + set->tags.n) return true;
    }
    return false;
}

static const char *const value_names[] = { [POLICY_VALUE_CARD] = "card_number",
                                           [POLICY_VALUE_IBAN] = "iban",
                                           [POLICY_VALUE_EMAIL] = "email",
                                           [POLICY_VALUE_US_SSN] = "us_ssn" };

const char *policy_value_name(enum policy_value value)
{
    return value_names[value];
}

bool policy_value_parse(struct bytes name, enum policy_value *value_out)
{
    for (enum policy_value v = 0; v < POLICY_N_VALUES; v++) {
        if (!bytes_is(name, value_names[v])) continue;
        *value_out = v;
        return true;
    }
    return false;
}

/* A constant takes the place of a part of whatever holds the value: JSON, an array, a row of COPY. */
static bool is_plain_constant(struct bytes text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*' || c == '-' || c == '_';
        if (!word) return false;
    }
    return text.n > 0 && text.n <= POLICY_VALUES_CONSTANT_CEILING;
}

const char *policy_values_wrong(const struct policy_mask *mask, uint32_t values)
{
    switch (mask->kind) {
    case POLICY_MASK_NONE:
    case POLICY_MASK_DEFINITION:
    case POLICY_MASK_PHONE:
    case POLICY_MASK_RANGE:
    case POLICY_MASK_YEAR:
        return "no mask for values; those are report, redact, null, constant(…), partial(first, last), "
               "keep_first(n), keep_last(n) and, of email, partial_email";
    case POLICY_MASK_EMAIL:
        return values == 1U << POLICY_VALUE_EMAIL ? NULL : "a mask for values: email alone";
    case POLICY_MASK_PARTIAL:
        if (values & 1U << POLICY_VALUE_US_SSN && (mask->first || mask->last > 4))
            return "more of a US social security number than is shown: its last four digits at most";
        /* As card numbers may be shown; a longer part could be the value. */
        return mask->first <= 6 && mask->last <= 4
                   ? NULL
                   : "more of a value than is shown: its first six characters and last four at most";
    case POLICY_MASK_CONSTANT:
        return is_plain_constant(mask->constant)
                   ? NULL
                   : "a constant of other characters than letters, *, - and _, or of more than 16";
    case POLICY_MASK_REPORT:
    case POLICY_MASK_REDACT:
    case POLICY_MASK_NULL: break;
    }
    return NULL;
}

struct policy_values policy_ruleset_values(const struct policy_ruleset *ruleset)
{
    struct policy_values out = { 0 };
    for (size_t i = 0; i < ruleset->n; i++) {
        const struct policy *p = ruleset->policies[i];
        for (size_t k = 0; policy_in_view(p, POLICY_VIEW_ENFORCED) && k < p->n_values; k++)
            for (unsigned v = 0; v < POLICY_N_VALUES; v++)
                if (p->values[k].values & 1U << v)
                    out.by[v] = policy_mask_stricter(out.by[v], p->values[k].mask);
    }
    for (unsigned v = 0; v < POLICY_N_VALUES; v++) {
        if (out.by[v].kind) out.looked |= 1U << v;
        if (out.by[v].kind > POLICY_MASK_REPORT) out.masked |= 1U << v;
    }
    return out;
}

/* Only what masks are judged by; nothing of the arena that it was made in. */
const struct policy_ruleset *policy_ruleset_hold(const struct policy_ruleset *ruleset)
{
    struct policy_ruleset *held = calloc(1, sizeof *held);
    const struct policy **policies = calloc(ruleset->n, sizeof *policies);
    if (!held || !policies) {
        free(held);
        free(policies);
        return NULL;
    }
    memcpy(policies, ruleset->policies, ruleset->n * sizeof *policies);
    *held = (struct policy_ruleset){ .snapshot = policy_snapshot_ref(ruleset->snapshot),
                                     .policies = policies,
                                     .n = ruleset->n };
    return held;
}

bool policy_masks_alone(const struct policy_snapshot *snapshot, size_t i, struct arena *arena,
                        struct policy_alone *out)
{
    const struct policy *p = &snapshot->policies[i];
    struct policy_ruleset *ruleset = ARENA_NEW(arena, struct policy_ruleset);
    const struct policy **policies = ARENA_ARRAY(arena, const struct policy *, 1);
    if (!p->n_masks || p->observe || !ruleset || !policies) return false;
    policies[0] = p;
    *ruleset = (struct policy_ruleset){ .snapshot = snapshot, .policies = policies, .n = 1, .masks = true };
    *out = (struct policy_alone){ p->name, p->masks[0].place, ruleset };
    return true;
}

void policy_ruleset_release(const struct policy_ruleset *held)
{
    if (!held) return;
    struct policy_ruleset *own = (struct policy_ruleset *)(uintptr_t)held;
    policy_snapshot_unref(own->snapshot);
    free(own->policies);
    free(own);
}
