/* From the configuration to what sessions see of it: targets, logins, limits, in one counted snapshot. */
#ifndef POSTERN_APP_TARGETS_H
#define POSTERN_APP_TARGETS_H
#include "app/config.h"
#include "session/target.h"

/* NULL: errors (at least one line logged) or no memory. The snapshot holds a reference of the configuration.
 */
/* on_keys: see identity_new. What is freed with the snapshot is freed on a thread of its own, since that may
 * wait for a fetch. */
struct session_snapshot *targets_of_config(const struct config *config, void (*on_keys)(void *context),
                                           void *context) MUST_USE;
/* The same without issuers: nobody can sign in, and nothing is fetched from anywhere. */
struct session_snapshot *targets_without_identity(const struct config *config) MUST_USE;
#endif
