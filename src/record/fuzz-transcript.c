/* Any bytes as frames: a byte of type, a byte of flags, a length, a body. The oracle: events come only while
 * a frame is fed, carry its sequence number, and hold only bytes that can be read; a transcript that was fed
 * the same frames again tells the same. */
#include "base/check.h"
#include "base/cursor.h"
#include "base/map.h"
#include "record/transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sink {
    uint64_t hash;
    uint32_t sequence;
    bool feeding;
};

static void mix(struct sink *s, struct bytes b)
{
    s->hash = map_hash(b, s->hash);
}

static void mix_values(struct sink *s, const struct transcript_value *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mix(s, v[i].text);
}

static void see(void *context, const struct transcript_event *e)
{
    struct sink *s = context;
    CHECK(s->feeding && e->sequence == s->sequence);
    mix(s, bytes_of(transcript_kind_name(e->kind)));
    switch (e->kind) {
    case EVENT_STATEMENT:
        if (e->of.statement.text) mix(s, e->of.statement.text->text);
        mix(s, e->of.statement.name);
        mix(s, e->of.statement.portal);
        mix_values(s, e->of.statement.parameters, e->of.statement.n_parameters);
        break;
    case EVENT_ROW:
        for (size_t i = 0; i < e->of.row.n_columns; i++)
            mix(s, e->of.row.columns[i].name);
        mix_values(s, e->of.row.values, e->of.row.n_values);
        mix(s, e->of.row.outputs);
        break;
    case EVENT_REPORT: mix(s, e->of.report.message); break;
    case EVENT_TEXT:
        mix(s, e->of.text->fields);
        mix(s, e->of.text->relations);
        mix(s, e->of.text->sent);
        break;
    case EVENT_COPY: mix(s, e->of.copy.data); break;
    case EVENT_PARAMETER: mix(s, e->of.parameter.value); break;
    case EVENT_CLOSE: mix(s, e->of.close.name); break;
    default: break;
    }
}

static uint64_t run(struct bytes input)
{
    struct transcript *t = transcript_new(1 << 20);
    struct cursor c = cursor_over(input);
    struct sink sink = { 0 };
    CHECK(t);
    while (!c.failed && cursor_left(&c)) {
        struct frame frame = { .sequence = ++sink.sequence,
                               .type = cursor_u8(&c) % 32,
                               .flags = cursor_u8(&c) };
        frame.body = cursor_take(&c, cursor_u16(&c));
        if (c.failed) break;
        sink.feeding = true;
        transcript_feed(t, &frame, see, &sink);
        sink.feeding = false;
    }
    transcript_free(t);
    return sink.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct bytes input = bytes_make(data, n);
    CHECK(run(input) == run(input));
    return 0;
}
