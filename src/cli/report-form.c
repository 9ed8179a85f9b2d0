/* The forms. Cells go through safe_append first, so that controls and marks that reorder text show as what
 * they are; then through what the form needs: entities, quotes, an apostrophe before what a spreadsheet would
 * take for a formula. */
#include "cli/report-form.h"
#include "cli/safe.h"
#include "cli/when.h"
#include <string.h>

enum { CELL_CEILING = 1 << 20 };

static const char *column_title(const struct report *r, size_t i)
{
    const char *title = r->section->columns[i];
    return title + (title[0] == '#');
}

static bool is_number(const struct report *r, size_t i)
{
    return r->section->columns[i][0] == '#';
}

static void put_sql(struct report *r, struct buf *out)
{
    index_report_sql(r->section, r->head->since_us, r->head->until_us, out);
}

/* "postern audit search --verdict deny --since … --until …" */
static void put_command(struct report *r, struct buf *out)
{
    char since[20], until[20];
    when_format(r->head->since_us, since);
    when_format(r->head->until_us, until);
    buf_printf(out, "postern %s --since \"%.16s\" --until \"%.16s\"", r->section->command, since, until);
}

/* ---- HTML */

static void put_html(struct buf *out, struct bytes text)
{
    struct buf safe;
    buf_init(&safe, CELL_CEILING);
    safe_append(&safe, text, SAFE_ONE_LINE);
    struct bytes s = buf_bytes(&safe);
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&': buf_append_text(out, "&amp;"); break;
        case '<': buf_append_text(out, "&lt;"); break;
        case '>': buf_append_text(out, "&gt;"); break;
        case '"': buf_append_text(out, "&quot;"); break;
        case '\'': buf_append_text(out, "&#39;"); break;
        default: buf_put_u8(out, s.p[i]);
        }
    }
    buf_free(&safe);
}

static void put_html_text(struct buf *out, const char *text)
{
    put_html(out, bytes_of(text));
}

static const char html_top[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Postern: audit report</title>\n<style>\n"
    "body{font:14px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 "
    "1rem;color:#1b1f24;background:#fff}\n"
    "h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.1rem;margin:2rem 0 .25rem;break-after:avoid}\n"
    "p{margin:.25rem 0 .5rem;color:#57606a}dl{display:grid;grid-template-columns:max-content "
    "1fr;gap:.1rem 1rem;margin:1rem 0}\n"
    "dt{color:#57606a}dd{margin:0;overflow-wrap:anywhere}\n"
    "table{border-collapse:collapse;width:100%;font-size:.85rem}\n"
    "th,td{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-bottom:1px solid "
    "#d8dee4;overflow-wrap:anywhere}\n"
    "th{font-weight:600;border-bottom-color:#8c959f}td.n,th.n{text-align:right;font-variant-numeric:tabular-"
    "nums}\n"
    "tr{break-inside:avoid}thead{display:table-header-group}\n"
    "details{margin:.4rem 0;font-size:.8rem}summary{cursor:pointer;color:#57606a}\n"
    "code{font:12px/1.4 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}\n"
    ".none{color:#57606a;font-style:italic}\n"
    "@media print{body{margin:0;max-width:none}details{display:none}a{color:inherit}}\n"
    "</style></head><body>\n<h1>Audit report</h1>\n";

static void html_item(struct report *r, const char *term, const char *before, struct bytes text)
{
    buf_printf(r->out, "<dt>%s</dt><dd>%s", term, before);
    put_html(r->out, text);
    buf_append_text(r->out, "</dd>\n");
}

static void html_begin(struct report *r)
{
    char since[20], until[20], made[20], line[128];
    const struct report_head *h = r->head;
    when_format(h->since_us, since);
    when_format(h->until_us, until);
    when_format(h->made_us, made);
    buf_append_text(r->out, html_top);
    buf_printf(r->out,
               "<p>%.16s to %.16s UTC. Times are UTC; statements are counted by the minute.</p>\n<dl>\n",
               since, until);
    html_item(r, "Made", "", bytes_of(made));
    html_item(r, "By", "postern ", bytes_of(h->version));
    html_item(r, "From", "", bytes_of(h->index_path));
    if (h->indexed_us) {
        when_format(h->indexed_us, made);
        html_item(r, "Newest entry that the figures know", "", bytes_of(made));
    }
    if (h->tree_size) {
        html_item(r, "Log", "", h->origin);
        int n = snprintf(line, sizeof line, "%llu blocks, root ", (unsigned long long)h->tree_size);
        html_item(r, "Newest signed checkpoint", n > 0 ? line : "", h->root);
    }
    buf_append_text(
        r->out, "</dl>\n<p>The figures come from the index, which follows the log and holds no values. "
                "<code>postern audit verify</code> proves the log; <code>postern store reindex</code>, or "
                "deleting the index while no gateway runs, makes the index anew from it. Below each table "
                "stands how to ask for its figures again.</p>\n");
}

static void html_section(struct report *r)
{
    buf_append_text(r->out, "<h2>");
    put_html_text(r->out, r->section->title);
    buf_append_text(r->out, "</h2>\n<p>");
    put_html_text(r->out, r->section->note);
    buf_append_text(r->out, "</p>\n");
}

static void html_row(struct report *r, const struct bytes *cells, size_t n)
{
    if (r->n_rows == 0) {
        buf_append_text(r->out, "<table><thead><tr>");
        for (size_t i = 0; i < n; i++) {
            buf_append_text(r->out, is_number(r, i) ? "<th class=\"n\">" : "<th>");
            put_html_text(r->out, column_title(r, i));
            buf_append_text(r->out, "</th>");
        }
        buf_append_text(r->out, "</tr></thead><tbody>\n");
    }
    buf_append_text(r->out, "<tr>");
    for (size_t i = 0; i < n; i++) {
        buf_append_text(r->out, is_number(r, i) ? "<td class=\"n\">" : "<td>");
        put_html(r->out, cells[i]);
        buf_append_text(r->out, "</td>");
    }
    buf_append_text(r->out, "</tr>\n");
}

static void html_section_end(struct report *r)
{
    struct buf text;
    buf_init(&text, CELL_CEILING);
    buf_append_text(r->out, r->n_rows ? "</tbody></table>\n" : "<p class=\"none\">Nothing.</p>\n");
    if (r->cut)
        buf_printf(r->out,
                   "<p><strong>Only the first %llu lines are shown; CSV and JSON have all.</strong></p>\n",
                   (unsigned long long)r->n_rows);
    buf_append_text(r->out, "<details><summary>Ask again</summary>");
    if (r->section->command) {
        put_command(r, &text);
        buf_append_text(r->out, "<p><code>");
        put_html(r->out, buf_bytes(&text));
        buf_append_text(r->out, "</code></p>");
        buf_consume(&text, buf_length(&text));
    }
    put_sql(r, &text);
    buf_append_text(r->out, "<p><code>");
    put_html(r->out, buf_bytes(&text));
    buf_append_text(r->out, "</code></p></details>\n");
    buf_free(&text);
}

static void html_end(struct report *r)
{
    buf_append_text(r->out, "</body></html>\n");
}

/* ---- CSV (RFC 4180): blocks of sections, an empty line between */

static void put_csv(struct buf *out, struct bytes text, bool number)
{
    struct buf safe;
    buf_init(&safe, CELL_CEILING);
    safe_append(&safe, text, SAFE_ONE_LINE);
    struct bytes s = buf_bytes(&safe);
    /* White space in front does not keep a spreadsheet from it. */
    size_t at = 0;
    while (at < s.n && s.p[at] == ' ')
        at++;
    bool formula = !number && at < s.n && memchr("=+-@|%", s.p[at], 6);
    buf_append_text(out, formula ? "\"'" : "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') buf_put_u8(out, '"');
        buf_put_u8(out, s.p[i]);
    }
    buf_append_text(out, "\"");
    buf_free(&safe);
}

static void csv_begin(struct report *r)
{
    char since[20], until[20];
    when_format(r->head->since_us, since);
    when_format(r->head->until_us, until);
    buf_printf(r->out, "\"section\",\"since\",\"until\"\r\n\"period\",\"%.16s\",\"%.16s\"\r\n", since, until);
}

static void csv_section(struct report *r)
{
    buf_append_text(r->out, "\r\n\"section\"");
    for (size_t i = 0; r->section->columns[i]; i++) {
        buf_append_text(r->out, ",");
        put_csv(r->out, bytes_of(column_title(r, i)), false);
    }
    buf_append_text(r->out, "\r\n");
}

static void csv_row(struct report *r, const struct bytes *cells, size_t n)
{
    put_csv(r->out, bytes_of(r->section->name), false);
    for (size_t i = 0; i < n; i++) {
        buf_append_text(r->out, ",");
        put_csv(r->out, cells[i], is_number(r, i));
    }
    buf_append_text(r->out, "\r\n");
}

static void nothing(struct report *r)
{
    (void)r;
}

/* ---- JSON */

static void json_begin(struct report *r)
{
    const struct report_head *h = r->head;
    r->json = json_writer_over(r->out);
    json_write_object(&r->json);
    json_write_time_member(&r->json, "since", h->since_us);
    json_write_time_member(&r->json, "until", h->until_us);
    json_write_time_member(&r->json, "made", h->made_us);
    json_write_text_member(&r->json, "version", bytes_of(h->version));
    json_write_text_member(&r->json, "index", bytes_of(h->index_path));
    if (h->indexed_us) json_write_time_member(&r->json, "indexed", h->indexed_us);
    if (h->tree_size) {
        json_write_name(&r->json, "checkpoint");
        json_write_object(&r->json);
        json_write_text_member(&r->json, "origin", h->origin);
        json_write_int_member(&r->json, "size", (int64_t)h->tree_size);
        json_write_text_member(&r->json, "root", h->root);
        json_write_end(&r->json);
    }
    json_write_name(&r->json, "sections");
    json_write_array(&r->json);
}

static void json_section(struct report *r)
{
    struct buf text;
    buf_init(&text, CELL_CEILING);
    json_write_object(&r->json);
    json_write_text_member(&r->json, "name", bytes_of(r->section->name));
    json_write_text_member(&r->json, "title", bytes_of(r->section->title));
    json_write_text_member(&r->json, "note", bytes_of(r->section->note));
    if (r->section->command) {
        put_command(r, &text);
        json_write_text_member(&r->json, "command", buf_bytes(&text));
        buf_consume(&text, buf_length(&text));
    }
    put_sql(r, &text);
    json_write_text_member(&r->json, "sql", buf_bytes(&text));
    json_write_name(&r->json, "rows");
    json_write_array(&r->json);
    buf_free(&text);
}

static void json_row(struct report *r, const struct bytes *cells, size_t n)
{
    int64_t number;
    json_write_object(&r->json);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s", column_title(r, i));
        for (char *p = name; *p; p++)
            if (*p == ' ') *p = '_';
        json_write_name(&r->json, name);
        if (!cells[i].p)
            json_write_null(&r->json);
        else if (is_number(r, i) && bytes_to_int64(cells[i], &number))
            json_write_int(&r->json, number);
        else
            json_write_text(&r->json, cells[i]);
    }
    json_write_end(&r->json);
}

static void json_section_end(struct report *r)
{
    json_write_end(&r->json);
    json_write_end(&r->json);
}

static void json_end(struct report *r)
{
    json_write_end(&r->json);
    json_write_end(&r->json);
    buf_append_text(r->out, "\n");
}

static const struct report_form forms[] = {
    { "html", html_begin, html_section, html_row, html_section_end, html_end },
    { "csv", csv_begin, csv_section, csv_row, nothing, nothing },
    { "json", json_begin, json_section, json_row, json_section_end, json_end },
};

const struct report_form *report_form_named(struct bytes name)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (bytes_is(name, forms[i].name)) return &forms[i];
    return NULL;
}
