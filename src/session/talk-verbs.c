/* The words that a line can begin with. */
#include "session/talk.h"
#include "yaml/quantity.h"
#include <stdio.h>
#include <stdlib.h>

static bool word(const struct talk_line *line, size_t i, const char *keyword)
{
    return i < line->n && talk_word_is(&line->words[i], keyword);
}

static struct bytes text(const struct talk_line *line, size_t i)
{
    return i < line->n ? line->words[i].text : (struct bytes){ 0 };
}

static void print_line(const struct talk_word *words, size_t n, struct buf *out)
{
    buf_init(out, 1 << 20);
    talk_words_print(words, n, out);
    buf_put_u8(out, 0);
}

/* ---- the two sides */

static void say(struct talk *t, enum talk_side from, const struct talk_line *line)
{
    struct buf message;
    buf_init(&message, 128 << 20);
    if (!talk_message_encode(from, line->words + 2, line->n - 2, &message))
        talk_fail(t, "this is no message");
    else
        talk_send(t, from, buf_bytes(&message));
    buf_free(&message);
}

static void hear_raw(struct talk *t, struct talk_end *end, const struct talk_line *line)
{
    struct buf expected;
    buf_init(&expected, 128 << 20);
    if (!talk_raw_encode(line->words + 3, line->n - 3, &expected)) talk_fail(t, "these are no raw bytes");
    size_t n = buf_length(&expected);
    struct bytes got = bytes_slice(buf_bytes(&end->got), 0, n);
    if (!bytes_equal(got, buf_bytes(&expected)))
        talk_fail(t, "expected these %zu raw bytes, got %zu others (0x%02x …)", n, got.n,
                  got.n ? got.p[0] : 0);
    else
        buf_consume(&end->got, n);
    buf_free(&expected);
}

static void hear(struct talk *t, enum talk_side side, const struct talk_line *line)
{
    struct talk_end *end = &t->ends[side];
    struct talk_word *words;
    size_t n = 0;
    talk_flush(t);
    if (word(line, 2, "raw")) {
        hear_raw(t, end, line);
        return;
    }
    size_t length =
        talk_message_describe((enum talk_side) !side, buf_bytes(&end->got), &t->arena, &words, &n);
    struct buf expected, got;
    print_line(line->words + 2, line->n - 2, &expected);
    if (length == 0) {
        talk_fail(t, "expected %s, got %s (%zu bytes)", (const char *)buf_bytes(&expected).p,
                  buf_length(&end->got) ? "no whole message" : "nothing", buf_length(&end->got));
    } else if (!talk_words_match(line->words + 2, line->n - 2, words, n)) {
        print_line(words, n, &got);
        talk_fail(t, "\n  expected %s\n  got      %s", (const char *)buf_bytes(&expected).p,
                  (const char *)buf_bytes(&got).p);
        buf_free(&got);
    } else {
        buf_consume(&end->got, length);
    }
    buf_free(&expected);
}

/* c > …, c < …, c eof, c cut, c slow, c fast, c reads yes */
static void on_side(struct talk *t, enum talk_side side, const struct talk_line *line)
{
    if (line->n > 2 && word(line, 1, ">")) {
        say(t, side, line);
        return;
    }
    talk_flush(t);
    if (line->n > 2 && word(line, 1, "<")) {
        hear(t, side, line);
    } else if (word(line, 1, "eof") || word(line, 1, "cut")) {
        if (side == TALK_CLIENT)
            session_on_client_end(t->session, word(line, 1, "cut"));
        else
            session_on_server_end(t->session);
        talk_pump(t);
    } else if (word(line, 1, "slow") || word(line, 1, "fast")) {
        t->ends[side].slow = word(line, 1, "slow");
        talk_pump(t);
    } else if (word(line, 1, "reads")) {
        bool reads =
            side == TALK_CLIENT ? session_reads_client(t->session) : session_reads_server(t->session);
        if (reads != word(line, 2, "yes"))
            talk_fail(t, "the session %s this side", reads ? "reads" : "does not read");
    } else {
        talk_fail(t, "what about this side?");
    }
}

static void on_client(struct talk *t, const struct talk_line *line)
{
    on_side(t, TALK_CLIENT, line);
}

static void on_server(struct talk *t, const struct talk_line *line)
{
    on_side(t, TALK_SERVER, line);
}

static void on_silent(struct talk *t, const struct talk_line *line)
{
    struct talk_word *words;
    size_t n = 0;
    struct buf got;
    (void)line;
    for (int side = 0; side < 2; side++) {
        struct bytes bytes = buf_bytes(&t->ends[side].got);
        if (bytes.n == 0) continue;
        if (!talk_message_describe((enum talk_side) !side, bytes, &t->arena, &words, &n)) n = 0;
        print_line(words, n, &got);
        talk_fail(t, "the %s got %s (%zu bytes in all)", side ? "server" : "client",
                  (const char *)buf_bytes(&got).p, bytes.n);
        buf_free(&got);
    }
}

/* ---- time, and what the session wants */

static void on_clock(struct talk *t, const struct talk_line *line)
{
    struct bytes by = text(line, 1);
    int64_t us;
    if (by.n < 2 || by.p[0] != '+' || !yaml_duration_parse(bytes_slice(by, 1, by.n), &us)) {
        talk_fail(t, "clock +DURATION");
        return;
    }
    int64_t until = clock_monotonic_us(&t->world.clock) + us;
    for (int turns = 0;; turns++) {
        int64_t due = session_due_us(t->session), now = clock_monotonic_us(&t->world.clock);
        if (due > until) break;
        if (turns == 100) {
            talk_fail(t, "the session's timer goes off again and again");
            return;
        }
        if (due > now) t->world.now_us += due - now;
        session_on_time(t->session);
        talk_pump(t);
    }
    t->world.now_us += until - clock_monotonic_us(&t->world.clock);
}

static void on_wants(struct talk *t, const struct talk_line *line)
{
    struct session_wants *w = session_wants(t->session);
    struct {
        const char *name;
        bool *want;
    } wants[] = { { "tls", &w->tls },
                  { "connect", &w->connect },
                  { "cancel", &w->cancel },
                  { "close", &w->close },
                  { "drop-server", &w->drop_server } };
    for (size_t i = 1; i < line->n; i++) {
        bool *want = NULL;
        for (size_t k = 0; k < sizeof wants / sizeof *wants; k++)
            if (word(line, i, wants[k].name)) want = wants[k].want;
        if (!want || !*want)
            talk_fail(t, "the session does not want %.*s", BYTES_FMT(text(line, i)));
        else
            *want = false;
        if (want == &w->cancel) talk_pump(t); /* nothing was read meanwhile */
    }
}

static void on_connected(struct talk *t, const struct talk_line *line)
{
    (void)line;
    session_on_connected(t->session, BYTES_LITERAL("192.0.2.9:5432"), NULL);
    talk_pump(t);
}

static void on_unreachable(struct talk *t, const struct talk_line *line)
{
    session_on_unreachable(t->session, text(line, 1));
    talk_pump(t);
}

static void on_tls(struct talk *t, const struct talk_line *line)
{
    (void)line;
    session_on_tls(t->session, BYTES_LITERAL("TLSv1.3"), NULL);
    talk_pump(t);
}

/* proof ok, proof md5 TEXT, proof fails, proof busy */
static void on_proof(struct talk *t, const struct talk_line *line)
{
    static const uint8_t proof[32] = "the proof of the keys child 32 b",
                         signature[32] = "the server's signature, 32 bytes";
    if (word(line, 1, "busy")) {
        t->world.proof_busy = true;
        return;
    }
    if (!talk_begin(t)) return;
    if (!t->world.proof_wanted) talk_fail(t, "no proof was asked for");
    t->world.proof_wanted = false;
    struct bytes md5 = text(line, 2);
    session_on_proof(t->session, word(line, 1, "fails") ? -5 : 0, proof, signature,
                     md5.n ? arena_string(&t->arena, md5) : NULL);
    talk_pump(t);
}

static void on_keys(struct talk *t, const struct talk_line *line)
{
    (void)line;
    session_on_keys(t->session);
    talk_pump(t);
}

/* parser answers, waits, fails, busy */
static void on_parser(struct talk *t, const struct talk_line *line)
{
    static const char *const kinds[] = { "answers", "waits", "fails", "busy" };
    for (size_t i = 0; i < 4; i++)
        if (word(line, 1, kinds[i])) {
            t->world.parser = (enum talk_parser)i;
            talk_pump(t);
            return;
        }
    talk_fail(t, "parser answers, waits, fails or busy");
}

static void on_cancel(struct talk *t, const struct talk_line *line)
{
    session_on_cancel(t->session, line->n > 1 ? text(line, 1) : BYTES_LITERAL("127.0.0.1:51999"));
    talk_pump(t);
}

static void on_kill(struct talk *t, const struct talk_line *line)
{
    session_kill(t->session, false, text(line, 1));
    talk_pump(t);
}

static void on_stop(struct talk *t, const struct talk_line *line)
{
    (void)line;
    session_kill(t->session, true, (struct bytes){ 0 });
    talk_pump(t);
}

/* heard cancel PID KEY; heard abandon */
static void on_heard(struct talk *t, const struct talk_line *line)
{
    struct talk_world *w = &t->world;
    struct buf key;
    int64_t pid;
    if (word(line, 1, "check")) {
        talk_heard_check(t);
        return;
    }
    if (word(line, 1, "abandon")) {
        if (!w->abandoned) talk_fail(t, "no question was abandoned");
        w->abandoned = false;
        return;
    }
    buf_init(&key, 1024);
    if (!w->cancel_heard || !bytes_to_int64(text(line, 2), &pid) || pid != w->cancel_pid ||
        !talk_raw_encode(line->words + 3, line->n - 3, &key) || !bytes_equal(buf_bytes(&key), w->cancel_key))
        talk_fail(t, "no such cancel request was heard");
    w->cancel_heard = false;
    buf_free(&key);
}

static void on_free(struct talk *t, const struct talk_line *line)
{
    (void)line;
    talk_end_session(t);
}

/* ---- the record */

/* record ok; record full, record wait, each with "after N": so many intents still pass */
static void on_record(struct talk *t, const struct talk_line *line)
{
    int64_t grace = 0;
    if (word(line, 2, "after") && !bytes_to_int64(text(line, 3), &grace)) talk_fail(t, "after how many?");
    if (word(line, 1, "ok")) {
        talk_lane_answers(&t->world.lane, RECORD_OK, 0);
        if (t->session) session_on_room(t->session);
        talk_pump(t);
    } else if (word(line, 1, "wait")) {
        talk_lane_answers(&t->world.lane, RECORD_WAIT, (uint32_t)grace);
    } else if (word(line, 1, "full")) {
        talk_lane_answers(&t->world.lane, RECORD_FULL, (uint32_t)grace);
        if (t->session && t->world.lane.answer == RECORD_FULL) session_on_room(t->session);
        talk_pump(t);
    } else {
        talk_fail(t, "record ok, wait or full");
    }
}

static bool frame_matches(const struct talk_line *expected, const struct talk_word *words, size_t n)
{
    if (n == 0 || !talk_word_matches(&expected->words[0], words[0].text)) return false;
    for (size_t i = 1; i < expected->n; i++) {
        struct talk_word want = expected->words[i];
        bool absent = want.text.n && want.text.p[0] == '!' && !want.quoted, found = false;
        if (absent) want.text = bytes_slice(want.text, 1, want.text.n);
        for (size_t k = 1; k < n; k++)
            found |= talk_word_matches(&want, words[k].text);
        if (found == absent) return false;
    }
    return true;
}

static void check_frame(struct talk *t, const struct talk_line *expected, bool skip)
{
    struct talk_word *words;
    size_t n = 0, from = t->frames_seen, at = from;
    struct buf want, got;
    bool found = false, any = false;
    while (!found && talk_frames_next(&t->world.lane, &at, &t->arena, &words, &n)) {
        any = true;
        found = frame_matches(expected, words, n);
        if (!skip) break;
    }
    if (found) {
        t->frames_seen = at;
        return;
    }
    print_line(expected->words, expected->n, &want);
    at = from;
    if (!talk_frames_next(&t->world.lane, &at, &t->arena, &words, &n)) n = 0;
    print_line(words, n, &got);
    talk_fail(t, "line %u\n  expected in the record %s\n  got %s %s", expected->number,
              (const char *)buf_bytes(&want).p, skip ? "among others" : "",
              any ? (const char *)buf_bytes(&got).p : "no more frames");
    buf_free(&want);
    buf_free(&got);
}

/* expect record { lines }: the frames that follow those of the last such block; `...` passes over any. A
 * block that does not end in `...` says that there is nothing more. */
static void on_expect(struct talk *t, const struct talk_line *line)
{
    struct bytes rest = line->block;
    unsigned number = line->block_line;
    bool skip = false;
    if (!word(line, 1, "record") || !rest.p) talk_fail(t, "expect record {");
    for (; rest.n && !t->failed; number++) {
        const uint8_t *end = memchr(rest.p, '\n', rest.n);
        struct bytes one = bytes_slice(rest, 0, end ? (size_t)(end - rest.p) : rest.n);
        struct talk_line expected;
        rest = bytes_slice(rest, one.n + 1, rest.n);
        if (!talk_line_split(one, number, &t->arena, &expected)) talk_fail(t, "line %u is no line", number);
        if (expected.n == 0 || t->failed) continue;
        if (talk_word_is(&expected.words[0], "...")) {
            skip = true;
            continue;
        }
        check_frame(t, &expected, skip);
        skip = false;
    }
    struct talk_word *words;
    size_t n, at = t->frames_seen;
    if (t->failed || !talk_frames_next(&t->world.lane, &at, &t->arena, &words, &n)) return;
    if (skip) {
        t->frames_seen = t->world.lane.n;
        return;
    }
    struct buf got;
    print_line(words, n, &got);
    talk_fail(t, "the record has more: %s", (const char *)buf_bytes(&got).p);
    buf_free(&got);
}

/* ---- setting up */

static void on_policy(struct talk *t, const struct talk_line *line)
{
    if (t->begun || !line->block.p || !talk_world_policy(&t->world, line->block, t->script->path))
        talk_fail(t, "no policy");
}

static void on_setting(struct talk *t, const struct talk_line *line)
{
    struct target *target = &t->world.target;
    if (t->begun || line->n != 3 || target->n_settings == TALK_SETTINGS)
        talk_fail(t, "setting NAME VALUE");
    else
        t->world.settings[target->n_settings++] = (struct target_setting){ text(line, 1), text(line, 2) };
}

/* role NAME USER [password]: in the place of the usual login */
static void on_role(struct talk *t, const struct talk_line *line)
{
    static size_t next;
    struct target *target = &t->world.target;
    if (t->begun) talk_fail(t, "too late");
    next = target->n_logins == 1 && bytes_is(t->world.logins[0].name, "rw") ? 0 : 1;
    t->world.logins[next] =
        (struct target_login){ text(line, 1), text(line, 2), word(line, 3, "password"), 0 };
    target->n_logins = next + 1;
}

static void on_database(struct talk *t, const struct talk_line *line)
{
    t->world.database = text(line, 1);
    t->world.target.databases = &t->world.database;
    t->world.target.n_databases = 1;
}

static void on_outlives(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->world.target.outlives_token = true;
}

static void on_accepts_risk(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->world.target.accepts_risk = true;
}

static void on_certificate(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->world.world.tls = true;
}

static void on_remote(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->remote = true;
}

static void on_crowded(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->crowded = true;
}

static void on_ceiling(struct talk *t, const struct talk_line *line)
{
    int64_t n;
    if (bytes_to_int64(text(line, 1), &n)) t->world.snapshot.statement_ceiling = (size_t)n;
}

static void on_only(struct talk *t, const struct talk_line *line)
{
    (void)t, (void)line;
}

static void on_nobody(struct talk *t, const struct talk_line *line)
{
    (void)line;
    t->world.snapshot.identity = NULL;
}

static enum identity_refusal refusal_of(struct bytes code)
{
    static const char *const codes[] = {
#define X(NAME, name, sentence) name,
        IDENTITY_REFUSALS(X)
#undef X
    };
    size_t i = 0;
    while (i + 1 < sizeof codes / sizeof *codes && !bytes_is(code, codes[i]))
        i++;
    return (enum identity_refusal)i;
}

/* token TEXT user=… groups=a,b expires=+15m machine | refused CODE DETAIL | waits */
static void on_token(struct talk *t, const struct talk_line *line)
{
    struct talk_token *token = talk_world_token(&t->world, text(line, 1));
    if (!token) {
        talk_fail(t, "too many tokens");
        return;
    }
    for (size_t i = 2; i < line->n; i++) {
        struct bytes w = text(line, i);
        ptrdiff_t equals = bytes_find(w, BYTES_LITERAL("="));
        struct bytes value = bytes_slice(w, (size_t)equals + 1, w.n);
        int64_t us;
        if (word(line, i, "waits")) token->outcome = IDENTITY_WAIT;
        if (word(line, i, "machine")) token->principal.machine = true;
        if (bytes_starts_with(w, "user=")) token->principal.user = value;
        if (bytes_starts_with(w, "subject=")) token->principal.subject = value;
        if (bytes_starts_with(w, "expires=") && yaml_duration_parse(bytes_slice(value, 1, value.n), &us))
            token->principal.expires_us = clock_wall_us(&t->world.clock) + us;
        if (word(line, i, "refused")) {
            token->outcome = IDENTITY_REFUSED;
            token->refusal = refusal_of(text(line, i + 1));
            token->detail = text(line, i + 2);
            break;
        }
    }
}

/* ---- the start of a session, for scripts that are about something else */

static void on_login(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = {
        "c > Startup user=ada database=orders",
        "c < Authentication 3",
        "c > Password token",
        "wants connect",
        "connected",
        "s < Startup user=* database=orders ...",
        "s > Authentication 0",
        "s > ParameterStatus server_version 15.20",
        "s > ParameterStatus is_superuser off",
        "s > BackendKeyData 4711 01020304",
        "s > ReadyForQuery I",
        "c < Authentication 0",
        "c < ParameterStatus server_version 15.20",
        "c < ParameterStatus is_superuser off",
        "c < BackendKeyData 4711 *",
        "c < ReadyForQuery I",
        "silent",
    };
    struct talk_line one;
    for (size_t i = 0; i < sizeof lines / sizeof *lines && !t->failed; i++) {
        if (!talk_line_split(bytes_of(lines[i]), line->number, &t->arena, &one)) talk_fail(t, "login");
        talk_line_run(t, &one);
    }
    t->frames_seen = t->world.lane.n;
}

/* ---- what the gateway asks a server by itself */

static void run_all(struct talk *t, const struct talk_line *line, const char *const *lines, size_t n)
{
    struct talk_line one;
    for (size_t i = 0; i < n && !t->failed; i++) {
        struct bytes said = arena_printf(&t->arena, lines[i], BYTES_FMT(text(line, 1)));
        if (!said.p || !talk_line_split(said, line->number, &t->arena, &one)) talk_fail(t, "%s", lines[i]);
        if (!t->failed) talk_line_run(t, &one);
    }
}

/* The server hears the question how many rows were changed. */
static void on_asks_count(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = {
        "s < Close S postern.own",
        "s < Parse postern.own \"SELECT CASE WHEN pg_catalog.current_setting('track_counts') *\"",
        "s < Bind postern.own postern.own",
        "s < Execute postern.own 0",
        "s < Close P postern.own",
        "s < Close S postern.own",
    };
    run_all(t, line, lines, sizeof lines / sizeof *lines);
}

/* counts 7: the server's answer to that. */
static void on_counts(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = {
        "s > CloseComplete",
        "s > ParseComplete",
        "s > BindComplete",
        "s > DataRow %.*s",
        "s > CommandComplete \"SELECT 1\"",
        "s > CloseComplete",
        "s > CloseComplete",
    };
    run_all(t, line, lines, sizeof lines / sizeof *lines);
}

/* as-steps "text": a simple Query that comes as Parse, Bind, Describe; the Execute is not among them. */
static void on_as_steps(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = {
        "s < Close S postern.query",
        "s < Parse postern.query \"%.*s\"",
        "s < Bind postern.query postern.query",
        "s < Describe P postern.query",
    };
    run_all(t, line, lines, sizeof lines / sizeof *lines);
}

static void on_steps_done(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = { "s > CloseComplete", "s > ParseComplete", "s > BindComplete" };
    run_all(t, line, lines, sizeof lines / sizeof *lines);
}

/* And its end: the names are closed, and the Sync comes. */
static void on_steps_end(struct talk *t, const struct talk_line *line)
{
    static const char *const lines[] = { "s < Close P postern.query", "s < Close S postern.query", "s < Sync",
                                         "s > CloseComplete", "s > CloseComplete" };
    run_all(t, line, lines, sizeof lines / sizeof *lines);
}

static void on_mints(struct talk *t, const struct talk_line *line)
{
    (void)line;
    if (t->begun || t->world.minted || !talk_world_mints(&t->world)) talk_fail(t, "nothing is minted");
}

static const struct {
    const char *name;
    void (*run)(struct talk *t, const struct talk_line *line);
    bool sets_up; /* stands before the session begins, or does not need it */
} verbs[] = {
    { "c", on_client, false },
    { "s", on_server, false },
    { "silent", on_silent, false },
    { "clock", on_clock, false },
    { "wants", on_wants, false },
    { "connected", on_connected, false },
    { "unreachable", on_unreachable, false },
    { "tls", on_tls, false },
    { "keys", on_keys, false },
    { "cancel", on_cancel, false },
    { "kill", on_kill, false },
    { "stop", on_stop, false },
    { "free", on_free, false },
    { "login", on_login, false },
    { "expect", on_expect, true },
    { "heard", on_heard, true },
    { "proof", on_proof, true },
    { "parser", on_parser, true },
    { "record", on_record, true },
    { "token", on_token, true },
    { "policy", on_policy, true },
    { "setting", on_setting, true },
    { "role", on_role, true },
    { "database", on_database, true },
    { "outlives-token", on_outlives, true },
    { "accepts-risk", on_accepts_risk, true },
    { "certificate", on_certificate, true },
    { "remote", on_remote, true },
    { "crowded", on_crowded, true },
    { "nobody", on_nobody, true },
    { "statement-ceiling", on_ceiling, true },
    { "only", on_only, true },
    { "catalog", talk_on_catalog, true },
    { "inquiry", talk_on_inquiry, false },
    { "inquiry-within", talk_on_inquiry_within, false },
    { "thread", talk_on_thread, true },
    { "asks-count", on_asks_count, false },
    { "counts", on_counts, false },
    { "as-steps", on_as_steps, false },
    { "steps-done", on_steps_done, false },
    { "steps-end", on_steps_end, false },
    { "desk", talk_on_desk, true },
    { "mints", on_mints, true },
    { "approve", talk_on_approve, false },
    { "deny", talk_on_deny, false },
    { "asks", talk_on_asks, true },
};

void talk_line_run(struct talk *t, const struct talk_line *line)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!word(line, 0, verbs[i].name)) continue;
        if (!verbs[i].sets_up && !talk_begin(t)) return;
        bool is_side = i < 2;
        if (!is_side) talk_flush(t);
        if (!verbs[i].sets_up && !t->session) {
            if (!word(line, 0, "silent")) talk_fail(t, "the session was freed");
            return;
        }
        verbs[i].run(t, line);
        return;
    }
    talk_fail(t, "no such word: %.*s", BYTES_FMT(text(line, 0)));
}
