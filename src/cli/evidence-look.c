/* Looks from the command line, as the API records those that it is asked for. */
#include "cli/control-line.h"
#include "cli/evidence.h"

bool evidence_look(const struct cli_call *call, const struct evidence *e, const char *how, uint64_t session,
                   const char *name, struct bytes value)
{
    char id[14];
    struct control_field fields[4] = { { BYTES_LITERAL("what"), BYTES_LITERAL("looked") },
                                       { BYTES_LITERAL("how"), bytes_of(how) } };
    size_t n = 2;
    if (!call->world->look) return true;
    if (session) {
        session_id_format(session, id);
        fields[n++] = (struct control_field){ BYTES_LITERAL("session"), bytes_of(id) };
    }
    if (name) fields[n++] = (struct control_field){ bytes_of(name), bytes_slice(value, 0, 1000) };
    return call->world->look(call, e->data, e->keys.encryption_key, fields, n);
}

bool evidence_look_at(const struct cli_call *call, struct evidence *e, const char *how, const char *name,
                      uint64_t *session_out)
{
    if (!evidence_session(call, e, name, session_out)) return false;
    return !*session_out || evidence_look(call, e, how, *session_out, NULL, (struct bytes){ 0 });
}
