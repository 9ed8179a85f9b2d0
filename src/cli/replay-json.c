/* One JSON object a line and event. doc/replay-json.md documents the members; a member is added, never
 * renamed. Values that are not UTF-8 come as {"hex": "…"}. */
#include "base/codec.h"
#include "cli/replay.h"
#include "pgwire/typeout.h"
#include "record/approval-words.h"
#include "json/writer.h"

static void member_if(struct json_writer *w, const char *name, struct bytes value)
{
    if (value.n) json_write_bytes_member(w, name, value);
}

static void put_type(struct json_writer *w, uint32_t type)
{
    const char *name = typeout_name(type);
    if (!type) return;
    json_write_int_member(w, "oid", type);
    if (name) json_write_text_member(w, "type", bytes_of(name));
}

static void put_field(void *context, struct bytes name, struct bytes value)
{
    struct json_writer *w = context;
    json_write_name_bytes(w, name);
    json_write_bytes(w, value);
}

static void put_fields(struct json_writer *w, const char *name, struct bytes fields)
{
    json_write_name(w, name);
    json_write_object(w);
    frame_fields_each(fields, put_field, w);
    json_write_end(w);
}

static void put_seen(void *context, struct bytes name, struct bytes value)
{
    struct json_writer *w = context;
    if (!transcript_field_is_seen(name)) return;
    json_write_name_bytes(w, name);
    json_write_bytes(w, value);
}

static void put_text(struct json_writer *w, const struct transcript_text *t)
{
    if (!t) return;
    if (!(t->number & TRANSCRIPT_OWN_TEXT)) json_write_int_member(w, "text_number", t->number);
    json_write_bytes_member(w, "sql", t->text);
    member_if(w, "sent", t->sent);
    member_if(w, "decision", t->decision);
    member_if(w, "policy", t->policy);
    member_if(w, "rule", t->rule);
    member_if(w, "would", t->would);
    member_if(w, "tags", t->tags);
    member_if(w, "effects", t->effects);
    member_if(w, "relations", t->relations);
    frame_fields_each(t->fields, put_seen, w);
}

static void put_value(struct json_writer *w, const struct transcript_value *v)
{
    if (v->null)
        json_write_null(w);
    else
        json_write_bytes(w, v->text);
}

static void put_statement(struct json_writer *w, const struct transcript_statement *s)
{
    static const char *const protocols[] = { "simple", "extended", "call" };
    json_write_text_member(w, "protocol", bytes_of(protocols[s->protocol]));
    put_text(w, s->text);
    if (s->protocol == PROTOCOL_CALL) json_write_int_member(w, "function", s->function);
    if (s->protocol == PROTOCOL_EXTENDED) {
        json_write_bytes_member(w, "portal", s->portal);
        json_write_bytes_member(w, "name", s->name);
        if (s->most_rows) json_write_int_member(w, "most_rows", s->most_rows);
    }
    if (!s->has_parameters) return;
    json_write_name(w, "parameters");
    json_write_array(w);
    for (size_t i = 0; i < s->n_parameters; i++) {
        const struct transcript_value *v = &s->parameters[i];
        json_write_object(w);
        json_write_name(w, "value");
        put_value(w, v);
        put_type(w, v->type);
        json_write_bool_member(w, "binary", v->binary);
        if (!v->understood) json_write_bool_member(w, "understood", false);
        json_write_end(w);
    }
    json_write_end(w);
}

static void put_row(struct json_writer *w, const struct transcript_row *row)
{
    struct bytes outputs = row->outputs;
    if (row->n_columns) {
        json_write_name(w, "columns");
        json_write_array(w);
        for (size_t i = 0; i < row->n_columns; i++) {
            json_write_object(w);
            json_write_bytes_member(w, "name", row->columns[i].name);
            put_type(w, row->columns[i].type);
            struct bytes state = transcript_output_next(&outputs);
            if (bytes_is(state, "masked")) json_write_bool_member(w, "masked", true);
            json_write_end(w);
        }
        json_write_end(w);
    }
    json_write_name(w, "values");
    json_write_array(w);
    for (size_t i = 0; i < row->n_values; i++)
        put_value(w, &row->values[i]);
    json_write_end(w);
}

static void put_complete(struct json_writer *w, const struct transcript_complete *c)
{
    static const char *const ends[] = { "completed", "failed",  "suspended", "skipped",
                                        "lost",      "refused", "empty",     "undone" };
    json_write_text_member(w, "how", bytes_of(ends[c->how]));
    json_write_bytes_member(w, "tag", c->tag);
    member_if(w, "outputs", c->outputs);
    json_write_name(w, "rows");
    json_write_uint(w, c->rows);
    json_write_name(w, "bytes");
    json_write_uint(w, c->bytes);
    json_write_name(w, "us");
    json_write_uint(w, c->us);
}

static void put_report(struct json_writer *w, const struct transcript_report *p)
{
    json_write_bool_member(w, "error", p->is_error);
    json_write_text_member(w, "origin", bytes_of(p->origin == ORIGIN_GATEWAY ? "gateway" : "server"));
    json_write_bytes_member(w, "severity", p->severity);
    json_write_bytes_member(w, "sqlstate", p->sqlstate);
    json_write_bytes_member(w, "message", p->message);
    member_if(w, "detail", p->detail);
    member_if(w, "hint", p->hint);
    member_if(w, "position", p->position);
    member_if(w, "where", p->where);
    member_if(w, "schema", p->schema);
    member_if(w, "table", p->table);
    member_if(w, "column", p->column);
    member_if(w, "constraint", p->constraint);
    if (p->text && p->origin == ORIGIN_GATEWAY) {
        member_if(w, "policy", p->text->policy);
        member_if(w, "rule", p->text->rule);
    }
}

static void put_approval(struct json_writer *w, struct bytes fields)
{
    struct buf words;
    buf_init(&words, 64 * 1024);
    approval_words(fields, &words);
    if (!words.failed) member_if(w, "words", buf_bytes(&words));
    buf_free(&words);
    put_fields(w, "fields", fields);
}

static void put_body(struct json_writer *w, const struct transcript_event *e, bool sealed)
{
    char status[2] = { 0 };
    struct buf hex;
    switch (e->kind) {
    case EVENT_START:
    case EVENT_END:
    case EVENT_CONTEXT:
    case EVENT_CANCEL:
    case EVENT_REJECTED:
    case EVENT_GATEWAY:
    case EVENT_FOUND: put_fields(w, "fields", e->of.fields); break;
    case EVENT_APPROVAL: put_approval(w, e->of.fields); break;
    case EVENT_SEALED:
        if (sealed) put_fields(w, "fields", e->of.fields);
        break;
    case EVENT_TEXT: put_text(w, e->of.text); break;
    case EVENT_PREPARE:
        put_text(w, e->of.prepare.text);
        json_write_bytes_member(w, "name", e->of.prepare.name);
        json_write_name(w, "oids");
        json_write_array(w);
        for (size_t i = 0; i < e->of.prepare.n_types; i++)
            json_write_int(w, e->of.prepare.types[i]);
        json_write_end(w);
        break;
    case EVENT_STATEMENT: put_statement(w, &e->of.statement); break;
    case EVENT_ROW: put_row(w, &e->of.row); break;
    case EVENT_COPY:
        json_write_text_member(w, "direction", bytes_of(e->of.copy.in ? "in" : "out"));
        json_write_bytes_member(w, "data", e->of.copy.data);
        break;
    case EVENT_COMPLETE: put_complete(w, &e->of.complete); break;
    case EVENT_REPORT: put_report(w, &e->of.report); break;
    case EVENT_NOTIFICATION:
        json_write_int_member(w, "process", e->of.notification.process);
        json_write_bytes_member(w, "channel", e->of.notification.channel);
        json_write_bytes_member(w, "payload", e->of.notification.payload);
        break;
    case EVENT_PARAMETER:
        json_write_bytes_member(w, "name", e->of.parameter.name);
        json_write_bytes_member(w, "value", e->of.parameter.value);
        break;
    case EVENT_DIGEST:
        buf_init(&hex, 128);
        codec_hex(e->of.digest.sha256, &hex);
        json_write_text_member(w, "sha256", buf_bytes(&hex));
        buf_free(&hex);
        json_write_name(w, "rows");
        json_write_uint(w, e->of.digest.rows);
        json_write_name(w, "bytes");
        json_write_uint(w, e->of.digest.bytes);
        break;
    case EVENT_CUT:
        json_write_name(w, "rows");
        json_write_uint(w, e->of.cut_rows);
        break;
    case EVENT_CLOSE:
        json_write_text_member(w, "kind", bytes_of(e->of.close.kind == 'S' ? "statement" : "portal"));
        json_write_bytes_member(w, "name", e->of.close.name);
        break;
    case EVENT_STATUS:
        status[0] = e->of.status;
        json_write_bytes_member(w, "status", bytes_of(status));
        break;
    case EVENT_DAMAGED:
        json_write_text_member(w, "frame", bytes_of(frame_type_name(e->frame_type)));
        json_write_text_member(w, "message", e->of.message);
        break;
    case EVENT_OTHER: json_write_int_member(w, "frame_type", e->frame_type); break;
    }
}

void replay_json(struct replay *r, const struct transcript_event *e)
{
    char id[14];
    session_id_format(r->session, id);
    struct json_writer w = json_writer_over(r->out);
    json_write_object(&w);
    json_write_text_member(&w, "event", bytes_of(transcript_kind_name(e->kind)));
    json_write_text_member(&w, "session", bytes_of(id));
    json_write_int_member(&w, "sequence", e->sequence);
    if (e->run) json_write_int_member(&w, "run", e->run);
    json_write_time_member(&w, "time", e->time_us);
    json_write_int_member(&w, "offset_us", e->offset_us);
    put_body(&w, e, r->sealed);
    json_write_end(&w);
    buf_append_text(r->out, "\n");
}
