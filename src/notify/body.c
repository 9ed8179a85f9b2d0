/* The body of webhooks and commands: empty texts are left out. */
#include "notify/body.h"
#include "json/writer.h"

static void write_list(struct json_writer *w, const char *name, struct bytes list)
{
    struct bytes item;
    if (!list.n) return;
    json_write_name(w, name);
    json_write_array(w);
    while (fact_list_next(&list, &item))
        json_write_text(w, item);
    json_write_end(w);
}

static void write_data(struct json_writer *w, const struct notify_fact *f)
{
#define X(member)                                                                                            \
    if (f->member.n) json_write_text_member(w, #member, f->member);
    NOTIFY_TEXTS(X)
#undef X
#define X(member) write_list(w, #member, f->member);
    NOTIFY_LISTS(X)
#undef X
    json_write_bool_member(w, "machine", f->machine);
    if (f->counted) json_write_int_member(w, "rows", (int64_t)f->rows);
    if (f->expires_us) json_write_time_member(w, "expires", f->expires_us);
    if (f->kind == NOTIFY_DENY) json_write_int_member(w, "count", (int64_t)f->count);
}

void body_write(const struct notify_fact *fact, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_text_member(&w, "type", bytes_of(fact->type));
    json_write_time_member(&w, "timestamp", fact->at_us);
    json_write_name(&w, "data");
    json_write_object(&w);
    write_data(&w, fact);
    json_write_end(&w);
    json_write_end(&w);
}
