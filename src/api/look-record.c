/* That somebody looked is in the log before anything is shown: who, at what, how, from where. */
#include "api/private.h"

struct look {
    const char *how;
    uint64_t session, from; /* session 0: of many */
    const char *name;       /* what else is told; NULL: nothing */
    struct bytes value;
};

static void put_look(const struct api_call *call, const struct look *look, struct buf *body)
{
    const struct principal *p = &call->principal;
    char id[14];
    struct frame_fields f = frame_fields_begin(body);
    frame_fields_add_text(&f, "what", "looked");
    frame_fields_add(&f, "user", p->user);
    frame_fields_add(&f, "subject", p->subject);
    frame_fields_add(&f, "issuer", p->issuer);
    if (look->session) {
        session_id_format(look->session, id);
        frame_fields_add_text(&f, "session", id);
    }
    if (look->from) frame_fields_add_number(&f, "from", (int64_t)look->from);
    frame_fields_add_text(&f, "how", look->how);
    if (look->name) frame_fields_add(&f, look->name, look->value);
    frame_fields_add_text(&f, "client", call->x->peer);
}

static bool is_recorded(struct api_call *call, const struct look *look)
{
    struct api *api = call->api;
    const struct principal *p = &call->principal;
    /* Pages of one question are one look, as pages of one reading are. */
    struct bytes who = arena_printf(call->arena, "%.*s\n%.*s\n%.*s", BYTES_FMT(p->issuer),
                                    BYTES_FMT(p->subject), BYTES_FMT(look->value));
    if (!who.p) return api_problem(call, 503, "unavailable", "There is no memory.");
    if (looks_is_known(api->looks, who, look->session, look->how, call->now_us)) return true;
    struct buf body;
    buf_init(&body, 64 * 1024);
    put_look(call, look, &body);
    bool good = !body.failed && journal_write(api->options.journal, FRAME_GATEWAY, buf_bytes(&body));
    buf_free(&body);
    if (!good)
        return api_problem(call, 503, "unavailable",
                           "Looking at a recording is recorded, and that cannot be done now.");
    looks_remember(api->looks, who, look->session, look->how, call->now_us);
    return true;
}

bool api_look_is_recorded(struct api_call *call, uint64_t session, uint64_t from, const char *how)
{
    const struct look look = { .how = how, .session = session, .from = from };
    return is_recorded(call, &look);
}

bool api_question_is_recorded(struct api_call *call, const char *how, const char *name, struct bytes value)
{
    const struct look look = { .how = how, .name = name, .value = bytes_slice(value, 0, 1000) };
    return is_recorded(call, &look);
}
