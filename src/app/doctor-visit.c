/* One connection, one query after the other. Callbacks run within the loop; whatever ends a visit stops it.
 */
#include "app/doctor-visit.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "session/own-connection.h"

enum {
    OPEN_US = 15000000,
    QUERY_US = 70000000, /* the own client's statement_timeout ends it before */
    TICK_US = 100000,
    QUERY_CEILING = 64 << 10
};

struct visit {
    const struct doctor_room *room;
    struct loop *loop;
    struct resolver *resolver;
    struct own_connection *connection;
    struct loop_source keys;
    struct loop_timer tick;
    enum doctor_login how;
    size_t done, of;
    bool over;
    struct buf query;
    /* What the visit is for. next: fills `query`; false: that was all. problem: check or connection failed.
     */
    bool (*next)(struct visit *v);
    bool (*row)(struct visit *v, const struct bytes *values, size_t n);
    void (*failed)(struct visit *v, bool lost, struct bytes why);
    struct doctor_report *report;
    const struct doctor_check *check;
    size_t next_check;
    bool asked_facts, has_facts;
    bool (*on_database)(void *context, struct bytes name);
    void *context;
    struct arena *arena;
    struct bytes why;
};

static void end(struct visit *v)
{
    v->over = true;
    loop_stop(v->loop);
}

static void go_on(struct visit *v)
{
    buf_consume(&v->query, buf_length(&v->query));
    if (!v->next(v)) {
        end(v);
        return;
    }
    buf_put_u8(&v->query, 0);
    if (v->query.failed) {
        v->failed(v, true, BYTES_LITERAL("out of memory"));
        end(v);
        return;
    }
    own_connection_query(v->connection, (const char *)buf_bytes(&v->query).p,
                         clock_monotonic_us(v->room->clock) + QUERY_US);
}

/* ---- what the connection says */

static bool on_ask_proof(void *context, const struct session_proof *proof)
{
    struct visit *v = context;
    v->how = proof->md5 ? DOCTOR_LOGIN_MD5 : DOCTOR_LOGIN_SCRAM;
    int error = proof->md5
                    ? keys_client_send_md5(v->room->keys, proof->login, proof->user, proof->md5_salt, 1)
                    : keys_client_send_scram(v->room->keys, proof->login, proof->salt, proof->iterations,
                                             proof->auth_message, 1);
    return error == 0;
}

static void on_keys_ready(struct loop_source *source, uint32_t events)
{
    struct visit *v = (struct visit *)((char *)source - offsetof(struct visit, keys));
    struct keys_reply reply;
    enum keys_receive received;
    (void)events;
    while ((received = keys_client_receive(v->room->keys, &reply)) == KEYS_REPLY)
        if (!v->over)
            own_connection_proof(v->connection, reply.status, reply.proof, reply.server_signature, reply.md5);
    if (received != KEYS_LOST || v->over) return;
    v->failed(v, true, BYTES_LITERAL("the process that reads passwords ended"));
    end(v);
}

static bool on_row(void *context, const struct bytes *values, size_t n)
{
    struct visit *v = context;
    for (size_t i = 0; i < n; i++)
        if (!values[i].p) return false; /* no query answers NULL */
    return v->row(v, values, n);
}

static void on_idle(void *context, struct bytes error)
{
    struct visit *v = context;
    if (v->over) return;
    if (error.n) v->failed(v, false, error);
    v->done++;
    if (v->room->on_step) v->room->on_step(v->room->context, v->done, v->of);
    go_on(v);
}

static void on_lost(void *context, struct bytes why)
{
    struct visit *v = context;
    if (v->over) return;
    v->failed(v, true, why);
    end(v);
}

static void on_tick(struct loop_timer *timer)
{
    struct visit *v = (struct visit *)((char *)timer - offsetof(struct visit, tick));
    v->room->on_step(v->room->context, v->done, v->of);
    if (loop_timer_set(v->loop, timer, clock_monotonic_us(v->room->clock) + TICK_US))
        return; /* it shows no more */
}

/* ---- from beginning to end */

static bool make_loop(struct visit *v)
{
    buf_init(&v->query, QUERY_CEILING);
    v->keys = (struct loop_source){ .fd = keys_client_fd(v->room->keys), .on_ready = on_keys_ready };
    v->tick.on_due = on_tick;
    return loop_new(v->room->clock, &v->loop) == 0 && resolver_new(&v->resolver) == 0;
}

static bool set_up(struct visit *v, const struct target *target, const struct target_login *login,
                   struct bytes database)
{
    struct own_connection_options options = { .loop = v->loop,
                                              .resolver = v->resolver,
                                              .target = target,
                                              .login = login,
                                              .database = database,
                                              .user = { v, on_ask_proof, on_row, on_idle, on_lost } };
    int64_t now = clock_monotonic_us(v->room->clock);
    if (loop_add(v->loop, &v->keys, EPOLLIN)) return false;
    if (v->room->on_step && loop_timer_set(v->loop, &v->tick, now + TICK_US)) return false;
    v->connection = own_connection_open(&options, now + OPEN_US);
    return v->connection != NULL;
}

static void run(struct visit *v, const struct target *target, const struct target_login *login,
                struct bytes database)
{
    bool made = make_loop(v);
    if (made && set_up(v, target, login, database))
        loop_run(v->loop);
    else
        v->failed(v, true, BYTES_LITERAL("out of memory"));
    v->over = true;
    own_connection_close(v->connection);
    resolver_free(v->resolver);
    if (v->loop) {
        loop_run_posted(v->loop); /* the resolver's last answer, which nobody waits for */
        loop_free(v->loop);
    }
    buf_free(&v->query);
}

/* ---- the checks */

static bool next_check(struct visit *v)
{
    struct doctor_facts *f = &v->report->facts;
    if (!v->asked_facts) {
        v->asked_facts = true;
        v->of = doctor_n_checks + 2;
        f->address = arena_copy(&v->report->arena, bytes_of(own_connection_address(v->connection)));
        f->how = v->how;
        buf_append_text(&v->query, doctor_facts_query);
        return true;
    }
    if (!v->has_facts) {
        if (!v->report->n_problems)
            doctor_report_problem(v->report, NULL, BYTES_LITERAL("the server says nothing about the role"));
        return false;
    }
    while (v->next_check < doctor_n_checks &&
           !doctor_check_applies(&doctor_checks[v->next_check], &v->report->facts))
        v->next_check++;
    if (v->next_check == doctor_n_checks) return false;
    v->check = &doctor_checks[v->next_check++];
    v->report->n_of_check = 0;
    v->report->n_looked++;
    doctor_query(v->check, f, &v->query);
    return true;
}

static bool visit_row(struct visit *v, const struct bytes *values, size_t n)
{
    if (v->check) return doctor_report_row(v->report, v->check, values, n);
    return v->has_facts = !v->has_facts && doctor_report_facts(v->report, values, n);
}

static void visit_failed(struct visit *v, bool lost, struct bytes why)
{
    doctor_report_problem(v->report, lost ? NULL : v->check, why);
}

void doctor_visit(const struct doctor_room *room, const struct target *target,
                  const struct target_login *login, struct bytes database, struct doctor_report *report)
{
    struct visit v = {
        .room = room, .report = report, .next = next_check, .row = visit_row, .failed = visit_failed
    };
    run(&v, target, login, database);
}

/* ---- the databases */

static bool next_list(struct visit *v)
{
    v->of = 2;
    if (v->done != 1) return false;
    buf_append_text(&v->query, "SELECT d.datname FROM pg_database d WHERE d.datallowconn AND NOT "
                               "d.datistemplate AND has_database_privilege(session_user, d.oid, 'CONNECT') "
                               "ORDER BY 1");
    return true;
}

static bool list_row(struct visit *v, const struct bytes *values, size_t n)
{
    struct bytes name = n == 1 ? arena_copy(v->arena, values[0]) : (struct bytes){ 0 };
    return name.p && v->on_database(v->context, name);
}

static void list_failed(struct visit *v, bool lost, struct bytes why)
{
    (void)lost;
    v->why = arena_copy(v->arena, why);
    if (!v->why.p) v->why = BYTES_LITERAL("out of memory");
}

bool doctor_databases(const struct doctor_room *room, const struct target *target,
                      const struct target_login *login, struct bytes database, struct arena *arena,
                      bool (*visit)(void *context, struct bytes name), void *context, struct bytes *why_out)
{
    struct visit v = { .room = room,
                       .arena = arena,
                       .next = next_list,
                       .row = list_row,
                       .failed = list_failed,
                       .on_database = visit,
                       .context = context };
    run(&v, target, login, database);
    *why_out = v.why;
    return !v.why.n;
}
