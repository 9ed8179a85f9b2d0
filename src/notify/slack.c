/* A message for chats. Whatever somebody else wrote goes through plain_append, and stands in blocks of plain
 * text; the one link is made of the operator's URL and the request's id. */
#include "base/codec.h"
#include "notify/body.h"
#include "notify/plain.h"
#include "json/writer.h"
#include <inttypes.h>

static void add(struct buf *line, const char *before, struct bytes text)
{
    if (!text.n) return;
    buf_append_text(line, before);
    plain_append(line, text);
}

static const char *title(const struct notify_fact *f)
{
    switch (f->kind) {
    case NOTIFY_HOLD: return "Approval needed";
    case NOTIFY_DECIDED:
        if (bytes_is(f->state, "waiting")) return "Approval noted, another is needed";
        return bytes_is(f->decision, "approve") ? "Approved" : "Denied";
    case NOTIFY_ENDED:
        if (bytes_is(f->state, "used")) return "Ran, as approved";
        if (bytes_is(f->state, "expired")) return "Expired, nobody decided";
        return bytes_is(f->state, "lapsed") ? "Approval lapsed" : "Withdrawn";
    case NOTIFY_DENY: return "Refused";
    case NOTIFY_N_KINDS: break;
    }
    return "";
}

static void sentence(const struct notify_fact *f, struct buf *line)
{
    buf_append_text(line, title(f));
    if (f->kind == NOTIFY_DECIDED) add(line, " by ", f->by);
    add(line, ": ", f->message.n ? f->message : f->code);
    if (f->count > 1) buf_printf(line, " (%" PRIu64 " times)", f->count);
}

static void write_text(struct json_writer *w, const char *type, struct bytes text)
{
    json_write_object(w);
    json_write_text_member(w, "type", bytes_of(type));
    json_write_text_member(w, "text", text);
    if (bytes_is(bytes_of(type), "plain_text")) json_write_bool_member(w, "emoji", false);
    json_write_end(w);
}

static void section(struct json_writer *w, const char *type, struct bytes text)
{
    json_write_object(w);
    json_write_text_member(w, "type", BYTES_LITERAL("section"));
    json_write_name(w, "text");
    write_text(w, type, text);
    json_write_end(w);
}

static void field(struct json_writer *w, const char *label, struct bytes value, const char *joint,
                  struct bytes more)
{
    struct buf text;
    if (!value.n && !more.n) return;
    buf_init(&text, NOTIFY_BODY);
    buf_printf(&text, "%s: ", label);
    plain_append(&text, value);
    if (more.n) add(&text, joint, more);
    write_text(w, "plain_text", plain_cut(buf_bytes(&text), 1900));
    w->out->failed |= text.failed;
    buf_free(&text);
}

static struct bytes joined(struct bytes list, struct buf *out)
{
    struct bytes item;
    while (fact_list_next(&list, &item)) {
        if (buf_length(out)) buf_append_text(out, ", ");
        buf_append(out, item);
    }
    return buf_bytes(out);
}

static void fields(struct json_writer *w, const struct notify_fact *f)
{
    struct buf relations, approvers;
    char rows[24] = "", until[28] = "";
    buf_init(&relations, 4 * NOTIFY_LIST);
    buf_init(&approvers, 4 * NOTIFY_LIST);
    if (f->counted) snprintf(rows, sizeof rows, "%" PRIu64, f->rows);
    if (f->expires_us) codec_time(f->expires_us, until);
    if (until[0]) snprintf(until + 19, 2, "Z");
    json_write_object(w);
    json_write_text_member(w, "type", BYTES_LITERAL("section"));
    json_write_name(w, "fields");
    json_write_array(w);
    field(w, "Who", f->principal, " for ", f->on_behalf_of);
    field(w, "Where", f->connection, ", database ", f->database);
    field(w, "What", f->statement, " on ", joined(f->relations, &relations));
    field(w, "Rows it would change", bytes_of(rows), "", (struct bytes){ 0 });
    field(w, "Rule", f->rule, " of ", f->policy);
    if (f->kind == NOTIFY_HOLD)
        field(w, "Who may decide", joined(f->approvers, &approvers), "", (struct bytes){ 0 });
    field(w, "Until", bytes_of(until), "", (struct bytes){ 0 });
    field(w, "Reason", f->reason, "", (struct bytes){ 0 });
    field(w, "Why", f->why, "", (struct bytes){ 0 });
    field(w, f->request.n ? "Request" : "Session", f->request.n ? f->request : f->session, "",
          (struct bytes){ 0 });
    json_write_end(w);
    json_write_end(w);
    buf_free(&relations);
    buf_free(&approvers);
}

static void link_block(struct json_writer *w, const struct notify_fact *f, struct buf *line)
{
    buf_consume(line, buf_length(line));
    if (f->link.n)
        buf_printf(line, "<%.*s|%s>", BYTES_FMT(f->link),
                   f->kind == NOTIFY_HOLD ? "Look at it, and approve or deny" : "Look at it");
    else if (f->kind == NOTIFY_HOLD)
        buf_printf(line, "`postern approvals show %.*s`", BYTES_FMT(f->request));
    if (buf_length(line)) section(w, "mrkdwn", buf_bytes(line));
}

void slack_write(const struct notify_fact *fact, struct buf *out)
{
    struct buf line;
    struct json_writer w = json_writer_over(out);
    buf_init(&line, NOTIFY_BODY);
    json_write_object(&w);
    sentence(fact, &line);
    if (fact->link.n) buf_printf(&line, " %.*s", BYTES_FMT(fact->link));
    json_write_text_member(&w, "text", buf_bytes(&line));
    json_write_name(&w, "blocks");
    json_write_array(&w);
    buf_consume(&line, buf_length(&line));
    sentence(fact, &line);
    section(&w, "plain_text", plain_cut(buf_bytes(&line), 2900));
    fields(&w, fact);
    link_block(&w, fact, &line);
    json_write_end(&w);
    json_write_end(&w);
    out->failed |= line.failed;
    buf_free(&line);
}
