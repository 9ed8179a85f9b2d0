/* Runs cases/names.cases: texts in a view of a catalogue. Lines that start with "@ " are the catalogue's (as
 * in catalog/test-catalog.h); "@path …" is the search path; "@session …" is a line of what the session sees
 * besides. A block of such lines replaces the one before. A case is "text  =>  what is expected":
 *   the text with its edits, or "refused CODE: words", or "HOSTILE: why"
 *   | on schema.name:access …   relations that the text names; "!" whereless, "+" made by the text, "?" not
 *                               resolved, "~" it or a column of it gets another name;  | via …  those that
 * are reached with some access | code name[signature@extension; …] … | beside                    more may be
 * written than the command tag says | unseen                    code runs that no statement calls | late
 * something may run at COMMIT only | foreign                   rows of a foreign table may be | does … the
 * effects, where the line speaks of them Statements of one text are separated by ";;", each with its own
 * facts. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/test.h"
#include "catalog/test-catalog.h"
#include "sql/edits.h"
#include "sql/safe.h"

struct world {
    struct buf catalog_text, session_text;
    char path_text[512];
    bool complete; /* the block of @ lines has ended */
    const struct catalog *catalog;
    struct catalog_overlay *overlay;
    struct bytes path[16];
    struct catalog_view view;
};

static void drop_view(struct world *w)
{
    catalog_overlay_free(w->overlay);
    catalog_release(w->catalog);
    w->catalog = NULL;
    w->overlay = NULL;
}

static void make_view(struct world *w)
{
    if (w->catalog) return;
    buf_put_u8(&w->catalog_text, 0);
    w->catalog = catalog_from_text((const char *)buf_bytes(&w->catalog_text).p);
    w->view = catalog_view_of(w->catalog, w->path_text, w->path);
    if (buf_length(&w->session_text) > 0) {
        buf_put_u8(&w->session_text, 0);
        w->overlay = catalog_overlay_from_text(w->catalog, (const char *)buf_bytes(&w->session_text).p,
                                               &w->view.path, &w->view.n_path);
        w->view.overlay = w->overlay;
    }
    w->complete = true;
}

static void take_world_line(struct world *w, struct bytes line)
{
    if (w->complete) {
        drop_view(w);
        buf_free(&w->catalog_text);
        buf_free(&w->session_text);
        w->complete = false;
    }
    if (bytes_starts_with(line, "@path "))
        snprintf(w->path_text, sizeof(w->path_text), "%.*s", (int)line.n - 6, (const char *)line.p + 6);
    else if (bytes_starts_with(line, "@session ")) {
        buf_append(&w->session_text, bytes_slice(line, 9, line.n));
        buf_put_u8(&w->session_text, '\n');
    } else {
        buf_append(&w->catalog_text, bytes_slice(line, 2, line.n));
        buf_put_u8(&w->catalog_text, '\n');
    }
}

static void show_effects(struct buf *out, uint32_t effects)
{
    const char *comma = "";
    for (unsigned bit = 0; bit < SQL_N_EFFECTS; bit++) {
        if (!(effects >> bit & 1)) continue;
        buf_printf(out, "%s%s", comma, sql_effect_name(1u << bit));
        comma = ",";
    }
}

static void show_relations(struct buf *out, const struct sql_statement *s, bool through)
{
    bool first = true;
    for (size_t i = 0; i < s->n_relations; i++) {
        const struct sql_relation *r = &s->relations[i];
        if (r->through != through || !r->access) continue;
        assert_true(r->resolved || !r->through);
        buf_append_text(out, first ? through ? " | via " : " | on " : " ");
        first = false;
        if (r->schema.n) buf_printf(out, "%.*s.", BYTES_FMT(r->schema));
        buf_printf(out, "%.*s%s%s%s:", BYTES_FMT(r->name), r->made ? "+" : "", r->resolved ? "" : "?",
                   r->renamed || r->columns_renamed ? "~" : "");
        show_effects(out, r->access);
        if (r->whereless) buf_append_text(out, "!");
    }
}

static void show_code(struct buf *out, const struct sql_statement *s)
{
    bool first = true;
    for (size_t i = 0; i < s->n_functions; i++) {
        const struct sql_function *f = &s->functions[i];
        if (!f->n_codes) continue;
        buf_printf(out, "%s%.*s%s%.*s[", first ? " | code " : " ", BYTES_FMT(f->schema),
                   f->schema.n ? "." : "", BYTES_FMT(f->name));
        first = false;
        for (size_t c = 0; c < f->n_codes; c++)
            buf_printf(out, "%s%.*s%s%.*s", c ? "; " : "", BYTES_FMT(f->codes[c].signature),
                       f->codes[c].extension.n ? "@" : "", BYTES_FMT(f->codes[c].extension));
        buf_append_text(out, "]");
    }
}

static void show_facts(struct bytes text, const struct catalog_view *view, bool effects, struct arena *arena,
                       struct buf *out)
{
    const struct sql_facts *facts;
    bool refused = false;
    switch (sql_understand_in(text, view, arena, &facts)) {
    case SQL_HOSTILE: buf_printf(out, "HOSTILE: %.*s", BYTES_FMT(facts->error)); return;
    case SQL_UNKNOWN: buf_printf(out, "UNKNOWN: %.*s", BYTES_FMT(facts->error)); return;
    case SQL_UNDERSTOOD: break;
    }
    for (size_t i = 0; i < facts->n_statements && !refused; i++) {
        const struct sql_statement *s = &facts->statements[i];
        if (!s->unresolved_code) continue;
        buf_printf(out, "refused %s: %.*s", s->unresolved_code, BYTES_FMT(s->unresolved_says));
        refused = true;
    }
    if (!refused) sql_edits_apply(text, facts->edits, facts->n_edits, out);
    for (size_t i = 0; i < facts->n_statements; i++) {
        const struct sql_statement *s = &facts->statements[i];
        assert_true(s->in_view);
        if (i > 0) buf_append_text(out, " ;;");
        show_relations(out, s, false);
        show_relations(out, s, true);
        show_code(out, s);
        if (s->writes_beside) buf_append_text(out, " | beside");
        if (s->runs_unseen) buf_append_text(out, " | unseen");
        if (s->writes_late) buf_append_text(out, " | late");
        if (s->writes_foreign) buf_append_text(out, " | foreign");
        if (effects) {
            buf_append_text(out, " | does ");
            show_effects(out, s->effects);
        }
    }
}

/* True where the line holds. */
static bool run_line(struct bytes line, int number, const struct catalog_view *view)
{
    ptrdiff_t arrow = bytes_find(line, BYTES_LITERAL("  =>  "));
    struct buf found;
    struct arena arena;
    assert_true(arrow > 0);
    struct bytes text = bytes_slice(line, 0, (size_t)arrow);
    struct bytes expected = bytes_slice(line, (size_t)arrow + 6, line.n);
    buf_init(&found, 1 << 24);
    arena_init(&arena, 1 << 16, 1 << 26);
    show_facts(text, view, bytes_find(expected, BYTES_LITERAL(" | does ")) >= 0, &arena, &found);
    bool same = bytes_equal(buf_bytes(&found), expected);
    if (!same)
        print_error("names.cases:%d: %.*s\n  expected %.*s\n  found    %.*s\n", number, BYTES_FMT(text),
                    BYTES_FMT(expected), BYTES_FMT(buf_bytes(&found)));
    buf_free(&found);
    arena_free(&arena);
    return same;
}

static void names_mean_what_their_table_says(void **state)
{
    (void)state;
    char path[4096], *line = NULL;
    size_t size = 0;
    ssize_t n;
    int number = 0, cases = 0, failed = 0;
    const char *source = getenv("POSTERN_SOURCE");
    struct world w = { 0 };
    buf_init(&w.catalog_text, 1 << 20);
    buf_init(&w.session_text, 1 << 20);
    snprintf(path, sizeof(path), "%s/src/sql/cases/names.cases", source ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while ((n = getline(&line, &size, file)) > 0) {
        number++;
        while (n > 0 && line[n - 1] == '\n')
            n--;
        if (n == 0 || line[0] == '#') continue;
        if (line[0] == '@') {
            take_world_line(&w, bytes_make(line, (size_t)n));
            continue;
        }
        make_view(&w);
        cases++;
        if (!run_line(bytes_make(line, (size_t)n), number, &w.view)) failed++;
    }
    free(line);
    fclose(file);
    drop_view(&w);
    buf_free(&w.catalog_text);
    buf_free(&w.session_text);
    if (failed) print_error("names.cases: %d of %d cases failed\n", failed, cases);
    assert_int_equal(failed, 0);
    assert_true(cases > 100);
}

static size_t codes_of_parameter(const struct catalog_view *view, uint32_t type)
{
    struct arena arena;
    const struct sql_facts *facts;
    const uint8_t types[] = {
        0, 0, 0, 23, (uint8_t)(type >> 24), (uint8_t)(type >> 16), (uint8_t)(type >> 8), (uint8_t)type
    };
    size_t n = 0;
    arena_init(&arena, 4096, 1 << 20);
    assert_int_equal(sql_understand_typed(bytes_of("SELECT $1, $2"), view, bytes_make(types, sizeof(types)),
                                          &arena, &facts),
                     SQL_UNDERSTOOD);
    for (size_t i = 0; i < facts->statements[0].n_functions; i++)
        n += facts->statements[0].functions[i].n_codes;
    arena_free(&arena);
    return n;
}

static void a_parameters_type_brings_its_code_along(void **state)
{
    (void)state;
    struct bytes path[16];
    const struct catalog *catalog = catalog_from_text("type public.mood kind=e\n"
                                                      "type public.coupon kind=e\n"
                                                      "domain public.mail text checked code\n"
                                                      "function public.evil(public.coupon) -> int4\n"
                                                      "cast public.coupon int4 function=public.evil\n");
    struct catalog_view view = catalog_view_of(catalog, "public", path);
    const struct {
        const char *name;
        size_t n_codes;
    } types[] = { { "mood", 0 }, { "mail", 1 }, { "coupon", 1 } };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        const struct catalog_type *type =
            catalog_type_find(&view, BYTES_LITERAL("public"), bytes_of(types[i].name));
        assert_non_null(type);
        assert_int_equal(codes_of_parameter(&view, type->oid), types[i].n_codes);
    }
    assert_int_equal(codes_of_parameter(&view, 25), 0);
    assert_int_equal(codes_of_parameter(&view, 999999), 1); /* one that the view does not have */
    catalog_release(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(names_mean_what_their_table_says),
                                        cmocka_unit_test(a_parameters_type_brings_its_code_along) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
