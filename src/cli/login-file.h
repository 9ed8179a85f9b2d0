/* What `postern login` keeps: whose provider, and the token. A file of its owner's alone, in
 * $XDG_CONFIG_HOME/postern (~/.config/postern). */
#ifndef POSTERN_CLI_LOGIN_FILE_H
#define POSTERN_CLI_LOGIN_FILE_H
#include "base/arena.h"
#include "base/bytes.h"
#include "cli/command.h"

/* All in the arena; empty: not there. */
struct login_file {
    struct bytes url, issuer, client_id, scopes, resource, audience, user, token, refresh;
    int64_t expires_s; /* of the token, since 1970 */
};
/* 0; -ENOENT: nobody is logged in; -EACCES: others may read the file; -EBADMSG: it cannot be read; or -errno.
 */
int login_file_read(struct arena *arena, struct login_file *out) MUST_USE;
int login_file_write(const struct login_file *login) MUST_USE;
/* 0 also where there is none. */
int login_file_remove(void) MUST_USE;
/* The claims that say for whom and until when a JWT is, without verifying it: whoever takes it does that.
 * False: it is no JWT of this audience (or any, where it is empty). */
bool login_token_read(struct bytes token, struct bytes audience, struct arena *arena, struct bytes *user_out,
                      int64_t *expires_s_out) MUST_USE;

/* A token that is good for another half minute: the one that is kept, or a new one by its refresh token.
 * False: said why; answer CLI_NO. */
bool login_current(const struct cli_call *call, struct arena *arena, struct login_file *out) MUST_USE;
#endif
