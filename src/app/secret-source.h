/* Reading a secret of the configuration in this process, where it is used for as long as the process runs:
 * keys of webhooks, of the archive. (Passwords of databases and the key-encryption key are the keys child's.)
 * SIGPIPE must be ignored. */
#ifndef POSTERN_APP_SECRET_SOURCE_H
#define POSTERN_APP_SECRET_SOURCE_H
#include "base/secret.h"
#include "yaml/shape.h"

/* From the variable, the file or the command's output, now. 0; -ENOKEY: there is none, which was logged, or
 * none is named. The caller frees it. */
int secret_source_read(const struct yaml_secret *from, struct secret *out) MUST_USE;
/* Without the line's end behind it. */
struct bytes secret_source_trim(struct bytes text);
#endif
