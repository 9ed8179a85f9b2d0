/* What answers mean, from a scripted server that knows GET and HEAD. */
#include "base/test.h"

#include "http/server.h"
#include "store/s3-file.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { LONG_MS = 300000 };

struct fixture {
    struct http_server *server;
    struct s3 *s3;
    char endpoint[64];
    _Atomic int n_requests;
    atomic_bool endless;  /* each page of versions names another */
    _Atomic int failures; /* how many requests are answered with 503 first */
};

static void answer(void *context, struct bytes path, struct http_answer *out)
{
    struct fixture *f = context;
    f->n_requests++;
    out->status = 200;
    if (f->failures > 0) {
        f->failures--;
        out->status = 503;
        buf_append_text(&out->body, "<Error><Code>SlowDown</Code></Error>");
    } else if (bytes_starts_with(path, "/bucket/there")) {
        out->headers = "ETag: \"e1\"\r\nx-amz-version-id: v1\r\nx-amz-meta-sha256: abc\r\n"
                       "x-amz-object-lock-mode: COMPLIANCE\r\n"
                       "x-amz-object-lock-retain-until-date: 2026-11-22T00:00:00.000Z\r\n"
                       "x-amz-object-lock-legal-hold: ON\r\n";
        buf_append_text(&out->body, "0123456789");
    } else if (bytes_starts_with(path, "/bucket/denied")) {
        out->status = 403;
        buf_append_text(&out->body, "<Error><Code>AccessDenied</Code></Error>");
    } else if (bytes_starts_with(path, "/bucket/moved")) {
        out->status = 301;
        out->headers = "Location: /bucket/there\r\n";
    } else if (bytes_starts_with(path, "/bucket/")) {
        out->status = 404;
        buf_append_text(&out->body, "<Error><Code>NoSuchKey</Code></Error>");
    } else if (f->endless) {
        buf_append_text(&out->body, "<ListVersionsResult><IsTruncated>true</IsTruncated>"
                                    "<NextKeyMarker>x</NextKeyMarker></ListVersionsResult>");
    } else {
        buf_append_text(
            &out->body,
            "<ListBucketResult><Contents><Key>a</Key><Size>3</Size></Contents><Contents><Key>b</Key>"
            "<Size>4</Size></Contents><IsTruncated>false</IsTruncated></ListBucketResult>");
    }
}

static int begin(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    *state = f;
    if (!f || http_server_new(answer, f, LONG_MS, &f->server)) return -1;
    snprintf(f->endpoint, sizeof f->endpoint, "http://127.0.0.1:%u", http_server_port(f->server));
    struct s3_options options = { .clock = &clock_system,
                                  .endpoint = bytes_of(f->endpoint),
                                  .region = BYTES_LITERAL("us-east-1"),
                                  .bucket = BYTES_LITERAL("bucket"),
                                  .access_key = BYTES_LITERAL("key"),
                                  .secret_key = BYTES_LITERAL("secret"),
                                  .tries = 3,
                                  .rest_us = 1000,
                                  .deadline_us = LONG_MS * 1000LL };
    f->s3 = s3_new(&options);
    return f->s3 ? 0 : -1;
}

static int end(void **state)
{
    struct fixture *f = *state;
    s3_free(f->s3);
    http_server_free(f->server);
    free(f);
    return 0;
}

static void what_is_told_of_an_object_is_read(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    assert_int_equal(s3_head(f->s3, BYTES_LITERAL("there"), (struct bytes){ 0 }, &a), S3_DONE);
    assert_string_equal(a.etag, "e1");
    assert_string_equal(a.version, "v1");
    assert_string_equal(a.sha256, "abc");
    assert_int_equal(a.bytes, 10);
    assert_int_equal(a.lock.mode, S3_LOCK_COMPLIANCE);
    assert_int_equal(a.lock.until_s, 1795305600);
    assert_true(a.lock.hold);
}

static void what_may_pass_is_asked_again_and_a_no_is_not(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    struct buf out;
    buf_init(&out, 100);
    f->failures = 2;
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("there"), (struct bytes){ 0 }, 0, 0, &out, &a), S3_DONE);
    assert_int_equal(a.tries, 3);
    assert_true(bytes_is(buf_bytes(&out), "0123456789"));
    buf_consume(&out, 10);
    f->failures = 3;
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("there"), (struct bytes){ 0 }, 0, 0, &out, &a), S3_FAILED);
    assert_string_equal(a.code, "SlowDown");
    assert_int_equal(buf_length(&out), 0);
    f->n_requests = 0;
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("denied"), (struct bytes){ 0 }, 0, 0, &out, &a), S3_REFUSED);
    assert_string_equal(a.code, "AccessDenied");
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("other"), (struct bytes){ 0 }, 0, 0, &out, &a), S3_MISSING);
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("moved"), (struct bytes){ 0 }, 0, 0, &out, &a), S3_REFUSED);
    assert_int_equal(f->n_requests, 3);
    buf_free(&out);
}

static void a_service_without_ranges_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(s3_get(f->s3, BYTES_LITERAL("there"), (struct bytes){ 0 }, 5, 5, &out, &a), S3_REFUSED);
    buf_free(&out);
}

static void names_that_mean_something_to_a_path_are_refused(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    static const char *const bad[] = { "/a", "a b", "a?b", "a#b",  "a%2F",   "\xC3\xA9", "a//b",
                                       "a/", "..",  ".",   "../a", "a/../b", "a/./b",    "a/.." };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(s3_head(f->s3, bytes_of(bad[i]), (struct bytes){ 0 }, &a), S3_REFUSED);
    assert_int_equal(f->n_requests, 0);
    static const char *const good[] = { "a", "a/b.c", "..a/b..", "a/.b/...", "!-_.*'()" };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(s3_key_is_good(bytes_of(good[i])));
}

static void note(void *context, const struct s3_listed *object)
{
    buf_printf(context, "%.*s=%d ", BYTES_FMT(object->key), (int)object->bytes);
}

static void a_listing_is_visited(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    struct buf out;
    buf_init(&out, 100);
    assert_int_equal(s3_list(f->s3, BYTES_LITERAL("x"), note, &out, &a), S3_DONE);
    assert_true(bytes_is(buf_bytes(&out), "a=3 b=4 "));
    buf_free(&out);
}

static void ignore_version(void *context, const char *version, uint64_t bytes)
{
    (void)context;
    (void)version;
    (void)bytes;
}

static void a_listing_that_does_not_end_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    atomic_store(&f->endless, true);
    assert_int_equal(s3_versions(f->s3, BYTES_LITERAL("x"), ignore_version, NULL, &a), S3_FAILED);
    assert_string_equal(a.why, "its listing does not end");
    assert_true(f->n_requests <= 1000);
}

static void what_was_called_off_ends_at_once(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    atomic_bool cancel = true;
    struct s3_options options = { .clock = &clock_system,
                                  .endpoint = bytes_of(f->endpoint),
                                  .region = BYTES_LITERAL("r"),
                                  .bucket = BYTES_LITERAL("bucket"),
                                  .cancel = &cancel,
                                  .tries = 1000000,
                                  .rest_us = 3600LL * 1000000 };
    struct s3 *s3 = s3_new(&options);
    assert_int_equal(s3_head(s3, BYTES_LITERAL("there"), (struct bytes){ 0 }, &a), S3_FAILED);
    s3_free(s3);
}

static void an_object_of_other_content_is_found(void **state)
{
    struct fixture *f = *state;
    struct s3_answer a;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite("0123456789", 1, 10, file), 10);
    assert_int_equal(fflush(file), 0);
    struct s3_object object = { .key = BYTES_LITERAL("there"), .sha256 = "abc" };
    /* It has this length and names this sum: taken as sent. */
    assert_int_equal(s3_file_send(f->s3, &object, fileno(file), 10, &a), S3_DONE);
    assert_string_equal(a.version, "v1");
    snprintf(object.sha256, sizeof object.sha256, "abd");
    assert_int_equal(s3_file_send(f->s3, &object, fileno(file), 10, &a), S3_EXISTS);
    char sum[65];
    assert_int_equal(s3_file_hash(fileno(file), 10, sum), 0);
    assert_string_equal(sum, "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
    assert_true(s3_file_hash(fileno(file), 11, sum) < 0);
    fclose(file);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_told_of_an_object_is_read, begin, end),
        cmocka_unit_test_setup_teardown(what_may_pass_is_asked_again_and_a_no_is_not, begin, end),
        cmocka_unit_test_setup_teardown(a_service_without_ranges_is_not_believed, begin, end),
        cmocka_unit_test_setup_teardown(names_that_mean_something_to_a_path_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_listing_is_visited, begin, end),
        cmocka_unit_test_setup_teardown(a_listing_that_does_not_end_is_given_up, begin, end),
        cmocka_unit_test_setup_teardown(what_was_called_off_ends_at_once, begin, end),
        cmocka_unit_test_setup_teardown(an_object_of_other_content_is_found, begin, end),
    };
    return cmocka_run_group_tests_name("s3", tests, NULL, NULL);
}
