/* The words of conversations about approvals: the desk, and people who decide at it. */
#include "approval/desk.h"
#include "session/talk.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_tell(struct desk_waiter *waiter)
{
    struct talk_world *w = (struct talk_world *)((char *)waiter - offsetof(struct talk_world, waiter));
    w->told = true;
}

static struct desk_waiter *join(struct session_world *world, struct session *session)
{
    struct talk_world *w = (struct talk_world *)world;
    (void)session;
    CHECK(!w->joined);
    w->joined = true;
    w->waiter.tell = on_tell;
    return &w->waiter;
}

static void leave(struct session_world *world, struct desk_waiter *waiter)
{
    struct talk_world *w = (struct talk_world *)world;
    CHECK(w->joined && waiter == &w->waiter);
    w->joined = w->told = false;
}

bool talk_world_desk(struct talk_world *w, bool keeps)
{
    static const uint8_t key[32];
    if (keeps) {
        snprintf(w->desk_folder, sizeof w->desk_folder, "/tmp/postern-talk.XXXXXX");
        if (!mkdtemp(w->desk_folder)) return false;
        snprintf(w->desk_path, sizeof w->desk_path, "%s/approvals", w->desk_folder);
    }
    struct desk_options options = { .clock = &w->clock,
                                    .path = keeps ? w->desk_path : NULL,
                                    .key = key,
                                    .most_of_principal = 4,
                                    .without_thread = true };
    if (desk_open(&options, &w->world.desk)) return false;
    w->world.desk_join = join;
    w->world.desk_leave = leave;
    w->snapshot.hold_beat_us = 20000000;
    w->snapshot.admin_url = BYTES_LITERAL("https://gate.example/");
    return true;
}

void talk_world_desk_free(struct talk_world *w)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    desk_close(w->world.desk);
    w->world.desk = NULL;
    if (!w->desk_folder[0]) return;
    for (size_t i = 0; i < 3; i++) {
        char name[sizeof w->desk_path + 8];
        snprintf(name, sizeof name, "%s%s", w->desk_path, suffixes[i]);
        unlink(name);
    }
    rmdir(w->desk_folder);
}

bool talk_world_tells(struct talk_world *w, struct session *session)
{
    if (!w->world.desk) return false;
    desk_work(w->world.desk);
    if (!w->told) return false;
    w->told = false;
    session_on_desk(session);
    return true;
}

static struct bytes word_of(const struct talk_line *line, size_t i)
{
    return i < line->n ? line->words[i].text : (struct bytes){ 0 };
}

/* desk; desk keeps: with a file, for requests that stay */
void talk_on_desk(struct talk *t, const struct talk_line *line)
{
    bool keeps = bytes_is(word_of(line, 1), "keeps");
    if (t->begun || t->world.world.desk || !talk_world_desk(&t->world, keeps)) talk_fail(t, "no desk");
}

/* The one that is asked last and waits; or has this state. */
static struct bytes newest(struct talk *t)
{
    struct desk_filter filter = { .states = 1u << DESK_WAITING };
    struct desk_entry *entries;
    size_t n = 0;
    if (!desk_list(t->world.world.desk, &filter, (struct bytes){ 0 }, 1, &t->arena, &entries, &n) || n == 0) {
        filter.states = 0;
        if (!desk_list(t->world.world.desk, &filter, (struct bytes){ 0 }, 1, &t->arena, &entries, &n)) n = 0;
    }
    struct bytes id = n ? arena_copy(&t->arena, bytes_of(entries[0].request->id)) : (struct bytes){ 0 };
    if (n) desk_entry_release(&entries[0]);
    return id;
}

static void decide(struct talk *t, const struct talk_line *line, bool approve)
{
    struct bytes user = word_of(line, 1), group = word_of(line, 2), expected = word_of(line, 3),
                 reason = word_of(line, 4);
    struct principal who = { .user = user,
                             .subject = user,
                             .issuer = BYTES_LITERAL("https://id.example"),
                             .groups = &group,
                             .n_groups = 1 };
    if (!t->world.world.desk) {
        talk_fail(t, "there is no desk");
        return;
    }
    enum desk_decided decided =
        desk_decide(t->world.world.desk, newest(t), &who, approve, reason, BYTES_LITERAL("talk"));
    if (!bytes_equal(bytes_of(desk_decided_code(decided)), expected))
        talk_fail(t, "expected %.*s, the desk says %s", BYTES_FMT(expected), desk_decided_code(decided));
    talk_pump(t);
}

/* approve USER GROUP OUTCOME [REASON] */
void talk_on_approve(struct talk *t, const struct talk_line *line)
{
    decide(t, line, true);
}

void talk_on_deny(struct talk *t, const struct talk_line *line)
{
    decide(t, line, false);
}

/* asks N: so many wait */
void talk_on_asks(struct talk *t, const struct talk_line *line)
{
    struct desk_counts counts = { 0 };
    int64_t n;
    if (t->world.world.desk) desk_count(t->world.world.desk, &counts);
    if (!bytes_to_int64(word_of(line, 1), &n) || (size_t)n != counts.waiting)
        talk_fail(t, "%zu requests wait", counts.waiting);
}
