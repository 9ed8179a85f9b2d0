/* A command has ten seconds, and its output is wiped. */
#include "app/secret-source.h"
#include "app/keys-source.h"
#include "base/buf.h"
#include "base/log.h"
#include "notify/command.h"
#include <errno.h>

enum { EXEC_MS = 10000 };

struct bytes secret_source_trim(struct bytes text)
{
    while (text.n && text.p[text.n - 1] <= ' ')
        text.n--;
    return text;
}

static int read_command(struct bytes text, struct secret *out)
{
    struct buf output;
    char why[160];
    const char *argv[] = { "/bin/sh", "-c", (const char *)text.p, NULL };
    struct command command = { .argv = argv, .deadline_ms = EXEC_MS, .output = &output };
    buf_init(&output, KEYS_SECRET_MOST);
    int status = command_run(&command, why);
    if (status == 0 && !output.failed) *out = secret_copy(secret_source_trim(buf_bytes(&output)));
    if (status)
        log_line(LOG_ERROR, "a secret cannot be read source=exec reason=%s", why);
    else if (!out->data)
        log_line(LOG_ERROR, "a secret cannot be read source=exec reason=empty or too long");
    if (output.data) secret_wipe(output.data, output.size);
    buf_free(&output);
    return out->data ? 0 : -ENOKEY;
}

int secret_source_read(const struct yaml_secret *from, struct secret *out)
{
    *out = (struct secret){ 0 };
    switch (from->source) {
    case YAML_SOURCE_ENV: return keys_source_read(KEYS_SOURCE_ENV, from->name, out);
    case YAML_SOURCE_FILE: return keys_source_read(KEYS_SOURCE_FILE, from->name, out);
    case YAML_SOURCE_EXEC: return read_command(from->name, out);
    case YAML_SOURCE_NONE: break;
    }
    return -ENOKEY;
}
