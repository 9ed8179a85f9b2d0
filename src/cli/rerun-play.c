/* The steps, one after the other: each message goes with a Flush, and its answer is awaited before the next
 * is sent. To the server that is the same as a pipeline, since a Flush ends nothing: batches end where the
 * client's Syncs stood. It tells each answer's time, and what COPY data has to wait for.
 *
 * After an error in a batch the rest of it is not sent, up to its Sync: the server would skip it. */
#include "base/cursor.h"
#include "cli/rerun-server.h"
#include "cli/rerun.h"
#include "pgwire/report.h"
#include <time.h>

#define NO_STATEMENT "postern: what stood here is not run again"
#define COPY_PIECE   (256 * 1024)

struct playing {
    struct rerun_player *player;
    struct rerun_server *server;
    bool failed; /* of the batch: skip to its Sync */
    bool lost, no_memory, enough;
    struct rerun_run *last;  /* what an error at Sync belongs to */
    struct rerun_run **open; /* of the batch: shown at its end, when errors at Sync are known */
    size_t n_open, open_size;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct buf *out(struct playing *p)
{
    return rerun_server_out(p->server);
}

static void put_string(struct playing *p, uint8_t type, struct bytes text)
{
    size_t at = message_begin(out(p), type);
    buf_put_cstring(out(p), text);
    message_finish(out(p), at);
}

static void flush(struct playing *p)
{
    message_put(out(p), MESSAGE_FLUSH, (struct bytes){ 0 });
}

static bool next(struct playing *p, struct message *m)
{
    if (!p->lost && rerun_server_next(p->server, m)) return true;
    p->lost = true;
    return false;
}

static struct bytes keep(struct playing *p, struct bytes b)
{
    struct bytes copy = arena_copy(&p->player->arena, b);
    if (!copy.p) p->no_memory = true;
    return copy;
}

/* ---- answers */

static struct rerun_result *open_result(struct playing *p, struct rerun_run *run)
{
    struct rerun_result *r = rerun_result_open(&p->player->arena, &run->now);
    if (!r) p->no_memory = true;
    return r;
}

static void take_error(struct playing *p, struct rerun_run *run, struct bytes body)
{
    struct bytes code = report_field(body, 'C'), says = report_field(body, 'M');
    if (!run || !report_check(body)) return;
    if (!rerun_error_set(&p->player->arena, &run->now, code, says)) p->no_memory = true;
}

/* Which of the recorded results the one that is open now answers to. */
static const struct rerun_result *recorded_peer(const struct rerun_run *run)
{
    size_t i = run->now.n ? run->now.n - 1 : 0;
    return i < run->then.n ? &run->then.results[i] : NULL;
}

/* "COPY from stdin failed: words": what the client said in its CopyFail. */
static struct bytes client_gave_up(const struct rerun_run *run)
{
    static const char words[] = "COPY from stdin failed: ";
    if (!run->then.has_error || !bytes_starts_with(run->then.message, words)) return (struct bytes){ 0 };
    return bytes_slice(run->then.message, sizeof words - 1, run->then.message.n);
}

static void send_copy(struct playing *p, struct rerun_run *run)
{
    const struct rerun_result *then = open_result(p, run) ? recorded_peer(run) : NULL;
    struct bytes gave_up = client_gave_up(run);
    for (size_t i = 0; then && i < then->copy_in.n; i++)
        for (size_t at = 0; at < then->copy_in.items[i].n; at += COPY_PIECE)
            message_put(out(p), MESSAGE_COPY_DATA, bytes_slice(then->copy_in.items[i], at, COPY_PIECE));
    if (gave_up.p)
        put_string(p, MESSAGE_COPY_FAIL, gave_up);
    else if (!then || (then->has_digest && !then->copy_in.n))
        put_string(p, MESSAGE_COPY_FAIL, BYTES_LITERAL("the data is not in the record"));
    else
        message_put(out(p), MESSAGE_COPY_DONE, (struct bytes){ 0 });
    if (run->kind == RERUN_EXECUTE) flush(p);
}

static void end_result(struct playing *p, struct rerun_run *run, enum run_end how, struct bytes body,
                       int64_t *since)
{
    struct rerun_result *r = open_result(p, run);
    struct bytes tag = { 0 };
    int64_t now = now_us();
    if (!r) return;
    if (how == RUN_COMPLETED && !message_string_decode(body, &tag)) tag = (struct bytes){ 0 };
    r->ended = true;
    r->how = how;
    r->tag = keep(p, tag);
    r->us = (uint64_t)(now - *since);
}

/* One message that belongs to a run. Answers whether it was the run's last, of one that has one. */
static bool take(struct playing *p, struct rerun_run *run, const struct message *m, int64_t *since)
{
    struct rerun_result *r;
    switch (m->type) {
    case MESSAGE_ROW_DESCRIPTION:
        if ((r = open_result(p, run))) r->description = keep(p, m->body);
        return false;
    case MESSAGE_DATA_ROW:
        if (!(r = open_result(p, run))) return false;
        if (!rerun_chunk_add(&p->player->arena, &r->rows, m->body)) p->no_memory = true;
        r->n_rows++;
        return false;
    case MESSAGE_COPY_IN_RESPONSE: send_copy(p, run); return false;
    case MESSAGE_COPY_DATA:
        if ((r = open_result(p, run)) && !rerun_chunk_add(&p->player->arena, &r->copy_out, m->body))
            p->no_memory = true;
        return false;
    case MESSAGE_FUNCTION_CALL_RESPONSE:
        if ((r = open_result(p, run)))
            end_result(p, run, RUN_COMPLETED, BYTES_LITERAL("FUNCTION CALL\0"), since);
        return false;
    case MESSAGE_COMMAND_COMPLETE: end_result(p, run, RUN_COMPLETED, m->body, since); return true;
    case MESSAGE_EMPTY_QUERY_RESPONSE: end_result(p, run, RUN_EMPTY, (struct bytes){ 0 }, since); return true;
    case MESSAGE_PORTAL_SUSPENDED: end_result(p, run, RUN_SUSPENDED, (struct bytes){ 0 }, since); return true;
    case MESSAGE_ERROR_RESPONSE: take_error(p, run, m->body); return true;
    default: return false;
    }
}

/* Reads up to the end of a Query or a function call. */
static void read_to_ready(struct playing *p, struct rerun_run *run, int64_t since)
{
    struct message m;
    while (next(p, &m) && m.type != MESSAGE_READY_FOR_QUERY)
        if (run && !p->no_memory) take(p, run, &m, &since);
}

/* Reads the one answer of a message of the extended protocol. */
static void read_answer(struct playing *p, struct rerun_run *run, int64_t since)
{
    struct message m;
    while (next(p, &m)) {
        bool error = m.type == MESSAGE_ERROR_RESPONSE;
        bool over = error || m.type == MESSAGE_PARSE_COMPLETE || m.type == MESSAGE_BIND_COMPLETE ||
                    m.type == MESSAGE_CLOSE_COMPLETE;
        if (error) p->failed = true;
        if ((run && !p->no_memory && take(p, run, &m, &since)) || over) return;
    }
}

/* ---- messages */

static struct bytes text_to_send(const struct rerun_run *run)
{
    if (run->left_out) return BYTES_LITERAL(NO_STATEMENT);
    return run->sent.n ? run->sent : run->text;
}

static void play_query(struct playing *p, struct rerun_run *run)
{
    put_string(p, MESSAGE_QUERY, text_to_send(run));
    read_to_ready(p, run->left_out ? NULL : run, now_us());
}

static void play_parse(struct playing *p, const struct rerun_step *step)
{
    struct rerun_run *run = step->run;
    struct bytes types = run->left_out ? (struct bytes){ 0 } : step->body;
    message_parse_encode(out(p), run->left_out ? BYTES_LITERAL("postern") : step->name, text_to_send(run),
                         types);
    flush(p);
    read_answer(p, run->left_out ? NULL : run, now_us());
}

static void play_execute(struct playing *p, const struct rerun_step *step)
{
    struct rerun_run *run = step->run;
    if (run->left_out) {
        play_parse(p, step);
        return;
    }
    message_target_encode(out(p), MESSAGE_DESCRIBE, (struct message_target){ 'P', step->name });
    size_t at = message_begin(out(p), MESSAGE_EXECUTE);
    buf_put_cstring(out(p), step->name);
    buf_put_u32(out(p), step->most_rows);
    message_finish(out(p), at);
    flush(p);
    read_answer(p, run, now_us());
}

static void play_body(struct playing *p, uint8_t type, const struct rerun_step *step)
{
    message_put(out(p), type, step->body);
    flush(p);
    read_answer(p, step->run, now_us());
}

static void play_sync(struct playing *p)
{
    struct message m;
    message_put(out(p), MESSAGE_SYNC, (struct bytes){ 0 });
    while (next(p, &m) && m.type != MESSAGE_READY_FOR_QUERY)
        if (m.type == MESSAGE_ERROR_RESPONSE) take_error(p, p->last, m.body);
    p->failed = false;
}

/* ---- in order */

/* Nothing of what is shown is needed any more. */
static void show_open(struct playing *p)
{
    for (size_t i = 0; i < p->n_open && !p->enough && !p->no_memory; i++)
        p->enough = !p->player->on_run(p->player->context, p->open[i]);
    for (size_t i = 0; i < p->n_open; i++)
        p->open[i]->now = (struct rerun_outcome){ 0 };
    p->n_open = p->open_size = 0;
    p->open = NULL;
    p->last = NULL;
    arena_reset(&p->player->arena);
}

static void keep_open(struct playing *p, struct rerun_run *run)
{
    if (p->n_open == p->open_size) {
        size_t larger = p->open_size ? p->open_size * 2 : 16;
        struct rerun_run **open = ARENA_ARRAY(&p->player->arena, struct rerun_run *, larger);
        if (!open) {
            p->no_memory = true;
            return;
        }
        if (p->n_open) memcpy(open, p->open, p->n_open * sizeof(struct rerun_run *));
        p->open = open;
        p->open_size = larger;
    }
    p->open[p->n_open++] = run;
}

static void play_run(struct playing *p, const struct rerun_step *step)
{
    struct rerun_run *run = step->run;
    int64_t since = now_us();
    keep_open(p, run);
    if (p->no_memory) return;
    if (p->lost || p->failed) {
        run->left_out_now = p->lost ? RERUN_LOST_NOW : RERUN_SKIPPED;
        return;
    }
    switch (run->kind) {
    case RERUN_QUERY: play_query(p, run); break;
    case RERUN_CALL:
        if (run->left_out) {
            play_query(p, run);
            break;
        }
        message_put(out(p), MESSAGE_FUNCTION_CALL, step->body);
        read_to_ready(p, run, since);
        break;
    case RERUN_PARSE: play_parse(p, step); break;
    case RERUN_BIND: play_body(p, MESSAGE_BIND, step); break;
    case RERUN_EXECUTE: play_execute(p, step); break;
    }
    run->us_now = (uint64_t)(now_us() - since);
    p->last = run;
}

static void play_step(struct playing *p, const struct rerun_step *step)
{
    switch (step->kind) {
    case RERUN_STEP_RUN:
    case RERUN_STEP_POISON: play_run(p, step); break;
    case RERUN_STEP_CLOSE:
        if (!p->failed && !p->lost) play_body(p, MESSAGE_CLOSE, step);
        return;
    case RERUN_STEP_SYNC:
        if (!p->lost) play_sync(p);
        show_open(p);
        return;
    }
    if (step->run->kind == RERUN_QUERY || step->run->kind == RERUN_CALL) show_open(p);
}

enum rerun_played rerun_play(struct rerun_player *player, const struct rerun_script *script)
{
    struct playing p = { .player = player, .server = player->server };
    for (size_t i = 0; i < script->n_steps && !p.enough && !p.no_memory; i++)
        play_step(&p, &script->steps[i]);
    if (!p.no_memory) show_open(&p);
    return p.no_memory ? RERUN_BROKEN : RERUN_ENDED;
}
