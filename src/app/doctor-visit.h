/* Logging in at a database as the gateway does, and asking what doctor.h's checks ask. A visit has a loop and
 * a resolver of its own, and returns when it is over. */
#ifndef POSTERN_APP_DOCTOR_VISIT_H
#define POSTERN_APP_DOCTOR_VISIT_H
#include "app/doctor.h"
#include "app/keys-client.h"
#include "base/clock.h"
#include "session/target.h"

struct doctor_room {
    const struct clock *clock;
    struct keys_client *keys; /* for the visits alone */
    /* Now and then: how many of how many steps are done. May be NULL. */
    void (*on_step)(void *context, size_t done, size_t of);
    void *context;
};
/* Fills the report, with problems where something could not be looked at. The login is one of the target's.
 */
void doctor_visit(const struct doctor_room *room, const struct target *target,
                  const struct target_login *login, struct bytes database, struct doctor_report *report);
/* The databases that the login can connect to, asked in `database`, in the order of their names, in the
 * arena; visit is called for each. False: *why_out is a sentence, in the arena. */
bool doctor_databases(const struct doctor_room *room, const struct target *target,
                      const struct target_login *login, struct bytes database, struct arena *arena,
                      bool (*visit)(void *context, struct bytes name), void *context, struct bytes *why_out);
#endif
