/* Names are resolved against the catalogue in a later version. Until then a name without a schema is in
 * doubt: search_path may lead it anywhere, so it falls under every deny that could mean it, and under an
 * allow only where the allow is for every schema. */
#include "policy/pattern.h"
#include "policy/glob.h"

static const struct bytes star = BYTES_LITERAL("*");

/* One part from *at on, up to its dot or the end; false for a quote that does not close. */
static bool parse_part(struct bytes text, size_t *at, uint8_t *into, struct bytes *part_out)
{
    bool quoted = false;
    size_t n = 0;
    for (; *at < text.n; ++*at) {
        uint8_t c = text.p[*at];
        if (c == '"') {
            bool twice = quoted && *at + 1 < text.n && text.p[*at + 1] == '"';
            if (!twice) {
                quoted = !quoted;
                continue;
            }
            ++*at;
        } else if (c == '.' && !quoted) {
            break;
        }
        into[n++] = !quoted && c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
    }
    *part_out = bytes_make(into, n);
    return !quoted;
}

const char *policy_pattern_parse(struct bytes text, struct arena *arena, struct policy_pattern *pattern_out)
{
    *pattern_out = (struct policy_pattern){ 0 };
    for (size_t at = 0; at <= text.n; at++) {
        uint8_t *into = arena_alloc(arena, text.n + 1);
        if (!into) return "too much";
        if (pattern_out->n == PATTERN_PARTS_CEILING) return "a name of too many parts";
        struct bytes *part = &pattern_out->parts[pattern_out->n++];
        if (!parse_part(text, &at, into, part)) return "a name whose quotes do not close";
        if (part->n == 0) return "a name with an empty part";
        /* The server cuts a longer name, so that this one would never match. */
        if (part->n > PATTERN_NAME_CEILING) return "a name longer than 63 bytes";
    }
    return NULL;
}

static bool schema_matches(struct bytes pattern, struct bytes schema, enum policy_doubt doubt)
{
    if (schema.n == 0) return doubt == POLICY_DOUBT_HITS || bytes_equal(pattern, star);
    return policy_glob(pattern, schema);
}

/* What has no name could have any. */
static bool name_matches(struct bytes pattern, struct bytes name, enum policy_doubt doubt)
{
    if (name.n == 0) return doubt == POLICY_DOUBT_HITS || bytes_equal(pattern, star);
    return policy_glob(pattern, name);
}

bool policy_patterns_match(const struct policy_patterns *patterns, struct bytes schema, struct bytes name,
                           enum policy_doubt doubt)
{
    for (size_t i = 0; i < patterns->n; i++) {
        const struct policy_pattern *p = &patterns->items[i];
        struct bytes in = p->n >= 2 ? p->parts[p->n - 2] : star;
        if (name_matches(p->parts[p->n - 1], name, doubt) && schema_matches(in, schema, doubt)) return true;
    }
    return false;
}

bool policy_patterns_match_schema(const struct policy_patterns *patterns, struct bytes schema,
                                  enum policy_doubt doubt)
{
    for (size_t i = 0; i < patterns->n; i++)
        if (schema_matches(patterns->items[i].parts[0], schema, doubt)) return true;
    return false;
}
