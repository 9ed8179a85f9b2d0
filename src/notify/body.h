/* What is sent: JSON, for programs (webhooks, commands) and for chats (Slack's messages). */
#ifndef POSTERN_NOTIFY_BODY_H
#define POSTERN_NOTIFY_BODY_H
#include "base/buf.h"
#include "notify/fact.h"

enum { NOTIFY_BODY = 256 * 1024 };
/* {"type": …, "timestamp": …, "data": {…}}; doc/notifications.md says what is in it. */
void body_write(const struct notify_fact *fact, struct buf *out);
/* {"text": …, "blocks": […]}: a sentence, the facts, and the link to the request's page. */
void slack_write(const struct notify_fact *fact, struct buf *out);
#endif
