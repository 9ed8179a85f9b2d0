/* The body is written for each attempt, and is the same each time: facts do not change once one was made. */
#include "notify/deliver.h"
#include "http/client.h"
#include "notify/body.h"
#include "notify/command.h"
#include "notify/sign.h"
#include <inttypes.h>
#include <stdio.h>

enum { ANSWER_MOST = 64 * 1024 };

static enum delivered judge_status(long status, char why_out[160])
{
    snprintf(why_out, 160, "the receiver answered %ld", status);
    if (status >= 200 && status < 300) return DELIVER_DONE;
    return status >= 500 || status == 408 || status == 425 || status == 429 ? DELIVER_AGAIN : DELIVER_NEVER;
}

static enum delivered post(const struct notify_receiver *r, struct bytes body,
                           const struct http_header *headers, size_t n, const atomic_bool *cancel,
                           char why_out[160])
{
    struct http_answered answer;
    struct buf ignored;
    struct http_get get = { .url = r->url,
                            .deadline_ms = r->timeout_us / 1000,
                            .cancel = cancel,
                            .form = body,
                            .json = true,
                            .headers = headers,
                            .n_headers = n };
    buf_init(&ignored, ANSWER_MOST);
    enum http_outcome outcome = http_get(&get, &ignored, &answer);
    buf_free(&ignored);
    switch (outcome) {
    case HTTP_ANSWERED: return judge_status(answer.status, why_out);
    case HTTP_TOO_LONG: /* it was taken, or not: who answers so much is not a receiver of ours */
    case HTTP_FAILED:
    case HTTP_TIMED_OUT: break;
    }
    snprintf(why_out, 160, "%s", answer.why);
    return DELIVER_AGAIN;
}

static enum delivered post_signed(const struct notify_receiver *r, struct bytes body, const char *id,
                                  const struct clock *clock, const atomic_bool *cancel, char why_out[160])
{
    int64_t seconds = clock_wall_us(clock) / 1000000;
    char at[24];
    struct buf signature;
    buf_init(&signature, 256);
    snprintf(at, sizeof at, "%" PRId64, seconds);
    sign_message(r->key, id, seconds, body, &signature);
    struct http_header headers[] = { { "webhook-id", bytes_of(id) },
                                     { "webhook-timestamp", bytes_of(at) },
                                     { "webhook-signature", buf_bytes(&signature) } };
    enum delivered done = signature.failed ? DELIVER_AGAIN : post(r, body, headers, 3, cancel, why_out);
    buf_free(&signature);
    return done;
}

static enum delivered run(const struct notify_receiver *r, const struct notify_fact *fact, struct bytes body,
                          const atomic_bool *cancel, char why_out[160])
{
    struct command command = { .argv = r->argv,
                               .input = body,
                               .event = fact->type,
                               .deadline_ms = r->timeout_us / 1000,
                               .cancel = cancel };
    return command_run(&command, why_out) == 0 ? DELIVER_DONE : DELIVER_AGAIN;
}

enum delivered deliver(const struct notify_receiver *r, const struct notify_fact *fact,
                       const char id[DELIVER_ID], const struct clock *clock, const atomic_bool *cancel,
                       char why_out[160])
{
    struct buf body;
    enum delivered done = DELIVER_AGAIN;
    buf_init(&body, NOTIFY_BODY);
    snprintf(why_out, 160, "out of memory");
    if (r->way == NOTIFY_SLACK)
        slack_write(fact, &body);
    else
        body_write(fact, &body);
    if (!body.failed) switch (r->way) {
        case NOTIFY_WEBHOOK: done = post_signed(r, buf_bytes(&body), id, clock, cancel, why_out); break;
        case NOTIFY_SLACK: done = post(r, buf_bytes(&body), NULL, 0, cancel, why_out); break;
        case NOTIFY_COMMAND:
            buf_append_text(&body, "\n");
            done = run(r, fact, buf_bytes(&body), cancel, why_out);
            break;
        }
    buf_free(&body);
    return done;
}
