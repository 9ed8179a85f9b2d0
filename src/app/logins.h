/* The databases' logins of a configuration, as the keys child is told of them. */
#ifndef POSTERN_APP_LOGINS_H
#define POSTERN_APP_LOGINS_H
#include "app/config.h"
#include "app/keys-child.h"

/* Those that have a password, with ids "connection/login"; in the arena. False: it is full. */
bool logins_of_config(const struct config *config, struct arena *arena, struct keys_login **logins_out,
                      size_t *n_out) MUST_USE;
/* "${file:PATH}" again; NULL: the secret has no source, or the arena is full. */
const char *logins_source_text(const struct yaml_secret *secret, struct arena *arena);
#endif
