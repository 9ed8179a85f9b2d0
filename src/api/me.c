/* /v1/me: what is said about the caller. */
#include "api/handlers.h"
#include "api/private.h"

void api_me(struct api_call *call)
{
    const struct principal *p = &call->principal;
    struct json_writer *w = api_json(call);
    json_write_object(w);
    json_write_text_member(w, "user", p->user);
    json_write_text_member(w, "subject", p->subject);
    json_write_text_member(w, "issuer", p->issuer);
    api_write_texts(w, "groups", p->groups, p->n_groups);
    json_write_bool_member(w, "machine", p->machine);
    json_write_name(w, "roles");
    json_write_array(w);
    for (enum api_role role = API_ADMIN; role <= API_USER; role++)
        if (api_has_role(call, role)) json_write_text(w, bytes_of(api_role_name(role)));
    json_write_end(w);
    if (call->person) json_write_text_member(w, "csrf", bytes_of(call->person->csrf));
    api_write_maybe_time(w, "expires", call->person ? call->person->expires_us : p->expires_us);
    json_write_text_member(w, "version", BYTES_LITERAL(POSTERN_VERSION));
    json_write_end(w);
}
