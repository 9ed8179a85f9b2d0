/* The index has it; the keys file has when it was and which erasure, should the index be behind. */
#include "cli/erased.h"
#include "cli/grid.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "record/index-erase.h"
#include "json/writer.h"
#include <errno.h>

struct telling {
    const struct cli_call *call;
    struct buf out;
    struct grid *grid; /* NULL: one session, in words */
    bool json;
};

static void tell_json(struct telling *t, const struct index_grave *g, const char *id, const char *erasure)
{
    struct json_writer w = json_writer_over(&t->out);
    json_write_object(&w);
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_time_member(&w, "erased", g->grave.erased_us);
    json_write_text_member(&w, "erasure", bytes_of(erasure));
    if (g->by.n) json_write_text_member(&w, "by", g->by);
    if (g->reason.n) json_write_text_member(&w, "reason", g->reason);
    if (g->how.n) json_write_text_member(&w, "how", g->how);
    json_write_end(&w);
    buf_append_text(&t->out, "\n");
}

static void tell(void *context, const struct index_grave *g)
{
    struct telling *t = context;
    char id[14], erasure[14], when[20];
    session_id_format(g->session, id);
    session_id_format(g->grave.erasure, erasure);
    when_format(g->grave.erased_us, when);
    if (t->json) {
        tell_json(t, g, id, erasure);
    } else if (t->grid) {
        grid_row(t->grid);
        grid_cell_text(t->grid, 0, id);
        grid_cell_text(t->grid, 1, when);
        grid_cell_text(t->grid, 2, erasure);
        grid_cell(t->grid, 3, g->by);
        grid_cell(t->grid, 4, g->reason);
    } else {
        buf_printf(&t->out, "session %s was erased at %s UTC (erasure %s)", id, when, erasure);
        if (g->by.n) {
            buf_append_text(&t->out, "\n  by      ");
            safe_append(&t->out, g->by, SAFE_ONE_LINE);
            buf_append_text(&t->out, "\n  reason  ");
            safe_append(&t->out, g->reason, SAFE_ONE_LINE);
        }
        buf_append_text(&t->out, "\n");
    }
}

bool erased_says(const struct cli_call *call, struct evidence *e, uint64_t session)
{
    struct telling t = { .call = call, .json = cli_option(call, "json") };
    struct index_grave g = { .session = session };
    buf_init(&t.out, 1 << 20);
    bool erased = index_grave_of(e->index, session, tell, &t) == 0;
    if (!erased && session && record_reader_is_erased(e->reader, session, &g.grave)) {
        erased = true;
        tell(&t, &g);
    }
    if (erased) cli_write(call, &t.out);
    buf_free(&t.out);
    return erased;
}

int erased_list(const struct cli_call *call, struct evidence *e, uint64_t limit)
{
    static const char *const titles[] = { "SESSION", "ERASED", "ERASURE", "BY", "REASON" };
    struct grid grid;
    struct telling t = { .call = call, .json = cli_option(call, "json"), .grid = &grid };
    buf_init(&t.out, 256 << 20);
    grid_init(&grid, GRID_LIST, 5, 256 << 20);
    for (size_t i = 0; i < 5; i++)
        grid_title(&grid, i, bytes_of(titles[i]), false);
    int error = index_graves(e->index, limit, tell, &t);
    if (!error && grid.n_rows) grid_print(&grid, "", "", &t.out);
    if (!error) cli_write(call, &t.out);
    grid_free(&grid);
    buf_free(&t.out);
    return error;
}
