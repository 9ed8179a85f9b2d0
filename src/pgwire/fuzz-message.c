/* Frames and bodies. The input is taken as a stream of messages, and as the body of every message that this
 * room decodes. Oracles: a frame is the same whatever part of the stream is here, and framing it again gives
 * its bytes; what is decoded lies within the body and, encoded again, is the body; every decoder agrees with
 * a second one, which counts bytes by hand; a report made of any text passes its own check. Reading past the
 * end is for AddressSanitizer to see: the input stands alone on the heap. */
#include "base/cursor.h"
#include "pgwire/message.h"
#include "pgwire/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIXES = 300, CEILING = 1 << 20 };

/* ---- the second implementation: where a part that begins at `at` ends, or NOWHERE */

static const size_t NOWHERE = SIZE_MAX;

static size_t number_at(struct bytes b, size_t at, unsigned width, uint32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < width; i++, at++) {
        if (at >= b.n) return NOWHERE;
        *out = *out * 256 + b.p[at];
    }
    return at;
}

static size_t after_string(struct bytes b, size_t at)
{
    for (; at < b.n; at++)
        if (b.p[at] == 0) return at + 1;
    return NOWHERE;
}

static size_t after_skip(struct bytes b, size_t at, size_t n)
{
    for (; n; n--, at++)
        if (at >= b.n) return NOWHERE;
    return at;
}

/* A count of two bytes and as many things of that width. */
static size_t after_list(struct bytes b, size_t at, size_t width)
{
    uint32_t n;
    at = number_at(b, at, 2, &n);
    for (; n && at != NOWHERE; n--)
        at = after_skip(b, at, width);
    return at;
}

static size_t after_values(struct bytes b, size_t at)
{
    uint32_t n, length;
    at = number_at(b, at, 2, &n);
    for (; n && at != NOWHERE; n--) {
        at = number_at(b, at, 4, &length);
        if (at == NOWHERE) break;
        int64_t is = (int32_t)length;
        if (is < -1) return NOWHERE;
        if (is > 0) at = after_skip(b, at, (size_t)is);
    }
    return at;
}

static size_t after_columns(struct bytes b)
{
    uint32_t n;
    size_t at = number_at(b, 0, 2, &n);
    for (; n && at != NOWHERE; n--) {
        at = after_string(b, at);
        if (at != NOWHERE) at = after_skip(b, at, 4 + 2 + 4 + 2 + 4 + 2);
    }
    return at;
}

/* ---- frames */

static bool is_within(struct bytes whole, struct bytes part)
{
    return part.p >= whole.p && part.n <= whole.n && (size_t)(part.p - whole.p) <= whole.n - part.n;
}

static void try_prefix(struct bytes in, uint32_t length)
{
    struct message m;
    enum message_peek peek = message_peek(in, &m);
    if (in.n < MESSAGE_HEADER) {
        CHECK(peek == MESSAGE_MORE);
        return;
    }
    if (length < 4) {
        CHECK(peek == MESSAGE_BAD);
        return;
    }
    size_t all = (size_t)length + 1, here = in.n < all ? in.n : all;
    CHECK(peek == (here == all ? MESSAGE_WHOLE : MESSAGE_PARTIAL));
    CHECK(m.type == in.p[0] && m.body_length == all - MESSAGE_HEADER);
    CHECK(m.whole.p == in.p && m.whole.n == here);
    CHECK(m.body.p == in.p + MESSAGE_HEADER && m.body.n == here - MESSAGE_HEADER);
}

static void as_stream(struct bytes in)
{
    struct buf again;
    buf_init(&again, CEILING);
    for (int n_messages = 0; n_messages < 50; n_messages++) {
        struct message m;
        uint32_t length = 0;
        (void)(in.n < MESSAGE_HEADER ? 0 : number_at(in, 1, 4, &length));
        for (size_t n = 0; n <= in.n && n < PREFIXES; n++)
            try_prefix(bytes_make(in.p, n), length);
        try_prefix(in, length);
        if (message_peek(in, &m) != MESSAGE_WHOLE) break;
        buf_free(&again);
        message_put(&again, m.type, m.body);
        CHECK(bytes_equal(buf_bytes(&again), m.whole));
        in = bytes_make(in.p + m.whole.n, in.n - m.whole.n);
    }
    buf_free(&again);
}

/* ---- bodies */

/* What was encoded is one message of that type, and its body is this one. */
static void is_again(struct buf *encoded, uint8_t type, struct bytes body)
{
    struct message m;
    CHECK(!encoded->failed && message_peek(buf_bytes(encoded), &m) == MESSAGE_WHOLE);
    CHECK(m.type == type && m.whole.n == buf_length(encoded) && bytes_equal(m.body, body));
    buf_free(encoded);
}

static void as_parse(struct bytes body, struct buf *again)
{
    struct message_parse parse;
    size_t at = after_string(body, 0);
    at = at == NOWHERE ? at : after_string(body, at);
    at = at == NOWHERE ? at : after_list(body, at, 4);
    bool good = message_parse_decode(body, &parse);
    CHECK(good == (at == body.n));
    if (!good) return;
    CHECK(is_within(body, parse.name) && is_within(body, parse.text) && is_within(body, parse.types));
    CHECK(parse.types.n == (size_t)parse.n_types * 4);
    message_parse_encode(again, parse.name, parse.text, parse.types);
    is_again(again, MESSAGE_PARSE, body);
}

static void as_bind(struct bytes body, struct buf *again)
{
    struct message_bind bind, other;
    size_t names = after_string(body, 0);
    names = names == NOWHERE ? names : after_string(body, names);
    bool named = message_bind_decode_names(body, &bind);
    CHECK(named == (names != NOWHERE));
    size_t at = named ? after_list(body, names, 2) : NOWHERE;
    at = at == NOWHERE ? at : after_values(body, at);
    at = at == NOWHERE ? at : after_list(body, at, 2);
    CHECK(message_bind_check(body) == (at == body.n));
    if (!named) return;
    CHECK(is_within(body, bind.portal) && is_within(body, bind.statement));
    buf_put_cstring(again, bind.portal);
    buf_put_cstring(again, bind.statement);
    CHECK(bytes_equal(buf_bytes(again), bytes_make(body.p, names)));
    buf_free(again);
    for (size_t n = 0; n <= body.n && n < PREFIXES; n++)
        CHECK(message_bind_decode_names(bytes_make(body.p, n), &other) == (n >= names));
}

static void as_execute(struct bytes body, struct buf *again)
{
    struct message_execute execute;
    size_t at = after_string(body, 0);
    bool good = message_execute_decode(body, &execute);
    CHECK(good == (at != NOWHERE && body.n - at == 4));
    if (!good) return;
    CHECK(is_within(body, execute.portal));
    buf_put_cstring(again, execute.portal);
    buf_put_u32(again, execute.most_rows);
    CHECK(bytes_equal(buf_bytes(again), body));
    buf_free(again);
}

static void as_target(struct bytes body, struct buf *again)
{
    struct message_target target;
    bool good = message_target_decode(body, &target);
    CHECK(good == (body.n > 1 && (body.p[0] == 'S' || body.p[0] == 'P') && after_string(body, 1) == body.n));
    if (!good) return;
    CHECK(is_within(body, target.name));
    message_target_encode(again, MESSAGE_DESCRIBE, target);
    is_again(again, MESSAGE_DESCRIBE, body);
}

static void as_string(struct bytes body)
{
    struct bytes text;
    bool good = message_string_decode(body, &text);
    CHECK(good == (after_string(body, 0) == body.n));
    if (good) CHECK(text.p == body.p && text.n == body.n - 1);
}

static void as_answers(struct bytes body)
{
    uint16_t n = 0;
    uint32_t count;
    bool good = message_row_description_check(body, &n);
    CHECK(good == (after_columns(body) == body.n));
    if (good) CHECK(number_at(body, 0, 2, &count) == 2 && n == count);
    CHECK(message_data_row_check(body) == (after_values(body, 0) == body.n));
    bool format = body.n && body.p[0] <= 1;
    CHECK(message_copy_response_check(body) == (format && after_list(body, 1, 2) == body.n));
}

/* ---- reports */

static void as_report(struct bytes body)
{
    struct bytes fields[256] = { { 0 } };
    size_t at = 0;
    bool ends = false;
    while (at < body.n && !ends) {
        uint8_t code = body.p[at++];
        ends = code == 0;
        size_t next = ends ? at : after_string(body, at);
        if (next == NOWHERE) break;
        if (!ends && !fields[code].p) fields[code] = bytes_make(body.p + at, next - at - 1);
        at = next;
    }
    CHECK(report_check(body) == (ends && at == body.n && fields['C'].p && fields['M'].p));
    for (int code = 1; code < 256; code++) {
        struct bytes found = report_field(body, (uint8_t)code);
        CHECK(found.p == fields[code].p && found.n == fields[code].n);
    }
    CHECK(!report_field(body, 0).p);
}

/* Both fields that a report must have, and then the input, so that what comes behind them is reached. */
static void as_rest_of_report(struct bytes in, struct buf *whole)
{
    buf_append(whole, BYTES_LITERAL("C42501\0Mno\0"));
    buf_append(whole, in);
    as_report(buf_bytes(whole));
    buf_free(whole);
}

static struct bytes until_nul(struct bytes b)
{
    const uint8_t *nul = b.n ? memchr(b.p, 0, b.n) : NULL;
    return nul ? bytes_make(b.p, (size_t)(nul - b.p)) : b;
}

static void make_report(struct bytes in, struct buf *out)
{
    size_t third = in.n / 3;
    struct report report = { "ERROR", "42501", bytes_make(in.p, third), bytes_make(in.p + third, third),
                             bytes_make(in.p + 2 * third, in.n - 2 * third) };
    struct message m;
    report_put(out, MESSAGE_NOTICE_RESPONSE, &report);
    CHECK(message_peek(buf_bytes(out), &m) == MESSAGE_WHOLE && m.whole.n == buf_length(out));
    CHECK(m.type == MESSAGE_NOTICE_RESPONSE && report_check(m.body));
    CHECK(bytes_is(report_field(m.body, 'S'), "ERROR") && bytes_is(report_field(m.body, 'C'), "42501"));
    struct bytes message = report.message.n ? until_nul(report.message) : bytes_of("refused");
    CHECK(bytes_equal(report_field(m.body, 'M'), message));
    CHECK(bytes_equal(report_field(m.body, 'D'), until_nul(report.detail)));
    CHECK(bytes_equal(report_field(m.body, 'H'), until_nul(report.hint)));
    CHECK(!report_field(m.body, 'P').p);
    buf_free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = bytes_make(data, size);
    struct buf again;
    if (!data) return 0;
    buf_init(&again, CEILING);
    as_stream(in);
    as_parse(in, &again);
    as_bind(in, &again);
    as_execute(in, &again);
    as_target(in, &again);
    as_string(in);
    as_answers(in);
    as_report(in);
    as_rest_of_report(in, &again);
    make_report(in, &again);
    return 0;
}
