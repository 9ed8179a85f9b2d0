/* The key-encryption key is read here the way the keys child reads it: 32 bytes, or hexadecimal or base64 of
 * them, from a file that only its owner can read. It is used only to open data keys. */
#include "cli/evidence.h"
#include "base/codec.h"
#include "cli/progress.h"
#include "cli/when.h"
#include "record/index-values.h"
#include "record/rewrap.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { VALUE_FRAMES = 2000 }; /* in one go */

static bool take_data(const struct cli_call *call, struct evidence *e, const char *data)
{
    if (!data || strlen(data) >= EVIDENCE_PATH) {
        cli_fail(call, "the data folder's name is too long");
        return false;
    }
    snprintf(e->data, sizeof e->data, "%s", data);
    snprintf(e->log, sizeof e->log, "%s/log", data);
    snprintf(e->index_path, sizeof e->index_path, "%s/index.db", data);
    return true;
}

static bool find_data(const struct cli_call *call, struct evidence *e, struct cli_place *place)
{
    const char *data = cli_option(call, "data"), *config = cli_option(call, "config");
    if (!data || config) {
        if (!call->world->locate) {
            cli_fail(call, "it wants --data FOLDER");
            return false;
        }
        if (!call->world->locate(call->world, config ? config : "postern.yaml", place)) return false;
    }
    return take_data(call, e, data ? data : (const char *)buf_bytes(&place->data).p);
}

/* Root reads and writes as the folder's owner: what root makes there, the gateway could not write. */
static bool become_owner(const struct cli_call *call, const char *data)
{
    struct stat st;
    if (stat(data, &st) != 0) {
        cli_fail(call, "the data folder %s: %s", data, strerror(errno));
        return false;
    }
    if (geteuid() != 0 || st.st_uid == 0) return true;
    if (setgroups(1, &st.st_gid) == 0 && setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0) return true;
    cli_fail(call, "it cannot become the owner of %s: %s", data, strerror(errno));
    return false;
}

static bool decode_key(struct bytes text, uint8_t key_out[32])
{
    while (text.n > 32 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
        text.n--;
    struct buf b;
    buf_init(&b, 256);
    bool good = true;
    if (text.n == 32)
        buf_append(&b, text);
    else
        good = text.n == 64 ? codec_unhex(text, &b) : codec_unbase64(CODEC_BASE64, text, &b);
    good = good && !b.failed && buf_length(&b) == 32;
    if (good) memcpy(key_out, buf_bytes(&b).p, 32);
    if (b.data) secret_wipe(b.data, b.size);
    buf_free(&b);
    return good;
}

bool evidence_read_key(const struct cli_call *call, const char *path, uint8_t key_out[32])
{
    uint8_t text[256];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        cli_fail(call, "the key-encryption key %s: %s%s", path, strerror(errno),
                 errno == ENOENT ? "; is this a data folder? --key-file names a key elsewhere" : "");
        return false;
    }
    bool good = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    ssize_t n = good ? read(fd, text, sizeof text) : -1;
    close(fd);
    if (good && st.st_mode & 077) {
        cli_fail(call, "the key-encryption key %s can be read by others (mode %o): chmod 600 it", path,
                 st.st_mode & 0777);
        n = -1;
    } else if (n <= 0 || (size_t)n == sizeof text || !decode_key(bytes_make(text, (size_t)n), key_out)) {
        cli_fail(call, "%s holds no key: 32 bytes, or hexadecimal or base64 of them", path);
        n = -1;
    }
    secret_wipe(text, sizeof text);
    return n > 0;
}

static bool find_keys(const struct cli_call *call, struct evidence *e, struct cli_place *place)
{
    static const uint8_t no_seed[32];
    uint8_t kek[32];
    char path[EVIDENCE_PATH + 8];
    const char *file = cli_option(call, "key-file");
    if (!file) snprintf(path, sizeof path, "%s/kek", e->data);
    bool good = false;
    /* A change of the key that a crash interrupted comes first. */
    int error = rewrap_finish(e->data);
    if (error) {
        cli_fail(call, "a change of the key-encryption key was interrupted, and cannot be finished: %s",
                 strerror(-error));
        return false;
    }
    if (!file && place->read_key) place->read_key(place);
    if (!file && place->key_problem)
        cli_fail(call, "%s", place->key_problem);
    else if (!file && place->key.data) {
        good = decode_key(secret_bytes(&place->key), kek);
        if (!good)
            cli_fail(call,
                     "the configuration's store.key is no key: 32 bytes, or hexadecimal or base64 of them");
    } else
        good = evidence_read_key(call, file ? file : path, kek);
    if (good && !keys_memory_init(&e->keys, kek, no_seed)) {
        cli_fail(call, "libcrypto refused the key");
        good = false;
    }
    secret_wipe(kek, sizeof kek);
    e->has_keys = good;
    return good;
}

static bool open_index(const struct cli_call *call, struct evidence *e)
{
    int error = index_open(e->index_path, INDEX_WRITE, &e->index);
    if (error && error != -ENOTSUP) error = index_open(e->index_path, INDEX_READ, &e->index);
    if (!error) {
        evidence_catch_up(call, e);
        return true;
    }
    if (error == -ENOTSUP)
        cli_fail(call, "the index was made by a newer postern: %s", e->index_path);
    else
        cli_fail(call, "the index %s: %s", e->index_path, strerror(-error));
    return false;
}

/* The folder is known. */
static bool open_parts(const struct cli_call *call, unsigned wanted, struct cli_place *place,
                       struct evidence *e)
{
    bool good = become_owner(call, e->data);
    if (good && wanted & EVIDENCE_KEYS) good = find_keys(call, e, place);
    e->far = place->far;
    e->far_free = place->far_free;
    if (good && wanted & EVIDENCE_READER) {
        int error = record_reader_open(e->log, &e->keys.keys, &e->reader);
        if (error)
            cli_fail(call, "the log %s: %s%s", e->log, strerror(-error),
                     error == -ENOENT ? "; no gateway has run with this data folder yet" : "");
        else
            record_reader_reach(e->reader, e->far);
        good = error == 0;
    }
    return good && (!(wanted & EVIDENCE_INDEX) || open_index(call, e));
}

bool evidence_open(const struct cli_call *call, unsigned wanted, struct evidence *e)
{
    struct cli_place place = { 0 };
    memset(e, 0, sizeof *e);
    buf_init(&place.data, EVIDENCE_PATH * 2);
    bool good = find_data(call, e, &place) && open_parts(call, wanted, &place, e);
    buf_free(&place.data);
    buf_free(&place.key_command);
    secret_free(&place.key);
    return good;
}

bool evidence_open_folder(const struct cli_call *call, const char *data, unsigned wanted, struct evidence *e)
{
    struct cli_place nowhere = { 0 };
    memset(e, 0, sizeof *e);
    return take_data(call, e, data) && open_parts(call, wanted, &nowhere, e);
}

void evidence_close(struct evidence *e)
{
    index_free(e->index);
    record_reader_free(e->reader);
    if (e->far) e->far_free(e->far);
    if (e->has_keys) keys_memory_wipe(&e->keys);
    memset(e, 0, sizeof *e);
}

/* The keyed index of values, where a policy asked for one. What another process is doing is left to it. */
static void catch_up_values(const struct cli_call *call, struct evidence *e)
{
    struct index_values *values = index_values_new(&e->keys.keys);
    struct progress bar = progress_begin(call, "indexing values");
    bool more = values != NULL;
    int error = 0;
    for (uint64_t n = 1; more && !error; n++) {
        error = index_values_follow(values, e->index, e->reader, VALUE_FRAMES, true, &more);
        progress_show(&bar, n * VALUE_FRAMES, 0);
    }
    progress_end(&bar);
    index_values_free(values);
    if (error == -EBADMSG)
        cli_fail(call, "the key of the indexed values cannot be opened: they are as they were");
}

void evidence_catch_up(const struct cli_call *call, struct evidence *e)
{
    struct progress bar = progress_begin(call, "bringing the index up to date");
    uint64_t blocks = 0;
    for (;;) {
        int error = index_follow(e->index, e->reader, &e->progress);
        if (error == -EBUSY || error == -EROFS || error == -EINVAL)
            break; /* another writes, or it is read-only */
        if (error) {
            progress_end(&bar);
            cli_fail(call, "the index stays as it is, since the log cannot be followed: %s",
                     error == -EBADMSG ? record_reader_message(e->reader) : strerror(-error));
            return;
        }
        blocks += e->progress.blocks;
        if (e->progress.at_end) break;
        progress_show(&bar, blocks, 0);
    }
    progress_end(&bar);
    if (e->progress.at_end) catch_up_values(call, e);
}

/* ---- naming a session */

struct match {
    struct bytes tail;
    uint64_t session;
    size_t n;
};

static void match_session(void *context, const struct index_session *s)
{
    struct match *m = context;
    char id[14];
    session_id_format(s->id, id);
    if (m->tail.n && !bytes_equal_nocase(bytes_make(id + 13 - m->tail.n, m->tail.n), m->tail)) return;
    if (m->n++ == 0) m->session = s->id;
}

bool evidence_session(const struct cli_call *call, struct evidence *e, const char *name,
                      uint64_t *session_out)
{
    struct match m = { .tail = bytes_of(name) };
    struct index_filter filter = { 0 };
    if (session_id_parse(m.tail, session_out)) return true;
    bool last = bytes_is(m.tail, "last");
    if (m.tail.n > 13 || (!last && m.tail.n < 3)) {
        cli_fail(call, "\"%s\" is no session: give its id, the id's last characters, or \"last\"", name);
        return false;
    }
    if (last) {
        m.tail = (struct bytes){ 0 };
        filter.limit = 1;
    }
    int error = index_sessions(e->index, &filter, match_session, &m);
    *session_out = m.session;
    if (!error && m.n == 1) return true;
    if (error)
        cli_fail(call, "the index cannot be read: %s", strerror(-error));
    else if (last)
        cli_fail(call, "there is no session yet");
    else
        cli_fail(call, m.n ? "%s is the end of several sessions' ids" : "there is no session %s", name);
    return false;
}

static bool option_time(const struct cli_call *call, const char *name, int64_t *us_out)
{
    struct bytes text = cli_option_bytes(call, name);
    if (!text.p || when_parse(text, clock_wall_us(call->world->clock), us_out)) return true;
    cli_fail(call, "--%s wants a time: 2h, 3d, today, 2026-11-21, \"2026-11-21 08:45\" (UTC)", name);
    return false;
}

bool evidence_filter(const struct cli_call *call, struct index_filter *filter)
{
    filter->principal = cli_option_bytes(call, "principal");
    filter->connection = cli_option_bytes(call, "connection");
    return option_time(call, "since", &filter->since_us) && option_time(call, "until", &filter->until_us);
}
