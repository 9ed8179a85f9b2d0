/* Long answers: one thread makes, the test reads as a stream of the service would. The service is there to be
 * woken, and nobody connects to it. */
#include "base/test.h"

#include "api/private.h"
#include "net/address.h"
#include "net/listener.h"
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { PIECE = 1000, PIECES = 500, AHEAD = 4 * PIECE };

static struct api api;
static atomic_int n_freed;

/* One answer in the making, from the reader's side. */
struct reader {
    struct arena arena;
    struct http_exchange x;
    struct api_call call;
    struct buf got;
};

struct job {
    int pieces;
    int fail_behind;         /* how many pieces; -1: never */
    atomic_int n_put, error; /* bytes that were taken; what ended it */
};

static size_t body_most(void *context, const struct http_asked *asked)
{
    (void)context;
    (void)asked;
    return 0;
}

static void handle(void *context, struct http_exchange *x)
{
    (void)context;
    x->status = 404;
}

static int begin(void **state)
{
    struct address address;
    int listener;
    (void)state;
    if (address_of_listen("127.0.0.1:0", &address) || listener_open(&address, &listener)) return -1;
    struct http_service_options options = { .clock = &clock_system,
                                            .listeners = &listener,
                                            .n_listeners = 1,
                                            .n_threads = 1,
                                            .body_most = body_most,
                                            .handle = handle };
    atomic_store(&n_freed, 0);
    api = (struct api){ .makings = makings_new() };
    return api.makings ? http_service_start(&options, &api.service) : -1;
}

static int end(void **state)
{
    (void)state;
    makings_stop(api.makings);
    http_service_stop(api.service);
    makings_free(api.makings);
    return 0;
}

static void job_free(void *context)
{
    (void)context;
    atomic_fetch_add(&n_freed, 1);
}

static void make_pieces(struct making *making, void *context)
{
    struct job *job = context;
    char piece[PIECE];
    for (int i = 0; i < job->pieces && !job->error; i++) {
        if (i == job->fail_behind) {
            making_fail(making, 404, "not-found", "There is no piece %d.", i);
            return;
        }
        memset(piece, 'a' + i % 26, sizeof piece);
        job->error = making_put(making, piece, sizeof piece);
        if (!job->error) atomic_fetch_add(&job->n_put, PIECE);
    }
}

static void reader_start(struct reader *r, struct job *job)
{
    *r = (struct reader){ .x.status = 500 };
    arena_init(&r->arena, 4096, 1 << 20);
    buf_init(&r->x.headers, 4096);
    buf_init(&r->x.answer, 4096);
    buf_init(&r->got, PIECE * PIECES + 1);
    r->call = (struct api_call){ .api = &api, .x = &r->x, .arena = &r->arena };
    r->call.w = json_writer_over(&r->x.answer);
    making_start(&r->call, &(struct making_plan){ .make = make_pieces,
                                                  .free = job_free,
                                                  .context = job,
                                                  .ahead = AHEAD,
                                                  .type = "text/plain",
                                                  .filename = BYTES_LITERAL("pieces") });
}

/* Until there is something, or it is over. */
static enum http_more reader_more(struct reader *r)
{
    enum http_more more;
    while ((more = r->x.more(r->x.stream, &r->got)) == HTTP_MORE_LATER)
        sched_yield();
    return more;
}

static void reader_end(struct reader *r)
{
    if (r->x.ended) r->x.ended(r->x.stream);
    buf_free(&r->x.headers);
    buf_free(&r->x.answer);
    buf_free(&r->got);
    arena_free(&r->arena);
}

static void wait_until_freed(int n)
{
    while (atomic_load(&n_freed) < n)
        sched_yield();
    assert_int_equal(atomic_load(&n_freed), n);
}

static void what_is_made_arrives_whole_at_the_readers_pace(void **state)
{
    struct job job = { .pieces = PIECES, .fail_behind = -1 };
    struct reader r;
    enum http_more more = HTTP_MORE_YES;
    (void)state;
    reader_start(&r, &job);
    assert_int_equal(r.x.status, 200);
    assert_string_equal(r.x.type, "text/plain");
    for (;;) {
        /* It is never further ahead than it may be, and one piece. */
        size_t read = buf_length(&r.got);
        assert_true((size_t)atomic_load(&job.n_put) <= read + AHEAD + 2 * PIECE);
        if (more == HTTP_MORE_END) break;
        more = reader_more(&r);
        assert_true(more == HTTP_MORE_YES || more == HTTP_MORE_END);
    }
    assert_int_equal(buf_length(&r.got), PIECE * PIECES);
    for (size_t i = 0; i < PIECES; i++)
        assert_int_equal(buf_bytes(&r.got).p[i * PIECE + PIECE / 2], 'a' + i % 26);
    assert_int_equal(job.error, 0);
    reader_end(&r);
    wait_until_freed(1);
}

static void what_fails_before_the_first_byte_is_a_problem(void **state)
{
    struct job job = { .pieces = 1, .fail_behind = 0 };
    struct reader r;
    (void)state;
    reader_start(&r, &job);
    assert_int_equal(r.x.status, 404);
    assert_true(r.call.failed);
    assert_null(r.x.more);
    struct bytes answer = buf_bytes(&r.x.answer);
    assert_non_null(memmem(answer.p, answer.n, "There is no piece 0.", 20));
    reader_end(&r);
    wait_until_freed(1);
}

static void what_fails_behind_it_breaks_the_answer_off(void **state)
{
    struct job job = { .pieces = 9, .fail_behind = 2 };
    struct reader r;
    enum http_more more;
    (void)state;
    reader_start(&r, &job);
    assert_int_equal(r.x.status, 200);
    while ((more = reader_more(&r)) == HTTP_MORE_YES)
        ;
    assert_int_equal(more, HTTP_MORE_BROKEN);
    reader_end(&r);
    wait_until_freed(1);
}

static void a_reader_that_leaves_ends_the_making(void **state)
{
    struct job job = { .pieces = PIECES, .fail_behind = -1 };
    struct reader r;
    (void)state;
    reader_start(&r, &job);
    assert_int_equal(reader_more(&r), HTTP_MORE_YES);
    reader_end(&r);
    wait_until_freed(1);
    assert_int_equal(job.error, -EPIPE);
    assert_true(job.n_put < PIECE * PIECES);
}

static void no_more_than_three_are_made_at_once(void **state)
{
    struct job jobs[3], one_more = { .pieces = 1, .fail_behind = -1 };
    struct reader readers[3], refused;
    (void)state;
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){ .pieces = PIECES, .fail_behind = -1 };
        reader_start(&readers[i], &jobs[i]);
        assert_int_equal(readers[i].x.status, 200);
    }
    reader_start(&refused, &one_more);
    assert_int_equal(refused.x.status, 429);
    assert_int_equal(atomic_load(&n_freed), 1);
    reader_end(&refused);
    for (int i = 0; i < 3; i++)
        reader_end(&readers[i]);
    wait_until_freed(4);
}

static void at_the_services_end_what_is_made_ends_too(void **state)
{
    struct job job = { .pieces = PIECES, .fail_behind = -1 }, late = { .pieces = 1, .fail_behind = -1 };
    struct reader r, after;
    enum http_more more;
    (void)state;
    reader_start(&r, &job);
    makings_stop(api.makings);
    while ((more = reader_more(&r)) == HTTP_MORE_YES)
        ;
    assert_int_equal(more, HTTP_MORE_BROKEN);
    assert_int_equal(job.error, -EPIPE);
    reader_start(&after, &late);
    assert_int_equal(after.x.status, 429);
    reader_end(&after);
    reader_end(&r);
    wait_until_freed(2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(what_is_made_arrives_whole_at_the_readers_pace),
        TEST(what_fails_before_the_first_byte_is_a_problem),
        TEST(what_fails_behind_it_breaks_the_answer_off),
        TEST(a_reader_that_leaves_ends_the_making),
        TEST(no_more_than_three_are_made_at_once),
        TEST(at_the_services_end_what_is_made_ends_too),
    };
    return cmocka_run_group_tests_name("making", tests, NULL, NULL);
}
