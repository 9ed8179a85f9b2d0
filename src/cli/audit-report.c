/* postern audit report. The figures are read at one moment of the index, section by section, and written as
 * they come: what is held in memory is a piece of the file. */
#include "base/codec.h"
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/report-form.h"
#include "cli/when.h"
#include "record/checkpoint.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { "period", 0, "PERIOD",
      "What the report is about: 2026-10, 2026-Q3, 2026, 30d (up to now), 2026-10-05, FROM..TO; the default "
      "is "
      "30d" },
    { "format", 0, "FORM", "html, csv or json; the default is html" },
    { "output", 'o', "FILE", "Write it to this file instead of standard output" },
    { "section", 0, "NAME", "Only this section: refusals, approvals …" },
    { "rows", 0, "N", "At most so many lines a section; the default is 2000 for html, else 0: all" },
    { 0 },
};

enum { OUT_CEILING = 64 << 20, OUT_FULL = 256 << 10, NOTES = 16384, HTML_ROWS = 2000 };

struct making {
    struct cli_call *call;
    struct evidence evidence;
    struct report report;
    struct report_head head;
    struct buf out;
    int fd; /* of the file; -1: standard output */
    const char *path;
    uint64_t most; /* rows of a section; 0: all */
    bool failed;
    char notes[NOTES], root[65];
};

static void flush(struct making *m)
{
    if (m->fd < 0) {
        cli_write(m->call, &m->out);
        return;
    }
    while (!m->failed && buf_length(&m->out)) {
        struct bytes b = buf_bytes(&m->out);
        ssize_t n = write(m->fd, b.p, b.n);
        if (n <= 0) {
            cli_fail(m->call, "%s: %s", m->path, strerror(errno));
            m->failed = true;
        } else
            buf_consume(&m->out, (size_t)n);
    }
}

static void on_row(void *context, const struct bytes *cells, size_t n)
{
    struct making *m = context;
    if (m->most && m->report.n_rows == m->most) {
        m->report.cut = true;
        return;
    }
    m->report.form->row(&m->report, cells, n);
    m->report.n_rows++;
    if (buf_length(&m->out) > OUT_FULL) flush(m);
}

/* The newest note of the log's file of checkpoints: its end is enough to find it. */
static void read_checkpoint(struct making *m)
{
    char path[EVIDENCE_PATH + 32];
    struct checkpoint c;
    snprintf(path, sizeof path, "%s/checkpoints", m->evidence.log);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    off_t end = lseek(fd, 0, SEEK_END), from = end > NOTES ? end - NOTES : 0;
    ssize_t n = pread(fd, m->notes, NOTES, from);
    close(fd);
    struct bytes file = bytes_make(m->notes, n > 0 ? (size_t)n : 0);
    for (size_t at = 0; at < file.n;) {
        size_t next = at;
        if (checkpoint_next(file, &next, &c)) {
            struct buf hex;
            buf_init(&hex, sizeof m->root);
            codec_hex(bytes_make(c.root, sizeof c.root), &hex);
            snprintf(m->root, sizeof m->root, "%.*s", BYTES_FMT(buf_bytes(&hex)));
            buf_free(&hex);
            m->head.origin = c.origin;
            m->head.root = bytes_of(m->root);
            m->head.tree_size = c.size;
            at = next;
            continue;
        }
        /* Into the middle of a note: on to the next line. */
        ptrdiff_t line = bytes_find(bytes_slice(file, at, file.n), BYTES_LITERAL("\n"));
        at = line < 0 ? file.n : at + (size_t)line + 1;
    }
}

static int make_sections(struct making *m, struct bytes only)
{
    struct report *r = &m->report;
    bool any = false;
    int error = 0;
    for (size_t i = 0; !error && !m->failed && (r->section = index_report_section(i)); i++) {
        if (only.p && !bytes_is(only, r->section->name)) continue;
        any = true;
        r->n_rows = 0;
        r->cut = false;
        r->form->section(r);
        error = index_report_rows(m->evidence.index, r->section, m->head.since_us, m->head.until_us,
                                  m->most ? m->most + 1 : 0, on_row, m);
        r->form->section_end(r);
        flush(m);
    }
    if (error) return cli_fail(m->call, "the index cannot be read: %s", strerror(-error));
    if (any) return m->failed ? CLI_FAILED : CLI_YES;
    buf_consume(&m->out, buf_length(&m->out));
    cli_fail(m->call, "there is no section \"%.*s\"; there are:", BYTES_FMT(only));
    for (size_t i = 0; (r->section = index_report_section(i)); i++)
        fprintf(m->call->world->err, "  %s\n", r->section->name);
    return CLI_FAILED;
}

static int make(struct making *m, struct bytes only)
{
    if (!evidence_open(m->call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &m->evidence))
        return CLI_FAILED;
    int error = index_report_begin(m->evidence.index);
    struct index_progress progress = { 0 };
    if (!error) error = index_position(m->evidence.index, &progress);
    if (error) return cli_fail(m->call, "the index cannot be read: %s", strerror(-error));
    read_checkpoint(m);
    m->head.index_path = m->evidence.index_path;
    m->head.indexed_us = progress.last_us;
    m->report.form->begin(&m->report);
    int code = make_sections(m, only);
    index_report_end(m->evidence.index);
    if (code != CLI_YES) return code;
    m->report.form->end(&m->report);
    flush(m);
    if (m->out.failed) return cli_fail(m->call, "there is no memory");
    return m->failed ? CLI_FAILED : CLI_YES;
}

/* Before root becomes the data folder's owner: the file is of who asked. It is that one's alone, since it
 * names people and tables. */
static bool open_file(struct making *m)
{
    m->path = cli_option(m->call, "output");
    m->fd = -1;
    if (!m->path) return true;
    m->fd = open(m->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->fd < 0) cli_fail(m->call, "%s: %s", m->path, strerror(errno));
    return m->fd >= 0;
}

static int run(struct cli_call *call)
{
    struct making *m = calloc(1, sizeof *m);
    struct bytes period = cli_option_bytes(call, "period"), format = cli_option_bytes(call, "format");
    if (!m) return cli_fail(call, "there is no memory");
    *m = (struct making){ .call = call, .fd = -1, .head = { .version = POSTERN_VERSION } };
    m->head.made_us = clock_wall_us(call->world->clock);
    m->report.head = &m->head;
    m->report.form = report_form_named(format.p                   ? format
                                       : cli_option(call, "json") ? BYTES_LITERAL("json")
                                                                  : BYTES_LITERAL("html"));
    m->report.out = &m->out;
    buf_init(&m->out, OUT_CEILING);
    int code = CLI_FAILED;
    if (!m->report.form)
        cli_fail(call, "--format is html, csv or json");
    else if (!when_parse_period(period.p ? period : BYTES_LITERAL("30d"), m->head.made_us, &m->head.since_us,
                                &m->head.until_us))
        cli_fail(call, "--period wants 2026-10, 2026-Q3, 2026, 30d, 2026-10-05 or FROM..TO (UTC)");
    else if (cli_option_number(call, "rows", bytes_is(bytes_of(m->report.form->name), "html") ? HTML_ROWS : 0,
                               INT32_MAX, &m->most) &&
             open_file(m))
        code = make(m, cli_option_bytes(call, "section"));
    evidence_close(&m->evidence);
    if (m->path && m->fd >= 0 && close(m->fd) && code == CLI_YES)
        code = cli_fail(call, "%s: %s", m->path, strerror(errno));
    buf_free(&m->out);
    free(m);
    return code;
}

const struct cli_command cli_command_audit_report = {
    .name = "audit report",
    .summary = "Write a report of a period for an auditor: who reached what, refusals, approvals, gaps",
    .arguments = "",
    .options = options,
    .notes =
        "The file is whole by itself (HTML prints well) and says of each table how to ask for its figures "
        "again;\n"
        "doc/audit-sql.md describes the views that it asks.",
    .run = run,
};
