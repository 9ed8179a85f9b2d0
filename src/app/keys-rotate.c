/* The old key's file is overwritten by a rename: with it the old private key is gone. */
#include "app/keys-rotate.h"
#include "app/log-note.h"
#include "base/codec.h"
#include "cli/control-client.h"
#include "crypto/sign.h"
#include "record/checkpoint.h"
#include "record/newest.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 1024 };
static const char private_key[] = "PRIVATE+KEY+";

struct rotation {
    const struct cli_call *call;
    const struct evidence *e;
    int folder; /* the data folder */
    char origin[256];
    struct keys_memory old, new; /* only their signing halves are used */
};

static bool say(const struct rotation *r, const char *what, int error)
{
    cli_fail(r->call, "%s/%s: %s", r->e->data, what,
             error == -EBADMSG ? "it is not what it should be" : strerror(-error));
    return false;
}

/* "PRIVATE+KEY+name+hash+base64(1, seed)" */
static int read_private(struct rotation *r, const char *name, struct keys_memory *key)
{
    static const uint8_t no_kek[32];
    char text[TEXT];
    int fd = openat(r->folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    ssize_t n = read(fd, text, sizeof text);
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error) return error;
    struct bytes line = bytes_make(text, (size_t)n);
    while (line.n && line.p[line.n - 1] == '\n')
        line.n--;
    size_t before = strlen(private_key) + strlen(r->origin) + 1 + 8 + 1;
    struct buf raw;
    buf_init(&raw, 256);
    bool good = bytes_starts_with(line, private_key) && line.n > before &&
                bytes_equal(bytes_slice(line, strlen(private_key), strlen(r->origin)), bytes_of(r->origin)) &&
                codec_unbase64(CODEC_BASE64, bytes_slice(line, before, line.n), &raw) &&
                buf_length(&raw) == 33 && buf_bytes(&raw).p[0] == 1 &&
                keys_memory_init(key, no_kek, buf_bytes(&raw).p + 1);
    if (raw.data) secret_wipe(raw.data, raw.size);
    buf_free(&raw);
    secret_wipe(text, sizeof text);
    return good ? 0 : -EBADMSG;
}

/* Writes a file whole, synced, in the place of another. */
static int put_file(struct rotation *r, const char *name, mode_t mode, struct bytes text)
{
    char beside[64];
    snprintf(beside, sizeof beside, ".%s.%d", name, (int)getpid());
    unlinkat(r->folder, beside, 0);
    int fd = openat(r->folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return -errno;
    errno = EIO;
    int error = fchmod(fd, mode) || write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) ||
                        renameat(r->folder, beside, r->folder, name) || fsync(r->folder)
                    ? -errno
                    : 0;
    close(fd);
    if (error) unlinkat(r->folder, beside, 0);
    return error;
}

static int put_private(struct rotation *r, const char *name, const struct keys_memory *key)
{
    uint8_t id[4], typed[33] = { 1 };
    struct buf text;
    buf_init(&text, TEXT);
    verifier_key_id(bytes_of(r->origin), key->keys.public_key, id);
    memcpy(typed + 1, key->seed, 32);
    buf_printf(&text, "%s%s+%02x%02x%02x%02x+", private_key, r->origin, id[0], id[1], id[2], id[3]);
    codec_base64(CODEC_BASE64, bytes_make(typed, sizeof typed), &text);
    buf_append_text(&text, "\n");
    int error = text.failed ? -ENOMEM : put_file(r, name, 0600, buf_bytes(&text));
    secret_wipe(typed, sizeof typed);
    if (text.data) secret_wipe(text.data, text.size);
    buf_free(&text);
    return error;
}

/* The name of the new key is in the log before anything is signed with it. */
static bool announce(struct rotation *r)
{
    struct buf old, new;
    buf_init(&old, TEXT);
    buf_init(&new, TEXT);
    verifier_key_write(bytes_of(r->origin), r->old.keys.public_key, &old);
    verifier_key_write(bytes_of(r->origin), r->new.keys.public_key, &new);
    struct control_field fields[] = { { BYTES_LITERAL("what"), BYTES_LITERAL("signing key rotated") },
                                      { BYTES_LITERAL("old_key"), buf_bytes(&old) },
                                      { BYTES_LITERAL("new_key"), buf_bytes(&new) } };
    bool good = log_note(r->call, r->e->data, r->e->keys.encryption_key, fields, 3);
    buf_free(&old);
    buf_free(&new);
    return good;
}

/* The new key, made, or found where a rotation before stopped. */
static bool make_new(struct rotation *r)
{
    static const uint8_t no_kek[32];
    uint8_t seed[32], public_key[32];
    int error = read_private(r, "log.key.next", &r->new);
    if (error != -ENOENT) return error ? say(r, "log.key.next", error) : true;
    bool good = ed25519_generate(seed, public_key) && keys_memory_init(&r->new, no_kek, seed);
    secret_wipe(seed, sizeof seed);
    if (!good) return say(r, "log.key.next", -EIO);
    if (!announce(r)) return false;
    error = put_private(r, "log.key.next", &r->new);
    return error ? say(r, "log.key.next", error) : true;
}

static int append_synced(int fd, struct bytes text)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    ssize_t n = write(fd, text.p, text.n);
    int error = n < 0 ? -errno : (size_t)n < text.n ? -ENOSPC : 0;
    if (!error && fdatasync(fd) < 0) error = -errno;
    if (error && n > 0 && ftruncate(fd, st.st_size) < 0) return -errno;
    return error;
}

/* The newest checkpoint once more, signed by both. Nothing to do where that was done before the crash. */
static int write_handover(struct rotation *r, int log)
{
    struct newest newest;
    struct checkpoint c;
    struct buf note;
    uint8_t old[32], new[32];
    size_t at = 0;
    buf_init(&note, 64 * 1024);
    int error = newest_read(r->e->log, &newest, &note);
    if (!error && !newest.size) error = -ENODATA;
    if (!error && !checkpoint_next(buf_bytes(&note), &at, &c)) error = -EBADMSG;
    bool done = !error && checkpoint_handover(&c, old, new) && memcmp(new, r->new.keys.public_key, 32) == 0;
    if (!error && !done && !checkpoint_verify(&c, r->old.keys.public_key)) error = -EBADMSG;
    buf_consume(&note, buf_length(&note));
    if (!error && !done)
        error =
            checkpoint_sign_handover(&r->old.keys, &r->new.keys, r->origin, newest.size, newest.root, &note);
    int fd = error || done ? -1 : openat(log, "checkpoints", O_WRONLY | O_APPEND | O_CLOEXEC);
    if (!error && !done) error = fd < 0 ? -errno : append_synced(fd, buf_bytes(&note));
    if (fd >= 0) close(fd);
    buf_free(&note);
    return error;
}

static bool hand_over(struct rotation *r)
{
    int log = open(r->e->log, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lock = log < 0 ? -1 : openat(log, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int error = lock < 0 ? -errno : flock(lock, LOCK_EX | LOCK_NB) ? -EBUSY : write_handover(r, log);
    struct buf text;
    buf_init(&text, TEXT);
    verifier_key_write(bytes_of(r->origin), r->new.keys.public_key, &text);
    buf_append_text(&text, "\n");
    if (error)
        say(r, "log", error);
    else if ((error = put_private(r, "log.key", &r->new)) != 0)
        say(r, "log.key", error);
    else if ((error = put_file(r, "log.pub", 0644, buf_bytes(&text))) != 0)
        say(r, "log.pub", error);
    else if (unlinkat(r->folder, "log.key.next", 0) || fsync(r->folder))
        say(r, "log.key.next", error = -errno);
    buf_free(&text);
    if (lock >= 0) close(lock);
    if (log >= 0) close(log);
    return !error;
}

/* Where a rotation stopped behind log.key, that is the new one already: the old one's name is in the
 * handover. */
static bool read_old(struct rotation *r)
{
    struct bytes name;
    uint8_t public_key[32];
    char path[EVIDENCE_PATH + 16];
    struct buf text;
    buf_init(&text, TEXT);
    snprintf(path, sizeof path, "%s/log.pub", r->e->data);
    int error = verifier_key_load(path, public_key, &text);
    if (!error && !verifier_key_parse(buf_bytes(&text), public_key, &name)) error = -EBADMSG;
    if (!error) snprintf(r->origin, sizeof r->origin, "%.*s", BYTES_FMT(name));
    buf_free(&text);
    if (error) return say(r, "log.pub", error);
    error = read_private(r, "log.key", &r->old);
    return error ? say(r, "log.key", error) : true;
}

static bool nobody_runs(struct rotation *r)
{
    struct control_client client;
    int error = control_client_open(r->e->data, &client);
    control_client_close(&client);
    if (error == -ENOENT || error == -ECONNREFUSED) return true;
    cli_fail(r->call, "a gateway runs on %s: stop it, rotate the key, start it again", r->e->data);
    return false;
}

bool keys_rotate(const struct cli_call *call, const struct evidence *e, struct buf *old_out,
                 struct buf *new_out)
{
    struct rotation r = { .call = call, .e = e };
    r.folder = open(e->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = r.folder >= 0 || say(&r, "", -errno);
    good = good && nobody_runs(&r) && read_old(&r) && make_new(&r) && hand_over(&r);
    if (good) {
        verifier_key_write(bytes_of(r.origin), r.old.keys.public_key, old_out);
        verifier_key_write(bytes_of(r.origin), r.new.keys.public_key, new_out);
    }
    keys_memory_wipe(&r.old);
    keys_memory_wipe(&r.new);
    if (r.folder >= 0) close(r.folder);
    return good;
}
