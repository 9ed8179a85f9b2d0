/* A Query of which the changes are counted is sent as a statement under a name of ours, so that its count
 * comes before the Sync that commits it. */
#include "session/limit-private.h"

#define QUERY_NAME "postern.query"

static struct pending *push(struct session *s, enum pending_kind kind, struct binding *binding)
{
    struct pending *p = pending_push(&s->pendings, kind);
    if (!p) return NULL;
    p->injected = true;
    p->as_query = true;
    p->binding = binding;
    p->started_us = session_stamp_us(s);
    return p;
}

bool limit_send_close(struct session *s, bool portal)
{
    struct bytes name = BYTES_LITERAL(QUERY_NAME);
    struct binding *gone = binding_push(&s->bindings, portal, name, NULL);
    message_target_encode(&s->server_out, MESSAGE_CLOSE, (struct message_target){ portal ? 'P' : 'S', name });
    return gone && push(s, PENDING_CLOSE, gone);
}

/* Parse, Bind, Describe of the text under a name of ours, so that the client's unnamed statement stays what
 * it is. */
static struct binding *send_query(struct session *s, struct understood *u, struct bytes text,
                                  struct bytes forward, uint32_t number)
{
    struct bytes name = BYTES_LITERAL(QUERY_NAME);
    if (!limit_send_close(s, false)) return NULL;
    struct binding *statement = binding_push(&s->bindings, false, name, u);
    struct pending *parse = statement ? push(s, PENDING_PARSE, statement) : NULL;
    if (!parse || (understood_has_edits(u) && !pending_keep_text(&s->pendings, parse, text))) return NULL;
    message_parse_encode(&s->server_out, name, forward.p ? forward : text, (struct bytes){ 0 });
    struct binding *portal = binding_push(&s->bindings, true, name, u);
    if (!portal || !push(s, PENDING_BIND, portal)) return NULL;
    statement->text = portal->text = number;
    portal->of = binding_use(statement);
    portal->described = true;
    size_t at = message_begin(&s->server_out, MESSAGE_BIND);
    buf_put_cstring(&s->server_out, name);
    buf_put_cstring(&s->server_out, name);
    buf_append(&s->server_out, bytes_make("\0\0\0\0\0", 6));
    message_finish(&s->server_out, at);
    struct pending *p = push(s, PENDING_DESCRIBE, binding_use(portal));
    if (!p) return NULL;
    p->injected = false;
    /* What may come undone without a word describes its rows when it is decided. */
    p->limited = p->keeps_rows = s->limiting.again.complete;
    message_target_encode(&s->server_out, MESSAGE_DESCRIBE, (struct message_target){ 'P', name });
    return portal;
}

enum step limit_query(struct session *s, struct understood *u, struct bytes text, struct bytes forward,
                      uint32_t run, uint32_t number)
{
    struct understood *by;
    enum understood_limited kind = limit_kind(s, u, &by);
    struct binding *portal = send_query(s, u, text, forward, number);
    if (!portal || !limit_before(s, kind)) return limit_no_memory(s);
    struct pending *p = push(s, PENDING_EXECUTE, binding_use(portal));
    if (!p) return limit_no_memory(s);
    p->injected = false;
    p->run = run;
    p->reserved = run != 0;
    p->text = number;
    p->understood = understood_pin(u);
    limit_mark(p, kind, by, false);
    if (u->has_names && !names_push(s, p, u)) return limit_no_memory(s);
    view_on_run(s, u);
    size_t at = message_begin(&s->server_out, MESSAGE_EXECUTE);
    buf_put_cstring(&s->server_out, BYTES_LITERAL(QUERY_NAME));
    buf_put_u32(&s->server_out, 0);
    message_finish(&s->server_out, at);
    s->limiting.is_query = true;
    /* A COPY says by itself that it is ready for data; its end is behind the client's. */
    return limit_demand(s, false);
}

bool limit_send_sync(struct session *s)
{
    s->limiting.is_query = false;
    s->skipping = false;
    limit_on_sync(s);
    if (!pending_push(&s->pendings, PENDING_SYNC)) return false;
    s->n_syncs++;
    message_put(&s->server_out, MESSAGE_SYNC, (struct bytes){ 0 });
    return true;
}
