/* /v1/report: what `postern audit report` writes, as a download. */
#include "api/handlers.h"
#include "api/private.h"
#include "cli/report-make.h"
#include "cli/when.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The whole of most reports is made ahead of its reader: a slow one does not keep the index's moment. */
enum { AHEAD = 32 << 20, ROWS = 10000, ROWS_MOST = 1000000 };

struct reporting {
    struct making *making;
    struct api *api;
    struct report_head head;
    struct report_plan plan;
    char section[64];
};

static bool flush(void *context, struct buf *out)
{
    struct reporting *r = context;
    struct bytes b = buf_bytes(out);
    bool good = making_put(r->making, b.p, b.n) == 0;
    buf_consume(out, b.n);
    return good;
}

static void make(struct making *making, void *context)
{
    struct reporting *r = context;
    struct index *index;
    r->making = making;
    int error = readers_index(r->api->readers, &index);
    if (error == -ENOENT) {
        making_fail(making, 404, "not-found", "Nothing is recorded yet.");
        return;
    }
    if (!error) error = report_make(index, &r->plan);
    readers_index_back(r->api->readers, index, !error);
    if (error == -ENOENT)
        making_fail(making, 400, "bad-request", "There is no section of this name.");
    else if (error)
        making_fail(making, 503, "unavailable", "The index cannot be read now.");
}

static const char *type_of(const struct report_form *form)
{
    if (strcmp(form->name, "csv") == 0) return "text/csv; charset=utf-8";
    return strcmp(form->name, "html") == 0 ? "text/html; charset=utf-8" : "application/json";
}

static bool read_question(struct api_call *call, struct reporting *r)
{
    struct bytes period = api_query(call, "period"), format = api_query(call, "format"),
                 section = api_query(call, "section");
    r->api = call->api;
    r->head = (struct report_head){ .made_us = call->now_us,
                                    .version = POSTERN_VERSION,
                                    .index_path = "this gateway's index" };
    r->plan = (struct report_plan){ .form = report_form_named(format.p ? format : BYTES_LITERAL("json")),
                                    .head = &r->head,
                                    .log_folder = readers_folder(call->api->readers),
                                    .flush = flush,
                                    .context = r };
    if (!r->plan.form) return api_problem(call, 400, "bad-request", "\"format\" is json, csv or html.");
    if (!when_parse_period(period.p ? period : BYTES_LITERAL("30d"), call->now_us, &r->head.since_us,
                           &r->head.until_us))
        return api_problem(call, 400, "bad-request",
                           "\"period\" is 2026-10, 2026-Q3, 2026, 30d, 2026-10-05 or FROM..TO (UTC).");
    if (section.n >= sizeof r->section)
        return api_problem(call, 400, "bad-request", "There is no section of this name.");
    snprintf(r->section, sizeof r->section, "%.*s", BYTES_FMT(section));
    if (section.p) r->plan.only = bytes_of(r->section);
    return api_query_number(call, "rows", ROWS, 1, ROWS_MOST, &r->plan.most);
}

void api_report(struct api_call *call)
{
    struct bytes period = api_query(call, "period");
    struct reporting *r = calloc(1, sizeof *r);
    if (!r) {
        api_problem(call, 503, "unavailable", "There is no memory.");
        return;
    }
    if (!read_question(call, r) ||
        !api_question_is_recorded(call, "report", "period", period.p ? period : BYTES_LITERAL("30d"))) {
        free(r);
        return;
    }
    const struct making_plan plan = { .make = make,
                                      .free = free,
                                      .context = r,
                                      .ahead = AHEAD,
                                      .type = type_of(r->plan.form),
                                      .filename =
                                          arena_printf(call->arena, "audit-report.%s", r->plan.form->name) };
    making_start(call, &plan);
}
