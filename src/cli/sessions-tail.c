/* postern sessions tail. The log itself is read; the gateway's control socket only says when there is
 * something new, so that it also works, looking twice a second, where that cannot be asked. */
#include "base/map.h"
#include "cli/commands.h"
#include "cli/control-client.h"
#include "cli/evidence.h"
#include "cli/replay.h"
#include "cli/session-feed.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

static const struct cli_option options[] = {
    { "follow", 'f', NULL,
      "Go on as it happens, until the session ends (without ID: all sessions, for ever)" },
    { "lines", 'n', "N", "Begin with the last so many statements; the default is 10" },
    { "rows", 0, "N", "At most so many rows of each result; the default is 20" },
    { 0 },
};

enum { PERIOD_MS = 500, SESSIONS_MOST = 1024, SMALL_TRANSCRIPT = 4 << 20 };

struct tail {
    struct cli_call *call;
    struct evidence *evidence;
    struct buf out;
    struct control_client control;
    bool json, follow, ended;
    uint64_t rows, skip, statements;
    struct replay replay;
};

static void show(struct tail *t, struct replay *r, const struct transcript_event *e)
{
    if (t->json)
        replay_json(r, e);
    else
        replay_text(r, e);
    if (buf_length(&t->out) > 64 * 1024) cli_write(t->call, &t->out);
}

static void flush(struct tail *t)
{
    cli_write(t->call, &t->out);
    fflush(t->call->world->out);
}

/* Waits until the gateway says that there are new blocks, or a moment where it cannot be asked. */
static void wait_for_more(struct tail *t)
{
    struct control_line line;
    if (t->control.fd >= 0) {
        int got = control_client_receive(&t->control, PERIOD_MS * 4, &line);
        if (got >= 0) return;
        control_client_close(&t->control); /* it went away; it may come back, and the log is still there */
    }
    struct timespec pause = { .tv_sec = 0, .tv_nsec = PERIOD_MS * 1000000L };
    nanosleep(&pause, NULL);
}

static void watch(struct tail *t)
{
    struct control_line line;
    if (control_client_open(t->evidence->data, &t->control) != 0) return;
    if (control_client_send(&t->control, BYTES_LITERAL("watch\n")) != 0 ||
        control_client_receive(&t->control, 2000, &line) != 1 || !bytes_is(line.verb, "ok"))
        control_client_close(&t->control);
}

/* ---- one session */

static void count(void *context, const struct transcript_event *e)
{
    struct tail *t = context;
    t->statements += e->kind == EVENT_STATEMENT;
}

static void show_one(void *context, const struct transcript_event *e)
{
    struct tail *t = context;
    t->statements += e->kind == EVENT_STATEMENT;
    t->ended |= e->kind == EVENT_END;
    if (e->kind == EVENT_START || e->kind == EVENT_END || t->statements > t->skip) show(t, &t->replay, e);
}

static enum session_step feed_all(struct session_feed *feed,
                                  void (*visit)(void *context, const struct transcript_event *event),
                                  struct tail *t)
{
    enum session_step step;
    do
        step = session_feed_step(feed, visit, t);
    while (step == SESSION_FED);
    return step;
}

static int tail_one(struct tail *t, uint64_t session, uint64_t lines)
{
    struct session_feed feed;
    bool good =
        session_feed_open(t->call, t->evidence, session, &feed) && feed_all(&feed, count, t) == SESSION_NONE;
    session_feed_close(&feed);
    t->skip = t->statements > lines ? t->statements - lines : 0;
    t->statements = 0;
    if (!good || !session_feed_open(t->call, t->evidence, session, &feed)) return CLI_FAILED;
    replay_init(&t->replay, &t->out, session);
    t->replay.rows_most = t->rows;
    t->replay.colour = cli_coloured(t->call);
    for (;;) {
        good = feed_all(&feed, show_one, t) == SESSION_NONE;
        if (!t->json) replay_text_finish(&t->replay);
        flush(t);
        if (!good || !t->follow || t->ended) break;
        wait_for_more(t);
        if (!(good = session_feed_again(&feed))) break;
    }
    replay_free(&t->replay);
    session_feed_close(&feed);
    return good ? CLI_YES : CLI_FAILED;
}

/* ---- all sessions */

struct watched {
    struct tail *tail;
    struct transcript *transcript;
    struct replay replay;
    bool ended;
};

static void watched_free(void *value)
{
    struct watched *w = value;
    transcript_free(w->transcript);
    replay_free(&w->replay);
    free(w);
}

static void show_watched(void *context, const struct transcript_event *e)
{
    struct watched *w = context;
    w->ended |= e->kind == EVENT_END;
    show(w->tail, &w->replay, e);
}

static struct watched *watched_for(struct tail *t, struct map *map, uint64_t session)
{
    struct bytes key = bytes_make(&session, sizeof session);
    struct watched *w = map_get(map, key);
    if (w) return w;
    if (map->n >= SESSIONS_MOST) map_free(map, watched_free); /* their next events say less */
    w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->tail = t;
    w->transcript = transcript_new(SMALL_TRANSCRIPT);
    replay_init(&w->replay, &t->out, session);
    w->replay.rows_most = t->rows;
    w->replay.colour = cli_coloured(t->call);
    if (w->transcript && map_put(map, key, w, NULL) == MAP_ADDED) return w;
    watched_free(w);
    return NULL;
}

/* Shows one block; the session's id stands over it where another's came before. */
static void show_block(struct tail *t, struct map *map, const struct record_block *block, uint64_t *last)
{
    struct frame frame;
    char id[14];
    struct watched *w = watched_for(t, map, block->session);
    if (!w) return;
    session_id_format(block->session, id);
    if (*last != block->session && !t->json) buf_printf(&t->out, "\n==> %s <==\n", id);
    *last = block->session;
    while (record_reader_next(t->evidence->reader, &frame) == RECORD_READ_FRAME)
        transcript_feed(w->transcript, &frame, show_watched, w);
    if (!t->json) replay_text_finish(&w->replay);
    if (!w->ended) return;
    map_take(map, bytes_make(&block->session, sizeof block->session));
    watched_free(w);
}

static int tail_all(struct tail *t)
{
    struct map map;
    struct index_progress progress;
    uint64_t last = 0, position;
    map_init(&map, SESSIONS_MOST + 1, 0);
    int error = index_position(t->evidence->index, &progress);
    if (error) return cli_fail(t->call, "the index cannot be read: %s", strerror(-error));
    position = progress.position;
    for (;;) {
        struct record_block block;
        switch (record_reader_follow(t->evidence->reader, position, &block)) {
        case RECORD_READ_FRAME:
            if (block.session) show_block(t, &map, &block, &last);
            position = block.next_position;
            continue;
        case RECORD_READ_END:
            flush(t);
            wait_for_more(t);
            continue;
        case RECORD_READ_BAD: break;
        }
        break;
    }
    map_free(&map, watched_free);
    return cli_fail(t->call, "the log cannot be read: %s", record_reader_message(t->evidence->reader));
}

static int run(struct cli_call *call)
{
    struct evidence e;
    uint64_t session, lines;
    struct tail t = { .call = call, .evidence = &e, .control.fd = -1 };
    t.json = cli_option(call, "json");
    t.follow = cli_option(call, "follow");
    if (!cli_option_number(call, "lines", 10, INT32_MAX, &lines) ||
        !cli_option_number(call, "rows", 20, INT32_MAX, &t.rows))
        return CLI_FAILED;
    buf_init(&t.out, 1 << 30);
    int code = CLI_FAILED;
    bool all = call->n_arguments == 0 && t.follow;
    const char *name = call->n_arguments ? call->arguments[0] : "last";
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e)) {
        if (t.follow) watch(&t);
        if (all)
            code = evidence_look(call, &e, "tail", 0, NULL, (struct bytes){ 0 }) ? tail_all(&t) : CLI_FAILED;
        else if (evidence_look_at(call, &e, "tail", name, &session))
            code = tail_one(&t, session, lines);
    }
    if (t.control.fd >= 0) control_client_close(&t.control);
    evidence_close(&e);
    buf_free(&t.out);
    return code;
}

const struct cli_command cli_command_sessions_tail = {
    .name = "sessions tail",
    .summary = "Show the end of a session, and what comes",
    .arguments = "[ID]",
    .most = 1,
    .options = options,
    .notes = "Without ID it is the newest session; with -f and without ID, all sessions from now on. What "
             "happens\n"
             "shows within about a second.",
    .run = run,
};
