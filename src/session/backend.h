#pragma once
/* What a server sends is matched against the head of the queue by backend.c; these are its parts, and what
 * they share. Of this room alone. A handler returns what became of its message (enum step). */
#include "session/session-private.h"

/* ---- what the handlers need */

/* The message does not fit what the server was asked: the session ends. */
enum step backend_unexpected(struct session *s, const struct message *m);
/* Nothing of an answer to p is for the client. */
bool backend_is_silent(const struct session *s, const struct pending *p);
/* A whole message on its way to the client, or kept until a limit is known to hold. */
void backend_deliver(struct session *s, const struct pending *p, struct bytes whole);
/* The same for what may be long: what is long enough for a write of its own is not copied. */
void backend_deliver_bulk(struct session *s, const struct pending *p, struct bytes whole);
void backend_deliver_error(struct session *s, struct bytes body);
/* The head has had its last answer. */
void backend_pop(struct session *s);
/* Rows that a portal or a cursor has delivered count over all Execute and FETCH of it. NULL: neither. */
struct binding *backend_counted_by(struct session *s, const struct pending *p);
/* A limit is met: what runs is cancelled, and the client is told why when its error comes. by: enum overrun.
 */
void backend_overrun(struct session *s, struct pending *p, uint8_t by);

/* ---- backend-rows.c: a run of DataRow or CopyData messages; *used_out is how much of in they were. */

enum step backend_on_rows(struct session *s, const struct message *first, struct bytes in, size_t *used_out);
enum step backend_on_copy_out(struct session *s, const struct message *first, struct bytes in,
                              size_t *used_out);

/* ---- backend-error.c */

/* FATAL or PANIC: the server's last words. */
bool backend_is_fatal(struct bytes body);
enum step backend_on_error(struct session *s, const struct message *m);
/* The client's error where a limit was met. */
void backend_say_overrun(struct session *s);
/* The cancel request came too late, but nothing is committed yet: it is undone. */
enum step backend_undo_overrun(struct session *s, struct pending *p, struct bytes tag);

/* ---- backend-aside.c */

enum step backend_on_parameter_status(struct session *s, const struct message *m);
enum step backend_on_notice(struct session *s, const struct message *m);
enum step backend_on_notification(struct session *s, const struct message *m);
