#include "cli/pinned.h"
#include "record/checkpoint.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { KEYS_MOST = 1 << 20, NOTES_MOST = 1 << 30 };

static int read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), error = fd < 0 ? -errno : 0;
    while (!error) {
        uint8_t *room = buf_room(out, 64 * 1024);
        ssize_t n = room ? read(fd, room, 64 * 1024) : 0;
        if (!room) error = -EFBIG;
        if (n < 0 && errno != EINTR) error = -errno;
        if (n == 0) break;
        if (n > 0) buf_added(out, (size_t)n);
    }
    if (fd >= 0) close(fd);
    return error;
}

/* The next line that is not empty, without the white space around it. False: there is none. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    while (rest->n) {
        const uint8_t *end = memchr(rest->p, '\n', rest->n);
        *line = bytes_make(rest->p, end ? (size_t)(end - rest->p) : rest->n);
        *rest = bytes_slice(*rest, line->n + 1, rest->n);
        while (line->n && line->p[line->n - 1] <= ' ')
            line->n--;
        if (line->n) return true;
    }
    return false;
}

static bool read_keys(const struct cli_call *call, const char *given, struct pinned *p)
{
    uint8_t key[32];
    struct bytes text = bytes_of(given), line;
    size_t n = 0;
    if (verifier_key_parse(text, key, NULL)) {
        buf_append(&p->keys, text);
        return true;
    }
    int error = read_file(given, &p->keys);
    text = buf_bytes(&p->keys);
    bool good = !error;
    for (; good && next_line(&text, &line); n++)
        good = verifier_key_parse(line, key, NULL);
    if (good && n) return true;
    cli_fail(call, "the public key %s: %s", given, error ? strerror(-error) : "it is no verifier key");
    return false;
}

bool pinned_read(const struct cli_call *call, struct pinned *p)
{
    const char *key = cli_option(call, "key"), *against = cli_option(call, "against");
    buf_init(&p->keys, KEYS_MOST);
    buf_init(&p->anchored, NOTES_MOST);
    if (key && !read_keys(call, key, p)) return false;
    int error = against ? read_file(against, &p->anchored) : 0;
    if (error) {
        cli_fail(call, "the anchored checkpoints %s: %s", against, strerror(-error));
        return false;
    }
    if (against && !buf_length(&p->anchored)) {
        cli_fail(call, "%s holds no checkpoint", against);
        return false;
    }
    return true;
}

void pinned_free(struct pinned *p)
{
    buf_free(&p->keys);
    buf_free(&p->anchored);
}

bool pinned_key(const struct pinned *p, struct bytes origin, uint8_t key_out[32])
{
    struct bytes text = buf_bytes(&p->keys), line, name;
    while (next_line(&text, &line))
        if (verifier_key_parse(line, key_out, &name) && bytes_equal(name, origin)) return true;
    return false;
}

enum pinned_anchored pinned_anchored(const struct cli_call *call, const struct pinned *p, struct bytes origin,
                                     struct buf *notes, struct anchored *out)
{
    struct bytes all = buf_bytes(&p->anchored);
    struct checkpoint c;
    *out = (struct anchored){ 0 };
    for (size_t at = 0; at < all.n;) {
        size_t from = at;
        if (all.p[at] <= ' ') {
            at++;
            continue;
        }
        if (!checkpoint_next(all, &at, &c)) {
            cli_fail(call, "the anchored checkpoints are malformed at byte %zu", from);
            return PINNED_BAD;
        }
        if (bytes_equal(c.origin, origin)) buf_append(notes, bytes_slice(all, from, at - from));
    }
    if (!buf_length(notes)) return PINNED_NONE;
    switch (anchored_read(buf_bytes(notes), out)) {
    case ANCHORED_READ: return PINNED_SOME;
    case ANCHORED_CONFLICT:
        cli_fail(call, "two checkpoints of one size that were anchored have different roots: this log was "
                       "forked");
        break;
    case ANCHORED_MALFORMED:
    case ANCHORED_OTHER_LOGS: cli_fail(call, "the anchored checkpoints are malformed"); break;
    }
    return PINNED_BAD;
}
