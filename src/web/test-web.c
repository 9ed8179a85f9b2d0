#include "base/test.h"
#include "web/assets.h"
#include <string.h>

static bool holds(struct bytes text, const char *part)
{
    return bytes_find(text, bytes_of(part)) >= 0;
}

static const struct web_asset *first_page(void)
{
    const struct web_asset *page = web_find(BYTES_LITERAL("/"));
    assert_non_null(page);
    return page;
}

static void the_first_page_stands_at_every_page_of_its_own(void **state)
{
    (void)state;
    static const char *const paths[] = { "/approvals", "/approvals/01jd2f3g4h5k6",
                                         "/sessions",  "/sessions/A_b-9",
                                         "/policy",    "/overview",
                                         "/statements" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_ptr_equal(web_find(bytes_of(paths[i])), first_page());
    assert_string_equal(first_page()->type, "text/html; charset=utf-8");
    assert_string_equal(first_page()->cache, "no-cache");
}

static void nothing_stands_at_other_paths(void **state)
{
    (void)state;
    static const char *const paths[] = { "",
                                         "approvals",
                                         "//",
                                         "/approval",
                                         "/approvalss",
                                         "/approvals/",
                                         "/approvals/a/b",
                                         "/approvals/..",
                                         "/assets",
                                         "/assets/",
                                         "/index.html",
                                         "/v1/me",
                                         "/auth/sign-in",
                                         "/../etc/passwd",
                                         "/sessions/a%00",
                                         "/sessions/<b>" };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_null(web_find(bytes_of(paths[i])));
    assert_null(web_find(bytes_make("/\0", 2)));
    assert_null(web_find(bytes_make("/approvals/a\0b", 14)));
    assert_null(web_find(bytes_make(NULL, 0)));
}

static void what_the_first_page_names_is_there(void **state)
{
    (void)state;
    struct bytes page = first_page()->plain.bytes;
    size_t named = 0;
    for (size_t i = 0; i < web_n_assets; i++) {
        const struct web_asset *asset = &web_assets[i];
        assert_ptr_equal(web_find(bytes_of(asset->path)), asset);
        if (asset == first_page() || !holds(page, asset->path)) continue;
        named++;
        assert_true(bytes_starts_with(bytes_of(asset->path), "/assets/"));
        assert_non_null(strstr(asset->cache, "immutable"));
    }
    assert_true(named >= 2);
    ptrdiff_t at;
    while ((at = bytes_find(page, BYTES_LITERAL("\"/assets/"))) >= 0) {
        page = bytes_slice(page, (size_t)at + 1, page.n);
        ptrdiff_t end = bytes_find(page, BYTES_LITERAL("\""));
        assert_true(end > 0);
        assert_non_null(web_find(bytes_slice(page, 0, (size_t)end)));
    }
}

static void nothing_in_the_first_page_is_inline_or_from_elsewhere(void **state)
{
    (void)state;
    struct bytes page = first_page()->plain.bytes;
    static const char *const parts[] = { "<style",   " style=",  "javascript:", "://",
                                         "src=\"//", " onload=", " onclick=",   "data:" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_false(holds(page, parts[i]));
    ptrdiff_t at;
    while ((at = bytes_find(page, BYTES_LITERAL("<script"))) >= 0) {
        page = bytes_slice(page, (size_t)at + 7, page.n);
        ptrdiff_t end = bytes_find(page, BYTES_LITERAL("</script>"));
        assert_true(end > 0);
        struct bytes tag = bytes_slice(page, 0, (size_t)end);
        assert_true(holds(tag, " src=\"/assets/"));
        assert_int_equal(tag.p[tag.n - 1], '>');
    }
}

static void all_that_the_first_page_needs_is_under_100_kb_compressed(void **state)
{
    (void)state;
    size_t total = first_page()->gzip.bytes.n;
    assert_true(total > 0);
    for (size_t i = 0; i < web_n_assets; i++) {
        if (&web_assets[i] == first_page() || !holds(first_page()->plain.bytes, web_assets[i].path)) continue;
        total += web_assets[i].gzip.bytes.n ? web_assets[i].gzip.bytes.n : web_assets[i].plain.bytes.n;
    }
    assert_in_range(total, 10000, 100000);
}

static void each_form_has_its_own_etag(void **state)
{
    (void)state;
    for (size_t i = 0; i < web_n_assets; i++) {
        const struct web_asset *asset = &web_assets[i];
        assert_true(asset->plain.bytes.n > 0);
        assert_int_equal(asset->plain.etag[0], '"');
        if (!asset->gzip.bytes.n) continue;
        assert_true(asset->gzip.bytes.n < asset->plain.bytes.n);
        assert_memory_equal(asset->gzip.bytes.p, "\x1f\x8b", 2);
        assert_string_not_equal(asset->gzip.etag, asset->plain.etag);
    }
}

static void the_policy_keeps_the_pages_in(void **state)
{
    (void)state;
    static const char *const wanted[] = { "default-src 'none'",
                                          "script-src 'self'",
                                          "frame-ancestors 'none'",
                                          "base-uri 'none'",
                                          "require-trusted-types-for 'script'",
                                          "trusted-types 'none'" };
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_non_null(strstr(web_policy, wanted[i]));
    static const char *const parts[] = { "unsafe", "*", "http:", "https:", "data:", "blob:", "\r", "\n" };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_null(strstr(web_policy, parts[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_page_stands_at_every_page_of_its_own),
        cmocka_unit_test(nothing_stands_at_other_paths),
        cmocka_unit_test(what_the_first_page_names_is_there),
        cmocka_unit_test(nothing_in_the_first_page_is_inline_or_from_elsewhere),
        cmocka_unit_test(all_that_the_first_page_needs_is_under_100_kb_compressed),
        cmocka_unit_test(each_form_has_its_own_etag),
        cmocka_unit_test(the_policy_keeps_the_pages_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
