/* Any text under masks that show nothing: it is refused, or what goes to the server uses no masked column, as
 * lineage sees that text by itself; where values may be asked for, it uses them in conditions alone. */
#include "base/check.h"
#include "mask/test-masked.h"
#include "sql/edits.h"
#include "sql/facts.h"

static struct masked compared, equal;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    masked_init(&compared, NULL);
    masked_init(&equal, "[{ columns: [\"public.people.*\"], with: \"null\", predicates: equality }]");
    return 0;
}

/* Whether the judge would let it pass. */
static bool is_sent(const struct sql_facts *facts, bool in_conditions)
{
    uint32_t plain =
        EFFECT_READ | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_WRITE | EFFECT_LOCK | EFFECT_BULK_OUT;
    uint32_t refused = SQL_USE_WRITTEN | SQL_USE_STORED | (in_conditions ? 0 : SQL_USE_PREDICATE);
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        if (s->unresolved_code || s->unmaskable.n || s->effects & ~plain) return false;
        for (size_t k = 0; k < s->n_columns; k++) {
            uint32_t uses = s->columns[k].uses;
            if (s->columns[k].attribute == 0) uses &= ~(uint32_t)SQL_USE_WRITTEN;
            if (s->columns[k].masked && uses & refused) return false;
        }
    }
    return true;
}

static void look(const struct masked *world, struct bytes text, bool in_conditions)
{
    struct arena arena;
    struct buf edited;
    const struct sql_facts *facts;
    struct sql_masking masking = mask_masking(world->ruleset);
    arena_init(&arena, 1 << 16, 64 << 20);
    buf_init(&edited, 16 << 20);
    if (sql_understand_masked(text, &world->view, (struct bytes){ 0 }, &masking, &arena, &facts) ==
            SQL_UNDERSTOOD &&
        is_sent(facts, in_conditions)) {
        sql_edits_apply(text, facts->edits, facts->n_edits, &edited);
        if (in_conditions)
            CHECK(!masked_is_used(world, buf_bytes(&edited), &arena));
        else
            CHECK(!masked_is_shown(world, buf_bytes(&edited), &arena));
    }
    buf_free(&edited);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    look(&compared, bytes_make(data, size), true);
    look(&equal, bytes_make(data, size), false);
    return 0;
}
