/* Tests of the index: hand-made sessions taken in block by block, asked in every way, and taken in again
 * after a batch that was cut off. */
#include "base/test-folder.h"
#include "record/index.h"
#include "record/test-frames.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

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

/* Two sessions: ada's reads and is refused a drop and fails once; bert's deletes. */
enum { ADA = 1000, BERT = 2000 };
static struct frames ada, bert;

static void make_ada(void)
{
    frames_init(&ada, ADA);
    frames_fields(&ada, FRAME_SESSION_START, "principal", "ada", "issuer", "https://idp", "machine", "true",
                  "connection", "orders", "database", "orders", "client", "127.0.0.1", "claim.task", "T-17",
                  "policies", "agents", NULL);
    frames_text(&ada, 1, "SELECT * FROM public.customers WHERE email = 'secret@example.com'", "allow",
                "agents", "allow: read", "SELECT", "read", "public.customers");
    for (int i = 0; i < 3; i++) {
        uint32_t run = frames_query(&ada, 1);
        frames_complete(&ada, run, 5, 100, RUN_COMPLETED, "SELECT 5");
    }
    frames_text(&ada, 2, "DROP TABLE audit_log", "deny", "agents", "no-drop", "DROP TABLE", "schema.drop",
                "audit_log");
    uint32_t run = frames_query(&ada, 2);
    frames_error(&ada, FRAME_ERROR, run, ORIGIN_GATEWAY, "ERROR", "42501", "DROP TABLE is denied", NULL,
                 NULL);
    frames_complete(&ada, run, 0, 0, RUN_REFUSED, "");
    run = frames_query(&ada, 1);
    frames_error(&ada, FRAME_ERROR, run, ORIGIN_SERVER, "ERROR", "42P01", "value secret-value-7 is bad", NULL,
                 NULL);
    frames_complete(&ada, run, 0, 50, RUN_FAILED, "");
    frames_fields(&ada, FRAME_SESSION_END, "reason", "client", NULL);
}

static void make_bert(void)
{
    frames_init(&bert, BERT);
    bert.time_us += INT64_C(3600000000);
    frames_fields(&bert, FRAME_SESSION_START, "principal", "bert", "connection", "stock", NULL);
    frames_text(&bert, 1, "delete from orders where id = 7", "allow", "staff", "allow", "DELETE",
                "delete, read", "orders");
    uint32_t run = frames_query(&bert, 1);
    frames_complete(&bert, run, 1, 900, RUN_COMPLETED, "DELETE 1");
    frames_fields(&bert, FRAME_CONTEXT, "task", "Größe-漢", NULL);
}

struct feed {
    const struct frames *frames;
    size_t at, end;
    int fail_at; /* answer -EIO there; -1: never */
};

static int next(void *context, struct frame *frame_out)
{
    struct feed *f = context;
    if (f->fail_at >= 0 && f->at == (size_t)f->fail_at) return -EIO;
    if (f->at == f->end) return 0;
    *frame_out = f->frames->frame[f->at++];
    return 1;
}

/* Feeds a session in blocks of `size` frames, one batch a block. position counts on. */
static void feed_session(struct index *index, const struct frames *frames, size_t size, uint64_t *position)
{
    struct index_progress progress = { 0 };
    for (size_t at = 0; at < frames->n; at += size) {
        struct feed feed = { frames, at, at + size < frames->n ? at + size : frames->n, -1 };
        struct record_block block = { .position = *position,
                                      .next_position = *position + 10,
                                      .session = frames->session,
                                      .time_us = frames->frame[at].time_us };
        assert_int_equal(index_batch_begin(index, 0), 0);
        assert_int_equal(index_batch_block(index, &block, next, &feed, &progress), 0);
        assert_int_equal(index_batch_commit(index), 0);
        *position += 10;
    }
    assert_int_equal(progress.damaged, 0);
}

static struct index *make_index(size_t block_size)
{
    struct index *index = NULL;
    uint64_t position = 0;
    make_ada();
    make_bert();
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    feed_session(index, &ada, block_size, &position);
    feed_session(index, &bert, block_size, &position);
    return index;
}

static void free_index(struct index *index)
{
    index_free(index);
    frames_free(&ada);
    frames_free(&bert);
}

static void see_session(void *context, const struct index_session *s)
{
    buf_printf(context, "%llu %.*s %.*s n=%llu refused=%llu errors=%llu rows=%llu %s task=%.*s;",
               (unsigned long long)s->id, BYTES_FMT(s->principal), BYTES_FMT(s->connection),
               (unsigned long long)s->statements, (unsigned long long)s->refused,
               (unsigned long long)s->errors, (unsigned long long)s->rows, s->ended_us ? "ended" : "open",
               BYTES_FMT(s->task));
}

static void see_hit(void *context, const struct index_hit *h)
{
    buf_printf(context, "%llu %.*s n=%llu errors=%llu rows=%llu us=%lld %.*s %.*s/%.*s [%.*s] #%u-%u;",
               (unsigned long long)h->session, BYTES_FMT(h->tags), (unsigned long long)h->executions,
               (unsigned long long)h->errors, (unsigned long long)h->rows, (long long)h->us,
               BYTES_FMT(h->decision), BYTES_FMT(h->policy), BYTES_FMT(h->rule), BYTES_FMT(h->error),
               h->first_sequence, h->last_sequence);
}

#define ADA_LINE  "1000 ada orders n=5 refused=1 errors=1 rows=15 ended task=T-17;"
#define BERT_LINE "2000 bert stock n=1 refused=0 errors=0 rows=1 open task=Größe-漢;"
#define READ_HIT  "1000 SELECT n=4 errors=1 rows=15 us=350 allow agents/allow: read [42P01] #3-13;"
#define DROP_HIT  "1000 DROP TABLE n=1 errors=1 rows=0 us=0 deny agents/no-drop [42501] #10-10;"
#define DEL_HIT   "2000 DELETE n=1 errors=0 rows=1 us=900 allow staff/allow [] #3-3;"

static void check_sessions(struct index *index, struct index_filter filter, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(index_sessions(index, &filter, see_session, &out), 0);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void check_search(struct index *index, struct index_filter filter, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    assert_int_equal(index_search(index, &filter, &(struct index_after){ 0 }, see_hit, &out), 0);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void check_everything(struct index *index)
{
    check_sessions(index, (struct index_filter){ 0 }, BERT_LINE ADA_LINE);
    check_search(index, (struct index_filter){ 0 }, DEL_HIT READ_HIT DROP_HIT);
}

#define TEXTS(...)                                                                                           \
    .texts = (struct bytes[]){ __VA_ARGS__ },                                                                \
    .n_texts = sizeof((struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes)

static void test_questions(void **state)
{
    (void)state;
    struct index *index = make_index(100);
    check_everything(index);
    check_sessions(index, (struct index_filter){ .principal = BYTES_LITERAL("ada") }, ADA_LINE);
    check_sessions(index, (struct index_filter){ .connection = BYTES_LITERAL("stock") }, BERT_LINE);
    check_sessions(index, (struct index_filter){ .verdict = BYTES_LITERAL("deny") }, ADA_LINE);
    check_sessions(index, (struct index_filter){ .error = BYTES_LITERAL("42P01") }, ADA_LINE);
    check_sessions(index, (struct index_filter){ .limit = 1 }, BERT_LINE);
    check_sessions(index, (struct index_filter){ .since_us = bert.frame[0].time_us }, BERT_LINE);
    check_sessions(index, (struct index_filter){ .until_us = bert.frame[0].time_us }, ADA_LINE);
    check_sessions(index, (struct index_filter){ .session = ADA }, ADA_LINE);
    check_sessions(index, (struct index_filter){ .principal = BYTES_LITERAL("' OR 1=1 --") }, "");
    check_search(index, (struct index_filter){ .verdict = BYTES_LITERAL("error") }, READ_HIT DROP_HIT);
    check_search(index, (struct index_filter){ .error = BYTES_LITERAL("42") }, READ_HIT DROP_HIT);
    check_search(index, (struct index_filter){ .relation = BYTES_LITERAL("customers") }, READ_HIT);
    check_search(index, (struct index_filter){ .relation = BYTES_LITERAL("public.customers") }, READ_HIT);
    check_search(index, (struct index_filter){ .relation = BYTES_LITERAL("ustomers") }, "");
    check_search(index, (struct index_filter){ .effect = BYTES_LITERAL("read") }, DEL_HIT READ_HIT);
    check_search(index, (struct index_filter){ .effect = BYTES_LITERAL("schema") }, DROP_HIT);
    check_search(index, (struct index_filter){ .effect = BYTES_LITERAL("schema.drop") }, DROP_HIT);
    free_index(index);
}

static void test_words(void **state)
{
    (void)state;
    struct index *index = make_index(100);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("customers")) }, READ_HIT);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("drop table")) }, DROP_HIT);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("table drop")) }, "");
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("table"), BYTES_LITERAL("DROP")) },
                 DROP_HIT);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("cust*")) }, READ_HIT);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("audit_log")) }, DROP_HIT);
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("drop OR delete")) }, "");
    check_search(index, (struct index_filter){ TEXTS(BYTES_LITERAL("\"(*:")) }, "");
    free_index(index);
}

/* Whether a text stands in any file of the index. */
static bool file_holds(const char *name, const char *text)
{
    FILE *f = fopen(name, "r");
    if (!f) return false;
    static uint8_t content[1 << 22];
    size_t n = fread(content, 1, sizeof content, f);
    fclose(f);
    return bytes_find(bytes_make(content, n), bytes_of(text)) >= 0;
}

static void test_no_values(void **state)
{
    (void)state;
    struct index *index = make_index(100);
    char wal[120];
    snprintf(wal, sizeof wal, "%s-wal", path);
    assert_false(file_holds(path, "secret@example.com") || file_holds(wal, "secret@example.com"));
    assert_false(file_holds(path, "secret-value-7") || file_holds(wal, "secret-value-7"));
    assert_true(file_holds(path, "public.customers") || file_holds(wal, "public.customers"));
    free_index(index);
}

static void test_block_sizes(void **state)
{
    (void)state;
    for (size_t size = 1; size < 20; size += 3) {
        struct index *index = make_index(size);
        check_everything(index);
        free_index(index);
        unlink(path);
        tear_down(state);
        set_up(state);
    }
}

static void test_cut_batch(void **state)
{
    (void)state;
    make_ada();
    make_bert();
    uint64_t position = 0;
    /* A batch that dies at each frame, and one that dies with its process: neither leaves a trace. */
    for (size_t at = 0; at <= ada.n; at++) {
        struct index *index = NULL;
        struct index_progress progress = { 0 };
        struct feed feed = { &ada, 0, ada.n, at < ada.n ? (int)at : -1 };
        struct record_block block = { .next_position = 10, .session = ADA };
        assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
        assert_int_equal(index_batch_begin(index, 0), 0);
        assert_int_equal(index_batch_block(index, &block, next, &feed, &progress), at < ada.n ? -EIO : 0);
        if (at < ada.n) index_batch_rollback(index);
        index_free(index); /* without a commit */
    }
    struct index *index = NULL;
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    check_sessions(index, (struct index_filter){ 0 }, "");
    feed_session(index, &ada, 4, &position);
    feed_session(index, &bert, 4, &position);
    check_everything(index);
    /* The same blocks once more change nothing, neither by position nor by sequence. */
    uint64_t again = 0, later = 5000;
    feed_session(index, &ada, 4, &again);
    feed_session(index, &ada, 5, &later);
    check_everything(index);
    free_index(index);
}

static void test_rebuild(void **state)
{
    (void)state;
    struct index *index = make_index(100), *reader = NULL;
    struct index_progress progress;
    uint64_t position = 0;
    assert_int_equal(index_position(index, &progress), 0);
    assert_int_equal(progress.position, 20);
    assert_int_equal(index_rebuild(index), 0);
    check_sessions(index, (struct index_filter){ 0 }, "");
    feed_session(index, &ada, 3, &position);
    feed_session(index, &bert, 3, &position);
    check_everything(index);
    assert_int_equal(index_open(path, INDEX_READ, &reader), 0);
    check_everything(reader);
    index_free(reader);
    free_index(index);
}

/* A text that shows columns, and a run of it for each outcome. */
static void make_sights(struct frames *f)
{
    frames_init(f, 88);
    frames_fields(f, FRAME_SESSION_START, "principal", "ada", "connection", "shop", NULL);
    buf_put_u32(&f->body, 1);
    struct frame_fields fields = frame_fields_begin(&f->body);
    frame_fields_add_text(&fields, "text", "SELECT mail, ssn FROM people WHERE id = 7");
    frame_fields_add_text(&fields, "decision", "allow");
    frame_fields_add_text(&fields, "masked", "public.people.ssn");
    frame_fields_add_text(&fields, "clear", "public.people.mail, odd.\"a, \"\"b.c\".\"d.e\"");
    frames_end(f, FRAME_TEXT, 0);
    buf_put_u32(&f->body, 2);
    fields = frame_fields_begin(&f->body);
    frame_fields_add_text(&fields, "text", "SELECT 1; SELECT mail FROM people; COPY people (ssn) TO STDOUT");
    frame_fields_add_text(&fields, "decision", "allow");
    frame_fields_add_text(&fields, "clear.2", "public.people.mail");
    frame_fields_add_text(&fields, "masked.3", "public.people.ssn");
    frames_end(f, FRAME_TEXT, 0);
    buf_put_u32(&f->body, 3);
    fields = frame_fields_begin(&f->body);
    frame_fields_add_text(&fields, "text", "SELECT * FROM people");
    frame_fields_add_text(&fields, "decision", "allow");
    frame_fields_add_text(&fields, "untraced", "people");
    frames_end(f, FRAME_TEXT, 0);
    static const struct {
        enum run_end how;
        uint64_t rows;
    } ends[] = { { RUN_COMPLETED, 5 }, { RUN_FAILED, 2 },  { RUN_FAILED, 0 },   { RUN_SKIPPED, 0 },
                 { RUN_UNDONE, 9 },    { RUN_REFUSED, 0 }, { RUN_SUSPENDED, 3 } };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        frames_complete(f, frames_query(f, 1), ends[i].rows, 10, ends[i].how, "SELECT");
    uint32_t run = frames_query(f, 2);
    frames_complete(f, run, 1, 10, RUN_COMPLETED, "SELECT 1");
    frames_complete(f, run, 40, 10, RUN_COMPLETED, "SELECT 40");
    frames_complete(f, run, 0, 10, RUN_COMPLETED, "COPY 700");
    frames_complete(f, frames_query(f, 3), 6, 10, RUN_COMPLETED, "SELECT 6");
}

static void see_sight(void *context, const struct index_sight *v)
{
    buf_printf(context, "%.*s %.*s.%.*s %.*s n=%llu rows=%llu #%u\n", BYTES_FMT(v->principal),
               BYTES_FMT(v->relation), BYTES_FMT(v->column), BYTES_FMT(v->state),
               (unsigned long long)v->results, (unsigned long long)v->rows, v->sequence);
}

static void check_sights(struct index *index, const char *relation, const char *column, const char *state,
                         const char *expected)
{
    struct index_filter any = { 0 };
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(
        index_sights(index, &any, bytes_of(relation), bytes_of(column), bytes_of(state), see_sight, &out), 0);
    assert_bytes(buf_bytes(&out), expected);
    buf_free(&out);
}

static void test_sights(void **state)
{
    static struct frames f;
    (void)state;
    for (size_t size = 1; size < 40; size += size < 5 ? 1 : 7) {
        struct index *index = NULL;
        uint64_t position = 0;
        make_sights(&f);
        assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
        assert_int_equal(index_rebuild(index), 0);
        feed_session(index, &f, size, &position);
        check_sights(index, "public.people", "mail", "clear",
                     "ada public.people.mail clear n=1 rows=40 #21\n"
                     "ada public.people.mail clear n=3 rows=10 #18\n");
        check_sights(index, "people", "ssn", "",
                     "ada people.* untraced n=1 rows=6 #24\n"
                     "ada public.people.ssn masked n=1 rows=700 #22\n"
                     "ada public.people.ssn masked n=3 rows=10 #18\n");
        check_sights(index, "", "\"d.e\"", "clear", "ada odd.\"a, \"\"b.c\".\"d.e\" clear n=3 rows=10 #18\n");
        check_sights(index, "ople", "", "", "");
        check_sights(index, "public.people", "name", "clear", "");
        index_free(index);
        frames_free(&f);
    }
}

static void put_found(struct frames *f, uint32_t run, const char *first, const char *second)
{
    buf_put_u32(&f->body, run);
    frames_fields(f, FRAME_FOUND, first, "3", second, "2", "2.email.shown", "1", "more", "9", NULL);
}

static void test_found(void **state)
{
    static struct frames f;
    (void)state;
    for (size_t size = 1; size < 12; size += 3) {
        struct index *index = NULL;
        uint64_t position = 0;
        frames_init(&f, 89);
        frames_fields(&f, FRAME_SESSION_START, "principal", "ada", "connection", "shop", NULL);
        frames_text(&f, 1, "SELECT * FROM people", "allow", "p", "allow", "SELECT", "read", "people");
        for (int i = 0; i < 2; i++) {
            uint32_t run = frames_query(&f, 1);
            put_found(&f, run, "1.card_number.masked", i ? "3.card_number.masked" : "3.unseen.masked");
            frames_complete(&f, run, 5, 10, RUN_COMPLETED, "SELECT 5");
        }
        put_found(&f, 77, "1.iban.masked", "2.iban.masked"); /* of no run that is known */
        assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
        assert_int_equal(index_rebuild(index), 0);
        feed_session(index, &f, size, &position);
        check_sights(index, "values", "card_number", "masked",
                     "ada values.card_number masked n=2 rows=8 #7\n");
        check_sights(index, "values", "", "clear", "ada values.email clear n=2 rows=2 #7\n");
        check_sights(index, "values", "unseen", "", "ada values.unseen masked n=1 rows=2 #4\n");
        check_sights(index, "values", "iban", "", "");
        index_free(index);
        frames_free(&f);
    }
}

static void see_rejection(void *context, const struct index_rejection *r)
{
    buf_printf(context, "%llu %.*s %.*s;", (unsigned long long)r->session, BYTES_FMT(r->sqlstate),
               BYTES_FMT(r->client));
}

static void test_rejected(void **state)
{
    (void)state;
    static struct frames f;
    struct index *index = NULL;
    uint64_t position = 0;
    frames_init(&f, 77);
    frames_fields(&f, FRAME_REJECTED, "reason", "token", "sqlstate", "28P01", "client", "10.0.0.9", NULL);
    frames_error(&f, FRAME_ERROR, 0, ORIGIN_GATEWAY, "FATAL", "28P01", "refused", NULL, NULL);
    frames_fields(&f, FRAME_SESSION_END, "reason", "malformed", NULL);
    assert_int_equal(index_open(path, INDEX_WRITE, &index), 0);
    struct index_filter any = { 0 };
    struct buf out;
    feed_session(index, &f, 2, &position);
    check_sessions(index, any, "");
    buf_init(&out, 4096);
    assert_int_equal(index_rejections(index, &any, see_rejection, &out), 0);
    assert_bytes(buf_bytes(&out), "77 28P01 10.0.0.9;");
    buf_free(&out);
    index_free(index);
    frames_free(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "each filter finds what it should and nothing else", test_questions, set_up, tear_down, NULL },
        { "words, phrases and beginnings are found in shapes, and nothing typed is an operator", test_words,
          set_up, tear_down, NULL },
        { "no literal and no server's message is in the index's files", test_no_values, set_up, tear_down,
          NULL },
        { "it does not matter where blocks end", test_block_sizes, set_up, tear_down, NULL },
        { "a batch that is cut off leaves nothing, and a block counts once", test_cut_batch, set_up,
          tear_down, NULL },
        { "an index can be made again", test_rebuild, set_up, tear_down, NULL },
        { "values that were found are told by their kind, wherever blocks end", test_found, set_up, tear_down,
          NULL },
        { "who saw a column is told with its rows, by statement and wherever blocks end", test_sights, set_up,
          tear_down, NULL },
        { "a connection that was turned away is no session", test_rejected, set_up, tear_down, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
