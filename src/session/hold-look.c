/* Asking the server, before people are asked and again before what they approved runs, for the versions of
 * all that a statement touches: a table that has got another column, trigger or policy, a function with
 * another body is not what was approved. The same question tells what a dry run would leave behind. Every
 * name is qualified: nothing of the client's changes what it means.
 *
 * A row's xmin changes whenever the row is changed, and VACUUM leaves it alone (PostgreSQL documentation,
 * "System Columns"). */
#include "base/cursor.h"
#include "session/session-private.h"
#include <stdio.h>

enum { OBJECTS = 256, QUERY_CEILING = 64 * 1024 };

#define IN(column, ids) column " OPERATOR(pg_catalog.=) ANY ('" ids "'::pg_catalog.oid[])"
#define VERSION(letter, table, keys, condition)                                                              \
    " UNION ALL SELECT pg_catalog.concat('" letter "', " keys ", ' ', xmin) FROM pg_catalog." table          \
    " WHERE " condition

/* %1$s: relations, %2$s: those that rows are put into, %3$s: those that are changed, %4$s: functions; as
 * "{1,2}". */
static const char query[] =
    "SELECT 'version', pg_catalog.md5(coalesce(pg_catalog.string_agg(v, ',' ORDER BY v COLLATE "
    "pg_catalog.\"C\"), '')) FROM ("
    "SELECT pg_catalog.concat('c', oid, ' ', xmin) AS v FROM pg_catalog.pg_class WHERE " IN(
        "oid", "%1$s") VERSION("a", "pg_attribute", "attrelid, '.', attnum",
                               IN("attrelid", "%1$s")) VERSION("d", "pg_attrdef", "oid",
                                                               IN("adrelid", "%1$s"))
        VERSION("k", "pg_constraint", "oid", IN("conrelid", "%1$s") " OR " IN("confrelid", "%1$s")) VERSION(
            "r", "pg_rewrite", "oid", IN("ev_class", "%1$s")) VERSION("t", "pg_trigger", "oid",
                                                                      IN("tgrelid", "%1$s"))
            VERSION("p", "pg_policy", "oid", IN("polrelid", "%1$s")) VERSION(
                "f", "pg_proc", "oid",
                IN("oid",
                   "%4$s") " OR oid OPERATOR(pg_catalog.=) ANY (ARRAY("
                           "SELECT tgfoid FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND " IN(
                               "tgrelid",
                               "%1$s") "))") ") AS versions"
                                             " UNION ALL SELECT 'not undone', pg_catalog.format('trigger %%I "
                                             "on %%s runs %%s (%%s)', t.tgname, "
                                             "t.tgrelid::pg_catalog.regclass, "
                                             "t.tgfoid::pg_catalog.regprocedure, l.lanname) "
                                             "FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON "
                                             "p.oid OPERATOR(pg_catalog.=) t.tgfoid "
                                             "JOIN pg_catalog.pg_language l ON l.oid OPERATOR(pg_catalog.=) "
                                             "p.prolang "
                                             "WHERE NOT t.tgisinternal AND t.tgenabled "
                                             "OPERATOR(pg_catalog.<>) 'D' AND " IN(
                                                 "t.tgrelid",
                                                 "%3$s") " UNION ALL SELECT 'not undone', "
                                                         "pg_catalog.format('sequence %%s of %%s', "
                                                         "s.oid::pg_catalog.regclass, "
                                                         "d.refobjid::pg_catalog.regclass) FROM "
                                                         "pg_catalog.pg_depend d "
                                                         "JOIN pg_catalog.pg_class s ON s.oid "
                                                         "OPERATOR(pg_catalog.=) d.objid "
                                                         "WHERE s.relkind OPERATOR(pg_catalog.=) 'S' AND "
                                                         "d.classid OPERATOR(pg_catalog.=) "
                                                         "1259::pg_catalog.oid "
                                                         "AND d.refclassid OPERATOR(pg_catalog.=) "
                                                         "1259::pg_catalog.oid AND " IN(
                                                             "d.refobjid",
                                                             "%2$s") " UNION ALL SELECT 'not undone', "
                                                                     "pg_catalog.format('sequence %%s, by a "
                                                                     "default of %%s', "
                                                                     "s.oid::pg_catalog.regclass, "
                                                                     "a.adrelid::pg_catalog.regclass) FROM "
                                                                     "pg_catalog.pg_attrdef a "
                                                                     "JOIN pg_catalog.pg_depend d ON "
                                                                     "d.classid OPERATOR(pg_catalog.=) "
                                                                     "2604::pg_catalog.oid "
                                                                     "AND d.objid OPERATOR(pg_catalog.=) "
                                                                     "a.oid AND d.refclassid "
                                                                     "OPERATOR(pg_catalog.=) "
                                                                     "1259::pg_catalog.oid "
                                                                     "JOIN pg_catalog.pg_class s ON s.oid "
                                                                     "OPERATOR(pg_catalog.=) d.refobjid "
                                                                     "WHERE s.relkind OPERATOR(pg_catalog.=) "
                                                                     "'S' AND " IN("a.adrelid", "%2$s");

struct oids {
    struct buf text;
    uint32_t seen[OBJECTS];
    size_t n;
    bool full;
};

static void add(struct oids *oids, uint32_t oid)
{
    for (size_t i = 0; i < oids->n; i++)
        if (oids->seen[i] == oid) return;
    if (oids->n == OBJECTS) {
        oids->full = true;
        return;
    }
    buf_printf(&oids->text, "%s%u", oids->n ? "," : "{", oid);
    oids->seen[oids->n++] = oid;
}

static const char *finish(struct oids *oids)
{
    buf_append_text(&oids->text, oids->n ? "}" : "{}");
    buf_put_u8(&oids->text, 0);
    return oids->text.failed ? NULL : (const char *)buf_bytes(&oids->text).p;
}

static void collect(struct session *s, const struct sql_statement *st, struct oids *all, struct oids *filled,
                    struct oids *changed, struct oids *functions)
{
    uint32_t changes = EFFECT_WRITE | EFFECT_UPDATE | EFFECT_DELETE | EFFECT_BULK_IN | EFFECT_TRUNCATE;
    for (size_t i = 0; i < st->n_relations; i++) {
        const struct sql_relation *r = &st->relations[i];
        if (!r->oid) continue;
        add(all, r->oid);
        if (r->access & (EFFECT_WRITE | EFFECT_BULK_IN)) add(filled, r->oid);
        if (r->access & changes) add(changed, r->oid);
    }
    for (size_t i = 0; i < st->n_functions; i++) {
        if (st->functions[i].n_codes == 0) continue;
        struct catalog_functions named = catalog_functions_in(&s->view.view, st->functions[i].name);
        for (size_t k = 0; k < named.n; k++)
            if (!catalog_is_own(named.items[k]->oid)) add(functions, named.items[k]->oid);
    }
}

static void fail(struct holding *h, const char *why)
{
    snprintf(h->failed, sizeof h->failed, "%s", why);
}

static bool ask(struct session *s, struct bytes text)
{
    if (!own_ask(s, OWN_LOOK, text)) return false;
    if (s->batch == BATCH_NONE) return hold_send_sync(s);
    message_put(&s->server_out, MESSAGE_FLUSH, (struct bytes){ 0 });
    return true;
}

bool hold_look(struct session *s, const struct hold_question *q, bool *asked_out)
{
    struct oids sets[4];
    struct holding *h = s->holding;
    *asked_out = false;
    h->n_not_undone = 0;
    h->versions[0] = 0;
    if (!s->view.needed || !s->view.key || !q->u->facts) return true;
    for (size_t i = 0; i < 4; i++) {
        sets[i].n = 0;
        sets[i].full = false;
        buf_init(&sets[i].text, OBJECTS * 12);
    }
    for (size_t i = 0; i < q->u->facts->n_statements; i++)
        collect(s, &q->u->facts->statements[i], &sets[0], &sets[1], &sets[2], &sets[3]);
    bool any = sets[0].n || sets[3].n, good = true;
    const char *all = finish(&sets[0]), *filled = finish(&sets[1]), *changed = finish(&sets[2]),
               *functions = finish(&sets[3]);
    if (sets[0].full || sets[3].full) {
        fail(h, "it touches more than can be looked at for an approval");
    } else if (any) {
        struct buf text;
        buf_init(&text, QUERY_CEILING);
        good = all && filled && changed && functions;
        if (good) buf_printf(&text, query, all, filled, changed, functions);
        good = good && !text.failed && ask(s, buf_bytes(&text));
        *asked_out = good;
        buf_free(&text);
    }
    for (size_t i = 0; i < 4; i++)
        buf_free(&sets[i].text);
    return good;
}

enum step hold_look_row(struct session *s, struct bytes body)
{
    struct holding *h = s->holding;
    struct cursor c = cursor_over(body);
    uint16_t n = cursor_u16(&c);
    struct bytes kind = cursor_counted(&c), text = cursor_counted(&c);
    if (!h) return STEP_NEXT;
    if (n != 2 || !cursor_done(&c)) {
        fail(h, "what the server tells of what it touches cannot be read");
    } else if (bytes_is(kind, "version") && text.n < sizeof h->versions) {
        memcpy(h->versions, text.p, text.n);
        h->versions[text.n] = 0;
    } else if (bytes_is(kind, "not undone") && h->n_not_undone < HOLD_NOT_UNDONE) {
        struct bytes copy = arena_copy(&h->arena, bytes_slice(text, 0, 500));
        if (copy.p) h->not_undone[h->n_not_undone++] = copy;
    }
    return STEP_NEXT;
}

enum step hold_look_done(struct session *s)
{
    struct holding *h = s->holding;
    if (!h || h->phase != HOLD_LOOKS) return STEP_NEXT;
    h->looked = true;
    if (!h->versions[0] && !h->failed[0]) fail(h, "what the server tells of what it touches cannot be read");
    /* The Sync behind it is still to be answered, where there is one. */
    h->phase = s->batch == BATCH_NONE ? HOLD_SETTLES : HOLD_AT_REST;
    return STEP_NEXT;
}

void hold_look_failed(struct session *s, struct bytes body)
{
    struct holding *h = s->holding;
    (void)body;
    if (!h) return;
    fail(h, "what it touches could not be looked at");
    h->looked = true;
    h->phase = s->batch == BATCH_NONE ? HOLD_SETTLES : HOLD_AT_REST;
}
