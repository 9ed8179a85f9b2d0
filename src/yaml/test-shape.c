/* A shape with a field of every type, and all that its readers make of it. */
#include "base/test.h"

#include "yaml/shape.h"

struct inner {
    const struct yaml_node *at;
    struct bytes name;
    int64_t wait_us;
};
enum colour { RED = 0, GREEN };
struct outer {
    const struct yaml_node *at;
    struct bytes text, path;
    bool flag;
    int64_t number, size, duration_us;
    enum colour colour;
    struct yaml_secret secret;
    struct yaml_texts texts;
    struct yaml_map map, templates;
    struct inner one;
    struct {
        struct inner *items;
        size_t n;
    } many;
    struct yaml_nodes nodes;
};

static const char *const colours[] = { "red", "green", NULL };
static const char *const names[] = { "user", "session", NULL };
static const struct yaml_field inner_fields[] = {
    { "name", YAML_TEXT, YAML_AT(inner, name), "A name.", .required = true, .example = "x" },
    { "wait", YAML_DURATION, YAML_AT(inner, wait_us), "A time.", .fallback = "5s", .min = 1000000,
      .max = 60000000 },
};
static const struct yaml_shape inner_shape = {
    "an inner", sizeof(struct inner), inner_fields, 2, "name", NULL
};
static const struct yaml_field outer_fields[] = {
    { "text", YAML_TEXT, YAML_AT(outer, text), "A \"text\".", .fallback = "plain" },
    { "path", YAML_PATH, YAML_AT(outer, path), "A path.", .example = "a/b" },
    { "flag", YAML_BOOL, YAML_AT(outer, flag), "A flag.", .fallback = "true" },
    { "number", YAML_NUMBER, YAML_AT(outer, number), "A number.", .min = 1, .max = 65535 },
    { "size", YAML_SIZE, YAML_AT(outer, size), "A size.", .fallback = "1kB", .min = 1 },
    { "duration", YAML_DURATION, YAML_AT(outer, duration_us), "A duration." },
    { "colour", YAML_CHOICE, YAML_AT(outer, colour), "A colour.", .choices = colours },
    { "secret", YAML_SECRET, YAML_AT(outer, secret), "A secret." },
    { "texts", YAML_TEXTS, YAML_AT(outer, texts), "Texts.", .fallback = "one" },
    { "map", YAML_TEXT_MAP, YAML_AT(outer, map), "A map." },
    { "templates", YAML_TEXT_MAP, YAML_AT(outer, templates), "Templates.", .choices = names },
    { "one", YAML_OBJECT, YAML_AT(outer, one), "One.", .shape = &inner_shape },
    { "many", YAML_OBJECTS, YAML_AT(outer, many), "Many.", .shape = &inner_shape },
    { "nodes", YAML_NODES, YAML_AT(outer, nodes), "Nodes.", .shape = &inner_shape },
    { "gone", YAML_ABSENT, 0, "is not supported by this version" },
};
static const struct yaml_shape outer_shape = { "an outer",   sizeof(struct outer),
                                               outer_fields, sizeof outer_fields / sizeof *outer_fields,
                                               NULL,         NULL };

struct fixture {
    struct arena arena;
    struct yaml_errors errors;
    struct buf said;
    struct outer outer;
};

static bool reading(struct fixture *f, const char *text)
{
    arena_init(&f->arena, 4096, YAML_ARENA_CEILING);
    yaml_errors_init(&f->errors);
    buf_init(&f->said, 1 << 20);
    struct yaml_reader reader = { &f->arena, &f->errors, BYTES_LITERAL("/etc/x") };
    const struct yaml_node *root = yaml_tree_parse(bytes_of(text), BYTES_LITERAL("f"), &f->arena, &f->errors);
    assert_non_null(root);
    return yaml_read(&reader, root, &outer_shape, &f->outer);
}

static void end(struct fixture *f)
{
    arena_free(&f->arena);
    yaml_errors_free(&f->errors);
    buf_free(&f->said);
}

static void expect_errors(const char *text, const char *expected)
{
    struct fixture f;
    assert_false(reading(&f, text));
    yaml_errors_print(&f.errors, &f.said);
    buf_put_u8(&f.said, 0);
    assert_string_equal((const char *)buf_bytes(&f.said).p, expected);
    end(&f);
}

static void an_absent_key_has_its_default(void **state)
{
    (void)state;
    struct fixture f;
    assert_true(reading(&f, "number:\n"));
    assert_bytes(f.outer.text, "plain");
    assert_int_equal(f.outer.path.n, 0);
    assert_true(f.outer.flag);
    assert_true(f.outer.size == 1024 && f.outer.number == 0);
    assert_int_equal(f.outer.colour, RED);
    assert_int_equal(f.outer.secret.source, YAML_SOURCE_NONE);
    assert_int_equal(f.outer.texts.n, 1);
    assert_null(f.outer.one.at);
    assert_true(f.outer.one.wait_us == 5000000);
    end(&f);
}

static void every_type_is_read(void **state)
{
    (void)state;
    struct fixture f;
    assert_true(
        reading(&f, "text: ${\npath: a\nflag: false\nnumber: 7\nsize: 2MB\nduration: 1h\ncolour: green\n") ==
        false);
    end(&f);
    assert_true(reading(
        &f, "text: t\npath: a\nflag: false\nnumber: 7\nsize: 2MB\nduration: 1h\ncolour: green\n"
            "secret: '${file:kek}'\ntexts: [a, b]\nmap: { k: [v, w], l: x }\n"
            "templates: { a.b: 'x ${user} ${session}$ $' }\none: short\nmany: [a, { name: b, wait: 1m }]\n"
            "nodes: [{ any: thing }]\n"));
    assert_bytes(f.outer.path, "/etc/x/a");
    assert_false(f.outer.flag);
    assert_true(f.outer.number == 7 && f.outer.size == 2 << 20 && f.outer.duration_us == 3600000000);
    assert_int_equal(f.outer.colour, GREEN);
    assert_int_equal(f.outer.secret.source, YAML_SOURCE_FILE);
    assert_bytes(f.outer.secret.name, "/etc/x/kek");
    assert_int_equal(f.outer.texts.n, 2);
    assert_bytes(f.outer.map.items[0].values.items[1], "w");
    assert_bytes(f.outer.map.items[1].key, "l");
    assert_bytes(f.outer.templates.items[0].values.items[0], "x ${user} ${session}$ $");
    assert_bytes(f.outer.one.name, "short");
    assert_int_equal(f.outer.many.n, 2);
    assert_true(f.outer.many.items[0].wait_us == 5000000 && f.outer.many.items[1].wait_us == 60000000);
    assert_int_equal(f.outer.nodes.n, 1);
    end(&f);
}

static void every_mistake_is_told_at_once(void **state)
{
    (void)state;
    expect_errors(
        "text: []\npath: ''\nflag: yes\nnumber: 65536\nsize: 0\nduration: 5\ncolour: blue\nsecret: hunter2\n"
        "texts: []\nmap: 1\ntemplates: { a: '${usr}', b: [x] }\none: { nme: x, wait: 2m }\nmany: [{}]\n"
        "nodes: x\ngone: 1\ntxt: 1\n",
        "f:1:7: \"text\" is a text\n"
        "f:2:7: \"path\" is empty\n"
        "f:3:7: \"flag\" is true or false\n"
        "f:4:9: \"number\" is a whole number from 1 to 65535\n"
        "f:5:7: \"size\" is a size like 64kB or 16MB of at least 1B\n"
        "f:6:11: \"duration\" is a duration like 30s, 15m, 8h or 400d\n"
        "f:7:9: \"colour\" is red or green\n"
        "f:8:9: \"secret\" is ${env:NAME}, ${file:PATH} or ${exec:CMD}, never the secret itself\n"
        "f:9:8: \"texts\" is an empty list\n"
        "f:10:6: \"map\" is a map of texts\n"
        "f:11:17: unknown \"${\" in \"templates\"; it knows ${user} and ${session}\n"
        "f:11:30: each value of \"templates\" is a text\n"
        "f:12:6: an inner needs \"name\"\n"
        "f:12:8: unknown key \"nme\"; did you mean \"name\"?\n"
        "f:12:22: \"wait\" is a duration like 30s, 15m, 8h or 400d from 1s to 1m\n"
        "f:13:8: an inner needs \"name\"\n"
        "f:14:8: \"nodes\" is a list\n"
        "f:15:7: \"gone\" is not supported by this version\n"
        "f:16:1: unknown key \"txt\"; did you mean \"text\"?\n");
    expect_errors("[a]\n", "f:1:1: an outer is a map of keys and values\n");
    expect_errors("many:\n- a\n-\n", "f:3:2: an inner is a map of keys and values, and this is empty\n");
    expect_errors("text: a ${env:X}\n",
                  "f:1:7: \"${\" means nothing in \"text\": nothing is filled in here\n");
}

static void only_three_forms_name_a_secret(void **state)
{
    (void)state;
    static const char *const wrong[] = { "'${env:1X}'",  "'${env:}'",   "'${file:}'",  "'${exec:}'",
                                         "'${vault:x}'", "'x${env:X}'", "'${env:X} '", "'${env:A}${env:B}'",
                                         "'${env:X'",    "[x]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct fixture f;
        struct buf text;
        buf_init(&text, 100);
        buf_printf(&text, "secret: %s\n%c", wrong[i], 0);
        assert_false(reading(&f, (const char *)buf_bytes(&text).p));
        end(&f);
        buf_free(&text);
    }
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    struct fixture f, g;
    struct buf again;
    assert_true(reading(
        &f,
        "path: /a\nsecret: '${exec:get -p hunter2}'\nmany: [a, { name: 'b\"', wait: 1m }]\nflag: false\n"
        "map: { k: [v] }\ntemplates: { t: '' }\nnodes: [{ a: [] }, { b: { c: d } }]\none: { name: o }\n"));
    yaml_shape_print(&outer_shape, &f.outer, YAML_PRINT_WHOLE, &f.said);
    buf_put_u8(&f.said, 0);
    assert_true(reading(&g, (const char *)buf_bytes(&f.said).p));
    buf_init(&again, 1 << 20);
    yaml_shape_print(&outer_shape, &g.outer, YAML_PRINT_WHOLE, &again);
    buf_put_u8(&again, 0);
    assert_string_equal((const char *)buf_bytes(&again).p, (const char *)buf_bytes(&f.said).p);
    assert_true(bytes_find(buf_bytes(&again), BYTES_LITERAL("hunter2")) > 0);
    buf_consume(&again, buf_length(&again));
    yaml_shape_print(&outer_shape, &g.outer, YAML_PRINT_HIDE, &again);
    assert_true(bytes_find(buf_bytes(&again), BYTES_LITERAL("hunter2")) < 0);
    buf_free(&again);
    end(&f);
    end(&g);
}

static void the_defaults_are_yaml_that_reads(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text;
    buf_init(&text, 65536);
    yaml_shape_print_defaults(&outer_shape, &text);
    buf_put_u8(&text, 0);
    assert_true(bytes_find(buf_bytes(&text), BYTES_LITERAL("# A colour.\ncolour: red\n")) > 0);
    assert_true(bytes_find(buf_bytes(&text), BYTES_LITERAL("# A path.\n# path: a/b\n")) > 0);
    assert_true(bytes_find(buf_bytes(&text), BYTES_LITERAL("gone")) < 0);
    assert_true(reading(&f, (const char *)buf_bytes(&text).p) == false);
    yaml_errors_print(&f.errors, &f.said);
    assert_bytes(buf_bytes(&f.said), "f:39:3: an inner needs \"name\"\n");
    end(&f);
    buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_key_has_its_default),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(every_mistake_is_told_at_once),
        cmocka_unit_test(only_three_forms_name_a_secret),
        cmocka_unit_test(what_is_printed_reads_back_the_same),
        cmocka_unit_test(the_defaults_are_yaml_that_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
