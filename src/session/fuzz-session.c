/* A client and a server that say anything, most of it sensible, to a session. The input is a list of
 * operations. Oracles: nothing goes to the server that was not recorded before (talk.c's audit); a session
 * that ends leaves nothing behind; where changed rows are limited, no Sync reaches a server that has changed
 * more (it knows, and its tags do not say all) than may be changed or people approved; what waits for people
 * reaches no server without an approval of its own; where columns are masked, no text reaches the server that
 * reads their table but through masks, and nothing that it says behind a description of a masked column, nor
 * what it says besides rows, brings a value to the client; where values are masked by what they look like,
 * none is found in anything that the client gets; and where the bytes are cut makes no difference to what
 * either side gets and to what is recorded. */
#include "session/fuzz-server.h"

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

static void mask_number(struct buf *b, struct bytes in_front)
{
    struct bytes text = buf_bytes(b);
    for (ptrdiff_t at; (at = bytes_find(text, in_front)) >= 0;) {
        text = bytes_slice(text, (size_t)at + in_front.n, text.n);
        for (; text.n && text.p[0] >= '0' && text.p[0] <= '9'; text = bytes_slice(text, 1, text.n))
            *(uint8_t *)(uintptr_t)text.p = '#';
    }
}

/* Of a message that is put together first, and whose last piece cannot be recorded, so much was taken before;
 * and of one that the client never ends, so much as there happened to be room for when the connection was
 * lost.
 */
static void mask_bytes(struct buf *b, bool looked)
{
    if (looked) mask_number(b, BYTES_LITERAL(" bytes_out="));
    if (bytes_find(buf_bytes(b), BYTES_LITERAL(" reason=connection lost ")) >= 0)
        mask_number(b, BYTES_LITERAL(" bytes_in="));
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
        mask_bytes(&said[i], looked);
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
