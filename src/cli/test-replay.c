/* Tests of the three forms of a replay: hand-made frames, and the whole text that comes of them. */
#include "cli/replay.h"
#include "record/test-frames.h"
#include <jansson.h>

static struct frames f;

static void to_text(void *context, const struct transcript_event *e)
{
    replay_text(context, e);
}
static void to_json(void *context, const struct transcript_event *e)
{
    replay_json(context, e);
}
static void to_sql(void *context, const struct transcript_event *e)
{
    replay_sql(context, e);
}
static void to_scout(void *context, const struct transcript_event *e)
{
    replay_sql_scout(context, e);
}

static void feed(struct replay *r, void (*form)(void *context, const struct transcript_event *e))
{
    struct transcript *t = transcript_new(16 << 20);
    assert_non_null(t);
    for (size_t i = 0; i < f.n; i++)
        transcript_feed(t, &f.frame[i], form, r);
    transcript_free(t);
}

static void play(struct buf *out, void (*form)(void *context, const struct transcript_event *e), bool colour)
{
    struct replay r;
    buf_init(out, 16 << 20);
    replay_init(&r, out, f.session);
    r.rows_most = 2;
    r.colour = colour;
    if (form == to_sql) {
        feed(&r, to_scout);
        replay_sql_begin(&r);
    }
    feed(&r, form);
    if (form == to_text) replay_text_finish(&r);
    if (form == to_sql) replay_sql_finish(&r);
    buf_put_u8(out, 0);
    out->end--;
    replay_free(&r);
}

static void make_day(void)
{
    struct bytes values[] = { BYTES_LITERAL("\0\0\0\x2a"), BYTES_LITERAL("it's a \\ test"), { 0 } };
    frames_init(&f, 7);
    frames_fields(&f, FRAME_SESSION_START, "principal", "ada", "connection", "orders", "claim.prompt",
                  "tidy up\nplease", NULL);
    frames_text(&f, 1, "SELECT id, name\n  FROM t", "allow", "p", "allow: read", "SELECT", "read", "t");
    uint32_t run = frames_query(&f, 1);
    frames_description(&f, 1, "id", 23, 0, "name", 25, 0, NULL);
    frames_rows_begin(&f, run, 1);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("1"), BYTES_LITERAL("two\nlines") }, 2);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("22"), { 0 } }, 2);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("333"), BYTES_LITERAL("x") }, 2);
    frames_end(&f, FRAME_ROWS, 0);
    frames_complete(&f, run, 3, 812, RUN_COMPLETED, "SELECT 3");
    frames_text(&f, 2, "DROP TABLE t", "deny", "p", "no-drop", "DROP TABLE", "schema.drop", "t");
    run = frames_query(&f, 2);
    frames_error(&f, FRAME_ERROR, run, ORIGIN_GATEWAY, "ERROR", "42501", "DROP TABLE is denied",
                 "Rule no-drop.", "Ask.");
    frames_complete(&f, run, 0, 0, RUN_REFUSED, "");
    frames_text(&f, 3, "INSERT INTO t VALUES ($1, $2, $3)", "allow", "p", "allow", "INSERT", "write", "t");
    frames_parse(&f, 3, "", (uint32_t[]){ 23, 25, 0 }, 3);
    uint32_t bind = frames_bind(&f, "", "", 1, values, 3, 0);
    run = frames_execute(&f, 3, bind, "", 0);
    uint32_t skipped = frames_execute(&f, 3, bind, "", 0);
    frames_complete(&f, run, 1, 2500000, RUN_COMPLETED, "INSERT 0 1");
    frames_complete(&f, skipped, 0, 10, RUN_SKIPPED, "");
    frames_text(&f, 4, "COPY t FROM STDIN", "allow", "p", "allow", "COPY", "write, bulk_in", "t");
    run = frames_query(&f, 4);
    buf_put_u32(&f.body, run);
    buf_append(&f.body, BYTES_LITERAL("1\ta\n2\tb"));
    frames_end(&f, FRAME_COPY_IN, 0);
    frames_complete(&f, run, 2, 90, RUN_COMPLETED, "COPY 2");
    frames_fields(&f, FRAME_SESSION_END, "reason", "client", NULL);
}

static void test_text(void **state)
{
    (void)state;
    struct buf out;
    make_day();
    play(&out, to_text, false);
    assert_string_equal((const char *)buf_bytes(&out).p,
                        "session 0000000000007  2026-11-21 08:33:20 UTC\n"
                        "  principal    ada\n"
                        "  connection   orders\n"
                        "  prompt*      tidy up\n"
                        "               please\n"
                        "  (* is what the client claims; the rest is verified or observed)\n"
                        "\n   +0.002 s  #3  SELECT id, name\n"
                        "                   FROM t\n"
                        " id | name  \n"
                        "----+-------\n"
                        "  1 | two  +\n"
                        "    | lines\n"
                        " 22 | \n"
                        "… 1 more\n"
                        "(3 rows)\n"
                        "  SELECT 3  812 µs\n"
                        "\n   +0.007 s  #8  DROP TABLE t\n"
                        "  refused by policy p, rule no-drop\n"
                        "  ERROR 42501  (by the gateway) DROP TABLE is denied\n"
                        "    DETAIL  Rule no-drop.\n"
                        "    HINT  Ask.\n"
                        "\n   +0.013 s  #14  INSERT INTO t VALUES ($1, $2, $3)\n"
                        "  $1 = '42'  integer\n"
                        "  $2 = 'it's a \\ test'  text\n"
                        "  $3 = NULL\n"
                        "\n   +0.014 s  #15  INSERT INTO t VALUES ($1, $2, $3)\n"
                        "  $1 = '42'  integer\n"
                        "  $2 = 'it's a \\ test'  text\n"
                        "  $3 = NULL\n"
                        "  of #14:\n"
                        "  INSERT 0 1  2.50 s\n"
                        "  of #15:\n"
                        "  skipped: an earlier statement of the pipeline failed  10 µs\n"
                        "\n   +0.018 s  #19  COPY t FROM STDIN\n"
                        "  COPY in: 7 bytes\n"
                        "  COPY 2  90 µs\n"
                        "\n   +0.021 s  #22  end\n"
                        "  reason       client\n");
    buf_free(&out);
    frames_free(&f);
}

static void test_found(void **state)
{
    (void)state;
    struct buf out;
    frames_init(&f, 7);
    frames_text(&f, 1, "TABLE t", "allow", "p", "allow", "SELECT", "read", "t");
    uint32_t run = frames_query(&f, 1);
    buf_put_u32(&f.body, run);
    frames_fields(&f, FRAME_FOUND, "2.card_number.masked", "3", "0.email.shown", "1", "more", "7", NULL);
    frames_complete(&f, run, 3, 812, RUN_COMPLETED, "SELECT 3");
    play(&out, to_text, false);
    assert_string_equal((const char *)buf_bytes(&out).p, "\n   +0.001 s  #2  TABLE t\n"
                                                         "  3 card_number masked in column 2\n"
                                                         "  1 email shown\n"
                                                         "  7 more\n"
                                                         "  SELECT 3  812 µs\n");
    buf_free(&out);
    play(&out, to_json, false);
    assert_non_null(
        strstr((const char *)buf_bytes(&out).p,
               "\"fields\":{\"2.card_number.masked\":\"3\",\"0.email.shown\":\"1\",\"more\":\"7\"}"));
    buf_free(&out);
    frames_free(&f);
}

static void test_sql(void **state)
{
    (void)state;
    struct buf out;
    make_day();
    play(&out, to_sql, false);
    assert_string_equal((const char *)buf_bytes(&out).p,
                        "-- What session 0000000000007 asked, for psql. Refused statements are comments.\n"
                        "\n-- 2026-11-21 08:33:20 UTC, #3\n"
                        "SELECT id, name\n  FROM t\n;\n"
                        "\n-- 2026-11-21 08:33:20 UTC, #8\n"
                        "-- not run: DROP TABLE t\n"
                        "-- refused: DROP TABLE is denied\n"
                        "\n-- 2026-11-21 08:33:20 UTC, #14\n"
                        "PREPARE postern_14 (integer, text, unknown) AS\n"
                        "INSERT INTO t VALUES ($1, $2, $3)\n;\n"
                        "EXECUTE postern_14 ('42', E'it''s a \\\\ test', NULL);\n"
                        "DEALLOCATE postern_14;\n"
                        "\n-- 2026-11-21 08:33:20 UTC, #15\n"
                        "-- not run: INSERT INTO t VALUES ($1, $2, $3)\n"
                        "\n-- 2026-11-21 08:33:20 UTC, #19\n"
                        "COPY t FROM STDIN\n;\n1\ta\n2\tb\n\\.\n");
    buf_free(&out);
    frames_free(&f);
}

static void test_json(void **state)
{
    (void)state;
    struct buf out;
    size_t n = 0;
    make_day();
    play(&out, to_json, false);
    char *line = (char *)(uintptr_t)buf_bytes(&out).p;
    for (char *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        json_error_t error;
        json_t *object = json_loadb(line, (size_t)(end - line), JSON_REJECT_DUPLICATES, &error);
        if (!object) fail_msg("%s in %.*s", error.text, (int)(end - line), line);
        assert_true(json_is_string(json_object_get(object, "event")));
        assert_true(json_is_integer(json_object_get(object, "sequence")));
        json_decref(object);
    }
    assert_int_equal(n, 22);
    assert_non_null(
        strstr((const char *)buf_bytes(&out).p,
               "\"parameters\":[{\"value\":\"42\",\"oid\":23,\"type\":\"integer\",\"binary\":true},"));
    assert_non_null(strstr((const char *)buf_bytes(&out).p, "\"values\":[\"22\",null]"));
    buf_free(&out);
    frames_free(&f);
}

/* What a client can write anywhere: nothing of it may reach a terminal as a control or a mark. */
#define EVIL "\x1b[2J\x9b\r\x07\xc2\x9b\xe2\x80\xae\xe2\x80\x8b\xff\n\\! rm\n\x1b]0;x\x07"

static void make_evil(void)
{
    frames_init(&f, 7);
    frames_fields(&f, FRAME_SESSION_START, "principal", EVIL, "claim.prompt", EVIL, "claim." EVIL, EVIL,
                  NULL);
    frames_text(&f, 1, EVIL, "deny", EVIL, EVIL, EVIL, EVIL, EVIL);
    uint32_t run = frames_query(&f, 1);
    frames_description(&f, 1, EVIL, 25, 0, NULL);
    frames_rows_begin(&f, run, 1);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL(EVIL) }, 1);
    frames_end(&f, FRAME_ROWS, 0);
    frames_error(&f, FRAME_ERROR, run, ORIGIN_SERVER, EVIL, EVIL, EVIL, EVIL, EVIL);
    frames_complete(&f, run, 0, 0, RUN_COMPLETED, EVIL);
    frames_parse(&f, 1, EVIL, NULL, 0);
    uint32_t bind = frames_bind(&f, EVIL, EVIL, 0, (struct bytes[]){ BYTES_LITERAL(EVIL) }, 1, 0);
    frames_execute(&f, 1, bind, EVIL, 0);
    frames_fields(&f, FRAME_CONTEXT, EVIL, EVIL, NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", EVIL, "state", "denied", "by_user", EVIL, "reason", EVIL,
                  NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", EVIL, "state", EVIL, "why", EVIL, NULL);
}

static void make_custody(void)
{
    frames_init(&f, 7);
    frames_fields(&f, FRAME_APPROVAL, "request", "r1", "state", "asked", "by", "dba, lead", "approvals", "2",
                  "rows", "12", "expires", "2026-11-21T09:00:00Z", NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", "r1", "state", "approved", "by_user", "cleo", "by_issuer",
                  "https://idp", "reason", "it is old", "via", "web", NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", "r1", "event", "decided", "state", "waiting", "decision",
                  "approve", "by_user", "cleo", NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", "r1", "state", "used", NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", "r2", "state", "withdrawn", "why", "The client left.", NULL);
    frames_fields(&f, FRAME_APPROVAL, "request", "r3", "state", "from a later version", NULL);
}

static void test_custody(void **state)
{
    (void)state;
    static const char *const words[] = {
        "asked for approval of dba, lead (2 different people), until 2026-11-21T09:00:00Z; it would change "
        "12 "
        "rows",
        "approved by cleo, for whom https://idp vouched, via web, saying: it is old",
        "approved by cleo; another approval is needed",
        "used its approval: it may run now, once",
        "withdrawn: The client left.",
    };
    struct buf text, json;
    make_custody();
    play(&text, to_text, false);
    play(&json, to_json, false);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char line[300], member[300];
        snprintf(line, sizeof line, "  approval: %s\n", words[i]);
        snprintf(member, sizeof member, "\"words\":\"%s\",\"fields\"", words[i]);
        assert_non_null(strstr((const char *)buf_bytes(&text).p, line));
        assert_non_null(strstr((const char *)buf_bytes(&json).p, member));
    }
    assert_non_null(strstr((const char *)buf_bytes(&text).p, "#6  approval\n"));
    buf_free(&text);
    buf_free(&json);
    frames_free(&f);
}

static void test_masked(void **state)
{
    (void)state;
    struct buf json;
    frames_init(&f, 7);
    buf_put_u32(&f.body, 1);
    struct frame_fields fields = frame_fields_begin(&f.body);
    frame_fields_add_text(&fields, "text", "select id, mail from t");
    frame_fields_add_text(&fields, "outputs", "-, masked");
    frames_end(&f, FRAME_TEXT, 0);
    uint32_t run = frames_query(&f, 1);
    frames_description(&f, 1, "id", 23, 0, "mail", 25, 0, NULL);
    frames_rows_begin(&f, run, 1);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("1"), BYTES_LITERAL("x") }, 2);
    frames_end(&f, FRAME_ROWS, 0);
    frames_complete(&f, run, 1, 1, RUN_COMPLETED, "SELECT 1");
    play(&json, to_json, false);
    assert_non_null(strstr((const char *)buf_bytes(&json).p,
                           "\"columns\":[{\"name\":\"id\",\"oid\":23,\"type\":\"integer\"},"
                           "{\"name\":\"mail\",\"oid\":25,\"type\":\"text\",\"masked\":true}]"));
    buf_free(&json);
    frames_free(&f);
}

static void test_hostile(void **state)
{
    (void)state;
    void (*forms[])(void *, const struct transcript_event *) = { to_text, to_json, to_sql };
    for (size_t i = 0; i < 3; i++) {
        struct buf out;
        make_evil();
        play(&out, forms[i], false);
        struct bytes b = buf_bytes(&out);
        for (size_t k = 0; k < b.n; k++)
            if ((b.p[k] < 0x20 && b.p[k] != '\n') || b.p[k] == 0x7F)
                fail_msg("form %zu lets \\x%02x through", i, b.p[k]);
        assert_true(bytes_is_utf8(b));
        assert_true(bytes_find(b, BYTES_LITERAL("\xe2\x80\xae")) < 0 &&
                    bytes_find(b, BYTES_LITERAL("\xc2\x9b")) < 0);
        assert_true(bytes_find(b, BYTES_LITERAL("\n\\!")) < 0);
        buf_free(&out);
        frames_free(&f);
    }
}

static void test_colour(void **state)
{
    (void)state;
    struct buf coloured, plain, stripped;
    make_day();
    play(&coloured, to_text, true);
    play(&plain, to_text, false);
    buf_init(&stripped, 1 << 20);
    struct bytes b = buf_bytes(&coloured);
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] != 0x1b)
            buf_put_u8(&stripped, b.p[i]);
        else
            while (b.p[i] != 'm')
                i++;
    }
    assert_true(b.n > buf_length(&plain));
    assert_true(bytes_equal(buf_bytes(&stripped), buf_bytes(&plain)));
    buf_free(&coloured);
    buf_free(&plain);
    buf_free(&stripped);
    frames_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a day reads as people expect", test_text, NULL, NULL, NULL },
        { "what was found in a result stands before its end", test_found, NULL, NULL, NULL },
        { "a held statement's life is told in sentences", test_custody, NULL, NULL, NULL },
        { "columns that a mask stands in are marked", test_masked, NULL, NULL, NULL },
        { "the script asks what ran, and only that", test_sql, NULL, NULL, NULL },
        { "each event is one JSON object", test_json, NULL, NULL, NULL },
        { "nothing that a client writes reaches the terminal as a control", test_hostile, NULL, NULL, NULL },
        { "colours add nothing but colours", test_colour, NULL, NULL, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
