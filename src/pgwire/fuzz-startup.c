/* The first packet, and the options in it. The input: a byte of flags, then either a packet as it is, or the
 * rest of one whose length and version are right, or an options text, or a name and a value. Oracles: a
 * decoder that sees part of a packet says MORE, or BAD of its length, and what it says of the whole does not
 * depend on what is behind; parameters lie within the packet, and encoded again are the packet; options are
 * what a second splitter, written after the server's, makes of them; what was split and is added again splits
 * into the same, and so does any name and value. */
#include "base/cursor.h"
#include "pgwire/startup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CEILING = 1 << 24, PREFIXES = 400, WORDS = 5000 };

/* ---- packets */

static bool is_within(struct bytes whole, struct bytes part)
{
    return part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n;
}

static void try_session(struct bytes packet, const struct startup *s, struct buf *again)
{
    bool duplicate = false;
    for (size_t i = 0; i < s->n_parameters; i++) {
        CHECK(is_within(packet, s->parameters[i].name) && is_within(packet, s->parameters[i].value));
        CHECK(s->parameters[i].name.n > 0);
        for (size_t j = 0; j < i; j++)
            duplicate |= bytes_equal(s->parameters[i].name, s->parameters[j].name);
    }
    CHECK(s->duplicate == duplicate);
    startup_encode(again, s->parameters, s->n_parameters);
    struct bytes made = buf_bytes(again);
    CHECK(made.n == packet.n && memcmp(made.p, packet.p, 4) == 0);
    CHECK(memcmp(made.p + 8, packet.p + 8, packet.n - 8) == 0);
    buf_free(again);
}

static void try_cancel(struct bytes packet, const struct startup *s, struct buf *again)
{
    bool good = packet.n >= 12 + 4 && packet.n <= 12 + 256;
    CHECK(s->cancel_key.n == (good ? packet.n - 12 : 0));
    if (!good) return;
    startup_encode_cancel(again, s->cancel_pid, s->cancel_key);
    CHECK(bytes_equal(buf_bytes(again), packet));
    buf_free(again);
}

/* The list is one where its last byte is a NUL, and what is before that are whole strings, names and values
 * in turn, no name empty. */
static bool is_list(struct bytes list)
{
    size_t strings = 0, begin = 0;
    if (list.n == 0 || list.p[list.n - 1] != 0) return false;
    for (size_t i = 0; i + 1 < list.n; i++) {
        if (list.p[i] != 0) continue;
        if (strings % 2 == 0 && i == begin) return false;
        strings++;
        begin = i + 1;
    }
    return begin == list.n - 1 && strings % 2 == 0 && strings / 2 <= STARTUP_PARAMETERS;
}

static enum startup_kind kind_of(struct bytes packet, uint32_t version)
{
    switch (version) {
    case 0x04D2162F: return packet.n == 8 ? STARTUP_SSL : STARTUP_BAD;
    case 0x04D21630: return packet.n == 8 ? STARTUP_GSSENC : STARTUP_BAD;
    case 0x04D2162E: return STARTUP_CANCEL;
    default:
        if (version < 0x30000 || version > 0x3FFFF) return STARTUP_VERSION;
        return is_list(bytes_make(packet.p + 8, packet.n - 8)) ? STARTUP_SESSION : STARTUP_BAD;
    }
}

static void as_packet(struct bytes in, struct arena *arena, struct buf *again)
{
    struct startup s;
    struct cursor c = cursor_over(in);
    uint32_t length = cursor_u32(&c), version = cursor_u32(&c);
    bool bad = length < 8 || length > 10000;
    for (size_t n = 0; n <= in.n && n < PREFIXES && (bad || n < length); n++)
        CHECK(startup_decode(bytes_make(in.p, n), arena, &s) == (n >= 4 && bad ? STARTUP_BAD : STARTUP_MORE));
    enum startup_kind kind = startup_decode(in, arena, &s);
    if (in.n < 4 || bad || in.n < length) {
        CHECK(kind == (in.n >= 4 && bad ? STARTUP_BAD : STARTUP_MORE));
        return;
    }
    struct bytes packet = bytes_make(in.p, length);
    CHECK(kind == kind_of(packet, version) && s.length == length && s.version == version);
    struct startup alone;
    CHECK(startup_decode(packet, arena, &alone) == kind && alone.n_parameters == s.n_parameters);
    if (kind == STARTUP_SESSION) try_session(packet, &s, again);
    if (kind == STARTUP_CANCEL) try_cancel(packet, &s, again);
}

/* Length and version in front, so that what is behind them is reached. */
static void as_rest(uint8_t flags, struct bytes rest, struct arena *arena, struct buf *again)
{
    static const uint32_t versions[] = { 3 << 16, 0x04D2162E, (3 << 16) + 9999, 0x04D2162F };
    struct buf packet;
    buf_init(&packet, CEILING);
    buf_put_u32(&packet, (uint32_t)rest.n + 8);
    buf_put_u32(&packet, versions[flags >> 2 & 3]);
    buf_append(&packet, rest);
    as_packet(buf_bytes(&packet), arena, again);
    buf_free(&packet);
}

/* ---- options */

struct words {
    struct bytes word[WORDS];
    size_t n;
};

/* As the server's pg_split_opts has it: a character at a time, with a flag for the backslash before it. */
static void split_words(struct bytes in, uint8_t *to, struct words *out)
{
    size_t i = 0;
    *out = (struct words){ 0 };
    for (;;) {
        while (i < in.n && strchr(" \t\n\v\f\r", in.p[i]) && in.p[i])
            i++;
        if (i == in.n) return;
        const uint8_t *begin = to;
        for (bool escaped = false; i < in.n; i++) {
            bool space = in.p[i] && strchr(" \t\n\v\f\r", in.p[i]);
            if (space && !escaped) break;
            if (in.p[i] == '\\' && !escaped) {
                escaped = true;
            } else {
                escaped = false;
                *to++ = in.p[i];
            }
        }
        out->word[out->n++] = bytes_make(begin, (size_t)(to - begin));
    }
}

/* As getopt and ParseLongOption: -c takes its argument from its own word or from the next one. `found`
 * (may be NULL) is compared with it. */
static bool split_again(const struct words *words, const struct startup_parameter *found, size_t *n_out)
{
    *n_out = 0;
    for (size_t i = 0; i < words->n; i++, ++*n_out) {
        struct bytes word = words->word[i];
        if (word.n < 2 || word.p[0] != '-' || (word.p[1] != 'c' && word.p[1] != '-')) return false;
        if (word.n == 2 && (word.p[1] == '-' || ++i == words->n)) return false;
        struct bytes argument = word.n == 2 ? words->word[i] : bytes_make(word.p + 2, word.n - 2);
        size_t n_name = 0;
        while (n_name < argument.n && argument.p[n_name] != '=')
            n_name++;
        if (n_name == 0 || n_name == argument.n || *n_out == STARTUP_PARAMETERS) return false;
        if (!found) continue;
        const struct startup_parameter *p = &found[*n_out];
        CHECK(p->name.n == n_name && p->value.n == argument.n - n_name - 1);
        CHECK(memcmp(p->value.p, argument.p + n_name + 1, p->value.n) == 0);
        for (size_t j = 0; j < n_name; j++)
            CHECK(p->name.p[j] == (argument.p[j] == '-' ? '_' : argument.p[j]));
    }
    return true;
}

static void splits_into(struct buf *text, const struct startup_parameter *expected, size_t n_expected,
                        struct arena *arena)
{
    struct startup_parameter *found;
    size_t n;
    CHECK(!text->failed && startup_options_split(buf_bytes(text), arena, &found, &n) && n == n_expected);
    for (size_t i = 0; i < n; i++) {
        CHECK(bytes_equal(found[i].name, expected[i].name));
        CHECK(bytes_equal(found[i].value, expected[i].value));
    }
    buf_free(text);
}

static void as_options(struct bytes in, struct arena *arena, struct buf *again)
{
    static struct words words;
    struct startup_parameter *found;
    size_t n, n_again;
    if (in.n >= WORDS) return;
    uint8_t *letters = arena_alloc(arena, in.n + 1);
    CHECK(letters);
    split_words(in, letters, &words);
    bool good = startup_options_split(in, arena, &found, &n);
    CHECK(split_again(&words, good ? found : NULL, &n_again) == good && (!good || n == n_again));
    if (!good) return;
    for (size_t i = 0; i < n; i++)
        startup_options_add(again, found[i].name, found[i].value);
    splits_into(again, found, n, arena);
}

/* A name that a server could know has no '=', and a '-' in it is a '_'. */
static void as_setting(struct bytes in, struct arena *arena, struct buf *again)
{
    size_t n_name = in.n ? in.p[0] : 0;
    if (n_name == 0 || n_name > in.n - 1) return;
    struct bytes name = bytes_make(in.p + 1, n_name),
                 value = bytes_make(in.p + 1 + n_name, in.n - 1 - n_name);
    for (size_t i = 0; i < n_name; i++)
        if (name.p[i] == '=' || name.p[i] == '-') return;
    const struct startup_parameter expected[] = { { bytes_of("role"), bytes_of("x y") },
                                                  { name, value },
                                                  { bytes_of("a.b"), bytes_of("") } };
    for (size_t i = 0; i < 3; i++)
        startup_options_add(again, expected[i].name, expected[i].value);
    splits_into(again, expected, 3, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf again;
    if (size == 0) return 0;
    struct bytes in = bytes_make(data + 1, size - 1);
    arena_init(&arena, 1 << 14, CEILING);
    buf_init(&again, CEILING);
    switch (data[0] & 3) {
    case 0: as_packet(in, &arena, &again); break;
    case 1: as_rest(data[0], in, &arena, &again); break;
    case 2: as_options(in, &arena, &again); break;
    case 3: as_setting(in, &arena, &again); break;
    }
    buf_free(&again);
    arena_free(&arena);
    return 0;
}
