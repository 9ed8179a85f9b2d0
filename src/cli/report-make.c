/* The figures are read at one moment of the index, section by section, and handed on as they come: what is
 * held in memory is a piece of the file. */
#include "cli/report-make.h"
#include "base/codec.h"
#include "record/newest.h"
#include <errno.h>

enum { OUT_CEILING = 64 << 20, OUT_FULL = 256 << 10, NOTE = 8192 };

struct making {
    const struct report_plan *plan;
    struct report report;
    struct buf out;
    bool over;
};

static void flush(struct making *m)
{
    if (m->over || !buf_length(&m->out)) return;
    if (m->out.failed || !m->plan->flush(m->plan->context, &m->out)) m->over = true;
}

static void on_row(void *context, const struct bytes *cells, size_t n)
{
    struct making *m = context;
    if (m->over) return;
    if (m->plan->most && m->report.n_rows == m->plan->most) {
        m->report.cut = true;
        return;
    }
    m->report.form->row(&m->report, cells, n);
    m->report.n_rows++;
    if (buf_length(&m->out) > OUT_FULL) flush(m);
}

static int make_sections(struct making *m, struct index *index)
{
    struct report *r = &m->report;
    const struct report_plan *plan = m->plan;
    int error = 0;
    for (size_t i = 0; !error && !m->over && (r->section = index_report_section(i)); i++) {
        if (plan->only.p && !bytes_is(plan->only, r->section->name)) continue;
        r->n_rows = 0;
        r->cut = false;
        r->form->section(r);
        error = index_report_rows(index, r->section, plan->head->since_us, plan->head->until_us,
                                  plan->most ? plan->most + 1 : 0, on_row, m);
        r->form->section_end(r);
        flush(m);
    }
    return error;
}

static bool is_section(struct bytes name)
{
    const struct index_report_section *section;
    for (size_t i = 0; (section = index_report_section(i)); i++)
        if (bytes_is(name, section->name)) return true;
    return false;
}

static int make(struct making *m, struct index *index)
{
    struct index_progress progress = { 0 };
    int error = index_position(index, &progress);
    m->plan->head->indexed_us = progress.last_us;
    if (error) return error;
    m->report.form->begin(&m->report);
    error = make_sections(m, index);
    if (error || m->over) return error;
    m->report.form->end(&m->report);
    flush(m);
    return 0;
}

int report_make(struct index *index, const struct report_plan *plan)
{
    struct making m = { .plan = plan, .report = { .form = plan->form, .head = plan->head, .out = &m.out } };
    struct newest newest;
    struct buf note, root;
    if (plan->only.p && !is_section(plan->only)) return -ENOENT;
    buf_init(&m.out, OUT_CEILING);
    buf_init(&note, NOTE);
    buf_init(&root, 128);
    /* Without a checkpoint that can be read, none is told of. */
    if (newest_read(plan->log_folder, &newest, &note) == 0 && newest.size) {
        codec_hex(bytes_make(newest.root, sizeof newest.root), &root);
        plan->head->origin = bytes_of(newest.origin);
        plan->head->root = buf_bytes(&root);
        plan->head->tree_size = newest.size;
    }
    int error = index_report_begin(index);
    if (!error) {
        error = make(&m, index);
        index_report_end(index);
    }
    if (!error && m.over) error = m.out.failed ? -ENOMEM : -ECANCELED;
    plan->head->origin = plan->head->root = (struct bytes){ 0 };
    buf_free(&m.out);
    buf_free(&note);
    buf_free(&root);
    return error;
}
