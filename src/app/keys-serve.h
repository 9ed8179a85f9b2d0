/* The keys child's own loop. Private to keys-child.c. */
#ifndef POSTERN_APP_KEYS_SERVE_H
#define POSTERN_APP_KEYS_SERVE_H
#include "app/keys-login.h"
#include "app/keys-vault.h"

/* clients: the child's ends, the control socket last; reader: the source reader's. vault: NULL where there
 * are no keys. Ends the process when all clients are gone, and when any of them says what no client says. */
_Noreturn void keys_serve(const struct keys_vault *vault, struct keys_desk *desk, int reader, int *clients,
                          size_t n_clients);
#endif
