/* postern audit report: where it goes, and what is wrong. */
#include "cli/commands.h"
#include "cli/evidence.h"
#include "cli/report-make.h"
#include "cli/when.h"
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

enum { HTML_ROWS = 2000 };

struct making {
    struct cli_call *call;
    struct evidence evidence;
    struct report_head head;
    struct report_plan plan;
    int fd; /* of the file; -1: standard output */
    const char *path;
};

static bool flush(void *context, struct buf *out)
{
    struct making *m = context;
    if (m->fd < 0) {
        cli_write(m->call, out);
        return true;
    }
    while (buf_length(out)) {
        struct bytes b = buf_bytes(out);
        ssize_t n = write(m->fd, b.p, b.n);
        if (n <= 0) {
            cli_fail(m->call, "%s: %s", m->path, strerror(errno));
            return false;
        }
        buf_consume(out, (size_t)n);
    }
    return true;
}

static int say_sections(struct making *m)
{
    const struct index_report_section *section;
    cli_fail(m->call, "there is no section \"%.*s\"; there are:", BYTES_FMT(m->plan.only));
    for (size_t i = 0; (section = index_report_section(i)); i++)
        fprintf(m->call->world->err, "  %s\n", section->name);
    return CLI_FAILED;
}

static int make(struct making *m)
{
    if (!evidence_open(m->call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &m->evidence))
        return CLI_FAILED;
    m->head.index_path = m->evidence.index_path;
    m->plan.log_folder = m->evidence.log;
    int error = report_make(m->evidence.index, &m->plan);
    switch (error) {
    case 0: return CLI_YES;
    case -ENOENT: return say_sections(m);
    case -ECANCELED: return CLI_FAILED; /* said */
    default: return cli_fail(m->call, "the index cannot be read: %s", strerror(-error));
    }
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
    m->plan =
        (struct report_plan){ .form = report_form_named(format.p                   ? format
                                                        : cli_option(call, "json") ? BYTES_LITERAL("json")
                                                                                   : BYTES_LITERAL("html")),
                              .head = &m->head,
                              .only = cli_option_bytes(call, "section"),
                              .flush = flush,
                              .context = m };
    int code = CLI_FAILED;
    if (!m->plan.form)
        cli_fail(call, "--format is html, csv or json");
    else if (!when_parse_period(period.p ? period : BYTES_LITERAL("30d"), m->head.made_us, &m->head.since_us,
                                &m->head.until_us))
        cli_fail(call, "--period wants 2026-10, 2026-Q3, 2026, 30d, 2026-10-05 or FROM..TO (UTC)");
    else if (cli_option_number(call, "rows", bytes_is(bytes_of(m->plan.form->name), "html") ? HTML_ROWS : 0,
                               INT32_MAX, &m->plan.most) &&
             open_file(m))
        code = make(m);
    evidence_close(&m->evidence);
    if (m->path && m->fd >= 0 && close(m->fd) && code == CLI_YES)
        code = cli_fail(call, "%s: %s", m->path, strerror(errno));
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
