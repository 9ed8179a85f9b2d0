/* Pages against the plain question: a few hundred made-up sessions, found in every way and page by page, give
 * what looking at all of them gives. */
#include "record/index.h"
#include "record/test-frames.h"
#include <stdio.h>
#include <unistd.h>

enum { SESSIONS = 300, HITS = 4096, DAY_MS = 86400000 };
static char folder[64], path[96];
static struct index *made;
static uint64_t random_state = 88172645463325252ULL;

static unsigned pick(unsigned n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)(random_state % n);
}

static const char *const people[] = { "ada", "bob", "cleo" };
static const char *const tables[] = { "orders", "customers", "audit" };
static const char *const decisions[] = { "allow", "allow", "allow", "allow", "deny", "hold" };

/* What was made: the truth that questions are held to. */
struct made_session {
    uint64_t id;
    const char *who, *behalf, *connection, *task;
    int64_t first_us, last_us;
};
struct made_statement {
    const struct made_session *of;
    int64_t minute, us;
    uint32_t first;
    unsigned column, table;
    const char *decision;
    uint64_t rows;
    bool failed, writes;
};
static struct made_session made_sessions[SESSIONS];
static struct made_statement made_statements[SESSIONS * 6];
static size_t n_made_statements;

static void make_statement(struct frames *f, unsigned number, const struct made_session *of)
{
    char text[128], relation[32];
    unsigned which = pick(3), column = pick(20), writes = pick(2) == 0, failed;
    const char *table = tables[which], *decision = decisions[pick(6)];
    struct made_statement *made_one = &made_statements[n_made_statements++];
    snprintf(relation, sizeof relation, "public.%s", table);
    snprintf(text, sizeof text, "SELECT c%u FROM %s", column, table);
    frames_text(f, number, text, decision, "p", "r", "SELECT", writes ? "read, write" : "read", relation);
    uint32_t run = frames_query(f, number);
    int64_t minute = f->time_us / 60000000;
    if ((failed = pick(7) == 0))
        frames_error(f, FRAME_ERROR, run, ORIGIN_SERVER, "ERROR", "22012", "no", NULL, NULL);
    unsigned rows = pick(5), us = 100 * pick(9);
    frames_complete(f, run, rows, us, RUN_COMPLETED, "SELECT");
    *made_one = (struct made_statement){ of,    minute,   us,   run,         column,
                                         which, decision, rows, failed != 0, writes != 0 };
}

static void make_session(struct frames *f, unsigned i)
{
    const char *who = people[pick(3)], *behalf = pick(5) == 0 ? people[pick(3)] : NULL;
    /* Session numbers are in order of time, as the log makes them. */
    frames_init(f, ((uint64_t)(f->time_us / 1000 + (int64_t)i * 60000) << 22) + 1 + i);
    f->session = ((uint64_t)(f->time_us / 1000 + (int64_t)i * 60000) << 22) + 1 + i;
    f->time_us += (int64_t)i * 60000000;
    const char *connection = pick(2) ? "main" : "side", *task = pick(4) ? "T" : "U";
    struct made_session *of = &made_sessions[i];
    frames_fields(f, FRAME_SESSION_START, "principal", who, "subject", who, "issuer", "idp", "connection",
                  connection, "claim.task", task, behalf ? "on_behalf_of" : NULL, behalf, NULL);
    *of = (struct made_session){ f->session, who, behalf, connection, task, f->time_us, 0 };
    for (unsigned k = pick(6); k > 0; k--)
        make_statement(f, k, of);
    if (pick(4)) frames_fields(f, FRAME_SESSION_END, "reason", "client", NULL);
    of->last_us = f->time_us;
}

struct feed {
    const struct frames *frames;
    size_t at;
};
static int next(void *context, struct frame *frame_out)
{
    struct feed *f = context;
    if (f->at == f->frames->n) return 0;
    *frame_out = f->frames->frame[f->at++];
    return 1;
}

static int set_up(void **state)
{
    (void)state;
    static struct frames frames;
    struct index_progress progress = { 0 };
    snprintf(folder, sizeof folder, "/tmp/postern-find.XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/index.db", folder);
    if (index_open(path, INDEX_WRITE, &made) || index_batch_begin(made, 0)) return -1;
    for (unsigned i = 0; i < SESSIONS; i++) {
        make_session(&frames, i);
        struct feed feed = { &frames, 0 };
        struct record_block block = { .position = i, .next_position = i + 1, .session = frames.session };
        if (index_batch_block(made, &block, next, &feed, &progress)) return -1;
        frames_free(&frames);
    }
    return progress.damaged || index_batch_commit(made) ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    index_free(made);
    for (size_t i = 0; i < 3; i++) {
        char name[120];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return rmdir(folder);
}

struct ids {
    uint64_t id[SESSIONS + 1];
    size_t n;
};
static void see_id(void *context, const struct index_session *s)
{
    struct ids *ids = context;
    assert_true(ids->n < SESSIONS);
    ids->id[ids->n++] = s->id;
}

/* All pages together. */
static void find_all(struct index_find find, size_t limit, struct ids *out)
{
    struct index_place place = { 0 };
    bool more = true;
    find.limit = limit;
    out->n = 0;
    for (int i = 0; more && i < 2 * SESSIONS; i++) {
        size_t before = out->n;
        struct index_place from = place;
        assert_int_equal(index_find_sessions(made, &find, &from, see_id, out, &place, &more), 0);
        assert_true(out->n - before <= limit);
    }
    assert_false(more);
}

static void check(struct index_find find)
{
    struct index_filter filter = { .principal = find.principal,
                                   .connection = find.connection,
                                   .since_us = find.since_us,
                                   .until_us = find.until_us,
                                   .verdict = find.verdict,
                                   .error = find.error,
                                   .relation = find.relation,
                                   .effect = find.effect,
                                   .texts = find.texts,
                                   .n_texts = find.n_texts };
    static struct ids plain, found;
    static const size_t limits[] = { 1, 7, 200 };
    plain.n = 0;
    assert_int_equal(index_sessions(made, &filter, see_id, &plain), 0);
    for (size_t l = 0; l < 3; l++) {
        find_all(find, limits[l], &found);
        assert_int_equal(found.n, plain.n);
        assert_memory_equal(found.id, plain.id, plain.n * sizeof plain.id[0]);
    }
}

static void pages_of_sessions_are_what_the_plain_question_gives(void **state)
{
    (void)state;
    static const struct bytes words[] = { BYTES_LITERAL("orders") }, none[] = { BYTES_LITERAL("nothing") },
                              column[] = { BYTES_LITERAL("c7") };
    const struct bytes verdicts[] = { { 0 },
                                      BYTES_LITERAL("allow"),
                                      BYTES_LITERAL("deny"),
                                      BYTES_LITERAL("hold"),
                                      BYTES_LITERAL("observed"),
                                      BYTES_LITERAL("error") };
    const struct bytes relations[] = {
        { 0 }, BYTES_LITERAL("orders"), BYTES_LITERAL("public.audit"), BYTES_LITERAL("x")
    };
    const struct bytes who[] = { { 0 }, BYTES_LITERAL("ada"), BYTES_LITERAL("nobody") };
    for (size_t v = 0; v < 6; v++)
        for (size_t r = 0; r < 4; r++)
            for (size_t w = 0; w < 3; w++)
                check((struct index_find){
                    .verdict = verdicts[v], .relation = relations[r], .principal = who[w] });
    check((struct index_find){ .texts = words, .n_texts = 1 });
    check((struct index_find){ .texts = none, .n_texts = 1 });
    check((struct index_find){ .texts = column, .n_texts = 1, .verdict = BYTES_LITERAL("deny") });
    check((struct index_find){ .effect = BYTES_LITERAL("write"), .connection = BYTES_LITERAL("side") });
    check((struct index_find){ .error = BYTES_LITERAL("22") });
    check((struct index_find){ .since_us = INT64_C(1795250000000000) + 100 * INT64_C(60000000) });
    check((struct index_find){ .until_us = INT64_C(1795250000000000) + 100 * INT64_C(60000000) });
}

struct kinds {
    size_t n, live, over, own, behalf, task;
};
static void see_kind(void *context, const struct index_session *s)
{
    struct kinds *k = context;
    bool own = bytes_is(s->subject, "ada"), behalf = bytes_is(s->on_behalf_of, "ada");
    k->n++;
    k->live += s->ended_us == 0;
    k->over += s->ended_us != 0;
    k->own += own || behalf;
    k->behalf += behalf;
    k->task += bytes_is(s->task, "U");
}

static void what_a_session_is_narrows_alone_and_together(void **state)
{
    (void)state;
    static struct ids found;
    struct kinds k = { 0 };
    uint64_t live;
    const struct index_owner ada = { BYTES_LITERAL("idp"), BYTES_LITERAL("ada"), BYTES_LITERAL("ada") },
                             foreign = { BYTES_LITERAL("other"), BYTES_LITERAL("ada"), BYTES_LITERAL("ada") };
    struct index_filter all = { 0 };
    assert_int_equal(index_sessions(made, &all, see_kind, &k), 0);
    assert_true(k.n == SESSIONS && k.live && k.over && k.own && k.behalf && k.own < SESSIONS);
    const struct {
        struct index_find find;
        size_t n;
    } cases[] = { { { .live = INDEX_LIVE_ONLY }, k.live },
                  { { .live = INDEX_LIVE_OVER }, k.over },
                  { { .owner = &ada }, k.own },
                  { { .owner = &foreign }, 0 },
                  { { .on_behalf_of = BYTES_LITERAL("ada") }, k.behalf },
                  { { .task = BYTES_LITERAL("U") }, k.task },
                  { { .owner = &ada, .principal = BYTES_LITERAL("nobody") }, 0 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        find_all(cases[i].find, 11, &found);
        assert_int_equal(found.n, cases[i].n);
    }
    assert_int_equal(index_count_live(made, NULL, &live), 0);
    assert_int_equal(live, k.live);
}

struct hits {
    struct {
        uint64_t session;
        uint32_t sequence;
        bool deny, orders;
    } hit[HITS];
    size_t n;
    uint64_t executions, errors, refused;
    struct index_after after; /* behind the last */
};
static void see_hit(void *context, const struct index_hit *h)
{
    struct hits *hits = context;
    assert_true(hits->n < HITS);
    hits->hit[hits->n].session = h->session;
    hits->hit[hits->n].sequence = h->first_sequence;
    hits->hit[hits->n].deny = bytes_is(h->decision, "deny");
    hits->hit[hits->n].orders = bytes_is(h->relations, "public.orders");
    hits->n++;
    hits->after = index_hit_place(h);
    hits->executions += h->executions;
    hits->errors += h->errors;
    if (bytes_is(h->decision, "deny")) hits->refused += h->executions;
}

static void find_statements(struct index_find find, size_t limit, struct hits *out)
{
    struct index_place place = { 0 };
    bool more = true;
    find.limit = limit;
    *out = (struct hits){ 0 };
    for (int i = 0; more && i < HITS; i++) {
        struct index_place from = place;
        assert_int_equal(index_find_statements(made, &find, &from, see_hit, out, &place, &more), 0);
    }
    assert_false(more);
}

static void pages_of_statements_leave_nothing_out_and_repeat_nothing(void **state)
{
    (void)state;
    static struct hits all, paged, some;
    size_t wanted = 0;
    find_statements((struct index_find){ 0 }, 200, &all);
    for (size_t i = 1; i < all.n; i++)
        assert_true(
            all.hit[i].session < all.hit[i - 1].session ||
            (all.hit[i].session == all.hit[i - 1].session && all.hit[i].sequence < all.hit[i - 1].sequence));
    find_statements((struct index_find){ 0 }, 3, &paged);
    assert_int_equal(paged.n, all.n);
    assert_memory_equal(paged.hit, all.hit, all.n * sizeof all.hit[0]);
    find_statements(
        (struct index_find){ .verdict = BYTES_LITERAL("deny"), .relation = BYTES_LITERAL("orders") }, 2,
        &some);
    for (size_t i = 0; i < all.n; i++) {
        if (!all.hit[i].deny || !all.hit[i].orders) continue;
        assert_true(wanted < some.n && some.hit[wanted].session == all.hit[i].session &&
                    some.hit[wanted].sequence == all.hit[i].sequence);
        wanted++;
    }
    assert_true(wanted && wanted == some.n);
}

/* ---- all filters together, against the truth */

struct asked {
    struct index_find find;
    struct bytes words[2];
    char column[8];
    unsigned column_number;
};

static struct asked ask_something(void)
{
    static const char *const verdicts[] = { "allow", "deny", "hold", "observed", "error" };
    struct asked a = { .column_number = UINT32_MAX };
    struct index_find *f = &a.find;
    if (pick(3) == 0) f->principal = bytes_of(people[pick(3)]);
    if (pick(4) == 0) f->on_behalf_of = bytes_of(people[pick(3)]);
    if (pick(4) == 0) f->connection = pick(2) ? BYTES_LITERAL("main") : BYTES_LITERAL("side");
    if (pick(5) == 0) f->task = pick(2) ? BYTES_LITERAL("T") : BYTES_LITERAL("U");
    if (pick(3) == 0) f->verdict = bytes_of(verdicts[pick(5)]);
    if (pick(5) == 0) f->error = pick(2) ? BYTES_LITERAL("22") : BYTES_LITERAL("22012");
    if (pick(3) == 0) f->relation = bytes_of(tables[pick(3)]);
    if (pick(5) == 0) f->effect = pick(2) ? BYTES_LITERAL("write") : BYTES_LITERAL("read");
    if (pick(3) == 0) f->least_us = 100 * (1 + pick(9));
    if (pick(3) == 0) f->least_rows = 1 + pick(4);
    if (pick(4) == 0) f->since_us = made_sessions[pick(SESSIONS)].first_us;
    if (pick(4) == 0) f->until_us = made_sessions[pick(SESSIONS)].last_us;
    if (pick(8) == 0) f->session = made_sessions[pick(SESSIONS)].id;
    if (pick(5) == 0) {
        a.column_number = pick(20);
        snprintf(a.column, sizeof a.column, "c%u", a.column_number);
    }
    return a;
}

static bool is_asked(struct bytes wanted, const char *is)
{
    return !wanted.n || (is && bytes_is(wanted, is));
}

/* What a text touches belongs to its shape, whoever ran it. */
static bool shape_writes(const struct made_statement *of)
{
    for (size_t i = 0; i < n_made_statements; i++)
        if (made_statements[i].writes && made_statements[i].column == of->column &&
            made_statements[i].table == of->table)
            return true;
    return false;
}

static bool is_alike(const struct made_statement *a, const struct made_statement *b)
{
    return a->of == b->of && a->column == b->column && a->table == b->table && a->decision == b->decision &&
           a->minute == b->minute;
}

static bool session_is_asked(const struct index_find *f, const struct made_session *s)
{
    return is_asked(f->principal, s->who) && is_asked(f->on_behalf_of, s->behalf) &&
           is_asked(f->connection, s->connection) && is_asked(f->task, s->task) &&
           (!f->session || f->session == s->id) && s->last_us >= f->since_us &&
           (!f->until_us || s->first_us < f->until_us);
}

/* Whether the statements that are like this one, together, are asked for. */
static bool statement_is_asked(const struct asked *a, const struct made_statement *one)
{
    const struct index_find *f = &a->find;
    int64_t longest = 0;
    uint64_t most = 0;
    bool failed = false, shape_failed = false;
    for (const struct made_statement *m = made_statements; m < made_statements + n_made_statements; m++) {
        if (m->of == one->of && m->column == one->column && m->table == one->table) shape_failed |= m->failed;
        if (!is_alike(m, one)) continue;
        if (m->us > longest) longest = m->us;
        if (m->rows > most) most = m->rows;
        failed |= m->failed;
    }
    if (!session_is_asked(f, one->of) || !is_asked(f->relation, tables[one->table])) return false;
    if (a->column_number != UINT32_MAX && a->column_number != one->column) return false;
    if (bytes_is(f->effect, "write") && !shape_writes(one)) return false;
    if (bytes_is(f->verdict, "error") ? !failed : !is_asked(f->verdict, one->decision)) return false;
    if (f->error.n && !shape_failed) return false;
    if (one->minute < f->since_us / 60000000 || (f->until_us && one->minute * 60000000 >= f->until_us))
        return false;
    return longest >= f->least_us && most >= f->least_rows;
}

static size_t count_asked(const struct asked *a, const struct hits *found)
{
    size_t n = 0;
    for (const struct made_statement *m = made_statements; m < made_statements + n_made_statements; m++) {
        bool first = true, there = false;
        for (const struct made_statement *before = made_statements; before < m; before++)
            first = first && !is_alike(before, m);
        if (!first || !statement_is_asked(a, m)) continue;
        for (size_t i = 0; i < found->n; i++)
            there = there || (found->hit[i].session == m->of->id && found->hit[i].sequence == m->first);
        assert_true(there);
        n++;
    }
    return n;
}

static void filters_of_statements_hold_together_as_each_alone(void **state)
{
    (void)state;
    static struct hits found;
    size_t some = 0;
    for (int i = 0; i < 400; i++) {
        struct asked a = ask_something();
        if (a.column[0]) {
            a.words[0] = bytes_of(a.column);
            a.find.texts = a.words;
            a.find.n_texts = 1;
        }
        find_statements(a.find, 1 + pick(20), &found);
        size_t wanted = count_asked(&a, &found);
        assert_int_equal(found.n, wanted);
        some += wanted > 0;
    }
    assert_true(some > 100);
}

/* The command line's search adds minutes up; its pages leave nothing out. */
static void pages_of_a_search_are_the_whole_of_it(void **state)
{
    (void)state;
    static struct hits all, paged;
    for (int i = 0; i < 40; i++) {
        struct asked a = ask_something();
        struct index_filter filter = { .principal = a.find.principal,
                                       .on_behalf_of = a.find.on_behalf_of,
                                       .connection = a.find.connection,
                                       .verdict = a.find.verdict,
                                       .error = a.find.error,
                                       .relation = a.find.relation,
                                       .effect = a.find.effect,
                                       .least_us = a.find.least_us,
                                       .least_rows = a.find.least_rows,
                                       .since_us = a.find.since_us,
                                       .until_us = a.find.until_us,
                                       .session = a.find.session };
        struct index_after after = { 0 };
        all = paged = (struct hits){ 0 };
        assert_int_equal(index_search(made, &filter, &after, see_hit, &all), 0);
        filter.limit = 1 + pick(9);
        for (size_t before = SIZE_MAX; paged.n != before && paged.n < HITS;) {
            before = paged.n;
            assert_int_equal(index_search(made, &filter, &after, see_hit, &paged), 0);
            after = paged.after;
        }
        assert_int_equal(paged.n, all.n);
        assert_memory_equal(paged.hit, all.hit, all.n * sizeof all.hit[0]);
    }
}

struct sums {
    uint64_t statements, refused, errors;
    size_t n;
};
static void see_count(void *context, const struct index_count *c)
{
    struct sums *s = context;
    s->statements += c->statements;
    s->refused += c->refused;
    s->errors += c->errors;
    s->n++;
}

static void counts_over_time_add_up_to_what_ran(void **state)
{
    (void)state;
    static struct hits all;
    const int64_t since = INT64_C(1795250000000000) - INT64_C(1000) * DAY_MS,
                  until = INT64_C(1795250000000000) + INT64_C(2000) * DAY_MS;
    static const enum index_rollup ways[] = { INDEX_BY_TIME, INDEX_BY_PRINCIPAL, INDEX_BY_RELATION };
    find_statements((struct index_find){ 0 }, 200, &all);
    for (size_t i = 0; i < 3; i++) {
        struct sums sums = { 0 };
        assert_int_equal(index_counts(made, ways[i], since, until, 3600, 100000, see_count, &sums), 0);
        assert_true(sums.statements == all.executions && sums.refused == all.refused &&
                    sums.errors == all.errors);
    }
    struct sums own = { 0 }, again = { 0 };
    struct index_owner ada = { BYTES_LITERAL("idp"), BYTES_LITERAL("ada"), BYTES_LITERAL("ada") };
    struct index_find find = { .owner = &ada };
    assert_int_equal(index_counts_of(made, &ada, INDEX_BY_TIME, since, until, 3600, 1000, see_count, &own),
                     0);
    find_statements(find, 200, &all);
    assert_true(own.statements == all.executions && own.errors == all.errors && own.n > 1);
    assert_int_equal(index_counts_of(made, &ada, INDEX_BY_RELATION, since, until, 3600, 9, see_count, &again),
                     0);
    assert_true(again.n == 3 && again.statements == own.statements);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_sessions_are_what_the_plain_question_gives),
        cmocka_unit_test(what_a_session_is_narrows_alone_and_together),
        cmocka_unit_test(pages_of_statements_leave_nothing_out_and_repeat_nothing),
        cmocka_unit_test(filters_of_statements_hold_together_as_each_alone),
        cmocka_unit_test(pages_of_a_search_are_the_whole_of_it),
        cmocka_unit_test(counts_over_time_add_up_to_what_ran),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
