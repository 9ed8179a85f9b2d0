/* The desk's verbs on the control socket: approvals, approval, decide. Each carries a token, which is
 * verified as a client's is: who may use the socket is not yet somebody who may approve. */
#ifndef POSTERN_APP_CONTROL_APPROVALS_H
#define POSTERN_APP_CONTROL_APPROVALS_H
#include "approval/desk.h"
#include "cli/control-line.h"
#include "identity/identity.h"

/* Answers into out, one line or several; the last begins with ok, no or error. False: it is no verb of these.
 */
bool control_approvals(struct desk *desk, struct identity *identity, const struct clock *clock,
                       const struct control_line *line, struct buf *out) MUST_USE;
#endif
