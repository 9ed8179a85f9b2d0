/* What a principal may use of a connection in a day. The counts are the world's, since all workers share
 * them; here is what a session charges, and the words. What is undone is not charged, and what is rolled back
 * by the client later is: it was done. */
#include "session/session-private.h"
#include <time.h>

static uint64_t most_of(const struct session *s, enum session_budget_kind kind)
{
    const struct policy_budget *b = &s->terms->limits.budget;
    switch (kind) {
    case BUDGET_STATEMENTS: return b->statements;
    case BUDGET_ROWS: return b->rows;
    case BUDGET_AFFECTED: return b->affected_rows;
    case BUDGET_BYTES: return b->bytes;
    case BUDGET_LOOKUPS: return b->lookups;
    case BUDGET_KINDS: break;
    }
    return 0;
}

bool budget_start(struct session *s)
{
    const struct policy_limits *limits = &s->terms->limits;
    const struct policy_budget *b = &limits->budget;
    s->bounds_results = limits->returned_rows || limits->returned_bytes || b->rows || b->bytes;
    if (s->budget || !(b->statements || b->rows || b->affected_rows || b->bytes || b->lookups)) return true;
    s->budget = s->world->budget_open(s->world, &s->principal, s->target->name);
    return s->budget != NULL;
}

void budget_end(struct session *s)
{
    if (s->budget) s->world->budget_close(s->world, s->budget);
    s->budget = NULL;
}

uint64_t budget_left(struct session *s, enum session_budget_kind kind)
{
    uint64_t most = s->budget ? most_of(s, kind) : 0;
    return most ? s->world->budget_left(s->world, s->budget, kind, most) : UINT64_MAX;
}

bool budget_take(struct session *s, enum session_budget_kind kind, uint64_t n)
{
    uint64_t most = s->budget ? most_of(s, kind) : 0;
    return !most || n == 0 || s->world->budget_take(s->world, s->budget, kind, n, most);
}

void budget_use(struct session *s, enum session_budget_kind kind, uint64_t n)
{
    bool taken = n == 0 || !s->budget || !most_of(s, kind) ||
                 s->world->budget_take(s->world, s->budget, kind, n, UINT64_MAX);
    CHECK(taken);
}

uint64_t budget_statements(const struct understood *u)
{
    if (!u || u->outcome != SQL_UNDERSTOOD) return 1;
    return u->effects & ~(uint32_t)EFFECT_TRANSACTION ? u->facts->n_statements : 0;
}

uint64_t budget_lookups(const struct understood *u)
{
    uint64_t n = 0;
    for (size_t i = 0; u && u->outcome == SQL_UNDERSTOOD && i < u->facts->n_statements; i++)
        n += u->facts->statements[i].n_lookups;
    return n;
}

struct bytes budget_says(struct session *s, enum session_budget_kind kind)
{
    static const char *const whats[] = { "statements", "returned rows", "changed rows", "returned bytes",
                                         "values of masked columns that are asked for" };
    return arena_printf(&s->scratch, "the day's budget of %lu %s is used up", (unsigned long)most_of(s, kind),
                        whats[kind]);
}

struct bytes budget_hint(struct session *s)
{
    enum { DAY_S = 86400 };
    time_t next = (time_t)((clock_wall_us(s->world->clock) / 1000000 / DAY_S + 1) * DAY_S);
    struct tm utc;
    gmtime_r(&next, &utc);
    return arena_printf(&s->scratch, "A new day begins at %04d-%02d-%02d 00:00 UTC.", utc.tm_year + 1900,
                        utc.tm_mon + 1, utc.tm_mday);
}
