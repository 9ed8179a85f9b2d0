/* Asking the gateway's API as whoever is logged in. */
#ifndef POSTERN_CLI_LOGIN_ASK_H
#define POSTERN_CLI_LOGIN_ASK_H
#include "cli/login-file.h"
#include "json/read.h"

struct login_asking {
    const char *path;  /* "/v1/token" */
    struct bytes body; /* JSON; p == NULL: a GET */
    char why[400];     /* where it went wrong: a sentence, without its full stop, for people */
};
/* An answer of 200, to be let go with json_decref. False: a->why says why not. */
bool login_ask(const struct login_file *login, struct login_asking *a, struct arena *arena,
               json_t **answer_out) MUST_USE;
#endif
