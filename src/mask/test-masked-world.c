/* See test-masked.h. */
#include "base/check.h"
#include "mask/test-masked.h"
#include <stdio.h>

static const char *const catalog_text =
    "table public.people id:int4!@ name:text! mail:text ssn:text pin:int4! loud:text^\n"
    "table public.orders id:int4! person:int4! memo:text\n"
    "table other.people id:int4! what:text\n"
    "view public.contacts k:int4=public.people.id who:text=public.people.name ref:text=public.people.ssn "
    "reads=public.people updates=public.people\n"
    "view public.cards k:int4=public.people.id! number:text=public.people.ssn! again:text=public.people.ssn "
    "updates=public.people\n"
    "view public.cards_deep n:text=public.cards.number! of:text=public.cards.again!\n"
    "view public.odd a:text=? b:int4=public.people.id reads=public.people\n"
    "partitioned public.payments id:int4 card:text\n"
    "table public.payments_1 card:text id:int4\n"
    "child public.payments_1 public.payments\n"
    "table public.tagged id:int4 secret:text\n"
    "tag public.tagged.secret pii,x\n"
    "table pg_catalog.pg_stats tablename:name most_common_vals:_text\n"
    "table pg_catalog.pg_proc oid:oid! proname:name prosrc:text\n";

void masked_init_beside(struct masked *m, const char *mask, const char *others)
{
    struct yaml_errors errors;
    struct arena trees;
    char yaml[4096];
    if (!mask)
        mask = "[{ columns: [\"public.people.mail\", \"public.people.ssn\", \"public.people.pin\", "
               "\"public.payments_1.card\", \"tag:pii\"], with: redact, predicates: masked }]";
    *m = (struct masked){ .catalog = catalog_from_text(catalog_text) };
    m->view = catalog_view_of(m->catalog, "pg_catalog public", m->path);
    int n = snprintf(yaml, sizeof yaml,
                     "- name: p\n  who: any\n  guard: off\n  allow: [all]\n  mask: %s\n"
                     "- name: q\n  who: { users: [somebody-else] }\n  allow: [all]\n  mask: %s\n",
                     mask, others);
    CHECK(n > 0 && (size_t)n < sizeof yaml);
    yaml_errors_init(&errors);
    arena_init(&trees, 4096, YAML_ARENA_CEILING);
    arena_init(&m->arena, 4096, 1 << 20);
    const struct yaml_node *list = yaml_tree_parse(bytes_of(yaml), BYTES_LITERAL("p"), &trees, &errors);
    m->policies = list ? policy_compile(list->items, list->n, &errors) : NULL;
    CHECK(m->policies);
    arena_free(&trees);
    yaml_errors_free(&errors);
    static const struct principal nobody = { 0 };
    struct policy_request request = { &nobody, BYTES_LITERAL("c"), BYTES_LITERAL("c") };
    m->ruleset = policy_ruleset_for(m->policies, &request, &m->arena);
    CHECK(m->ruleset);
}

void masked_init(struct masked *m, const char *mask)
{
    masked_init_beside(m, mask, "[]");
}

void masked_free(struct masked *m)
{
    arena_free(&m->arena);
    policy_snapshot_unref(m->policies);
    catalog_release(m->catalog);
}

/* The mask of a definition is made of the definition. */
static bool is_hidden(const struct masked *m, const struct catalog_relation *r, int attribute)
{
    struct mask_choice choice = mask_choose(m->ruleset, &m->view, r, attribute);
    return choice.reason != MASK_CLEAR && choice.mask.kind != POLICY_MASK_DEFINITION;
}

static bool is_masked(const struct masked *m, uint32_t oid, int attribute)
{
    const struct catalog_relation *r = oid ? catalog_by_oid(&m->view, oid) : NULL;
    if (!r) return false;
    if (attribute > 0) return is_hidden(m, r, attribute);
    for (size_t i = 0; i < r->n_columns; i++)
        if (is_hidden(m, r, (int)i + 1)) return true;
    return false;
}

bool masked_is_used(const struct masked *m, struct bytes text, struct arena *arena)
{
    const struct sql_facts *facts;
    if (sql_understand_in(text, &m->view, arena, &facts) != SQL_UNDERSTOOD) return false;
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        for (size_t k = 0; k < s->n_columns; k++) {
            const struct sql_relation *r = &s->relations[s->columns[k].relation];
            uint32_t uses = s->columns[k].uses & ~(uint32_t)SQL_USE_WRITTEN;
            if (uses && !r->through && is_masked(m, r->oid, s->columns[k].attribute)) return true;
        }
    }
    return false;
}
