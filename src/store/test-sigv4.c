/* The four examples of the Amazon S3 API Reference, "Examples: Signature Calculations". */
#include "base/test.h"

#include "store/sigv4.h"
#include <stdio.h>

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const struct sigv4_key key = { BYTES_LITERAL("AKIAIOSFODNN7EXAMPLE"),
                                      BYTES_LITERAL("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                                      BYTES_LITERAL("us-east-1") };

static struct sigv4_request request(const char *method, const char *path, const char *hash)
{
    struct sigv4_request r = { .method = method, .path = bytes_of(path), .time = "20130524T000000Z" };
    memcpy(r.hash, hash, SIGV4_HASH);
    /* In no order. */
    r.headers[r.n_headers++] =
        (struct sigv4_pair){ BYTES_LITERAL("x-amz-date"), BYTES_LITERAL("20130524T000000Z") };
    r.headers[r.n_headers++] =
        (struct sigv4_pair){ BYTES_LITERAL("host"), BYTES_LITERAL("examplebucket.s3.amazonaws.com") };
    r.headers[r.n_headers++] = (struct sigv4_pair){ BYTES_LITERAL("x-amz-content-sha256"), bytes_of(hash) };
    return r;
}

static void add(struct sigv4_request *r, const char *name, const char *value)
{
    r->headers[r->n_headers++] = (struct sigv4_pair){ bytes_of(name), bytes_of(value) };
}

static void ask(struct sigv4_request *r, const char *name, const char *value)
{
    r->query[r->n_query++] = (struct sigv4_pair){ bytes_of(name), bytes_of(value) };
}

static void assert_signed(struct sigv4_request *r, const char *names, const char *signature)
{
    struct buf out;
    char wanted[512];
    buf_init(&out, 4096);
    sigv4_sort(r);
    sigv4_authorization(&key, r, &out);
    snprintf(wanted, sizeof wanted,
             "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
             "SignedHeaders=%s,Signature=%s",
             names, signature);
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)buf_bytes(&out).p, wanted);
    buf_free(&out);
}

static void a_range_of_an_object_is_signed(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/test.txt", EMPTY);
    add(&r, "range", "bytes=0-9");
    assert_signed(&r, "host;range;x-amz-content-sha256;x-amz-date",
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void a_put_with_a_name_that_is_escaped_is_signed(void **state)
{
    (void)state;
    struct sigv4_request r =
        request("PUT", "/test$file.text", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    add(&r, "date", "Fri, 24 May 2013 00:00:00 GMT");
    add(&r, "x-amz-storage-class", "REDUCED_REDUNDANCY");
    assert_signed(&r, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void a_query_without_a_value_is_signed(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/", EMPTY);
    ask(&r, "lifecycle", "");
    assert_signed(&r, "host;x-amz-content-sha256;x-amz-date",
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

static void a_query_in_any_order_is_signed(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/", EMPTY);
    ask(&r, "prefix", "J");
    ask(&r, "max-keys", "2");
    assert_signed(&r, "host;x-amz-content-sha256;x-amz-date",
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void what_is_sent_is_what_is_signed(void **state)
{
    (void)state;
    struct sigv4_request r = request("GET", "/b/a key/with %2F", EMPTY);
    struct buf out;
    buf_init(&out, 4096);
    ask(&r, "uploads", "");
    ask(&r, "prefix", "a/b c");
    sigv4_sort(&r);
    sigv4_target(&r, &out);
    assert_true(bytes_is(buf_bytes(&out), "/b/a%20key/with%20%252F?prefix=a%2Fb%20c&uploads="));
    buf_free(&out);
}

static void times_are_utc(void **state)
{
    (void)state;
    char text[SIGV4_TIME];
    sigv4_time(1369353600000000, text);
    assert_string_equal(text, "20130524T000000Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_of_an_object_is_signed),
        cmocka_unit_test(a_put_with_a_name_that_is_escaped_is_signed),
        cmocka_unit_test(a_query_without_a_value_is_signed),
        cmocka_unit_test(a_query_in_any_order_is_signed),
        cmocka_unit_test(what_is_sent_is_what_is_signed),
        cmocka_unit_test(times_are_utc),
    };
    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
