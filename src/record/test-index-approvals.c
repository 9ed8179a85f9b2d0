/* Tests of who approved what, in the index. */
#include "base/test-folder.h"
#include "record/index.h"
#include "record/test-frames.h"
#include <stdio.h>
#include <unistd.h>

enum { ADA = 1000 };
static struct test_folder folder;
static char path[96];

static int set_up(void **state)
{
    (void)state;
    if (test_folder_make(&folder)) return -1;
    snprintf(path, sizeof path, "%s/index.db", folder.path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return test_folder_remove(&folder);
}

struct feed {
    const struct frames *frames;
    size_t at, end;
};

static int next(void *context, struct frame *frame_out)
{
    struct feed *f = context;
    if (f->at == f->end) return 0;
    *frame_out = f->frames->frame[f->at++];
    return 1;
}

/* In blocks of two frames. */
static void take(struct index *index, const struct frames *frames, uint64_t *position)
{
    struct index_progress progress = { 0 };
    for (size_t at = 0; at < frames->n; at += 2) {
        struct feed feed = { frames, at, at + 2 < frames->n ? at + 2 : frames->n };
        struct record_block block = { .position = *position,
                                      .next_position = *position + 10,
                                      .session = frames->session,
                                      .time_us = frames->frame[at].time_us };
        assert_int_equal(index_batch_begin(index, 0), 0);
        assert_int_equal(index_batch_block(index, &block, next, &feed, &progress), 0);
        assert_int_equal(index_batch_commit(index), 0);
        *position += 10;
    }
}

/* A request of ada's that two people had to approve, one that expired, and one in the session's frames alone.
 */
static void approvals_of(struct frames *f, uint64_t session, const char *request)
{
    char id[14];
    session_id_format(session, id);
    frames_fields(f, FRAME_APPROVAL, "request", request, "event", "asked", "state", "waiting", "principal",
                  "ada", "connection", "orders", "session", id, "message", "ask first", "rows", "12", NULL);
}

static void approval_line(void *context, const struct index_approval *a)
{
    buf_printf(context, "%.*s %.*s %.*s %.*s rows=%d %.*s:%.*s\n", BYTES_FMT(a->request),
               BYTES_FMT(a->principal), BYTES_FMT(a->rule), BYTES_FMT(a->state), (int)a->rows,
               BYTES_FMT(a->by_user), BYTES_FMT(a->decision));
}

static void assert_approvals(struct index *index, const struct index_filter *filter, const char *by,
                             const char *state, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(index_approvals(index, filter, bytes_of(by), bytes_of(state), approval_line, &out), 0);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static size_t n_sessions;
static void count_session(void *context, const struct index_session *s)
{
    (void)context, (void)s;
    n_sessions++;
}

static void tell_approvals(bool session_first)
{
    uint64_t position = 0;
    static struct frames gateway, session;
    struct index *index;
    struct index_filter any = { 0 }, berts = { .principal = BYTES_LITERAL("bert") };
    frames_init(&gateway, 0);
    approvals_of(&gateway, ADA, "one");
    frames_fields(&gateway, FRAME_APPROVAL, "request", "one", "event", "decided", "state", "waiting",
                  "principal", "ada", "decision", "approve", "by_user", "cleo", "by_subject", "c",
                  "by_issuer", "idp", "reason", "a secret reason", "via", "web", NULL);
    frames_fields(&gateway, FRAME_APPROVAL, "request", "one", "event", "decided", "state", "approved",
                  "principal", "ada", "decision", "approve", "by_user", "dora", "by_subject", "d",
                  "by_issuer", "idp", "via", "web", NULL);
    frames_fields(&gateway, FRAME_APPROVAL, "request", "one", "event", "used", "state", "used", "principal",
                  "ada", NULL);
    gateway.time_us += 60000000;
    approvals_of(&gateway, ADA, "two");
    frames_fields(&gateway, FRAME_APPROVAL, "request", "two", "event", "ended", "state", "expired",
                  "principal", "ada", NULL);
    frames_init(&session, ADA);
    frames_fields(&session, FRAME_APPROVAL, "request", "one", "state", "asked", "rule", "staff/ask", NULL);
    /* A first approval of two: the session says "approved", and that is not how the request stands. */
    frames_fields(&session, FRAME_APPROVAL, "request", "two", "state", "approved", "by_user", "cleo", NULL);
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    if (session_first) take(index, &session, &position);
    take(index, &gateway, &position);
    if (!session_first) take(index, &session, &position);
    assert_approvals(index, &any, "", "",
                     "two ada  expired rows=12 :\n"
                     "one ada staff/ask used rows=12 cleo:approve\n"
                     "one ada staff/ask used rows=12 dora:approve\n");
    assert_approvals(index, &any, "dora", "", "one ada staff/ask used rows=12 dora:approve\n");
    assert_approvals(index, &any, "", "expired", "two ada  expired rows=12 :\n");
    assert_approvals(index, &berts, "", "", "");
    n_sessions = 0;
    assert_int_equal(index_sessions(index, &any, count_session, NULL), 0);
    assert_int_equal(n_sessions, 1); /* the gateway itself is none */
    index_free(index);
    frames_free(&gateway);
    frames_free(&session);
}

static void test_session_first(void **state)
{
    (void)state;
    tell_approvals(true);
}

static void test_gateway_first(void **state)
{
    (void)state;
    tell_approvals(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "who approved what is told, where the session's blocks come first", test_session_first, set_up,
          tear_down, NULL },
        { "who approved what is told, where the gateway's own blocks come first", test_gateway_first, set_up,
          tear_down, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
