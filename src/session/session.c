/* The session's frame: its life cycle, feeding, and its ends. Invariants:
 *   - nothing is put into server_out for a client's message before its frame was appended to the record;
 *   - once phase is PHASE_ENDING or PHASE_CLOSED, no handler runs and nothing is put into server_out but
 * Terminate;
 *   - recording_end runs exactly once for a session that was recorded. */
#include "crypto/hash.h"
#include "pgwire/report.h"
#include "session/session-private.h"
#include <stdlib.h>

enum { ARENA_CEILING = 1 << 20, SCRATCH_CEILING = 8 << 20, OUT_CEILING = 192 << 20 };
/* A cancel request may be lost on its way. */
enum { CRUMB = 1024 };
enum { CANCEL_AGAIN_US = 10000000 };

struct session *session_new(struct session_world *world, const struct session_peer *peer)
{
    struct session *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->world = world;
    s->phase = PHASE_STARTUP;
    s->status = s->recorded_status = 'I';
    buf_init(&s->client_out, OUT_CEILING);
    buf_init(&s->server_out, OUT_CEILING);
    buf_init(&s->edited, EDITED_CEILING);
    buf_init(&s->limiting.held, LIMIT_HELD_CEILING);
    arena_init(&s->arena, 1024, ARENA_CEILING);
    arena_init(&s->scratch, 1024, SCRATCH_CEILING);
    s->peer = (struct session_peer){ arena_copy(&s->arena, peer->address), peer->local, peer->crowded };
    bindings_init(&s->bindings, world->cache, world->seed);
    s->snapshot = world->snapshot(world);
    s->began_us = session_now(s);
    s->login_due_us = s->began_us + s->snapshot->login_deadline_us;
    s->session_due_us = s->token_due_us = s->statement_due_us = INT64_MAX;
    return s;
}

void session_free(struct session *s)
{
    if (!s) return;
    hold_drop(s, "The gateway was stopped.");
    recording_end(s, "connection lost");
    if (s->registered) s->world->forget_key(s->world, s, s->server_pid, s->client_key);
    if (s->waits_for_parse || (s->logging_in && server_login_waits(&s->logging_in->dialogue)))
        s->world->abandon(s->world, s);
    server_start_free(s);
    view_end(s);
    secret_free(&s->parsing);
    if (s->parsed) understood_unpin(s->world->cache, s->parsed);
    pending_free_all(&s->pendings, &s->bindings);
    bindings_free(&s->bindings);
    secret_free(&s->token);
    client_sasl_free(s);
    limit_free(s);
    sift_free(s);
    budget_end(s);
    buf_free(&s->claims);
    buf_free(&s->said);
    sha256_free(s->digest);
    buf_free(&s->client_out);
    buf_free(&s->server_out);
    buf_free(&s->edited);
    arena_free(&s->scratch);
    arena_free(&s->arena);
    session_snapshot_release(s->snapshot);
    secret_wipe(s->server_key, sizeof s->server_key);
    free(s);
}

int64_t session_now(const struct session *s)
{
    return clock_monotonic_us(s->world->clock);
}

int64_t session_stamp_us(const struct session *s)
{
    return clock_monotonic_us(s->world->stamps);
}

void session_leave_server(struct session *s)
{
    /* A message that was cut short would make Terminate unreadable; the relay then just closes, which a
     * server takes the same way. */
    if (s->phase == PHASE_READY && !s->client_piece && !s->terminated)
        message_put(&s->server_out, MESSAGE_TERMINATE, (struct bytes){ 0 });
    s->wants.drop_server = true;
}

/* What never got an answer is written down as such. */
static void close_runs(struct session *s)
{
    limit_abandon(s);
    for (uint32_t i = 0; i < s->pendings.n; i++) {
        struct pending *p = pending_at(&s->pendings, i);
        if (p->run && s->recording) recording_complete(s, p, RUN_LOST, (struct bytes){ 0 });
        p->run = 0;
    }
}

enum step session_fail(struct session *s, enum refusal_reason reason, struct bytes message,
                       struct bytes detail)
{
    if (s->phase == PHASE_ENDING || s->phase == PHASE_CLOSED) return STEP_CLOSE;
    struct refusal *refusal = refusal_new(reason, "FATAL", message, detail, (struct bytes){ 0 });
    hold_drop(s, reason == REFUSAL_STOPPING ? "The gateway was stopped." : "The session ended.");
    if (!s->recording && !s->unrecorded && s->phase != PHASE_TLS)
        recording_rejected(s, reason, message, detail);
    else if (refusal)
        recording_report(s, FRAME_ERROR, 0, ORIGIN_GATEWAY, refusal_body(refusal), NULL);
    /* What runs has lost its client. */
    if (s->phase == PHASE_READY && s->pendings.n && reason != REFUSAL_SERVER_GONE) s->wants.cancel = true;
    close_runs(s);
    recording_end(s, refusal_code(reason));
    session_hold_through(s);
    /* A message that the client has only a piece of cannot be followed by words of ours. */
    if (refusal && !(s->server_piece && s->piece_to_client))
        message_put(&s->client_out, MESSAGE_ERROR_RESPONSE, refusal_body(refusal));
    free(refusal);
    session_leave_server(s);
    s->phase = PHASE_ENDING;
    s->wants.close = true;
    return STEP_CLOSE;
}

enum step session_fail_text(struct session *s, enum refusal_reason reason, const char *message)
{
    return session_fail(s, reason, bytes_of(message), (struct bytes){ 0 });
}

enum step session_drop(struct session *s, const char *why)
{
    if (s->phase == PHASE_ENDING || s->phase == PHASE_CLOSED) return STEP_CLOSE;
    hold_drop(s, "The client left.");
    close_runs(s);
    recording_end(s, why);
    session_leave_server(s);
    s->phase = PHASE_ENDING;
    s->wants.close = true;
    return STEP_CLOSE;
}

static bool is_over(const struct session *s)
{
    return s->phase == PHASE_ENDING || s->phase == PHASE_CLOSED;
}

void session_set_cancelling(struct session *s, bool cancelling)
{
    s->cancelling = cancelling;
}

bool session_reads_client(const struct session *s)
{
    if (s->wants.cancel || s->cancelling) return false;
    if (s->waits_for_room || s->waits_for_parse || s->limiting.waits || s->limiting.again.undoing ||
        s->terminated || buf_length(&s->server_out) > SESSION_OUT_HIGH)
        return false;
    if (s->phase == PHASE_READY)
        return !s->aborting && !pending_is_full(&s->pendings) && !view_holds_client(s) &&
               !(s->holding && hold_keeps_client(s));
    return s->phase == PHASE_STARTUP || s->phase == PHASE_PASSWORD;
}

bool session_reads_server(const struct session *s)
{
    if (s->waits_for_room || buf_length(&s->client_out) > SESSION_OUT_HIGH) return false;
    return s->phase == PHASE_READY ||
           (s->phase == PHASE_LOGIN && !server_login_waits(&s->logging_in->dialogue));
}

/* The ceiling of a message from a client, and whether a large one may pass in pieces; 0: no such message in
 * this phase. Source: PostgreSQL's SocketBackend. */
static size_t client_ceiling(const struct session *s, uint8_t type, bool *in_pieces_out)
{
    *in_pieces_out = false;
    if (s->phase == PHASE_PASSWORD) return type == MESSAGE_PASSWORD ? 65535 + 1 : 0;
    switch (type) {
    case MESSAGE_QUERY:
    case MESSAGE_PARSE: return s->snapshot->statement_ceiling;
    case MESSAGE_FUNCTION_CALL: return s->snapshot->message_ceiling;
    case MESSAGE_BIND:
    case MESSAGE_COPY_DATA: *in_pieces_out = true; return MESSAGE_LARGE_CEILING;
    case MESSAGE_CLOSE:
    case MESSAGE_DESCRIBE:
    case MESSAGE_EXECUTE:
    case MESSAGE_FLUSH:
    case MESSAGE_SYNC:
    case MESSAGE_COPY_DONE:
    case MESSAGE_COPY_FAIL:
    case MESSAGE_TERMINATE: return MESSAGE_SMALL_CEILING;
    default: return 0;
    }
}

/* A piece that is not worth a frame of its own: the peer trickles. */
static bool is_crumb(struct bytes piece, size_t left)
{
    return piece.n < left && piece.n < CRUMB;
}

static enum step client_step(struct session *s, struct bytes in, size_t *used_out)
{
    struct message m;
    bool in_pieces;
    if (s->client_piece) {
        struct bytes piece =
            bytes_slice(in, 0, s->client_piece < SESSION_PIECE ? s->client_piece : SESSION_PIECE);
        if (is_crumb(piece, s->client_piece)) return STEP_MORE;
        enum step step = frontend_piece(s, piece, piece.n == s->client_piece);
        if (step != STEP_NEXT) return step;
        s->client_piece -= piece.n;
        *used_out = piece.n;
        if (s->client_piece == 0 && !limit_on_piece_end(s)) return session_drop(s, "out of memory");
        return STEP_NEXT;
    }
    if (s->phase == PHASE_STARTUP) return client_start_packet(s, in, used_out);
    enum message_peek peek = message_peek(in, &m);
    if (peek == MESSAGE_MORE) return STEP_MORE;
    if (peek == MESSAGE_BAD) return session_fail_text(s, REFUSAL_PROTOCOL, "invalid message length");
    size_t ceiling = client_ceiling(s, m.type, &in_pieces);
    if (ceiling == 0) return session_fail_text(s, REFUSAL_PROTOCOL, "invalid frontend message type");
    if (m.body_length > ceiling && (m.type == MESSAGE_QUERY || m.type == MESSAGE_PARSE))
        return session_fail_text(s, REFUSAL_TOO_LONG, "the statement is longer than this gateway takes");
    if (m.body_length > ceiling) return session_fail_text(s, REFUSAL_PROTOCOL, "invalid message length");
    bool large = in_pieces && m.body_length > SESSION_PIECE;
    if (peek == MESSAGE_PARTIAL && (!large || is_crumb(m.body, m.body_length))) return STEP_MORE;
    if (!large)
        *used_out = m.whole.n;
    else {
        m.body = bytes_slice(m.body, 0, SESSION_PIECE);
        m.whole = bytes_make(m.whole.p, MESSAGE_HEADER + m.body.n);
        *used_out = m.whole.n;
    }
    enum step step = s->phase == PHASE_PASSWORD ? client_start_password(s, &m) : frontend_message(s, &m);
    if (step == STEP_NEXT && large) {
        s->client_piece = m.body_length - m.body.n;
        s->client_piece_type = m.type;
    }
    return step;
}

/* What was undone comes again, before anything else that the client said. */
static void replay(struct session *s)
{
    struct limit_again *a = &s->limiting.again;
    while (a->due && session_reads_client(s)) {
        struct bytes rest = bytes_slice(buf_bytes(&a->bytes), a->at, HOLD_AGAIN);
        size_t used = 0;
        if (rest.n == 0) {
            a->due = false;
            break;
        }
        a->replaying = true;
        enum step step = client_step(s, rest, &used);
        a->replaying = false;
        arena_reset(&s->scratch);
        if (step != STEP_NEXT) break;
        a->at += used;
        if (s->client_out.failed || s->server_out.failed) session_drop(s, "out of memory");
    }
    if (!a->due && !a->complete) limit_forget_messages(s); /* it was refused */
}

bool session_has_more(const struct session *s)
{
    return s->limiting.again.due && session_reads_client(s);
}

size_t session_on_client(struct session *s, struct bytes in)
{
    size_t used = 0;
    if (s->limiting.again.due) replay(s);
    while (used < in.n && !s->limiting.again.due && session_reads_client(s)) {
        size_t step_used = 0;
        enum step step = client_step(s, bytes_make(in.p + used, in.n - used), &step_used);
        arena_reset(&s->scratch);
        if (step != STEP_NEXT) break;
        used += step_used;
        s->bytes_in += step_used;
        if (s->client_out.failed || s->server_out.failed) session_drop(s, "out of memory");
    }
    session_settle(s);
    return is_over(s) ? in.n : used;
}

enum { SERVER_WHOLE_CEILING = 64 << 20 };

static enum step server_step(struct session *s, struct bytes in, size_t *used_out)
{
    struct message m;
    if (s->server_piece) {
        struct bytes piece =
            bytes_slice(in, 0, s->server_piece < SESSION_PIECE ? s->server_piece : SESSION_PIECE);
        if (is_crumb(piece, s->server_piece)) return STEP_MORE;
        enum step step = backend_piece(s, piece, piece.n == s->server_piece);
        if (step != STEP_NEXT) return step;
        s->server_piece -= piece.n;
        *used_out = piece.n;
        return STEP_NEXT;
    }
    enum message_peek peek = message_peek(in, &m);
    if (peek == MESSAGE_MORE) return STEP_MORE;
    if (peek == MESSAGE_BAD)
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a message of invalid length");
    const struct pending *head = pending_head(&s->pendings);
    bool ours = head && (head->kind == PENDING_INQUIRY || head->kind == PENDING_OWN);
    bool in_pieces = !ours && (m.type == MESSAGE_DATA_ROW || m.type == MESSAGE_COPY_DATA);
    bool large = in_pieces && m.body_length > SESSION_PIECE && s->phase == PHASE_READY;
    if (m.body_length > (in_pieces ? MESSAGE_LARGE_CEILING : SERVER_WHOLE_CEILING))
        return session_fail_text(s, REFUSAL_SERVER_PROTOCOL, "the server sent a message that is too long");
    if (peek == MESSAGE_PARTIAL && (!large || is_crumb(m.body, m.body_length))) return STEP_MORE;
    if (large) {
        m.body = bytes_slice(m.body, 0, SESSION_PIECE);
        m.whole = bytes_make(m.whole.p, MESSAGE_HEADER + m.body.n);
    }
    *used_out = m.whole.n;
    if (s->phase == PHASE_LOGIN) return server_start_message(s, &m);
    enum step step = backend_message(s, &m, in, used_out);
    if (step == STEP_NEXT && large) {
        s->server_piece = m.body_length - m.body.n;
        s->server_piece_type = m.type;
    }
    return step;
}

void session_hold_through(struct session *s)
{
    buf_append(&s->client_out, s->through);
    s->through = (struct bytes){ 0 };
}

/* Whether no step can be made with what is left of what was read: its last message is not all there. */
static bool is_cut(const struct session *s, struct bytes rest)
{
    struct message m;
    enum message_peek peek = message_peek(rest, &m);
    return s->server_piece == 0 &&
           (peek == MESSAGE_MORE || (peek == MESSAGE_PARTIAL && m.body_length <= SESSION_PIECE));
}

size_t session_on_server(struct session *s, struct bytes in, struct bytes *through_out)
{
    size_t used = 0;
    while (used < in.n && session_reads_server(s)) {
        size_t step_used = 0;
        if (s->through.n) {
            if (is_cut(s, bytes_slice(in, used, in.n))) break;
            session_hold_through(s);
        }
        enum step step = server_step(s, bytes_make(in.p + used, in.n - used), &step_used);
        arena_reset(&s->scratch);
        if (step != STEP_NEXT) break;
        used += step_used;
        s->bytes_out += step_used;
        if (s->client_out.failed || s->server_out.failed) session_drop(s, "out of memory");
    }
    session_settle(s);
    *through_out = s->through;
    s->through = (struct bytes){ 0 };
    return is_over(s) ? in.n : used;
}

void session_on_client_end(struct session *s, bool broken)
{
    if (is_over(s)) return;
    if (s->phase != PHASE_READY) {
        session_drop(s, "the client left before it was signed in");
        return;
    }
    if (s->terminated) return;
    /* What the server has, it runs (W93): its answers are read to the end, and recorded. But what a Sync is
     * withheld for does not come to be committed. */
    if (s->pendings.n == 0 || s->client_piece || s->copy_in || limit_is_undecided(s) || s->holding ||
        limit_is_again(s)) {
        session_drop(s, broken ? "the connection to the client broke" : "the client closed the connection");
        return;
    }
    s->terminated = true;
    message_put(&s->server_out, MESSAGE_TERMINATE, (struct bytes){ 0 });
}

void session_on_server_end(struct session *s)
{
    if (is_over(s)) return;
    if (s->terminated || s->server_fatal) {
        session_drop(s, s->terminated ? "closed" : "the server ended the session");
        return;
    }
    session_fail_text(s, REFUSAL_SERVER_GONE,
                      s->phase == PHASE_LOGIN ? "the server closed the connection during log-in"
                                              : "the server closed the connection");
}

void session_on_room(struct session *s)
{
    s->waits_for_room = false;
}

void session_on_tls(struct session *s, struct bytes tls, const struct scram_binding *binding)
{
    s->is_tls = true;
    if (binding) s->binding = *binding;
    s->tls = arena_copy(&s->arena, tls);
    if (s->phase == PHASE_TLS) s->phase = PHASE_STARTUP;
}

struct understood_context session_context(const struct session *s)
{
    bool in_view = s->view.needed && s->view.key;
    return (struct understood_context){
        s->ruleset, s->target, in_view ? &s->view.view : NULL, in_view ? s->view.key : 0, { 0 }
    };
}

void session_on_parsed(struct session *s, struct bytes encoded)
{
    struct understood_context context = { .ruleset = s->ruleset, .target = s->target };
    if (!s->waits_for_parse) return;
    s->waits_for_parse = false;
    if (s->view.canary) {
        s->view.canary = false;
        s->view.canary_lives = encoded.p != NULL;
        s->parse_failed = !encoded.p;
        secret_free(&s->parsing);
        return;
    }
    if (encoded.p)
        s->parsed = understood_make_from(s->world->cache, &context, secret_bytes(&s->parsing), encoded);
    s->parse_failed = s->parsed == NULL;
    secret_free(&s->parsing);
}

void session_on_cancel(struct session *s, struct bytes from)
{
    struct buf body;
    if (s->phase != PHASE_READY) return;
    buf_init(&body, 1024);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add(&f, "client", from);
    struct bytes parts[] = { buf_bytes(&body) };
    recording_outcome(s, FRAME_CANCEL, 0, parts, 1);
    buf_free(&body);
    if (s->holding && hold_keeps_client(s)) {
        hold_on_cancel(s);
        return;
    }
    if (limit_is_again(s)) {
        s->limiting.again.cancelled = true;
        return;
    }
    /* With nothing running the request would hit whatever comes next. */
    if (s->pendings.n) s->wants.cancel = true;
}

void session_kill(struct session *s, bool gateway_stops, struct bytes by)
{
    if (gateway_stops)
        session_fail_text(s, REFUSAL_STOPPING, "terminating connection because the gateway is stopping");
    else
        session_fail(s, REFUSAL_KILLED, BYTES_LITERAL("terminating connection due to an operator's command"),
                     by);
}

void session_claim(struct session *s, struct bytes fields)
{
    if (s->phase == PHASE_READY && !is_over(s)) recording_outcome(s, FRAME_CONTEXT, 0, &fields, 1);
}

int64_t session_due_us(const struct session *s)
{
    int64_t due = s->phase == PHASE_READY ? INT64_MAX : s->login_due_us;
    if (is_over(s)) return INT64_MAX;
    if (s->view.needed && s->view.wait_due_us < due) due = s->view.wait_due_us;
    if (s->session_due_us < due) due = s->session_due_us;
    if (s->statement_due_us < due) due = s->statement_due_us;
    if (s->holding && hold_due_us(s) < due) due = hold_due_us(s);
    if (s->token_due_us == INT64_MAX || (s->token_expired && s->holding)) return due;
    int64_t token_due_us = s->token_due_us + (s->token_expired ? s->snapshot->token_grace_us : 0);
    return token_due_us < due ? token_due_us : due;
}

static void end_expired(struct session *s)
{
    session_fail(s, REFUSAL_EXPIRED, BYTES_LITERAL("terminating connection because its token has expired"),
                 BYTES_LITERAL("Connect again with a fresh token."));
}

void session_on_time(struct session *s)
{
    int64_t now = session_now(s);
    if (is_over(s)) return;
    if (s->phase != PHASE_READY && now >= s->login_due_us) {
        session_fail_text(s, REFUSAL_DEADLINE, "the log-in took too long");
        return;
    }
    /* Who asked is known; what people approve still runs, and the session ends behind it. */
    if (s->token_expired && !s->holding && now >= s->token_due_us + s->snapshot->token_grace_us) {
        end_expired(s);
        return;
    }
    if (now >= s->session_due_us) {
        session_fail_text(s, REFUSAL_SESSION_TIME, "the session has reached its time limit");
        return;
    }
    if (now >= s->statement_due_us) {
        struct pending *p = pending_head(&s->pendings);
        s->statement_due_us = p ? now + CANCEL_AGAIN_US : INT64_MAX;
        if (p) s->timed_out = s->wants.cancel = true;
    }
    if (now >= s->token_due_us) s->token_expired = true;
    if (s->view.needed) view_on_time(s, now);
    if (s->holding) hold_on_time(s, now);
    arena_reset(&s->scratch);
    session_settle(s);
}

void session_settle(struct session *s)
{
    const struct pending *head = pending_head(&s->pendings);
    if (s->phase != PHASE_READY) return;
    if (s->token_expired && !head && s->status == 'I' && !s->holding) {
        end_expired(s);
        return;
    }
    if (head && s->terms->limits.statement_us && s->statement_due_us == INT64_MAX)
        s->statement_due_us = session_now(s) + s->terms->limits.statement_us;
}

struct session_wants *session_wants(struct session *s)
{
    return &s->wants;
}

struct buf *session_client_out(struct session *s)
{
    return &s->client_out;
}

struct buf *session_server_out(struct session *s)
{
    return &s->server_out;
}

const struct target *session_target(const struct session *s)
{
    return s->target;
}

bool session_server_key(const struct session *s, int32_t *pid_out, struct bytes *key_out)
{
    *pid_out = s->server_pid;
    *key_out = bytes_make(s->server_key, s->n_server_key);
    return s->n_server_key != 0;
}

uint64_t session_id(const struct session *s)
{
    return s->recording ? s->record.id : 0;
}

bool session_is_authenticated(const struct session *s)
{
    return s->phase >= PHASE_CONNECT && s->phase <= PHASE_READY;
}

struct session_snapshot *session_snapshot_of(const struct session *s)
{
    return s->snapshot;
}

void session_set_user(struct session *s, void *user)
{
    s->user = user;
}

void *session_user(const struct session *s)
{
    return s->user;
}

void session_wipe(struct session *s)
{
    arena_wipe(&s->scratch);
    buf_wipe(&s->client_out);
    buf_wipe(&s->server_out);
}
