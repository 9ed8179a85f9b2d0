/* Whether a column is masked, by the closure over the catalogue: what is named, what holds the same rows,
 * what is made of it. The strictest of all that is found counts; whatever is computed is masked whole, since
 * a mask that shows a part of a value would show another part of what was computed from it. */
#include "mask/mask.h"

enum { DEPTH = 40, KIN = 4096, KNOWN = 1024, KNOWN_MOST = 768 };

/* What was found of a column on the way, so that views upon views cost each column once. */
struct known {
    uint32_t relation; /* 0: free */
    int attribute;
    struct mask_choice choice;
};

struct closure {
    const struct policy_ruleset *ruleset;
    const struct catalog_view *view;
    bool for_anybody; /* a mask of any policy counts, and so does a tag */
    int depth;
    size_t n_known;
    struct known known[KNOWN]; /* cleared when the first is looked for: most columns need none */
};

static struct mask_choice stricter(struct mask_choice a, struct mask_choice b)
{
    if (!a.reason || !b.reason) return a.reason ? a : b;
    struct mask_choice out = b.mask.kind > a.mask.kind ? b : a;
    out.mask = policy_mask_stricter(a.mask, b.mask);
    return out;
}

static bool is_view(const struct catalog_relation *r)
{
    return r->kind == 'v' || r->kind == 'm';
}

static struct mask_choice hidden(enum mask_reason reason, struct policy_mask like,
                                 const struct catalog_relation *because)
{
    like.kind = POLICY_MASK_REDACT;
    return (struct mask_choice){ reason, like, because };
}

static const struct catalog_relation *as_seen(const struct closure *c, const struct catalog_relation *r)
{
    const struct catalog_relation *seen = catalog_by_oid(c->view, r->oid);
    return seen ? seen : r;
}

static struct mask_choice named_to_anybody(const struct closure *c, const struct catalog_relation *r,
                                           const struct catalog_column *column)
{
    bool is = column->tags.n ||
              policy_ruleset_speaks_of(c->ruleset, r->schema, r->name, column->name, column->tags) ||
              policy_ruleset_indexes(c->ruleset, r->schema, r->name, column->name, column->tags);
    return is ? hidden(MASK_BY_POLICY, (struct policy_mask){ 0 }, r) : (struct mask_choice){ 0 };
}

/* What the policies and the list say of the column itself. */
static struct mask_choice named(const struct closure *c, const struct catalog_relation *r, int attribute)
{
    const struct catalog_column *column = &r->columns[attribute - 1];
    if (c->for_anybody) return named_to_anybody(c, r, column);
    struct policy_mask mask =
        policy_ruleset_mask_of(c->ruleset, r->schema, r->name, column->name, column->tags);
    struct mask_choice choice = { mask.kind ? MASK_BY_POLICY : MASK_CLEAR, mask, r };
    struct policy_mask null = { .kind = POLICY_MASK_NULL, .compared = true, .with = BYTES_LITERAL("null") };
    if (mask_catalogue_holds(r->schema, r->name, column->name))
        return stricter(choice, (struct mask_choice){ MASK_BY_CATALOGUE, null, r });
    struct policy_mask definition = { .kind = POLICY_MASK_DEFINITION,
                                      .compared = true,
                                      .with = BYTES_LITERAL("what looks like data") };
    if (catalog_is_own(r->oid) && mask_definition_holds(r->schema, r->name, column->name))
        return stricter(choice, (struct mask_choice){ MASK_BY_DEFINITION, definition, r });
    return choice;
}

struct kin {
    const struct catalog_relation *items[KIN];
    size_t n;
    bool full;
};

static void gather(const struct closure *c, struct kin *kin, const struct catalog_relation *r)
{
    r = as_seen(c, r);
    for (size_t i = 0; i < kin->n; i++)
        if (kin->items[i]->oid == r->oid) return;
    if (kin->n == KIN)
        kin->full = true;
    else
        kin->items[kin->n++] = r;
}

/* Everything that shares rows with it: children at any depth, and parents; their other children do not. */
static void find_kin(const struct closure *c, const struct catalog_relation *r, struct kin *kin)
{
    gather(c, kin, r);
    for (int up = 0; up < 2; up++) {
        enum catalog_tie tie = up ? CATALOG_TIE_PARENT : CATALOG_TIE_CHILD;
        for (size_t i = 0; i < kin->n && !kin->full; i++)
            for (size_t k = 0; k < kin->items[i]->n_ties; k++)
                if (kin->items[i]->ties[k].tie == tie) gather(c, kin, kin->items[i]->ties[k].relation);
    }
}

static bool has_kin(const struct catalog_relation *r)
{
    for (size_t i = 0; i < r->n_ties; i++)
        if (r->ties[i].tie == CATALOG_TIE_CHILD || r->ties[i].tie == CATALOG_TIE_PARENT) return true;
    return false;
}

/* Those of its name in what shares rows with it. */
static struct mask_choice of_kin(const struct closure *c, const struct catalog_relation *r, int attribute,
                                 struct mask_choice choice)
{
    struct kin kin;
    kin.n = 0;
    kin.full = false;
    find_kin(c, r, &kin);
    if (kin.full) return hidden(MASK_BY_RELATIVE, choice.mask, NULL);
    for (size_t i = 0; i < kin.n; i++) {
        int theirs = catalog_column_number(kin.items[i], r->columns[attribute - 1].name);
        if (kin.items[i]->oid == r->oid || theirs <= 0) continue;
        struct mask_choice other = named(c, kin.items[i], theirs);
        if (other.reason) other.reason = MASK_BY_RELATIVE;
        choice = stricter(choice, other);
    }
    return choice;
}

static struct mask_choice of_rows(const struct closure *c, const struct catalog_relation *r, int attribute)
{
    struct mask_choice choice = named(c, r, attribute);
    return has_kin(r) && !c->for_anybody ? of_kin(c, r, attribute, choice) : choice;
}

static struct mask_choice choose(struct closure *c, const struct catalog_relation *r, int attribute);

/* Which columns a generated one is made of is not known: any that is masked. */
static struct mask_choice of_generated(const struct closure *c, const struct catalog_relation *r)
{
    struct mask_choice choice = { 0 };
    for (size_t i = 0; i < r->n_columns; i++) {
        if (!r->columns[i].name.p || r->columns[i].generated) continue;
        struct mask_choice other = of_rows(c, r, (int)i + 1);
        if (other.reason) choice = stricter(choice, hidden(MASK_BY_GENERATED, other.mask, r));
    }
    return choice;
}

/* What is made of the source; a plain column is the source as it is. */
static struct mask_choice of_source(struct closure *c, const struct catalog_source *source, bool plain)
{
    const struct catalog_relation *r = as_seen(c, source->relation);
    struct mask_choice choice = { 0 };
    if (source->attribute > 0 && (size_t)source->attribute <= r->n_columns) {
        choice = choose(c, r, source->attribute);
    } else if (source->attribute == 0) {
        for (size_t i = 0; i < r->n_columns; i++)
            if (r->columns[i].name.p) choice = stricter(choice, choose(c, r, (int)i + 1));
    }
    if (plain && choice.reason) return (struct mask_choice){ MASK_BY_VIEW, choice.mask, r };
    return choice.reason ? hidden(MASK_BY_VIEW, choice.mask, r) : choice;
}

/* What the server's own views show is in the list. */
static struct mask_choice of_view(struct closure *c, const struct catalog_relation *r, int attribute)
{
    struct mask_choice choice = { 0 };
    if (catalog_is_own(r->oid)) return choice;
    const struct catalog_sources *sources = r->sources ? &r->sources[attribute - 1] : NULL;
    if (!sources || sources->opaque) choice = hidden(MASK_BY_OPAQUE, choice.mask, r);
    for (size_t i = 0; sources && i < sources->n; i++)
        choice = stricter(choice, of_source(c, &sources->items[i], sources->plain));
    return choice;
}

/* The relation whose rows, or arrays of them, a column holds; NULL: none. */
static const struct catalog_relation *rows_in(const struct closure *c, const struct catalog_column *column)
{
    const struct catalog_type *type = catalog_type_by_oid(c->view, column->type);
    for (int i = 0; type && (type->base || type->element) && i < DEPTH; i++)
        type = catalog_type_by_oid(c->view, type->base ? type->base : type->element);
    return type && type->relation ? catalog_by_oid(c->view, type->relation) : NULL;
}

/* A column of another relation's rows has all that they have. */
static struct mask_choice of_type(struct closure *c, const struct catalog_relation *of)
{
    struct mask_choice choice = { 0 };
    for (size_t i = 0; of && i < of->n_columns; i++) {
        if (!of->columns[i].name.p) continue;
        struct mask_choice other = choose(c, of, (int)i + 1);
        if (other.reason) choice = stricter(choice, hidden(MASK_BY_TYPE, other.mask, of));
    }
    return choice;
}

static struct known *known_of(struct closure *c, uint32_t relation, int attribute)
{
    size_t at = (relation * 31u + (uint32_t)attribute * 2654435761u) % KNOWN;
    while (c->known[at].relation &&
           (c->known[at].relation != relation || c->known[at].attribute != attribute))
        at = (at + 1) % KNOWN;
    return &c->known[at];
}

/* Too deep, or more columns than anybody would want to look at: nobody can tell. */
static struct mask_choice choose(struct closure *c, const struct catalog_relation *r, int attribute)
{
    const struct catalog_column *column = &r->columns[attribute - 1];
    const struct catalog_relation *of = rows_in(c, column);
    if (!is_view(r) && !column->generated && !of) return of_rows(c, r, attribute);
    if (c->n_known == 0) memset(c->known, 0, sizeof c->known);
    struct known *known = known_of(c, r->oid, attribute);
    if (known->relation) return known->choice;
    if (c->depth >= DEPTH || c->n_known >= KNOWN_MOST)
        return hidden(MASK_BY_OPAQUE, (struct policy_mask){ 0 }, r);
    /* What leads back here (rows that hold rows of their own kind) adds nothing. */
    *known = (struct known){ .relation = r->oid, .attribute = attribute };
    c->n_known++;
    c->depth++;
    struct mask_choice choice = of_rows(c, r, attribute);
    if (is_view(r)) choice = stricter(choice, of_view(c, r, attribute));
    choice = stricter(choice, of_type(c, of));
    if (column->generated) choice = stricter(choice, of_generated(c, r));
    c->depth--;
    known->choice = choice;
    return choice;
}

static void begin(struct closure *c, const struct policy_ruleset *ruleset, const struct catalog_view *view,
                  bool for_anybody)
{
    c->ruleset = ruleset;
    c->view = view;
    c->for_anybody = for_anybody;
    c->depth = 0;
    c->n_known = 0;
}

static bool has_column(const struct catalog_relation *relation, int attribute)
{
    return attribute >= 1 && (size_t)attribute <= relation->n_columns &&
           relation->columns[attribute - 1].name.p;
}

struct mask_choice mask_choose(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                               const struct catalog_relation *relation, int attribute)
{
    struct closure c;
    begin(&c, ruleset, view, false);
    if (!has_column(relation, attribute)) return (struct mask_choice){ 0 };
    struct mask_choice choice = choose(&c, as_seen(&c, relation), attribute);
    if (choice.because && choice.because->oid == relation->oid) choice.because = NULL;
    return choice;
}

bool mask_is_sensitive(const struct policy_ruleset *ruleset, const struct catalog_view *view,
                       const struct catalog_relation *relation, int attribute)
{
    struct closure c;
    begin(&c, ruleset, view, true);
    if (!has_column(relation, attribute)) return false;
    relation = as_seen(&c, relation);
    if (is_view(relation)) return named(&c, relation, attribute).reason != MASK_CLEAR;
    return choose(&c, relation, attribute).reason != MASK_CLEAR;
}

const char *mask_reason_text(enum mask_reason reason)
{
    switch (reason) {
    case MASK_CLEAR: return "clear";
    case MASK_BY_POLICY: return "named by the policy";
    case MASK_BY_RELATIVE: return "named in a partition, child or parent";
    case MASK_BY_VIEW: return "made of a column that is masked";
    case MASK_BY_OPAQUE: return "made of what nobody can tell";
    case MASK_BY_TYPE: return "of whole rows that have masked columns";
    case MASK_BY_GENERATED: return "generated beside columns that are masked";
    case MASK_BY_DEFINITION: return "the text of definitions: what looks like data in it is hidden";
    case MASK_BY_CATALOGUE: return "holds samples of data, texts or secrets";
    }
    return "";
}
