/* What a server sends unasked: settings that moved, notices, notifications. */
#include "base/cursor.h"
#include "pgwire/report.h"
#include "session/backend.h"

/* Longer than what any server sends of the kind, and shorter than a frame of the record. */
enum { ASIDE_CEILING = 64 * 1024 };

/* In the session's scratch; p == NULL: there is no memory. */
static struct bytes retold(struct session *s, struct bytes front, struct bytes first, struct bytes second)
{
    struct buf out;
    buf_init(&out, 4 * (size_t)ASIDE_CEILING);
    buf_append(&out, front);
    buf_put_cstring(&out, first);
    buf_put_cstring(&out, second);
    struct bytes copy = out.failed ? (struct bytes){ 0 } : arena_copy(&s->scratch, buf_bytes(&out));
    buf_free(&out);
    return copy;
}

/* A report of a parameter that the gateway pins is a second opinion: one that moved all the same ends the
 * session. */
enum step backend_on_parameter_status(struct session *s, const struct message *m)
{
    struct cursor c = cursor_over(m->body);
    struct bytes name = cursor_cstring(&c), value = cursor_cstring(&c);
    if (!cursor_done(&c) || m->body.n > ASIDE_CEILING) return backend_unexpected(s, m);
    if (!s->open && ((bytes_is(name, "standard_conforming_strings") && !bytes_is(value, "on")) ||
                     (bytes_is(name, "client_encoding") && !bytes_is(value, "UTF8"))))
        return session_fail_text(s, REFUSAL_POLICY, "a setting that the gateway pins was moved");
    if (s->masks && !s->target->accepts_risk && bytes_is(name, "is_superuser") && !bytes_is(value, "off"))
        return session_fail_text(s, REFUSAL_UNGUARDED,
                                 "columns are masked for you, and the session became a superuser's");
    struct bytes told = sift_words(s, veil_setting(s, name, value));
    struct bytes body = told.p == value.p ? m->body : retold(s, (struct bytes){ 0 }, name, told);
    if (!told.p || !body.p) return session_drop(s, "out of memory");
    enum record_outcome outcome = recording_aside(s, FRAME_PARAMETER_STATUS, body);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated) message_put(&s->client_out, MESSAGE_PARAMETER_STATUS, body);
    return STEP_NEXT;
}

enum step backend_on_notice(struct session *s, const struct message *m)
{
    struct pending *p = pending_head(&s->pendings);
    if (!report_check(m->body)) return backend_unexpected(s, m);
    struct bytes body = veil_notice(s, p, m->body);
    if (!body.p) return STEP_NEXT;
    enum record_outcome outcome = recording_notice(s, p ? p->run : 0, body, p ? p->understood : NULL);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated && !s->aborting) message_put(&s->client_out, MESSAGE_NOTICE_RESPONSE, body);
    return STEP_NEXT;
}

enum step backend_on_notification(struct session *s, const struct message *m)
{
    struct cursor c = cursor_over(m->body);
    struct bytes from = cursor_take(&c, 4), channel = cursor_cstring(&c), payload = cursor_cstring(&c);
    if (!cursor_done(&c) || m->body.n > ASIDE_CEILING) return backend_unexpected(s, m);
    struct bytes told = sift_words(s, payload);
    struct bytes body = told.p == payload.p ? m->body : retold(s, from, channel, told);
    if (!told.p || !body.p) return session_drop(s, "out of memory");
    enum record_outcome outcome =
        s->masks ? veil_notification(s, channel, payload) : recording_aside(s, FRAME_NOTIFICATION, body);
    if (outcome != RECORD_OK) return outcome == RECORD_WAIT ? STEP_WAIT : STEP_CLOSE;
    if (!s->terminated && !s->masks) message_put(&s->client_out, MESSAGE_NOTIFICATION_RESPONSE, body);
    return STEP_NEXT;
}
