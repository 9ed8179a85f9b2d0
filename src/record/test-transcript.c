/* Tests of the transcript: what it tells of hand-made frames, written down as lines. */
#include "record/sent.h"
#include "record/test-frames.h"
#include "record/transcript.h"
#include <stdio.h>

static void put(struct buf *out, struct bytes text)
{
    if (text.p) buf_append(out, text);
}

static void put_values(struct buf *out, const struct transcript_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_append_text(out, i ? "|" : "");
        if (v[i].null)
            buf_append_text(out, "NULL");
        else
            put(out, v[i].text);
        if (!v[i].understood) buf_append_text(out, "?");
    }
}

static void put_fields(void *context, struct bytes name, struct bytes value)
{
    struct buf *out = context;
    buf_printf(out, " %.*s=%.*s", BYTES_FMT(name), BYTES_FMT(value));
}

/* One line an event. */
static void tell(void *context, const struct transcript_event *e)
{
    struct buf *out = context;
    buf_printf(out, "%s %u/%u", transcript_kind_name(e->kind), e->sequence, e->run);
    switch (e->kind) {
    case EVENT_START:
    case EVENT_END:
    case EVENT_CONTEXT: frame_fields_each(e->of.fields, put_fields, out); break;
    case EVENT_STATEMENT:
        buf_printf(out, " p%d ", (int)e->of.statement.protocol);
        if (e->of.statement.text) put(out, e->of.statement.text->text);
        if (e->of.statement.has_parameters) buf_append_text(out, " <- ");
        put_values(out, e->of.statement.parameters, e->of.statement.n_parameters);
        break;
    case EVENT_PREPARE:
        buf_printf(out, " %.*s (%zu)", BYTES_FMT(e->of.prepare.name), e->of.prepare.n_types);
        break;
    case EVENT_ROW:
        buf_append_text(out, " ");
        for (size_t i = 0; i < e->of.row.n_columns; i++)
            buf_printf(out, "%.*s,", BYTES_FMT(e->of.row.columns[i].name));
        buf_append_text(out, " ");
        put_values(out, e->of.row.values, e->of.row.n_values);
        break;
    case EVENT_COMPLETE:
        buf_printf(out, " %.*s how=%d rows=%d us=%d", BYTES_FMT(e->of.complete.tag), (int)e->of.complete.how,
                   (int)e->of.complete.rows, (int)e->of.complete.us);
        break;
    case EVENT_REPORT:
        buf_printf(out, " %s %.*s %.*s", e->of.report.origin == ORIGIN_GATEWAY ? "gateway" : "server",
                   BYTES_FMT(e->of.report.sqlstate), BYTES_FMT(e->of.report.message));
        if (e->of.report.text) buf_printf(out, " rule=%.*s", BYTES_FMT(e->of.report.text->rule));
        break;
    case EVENT_DAMAGED: buf_printf(out, " %.*s", BYTES_FMT(e->of.message)); break;
    default: break;
    }
    buf_append_text(out, "\n");
}

static void check_told(struct frames *f, size_t ceiling, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct transcript *t = transcript_new(ceiling);
    assert_non_null(t);
    for (size_t i = 0; i < f->n; i++)
        transcript_feed(t, &f->frame[i], tell, &out);
    transcript_free(t);
    buf_put_u8(&out, 0);
    assert_string_equal((const char *)buf_bytes(&out).p, expected);
    buf_free(&out);
    frames_free(f);
}

static struct frames f;

static void test_simple(void **state)
{
    (void)state;
    frames_init(&f, 7);
    frames_fields(&f, FRAME_SESSION_START, "principal", "ada", "connection", "orders", NULL);
    frames_text(&f, 1, "select 1 as a, 'x' as b", "allow", "p", "allow", "SELECT", "read", NULL);
    uint32_t run = frames_query(&f, 1);
    frames_description(&f, 1, "a", 23, 0, "b", 25, 0, NULL);
    frames_rows_begin(&f, run, 1);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("1"), BYTES_LITERAL("x") }, 2);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("2"), { 0 } }, 2);
    frames_end(&f, FRAME_ROWS, 0);
    frames_complete(&f, run, 2, 812, RUN_COMPLETED, "SELECT 2");
    frames_fields(&f, FRAME_SESSION_END, "reason", "client", NULL);
    check_told(&f, 1 << 20,
               "start 1/0 principal=ada connection=orders\ntext 2/0\n"
               "statement 3/3 p0 select 1 as a, 'x' as b\n"
               "row 5/3 a,b, 1|x\nrow 5/3 a,b, 2|NULL\n"
               "complete 6/3 SELECT 2 how=0 rows=2 us=812\nend 7/0 reason=client\n");
}

static void test_extended(void **state)
{
    (void)state;
    struct bytes values[] = { BYTES_LITERAL("\0\0\1\0"), { 0 }, BYTES_LITERAL("\x01") };
    frames_init(&f, 7);
    frames_text(&f, 1, "select $1", "allow", "p", "allow", "SELECT", "read", NULL);
    frames_parse(&f, 1, "s", (uint32_t[]){ 23, 25, 0 }, 3);
    frames_bind(&f, "", "s", 1, values, 3, 1);
    uint32_t run = frames_execute(&f, 1, 3, "", 0);
    /* The statement's description says text; the Bind asked for binary, and that is what rows are in. */
    frames_description(&f, 4, "n", 23, 0, NULL);
    frames_rows_begin(&f, run, 4);
    frames_row(&f, (struct bytes[]){ BYTES_LITERAL("\0\0\0\7") }, 1);
    frames_end(&f, FRAME_ROWS, 0);
    frames_complete(&f, run, 1, 5, RUN_COMPLETED, "SELECT 1");
    /* A later description tells the type that Parse left open. */
    buf_append(&f.body, BYTES_LITERAL("s\0\0\3\0\0\0\x17\0\0\0\x19\0\0\0\x10"));
    frames_end(&f, FRAME_PARAMETER_DESCRIPTION, 0);
    frames_execute(&f, 1, 3, "", 0);
    frames_execute(&f, 1, 99, "", 0);
    check_told(&f, 1 << 20,
               "text 1/0\nprepare 2/0 s (3)\nstatement 4/4 p1 select $1 <- 256|NULL|\\x01?\n"
               "row 6/4 n, 7\ncomplete 7/4 SELECT 1 how=0 rows=1 us=5\n"
               "statement 9/9 p1 select $1 <- 256|NULL|t\nstatement 10/10 p1 select $1\n");
}

static void test_refusal(void **state)
{
    (void)state;
    frames_init(&f, 7);
    frames_text(&f, 1, "drop table t", "deny", "p", "no-drop", "DROP TABLE", "schema.drop", "t");
    uint32_t run = frames_query(&f, 1);
    frames_error(&f, FRAME_ERROR, run, ORIGIN_GATEWAY, "ERROR", "42501", "DROP TABLE is denied", NULL, NULL);
    frames_complete(&f, run, 0, 0, RUN_REFUSED, "");
    frames_error(&f, FRAME_NOTICE, 0, ORIGIN_SERVER, "NOTICE", "00000", "hello", NULL, NULL);
    check_told(&f, 1 << 20,
               "text 1/0\nstatement 2/2 p0 drop table t\n"
               "report 3/2 gateway 42501 DROP TABLE is denied rule=no-drop\n"
               "complete 4/2  how=5 rows=0 us=0\nreport 5/0 server 00000 hello\n");
}

static void test_alike(void **state)
{
    (void)state;
    frames_init(&f, 7);
    frames_text(&f, 1, "delete from t where id = 1", "deny", "p", "no-delete", "DELETE", "delete", "t");
    buf_put_u32(&f.body, 2);
    struct frame_fields fields = frame_fields_begin(&f.body);
    frame_fields_add_text(&fields, "text", "delete from t where id = 2");
    frame_fields_add_text(&fields, "as", "1");
    frames_end(&f, FRAME_TEXT, 0);
    uint32_t run = frames_query(&f, 2);
    frames_error(&f, FRAME_ERROR, run, ORIGIN_GATEWAY, "ERROR", "42501", "no", NULL, NULL);
    check_told(&f, 1 << 20,
               "text 1/0\ntext 2/0\nstatement 3/3 p0 delete from t where id = 2\n"
               "report 4/3 gateway 42501 no rule=no-delete\n");
}

/* The text of the last statement as it was sent, and the columns' states of the last row and end. */
struct sent {
    char text[200], outputs[100], ended[100];
};
static void keep_sent(void *context, const struct transcript_event *e)
{
    struct sent *s = context;
    if (e->kind == EVENT_STATEMENT && e->of.statement.text)
        snprintf(s->text, sizeof s->text, "%.*s", BYTES_FMT(e->of.statement.text->sent));
    if (e->kind == EVENT_ROW) snprintf(s->outputs, sizeof s->outputs, "%.*s", BYTES_FMT(e->of.row.outputs));
    if (e->kind == EVENT_COMPLETE)
        snprintf(s->ended, sizeof s->ended, "%.*s", BYTES_FMT(e->of.complete.outputs));
}

static void assert_sent(const char *text)
{
    struct sent s = { .text = "none" };
    struct transcript *t = transcript_new(1 << 20);
    for (size_t i = 0; i < f.n; i++)
        transcript_feed(t, &f.frame[i], keep_sent, &s);
    assert_string_equal(s.text, text);
    transcript_free(t);
}

static void begin_edited(const char *text, const struct sql_edit *edits, size_t n)
{
    struct buf field;
    frames_init(&f, 7);
    buf_init(&field, 1024);
    if (n) assert_true(sent_edits_write(edits, n, &field));
    buf_put_u32(&f.body, 1);
    struct frame_fields fields = frame_fields_begin(&f.body);
    frame_fields_add_text(&fields, "text", text);
    frame_fields_add(&fields, "edits", buf_bytes(&field));
    frame_fields_add_text(&fields, "outputs.1", "-, masked");
    frame_fields_add_text(&fields, "outputs.2", "clear");
    frames_end(&f, FRAME_TEXT, 0);
    buf_free(&field);
}

static void test_sent(void **state)
{
    (void)state;
    struct sql_edit edits[] = { { .at = 14, .insert = BYTES_LITERAL("public.") },
                                { .at = 24, .insert = BYTES_LITERAL("$2"), .remove = 2 } };
    begin_edited("select * from t where i=$1 and j=5", edits, 2);
    frames_query(&f, 1);
    assert_sent("select * from public.t where i=$2 and j=5");
    buf_put_u32(&f.body, 1); /* another text of the template, which came with its run */
    buf_append_text(&f.body, "select * from t where i=$1 and j=555555");
    frames_end(&f, FRAME_QUERY, 0);
    assert_sent("select * from public.t where i=$2 and j=555555");
    frames_query(&f, 9);
    frames_free(&f);
    /* Places that are none: nothing is made up. */
    edits[1].at = 13;
    begin_edited("select * from t where i=$1 and j=5", edits, 2);
    frames_query(&f, 1);
    assert_sent("");
    frames_free(&f);
    edits[0] = (struct sql_edit){ .at = 30, .remove = 5 };
    begin_edited("select * from t where i=$1 and j=5", edits, 1);
    frames_query(&f, 1);
    assert_sent("");
    frames_free(&f);
    begin_edited("select 1", NULL, 0);
    frames_query(&f, 1);
    assert_sent("");
    frames_free(&f);
}

static void test_outputs(void **state)
{
    (void)state;
    struct bytes values[] = { BYTES_LITERAL("1"), BYTES_LITERAL("x") };
    struct sent s = { "", "", "" };
    struct transcript *t = transcript_new(1 << 20);
    begin_edited("select a, b from t; select c from t", NULL, 0);
    uint32_t run = frames_query(&f, 1);
    frames_rows_begin(&f, run, 0);
    frames_row(&f, values, 2);
    frames_end(&f, FRAME_ROWS, 0);
    size_t first = f.n;
    frames_complete(&f, run, 1, 1, RUN_COMPLETED, "SELECT 1");
    frames_rows_begin(&f, run, 0);
    frames_row(&f, values, 1);
    frames_end(&f, FRAME_ROWS, 0);
    for (size_t i = 0; i < first; i++)
        transcript_feed(t, &f.frame[i], keep_sent, &s);
    assert_string_equal(s.outputs, "-, masked");
    for (size_t i = first; i < f.n; i++)
        transcript_feed(t, &f.frame[i], keep_sent, &s);
    assert_string_equal(s.outputs, "clear");
    assert_string_equal(s.ended, ""); /* the run's own text: its rows said so */
    transcript_free(t);
    frames_free(&f);
}

static void test_own_text(void **state)
{
    (void)state;
    frames_init(&f, 7);
    frames_text(&f, 1, "select 1", "deny", "p", "no-select", "SELECT", "read", NULL);
    buf_put_u32(&f.body, 1);
    buf_append_text(&f.body, "select 2");
    uint32_t run = frames_end(&f, FRAME_QUERY, 0);
    frames_error(&f, FRAME_ERROR, run, ORIGIN_GATEWAY, "ERROR", "42501", "no", NULL, NULL);
    frames_query(&f, 1);
    check_told(&f, 1 << 20,
               "text 1/0\nstatement 2/2 p0 select 2\nreport 3/2 gateway 42501 no rule=no-select\n"
               "statement 4/4 p0 select 1\n");
}

static void test_call(void **state)
{
    (void)state;
    frames_init(&f, 7);
    buf_append(&f.body, BYTES_LITERAL("\0\0\0\x63\0\1\0\0\0\1\0\0\0\2h"));
    frames_end(&f, FRAME_CALL, FRAME_PART);
    buf_append(&f.body, BYTES_LITERAL("i\0\0"));
    frames_end(&f, FRAME_CALL, 0);
    buf_append(&f.body, BYTES_LITERAL("\0\0\0\1\0\0\0\0V\0\0\0\x0a\0\0\0\2ok"));
    frames_end(&f, FRAME_ROWS, 0);
    check_told(&f, 1 << 20, "statement 2/1 p2  <- hi\nrow 3/1  ok\n");
}

static void test_pieces(void **state)
{
    (void)state;
    frames_init(&f, 7);
    buf_put_u32(&f.body, 1);
    struct frame_fields fields = frame_fields_begin(&f.body);
    frame_fields_add_text(&fields, "text", "select 'a long text'");
    struct bytes whole = buf_bytes(&f.body);
    uint8_t copy[100];
    size_t n = whole.n;
    memcpy(copy, whole.p, n);
    buf_consume(&f.body, n);
    buf_append(&f.body, bytes_make(copy, 12));
    frames_end(&f, FRAME_TEXT, FRAME_PART);
    buf_append(&f.body, bytes_make(copy + 12, n - 12));
    frames_end(&f, FRAME_TEXT, 0);
    uint32_t run = frames_query(&f, 1);
    frames_rows_begin(&f, run, 0);
    buf_append(&f.body, BYTES_LITERAL("D\0\0\0\x0c\0\1\0\0\0\2h"));
    frames_end(&f, FRAME_ROWS, FRAME_PART);
    frames_rows_begin(&f, run, 0);
    buf_append(&f.body, BYTES_LITERAL("i"));
    frames_end(&f, FRAME_ROWS, 0);
    /* Pieces whose rest is missing. */
    frames_rows_begin(&f, run, 0);
    buf_append(&f.body, BYTES_LITERAL("D\0\0\0\x0c\0\1"));
    frames_end(&f, FRAME_ROWS, FRAME_PART);
    frames_complete(&f, run, 1, 1, RUN_COMPLETED, "SELECT 1");
    check_told(&f, 1 << 20,
               "text 2/0\nstatement 3/3 p0 select 'a long text'\nrow 5/3  hi\n"
               "damaged 7/0 the rest of the frame before this one is missing\n"
               "complete 7/3 SELECT 1 how=0 rows=1 us=1\n");
}

static void test_damage(void **state)
{
    (void)state;
    frames_init(&f, 7);
    frames_text(&f, 1, "select 1", "allow", "p", "allow", "SELECT", "read", NULL);
    buf_append(&f.body, BYTES_LITERAL("xx"));
    frames_end(&f, FRAME_EXECUTE, 0);
    buf_append(&f.body, BYTES_LITERAL("\0\0\0\1\0\0\0\0D\0\0\0\x0e\0\1\0\0\0\2hi\0\0"));
    frames_end(&f, FRAME_ROWS, 0);
    frames_end(&f, (enum frame_type)200, 0);
    frames_query(&f, 1);
    check_told(&f, 1 << 20,
               "text 1/0\ndamaged 2/0 its body is malformed\ndamaged 3/0 its body is malformed\nother 4/0\n"
               "statement 5/5 p0 select 1\n");
}

static void test_ceiling(void **state)
{
    (void)state;
    char text[600];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    frames_init(&f, 7);
    for (uint32_t i = 1; i <= 1000; i++)
        frames_text(&f, i, text, "allow", NULL, NULL, NULL, NULL, NULL);
    struct transcript *t = transcript_new(256 * 1024);
    struct buf out;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < f.n; i++)
        transcript_feed(t, &f.frame[i], tell, &out);
    buf_consume(&out, buf_length(&out));
    size_t before = f.n;
    frames_query(&f, 1);
    frames_query(&f, 1000);
    transcript_feed(t, &f.frame[before], tell, &out);
    transcript_feed(t, &f.frame[before + 1], tell, &out);
    assert_true(bytes_starts_with(buf_bytes(&out), "statement 1001/1001 p0 \nstatement 1002/1002 p0 xxx"));
    transcript_free(t);
    buf_free(&out);
    frames_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "a simple query comes with its text, rows and outcome", test_simple, NULL, NULL, NULL },
        { "binary parameters and rows are read by their types", test_extended, NULL, NULL, NULL },
        { "a refusal names the rule of its text", test_refusal, NULL, NULL, NULL },
        { "a text that is said to be like another is judged like it", test_alike, NULL, NULL, NULL },
        { "the text as it was sent is put together of the text and its edits, and of no others", test_sent,
          NULL, NULL, NULL },
        { "rows tell what their columns are, statement by statement", test_outputs, NULL, NULL, NULL },
        { "a run that carries its text is judged like the one it names", test_own_text, NULL, NULL, NULL },
        { "a function call is known by its first piece, and its answer is a row of one value", test_call,
          NULL, NULL, NULL },
        { "pieces are put together, and a missing rest is said", test_pieces, NULL, NULL, NULL },
        { "a malformed body is one damaged event and no more", test_damage, NULL, NULL, NULL },
        { "what is remembered has a ceiling, and the oldest is forgotten", test_ceiling, NULL, NULL, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
