/* What fuzz-session.c plays with: policies and texts, and a server that answers as one would, most of the
 * time. The server keeps its own count of what was changed, committed and approved, which is what is checked.
 */
#ifndef POSTERN_SESSION_FUZZ_SERVER_H
#define POSTERN_SESSION_FUZZ_SERVER_H
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
static inline uint8_t take(struct input *in)
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

static inline void answer(struct play *p, const char *line)
{
    struct talk_line words;
    bool good = talk_line_split(bytes_of(line), 0, &p->talk->arena, &words) &&
                talk_message_encode(TALK_SERVER, words.words, words.n, &p->answer);
    CHECK(good);
}

static inline void answer_ready(struct play *p)
{
    char line[] = "ReadyForQuery I";
    line[sizeof line - 2] = (char)p->status;
    answer(p, line);
}

static inline void answer_error(struct play *p)
{
    if (p->status == 'T') p->status = 'E';
    if (p->masked || p->looked)
        answer(p, "ErrorResponse ERROR 22P02 \"no such \\\"" VALUE "\\\"\" detail " VALUE " hint " VALUE);
    else
        answer(p, "ErrorResponse ERROR 42601 \"no hunter22\"");
}

/* The server may describe what nobody asked it for. */
static inline void answer_description(struct play *p)
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

static inline void answer_held(struct play *p)
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

static inline void answer_rows(struct play *p, uint8_t n)
{
    for (int i = 0; i < n % 6; i++)
        if (p->looked)
            answer_held(p);
        else if (p->told)
            answer(p, "DataRow " VALUE);
        else
            answer(p, n == 250 ? "DataRow \"x\"*70000" : n == 251 ? "DataRow 1 2" : "DataRow 1");
}

static inline bool text_changes(const struct play *p, struct bytes text)
{
    return bytes_starts_with(text, "delete") || bytes_starts_with(text, "update") ||
           (!p->counted && bytes_starts_with(text, "select f(")) || bytes_starts_with(text, "execute d") ||
           bytes_starts_with(text, "copy t from") || bytes_starts_with(text, "insert");
}

static inline int *place_of(struct play *p, bool portal, struct bytes name)
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

static inline struct bytes string_at(struct bytes body, size_t at)
{
    size_t n = at;
    while (n < body.n && body.p[n])
        n++;
    return bytes_slice(body, at, n);
}

static inline void note_names(struct play *p, uint8_t type, struct bytes body)
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
static inline bool answer_change(struct play *p)
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
static inline void answer_count(struct play *p)
{
    struct bytes line = arena_printf(&p->talk->arena, "DataRow %lu", (unsigned long)(p->before + p->changed));
    answer(p, (const char *)line.p);
    answer(p, "CommandComplete \"SELECT 1\"");
}

static inline void answer_view_row(struct play *p, const char *words, size_t n)
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
static inline void answer_view(struct play *p, bool simple)
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

static inline bool ends_with(struct bytes text, const char *end)
{
    size_t n = strlen(end);
    return text.n >= n && bytes_is(bytes_slice(text, text.n - n, n), end);
}

/* Wherever the table stands as one that is read, it stands in a sub-select that masks. */
static inline void check_masked(struct bytes text)
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

static inline void answer_commit(struct play *p)
{
    uint64_t most = p->most > LIMIT ? p->most : LIMIT;
    bool more = p->changed > LIMIT;
    if (more && p->changed <= most) p->most = 0;
    if (p->limited && p->changed > most) {
        fprintf(stderr, "a Sync reached the server behind %lu changed rows\n", (unsigned long)p->changed);
        abort();
    }
}

static inline void end_transaction(struct play *p)
{
    if (p->status == 'T') return;
    p->before += p->changed;
    p->changed = 0;
}

/* Each run of what is held has its own approval. */
static inline void check_approved(struct play *p)
{
    if (++p->n_ran <= p->n_approved) return;
    fprintf(stderr, "what nobody approved reached the server\n");
    abort();
}

/* One statement of a simple query or an Execute: true where it is over. */
static inline bool answer_statement(struct play *p, bool simple)
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

static inline void move_status(struct play *p)
{
    uint8_t choice = take(&p->in);
    if (choice % 8 == 0) p->status = (uint8_t) "ITE"[choice / 8 % 3];
}

static inline void answer_simple(struct play *p, bool poison)
{
    if (poison)
        answer_error(p);
    else if (!answer_statement(p, true))
        return;
    if (!poison) move_status(p);
    answer_ready(p);
}

static inline void answer_extended(struct play *p, uint8_t type, struct bytes body, bool poison)
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

static inline void end_copy(struct play *p, bool fails)
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

static inline void answer_message(struct play *p, uint8_t type, struct bytes body)
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

static inline bool is_own(struct bytes got)
{
    return got.n > 20 && (bytes_starts_with(bytes_slice(got, 5, got.n), "postern.own") ||
                          bytes_starts_with(bytes_slice(got, 6, got.n), "postern.own"));
}

/* The next message that the server has is answered. */
static inline void serve_one(struct play *p)
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
static inline void serve(struct play *p)
{
    serve_one(p);
    for (int i = 0; i < 16 && is_own(buf_bytes(&p->talk->ends[TALK_SERVER].got)) && !p->talk->failed; i++)
        serve_one(p);
}
#endif
