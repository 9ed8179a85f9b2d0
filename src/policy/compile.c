/* Texts → snapshot. A policy that is not understood to the last key makes no snapshot at all. */
#include "policy/compile.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include "policy/columns.h"
#include "policy/snapshot.h"
#include <stdlib.h>

enum { SNAPSHOT_ARENA_CEILING = 128 << 20, SNAPSHOT_TEXT_CEILING = 64 << 20, POLICIES_CEILING = 10000 };

struct compiler {
    struct yaml_reader reader; /* into the snapshot's arena */
    struct policy_snapshot *snapshot;
};

static void complain(struct compiler *c, struct yaml_place place)
{
    yaml_errors_add(c->reader.errors, place, "the policies are too large");
}

/* The place of the item of a list that was written under a key, or of the text that stands for the list. */
static struct yaml_place place_of_item(const struct yaml_node *map, const char *key, size_t index)
{
    const struct yaml_node *node = map && map->kind == YAML_MAP ? yaml_tree_get(map, key) : map;
    if (node && node->kind == YAML_LIST && index < node->n) node = node->items[index];
    if (node) return node->place;
    return map ? map->place : (struct yaml_place){ 0 };
}

static void complain_effect(struct compiler *c, struct yaml_place place, struct bytes name)
{
    const char *names[SQL_N_EFFECTS + 2] = { "all", "schema" };
    for (unsigned i = 0; i < SQL_N_EFFECTS; i++)
        names[i + 2] = sql_effect_name(1u << i);
    const char *nearest = yaml_nearest(name, names, SQL_N_EFFECTS + 2);
    yaml_errors_add(c->reader.errors, place, "unknown effect \"%.*s\"%s%s%s",
                    BYTES_FMT(bytes_slice(name, 0, 60)), nearest ? "; did you mean \"" : "",
                    nearest ? nearest : "", nearest ? "\"?" : "");
}

static uint32_t compile_effects(struct compiler *c, const struct yaml_texts *names,
                                const struct yaml_node *map, const char *key)
{
    uint32_t effects = 0;
    for (size_t i = 0; i < names->n; i++) {
        uint32_t bits = sql_effect_parse(names->items[i]);
        if (!bits) complain_effect(c, place_of_item(map, key, i), names->items[i]);
        effects |= bits;
    }
    return effects;
}

/* parts: how many a pattern may have. */
static struct policy_patterns compile_patterns(struct compiler *c, const struct yaml_texts *texts,
                                               size_t parts, const struct yaml_node *map, const char *key)
{
    struct policy_patterns out = { ARENA_ARRAY(c->reader.arena, struct policy_pattern, texts->n), texts->n };
    for (size_t i = 0; i < texts->n && out.items; i++) {
        const char *wrong = policy_pattern_parse(texts->items[i], c->reader.arena, &out.items[i]);
        if (!wrong && out.items[i].n > parts) wrong = "a name of too many parts";
        if (wrong) yaml_errors_add(c->reader.errors, place_of_item(map, key, i), "this is %s", wrong);
    }
    if (!out.items) complain(c, map ? map->place : (struct yaml_place){ 0 });
    return out;
}

/* schema.relation.column each. */
static struct policy_patterns compile_columns(struct compiler *c, const struct yaml_texts *texts,
                                              const struct yaml_node *map)
{
    struct policy_patterns out = compile_patterns(c, texts, 3, map, "columns");
    for (size_t i = 0; i < out.n && out.items; i++)
        if (out.items[i].n && out.items[i].n != 3)
            yaml_errors_add(c->reader.errors, place_of_item(map, "columns", i),
                            "this is no schema.relation.column");
    return out;
}

/* Without uses: those that the effects speak of, or all. */
static uint32_t compile_uses(struct compiler *c, const struct policy_rule_text *text, uint32_t effects)
{
    static const char *const names[] = { "output", "predicate", "written", "stored", "read" };
    static const uint32_t bits[] = { SQL_USE_OUTPUT, SQL_USE_PREDICATE, SQL_USE_WRITTEN, SQL_USE_STORED,
                                     POLICY_USES_READ };
    uint32_t uses = 0;
    for (size_t i = 0; i < text->uses.n; i++) {
        uint32_t found = 0;
        for (size_t k = 0; k < sizeof bits / sizeof *bits; k++)
            if (bytes_is(text->uses.items[i], names[k])) found = bits[k];
        if (found & SQL_USE_PREDICATE) found |= SQL_USE_EQUAL;
        if (!found)
            yaml_errors_add(c->reader.errors, place_of_item(text->at, "uses", i),
                            "\"uses\" are output, predicate, stored, written and read");
        uses |= found;
    }
    if (text->uses.n && !text->columns.n)
        yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "uses"), "\"uses\" goes with \"columns\"");
    if (text->uses.n) return uses;
    return policy_uses_of(effects) ? policy_uses_of(effects) : POLICY_USES_ANY;
}

/* Command tags are in upper case, their words one space apart. */
static struct yaml_texts compile_tags(struct compiler *c, const struct yaml_texts *texts)
{
    struct yaml_texts out = { ARENA_ARRAY(c->reader.arena, struct bytes, texts->n), texts->n };
    for (size_t i = 0; i < texts->n && out.items; i++) {
        struct bytes text = texts->items[i];
        uint8_t *copy = arena_alloc(c->reader.arena, text.n + 1);
        if (!copy) break;
        size_t n = 0;
        for (size_t k = 0; k < text.n; k++) {
            uint8_t letter = text.p[k] >= 'a' && text.p[k] <= 'z' ? (uint8_t)(text.p[k] - 32) : text.p[k];
            bool space = letter == ' ' || letter == '\t' || letter == '\n';
            if (space && (n == 0 || copy[n - 1] == ' ')) continue;
            copy[n++] = space ? ' ' : letter;
        }
        struct bytes tag = bytes_make(copy, n && copy[n - 1] == ' ' ? n - 1 : n);
        /* The two tags that the facts give without their TABLE. */
        if (bytes_is(tag, "TRUNCATE TABLE")) tag.n = 8;
        if (bytes_is(tag, "LOCK TABLE")) tag.n = 4;
        out.items[i] = tag;
    }
    if (texts->n && (!out.items || !out.items[texts->n - 1].p)) complain(c, (struct yaml_place){ 0 });
    return out;
}

/* "allow: read, write" of the names as they were written. */
static struct bytes join(struct compiler *c, const char *before, const struct yaml_texts *names)
{
    struct buf text;
    buf_init(&text, 4096);
    buf_append_text(&text, before);
    for (size_t i = 0; i < names->n; i++)
        buf_printf(&text, "%s%.*s", i ? ", " : "", BYTES_FMT(names->items[i]));
    struct bytes label = arena_copy(c->reader.arena, text.failed ? bytes_of(before) : buf_bytes(&text));
    buf_free(&text);
    if (!label.p) complain(c, (struct yaml_place){ 0 });
    return label;
}

static void compile_allow(struct compiler *c, const struct policy *policy,
                          const struct policy_allow_text *text, struct policy_allow *out)
{
    out->place = text->at->place;
    out->label = join(c, "allow: ", &text->effects);
    out->effects = compile_effects(c, &text->effects, text->at, "effects");
    out->relations = compile_patterns(c, &text->relations, 2, text->at, "relations");
    out->schemas = compile_patterns(c, &text->schemas, 1, text->at, "schemas");
    out->columns = compile_columns(c, &text->columns, text->at);
    out->functions = compile_patterns(c, &text->functions, 2, text->at, "functions");
    out->scope = &policy->schemas;
    if (text->columns.n && out->effects & ~POLICY_EFFECTS_OF_COLUMNS)
        yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "columns"),
                        "\"columns\" goes with effects: read, write, update, bulk_in or bulk_out");
    if (text->functions.n && out->effects != EFFECT_PROCEDURE)
        yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "functions"),
                        "\"functions\" goes with effects: procedure alone");
    bool narrow = text->relations.n || text->schemas.n || policy->schemas.n;
    if ((out->effects & EFFECT_UNKNOWN) && narrow)
        yaml_errors_add(
            c->reader.errors, yaml_place_of(text->at, "effects"),
            "\"unknown\" cannot be allowed for some relations only: nobody knows what it touches");
}

static bool compile_unless(struct compiler *c, const struct policy_unless *unless, uint64_t *rows_out)
{
    struct bytes text = unless->affected_rows;
    int64_t rows = 0;
    *rows_out = 0;
    if (!text.n) return false;
    if (bytes_starts_with(text, "<=")) text = bytes_slice(text, 2, text.n);
    while (text.n && text.p[0] == ' ')
        text = bytes_slice(text, 1, text.n);
    if (!bytes_to_int64(text, &rows) || rows < 0)
        yaml_errors_add(c->reader.errors, yaml_place_of(unless->at, "affected_rows"),
                        "\"affected_rows\" is written as \"<= 100\"");
    *rows_out = rows > 0 ? (uint64_t)rows : 0;
    return true;
}

static void compile_rule(struct compiler *c, const struct policy *policy, const struct policy_rule_text *text,
                         const char *kind, size_t number, struct policy_rule *out)
{
    struct arena *arena = c->reader.arena;
    out->place = text->at->place;
    out->name = text->name;
    if (!out->name.n && text->at->kind != YAML_MAP) out->name = join(c, "", &text->effects);
    if (!out->name.n) out->name = arena_printf(arena, "%s %zu", kind, number);
    if (!out->name.p) complain(c, text->at->place);
    out->message = text->message;
    out->effects = compile_effects(c, &text->effects, text->at, "effects");
    out->statements = compile_tags(c, &text->statements);
    out->where = text->where;
    out->relations = compile_patterns(c, &text->relations, 2, text->at, "relations");
    out->columns = compile_columns(c, &text->columns, text->at);
    out->uses = compile_uses(c, text, out->effects);
    out->functions = compile_patterns(c, &text->functions, 2, text->at, "functions");
    out->scope = &policy->schemas;
    out->observe = policy->observe || text->mode == POLICY_OBSERVE;
    out->by = text->by;
    out->expires_us = text->expires_us;
    out->window_us = text->window_us;
    out->in_transaction_us = text->in_transaction_us;
    out->approvals = (uint32_t)text->approvals;
    out->reason = text->reason == POLICY_REASON_REQUIRED;
    out->own = text->four_eyes == POLICY_FOUR_EYES_OFF;
    out->unless = compile_unless(c, &text->unless, &out->unless_rows);
    uint32_t changes = EFFECT_UPDATE | EFFECT_DELETE;
    if (out->where != POLICY_WHERE_ANY && out->effects && !(out->effects & changes))
        yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "where"),
                        "\"where\" goes with effects: update or delete");
}

static struct policy_rule *compile_rules(struct compiler *c, const struct policy *policy,
                                         const struct policy_rule_text *texts, size_t n, const char *kind)
{
    struct policy_rule *rules = ARENA_ARRAY(c->reader.arena, struct policy_rule, n);
    for (size_t i = 0; i < n && rules; i++) {
        compile_rule(c, policy, &texts[i], kind, i + 1, &rules[i]);
        for (size_t k = 0; k < i; k++)
            if (texts[i].name.n && bytes_equal(rules[i].name, rules[k].name))
                yaml_errors_add(c->reader.errors, yaml_place_of(texts[i].at, "name"),
                                "two rules are named \"%.*s\"", BYTES_FMT(rules[i].name));
    }
    if (!rules) complain(c, policy->place);
    return rules;
}

/* Columns by pattern, and by tag. */
static void compile_column_set(struct compiler *c, const struct yaml_texts *texts, const struct yaml_node *at,
                               struct policy_column_set *out)
{
    struct yaml_texts columns = { ARENA_ARRAY(c->reader.arena, struct bytes, texts->n), 0 };
    out->tags.items = ARENA_ARRAY(c->reader.arena, struct bytes, texts->n);
    if (!columns.items || !out->tags.items) {
        complain(c, at->place);
        return;
    }
    for (size_t i = 0; i < texts->n; i++) {
        struct bytes item = texts->items[i];
        bool tag = bytes_starts_with(item, "tag:");
        if (tag)
            out->tags.items[out->tags.n++] = bytes_slice(item, 4, item.n);
        else
            columns.items[columns.n++] = item;
    }
    out->columns = compile_columns(c, &columns, at);
}

static void compile_mask(struct compiler *c, const struct policy *policy, const struct policy_mask_text *text,
                         struct policy_masking *out)
{
    compile_column_set(c, &text->columns, text->at, &out->columns);
    out->place = text->at->place;
    const char *wrong = policy_mask_parse(text->with, &out->mask);
    if (!wrong && out->mask.kind == POLICY_MASK_REPORT) wrong = "a mask for values, and not for columns";
    if (wrong) yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "with"), "this is %s", wrong);
    out->mask.equal = text->predicates == POLICY_PREDICATES_EQUALITY;
    out->mask.compared = text->predicates == POLICY_PREDICATES_MASKED;
    out->mask.written = text->write == POLICY_MASK_WRITE_ALLOW;
    out->mask.policy = policy->name;
}

static void compile_values(struct compiler *c, const struct policy *policy,
                           const struct policy_mask_text *text, struct policy_valuing *out)
{
    enum policy_value value;
    out->place = text->at->place;
    for (size_t i = 0; i < text->values.n; i++)
        if (policy_value_parse(text->values.items[i], &value))
            out->values |= 1U << value;
        else
            yaml_errors_add(c->reader.errors, place_of_item(text->at, "values", i),
                            "this is no kind of value; those are card_number, iban, email and us_ssn");
    const char *wrong = policy_mask_parse(text->with, &out->mask);
    if (!wrong || !out->mask.kind) wrong = policy_values_wrong(&out->mask, out->values);
    if (wrong) yaml_errors_add(c->reader.errors, yaml_place_of(text->at, "with"), "this is %s", wrong);
    out->mask.policy = policy->name;
}

static void compile_masks(struct compiler *c, const struct policy_text *text, struct policy *out)
{
    out->masks = ARENA_ARRAY(c->reader.arena, struct policy_masking, text->mask.n);
    out->values = ARENA_ARRAY(c->reader.arena, struct policy_valuing, text->mask.n);
    out->guard = text->guard == POLICY_GUARD_ON;
    if (!out->masks || !out->values) {
        complain(c, out->place);
        return;
    }
    for (size_t i = 0; i < text->mask.n; i++)
        if (text->mask.items[i].values.n)
            compile_values(c, out, &text->mask.items[i], &out->values[out->n_values++]);
        else
            compile_mask(c, out, &text->mask.items[i], &out->masks[out->n_masks++]);
}

static void compile_trust(struct compiler *c, const struct policy_trust_text *text, struct policy_trust *out)
{
    const struct yaml_texts *functions = &text->functions;
    out->extensions = text->extensions;
    out->functions.items = ARENA_ARRAY(c->reader.arena, struct policy_signature, functions->n);
    out->functions.n = functions->n;
    if (!out->functions.items) complain(c, yaml_place_of(text->at, "functions"));
    for (size_t i = 0; i < functions->n && out->functions.items; i++) {
        const char *wrong =
            policy_signature_parse(functions->items[i], c->reader.arena, &out->functions.items[i]);
        if (wrong)
            yaml_errors_add(c->reader.errors, place_of_item(text->at, "functions", i), "this is %s", wrong);
    }
}

static struct policy_limits compile_limits(const struct policy_limits_text *text)
{
    return (struct policy_limits){ .statement_us = text->statement_us,
                                   .session_us = text->session_us,
                                   .returned_rows = (uint64_t)text->returned_rows,
                                   .affected_rows = (uint64_t)text->affected_rows,
                                   .returned_bytes = (uint64_t)text->bytes,
                                   .budget = { (uint64_t)text->budget.statements, (uint64_t)text->budget.rows,
                                               (uint64_t)text->budget.affected_rows,
                                               (uint64_t)text->budget.bytes,
                                               (uint64_t)text->budget.lookups } };
}

static void compile_policy(struct compiler *c, const struct policy_text *text, struct policy *out)
{
    out->name = text->name;
    out->who = text->who;
    out->connections = text->on.connections;
    out->databases = text->on.databases;
    out->schemas = compile_patterns(c, &text->on.schemas, 1, text->on.at, "schemas");
    out->observe = text->mode == POLICY_OBSERVE;
    out->login = text->login;
    out->rows = text->record.rows;
    out->on_failure = text->record.on_failure;
    out->retain_us = text->record.retain_us;
    out->record_effects = compile_effects(c, &text->record.statements, text->record.at, "statements");
    /* "all" leaves out unknown where something is allowed; here it leaves out nothing. */
    if ((out->record_effects & EFFECT_ALL_BUT_UNKNOWN) == EFFECT_ALL_BUT_UNKNOWN)
        out->record_effects |= EFFECT_UNKNOWN;
    if (text->record.values.n) compile_column_set(c, &text->record.values, text->record.at, &out->indexed);
    if (text->record.values.n && out->rows != POLICY_ROWS_FULL)
        yaml_errors_add(c->reader.errors, yaml_place_of(text->record.at, "values"),
                        "values are indexed from recorded rows: \"values\" wants \"rows: full\"");
    out->limits = compile_limits(&text->limits);
    out->place = yaml_place_of(text->at, "name");
    out->login_place = yaml_place_of(text->at, "login");
    out->connections_place = yaml_place_of(text->on.at, "connections");
    out->n_allows = text->allow.n;
    out->allows = ARENA_ARRAY(c->reader.arena, struct policy_allow, out->n_allows);
    out->n_denies = text->deny.n;
    out->n_holds = text->hold.n;
    if (!out->allows) complain(c, out->place);
    for (size_t i = 0; i < out->n_allows && out->allows; i++)
        compile_allow(c, out, &text->allow.items[i], &out->allows[i]);
    out->denies = compile_rules(c, out, text->deny.items, text->deny.n, "deny");
    out->holds = compile_rules(c, out, text->hold.items, text->hold.n, "hold");
    compile_trust(c, &text->trust, &out->trust);
    compile_masks(c, text, out);
    if (out->who.claims.n) c->snapshot->uses_claims = true;
}

static int by_name(const void *a, const void *b)
{
    const struct policy_text *x = a, *y = b;
    return bytes_compare(x->name, y->name);
}

/* The places' file names live in the tree, which the snapshot outlives. */
static bool own_places(struct compiler *c, struct policy *policy)
{
    struct bytes file = arena_copy(c->reader.arena, policy->place.file);
    policy->place.file = policy->login_place.file = policy->connections_place.file = file;
    for (size_t i = 0; i < policy->n_allows && policy->allows; i++)
        policy->allows[i].place.file = file;
    for (size_t i = 0; i < policy->n_denies && policy->denies; i++)
        policy->denies[i].place.file = file;
    for (size_t i = 0; i < policy->n_holds && policy->holds; i++)
        policy->holds[i].place.file = file;
    for (size_t i = 0; i < policy->n_masks && policy->masks; i++)
        policy->masks[i].place.file = file;
    for (size_t i = 0; i < policy->n_values; i++)
        policy->values[i].place.file = file;
    return file.p != NULL;
}

/* Texts in name order → policies, the canonical text and its hash. */
static void compile_all(struct compiler *c, struct policy_text *texts, size_t n)
{
    struct policy_snapshot *s = c->snapshot;
    struct buf text, hex;
    uint8_t hash[SHA256_SIZE];
    qsort(texts, n, sizeof *texts, by_name);
    s->policies = ARENA_ARRAY(&s->arena, struct policy, n);
    s->n = n;
    if (!s->policies) complain(c, texts[0].at->place);
    buf_init(&text, SNAPSHOT_TEXT_CEILING);
    buf_init(&hex, 2 * sizeof hash);
    for (size_t i = 0; i < n && s->policies; i++) {
        compile_policy(c, &texts[i], &s->policies[i]);
        if (i > 0 && bytes_equal(texts[i].name, texts[i - 1].name))
            yaml_errors_add(c->reader.errors, s->policies[i].place, "two policies are named \"%.*s\"",
                            BYTES_FMT(texts[i].name));
        buf_append_text(&text, "-\n");
        yaml_tree_print(texts[i].at, 1, &text);
        if (!own_places(c, &s->policies[i])) complain(c, texts[i].at->place);
    }
    sha256_once(buf_bytes(&text), hash);
    codec_hex(bytes_make(hash, sizeof hash), &hex);
    s->text = arena_copy(&s->arena, buf_bytes(&text));
    s->hash = arena_copy(&s->arena, buf_bytes(&hex));
    if (text.failed || !s->text.p || !s->hash.p) complain(c, (struct yaml_place){ 0 });
    buf_free(&text);
    buf_free(&hex);
}

/* The trees are let go after compiling: nothing that points into them stays. */
static void forget_nodes(struct policy_snapshot *s)
{
    for (size_t i = 0; i < s->n; i++)
        s->policies[i].who.at = NULL;
}

const struct policy_snapshot *policy_compile(const struct yaml_node *const *nodes, size_t n,
                                             struct yaml_errors *errors)
{
    struct policy_snapshot *s = calloc(1, sizeof *s);
    size_t before = yaml_errors_count(errors);
    if (!s || n > POLICIES_CEILING) {
        yaml_errors_add(errors, n ? nodes[0]->place : (struct yaml_place){ 0 }, "too many policies");
        free(s);
        return NULL;
    }
    arena_init(&s->arena, 16 * 1024, SNAPSHOT_ARENA_CEILING);
    atomic_init(&s->n_references, 1);
    struct compiler c = { { &s->arena, errors, { 0 } }, s };
    struct policy_text *texts = ARENA_ARRAY(&s->arena, struct policy_text, n);
    if (!texts) complain(&c, n ? nodes[0]->place : (struct yaml_place){ 0 });
    size_t n_good = 0;
    for (size_t i = 0; i < n && texts; i++)
        n_good += yaml_read(&c.reader, nodes[i], &policy_shape, &texts[n_good]);
    if (texts) compile_all(&c, texts, n_good);
    if (yaml_errors_count(errors) > before) {
        policy_snapshot_unref(s);
        return NULL;
    }
    forget_nodes(s);
    return s;
}
