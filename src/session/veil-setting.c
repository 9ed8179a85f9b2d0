/* What a server reports of its settings, to somebody from whom columns are masked. Nearly all of them have a
 * fixed vocabulary; application_name takes any text, so a function that writes it could write a value: only
 * what the client itself has said passes. doc/masking.md, "Side doors". */
#include "session/session-private.h"

/* Texts that set it, one behind the other; where there is no room, the older ones are forgotten. */
enum { SAID_CEILING = 4096 };

static bool sets_name(const struct understood *u)
{
    for (size_t i = 0; u->facts && i < u->facts->n_statements; i++) {
        const struct sql_statement *st = &u->facts->statements[i];
        if (st->action == SQL_ACTION_SET &&
            bytes_equal_nocase(st->subject, BYTES_LITERAL("application_name")))
            return true;
    }
    return false;
}

void veil_on_run(struct session *s, const struct understood *u)
{
    if (!s->masks || !sets_name(u) || u->text.n > SAID_CEILING) return;
    if (!s->said.ceiling) buf_init(&s->said, SAID_CEILING);
    if (bytes_find(buf_bytes(&s->said), u->text) >= 0) return;
    if (buf_length(&s->said) + u->text.n > SAID_CEILING) buf_consume(&s->said, buf_length(&s->said));
    buf_append(&s->said, u->text);
}

struct bytes veil_setting(const struct session *s, struct bytes name, struct bytes value)
{
    if (!s->masks || !bytes_is(name, "application_name")) return value;
    bool own = bytes_find(startup_get(&s->startup, "application_name"), value) >= 0 ||
               bytes_find(startup_get(&s->startup, "options"), value) >= 0 ||
               bytes_find(buf_bytes(&s->said), value) >= 0;
    return own || value.n == 0 ? value : BYTES_LITERAL("(masked)");
}
