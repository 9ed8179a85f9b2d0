/* Sources of secrets and the keys child's side of the reader. Nothing here logs a value; what it logs is the
 * source as the configuration names it, without a command's text, which can hold a token. */
#include "app/keys-source.h"
#include "app/keys-source-wire.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum keys_source_kind keys_source_parse(struct bytes text, struct bytes *what_out)
{
    static const struct {
        const char *prefix;
        enum keys_source_kind kind;
    } forms[] = { { "${file:", KEYS_SOURCE_FILE },
                  { "${env:", KEYS_SOURCE_ENV },
                  { "${exec:", KEYS_SOURCE_EXEC } };
    if (text.n && memchr(text.p, 0, text.n)) return KEYS_SOURCE_NONE;
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(forms[i].prefix);
        if (!bytes_starts_with(text, forms[i].prefix) || text.n < n + 2 || text.p[text.n - 1] != '}')
            continue;
        *what_out = bytes_slice(text, n, text.n - n - 1);
        return forms[i].kind;
    }
    return KEYS_SOURCE_NONE;
}

/* The value in the environment itself, or NULL. */
static char *env_value(struct bytes name)
{
    char key[256];
    if (name.n == 0 || name.n >= sizeof key) return NULL;
    memcpy(key, name.p, name.n);
    key[name.n] = 0;
    return getenv(key);
}

void keys_source_wipe_env(struct bytes name)
{
    char *value = env_value(name), key[256];
    if (!value) return;
    secret_wipe(value, strlen(value));
    memcpy(key, name.p, name.n);
    key[name.n] = 0;
    unsetenv(key);
}

/* A whole regular file, at most KEYS_SECRET_MOST + 2 bytes; never waits for a FIFO. */
static ssize_t read_file(struct bytes path, uint8_t *out, size_t room)
{
    char name[4096];
    struct stat st;
    if (path.n >= sizeof name) return -ENAMETOOLONG;
    memcpy(name, path.p, path.n);
    name[path.n] = 0;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return -errno;
    ssize_t n = 0, got = 0;
    if (fstat(fd, &st))
        n = -errno;
    else if (!S_ISREG(st.st_mode))
        n = -EINVAL;
    while (n >= 0 && (size_t)n < room && (got = read(fd, out + n, room - (size_t)n)) > 0)
        n += got;
    if (got < 0) n = -errno;
    close(fd);
    return n;
}

struct bytes keys_source_trim(struct bytes b)
{
    if (b.n && b.p[b.n - 1] == '\n') b.n--;
    if (b.n && b.p[b.n - 1] == '\r') b.n--;
    return b;
}

int keys_source_read(enum keys_source_kind kind, struct bytes what, struct secret *secret_out)
{
    uint8_t text[KEYS_SECRET_MOST + 3];
    ssize_t n = -EINVAL;
    const char *word = kind == KEYS_SOURCE_FILE ? "file" : "env";
    *secret_out = (struct secret){ 0 };
    if (kind == KEYS_SOURCE_FILE) {
        n = read_file(what, text, sizeof text);
        struct bytes trimmed = keys_source_trim(bytes_make(text, n > 0 ? (size_t)n : 0));
        if (n >= 0) n = trimmed.n > KEYS_SECRET_MOST ? -EFBIG : (ssize_t)trimmed.n;
        if (n > 0) *secret_out = secret_copy(trimmed);
    } else if (kind == KEYS_SOURCE_ENV) {
        struct bytes value = bytes_of(env_value(what));
        n = value.n > KEYS_SECRET_MOST ? -EFBIG : value.n ? (ssize_t)value.n : -ENOENT;
        if (n > 0) *secret_out = secret_copy(value);
    }
    secret_wipe(text, sizeof text);
    if (secret_out->data) return 0;
    log_line(LOG_ERROR, "a secret cannot be read source=%s:%.*s reason=%s", word, BYTES_FMT(what),
             n < 0 ? strerrorname_np((int)-n) : "empty");
    return -ENOKEY;
}

int keys_source_ask(int reader, uint64_t job, enum keys_source_kind kind, struct bytes what)
{
    struct source_request head = { .job = job, .kind = kind };
    struct iovec parts[2] = { { &head, sizeof head }, { (void *)what.p, what.n } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
    return sendmsg(reader, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int keys_source_receive(int reader, uint64_t *job_out, int *status_out, struct secret *secret_out)
{
    struct source_answer answer;
    *secret_out = (struct secret){ 0 };
    ssize_t n = recv(reader, &answer, sizeof answer, MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    size_t head = offsetof(struct source_answer, text);
    if ((size_t)n < head) return -EPIPE;
    *job_out = answer.job;
    *status_out = answer.status;
    if (answer.status == 0) {
        *secret_out = secret_copy(bytes_make(answer.text, (size_t)n - head));
        if (!secret_out->data) *status_out = -ENOKEY;
    }
    secret_wipe(&answer, sizeof answer);
    return 1;
}
