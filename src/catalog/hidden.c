/* Code that runs although no statement calls it, when rows of a relation are read or written: in row
 * security, defaults, generated columns, checks, index expressions, and the queries of views. Whether it is
 * somebody's own is taken from the text of a tree, wherever that names a function, an operator or a domain,
 * so that this holds for trees of any version. */
#include "catalog/build.h"

static bool is_somebodys(const struct catalog_builder *b, uint32_t function)
{
    if (catalog_is_own(function)) return false;
    const struct catalog_function *f = catalog_build_function(b, function);
    return !f || !f->extension.n;
}

static bool by_function(const struct catalog_builder *b, uint32_t oid)
{
    return is_somebodys(b, oid);
}

static bool by_operator(const struct catalog_builder *b, uint32_t oid)
{
    if (catalog_is_own(oid)) return false;
    const struct catalog_operator *o = catalog_build_operator(b, oid);
    return !o || is_somebodys(b, o->function);
}

static bool by_type(const struct catalog_builder *b, uint32_t oid)
{
    const struct catalog_type *type = catalog_is_own(oid) ? NULL : catalog_build_type(b, oid);
    return type && type->runs_code;
}

static const struct label {
    struct bytes text;
    bool (*runs)(const struct catalog_builder *b, uint32_t oid);
} labels[] = { { BYTES_LITERAL(":funcid "), by_function },   { BYTES_LITERAL(":opno "), by_operator },
               { BYTES_LITERAL(":aggfnoid "), by_function }, { BYTES_LITERAL(":winfnoid "), by_function },
               { BYTES_LITERAL(":opnos (o "), by_operator }, { BYTES_LITERAL(":resulttype "), by_type } };

/* A name cannot look like a label: the server writes a backslash in front of a blank in it. Behind a label
 * stands one number, or a list of them (a comparison of rows). */
static bool runs_code(const struct catalog_builder *b, struct bytes tree, const struct label *label)
{
    for (size_t at = 0; at < tree.n;) {
        const uint8_t *found = memmem(tree.p + at, tree.n - at, label->text.p, label->text.n);
        if (!found) break;
        at = (size_t)(found - tree.p) + label->text.n;
        do {
            size_t start = at;
            uint32_t oid;
            while (at < tree.n && tree.p[at] >= '0' && tree.p[at] <= '9')
                at++;
            if (catalog_read_oid(bytes_slice(tree, start, at - start), &oid) && label->runs(b, oid))
                return true;
        } while (at + 1 < tree.n && tree.p[at] == ' ' && tree.p[++at] >= '0' && tree.p[at] <= '9');
    }
    return false;
}

static bool tree_runs_code(const struct catalog_builder *b, struct bytes tree)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (runs_code(b, tree, &labels[i])) return true;
    return false;
}

void catalog_build_hidden(struct catalog_builder *b)
{
    struct catalog_layer *l = b->layer;
    const struct catalog_note *trees = b->hidden.items;
    const struct catalog_rule *rules = b->rules.items;
    for (size_t i = 0; i < b->hidden.n; i++) {
        struct catalog_relation *r = catalog_layer_relation_by_oid(l, trees[i].oid);
        if (!r || !tree_runs_code(b, trees[i].text)) continue;
        r->code_on_write = true;
        if (trees[i].sub) r->code_on_read = true;
    }
    for (size_t i = 0; i < b->rules.n; i++) {
        struct catalog_relation *r = catalog_layer_relation_by_oid(l, rules[i].relation);
        if (r && rules[i].event == '1' && tree_runs_code(b, rules[i].action)) r->code_on_read = true;
    }
    /* An overlay's relations are as the shared ones were: what a session hangs onto them itself was judged.
     */
    for (size_t i = 0; b->under && i < l->n_relations; i++) {
        const struct catalog_relation *shared =
            catalog_layer_relation_by_oid(&b->under->layer, l->relations[i]->oid);
        if (!shared) continue;
        l->relations[i]->entangled |= shared->entangled;
        l->relations[i]->code_on_read |= shared->code_on_read;
        l->relations[i]->code_on_write |= shared->code_on_write;
    }
}
