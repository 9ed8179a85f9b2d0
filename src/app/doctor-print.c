/* Whatever a server wrote is made safe before it is shown; what mends is so already (doctor-fill.h). */
#include "app/doctor-print.h"
#include "app/doctor-fill.h"
#include "cli/safe.h"
#include "json/writer.h"

enum { OBJECTS_SHOWN = 8 };

static void put_safe(struct buf *out, struct bytes text)
{
    safe_append(out, text, SAFE_ONE_LINE);
}

static void put_place(const struct doctor_report *r, struct buf *out)
{
    put_safe(out, r->facts.connection);
    buf_append_text(out, "/");
    put_safe(out, r->facts.login);
}

static bool shown(const struct doctor_finding *f, const struct doctor_style *style)
{
    return f->check->severity <= style->least;
}

/* The statement that makes the role which is to own things, at the first finding that needs it; of all
 * reports, since roles are the cluster's. */
static bool is_first_of_owner(const struct doctor_report *reports, const struct doctor_report *r,
                              const struct doctor_finding *f, const struct doctor_style *style)
{
    if (!f->wants_owner || r->facts.owner_exists) return false;
    for (const struct doctor_report *other = reports;; other = other->next) {
        bool same = bytes_equal(other->facts.owner, r->facts.owner) &&
                    bytes_equal(other->facts.connection, r->facts.connection);
        for (const struct doctor_finding *g = other->findings; same && g; g = g->next) {
            if (g == f) return true;
            if (g->wants_owner && shown(g, style)) return false;
        }
        if (other == r) return true;
    }
}

static void put_owner(const struct doctor_report *r, struct buf *out)
{
    struct doctor_values values = { .facts = &r->facts };
    struct buf sql;
    buf_init(&sql, 4096);
    if (doctor_fill("CREATE ROLE {owner} NOLOGIN;", &values, DOCTOR_FILL_SQL, &sql))
        buf_append(out, buf_bytes(&sql));
    else
        buf_append_text(out, "-- the name of the role that is to own things cannot be written safely");
    buf_free(&sql);
}

/* Several lines, each behind `before`. */
static void put_lines(struct buf *out, const char *before, struct bytes text)
{
    while (text.n) {
        ptrdiff_t end = bytes_find(text, BYTES_LITERAL("\n"));
        size_t n = end < 0 ? text.n : (size_t)end;
        buf_printf(out, "%s%.*s\n", before, BYTES_FMT(bytes_slice(text, 0, n)));
        text = bytes_slice(text, n + 1, text.n);
    }
}

static void put_mend(const struct doctor_finding *f, const char *before, struct buf *out)
{
    if (f->mend.n)
        put_lines(out, before, f->mend);
    else
        buf_printf(out, "%s-- a name in it cannot be written safely: look at it by hand\n", before);
}

/* ---- for people */

static void put_head(const struct doctor_check *check, const struct doctor_style *style, struct buf *out)
{
    static const char *const colours[] = { "\x1b[1;31m", "\x1b[1;33m", "\x1b[1m" };
    buf_printf(out, "%s%s%s: %s [%s]\n    %s\n", style->coloured ? colours[check->severity] : "",
               doctor_severity_name(check->severity), style->coloured ? "\x1b[0m" : "", check->what,
               check->id, check->why);
}

/* Findings of one check stand together. */
static const struct doctor_finding *past(const struct doctor_finding *f)
{
    const struct doctor_check *check = f->check;
    while (f && f->check == check)
        f = f->next;
    return f;
}

static void put_more(size_t n, size_t most, const char *before, struct buf *out)
{
    if (n > most) buf_printf(out, "%s… and %zu more; --all shows them\n", before, n - most);
}

static void put_group(const struct doctor_report *reports, const struct doctor_report *r,
                      const struct doctor_finding *first, const struct doctor_style *style, struct buf *out)
{
    const struct doctor_finding *end = past(first);
    size_t n = 0, most = style->all ? SIZE_MAX : OBJECTS_SHOWN;
    put_head(first->check, style, out);
    for (const struct doctor_finding *f = first; f != end; f = f->next)
        if (n++ < most) {
            buf_append_text(out, "      · ");
            put_safe(out, f->object);
            buf_append_text(out, "\n");
        }
    put_more(n, most, "        ", out);
    buf_printf(out, "    To mend it, %s %s:\n", first->check->as,
               first->check->place == DOCTOR_SQL ? "runs" : "writes");
    n = 0;
    for (const struct doctor_finding *f = first; f != end; f = f->next) {
        if (is_first_of_owner(reports, r, f, style)) {
            buf_append_text(out, "        ");
            put_owner(r, out);
            buf_append_text(out, "\n");
        }
        if (n++ < most) put_mend(f, "        ", out);
    }
    put_more(n, most, "        ", out);
    buf_append_text(out, "\n");
}

static void put_problems(const struct doctor_report *r, struct buf *out)
{
    for (const struct doctor_problem *p = r->problems; p; p = p->next) {
        buf_printf(out, "unknown: %s could not be looked at: ", p->check ? p->check->id : "the database");
        put_safe(out, p->text);
        buf_append_text(out, "\n");
    }
    if (r->problems) buf_append_text(out, "\n");
}

static void put_report(const struct doctor_report *reports, const struct doctor_report *r,
                       const struct doctor_style *style, struct buf *out)
{
    put_place(r, out);
    if (r->facts.role.p) {
        buf_append_text(out, ": role ");
        put_safe(out, r->facts.role);
        buf_append_text(out, " in database ");
        put_safe(out, r->facts.database);
        buf_append_text(out, ", PostgreSQL ");
        put_safe(out, r->facts.version_text);
        buf_append_text(out, " at ");
        put_safe(out, r->facts.address);
    }
    buf_append_text(out, "\n\n");
    for (const struct doctor_finding *f = r->findings; f; f = past(f))
        if (shown(f, style)) put_group(reports, r, f, style, out);
    put_problems(r, out);
}

static void put_count(size_t n, const char *one, const char *many, struct buf *out)
{
    buf_printf(out, "%zu %s", n, n == 1 ? one : many);
}

void doctor_print_text(const struct doctor_report *reports, const struct doctor_style *style, struct buf *out)
{
    size_t n_found[DOCTOR_N_SEVERITIES] = { 0 }, n_looked = 0, n_problems = 0, n = 0;
    for (const struct doctor_report *r = reports; r; r = r->next) {
        put_report(reports, r, style, out);
        for (size_t i = 0; i < DOCTOR_N_SEVERITIES; i++)
            n_found[i] += r->n_found[i];
        n_looked += r->n_looked;
        n_problems += r->n_problems;
        n++;
    }
    put_count(n_found[DOCTOR_CRITICAL], "critical finding, ", "critical findings, ", out);
    put_count(n_found[DOCTOR_WARNING], "warning, ", "warnings, ", out);
    put_count(n_found[DOCTOR_NOTE], "note; ", "notes; ", out);
    put_count(n_looked, "check in ", "checks in ", out);
    put_count(n, "database", "databases", out);
    if (n_problems) buf_printf(out, "; %zu could not be looked at", n_problems);
    buf_append_text(out, "\n");
}

/* ---- for programs */

static void put_members(const struct doctor_report *r, const struct doctor_check *check, const char *severity,
                        struct json_writer *w)
{
    json_write_text_member(w, "connection", r->facts.connection);
    json_write_text_member(w, "login", r->facts.login);
    if (r->facts.role.p) {
        json_write_text_member(w, "role", r->facts.role);
        json_write_text_member(w, "database", r->facts.database);
    }
    json_write_text_member(w, "severity", bytes_of(severity));
    if (check) json_write_text_member(w, "check", bytes_of(check->id));
}

static void put_finding(const struct doctor_report *reports, const struct doctor_report *r,
                        const struct doctor_finding *f, const struct doctor_style *style, struct buf *out)
{
    static const char *const places[] = { "sql", "pg_hba.conf", "configuration" };
    struct json_writer w = json_writer_over(out);
    struct buf owner;
    buf_init(&owner, 4096);
    json_write_object(&w);
    put_members(r, f->check, doctor_severity_name(f->check->severity), &w);
    json_write_text_member(&w, "what", bytes_of(f->check->what));
    json_write_text_member(&w, "why", bytes_of(f->check->why));
    json_write_text_member(&w, "object", f->object);
    json_write_text_member(&w, "as", bytes_of(f->check->as));
    json_write_text_member(&w, "place", bytes_of(places[f->check->place]));
    if (is_first_of_owner(reports, r, f, style)) {
        put_owner(r, &owner);
        json_write_text_member(&w, "before", buf_bytes(&owner));
    }
    if (f->mend.n) json_write_text_member(&w, "mend", f->mend);
    json_write_end(&w);
    buf_append_text(out, "\n");
    buf_free(&owner);
}

static void put_problem(const struct doctor_report *r, const struct doctor_problem *p, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    put_members(r, p->check, "unknown", &w);
    json_write_text_member(&w, "problem", p->text);
    json_write_end(&w);
    buf_append_text(out, "\n");
}

void doctor_print_json(const struct doctor_report *reports, const struct doctor_style *style, struct buf *out)
{
    for (const struct doctor_report *r = reports; r; r = r->next) {
        for (const struct doctor_finding *f = r->findings; f; f = f->next)
            if (shown(f, style)) put_finding(reports, r, f, style, out);
        for (const struct doctor_problem *p = r->problems; p; p = p->next)
            put_problem(r, p, out);
    }
}

/* ---- a script */

void doctor_print_sql(const struct doctor_report *reports, const struct doctor_style *style, struct buf *out)
{
    for (const struct doctor_report *r = reports; r; r = r->next) {
        if (!r->facts.role.p) continue;
        buf_append_text(out, "-- ");
        put_place(r, out);
        buf_append_text(out, ": run in database ");
        put_safe(out, r->facts.database);
        buf_append_text(out, "\n");
        const struct doctor_check *check = NULL;
        for (const struct doctor_finding *f = r->findings; f; f = f->next) {
            if (!shown(f, style)) continue;
            if (f->check != check)
                buf_printf(out, "\n-- %s: %s [%s]\n", doctor_severity_name(f->check->severity),
                           f->check->what, f->check->id);
            check = f->check;
            if (is_first_of_owner(reports, r, f, style)) {
                put_owner(r, out);
                buf_append_text(out, "\n");
            }
            put_mend(f, check->place == DOCTOR_SQL ? "" : "-- ", out);
        }
        buf_append_text(out, "\n");
    }
}
