#include "base/test.h"

#include "api/people.h"
#include "api/sign-in.h"

static int64_t now_us = INT64_C(1795250000000000);
static int64_t get_now(const struct clock *c)
{
    (void)c;
    return now_us;
}
static const struct clock moved = { get_now, get_now };

static struct principal principal_of(const char *user)
{
    return (struct principal){ .user = bytes_of(user), .subject = bytes_of(user), .issuer = bytes_of("idp") };
}

static void a_cookie_finds_who_got_it_until_they_leave(void **state)
{
    (void)state;
    char cookie[PEOPLE_COOKIE], wrong[PEOPLE_COOKIE];
    struct people *people = people_new(&moved, 3600 * 1000000LL, 7);
    struct principal ada = principal_of("ada"), door = principal_of("ada at the door");
    assert_true(people_enter(people, &ada, &door, bytes_of("id"), 0, cookie));
    memcpy(wrong, cookie, sizeof wrong);
    wrong[0] = wrong[0] == 'A' ? 'B' : 'A';
    assert_null(people_find(people, bytes_of(wrong)));
    assert_null(people_find(people, bytes_make(cookie, 42)));
    assert_null(people_find(people, (struct bytes){ 0 }));
    struct person *person = people_find(people, bytes_of(cookie));
    assert_non_null(person);
    assert_bytes(person->principal.user, "ada");
    assert_bytes(person->door.user, "ada at the door");
    assert_int_equal(person->number, 1);
    assert_true(strlen(person->csrf) == 43 && strcmp(person->csrf, cookie) != 0);
    people_leave(people, person);
    assert_null(people_find(people, bytes_of(cookie)));
    assert_false(people_is_in(people, person));
    assert_bytes(person->principal.user, "ada"); /* whoever holds it still may read it */
    people_release(people, person);
    people_free(people);
}

static void a_sign_in_ends_by_age_and_by_idleness(void **state)
{
    (void)state;
    char cookie[PEOPLE_COOKIE];
    struct people *people = people_new(&moved, 3 * 3600 * 1000000LL, 7);
    struct principal ada = principal_of("ada");
    assert_true(people_enter(people, &ada, NULL, bytes_of(""), 0, cookie));
    for (int minutes = 0; minutes < 170; minutes += 50) {
        struct person *person = people_find(people, bytes_of(cookie));
        assert_non_null(person);
        people_release(people, person);
        now_us += 50 * 60 * 1000000LL;
    }
    assert_null(people_find(people, bytes_of(cookie))); /* 200 minutes: older than three hours */
    assert_true(people_enter(people, &ada, NULL, bytes_of(""), 0, cookie));
    now_us += 61 * 60 * 1000000LL;
    assert_null(people_find(people, bytes_of(cookie)));
    people_free(people);
}

static void the_oldest_of_too_many_sign_ins_of_one_person_gives_way(void **state)
{
    (void)state;
    char first[PEOPLE_COOKIE], other[PEOPLE_COOKIE], cookie[PEOPLE_COOKIE];
    struct people *people = people_new(&moved, 3600 * 1000000LL, 7);
    struct principal ada = principal_of("ada"), bob = principal_of("bob");
    assert_true(people_enter(people, &bob, NULL, bytes_of(""), 0, other));
    assert_true(people_enter(people, &ada, NULL, bytes_of(""), 0, first));
    for (int i = 0; i < 32; i++)
        assert_true(people_enter(people, &ada, NULL, bytes_of(""), 0, cookie));
    assert_null(people_find(people, bytes_of(first)));
    const char *there[] = { other, cookie };
    for (size_t i = 0; i < 2; i++) {
        struct person *person = people_find(people, bytes_of(there[i]));
        assert_non_null(person);
        people_release(people, person);
    }
    people_free(people);
}

static void a_begun_sign_in_opens_once_in_its_browser_and_in_time(void **state)
{
    (void)state;
    struct sign_in *s = NULL, *another = NULL;
    struct sign_in_begun begun, opened;
    char cookie[SIGN_IN_COOKIE], changed[SIGN_IN_COOKIE];
    struct api_issuer issuer = { .client = { .issuer = bytes_of("http://127.0.0.1:9") },
                                 .id = { .issuer = bytes_of("http://127.0.0.1:9"),
                                         .audience = bytes_of("x") } };
    struct api_options options = { .clock = &moved, .issuers = &issuer, .n_issuers = 1 };
    assert_int_equal(sign_in_new(&options, &s), 0);
    assert_int_equal(sign_in_new(&options, &another), 0);
    assert_true(sign_in_begin(s, 0, bytes_of("/x?y"), &begun, cookie));
    assert_string_equal(begun.to, "/x?y");
    assert_true(sign_in_open(s, bytes_of(begun.state), bytes_of(cookie), &opened));
    assert_memory_equal(&opened, &begun, sizeof begun);
    assert_false(sign_in_open(s, bytes_of(begun.nonce), bytes_of(cookie), &opened));
    assert_false(sign_in_open(another, bytes_of(begun.state), bytes_of(cookie), &opened));
    for (size_t i = 0; i < strlen(cookie); i += 97) {
        memcpy(changed, cookie, sizeof changed);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(sign_in_open(s, bytes_of(begun.state), bytes_of(changed), &opened));
    }
    assert_false(sign_in_open(s, bytes_of(begun.state), (struct bytes){ 0 }, &opened));
    assert_true(sign_in_spend(s, &begun));
    assert_false(sign_in_spend(s, &begun));
    assert_false(sign_in_open(s, bytes_of(begun.state), bytes_of(cookie), &opened));
    assert_true(sign_in_begin(s, 0, bytes_of("//elsewhere"), &begun, cookie));
    assert_string_equal(begun.to, "/");
    now_us += 601 * 1000000LL;
    assert_false(sign_in_open(s, bytes_of(begun.state), bytes_of(cookie), &opened));
    sign_in_free(s);
    sign_in_free(another);
}

static void a_path_of_ours_leads_nowhere_else(void **state)
{
    (void)state;
    static const char *const bad[] = { "",         "x",    "//x",   "/\\x",  "\\x",
                                       "http://x", "/a b", "/a\nb", "/a\\b", "/\x7F" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sign_in_path_is_ours(bytes_of(bad[i])));
    assert_true(sign_in_path_is_ours(bytes_of("/")) &&
                sign_in_path_is_ours(bytes_of("/approvals/06g?x=//y#z")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cookie_finds_who_got_it_until_they_leave),
        cmocka_unit_test(a_sign_in_ends_by_age_and_by_idleness),
        cmocka_unit_test(the_oldest_of_too_many_sign_ins_of_one_person_gives_way),
        cmocka_unit_test(a_begun_sign_in_opens_once_in_its_browser_and_in_time),
        cmocka_unit_test(a_path_of_ours_leads_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
