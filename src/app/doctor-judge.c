/* From rows to findings. A row is the server's word: its shape is checked, and what is in it is text. */
#include "app/doctor-fill.h"
#include "policy/standing.h"
#include <stdlib.h>

enum { ARENA_CEILING = 64 << 20, TEXT_CEILING = 64 << 10 };

struct doctor_report *doctor_report_new(struct bytes connection, struct bytes login,
                                        const struct policy_snapshot *policies)
{
    struct doctor_report *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    arena_init(&r->arena, 64 << 10, ARENA_CEILING);
    r->facts = (struct doctor_facts){ .connection = connection, .login = login, .policies = policies };
    for (size_t i = 0; i < DOCTOR_N_SEVERITIES; i++)
        r->last_finding[i] = &r->findings;
    r->last_problem = &r->problems;
    return r;
}

void doctor_report_free(struct doctor_report *r)
{
    if (!r) return;
    arena_free(&r->arena);
    free(r);
}

void doctor_report_problem(struct doctor_report *r, const struct doctor_check *check, struct bytes text)
{
    struct doctor_problem *p = ARENA_NEW(&r->arena, struct doctor_problem);
    r->n_problems++; /* also one that there is no memory for */
    if (!p) return;
    p->check = check;
    p->text = arena_copy(&r->arena, text);
    *r->last_problem = p;
    r->last_problem = &p->next;
}

bool doctor_report_facts(struct doctor_report *r, const struct bytes *values, size_t n)
{
    int64_t version;
    struct doctor_facts *f = &r->facts;
    if (n != DOCTOR_FACTS) return false;
    for (size_t i = 0; i < n; i++)
        if (!values[i].p) return false;
    if (!bytes_to_int64(values[0], &version) || version < 0 || version > 10000000) return false;
    f->version = (int)version;
    f->version_text = arena_copy(&r->arena, values[1]);
    f->role = arena_copy(&r->arena, values[2]);
    f->superuser = bytes_is(values[3], "true");
    f->database = arena_copy(&r->arena, values[4]);
    f->owner = arena_copy(&r->arena, values[5]);
    f->owner_exists = bytes_is(values[6], "true");
    return f->version_text.p && f->role.p && f->database.p && f->owner.p;
}

bool doctor_check_applies(const struct doctor_check *check, const struct doctor_facts *facts)
{
    if (facts->superuser && !(check->flags & DOCTOR_OF_SUPERUSER)) return false;
    if ((check->flags & DOCTOR_IF_COUNTED) &&
        !policy_snapshot_counts_rows(facts->policies, facts->connection))
        return false;
    if ((check->flags & (DOCTOR_IF_MASKED | DOCTOR_IF_MASKS)) &&
        !policy_snapshot_masks(facts->policies, facts->connection))
        return false;
    return facts->version >= check->since;
}

static bool is_masked(const struct doctor_report *r, const struct doctor_check *check,
                      const struct doctor_values *v)
{
    const struct doctor_facts *f = &r->facts;
    const struct bytes *column = v->columns + v->n - 4, *other = column - 4;
    struct policy_mask mask =
        policy_snapshot_mask_of(f->policies, f->connection, column[0], column[1], column[2], column[3]);
    if (!mask.kind || (!mask.written && (check->flags & DOCTOR_IF_STORED))) return false;
    if ((check->flags & DOCTOR_IF_UNREAD) &&
        !policy_snapshot_hides(f->policies, f->connection, column[0], column[1], column[2], column[3]))
        return false;
    return !(check->flags & DOCTOR_UNLESS_BOTH) ||
           !policy_snapshot_mask_of(f->policies, f->connection, other[0], other[1], other[2], other[3]).kind;
}

/* Whether the row stands, by what policies say; fills in what they say. */
static bool stands(const struct doctor_report *r, const struct doctor_check *check, struct doctor_values *v)
{
    if (check->flags & DOCTOR_UNLESS_HARMLESS) return !policy_extension_is_harmless(v->columns[v->n - 1]);
    if (check->flags & DOCTOR_IF_MASKED) return is_masked(r, check, v);
    if (!(check->flags & DOCTOR_IF_REGARDED)) return true;
    enum policy_regard regard = policy_snapshot_regards(
        r->facts.policies, r->facts.connection, v->columns[v->n - 2], v->columns[v->n - 1], &v->policy);
    v->regard = regard == POLICY_REGARD_TRUSTED ? BYTES_LITERAL("trusts") : BYTES_LITERAL("allows calls of");
    return regard != POLICY_REGARD_NONE;
}

static struct bytes fill(struct doctor_report *r, const char *template, const struct doctor_values *v,
                         enum doctor_fill how)
{
    struct bytes text = { 0 };
    struct buf out;
    buf_init(&out, TEXT_CEILING);
    if (doctor_fill(template, v, how, &out)) text = arena_copy(&r->arena, buf_bytes(&out));
    buf_free(&out);
    return text;
}

/* Behind the last of its severity. Lighter ones that had nothing before it begin behind it now. */
static void insert(struct doctor_report *r, struct doctor_finding *f)
{
    struct doctor_finding **at = r->last_finding[f->check->severity];
    f->next = *at;
    *at = f;
    for (size_t i = f->check->severity; i < DOCTOR_N_SEVERITIES; i++)
        if (r->last_finding[i] == at) r->last_finding[i] = &f->next;
}

bool doctor_report_row(struct doctor_report *r, const struct doctor_check *check, const struct bytes *values,
                       size_t n)
{
    struct doctor_values v = { .facts = &r->facts, .columns = values, .n = n };
    if (n != check->n_columns) return false;
    if (!stands(r, check, &v)) return true;
    if (r->n_of_check == DOCTOR_FINDINGS_OF_CHECK) return false;
    struct doctor_finding *f = ARENA_NEW(&r->arena, struct doctor_finding);
    if (!f) return false;
    f->check = check;
    f->object = fill(r, check->object, &v, DOCTOR_FILL_WORDS);
    f->mend = fill(r, check->mend, &v, check->place == DOCTOR_HBA ? DOCTOR_FILL_PLAIN : DOCTOR_FILL_SQL);
    f->wants_owner = strstr(check->mend, "{owner}") != NULL;
    if (!f->object.p) return false;
    r->n_of_check++;
    r->n_found[check->severity]++;
    insert(r, f);
    return true;
}
