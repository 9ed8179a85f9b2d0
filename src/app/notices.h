/* The notifier of a gateway, from its configuration: who is told, with which secrets. */
#ifndef POSTERN_APP_NOTICES_H
#define POSTERN_APP_NOTICES_H
#include "app/config.h"
#include "notify/notify.h"
#include "session/session.h"

struct notices;
/* Reads the secrets now. *out is NULL where nobody is to be told. 0 or -errno, logged. */
int notices_start(const struct config *config, struct desk *desk, const struct clock *clock,
                  struct notices **out) MUST_USE;
/* From any thread. notices may be NULL. */
void notices_refused(struct notices *notices, const struct session_refused *refused);
/* NULL where nobody is told. */
struct notify *notices_notify(struct notices *notices);
/* Reads a webhook's key from its source. name: who wants it, for the log. 0 or -errno, logged. */
struct secret;
int notices_read_key(const struct yaml_secret *from, const char *name, struct secret *out) MUST_USE;
/* Behind the desk's end and the workers'. NULL is fine. */
void notices_stop(struct notices *notices);
#endif
