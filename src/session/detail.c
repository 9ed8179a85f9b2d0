/* The DETAIL of a refusal: a sentence for people, or, where the client asked with `SET postern.errors =
 * json`, one line of JSON for programs. It is the same knowledge in both forms. */
#include "session/session-private.h"
#include "json/writer.h"

void detail_choose(struct session *s, struct bytes name, struct bytes value)
{
    if (bytes_equal_nocase(name, BYTES_LITERAL("postern.errors")))
        s->errors_json = bytes_equal_nocase(value, BYTES_LITERAL("json"));
    if (bytes_equal_nocase(name, BYTES_LITERAL("postern.on_hold")))
        s->fails_on_hold = bytes_equal_nocase(value, BYTES_LITERAL("fail"));
}

static struct bytes as_json(struct session *s, const struct detail *d, struct bytes request)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    struct json_writer w = json_writer_over(&out);
    json_write_object(&w);
    json_write_text_member(&w, "code", bytes_of(refusal_code(d->reason)));
    if (d->rule.n) json_write_text_member(&w, "rule", d->rule);
    if (d->policy.n) json_write_text_member(&w, "policy", d->policy);
    json_write_text_member(&w, "request", request);
    if (d->words.n) json_write_text_member(&w, "detail", d->words);
    if (d->hint.n) json_write_text_member(&w, "hint", d->hint);
    if (d->link.n) json_write_text_member(&w, "link", d->link);
    if (d->n_by) {
        json_write_name(&w, "by");
        json_write_array(&w);
        for (size_t i = 0; i < d->n_by; i++)
            json_write_text(&w, d->by[i]);
        json_write_end(&w);
    }
    json_write_end(&w);
    struct bytes text = out.failed ? (struct bytes){ 0 } : arena_copy(&s->scratch, buf_bytes(&out));
    buf_free(&out);
    return text;
}

struct bytes detail_text(struct session *s, const struct detail *d, uint32_t run)
{
    char id[14];
    session_id_format(s->record.id, id);
    struct bytes request = d->request.n ? d->request : arena_printf(&s->scratch, "%s-%u", id, run);
    if (s->errors_json) return as_json(s, d, request);
    if (d->words.n || !d->rule.n) return d->words;
    if (d->policy.n)
        return arena_printf(&s->scratch, "Rule \"%.*s\" of policy \"%.*s\"; request %.*s.",
                            BYTES_FMT(d->rule), BYTES_FMT(d->policy), BYTES_FMT(request));
    return arena_printf(&s->scratch, "Rule \"%.*s\"; request %.*s.", BYTES_FMT(d->rule), BYTES_FMT(request));
}

struct bytes detail_words(struct session *s, enum refusal_reason reason, struct bytes words,
                          struct bytes hint, uint32_t run)
{
    struct detail d = { .reason = reason, .hint = hint, .words = words };
    return detail_text(s, &d, run);
}
