/* A statement of the gateway's own on a client's server connection: Parse, Bind and Execute in the client's
 * transaction, between the client's messages, in the queue as one entry, PENDING_OWN. Its answers are for the
 * gateway; the client sees none of them, and the record, which is of what the client asked for, holds none.
 *
 * What a client's code in the server might have left under the name is closed first, and what comes to stand
 * there is closed behind it, so that the text that runs is always ours: nothing of the client's runs in
 * between. Where something is in the way all the same (a cursor of that name that a function declared), the
 * server fails the statement, and whoever asked refuses what hangs on it. */
#include "session/session-private.h"

#define OWN_NAME "postern.own"

/* Who hears the answers. row: the body of a DataRow, checked; done: it has completed; failed: the server's
 * error, before the queue is skipped to Sync. */
static const struct {
    enum step (*row)(struct session *s, struct bytes body);
    enum step (*done)(struct session *s);
    void (*failed)(struct session *s, struct bytes body);
} purposes[] = {
    [OWN_COUNT_BEFORE] = { limit_count_row, limit_count_before_done, limit_count_failed },
    [OWN_COUNT_AFTER] = { limit_count_row, limit_count_after_done, limit_count_failed },
    [OWN_VIEW] = { view_own_row, view_own_done, view_own_failed },
    [OWN_LOOK] = { hold_look_row, hold_look_done, hold_look_failed },
};

bool own_ask(struct session *s, enum own_purpose purpose, struct bytes text)
{
    struct buf *out = &s->server_out;
    struct bytes name = BYTES_LITERAL(OWN_NAME);
    struct pending *p = pending_push(&s->pendings, PENDING_OWN);
    if (!p) return false;
    p->purpose = (uint8_t)purpose;
    p->injected = true;
    p->started_us = session_stamp_us(s);
    message_target_encode(out, MESSAGE_CLOSE, (struct message_target){ 'S', name });
    message_parse_encode(out, name, text, (struct bytes){ 0 });
    size_t at = message_begin(out, MESSAGE_BIND);
    buf_put_cstring(out, name);
    buf_put_cstring(out, name);
    buf_append(out, bytes_make("\0\0\0\0\0", 6)); /* no formats, no parameters, results as text */
    message_finish(out, at);
    at = message_begin(out, MESSAGE_EXECUTE);
    buf_put_cstring(out, name);
    buf_put_u32(out, 0);
    message_finish(out, at);
    message_target_encode(out, MESSAGE_CLOSE, (struct message_target){ 'P', name });
    message_target_encode(out, MESSAGE_CLOSE, (struct message_target){ 'S', name });
    return true;
}

/* The answers come in this order and in no other; rows stand in front of CommandComplete. */
static const uint8_t answers[] = { MESSAGE_CLOSE_COMPLETE,   MESSAGE_PARSE_COMPLETE, MESSAGE_BIND_COMPLETE,
                                   MESSAGE_COMMAND_COMPLETE, MESSAGE_CLOSE_COMPLETE, MESSAGE_CLOSE_COMPLETE };
enum { OWN_AT_COMPLETE = 3 };

enum step own_answer(struct session *s, const struct message *m, bool *done_out)
{
    struct pending *p = pending_head(&s->pendings);
    *done_out = false;
    if (m->body.n == m->body_length) {
        if (m->type == MESSAGE_DATA_ROW && p->stage == OWN_AT_COMPLETE && message_data_row_check(m->body))
            return purposes[p->purpose].row(s, m->body);
        if (m->type == answers[p->stage] && (m->body.n == 0) == (p->stage != OWN_AT_COMPLETE)) {
            if (p->stage + 1u < sizeof answers) {
                p->stage++;
                return STEP_NEXT;
            }
            *done_out = true;
            return purposes[p->purpose].done(s);
        }
    }
    return session_fail_text(s, REFUSAL_SERVER_PROTOCOL,
                             "the server sent a message that does not fit what the gateway asked it");
}

void own_failed(struct session *s, struct bytes body)
{
    purposes[pending_head(&s->pendings)->purpose].failed(s, body);
}
