/* Choosing a target. */
#include "session/target.h"
#include "policy/glob.h"

struct session_snapshot *session_snapshot_hold(struct session_snapshot *snapshot)
{
    __atomic_add_fetch(&snapshot->n_users, 1, __ATOMIC_RELAXED);
    return snapshot;
}

void session_snapshot_release(struct session_snapshot *snapshot)
{
    if (snapshot && __atomic_sub_fetch(&snapshot->n_users, 1, __ATOMIC_ACQ_REL) == 0)
        snapshot->free(snapshot);
}

const struct target *target_find(const struct session_snapshot *snapshot, struct bytes database,
                                 struct bytes *database_out)
{
    for (size_t i = 0; i < snapshot->n_targets; i++) {
        const struct target *target = &snapshot->targets[i];
        if (target->n_databases == 0 && bytes_equal(target->name, database)) {
            *database_out = target->database.n ? target->database : database;
            return target;
        }
    }
    for (size_t i = 0; i < snapshot->n_targets; i++) {
        const struct target *target = &snapshot->targets[i];
        for (size_t k = 0; k < target->n_databases; k++)
            if (policy_glob(target->databases[k], database)) {
                *database_out = database;
                return target;
            }
    }
    return NULL;
}
