/* What is printed of it. */
#include "cli/who-saw-value.h"
#include "cli/grid.h"
#include "cli/progress.h"
#include "cli/safe.h"
#include "cli/when.h"
#include "record/saw-value.h"
#include "json/writer.h"
#include <errno.h>

enum { OUT_CEILING = 64 << 20, SHAPE_SHOWN = 120 };

struct who_saw_printing {
    struct cli_call *call;
    const struct who_saw_value *asked;
    struct buf out;
    struct grid grid;
    struct progress bar;
    uint64_t n;
};

static void show(void *context, const struct index_value_sight *v)
{
    struct who_saw_printing *p = context;
    char id[14], when[20], entry[32];
    session_id_format(v->session, id);
    p->n++;
    if (p->asked->json) {
        struct json_writer w = json_writer_over(&p->out);
        json_write_object(&w);
        json_write_text_member(&w, "principal", v->principal);
        if (v->on_behalf_of.n) json_write_text_member(&w, "on_behalf_of", v->on_behalf_of);
        json_write_text_member(&w, "connection", v->connection);
        json_write_text_member(&w, "column", v->column);
        json_write_int_member(&w, "rows", (int64_t)v->rows);
        json_write_time_member(&w, "first", v->first_us);
        json_write_time_member(&w, "last", v->last_us);
        json_write_text_member(&w, "session", bytes_of(id));
        json_write_int_member(&w, "first_sequence", v->first_sequence);
        json_write_int_member(&w, "last_sequence", v->last_sequence);
        json_write_text_member(&w, "shape", v->shape);
        json_write_end(&w);
        buf_append_text(&p->out, "\n");
        cli_write(p->call, &p->out);
        return;
    }
    when_format(v->last_us, when);
    snprintf(entry, sizeof entry, "%s #%u", id, v->first_sequence);
    grid_row(&p->grid);
    grid_cell(&p->grid, 0, v->principal);
    grid_cell(&p->grid, 1, v->column);
    grid_cell_number(&p->grid, 2, v->rows);
    grid_cell(&p->grid, 3, bytes_make(when, 19));
    grid_cell_text(&p->grid, 4, entry);
    grid_cell(&p->grid, 5, bytes_slice(v->shape, 0, SHAPE_SHOWN));
}

static bool on_progress(void *context, uint64_t done, uint64_t total)
{
    struct who_saw_printing *p = context;
    progress_show(&p->bar, done, total);
    return true;
}

static void on_unread(void *context, uint64_t session, const char *message)
{
    struct who_saw_printing *p = context;
    char id[14];
    session_id_format(session, id);
    cli_fail(p->call, "session %s cannot be read: %s", id, message);
}

static bool ask(struct who_saw_printing *p, struct evidence *e, const struct index_filter *filter,
                struct saw_answer *answer)
{
    const struct who_saw_value *asked = p->asked;
    const struct saw_question question = { .filter = filter,
                                           .relation = asked->relation,
                                           .column = asked->column,
                                           .value = asked->value,
                                           .scan = asked->scan,
                                           .visit = show,
                                           .progress = on_progress,
                                           .unread = on_unread,
                                           .context = p };
    p->bar = progress_begin(p->call, "reading recordings");
    int error = saw_value(e->index, e->reader, &e->keys.keys, &question, answer);
    progress_end(&p->bar);
    if (error == -EBADMSG)
        cli_fail(p->call,
                 "the key of the indexed values cannot be opened with this key; --scan reads the recordings");
    else if (error)
        cli_fail(p->call, "%s cannot be read: %s", answer->scanned ? "the recordings" : "the index",
                 strerror(-error));
    return !error && !answer->n_unread;
}

int who_saw_value(struct cli_call *call, struct evidence *e, const struct index_filter *filter,
                  const struct who_saw_value *asked)
{
    static const char *const titles[] = { "PRINCIPAL", "COLUMN", "ROWS", "LAST", "SESSION", "STATEMENT" };
    struct who_saw_printing p = { .call = call, .asked = asked };
    struct saw_answer answer;
    buf_init(&p.out, OUT_CEILING);
    grid_init(&p.grid, GRID_LIST, 6, OUT_CEILING);
    for (size_t i = 0; i < 6; i++)
        grid_title(&p.grid, i, bytes_of(titles[i]), i == 2);
    bool good = ask(&p, e, filter, &answer), coloured = cli_coloured(call);
    if (!asked->json && p.n)
        grid_print(&p.grid, coloured ? "\x1b[1m" : "", coloured ? "\x1b[0m" : "", &p.out);
    cli_write(call, &p.out);
    if (good && answer.scanned && !asked->scan)
        fprintf(call->world->err,
                "No policy has this column's values indexed (record.values): the recordings were read.\n");
    if (good && !answer.scanned && answer.unknown_rows)
        fprintf(call->world->err,
                "Of %llu rows it is not known which values they showed: they were not recorded.\n",
                (unsigned long long)answer.unknown_rows);
    grid_free(&p.grid);
    buf_free(&p.out);
    return !good ? CLI_FAILED : p.n ? CLI_YES : CLI_NO;
}
