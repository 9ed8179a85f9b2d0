#include "record/receipt.h"
#include "record/blocks.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char head[] = "postern archive receipt 1\n";

void receipt_print(const struct receipt *r, struct buf *out)
{
    buf_append_text(out, head);
    buf_printf(out, "leaf %" PRIu64 "\nbucket %s\nkey %s\nversion %s\n", r->first_leaf, r->bucket, r->key,
               r->version);
    buf_printf(out, "bytes %" PRIu64 "\nsha256 %s\ncheckpoints-to %" PRIu64 "\nat %" PRId64 "\nend\n",
               r->bytes, r->sha256, r->checkpoints_to, r->at_us);
}

/* The value of the next line, which has this name. */
static bool next_line(struct bytes *rest, const char *name, struct bytes *value_out)
{
    const uint8_t *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    size_t n = strlen(name);
    if (!end) return false;
    struct bytes line = bytes_make(rest->p, (size_t)(end - rest->p));
    if (line.n < n + 1 || memcmp(line.p, name, n) != 0 || line.p[n] != ' ') return false;
    *value_out = bytes_slice(line, n + 1, line.n);
    *rest = bytes_slice(*rest, line.n + 1, rest->n);
    return true;
}

static bool next_text(struct bytes *rest, const char *name, char *room, size_t size)
{
    struct bytes value;
    if (!next_line(rest, name, &value) || value.n >= size) return false;
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] <= ' ' || value.p[i] >= 0x7F) return false;
    if (value.n) memcpy(room, value.p, value.n);
    room[value.n] = 0;
    return true;
}

static bool next_number(struct bytes *rest, const char *name, int64_t *out)
{
    struct bytes value;
    return next_line(rest, name, &value) && value.n && value.p[0] >= '0' && value.p[0] <= '9' &&
           bytes_to_int64(value, out);
}

bool receipt_parse(struct bytes text, struct receipt *r)
{
    int64_t leaf, bytes, to, at;
    *r = (struct receipt){ 0 };
    if (!bytes_starts_with(text, head)) return false;
    struct bytes rest = bytes_slice(text, sizeof head - 1, text.n);
    if (!next_number(&rest, "leaf", &leaf) || !next_text(&rest, "bucket", r->bucket, sizeof r->bucket) ||
        !next_text(&rest, "key", r->key, sizeof r->key) ||
        !next_text(&rest, "version", r->version, sizeof r->version) || !next_number(&rest, "bytes", &bytes) ||
        !next_text(&rest, "sha256", r->sha256, sizeof r->sha256) ||
        !next_number(&rest, "checkpoints-to", &to) || !next_number(&rest, "at", &at))
        return false;
    r->first_leaf = (uint64_t)leaf;
    r->bytes = (uint64_t)bytes;
    r->checkpoints_to = (uint64_t)to;
    r->at_us = at;
    return bytes_is(rest, "end\n") && strlen(r->sha256) == 64 && r->bucket[0] && r->key[0];
}

int receipt_read(int folder, uint64_t first_leaf, struct receipt *out)
{
    char name[32];
    uint8_t text[RECEIPT_MOST];
    blocks_name(first_leaf, "archived", name);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t n = pread(fd, text, sizeof text, 0);
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error) return error;
    return receipt_parse(bytes_make(text, (size_t)n), out) && out->first_leaf == first_leaf ? 0 : -EBADMSG;
}

static int write_text(int fd, struct bytes text)
{
    ssize_t n = pwrite(fd, text.p, text.n, 0);
    if (n != (ssize_t)text.n) return n < 0 ? -errno : -ENOSPC;
    return fsync(fd) < 0 ? -errno : 0;
}

int receipt_write(int folder, const struct receipt *r)
{
    char name[32], draft[32];
    struct buf text;
    blocks_name(r->first_leaf, "archived", name);
    blocks_name(r->first_leaf, "archiving", draft);
    buf_init(&text, RECEIPT_MOST);
    receipt_print(r, &text);
    int fd = text.failed ? -1 : openat(folder, draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int error = text.failed ? -EOVERFLOW : fd < 0 ? -errno : write_text(fd, buf_bytes(&text));
    if (fd >= 0) close(fd);
    if (!error && renameat(folder, draft, folder, name) < 0) error = -errno;
    if (error && fd >= 0) unlinkat(folder, draft, 0);
    if (!error && fsync(folder) < 0) error = -errno;
    buf_free(&text);
    return error;
}
