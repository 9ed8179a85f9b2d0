/* Reads a secret from where the configuration says it is: the environment, a file, or what a command prints.
 * It may wait (a command runs up to its deadline), so it is not for an event loop's thread. */
#ifndef POSTERN_APP_SECRET_SOURCE_H
#define POSTERN_APP_SECRET_SOURCE_H
#include "base/secret.h"
#include "yaml/shape.h"

enum { SECRET_BYTES_CEILING = 64 * 1024 };
/* One line end behind the secret is not part of it. 0, or -errno: -ENOENT for a variable that is not set or a
 * file that is not there, -ENODATA for an empty secret, -EFBIG past the ceiling, -ETIMEDOUT, -EIO for a
 * command that fails. For YAML_SOURCE_NONE: 0 and an empty secret. Nothing of the secret or the command is
 * logged. */
int secret_source_read(const struct yaml_secret *source, int timeout_ms, struct secret *secret_out) MUST_USE;
#endif
