/* Feeding, cutting, and what must always hold:
 *   - what goes to the server was recorded before (talk_audit);
 *   - a session that is freed leaves no reservation, no key, no question and no pinned text behind;
 *   - every way of cutting gives the same bytes to both sides and the same record. */
#include "session/talk.h"
#include "catalog/load.h"
#include "session/session-private.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { END_CEILING = 256 << 20, BYTES_ALONE = 4000 };

static const char *const cut_names[] = { "whole", "byte by byte", "glued", "randomly split" };

void talk_init(struct talk *t, const struct talk_script *script, enum talk_cut cut, uint64_t seed)
{
    *t = (struct talk){ .script = script, .cut = cut, .seed = seed, .dice = seed };
    talk_world_init(&t->world);
    arena_init(&t->arena, 65536, 512 << 20);
    for (int i = 0; i < 2; i++) {
        buf_init(&t->ends[i].held, END_CEILING);
        buf_init(&t->ends[i].glue, END_CEILING);
        buf_init(&t->ends[i].got, END_CEILING);
        buf_init(&t->ends[i].all, END_CEILING);
    }
}

void talk_free(struct talk *t)
{
    session_free(t->session);
    for (int i = 0; i < 2; i++) {
        buf_free(&t->ends[i].held);
        buf_free(&t->ends[i].glue);
        buf_free(&t->ends[i].got);
        buf_free(&t->ends[i].all);
    }
    arena_free(&t->arena);
    talk_world_free(&t->world);
}

void talk_fail(struct talk *t, const char *format, ...)
{
    va_list args;
    if (t->failed) return;
    t->failed = true;
    printf("%s:%u: (%s", t->script->path, t->line ? t->line->number : 0, cut_names[t->cut]);
    if (t->cut == TALK_RANDOM) printf(", seed %lu", (unsigned long)t->seed);
    printf(") ");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

bool talk_begin(struct talk *t)
{
    if (t->begun) return !t->failed;
    struct session_peer peer = { t->remote ? BYTES_LITERAL("192.0.2.7:51234")
                                           : BYTES_LITERAL("127.0.0.1:51234"),
                                 !t->remote, t->crowded };
    t->begun = true;
    if (!talk_world_ready(&t->world, t->script->path))
        talk_fail(t, "the policy does not compile");
    else if (!(t->session = session_new(&t->world.world, &peer)))
        talk_fail(t, "no session");
    return !t->failed;
}

/* ---- the oracle of "no record, no forward" */

static uint8_t frame_of(uint8_t message)
{
    switch (message) {
    case 'Q': return FRAME_QUERY;
    case 'P': return FRAME_PARSE;
    case 'B': return FRAME_BIND;
    case 'E': return FRAME_EXECUTE;
    case 'F': return FRAME_CALL;
    case 'C': return FRAME_CLOSE;
    default: return 0;
    }
}

static bool is_inquiry(struct bytes message)
{
    struct bytes text = bytes_slice(message, 5, message.n - 6);
    return bytes_equal(text, bytes_of(catalog_overlay_query)) ||
           bytes_equal(text, bytes_of(catalog_probe_query));
}

static bool is_poison(struct bytes message)
{
    return bytes_find(message, BYTES_LITERAL(") -- refused by postern: ")) >= 0;
}

/* What a message names: a statement or portal of the gateway's own. */
static bool names(struct bytes message, const char *name)
{
    struct bytes body = bytes_slice(message, 5, message.n);
    if (body.n && message.p[0] == 'C') body = bytes_slice(body, 1, body.n);
    return bytes_starts_with(body, name) && body.n > strlen(name) && body.p[strlen(name)] == 0;
}

/* Counts the messages that the server has whole against the frames that are in the record. */
static void talk_audit(struct talk *t)
{
    struct bytes all = buf_bytes(&t->ends[TALK_SERVER].all);
    const struct record_lane *lane = &t->world.lane;
    for (; t->audit.frame < lane->n; t->audit.frame++) {
        const struct frame *f = &lane->frames[t->audit.frame];
        if (f->type < 32 && !(f->flags & FRAME_PART)) t->audit.kept[f->type]++;
    }
    while (all.n - t->audit.at >= 5) {
        struct bytes rest = bytes_slice(all, t->audit.at, all.n);
        bool untyped = rest.p[0] == 0;
        uint32_t raw;
        memcpy(&raw, rest.p + !untyped, 4);
        size_t whole = (size_t)__builtin_bswap32(raw) + !untyped;
        if (rest.n < whole || whole < 5) break;
        t->audit.at += whole;
        uint8_t type = untyped ? 0 : rest.p[0], frame = frame_of(type);
        struct bytes message = bytes_slice(rest, 0, whole);
        if (frame == 0 || is_poison(message) || is_inquiry(message)) continue;
        if (names(message, "postern.own")) continue;
        if (names(message, "postern.query")) { /* what the client sent is a Query */
            if (type != 'P') continue;
            type = 'Q';
            frame = FRAME_QUERY;
        }
        bool unrecorded = t->world.lane.was_full && t->session && !t->session->terms->record_or_refuse;
        if (++t->audit.sent[type & 127] > t->audit.kept[frame] && !unrecorded)
            talk_fail(t, "a message '%c' went to the server that is not in the record", type);
    }
}

/* ---- feeding */

static void drain(struct talk *t, enum talk_side side)
{
    struct buf *out = side == TALK_CLIENT ? session_client_out(t->session) : session_server_out(t->session);
    struct talk_end *end = &t->ends[side];
    if (end->slow) return;
    buf_append(&end->got, buf_bytes(out));
    buf_append(&end->all, buf_bytes(out));
    buf_consume(out, buf_length(out));
}

static bool feed(struct talk *t, enum talk_side side)
{
    struct buf *held = &t->ends[side].held;
    bool reads = side == TALK_CLIENT ? session_reads_client(t->session) : session_reads_server(t->session);
    bool again = side == TALK_CLIENT && session_has_more(t->session);
    if (!reads || (buf_length(held) == 0 && !again)) return false;
    /* A copy of its own, so that reading past what was fed is seen by the sanitizer. */
    size_t n = buf_length(held);
    uint8_t *copy = malloc(n + !n);
    CHECK(copy);
    if (n) memcpy(copy, buf_bytes(held).p, n);
    struct bytes through = { 0 };
    size_t used = side == TALK_CLIENT ? session_on_client(t->session, bytes_make(copy, n))
                                      : session_on_server(t->session, bytes_make(copy, n), &through);
    buf_append(session_client_out(t->session), through);
    free(copy);
    CHECK(used <= n);
    buf_consume(held, used);
    return used > 0 || (again && !session_has_more(t->session));
}

void talk_pump(struct talk *t)
{
    if (!t->session) return;
    drain(t, TALK_CLIENT);
    drain(t, TALK_SERVER);
    for (bool more = true; more;) {
        more = feed(t, TALK_SERVER);
        drain(t, TALK_CLIENT);
        drain(t, TALK_SERVER);
        more |= feed(t, TALK_CLIENT);
        drain(t, TALK_CLIENT);
        drain(t, TALK_SERVER);
        if (t->world.parsing.p &&
            (t->world.parser == TALK_PARSER_ANSWERS || t->world.parser == TALK_PARSER_FAILS)) {
            talk_world_parse(&t->world, t->session);
            more = true;
        }
        if (t->world.job && t->world.thread == TALK_PARSER_ANSWERS) more |= talk_world_job(&t->world);
        more |= talk_world_tells(&t->world, t->session);
    }
    talk_audit(t);
}

static uint64_t roll(struct talk *t)
{
    t->dice ^= t->dice << 13;
    t->dice ^= t->dice >> 7;
    t->dice ^= t->dice << 17;
    return t->dice;
}

static void feed_pieces(struct talk *t, enum talk_side side, struct bytes bytes)
{
    for (size_t fed = 0; bytes.n; fed++) {
        size_t n = bytes.n;
        /* The middle of something long is as good as any other place in it. */
        if (t->cut == TALK_BYTES) n = fed < BYTES_ALONE || bytes.n < BYTES_ALONE ? 1 : 509;
        if (t->cut == TALK_RANDOM) n = 1 + roll(t) % (roll(t) % 4 ? 64 : 20000);
        struct bytes piece = bytes_slice(bytes, 0, n);
        bytes = bytes_slice(bytes, piece.n, bytes.n);
        buf_append(&t->ends[side].held, piece);
        talk_pump(t);
    }
}

void talk_flush(struct talk *t)
{
    for (int side = 0; side < 2; side++) {
        struct buf *glue = &t->ends[side].glue;
        if (buf_length(glue)) feed_pieces(t, (enum talk_side)side, buf_bytes(glue));
        buf_consume(glue, buf_length(glue));
    }
}

void talk_send(struct talk *t, enum talk_side from, struct bytes bytes)
{
    if (buf_length(&t->ends[!from].glue)) talk_flush(t);
    buf_append(&t->ends[from].glue, bytes);
    /* What the other side has said and waits to be read may go on after the first of two messages: glued
     * together, they would be another conversation. */
    if (t->cut == TALK_WHOLE || t->cut == TALK_BYTES || buf_length(&t->ends[!from].held)) talk_flush(t);
}

void talk_end_session(struct talk *t)
{
    struct session *s = t->session;
    if (!s) return;
    talk_flush(t);
    t->session = NULL;
    session_free(s);
    if (t->world.job) talk_world_job(&t->world);
    if (t->world.lane.n_reserved) talk_fail(t, "%u reservations are left", t->world.lane.n_reserved);
    if (t->world.registered_pid) talk_fail(t, "the cancel key is still registered");
    if (t->world.parsing.p || t->world.proof_wanted) talk_fail(t, "a child was not told that nobody waits");
    if (t->world.n_attached) talk_fail(t, "the catalogue is still attached");
    if (t->world.joined) talk_fail(t, "the desk's waiter is still joined");
    if (t->world.n_budgets) talk_fail(t, "the budget is still held");
    if (t->world.snapshot.n_users != 1) talk_fail(t, "the snapshot is still held");
}

/* ---- running */

static void check_rest(struct talk *t)
{
    static const char *const names[] = { "client", "server" };
    for (int side = 0; side < 2 && !t->failed; side++) {
        struct talk_word *words;
        size_t n;
        struct buf text;
        struct bytes got = buf_bytes(&t->ends[side].got);
        if (got.n == 0) continue;
        buf_init(&text, 1 << 20);
        if (talk_message_describe((enum talk_side) !side, got, &t->arena, &words, &n))
            talk_words_print(words, n, &text);
        talk_fail(t, "the %s got more than the script tells: %.*s (%zu bytes)", names[side],
                  BYTES_FMT(buf_bytes(&text)), got.n);
        buf_free(&text);
    }
    if (!t->session || t->failed) return;
    const struct session_wants *w = session_wants(t->session);
    if (w->tls || w->connect || w->cancel || w->close || w->drop_server)
        talk_fail(t, "the session still wants:%s%s%s%s%s", w->tls ? " tls" : "", w->connect ? " connect" : "",
                  w->cancel ? " cancel" : "", w->close ? " close" : "", w->drop_server ? " drop-server" : "");
}

static void renumber(struct talk *t, struct talk_word *word, const uint32_t *numbers, size_t n)
{
    static const char *const names[] = { "seq=", "run=", "bind=" };
    for (size_t i = 0; i < 3; i++) {
        int64_t old;
        size_t length = strlen(names[i]);
        if (!bytes_starts_with(word->text, names[i]) ||
            !bytes_to_int64(bytes_slice(word->text, length, word->text.n), &old) || old > (int64_t)n)
            continue;
        word->text = arena_printf(&t->arena, "%s%u", names[i], numbers[old]);
    }
}

void talk_print_record(struct talk *t, struct buf *out)
{
    size_t at = 0, n;
    struct talk_word *words;
    const struct record_lane *lane = &t->world.lane;
    /* Frames are numbered anew: with the cuts, rows may be in more or fewer of them. */
    uint32_t *numbers = ARENA_ARRAY(&t->arena, uint32_t, lane->n + 2);
    for (uint32_t number = 1; numbers; number++) {
        size_t from = at;
        if (!talk_frames_next(lane, &at, &t->arena, &words, &n)) break;
        numbers[lane->frames[from].sequence] = number;
        for (size_t i = 0; i < n; i++)
            renumber(t, &words[i], numbers, lane->n);
        talk_words_print(words, n, out);
        buf_append_text(out, "\n");
    }
}

static void run_once(struct talk *t, struct buf *record)
{
    for (size_t i = 0; i < t->script->n && !t->failed; i++) {
        t->line = &t->script->lines[i];
        talk_line_run(t, t->line);
    }
    if (!t->failed) talk_flush(t);
    if (!t->failed) check_rest(t);
    if (!t->failed) talk_end_session(t);
    talk_print_record(t, record);
}

static bool differs(struct talk *t, const struct talk *first, struct bytes record, struct bytes first_record)
{
    const char *what = NULL;
    for (int side = 0; side < 2; side++)
        if (!bytes_equal(buf_bytes(&t->ends[side].all), buf_bytes(&first->ends[side].all)))
            what = side == TALK_CLIENT ? "what the client got" : "what the server got";
    if (!bytes_equal(record, first_record)) what = "the record";
    if (!what) return false;
    printf("%.*s----\n%.*s", BYTES_FMT(first_record), BYTES_FMT(record));
    talk_fail(t, "%s differs from when messages come whole", what);
    return true;
}

/* `only whole` and the like: a script whose point is where the bytes are cut. */
static bool is_wanted(const struct talk_script *script, enum talk_cut cut)
{
    static const char *const words[] = { "whole", "bytes", "glued", "random" };
    for (size_t i = 0; i < script->n; i++) {
        const struct talk_line *line = &script->lines[i];
        if (line->n < 2 || !talk_word_is(&line->words[0], "only")) continue;
        for (size_t k = 1; k < line->n; k++)
            if (talk_word_is(&line->words[k], words[cut])) return true;
        return false;
    }
    return true;
}

bool talk_run(const struct talk_script *script, uint64_t seed)
{
    struct talk first, *other = calloc(1, sizeof *other);
    struct buf first_record, record;
    bool good = true, begun = false;
    CHECK(other);
    buf_init(&first_record, 256 << 20);
    for (int cut = 0; cut < TALK_CUTS && good; cut++) {
        if (!is_wanted(script, (enum talk_cut)cut)) continue;
        struct talk *t = begun ? other : &first;
        buf_init(&record, 256 << 20);
        talk_init(t, script, (enum talk_cut)cut, seed);
        run_once(t, begun ? &record : &first_record);
        if (begun && !t->failed) differs(t, &first, buf_bytes(&record), buf_bytes(&first_record));
        good = !t->failed;
        if (begun) talk_free(t);
        begun = true;
        buf_free(&record);
    }
    if (begun) talk_free(&first);
    buf_free(&first_record);
    free(other);
    return good && begun;
}
