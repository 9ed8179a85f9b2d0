/* Each right end of a request, who may decide, and what outlives the gateway. Time is the test's. */
#include "base/test.h"

#include "approval/desk.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECOND = 1000000 };
static int64_t now = 1750000000 * (int64_t)SECOND;

static int64_t test_now(const struct clock *clock)
{
    (void)clock;
    return now;
}
static const struct clock test_clock = { test_now, test_now };

struct waiter {
    struct desk_waiter waiter;
    int n;
};
static void on_tell(struct desk_waiter *waiter)
{
    struct waiter *w = (struct waiter *)waiter;
    __atomic_add_fetch(&w->n, 1, __ATOMIC_SEQ_CST);
}

static struct fixture {
    struct desk *desk;
    struct arena arena;
    struct waiter waiter;
    char folder[64], path[96], events[2048];
    uint8_t key[32];
    bool deaf; /* the record takes nothing */
} f;

static bool on_record(void *context, const struct desk_event *event)
{
    char line[200];
    (void)context;
    if (f.deaf) return false;
    snprintf(line, sizeof line, "%s:%s ", desk_event_name(event->kind), desk_state_name(event->state));
    strncat(f.events, line, sizeof f.events - strlen(f.events) - 1);
    return true;
}

static void open_desk(bool with_file)
{
    struct desk_options options = { .clock = &test_clock,
                                    .path = with_file ? f.path : NULL,
                                    .key = f.key,
                                    .without_thread = true,
                                    .most_of_principal = 3,
                                    .record = on_record };
    assert_int_equal(desk_open(&options, &f.desk), 0);
}

static int set_up(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    f.waiter.waiter.tell = on_tell;
    snprintf(f.folder, sizeof f.folder, "/tmp/postern-desk.XXXXXX");
    if (!mkdtemp(f.folder)) return -1;
    snprintf(f.path, sizeof f.path, "%s/approvals", f.folder);
    arena_init(&f.arena, 4096, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    desk_close(f.desk);
    for (size_t i = 0; i < 3; i++) {
        char name[120];
        snprintf(name, sizeof name, "%s%s", f.path, suffixes[i]);
        unlink(name);
    }
    arena_free(&f.arena);
    return rmdir(f.folder);
}

static struct bytes groups_of_dba[] = { BYTES_LITERAL("staff"), BYTES_LITERAL("dba") },
                    groups_of_security[] = { BYTES_LITERAL("security") };
static const struct principal bot = { .user = BYTES_LITERAL("bot"),
                                      .subject = BYTES_LITERAL("b-1"),
                                      .issuer = BYTES_LITERAL("https://idp"),
                                      .on_behalf_of = BYTES_LITERAL("Alice"),
                                      .machine = true };

static struct principal person(const char *name, struct bytes *groups, size_t n)
{
    return (struct principal){ .user = bytes_of(name),
                               .subject = bytes_of(name),
                               .issuer = BYTES_LITERAL("https://idp"),
                               .groups = groups,
                               .n_groups = n };
}

static struct principal dba(const char *name)
{
    return person(name, groups_of_dba, 2);
}

static struct bytes by_dba[] = { BYTES_LITERAL("dba") }, by_security[] = { BYTES_LITERAL("security") };
static struct policy_need needs[2];

static struct desk_request request(const char *text)
{
    needs[0] = (struct policy_need){ .policy = BYTES_LITERAL("p"),
                                     .rule = BYTES_LITERAL("whereless"),
                                     .by = by_dba,
                                     .n_by = 1,
                                     .approvals = 1 };
    needs[1] = needs[0];
    needs[1].by = by_security;
    needs[1].rule = BYTES_LITERAL("bulk");
    struct desk_request r = { .expires_us = now + 900 * (int64_t)SECOND,
                              .window_us = 60 * (int64_t)SECOND,
                              .principal = bot,
                              .connection = BYTES_LITERAL("orders"),
                              .text = bytes_of(text),
                              .needs = needs,
                              .n_needs = 1 };
    desk_digest(&r, (struct bytes){ 0 }, r.digest);
    return r;
}

static struct desk_ticket *ask(const struct desk_request *r)
{
    struct desk_ticket *ticket;
    const char *says;
    assert_int_equal(desk_ask(f.desk, r, &f.waiter.waiter, &ticket, &says), DESK_ASKED);
    desk_work(f.desk);
    return ticket;
}

static enum desk_decided approve(const struct desk_ticket *ticket, const struct principal *who,
                                 const char *reason)
{
    enum desk_decided decided = desk_decide(f.desk, bytes_of(desk_ticket_id(ticket)), who, true,
                                            bytes_of(reason), BYTES_LITERAL("test"));
    desk_work(f.desk);
    return decided;
}

static enum desk_decided deny(const struct desk_ticket *ticket, const struct principal *who,
                              const char *reason)
{
    enum desk_decided decided = desk_decide(f.desk, bytes_of(desk_ticket_id(ticket)), who, false,
                                            bytes_of(reason), BYTES_LITERAL("test"));
    desk_work(f.desk);
    return decided;
}

static void an_approval_serves_once(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol"), dave = dba("dave");
    assert_false(desk_use(ticket));
    int told = f.waiter.n;
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_APPROVED);
    assert_true(f.waiter.n > told);
    assert_int_equal(approve(ticket, &dave, ""), DESK_DECIDED_OVER);
    assert_int_equal(deny(ticket, &dave, ""), DESK_DECIDED_OVER);
    assert_true(desk_use(ticket));
    assert_false(desk_use(ticket));
    desk_work(f.desk);
    assert_string_equal(f.events, "asked:waiting decided:approved used:used ");
    desk_leave(ticket, "done");
    desk_work(f.desk);
    assert_string_equal(f.events, "asked:waiting decided:approved used:used ");
}

static void a_denial_says_who_and_why(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    struct desk_entry entry;
    enum desk_stored stored;
    assert_int_equal(deny(ticket, &carol, "not on a Friday"), DESK_DECIDED_DENIED);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    assert_int_equal(stored, DESK_STORE_NEVER);
    assert_int_equal(entry.standing.state, DESK_DENIED);
    assert_int_equal(entry.standing.n_decisions, 1);
    assert_bytes(entry.standing.decisions[0].user, "carol");
    assert_bytes(entry.standing.decisions[0].reason, "not on a Friday");
    assert_bytes(entry.request->text, "DELETE FROM t");
    desk_entry_release(&entry);
    assert_false(desk_use(ticket));
    desk_leave(ticket, "done");
}

static void what_nobody_decides_expires(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    assert_int_equal(desk_work(f.desk), r.expires_us);
    now += 899 * (int64_t)SECOND;
    assert_int_equal(desk_ticket_state(ticket), DESK_WAITING);
    now += SECOND;
    int told = f.waiter.n;
    assert_int_equal(desk_work(f.desk), INT64_MAX);
    assert_true(f.waiter.n > told);
    assert_int_equal(desk_ticket_state(ticket), DESK_EXPIRED);
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_EXPIRED);
    desk_leave(ticket, "done");
}

static void whoever_leaves_withdraws(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    char id[DESK_ID];
    struct desk_entry entry;
    memcpy(id, desk_ticket_id(ticket), sizeof id);
    desk_leave(ticket, "The client disconnected.");
    assert_int_equal(desk_decide(f.desk, bytes_of(id), &carol, true, bytes_of(""), bytes_of("test")),
                     DESK_DECIDED_WITHDRAWN);
    assert_true(desk_get(f.desk, bytes_of(id), &f.arena, &entry));
    assert_bytes(entry.standing.why, "The client disconnected.");
    desk_entry_release(&entry);
    ticket = ask(&r);
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_APPROVED);
    desk_leave(ticket, "The client disconnected.");
    desk_work(f.desk);
    assert_non_null(strstr(f.events, "decided:approved ended:lapsed"));
}

static void nobody_approves_what_they_asked_for(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct principal carol = dba("carol"), alice = dba("alice"), other = dba("CAROL"),
                     mallory = dba("mallory");
    r.principal = carol;
    struct desk_ticket *ticket = ask(&r);
    other.issuer = BYTES_LITERAL("https://elsewhere");
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_REQUESTER);
    assert_int_equal(approve(ticket, &other, ""), DESK_DECIDED_REQUESTER);
    desk_leave(ticket, "done");
    r.principal = bot;
    ticket = ask(&r);
    assert_int_equal(approve(ticket, &alice, ""), DESK_DECIDED_ACTS_FOR);
    mallory.actor = BYTES_LITERAL("bot");
    assert_int_equal(approve(ticket, &mallory, ""), DESK_DECIDED_MACHINE);
    mallory.actor = (struct bytes){ 0 };
    mallory.on_behalf_of = BYTES_LITERAL("erin");
    assert_int_equal(approve(ticket, &mallory, ""), DESK_DECIDED_MACHINE);
    mallory.on_behalf_of = (struct bytes){ 0 };
    mallory.machine = true;
    assert_int_equal(deny(ticket, &mallory, ""), DESK_DECIDED_MACHINE);
    /* That it is for oneself speaks against an approval only. */
    assert_int_equal(deny(ticket, &alice, ""), DESK_DECIDED_DENIED);
    desk_leave(ticket, "done");
}

static void a_rule_can_let_them(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct principal alice = dba("alice");
    needs[0].own = true;
    struct desk_ticket *ticket = ask(&r);
    assert_int_equal(approve(ticket, &alice, ""), DESK_DECIDED_APPROVED);
    desk_leave(ticket, "done");
}

static void every_rule_has_its_own_people(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    r.n_needs = 2;
    needs[0].approvals = 2;
    needs[1].reason = true;
    struct principal carol = dba("carol"), dave = dba("dave"), sue = person("sue", groups_of_security, 1),
                     nobody = person("ned", NULL, 0);
    struct desk_ticket *ticket = ask(&r);
    struct desk_entry entry;
    enum desk_stored stored;
    assert_int_equal(approve(ticket, &nobody, ""), DESK_DECIDED_NOT_IN_GROUPS);
    assert_int_equal(deny(ticket, &nobody, ""), DESK_DECIDED_NOT_IN_GROUPS);
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_NOTED);
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_TWICE);
    assert_int_equal(approve(ticket, &sue, " \n"), DESK_DECIDED_NEEDS_REASON);
    assert_int_equal(approve(ticket, &sue, "quarter's end"), DESK_DECIDED_NOTED);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    assert_int_equal(entry.standing.missing[0], 1);
    assert_int_equal(entry.standing.missing[1], 0);
    desk_entry_release(&entry);
    assert_int_equal(approve(ticket, &dave, ""), DESK_DECIDED_APPROVED);
    desk_leave(ticket, "done");
}

static void there_is_only_so_much_room(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t");
    struct desk_ticket *tickets[3], *ticket;
    const char *says;
    for (int i = 0; i < 3; i++)
        tickets[i] = ask(&r);
    assert_int_equal(desk_ask(f.desk, &r, &f.waiter.waiter, &ticket, &says), DESK_ASK_FULL);
    assert_non_null(strstr(says, "your statements"));
    for (int i = 0; i < 3; i++)
        desk_leave(tickets[i], "done");
    needs[0].approvals = 33;
    assert_int_equal(desk_ask(f.desk, &r, &f.waiter.waiter, &ticket, &says), DESK_ASK_FULL);
    needs[0].approvals = 1;
    static uint8_t large[DESK_TEXT + (2 << 20)];
    memset(large, 'x', sizeof large);
    r.text = bytes_make(large, sizeof large);
    assert_int_equal(desk_ask(f.desk, &r, &f.waiter.waiter, &ticket, &says), DESK_ASK_FAILED);
}

/* ---- what stays */

static void what_stays_survives_a_restart_and_serves_once(void **state)
{
    (void)state;
    open_desk(true);
    struct desk_request r = request("DELETE FROM t WHERE secret = 'hunter2'");
    r.stays = true;
    struct desk_ticket *ticket = ask(&r), *again;
    const char *says;
    struct principal carol = dba("carol");
    struct desk_entry entry;
    enum desk_stored stored;
    char id[DESK_ID];
    memcpy(id, desk_ticket_id(ticket), sizeof id);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    desk_entry_release(&entry);
    assert_int_equal(stored, DESK_STORE_DONE);
    desk_leave(ticket, "The client disconnected.");
    assert_int_equal(desk_ask(f.desk, &r, &f.waiter.waiter, &again, &says), DESK_ASK_KNOWN);
    assert_string_equal(desk_ticket_id(again), id);
    desk_leave(again, "done");
    desk_close(f.desk);
    open_desk(true);
    assert_int_equal(desk_decide(f.desk, bytes_of(id), &carol, true, bytes_of("fine"), bytes_of("test")),
                     DESK_DECIDED_APPROVED);
    desk_close(f.desk);
    open_desk(true);
    struct desk_request other = request("DELETE FROM u");
    assert_null(desk_find(f.desk, other.digest, false, 0, &f.waiter.waiter));
    ticket = desk_find(f.desk, r.digest, false, 0, &f.waiter.waiter);
    assert_non_null(ticket);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    assert_bytes(entry.standing.decisions[0].reason, "fine");
    assert_bytes(entry.request->principal.on_behalf_of, "Alice");
    desk_entry_release(&entry);
    assert_true(desk_use(ticket));
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    desk_entry_release(&entry);
    assert_int_equal(stored, DESK_STORE_PENDING);
    desk_work(f.desk);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    desk_entry_release(&entry);
    assert_int_equal(stored, DESK_STORE_DONE);
    desk_leave(ticket, "done");
    desk_close(f.desk);
    open_desk(true);
    assert_null(desk_find(f.desk, r.digest, false, 0, &f.waiter.waiter));
    FILE *file = fopen(f.path, "rb");
    static char content[1 << 20];
    size_t n = fread(content, 1, sizeof content, file);
    fclose(file);
    assert_true(bytes_find(bytes_make(content, n), BYTES_LITERAL("hunter2")) < 0);
}

static void a_window_closes(void **state)
{
    (void)state;
    open_desk(true);
    struct desk_request r = request("DELETE FROM t");
    r.stays = true;
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_APPROVED);
    desk_leave(ticket, "done");
    now += 60 * (int64_t)SECOND;
    assert_null(desk_find(f.desk, r.digest, false, 0, &f.waiter.waiter));
    desk_work(f.desk);
    assert_non_null(strstr(f.events, "ended:lapsed"));
}

static void more_rows_are_asked_for_anew(void **state)
{
    (void)state;
    open_desk(true);
    struct desk_request r = request("DELETE FROM t");
    r.stays = r.counted = true;
    r.rows = 10;
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    assert_int_equal(approve(ticket, &carol, ""), DESK_DECIDED_APPROVED);
    desk_leave(ticket, "done");
    assert_null(desk_find(f.desk, r.digest, true, 11, &f.waiter.waiter));
    ticket = desk_find(f.desk, r.digest, true, 9, &f.waiter.waiter);
    assert_int_equal(desk_ticket_state(ticket), DESK_APPROVED);
    r.rows = 11;
    struct desk_ticket *more = ask(&r);
    assert_int_equal(desk_ticket_state(ticket), DESK_LAPSED);
    assert_int_equal(desk_ticket_state(more), DESK_WAITING);
    desk_leave(ticket, "done");
    desk_leave(more, "done");
}

static void a_denial_stands_as_long_as_the_question(void **state)
{
    (void)state;
    open_desk(true);
    struct desk_request r = request("DELETE FROM t");
    r.stays = true;
    struct desk_ticket *ticket = ask(&r);
    struct principal carol = dba("carol");
    assert_int_equal(deny(ticket, &carol, "no"), DESK_DECIDED_DENIED);
    desk_leave(ticket, "done");
    desk_close(f.desk);
    open_desk(true);
    ticket = desk_find(f.desk, r.digest, false, 0, &f.waiter.waiter);
    assert_int_equal(desk_ticket_state(ticket), DESK_DENIED);
    desk_leave(ticket, "done");
    now += 900 * (int64_t)SECOND;
    desk_work(f.desk);
    assert_null(desk_find(f.desk, r.digest, false, 0, &f.waiter.waiter));
}

static void another_key_opens_nothing(void **state)
{
    (void)state;
    open_desk(true);
    struct desk_request r = request("DELETE FROM t");
    r.stays = true;
    desk_leave(ask(&r), "done");
    desk_close(f.desk);
    f.desk = NULL;
    f.key[0] = 1;
    struct desk_options options = {
        .clock = &test_clock, .path = f.path, .key = f.key, .without_thread = true
    };
    assert_int_equal(desk_open(&options, &f.desk), -EBADMSG);
    f.desk = NULL;
}

static void what_is_not_recorded_reaches_nobody(void **state)
{
    (void)state;
    open_desk(true);
    f.deaf = true;
    struct desk_request r = request("DELETE FROM t");
    r.stays = true;
    struct desk_ticket *ticket = ask(&r);
    struct desk_entry entry;
    enum desk_stored stored;
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    desk_entry_release(&entry);
    assert_int_equal(stored, DESK_STORE_PENDING);
    f.deaf = false;
    desk_work(f.desk);
    assert_true(desk_look(ticket, &f.arena, &entry, &stored));
    desk_entry_release(&entry);
    assert_int_equal(stored, DESK_STORE_DONE);
    desk_leave(ticket, "done");
}

static void everything_that_is_bound_changes_the_hash(void **state)
{
    (void)state;
    uint8_t was[DESK_DIGEST], is[DESK_DIGEST];
    struct desk_request plain = request("DELETE FROM t"), r;
    struct desk_parameter one = { .type = 23, .value = BYTES_LITERAL("1") };
    struct desk_parameter two = { .type = 23, .value = BYTES_LITERAL("2") };
    plain.parameters = &one;
    plain.n_parameters = 1;
    desk_digest(&plain, BYTES_LITERAL("v"), was);
    desk_digest(&plain, BYTES_LITERAL("w"), is);
    assert_memory_not_equal(was, is, DESK_DIGEST);
#define CHANGES(change)                                                                                      \
    do {                                                                                                     \
        r = plain;                                                                                           \
        change;                                                                                              \
        desk_digest(&r, BYTES_LITERAL("v"), is);                                                             \
        assert_memory_not_equal(was, is, DESK_DIGEST);                                                       \
    } while (0)
    CHANGES(r.text = BYTES_LITERAL("DELETE FROM t "));
    CHANGES(r.parameters = &two);
    CHANGES(r.n_parameters = 0);
    CHANGES(r.connection = BYTES_LITERAL("other"));
    CHANGES(r.database = BYTES_LITERAL("other"));
    CHANGES(r.login = BYTES_LITERAL("rw"));
    CHANGES(r.search_path = BYTES_LITERAL("a"));
    CHANGES(r.principal.subject = BYTES_LITERAL("b-2"));
    CHANGES(r.principal.on_behalf_of = BYTES_LITERAL("bob"));
    CHANGES(r.policy_hash = BYTES_LITERAL("h"));
    CHANGES(r.n_needs = 2);
    CHANGES(r.counted = true);
    CHANGES(r.beside = BYTES_LITERAL("x"));
    r = plain;
    r.claims = NULL;
    r.rows = 7;
    desk_digest(&r, BYTES_LITERAL("v"), is);
    assert_memory_equal(was, is, DESK_DIGEST);
}

static void lists_are_by_age_and_by_person(void **state)
{
    (void)state;
    open_desk(false);
    struct desk_request r = request("DELETE FROM t"), s = request("DELETE FROM u");
    struct desk_ticket *first = ask(&r);
    now += SECOND;
    s.principal = dba("carol");
    struct desk_ticket *second = ask(&s);
    struct principal carol = dba("carol"), alice = person("alice", NULL, 0), dave = dba("dave");
    struct desk_entry *entries;
    size_t n;
    assert_true(desk_list(f.desk, &(struct desk_filter){ 0 }, bytes_of(""), 10, &f.arena, &entries, &n));
    assert_int_equal(n, 2);
    assert_bytes(entries[0].request->text, "DELETE FROM u");
    struct bytes before = arena_copy(&f.arena, bytes_of(entries[0].request->id));
    desk_entry_release(&entries[0]);
    desk_entry_release(&entries[1]);
    assert_true(desk_list(f.desk, &(struct desk_filter){ 0 }, before, 10, &f.arena, &entries, &n));
    assert_int_equal(n, 1);
    desk_entry_release(&entries[0]);
    assert_true(desk_list(f.desk, &(struct desk_filter){ .asked_by = &alice }, bytes_of(""), 10, &f.arena,
                          &entries, &n));
    assert_int_equal(n, 1); /* on her behalf */
    desk_entry_release(&entries[0]);
    assert_true(desk_list(f.desk, &(struct desk_filter){ .decided_by = &alice }, bytes_of(""), 10, &f.arena,
                          &entries, &n));
    assert_int_equal(n, 0);
    assert_int_equal(desk_may_decide(f.desk, bytes_of(desk_ticket_id(second)), &carol),
                     DESK_DECIDED_REQUESTER);
    assert_int_equal(desk_may_decide(f.desk, bytes_of(desk_ticket_id(second)), &dave), DESK_DECIDED_APPROVED);
    assert_int_equal(desk_may_decide(f.desk, BYTES_LITERAL("nonsense"), &dave), DESK_DECIDED_NOT_FOUND);
    desk_leave(first, "done");
    desk_leave(second, "done");
}

/* ---- threads */

struct racer {
    pthread_t thread;
    struct principal who;
    char id[DESK_ID];
    bool approve;
    enum desk_decided decided;
};

static void *race(void *context)
{
    struct racer *r = context;
    r->decided = desk_decide(f.desk, bytes_of(r->id), &r->who, r->approve, bytes_of(""), bytes_of("test"));
    return NULL;
}

static void of_two_at_once_one_decides(void **state)
{
    (void)state;
    struct desk_options options = { .clock = &test_clock, .most_of_principal = 1000 };
    assert_int_equal(desk_open(&options, &f.desk), 0);
    for (int i = 0; i < 200; i++) {
        struct desk_request r = request("DELETE FROM t");
        struct desk_ticket *ticket;
        const char *says;
        struct racer racers[2] = { { .who = dba("carol"), .approve = true }, { .who = dba("dave") } };
        assert_int_equal(desk_ask(f.desk, &r, &f.waiter.waiter, &ticket, &says), DESK_ASKED);
        for (int k = 0; k < 2; k++) {
            memcpy(racers[k].id, desk_ticket_id(ticket), DESK_ID);
            assert_int_equal(pthread_create(&racers[k].thread, NULL, race, &racers[k]), 0);
        }
        for (int k = 0; k < 2; k++)
            pthread_join(racers[k].thread, NULL);
        bool approved = racers[0].decided == DESK_DECIDED_APPROVED;
        assert_int_equal(racers[0].decided, approved ? DESK_DECIDED_APPROVED : DESK_DECIDED_OVER);
        assert_int_equal(racers[1].decided, approved ? DESK_DECIDED_OVER : DESK_DECIDED_DENIED);
        assert_int_equal(desk_use(ticket), approved);
        desk_leave(ticket, "done");
    }
}

static void a_thousand_that_wait_take_little(void **state)
{
    (void)state;
    struct desk_options options = { .clock = &test_clock, .most_of_principal = 1000, .without_thread = true };
    struct desk_ticket *tickets[1000];
    struct desk_counts counts;
    assert_int_equal(desk_open(&options, &f.desk), 0);
    struct desk_request r = request("DELETE FROM public.orders WHERE placed < '2020-01-01'");
    for (int i = 0; i < 1000; i++)
        tickets[i] = ask(&r);
    desk_count(f.desk, &counts);
    assert_int_equal(counts.waiting, 1000);
    print_message("a request takes %zu bytes\n", counts.bytes / 1000);
    assert_true(counts.bytes < 1000 * 8192);
    for (int i = 0; i < 1000; i++)
        desk_leave(tickets[i], "done");
    desk_work(f.desk);
    desk_count(f.desk, &counts);
    assert_int_equal(counts.waiting, 0);
    assert_int_equal(counts.ended[DESK_WITHDRAWN], 1000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(an_approval_serves_once),
        TEST(a_denial_says_who_and_why),
        TEST(what_nobody_decides_expires),
        TEST(whoever_leaves_withdraws),
        TEST(nobody_approves_what_they_asked_for),
        TEST(a_rule_can_let_them),
        TEST(every_rule_has_its_own_people),
        TEST(there_is_only_so_much_room),
        TEST(what_stays_survives_a_restart_and_serves_once),
        TEST(a_window_closes),
        TEST(more_rows_are_asked_for_anew),
        TEST(a_denial_stands_as_long_as_the_question),
        TEST(another_key_opens_nothing),
        TEST(what_is_not_recorded_reaches_nobody),
        TEST(everything_that_is_bound_changes_the_hash),
        TEST(lists_are_by_age_and_by_person),
        TEST(of_two_at_once_one_decides),
        TEST(a_thousand_that_wait_take_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
