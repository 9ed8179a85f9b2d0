#include "base/test.h"

#include "yaml/tree.h"
#include <stdlib.h>

struct fixture {
    struct arena arena;
    struct yaml_errors errors;
    struct buf said;
};

static void begin(struct fixture *f)
{
    arena_init(&f->arena, 4096, YAML_ARENA_CEILING);
    yaml_errors_init(&f->errors);
    buf_init(&f->said, 1 << 20);
}

static void end(struct fixture *f)
{
    arena_free(&f->arena);
    yaml_errors_free(&f->errors);
    buf_free(&f->said);
}

static void expect_error(struct bytes text, const char *expected)
{
    struct fixture f;
    begin(&f);
    assert_null(yaml_tree_parse(text, BYTES_LITERAL("postern.yaml"), &f.arena, &f.errors));
    yaml_errors_print(&f.errors, &f.said);
    buf_put_u8(&f.said, 0);
    assert_string_equal((const char *)buf_bytes(&f.said).p, expected);
    end(&f);
}

static void nodes_know_their_place(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    const struct yaml_node *root =
        yaml_tree_parse(BYTES_LITERAL("a: 1\nb:\n  - x\n  - { ä: 'y', z: \"\" }\nc: ~\n"), BYTES_LITERAL("f"),
                        &f.arena, &f.errors);
    assert_non_null(root);
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->n, 3);
    const struct yaml_node *b = yaml_tree_get(root, "b");
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->items[1]->place.line, 4);
    assert_int_equal(b->items[1]->place.column, 5);
    /* Columns count characters. */
    const struct yaml_node *z = yaml_tree_get(b->items[1], "z");
    assert_int_equal(z->place.column, 18);
    assert_int_equal(z->kind, YAML_SCALAR);
    assert_int_equal(yaml_tree_get(root, "c")->kind, YAML_NULL);
    assert_null(yaml_tree_get(root, "d"));
    assert_null(yaml_tree_get(b, "a"));
    end(&f);
}

static void what_is_ambiguous_is_refused_with_its_place(void **state)
{
    (void)state;
    expect_error(BYTES_LITERAL("a: 1\nb: 2\na: 3\n"),
                 "postern.yaml:3:1: duplicate key \"a\"; it is also on line 1\n");
    expect_error(BYTES_LITERAL("a: &x 1\n"), "postern.yaml:1:4: anchors are not supported\n");
    expect_error(BYTES_LITERAL("a: *x\n"), "postern.yaml:1:4: aliases are not supported\n");
    expect_error(BYTES_LITERAL("a: !!str 1\n"), "postern.yaml:1:4: tags are not supported\n");
    expect_error(BYTES_LITERAL("a: !x [1]\n"), "postern.yaml:1:4: tags are not supported\n");
    expect_error(BYTES_LITERAL("? [a]\n: 1\n"), "postern.yaml:1:3: a key is a text\n");
    expect_error(BYTES_LITERAL("a: 1\n---\nb: 2\n"),
                 "postern.yaml:2:1: a second document in one file is not supported\n");
    expect_error(BYTES_LITERAL("a: \"\\0\"\n"), "postern.yaml:1:4: this text holds a NUL or is not UTF-8\n");
    expect_error(BYTES_LITERAL("a: b: c\n"),
                 "postern.yaml:1:5: mapping values are not allowed in this context\n");
    expect_error(BYTES_LITERAL("a: \"\xff\"\n"), "postern.yaml:1:1: invalid leading UTF-8 octet\n");
    expect_error(BYTES_LITERAL("a: [1\n"), "postern.yaml:2:1: did not find expected ',' or ']'\n");
}

static void ceilings_are_kept(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4 << 20);
    for (int i = 0; i < 100000; i++)
        buf_put_u8(&text, '[');
    expect_error(buf_bytes(&text), "postern.yaml:1:33: nested deeper than 32 levels\n");
    buf_free(&text);
    for (int i = 0; i <= YAML_WIDTH_CEILING; i++)
        buf_append_text(&text, "- a\n");
    expect_error(buf_bytes(&text), "postern.yaml:4097:3: more than 4096 items\n");
    buf_free(&text);
    for (int i = 0; i <= YAML_BYTES_CEILING / 4; i++)
        buf_append_text(&text, "#   ");
    expect_error(buf_bytes(&text), "postern.yaml: the file is too large: more than 1048576 bytes\n");
    buf_free(&text);
    for (int i = 0; i <= YAML_KEY_CEILING; i++)
        buf_append_text(&text, "k");
    buf_append_text(&text, ": 1\n");
    expect_error(buf_bytes(&text), "postern.yaml:1:1: a key is longer than 200 bytes\n");
    buf_free(&text);
}

static void printing_and_parsing_again_gives_the_same_text(void **state)
{
    (void)state;
    struct fixture f;
    struct buf again;
    begin(&f);
    buf_init(&again, 1 << 20);
    const struct yaml_node *root =
        yaml_tree_parse(BYTES_LITERAL("a: [1, {b: null, c: [], d: {}}, [[x]]]\n'q\"': |\n  two\n  lines\ne: "
                                      "\"\\t\\x85\\u2028\\uFEFF\\uFFFF\\\\\"\n"),
                        BYTES_LITERAL("f"), &f.arena, &f.errors);
    assert_non_null(root);
    yaml_tree_print(root, 0, &f.said);
    root = yaml_tree_parse(buf_bytes(&f.said), BYTES_LITERAL("f"), &f.arena, &f.errors);
    assert_non_null(root);
    assert_bytes(yaml_tree_get(root, "e")->text, "\t\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf\\");
    yaml_tree_print(root, 0, &again);
    assert_true(bytes_equal(buf_bytes(&f.said), buf_bytes(&again)));
    buf_free(&again);
    end(&f);
}

static void errors_come_in_the_order_of_their_places_and_are_counted_past_twenty(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (uint32_t i = 30; i > 0; i--)
        yaml_errors_add(&f.errors, (struct yaml_place){ BYTES_LITERAL("f"), i, 1 }, "line %u\n", i);
    assert_int_equal(yaml_errors_count(&f.errors), 30);
    yaml_errors_print(&f.errors, &f.said);
    struct bytes said = buf_bytes(&f.said);
    assert_true(bytes_starts_with(said, "f:11:1: line 11\\x0a\nf:12:1: line 12\\x0a\n"));
    assert_bytes(bytes_slice(said, said.n - 16, 16), "… and 10 more\n");
    end(&f);
}

static void the_nearest_name_is_one_that_could_be_meant(void **state)
{
    (void)state;
    static const char *const names[] = { "listen", "limits", "tls", "data" };
    assert_string_equal(yaml_nearest(BYTES_LITERAL("lisen"), names, 4), "listen");
    assert_string_equal(yaml_nearest(BYTES_LITERAL("limit"), names, 4), "limits");
    assert_string_equal(yaml_nearest(BYTES_LITERAL("lts"), names, 4), "tls");
    assert_null(yaml_nearest(BYTES_LITERAL("whatever"), names, 4));
    assert_null(yaml_nearest(BYTES_LITERAL(""), names, 4));
    assert_null(yaml_nearest(BYTES_LITERAL("a23456789b123456789c123456789d123456789e1"), names, 4));
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_null(yaml_tree_load("/nowhere/x.yaml", &f.arena, &f.errors));
    yaml_errors_print(&f.errors, &f.said);
    assert_bytes(buf_bytes(&f.said), "/nowhere/x.yaml: cannot be read: No such file or directory\n");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_know_their_place),
        cmocka_unit_test(what_is_ambiguous_is_refused_with_its_place),
        cmocka_unit_test(ceilings_are_kept),
        cmocka_unit_test(printing_and_parsing_again_gives_the_same_text),
        cmocka_unit_test(errors_come_in_the_order_of_their_places_and_are_counted_past_twenty),
        cmocka_unit_test(the_nearest_name_is_one_that_could_be_meant),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
