/* What the gateway says of a refusal is passed on in its own words, made safe for a terminal. */
#include "cli/login-ask.h"
#include "cli/safe.h"
#include "http/client.h"
#include <stdio.h>

enum { MOST = 4 << 20, ASK_MS = 15000, DEPTH = 8 };

static void say_why(struct login_asking *a, const struct http_answered *answer, json_t *problem)
{
    struct bytes detail;
    struct buf safe;
    buf_init(&safe, 4096);
    if (json_member_text(problem, "detail", &detail) == JSON_MEMBER_FOUND)
        safe_append(&safe, bytes_slice(detail, 0, 300), SAFE_ONE_LINE);
    if (!safe.failed && buf_length(&safe))
        snprintf(a->why, sizeof a->why, "%.*s", BYTES_FMT(buf_bytes(&safe)));
    else if (answer->status)
        snprintf(a->why, sizeof a->why, "it answered %ld", answer->status);
    else
        snprintf(a->why, sizeof a->why, "%s", answer->why[0] ? answer->why : "it does not answer");
    buf_free(&safe);
}

bool login_ask(const struct login_file *login, struct login_asking *a, struct arena *arena,
               json_t **answer_out)
{
    struct buf body;
    struct http_answered answer = { 0 };
    struct bytes base = login->url;
    *answer_out = NULL;
    if (base.n && base.p[base.n - 1] == '/') base.n--;
    buf_init(&body, MOST);
    struct http_get get = { .url = arena_printf(arena, "%.*s%s", BYTES_FMT(base), a->path),
                            .authorization = arena_printf(arena, "Bearer %.*s", BYTES_FMT(login->token)),
                            .form = a->body,
                            .json = a->body.p != NULL,
                            .deadline_ms = ASK_MS };
    bool answered = http_get(&get, &body, &answer) == HTTP_ANSWERED;
    bool read = answered && json_read_object(buf_bytes(&body), MOST, DEPTH, answer_out) == JSON_READ;
    bool good = read && answer.status == 200;
    if (!answered) answer.status = 0;
    if (!good) {
        say_why(a, &answer, *answer_out);
        json_decref(*answer_out);
        *answer_out = NULL;
    }
    buf_wipe(&body);
    buf_free(&body);
    return good;
}
