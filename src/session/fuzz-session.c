/* A client and a server that say anything, most of it sensible, to a session. The input is a list of
 * operations. Oracles: nothing goes to the server that was not recorded before (talk.c's audit); a session
 * that ends leaves nothing behind; where changed rows are limited, no Sync reaches a server that has changed
 * more (it knows, and its tags do not say all) than may be changed or people approved; what waits for people
 * reaches no server without an approval of its own; where columns are masked, no text reaches the server that
 * reads their table but through masks, and nothing that it says behind a description of a masked column, nor
 * what it says besides rows, brings a value to the client; where values are masked by what they look like,
 * none is found in anything that the client gets; and where the bytes are cut makes no difference to what
 * either side gets and to what is recorded. */
#include "catalog/queries.h"
#include "mask/values.h"
#include "pgwire/message.h"
#include "session/talk.h"
#include <stdio.h>
#include <stdlib.h>

enum { OPERATIONS = 120 };

static const char *const policies[] = {
    "name: p\nwho: any\nallow: [all]\n",
    "name: p\nwho: any\nallow: [read]\n",
    "name: p\nwho: any\nallow: [all, unknown]\n",
    "name: p\nwho: any\nallow: [all]\nlimits: { returned_rows: 3, statement: 10s, session: 1h }\n",
    "name: p\nwho: any\nallow: [all]\nrecord: { on_failure: allow }\n",
    "name: p\nwho: any\nallow: [read, write]\nrecord: { rows: count }\nlimits: { returned_rows: 1 }\n",
    "name: p\nwho: any\nallow: [all]\nrecord: { rows: count }\nlimits: { affected_rows: 3 }\n",
    "name: p\nwho: any\nallow: [all]\nlimits: { affected_rows: 3, returned_rows: 2, statement: 10s }\n",
    ("name: p\nwho: any\nallow: [all]\nrecord: { rows: digest }\nlimits: { affected_rows: 3, bytes: 90kB, "
     "budget: { statements: 30, rows: 20, affected_rows: 9 } }\n"),
    ("name: p\nwho: any\nallow: [all]\nguard: off\nmask: [{ columns: [\"public.people.mail\"], with: redact "
     "}]\n"),
    ("name: p\nwho: any\nallow: [all]\nguard: off\nmask: [{ columns: [\"public.people.mail\"], with: redact, "
     "predicates: masked }]\nlimits: { returned_rows: 3, statement: 10s }\n"),
    "name: p\nwho: any\nallow: [all]\nmask: [{ values: [email, card_number], with: redact }]\n",
    ("name: p\nwho: any\nallow: [all]\nrecord: { rows: digest }\nlimits: { returned_rows: 3 }\n"
     "mask: [{ values: [email, card_number], with: constant(x) }]\n"),
    ("name: p\nwho: any\nallow: [all]\nhold: [{ name: h, effects: [delete], by: [dba], expires: 12s, "
     "hold_in_transaction: 5s }]\n"),
    "name: p\nwho: any\nallow: [all]\nhold: [{ name: h, effects: [delete], by: [dba], expires: 12s }]\n",
    ("name: p\nwho: any\nallow: [all]\nhold: [{ name: h, effects: [delete, update, write, bulk_in], by: "
     "[dba], unless: { affected_rows: 3 } }]\n"),
};
enum { FIRST_LIMITED = 6, LIMIT = 3, FIRST_MASKED = 9, FIRST_LOOKED = 11, FIRST_HELD = 13, COUNTED = 15 };
static const char catalog_text[] =
    "table public.people oid=20000 id:int4! mail:text\ntable public.t a:int4 b:int4\n";
#define VALUE "ann@example.com"
static const char *const texts[] = {
    "select a from t",
    "select a from t where b = 7",
    "",
    "begin",
    "commit",
    "drop table t",
    "copy t from stdin",
    "copy a from stdin; copy b from stdin; select 1",
    "copy t to stdout",
    "prepare a as select 1",
    "execute a",
    "deallocate a",
    "deallocate all",
    "begin; declare p cursor for select 1",
    "fetch 2 from p",
    "close p",
    "discard all",
    "set postern.task = 'x'",
    "set standard_conforming_strings = off",
    "insert into t values (1); select 1/0; select 2",
    "alter role bob password 'hunter22'",
    "select that is no sql at all",
    "select '\xff'",
    "delete from t where b = 7",
    "update t set a = 1 returning a",
    "delete from t where b = 8 returning a",
    "select f()",
    "prepare d as delete from t where b = 9",
    "execute d",
    "commit and chain",
    "select mail from people",
    "select * from people p join people q using (id) where p.id = 7",
    "with x as (select * from people) select * from x",
    "select people from people",
    "select id from people where mail = 'x'",
    "copy people to stdout",
    "table people",
    "begin; declare p cursor for select * from people",
    "prepare a as select mail from people",
    "delete from people where id = 1 returning mail",
};
static const char *const names[] = { "", "a", "p", "b" };
#define PICK(array, byte) (array)[(byte) % (sizeof(array) / sizeof *(array))]

struct input {
    const uint8_t *p;
    size_t n;
};
static uint8_t take(struct input *in)
{
    if (in->n == 0) return 0;
    in->n--;
    return *in->p++;
}

enum { CHANGES = 1, COMMITS, HELD };
/* The server of the play: what it would do, were it to behave. */
struct play {
    struct talk *talk;
    struct input in;
    bool skips, copies, copies_simple;
    uint8_t status;
    struct buf answer;
    /* What its names stand for, and what it has changed. */
    bool limited;
    struct {
        char name[32];
        bool portal;
        int does; /* CHANGES, COMMITS */
    } names[16];
    unsigned n_names;
    uint64_t before, changed; /* in earlier transactions, in this one */
    bool undoes;              /* an error: what was changed is rolled back */
    bool masked, told;        /* columns are masked; one was described, and rows hold values from then on */
    bool asked_view;          /* the gateway's own statement is the inquiry */
    bool held, counted;       /* deletes wait for people; or what changes more than the limit does */
    bool looked;              /* values are masked by what they look like, and whatever is said holds some */
    unsigned n_approved, n_ran; /* of those that wait before they run */
    uint64_t most;              /* that people have approved to be changed, once */
};

static void answer(struct play *p, const char *line)
{
    struct talk_line words;
    bool good = talk_line_split(bytes_of(line), 0, &p->talk->arena, &words) &&
                talk_message_encode(TALK_SERVER, words.words, words.n, &p->answer);
    CHECK(good);
}

static void answer_ready(struct play *p)
{
    char line[] = "ReadyForQuery I";
    line[sizeof line - 2] = (char)p->status;
    answer(p, line);
}

static void answer_error(struct play *p)
{
    if (p->status == 'T') p->status = 'E';
    if (p->masked || p->looked)
        answer(p, "ErrorResponse ERROR 22P02 \"no such \\\"" VALUE "\\\"\" detail " VALUE " hint " VALUE);
    else
        answer(p, "ErrorResponse ERROR 42601 \"no hunter22\"");
}

/* The server may describe what nobody asked it for. */
static void answer_description(struct play *p)
{
    static const char *const held[] = { "RowDescription a:text", "RowDescription a:text/1",
                                        "RowDescription a:json", "RowDescription a:bytea" };
    if (p->looked) {
        answer(p, PICK(held, take(&p->in)));
    } else if (p->masked && take(&p->in) % 8 == 7) {
        p->told = true;
        answer(p, "RowDescription a:text@20000.2");
    } else {
        answer(p, "RowDescription a:int4");
    }
}

static void answer_held(struct play *p)
{
    static const char *const rows[] = {
        "DataRow " VALUE,
        "DataRow x",
        "DataRow \"" VALUE " \"*5000",
        "DataRow \"{\\\"a\\\": 4111 1111 1111 1111, \\\"b\\\": \\\"" VALUE "\\\"}\"",
        "DataRow \"y\"*70000",
        "DataRow \"\\\\x616e6e406578616d706c652e636f6d" VALUE "\"",
        "DataRow \"\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0\\0\\x19\\0\\0\\0\\1\\0\\0\\0\\1\\0\\0\\0\\x0f" VALUE "\"",
    };
    answer(p, PICK(rows, take(&p->in)));
}

static void answer_rows(struct play *p, uint8_t n)
{
    for (int i = 0; i < n % 6; i++)
        if (p->looked)
            answer_held(p);
        else if (p->told)
            answer(p, "DataRow " VALUE);
        else
            answer(p, n == 250 ? "DataRow \"x\"*70000" : n == 251 ? "DataRow 1 2" : "DataRow 1");
}

static bool text_changes(const struct play *p, struct bytes text)
{
    return bytes_starts_with(text, "delete") || bytes_starts_with(text, "update") ||
           (!p->counted && bytes_starts_with(text, "select f(")) || bytes_starts_with(text, "execute d") ||
           bytes_starts_with(text, "copy t from") || bytes_starts_with(text, "insert");
}

static int *place_of(struct play *p, bool portal, struct bytes name)
{
    unsigned i = 0;
    while (i < p->n_names && (p->names[i].portal != portal || !bytes_is(name, p->names[i].name)))
        i++;
    if (i == sizeof p->names / sizeof *p->names) i--;
    if (i >= p->n_names) p->n_names = i + 1;
    p->names[i].portal = portal;
    snprintf(p->names[i].name, sizeof p->names[i].name, "%.*s", BYTES_FMT(name));
    return &p->names[i].does;
}

static struct bytes string_at(struct bytes body, size_t at)
{
    size_t n = at;
    while (n < body.n && body.p[n])
        n++;
    return bytes_slice(body, at, n);
}

static void note_names(struct play *p, uint8_t type, struct bytes body)
{
    struct bytes first = string_at(body, 0), second = string_at(body, first.n + 1);
    if (type == 'P')
        *place_of(p, false, first) = p->held && bytes_starts_with(second, "delete") ? HELD
                                     : text_changes(p, second)                      ? CHANGES
                                     : bytes_starts_with(second, "commit")          ? COMMITS
                                                                                    : 0;
    if (type == 'P' && bytes_starts_with(first, "postern.own"))
        p->asked_view = bytes_find(second, BYTES_LITERAL("pg_my_temp_schema")) >= 0;
    if (type == 'B') *place_of(p, true, first) = *place_of(p, false, second);
}

/* A statement that changes rows, more perhaps than its tag says. */
static bool answer_change(struct play *p)
{
    uint8_t choice = take(&p->in), rows = choice % 4;
    p->changed += rows + (choice / 16 == 7 ? 3u : 0u);
    if (choice / 16 == 5) return false;
    if (choice / 16 == 6) answer_rows(p, rows);
    struct bytes line = arena_printf(&p->talk->arena, "CommandComplete \"DELETE %d\"", rows);
    answer(p, (const char *)line.p);
    return true;
}

/* What the gateway asks by itself is answered truly. */
static void answer_count(struct play *p)
{
    struct bytes line = arena_printf(&p->talk->arena, "DataRow %lu", (unsigned long)(p->before + p->changed));
    answer(p, (const char *)line.p);
    answer(p, "CommandComplete \"SELECT 1\"");
}

static void answer_view_row(struct play *p, const char *words, size_t n)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_printf(&line, "DataRow %s", words);
    for (; n < CATALOG_ROW_WIDTH; n++)
        buf_append_text(&line, " NULL");
    buf_put_u8(&line, 0);
    answer(p, (const char *)buf_bytes(&line).p);
    buf_free(&line);
}

/* The inquiry is answered truly: a session without temporary objects. */
static void answer_view(struct play *p, bool simple)
{
    struct buf line;
    buf_init(&line, 4096);
    buf_append_text(&line, "RowDescription");
    for (int i = 0; i < CATALOG_ROW_WIDTH; i++)
        buf_printf(&line, " c%d:text", i);
    buf_put_u8(&line, 0);
    if (simple) answer(p, (const char *)buf_bytes(&line).p);
    buf_free(&line);
    answer_view_row(p, "P pg_catalog", 2);
    answer_view_row(p, "P public", 2);
    answer_view_row(p, "S \"\" f 100:100:", 4);
    answer(p, "CommandComplete \"SELECT 1\"");
    if (simple) answer_ready(p);
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t n = strlen(end);
    return text.n >= n && bytes_is(bytes_slice(text, text.n - n, n), end);
}

/* Wherever the table stands as one that is read, it stands in a sub-select that masks. */
static void check_masked(struct bytes text)
{
    for (size_t at = 0; at < text.n; at++) {
        struct bytes rest = bytes_slice(text, at, text.n), before = bytes_slice(text, 0, at);
        bool bare = bytes_starts_with(rest, "from people") || bytes_starts_with(rest, "join people") ||
                    bytes_starts_with(rest, "table people") || bytes_starts_with(rest, "copy people");
        bool full =
            bytes_starts_with(rest, "public.people") || bytes_starts_with(rest, "\"public\".\"people\"");
        if (full && (ends_with(before, "'***' AS \"pg_catalog\".\"text\") AS \"mail\" FROM ") ||
                     ends_with(before, "'***' AS \"pg_catalog\".\"text\") AS \"mail\" FROM ONLY ") ||
                     ends_with(before, "delete from ")))
            full = false;
        if (bare || full) {
            fprintf(stderr, "the server is asked for what is masked: %.*s\n", BYTES_FMT(text));
            abort();
        }
    }
    bool writes = bytes_find(text, BYTES_LITERAL("returning mail")) >= 0;
    CHECK(!writes);
}

static void answer_commit(struct play *p)
{
    uint64_t most = p->most > LIMIT ? p->most : LIMIT;
    bool more = p->changed > LIMIT;
    if (more && p->changed <= most) p->most = 0;
    if (p->limited && p->changed > most) {
        fprintf(stderr, "a Sync reached the server behind %lu changed rows\n", (unsigned long)p->changed);
        abort();
    }
}

static void end_transaction(struct play *p)
{
    if (p->status == 'T') return;
    p->before += p->changed;
    p->changed = 0;
}

/* Each run of what is held has its own approval. */
static void check_approved(struct play *p)
{
    if (++p->n_ran <= p->n_approved) return;
    fprintf(stderr, "what nobody approved reached the server\n");
    abort();
}

/* One statement of a simple query or an Execute: true where it is over. */
static bool answer_statement(struct play *p, bool simple)
{
    static const char *const copied[] = { "CopyData \"1\\t" VALUE "\\n\"", "CopyData \"1\\n\"",
                                          "CopyData ann@exam", "CopyData \"ple.com\\n\"",
                                          "CopyData \"" VALUE "\\n\"*6000" };
    uint8_t choice = take(&p->in);
    switch (choice % 8) {
    case 0: answer(p, "EmptyQueryResponse"); return true;
    case 1: answer_error(p); return true;
    case 2:
        answer(p, "CopyInResponse 0 1");
        p->copies = true;
        p->copies_simple = simple;
        return false;
    case 3:
        answer(p, p->looked && choice / 32 == 7 ? "CopyOutResponse 1 1" : "CopyOutResponse 0 1");
        for (int i = 0; i < choice / 32; i++)
            answer(p, p->looked ? PICK(copied, take(&p->in)) : "CopyData \"1\\n\"");
        answer(p, "CopyDone");
        answer(p, "CommandComplete \"COPY 1\"");
        return true;
    default:
        if (simple) answer_description(p);
        answer_rows(p, take(&p->in));
        answer(p, choice % 8 == 4 && !simple ? "PortalSuspended" : "CommandComplete \"SELECT 1\"");
        return true;
    }
}

static void move_status(struct play *p)
{
    uint8_t choice = take(&p->in);
    if (choice % 8 == 0) p->status = (uint8_t) "ITE"[choice / 8 % 3];
}

static void answer_simple(struct play *p, bool poison)
{
    if (poison)
        answer_error(p);
    else if (!answer_statement(p, true))
        return;
    if (!poison) move_status(p);
    answer_ready(p);
}

static void answer_extended(struct play *p, uint8_t type, struct bytes body, bool poison)
{
    bool own = bytes_starts_with(type == 'C' ? bytes_slice(body, 1, body.n) : body, "postern.own");
    if (poison || (take(&p->in) % 16 == 1 && !own)) {
        answer_error(p);
        p->skips = true;
        p->undoes = true;
        return;
    }
    note_names(p, type, body);
    if (type == 'B' && *place_of(p, true, string_at(body, 0)) == HELD) check_approved(p);
    if (own && type == 'E') {
        if (p->asked_view)
            answer_view(p, false);
        else
            answer_count(p);
        return;
    }
    int does = p->limited && type == 'E' ? *place_of(p, true, string_at(body, 0)) : 0;
    if (does == CHANGES && take(&p->in) % 8 && answer_change(p)) return;
    if (does == COMMITS) {
        answer_commit(p);
        p->before += p->changed;
        p->changed = 0;
        answer(p, "CommandComplete \"COMMIT\"");
        return;
    }
    switch (type) {
    case 'P': answer(p, "ParseComplete"); break;
    case 'B': answer(p, "BindComplete"); break;
    case 'C': answer(p, "CloseComplete"); break;
    case 'D':
        if (body.n && body.p[0] == 'S') answer(p, "ParameterDescription int4");
        if (take(&p->in) % 2)
            answer(p, "NoData");
        else
            answer_description(p);
        break;
    default: answer_statement(p, false); break;
    }
}

static void end_copy(struct play *p, bool fails)
{
    p->copies = false;
    if (fails)
        answer_error(p);
    else
        answer(p, "CommandComplete \"COPY 1\"");
    if (fails)
        p->undoes = true;
    else
        p->changed++;
    if (p->copies_simple)
        answer_ready(p);
    else
        p->skips = fails;
}

static void answer_message(struct play *p, uint8_t type, struct bytes body)
{
    bool poison = bytes_find(body, BYTES_LITERAL(") -- refused by postern")) >= 0;
    if (p->copies) {
        if (type == 'c' || type == 'f') end_copy(p, type == 'f');
        return;
    }
    /* In a transaction that has failed, texts go as they are, for the server to refuse them. */
    if (p->masked && p->status != 'E' && (type == 'Q' || type == 'P')) check_masked(body);
    if (p->skips && type != 'S') return;
    switch (type) {
    case 'Q':
        if (p->masked && bytes_find(body, BYTES_LITERAL("pg_my_temp_schema")) >= 0) {
            answer_view(p, true);
            break;
        }
        if (p->held && !poison && bytes_starts_with(body, "delete")) check_approved(p);
        if (p->held && !poison && bytes_starts_with(body, "execute a") &&
            *place_of(p, false, BYTES_LITERAL("a")) == HELD)
            check_approved(p);
        if (p->limited && !poison && text_changes(p, body)) {
            fprintf(stderr, "a limited statement reached the server as a Query\n");
            abort();
        }
        if (!poison) answer_commit(p);
        if (p->status != 'T' || bytes_starts_with(body, "commit")) p->before += p->changed, p->changed = 0;
        answer_simple(p, poison);
        end_transaction(p);
        break;
    case 'S':
        p->skips = false;
        if (p->undoes) p->before += p->changed, p->changed = 0;
        p->undoes = false;
        answer_commit(p);
        move_status(p);
        end_transaction(p);
        answer_ready(p);
        break;
    case 'F':
        if (take(&p->in) % 2)
            answer(p, p->looked ? "FunctionCallResponse " VALUE : "FunctionCallResponse \"y\"");
        else
            answer_error(p);
        answer_ready(p);
        break;
    case 'P':
    case 'B':
    case 'D':
    case 'E':
    case 'C': answer_extended(p, type, body, poison); break;
    default: break;
    }
}

static bool is_own(struct bytes got)
{
    return got.n > 20 && (bytes_starts_with(bytes_slice(got, 5, got.n), "postern.own") ||
                          bytes_starts_with(bytes_slice(got, 6, got.n), "postern.own"));
}

/* The next message that the server has is answered. */
static void serve_one(struct play *p)
{
    struct talk *t = p->talk;
    talk_flush(t);
    struct bytes got = buf_bytes(&t->ends[TALK_SERVER].got);
    if (got.n < 5) return;
    uint32_t raw;
    memcpy(&raw, got.p + 1, 4);
    size_t whole = (size_t)__builtin_bswap32(raw) + 1;
    if (got.n < whole) return;
    buf_init(&p->answer, 4 << 20);
    answer_message(p, got.p[0], bytes_make(got.p + 5, whole - 5));
    buf_consume(&t->ends[TALK_SERVER].got, whole);
    talk_send(t, TALK_SERVER, buf_bytes(&p->answer));
    buf_free(&p->answer);
}

/* What the gateway asks is answered in one go. */
static void serve(struct play *p)
{
    serve_one(p);
    for (int i = 0; i < 16 && is_own(buf_bytes(&p->talk->ends[TALK_SERVER].got)) && !p->talk->failed; i++)
        serve_one(p);
}

/* ---- what nobody would say */

static void say_anything(struct play *p, enum talk_side from)
{
    static const char *const anything[] = { "CommandComplete \"SELECT 1\"",
                                            "ReadyForQuery T",
                                            "DataRow NULL",
                                            "NoticeResponse NOTICE 00000 hello",
                                            "NotificationResponse 1 channel \"text\"",
                                            "NotificationResponse 1 channel " VALUE,
                                            "NoticeResponse NOTICE 00000 \"is '" VALUE "'\" detail x",
                                            "ParameterStatus TimeZone UTC",
                                            "ParameterStatus application_name " VALUE,
                                            "ParameterStatus client_encoding LATIN1",
                                            "ErrorResponse FATAL 57P01 bye",
                                            "CopyInResponse 0 1",
                                            "CopyBothResponse 0 1",
                                            "PortalSuspended",
                                            "NoData" };
    uint8_t body[24], n = take(&p->in) % sizeof body;
    struct buf *out = &p->answer;
    buf_init(out, 1 << 20);
    if (from == TALK_SERVER && take(&p->in) % 4) {
        answer(p, PICK(anything, take(&p->in)));
    } else {
        for (uint8_t i = 0; i < n; i++)
            body[i] = take(&p->in);
        buf_put_u8(out, take(&p->in) | 1);
        buf_put_u32(out, n + (take(&p->in) % 8 ? 4u : 3u));
        buf_append(out, bytes_make(body, n));
    }
    talk_send(p->talk, from, buf_bytes(out));
    buf_free(out);
}

static void say(struct play *p, const char *format, const char *a, const char *b)
{
    struct buf out;
    struct talk_line words;
    struct bytes line = arena_printf(&p->talk->arena, format, a, b);
    buf_init(&out, 4 << 20);
    bool good = line.p && talk_line_split(line, 0, &p->talk->arena, &words) &&
                talk_message_encode(TALK_CLIENT, words.words, words.n, &out);
    CHECK(good);
    talk_send(p->talk, TALK_CLIENT, buf_bytes(&out));
    buf_free(&out);
}

static void run_line(struct play *p, const char *text)
{
    struct talk_line line;
    bool good = talk_line_split(bytes_of(text), 0, &p->talk->arena, &line);
    CHECK(good);
    talk_line_run(p->talk, &line);
}

static void say_message(struct play *p, uint8_t what)
{
    const char *text = PICK(texts, take(&p->in)), *a = PICK(names, take(&p->in)),
               *b = PICK(names, take(&p->in));
    switch (what) {
    case 0:
    case 1: say(p, "Query \"%s\"", text, ""); break;
    case 2: say(p, "Parse \"%s\" \"%s\"", a, text); break;
    case 3: say(p, "Bind \"%s\" \"%s\" 1", a, b); break;
    case 4: say(p, "Describe %s \"%s\"", text[0] & 1 ? "S" : "P", a); break;
    case 5: say(p, "Execute \"%s\" %s", a, text[0] & 1 ? "0" : "2"); break;
    case 6: say(p, "Close %s \"%s\"", text[0] & 1 ? "S" : "P", a); break;
    case 7:
    case 8: say(p, "Sync", "", ""); break;
    case 9: say(p, "Flush", "", ""); break;
    case 10: say(p, "CopyData \"1\\n\"", "", ""); break;
    case 11: say(p, text[0] & 1 ? "CopyDone" : "CopyFail enough", "", ""); break;
    case 12: say(p, "FunctionCall 764 \"x\"", "", ""); break;
    case 13: say(p, "CopyData \"y\"*70000", "", ""); break;
    default: say(p, "Bind \"%s\" \"%s\" \"z\"*70000", a, b); break;
    }
}

static void happen(struct play *p, uint8_t what)
{
    static const char *const lines[] = { "record wait", "record full", "record ok", "clock +1s", "clock +11s",
                                         "cancel",      "c eof",       "s eof",     "c cut",     "stop" };
    uint8_t which = what % 16;
    talk_flush(p->talk);
    if (p->masked && which == 10) {
        run_line(p, "catalog looked");
        return;
    }
    if (which >= 10) which = 2;
    run_line(p, lines[which]);
}

static void check_none(struct bytes said)
{
    struct values_walk walk = values_begin(said, VALUES_EMAIL | VALUES_CARD);
    struct values_found f = values_next(&walk);
    if (!f.kind) return;
    fprintf(stderr, "the client got a value: %.*s\n", BYTES_FMT(bytes_slice(said, f.at, f.n)));
    abort();
}

/* In each message, and in COPY data over their bounds. */
static void check_looked(struct bytes all)
{
    struct buf copied;
    struct message m;
    buf_init(&copied, 64 << 20);
    for (; message_peek(all, &m) >= MESSAGE_PARTIAL; all = bytes_slice(all, m.whole.n, all.n)) {
        check_none(m.body);
        if (m.type == MESSAGE_COPY_DATA) buf_append(&copied, m.body);
    }
    check_none(buf_bytes(&copied));
    buf_free(&copied);
}

/* Somebody decides on what waits. */
static void decide(struct play *p, uint8_t what)
{
    struct bytes group = BYTES_LITERAL("dba");
    struct principal who = { .user = BYTES_LITERAL("carol"),
                             .subject = BYTES_LITERAL("carol"),
                             .issuer = BYTES_LITERAL("https://id.example"),
                             .groups = &group,
                             .n_groups = 1 };
    struct desk_filter filter = { .states = 1u << DESK_WAITING };
    struct desk_entry *entries;
    size_t n = 0;
    talk_flush(p->talk);
    struct desk *desk = p->talk->world.world.desk;
    if (!desk_list(desk, &filter, (struct bytes){ 0 }, 1, &p->talk->arena, &entries, &n) || n == 0) return;
    struct bytes id = arena_copy(&p->talk->arena, bytes_of(entries[0].request->id));
    uint64_t rows = entries[0].request->rows;
    desk_entry_release(&entries[0]);
    enum desk_decided decided =
        desk_decide(desk, id, &who, what % 4 != 0, (struct bytes){ 0 }, BYTES_LITERAL("fuzz"));
    if (decided == DESK_DECIDED_APPROVED) p->n_approved++;
    if (decided == DESK_DECIDED_APPROVED && p->counted) p->most = rows;
    talk_pump(p->talk);
}

static void play(struct play *p)
{
    struct talk_line catalog;
    if (p->masked) {
        bool good = talk_line_split(BYTES_LITERAL("catalog"), 0, &p->talk->arena, &catalog);
        CHECK(good);
        catalog.block = BYTES_LITERAL(catalog_text);
        talk_line_run(p->talk, &catalog);
    }
    run_line(p, "login");
    CHECK(!p->talk->failed);
    for (int i = 0; i < OPERATIONS && p->in.n && !p->talk->failed; i++) {
        uint8_t what = take(&p->in);
        if (what < 110)
            say_message(p, what % 15);
        else if (what < 230)
            serve(p);
        else if (what < 240)
            happen(p, take(&p->in));
        else if (what < 246)
            say_anything(p, TALK_SERVER);
        else if (what < 249)
            say_anything(p, TALK_CLIENT);
        else if (p->talk->world.world.desk && what < 254)
            decide(p, what);
        else
            run_line(p, "record ok");
    }
    talk_flush(p->talk);
    run_line(p, "record ok");
    talk_end_session(p->talk);
    if (p->masked && bytes_find(buf_bytes(&p->talk->ends[TALK_CLIENT].all), BYTES_LITERAL(VALUE)) >= 0) {
        fprintf(stderr, "the client got a value of a masked column\n");
        abort();
    }
    if (p->looked) check_looked(buf_bytes(&p->talk->ends[TALK_CLIENT].all));
}

/* For the reader of a finding: everything that the side got, a message a line. */
static void print_got(struct talk *t, int side, struct buf *out)
{
    struct bytes all = buf_bytes(&t->ends[side].all);
    struct talk_word *words;
    for (size_t n, length;
         (length = talk_message_describe((enum talk_side) !side, all, &t->arena, &words, &n));) {
        talk_words_print(words, n, out);
        buf_append_text(out, "\n");
        all = bytes_slice(all, length, all.n);
    }
}

/* A refusal names its frame, whose number hangs on how rows before it were cut. */
static void mask_requests(struct buf *b)
{
    struct bytes text = buf_bytes(b);
    for (ptrdiff_t at; (at = bytes_find(text, BYTES_LITERAL("; request "))) >= 0;) {
        text = bytes_slice(text, (size_t)at + 10 + 13, text.n);
        for (; text.n && text.p[0] != '.'; text = bytes_slice(text, 1, text.n))
            *(uint8_t *)(uintptr_t)text.p = '#';
    }
}

/* Of a message that is put together first, and whose last piece cannot be recorded, so much was taken before.
 */
static void mask_bytes(struct buf *b)
{
    struct bytes text = buf_bytes(b);
    for (ptrdiff_t at; (at = bytes_find(text, BYTES_LITERAL(" bytes_out="))) >= 0;) {
        text = bytes_slice(text, (size_t)at + 11, text.n);
        for (; text.n && text.p[0] >= '0' && text.p[0] <= '9'; text = bytes_slice(text, 1, text.n))
            *(uint8_t *)(uintptr_t)text.p = '#';
    }
}

static void squeeze(struct buf *b)
{
    struct bytes text = buf_bytes(b);
    uint8_t *to = b->data + b->start;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != '#') *to++ = text.p[i];
    b->end = (size_t)(to - b->data);
}

static void check_same(struct talk talks[2], struct buf records[2], bool looked)
{
    struct buf said[2];
    for (int i = 0; i < 2; i++) {
        buf_init(&said[i], 128 << 20);
        for (int side = 0; side < 2; side++) {
            buf_printf(&said[i], "---- what the %s got\n", side ? "server" : "client");
            print_got(&talks[i], side, &said[i]);
        }
        buf_append_text(&said[i], "---- the record\n");
        buf_append(&said[i], buf_bytes(&records[i]));
        mask_requests(&said[i]);
        if (looked) mask_bytes(&said[i]);
        squeeze(&said[i]);
    }
    if (!bytes_equal(buf_bytes(&said[0]), buf_bytes(&said[1]))) {
        fprintf(stderr, "======== whole\n%.*s======== cut\n%.*s========\n", BYTES_FMT(buf_bytes(&said[0])),
                BYTES_FMT(buf_bytes(&said[1])));
        abort();
    }
    for (int i = 0; i < 2; i++)
        buf_free(&said[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum talk_cut cuts[] = { TALK_WHOLE, TALK_RANDOM };
    static struct talk talks[2];
    static const struct talk_script script = { .path = "fuzz" };
    struct buf records[2];
    if (n < 2) return 0;
    for (int i = 0; i < 2; i++) {
        size_t policy = data[0] % (sizeof policies / sizeof *policies);
        struct play p = {
            .talk = &talks[i],
            .in = { data + 2, n - 2 },
            .status = 'I',
            .limited = policy >= FIRST_LIMITED && policy < FIRST_MASKED,
            .masked = policy >= FIRST_MASKED && policy < FIRST_LOOKED,
            .looked = policy >= FIRST_LOOKED && policy < FIRST_HELD,
            .held = policy >= FIRST_HELD && policy < COUNTED,
            .counted = policy == COUNTED,
        };
        p.limited |= p.counted;
        talk_init(&talks[i], &script, cuts[i], data[1] * 2654435761u + 1);
        bool good = talk_world_policy(&talks[i].world, bytes_of(PICK(policies, data[0])), "fuzz");
        CHECK(good);
        if (policy >= FIRST_HELD) CHECK(talk_world_desk(&talks[i].world, false));
        play(&p);
        fflush(stdout);
        if (talks[i].failed) abort();
        buf_init(&records[i], 64 << 20);
        talk_print_record(&talks[i], &records[i]);
    }
    check_same(talks, records, data[0] % (sizeof policies / sizeof *policies) >= FIRST_LOOKED);
    for (int i = 0; i < 2; i++) {
        talk_free(&talks[i]);
        buf_free(&records[i]);
    }
    return 0;
}
