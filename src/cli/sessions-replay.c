/* postern sessions replay */
#include "cli/commands.h"
#include "cli/erased.h"
#include "cli/evidence.h"
#include "cli/replay.h"
#include "cli/session-feed.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

static const struct cli_option options[] = {
    { "rows", 0, "N", "At most so many rows of each result; the default is 20" },
    { "step", 0, NULL, "Wait for a line on standard input before each statement" },
    { "play", 0, NULL, "Play with the original timing" },
    { "speed", 0, "N", "With --play: so many times as fast; 10, 0.5" },
    { "as", 0, "FORM", "text, json, or sql: a script for psql" },
    { "everything", 0, NULL, "Also prepares, closes, parameter statuses" },
    { "sealed", 0, NULL,
      "Also what was withheld from the client, since it could hold what is masked for it" },
    { 0 },
};

enum { OUT_CEILING = 1 << 30, WAIT_MOST_US = 60 * 1000000 };

struct player {
    struct cli_call *call;
    struct replay replay;
    struct buf out;
    void (*form)(struct replay *r, const struct transcript_event *event);
    bool text, step, play, quit;
    double speed;
    int64_t last_offset_us;
};

static void wait_for_enter(struct player *p)
{
    cli_write(p->call, &p->out);
    fflush(p->call->world->out);
    for (int c; (c = getchar()) != '\n';)
        if (c == EOF || c == 'q') {
            p->quit = true;
            return;
        }
}

/* A pause of more than a minute is cut to one: nobody watches a client think overnight. Pauses too short to
 * be seen add up until they can be. */
static void wait_as_then(struct player *p, int64_t offset_us)
{
    double us = (double)(offset_us - p->last_offset_us) / p->speed;
    if (us > WAIT_MOST_US) us = WAIT_MOST_US;
    if (us < 1000) return;
    p->last_offset_us = offset_us;
    cli_write(p->call, &p->out);
    fflush(p->call->world->out);
    struct timespec t = { .tv_sec = (time_t)(us / 1e6), .tv_nsec = (long)((int64_t)us % 1000000 * 1000) };
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static void play_event(void *context, const struct transcript_event *e)
{
    struct player *p = context;
    if (p->quit) return;
    if (p->step && e->kind == EVENT_STATEMENT) wait_for_enter(p);
    if (p->quit) return;
    if (p->play) wait_as_then(p, e->offset_us);
    p->form(&p->replay, e);
    if (buf_length(&p->out) > 64 * 1024) cli_write(p->call, &p->out);
}

static void scout_event(void *context, const struct transcript_event *e)
{
    struct player *p = context;
    replay_sql_scout(&p->replay, e);
}

static bool scout(struct player *p, struct evidence *e)
{
    struct session_feed feed;
    enum session_step step =
        session_feed_open(p->call, e, p->replay.session, &feed) ? SESSION_FED : SESSION_BAD;
    while (step == SESSION_FED)
        step = session_feed_step(&feed, scout_event, p);
    session_feed_close(&feed);
    return step != SESSION_BAD;
}

static int play_session(struct player *p, struct evidence *e)
{
    struct session_feed feed;
    enum session_step step = SESSION_FED;
    if (p->form == replay_sql && !scout(p, e)) return CLI_FAILED;
    if (!session_feed_open(p->call, e, p->replay.session, &feed)) step = SESSION_BAD;
    if (p->form == replay_sql) replay_sql_begin(&p->replay);
    while (step == SESSION_FED && !p->quit)
        step = session_feed_step(&feed, play_event, p);
    if (p->text) replay_text_finish(&p->replay);
    if (p->form == replay_sql) replay_sql_finish(&p->replay);
    cli_write(p->call, &p->out);
    session_feed_close(&feed);
    return step == SESSION_BAD ? CLI_FAILED : CLI_YES;
}

static bool choose_form(struct cli_call *call, struct player *p)
{
    struct bytes as = cli_option_bytes(call, "as");
    const char *speed = cli_option(call, "speed");
    char *end = NULL;
    p->speed = speed ? strtod(speed, &end) : 1;
    if (speed && (*end || !(p->speed > 0.001 && p->speed < 1e6))) {
        cli_fail(call, "--speed wants a number, such as 10 or 0.5");
        return false;
    }
    p->step = cli_option(call, "step");
    p->play = cli_option(call, "play") || speed;
    p->form = cli_option(call, "json") || bytes_is(as, "json") ? replay_json
              : bytes_is(as, "sql")                            ? replay_sql
                                                               : replay_text;
    p->text = p->form == replay_text;
    if (!as.p || bytes_is(as, "json") || bytes_is(as, "sql") || bytes_is(as, "text")) return true;
    cli_fail(call, "--as wants text, json or sql");
    return false;
}

static int run(struct cli_call *call)
{
    struct evidence e;
    uint64_t session, rows;
    struct player p = { .call = call };
    if (!cli_option_number(call, "rows", 20, INT32_MAX, &rows) || !choose_form(call, &p)) return CLI_FAILED;
    buf_init(&p.out, OUT_CEILING);
    int code = CLI_FAILED;
    if (evidence_open(call, EVIDENCE_KEYS | EVIDENCE_READER | EVIDENCE_INDEX, &e) &&
        evidence_look_at(call, &e, "replay", call->arguments[0], &session)) {
        replay_init(&p.replay, &p.out, session);
        p.replay.rows_most = rows;
        p.replay.colour = cli_coloured(call);
        p.replay.everything = cli_option(call, "everything");
        p.replay.sealed = cli_option(call, "sealed");
        code = erased_says(call, &e, session) ? CLI_NO : play_session(&p, &e);
        replay_free(&p.replay);
    }
    evidence_close(&e);
    buf_free(&p.out);
    return code;
}

const struct cli_command cli_command_sessions_replay = {
    .name = "sessions replay",
    .summary = "Replay a session: context, statements, parameters, rows, timings, refusals",
    .arguments = "ID",
    .least = 1,
    .most = 1,
    .options = options,
    .notes = "ID is a session's id, the last characters of one, or \"last\". With --step, q and Enter ends.\n"
             "With --json or --as json every row and all values are printed, one event a line.",
    .run = run,
};
