/* See erase.h for the order of things. Each step may be done twice. */
#include "record/erase.h"
#include "base/codec.h"
#include "base/log.h"
#include "crypto/random.h"
#include "record/blocks.h"
#include "record/heads.h"
#include "record/index-erase.h"
#include "store/sqlite.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4400, PENDING_HEAD = 32, SCRUB_WAIT_MS = 30000 };

static int fail_at(struct erase_result *r, const char *step, int error)
{
    if (error) snprintf(r->step, sizeof r->step, "%s", step);
    return error;
}

/* ---- what is said of it */

static bool note(const struct erase_place *p, struct buf *body)
{
    bool good = !body->failed && p->note(p->context, buf_bytes(body));
    buf_free(body);
    return good;
}

static void begin(struct buf *body, struct frame_fields *f, const char *event, uint64_t erasure)
{
    char id[14];
    buf_init(body, 64 * 1024);
    *f = frame_fields_begin(body);
    session_id_format(erasure, id);
    frame_fields_add_text(f, "event", event);
    frame_fields_add_text(f, "erasure", id);
}

static bool note_intent(const struct erase_place *p, const struct erase_order *o, uint64_t erasure)
{
    struct buf body, ids;
    struct frame_fields f;
    begin(&body, &f, "erasure", erasure);
    frame_fields_add(&f, "by", bytes_slice(o->by, 0, 256));
    frame_fields_add(&f, "reason", bytes_slice(o->reason, 0, 1000));
    frame_fields_add(&f, "how", o->how);
    frame_fields_add_number(&f, "sessions", (int64_t)o->n);
    bool good = note(p, &body);
    for (size_t at = 0; at < o->n && good; at += ERASE_IDS_A_FRAME) {
        char id[14];
        buf_init(&ids, 16 * 1024);
        for (size_t i = at; i < o->n && i < at + ERASE_IDS_A_FRAME; i++) {
            session_id_format(o->sessions[i], id);
            buf_printf(&ids, "%s%s", i > at ? "," : "", id);
        }
        begin(&body, &f, "erasure-of", erasure);
        frame_fields_add(&f, "ids", buf_bytes(&ids));
        good = !ids.failed && note(p, &body);
        buf_free(&ids);
    }
    return good;
}

static bool note_done(const struct erase_place *p, const struct erase_result *r)
{
    struct buf body;
    struct frame_fields f;
    begin(&body, &f, "erased", r->erasure);
    frame_fields_add_number(&f, "keys", (int64_t)r->keys);
    frame_fields_add_number(&f, "shapes", (int64_t)r->shapes);
    frame_fields_add_number(&f, "blocks", (int64_t)r->blocks);
    frame_fields_add_number(&f, "bytes", (int64_t)r->bytes);
    return note(p, &body);
}

/* ---- <data>/erasing: magic, erasure, time, n, n sessions, CRC */

static const char magic[8] = "PSTNERAS";

static void pending_name(const struct erase_place *p, char out[PATH])
{
    snprintf(out, PATH, "%s/erasing", p->data);
}

static int write_synced(const char *path, struct bytes content)
{
    char beside[PATH + 8];
    snprintf(beside, sizeof beside, "%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error = 0;
    if (fd < 0) return -errno;
    while (content.n && !error) {
        ssize_t n = write(fd, content.p, content.n);
        if (n <= 0)
            error = n < 0 ? -errno : -EIO;
        else
            content = bytes_slice(content, (size_t)n, content.n);
    }
    if (!error && fsync(fd) < 0) error = -errno;
    close(fd);
    if (!error && rename(beside, path) < 0) error = -errno;
    if (error) unlink(beside);
    return error;
}

static int pending_write(const struct erase_place *p, const struct erase_order *o,
                         const struct session_grave *grave)
{
    char path[PATH];
    struct buf b;
    buf_init(&b, PENDING_HEAD + 8 * (size_t)ERASE_MOST + 4);
    buf_append(&b, bytes_make(magic, sizeof magic));
    buf_put_u64(&b, grave->erasure);
    buf_put_u64(&b, (uint64_t)grave->erased_us);
    buf_put_u64(&b, o->n);
    for (size_t i = 0; i < o->n; i++)
        buf_put_u64(&b, o->sessions[i]);
    buf_put_u32(&b, codec_crc32c(0, buf_bytes(&b)));
    pending_name(p, path);
    int error = b.failed ? -ENOMEM : write_synced(path, buf_bytes(&b));
    buf_free(&b);
    return error;
}

/* *bytes_out is to be freed. -ENOENT: nothing is pending. */
static int pending_read(const struct erase_place *p, uint8_t **bytes_out, struct session_grave *grave,
                        size_t *n_out)
{
    char path[PATH];
    struct stat st;
    pending_name(p, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    size_t size = fstat(fd, &st) == 0 ? (size_t)st.st_size : 0;
    uint8_t *all = size >= PENDING_HEAD + 4 ? malloc(size) : NULL;
    bool good = all && read(fd, all, size) == (ssize_t)size && memcmp(all, magic, sizeof magic) == 0 &&
                format_get_u64(all + 24) == (size - PENDING_HEAD - 4) / 8 &&
                format_get_u32(all + size - 4) == codec_crc32c(0, bytes_make(all, size - 4));
    close(fd);
    if (!good) {
        free(all);
        return -EBADMSG;
    }
    grave->erasure = format_get_u64(all + 8);
    grave->erased_us = (int64_t)format_get_u64(all + 16);
    *n_out = (size - PENDING_HEAD - 4) / 8;
    *bytes_out = all;
    return 0;
}

/* ---- the steps */

static int erase_keys(const struct erase_place *p, const struct erase_order *o,
                      const struct session_grave *grave, struct erase_result *r)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/log/keys", p->data);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return -errno;
    int64_t n = session_keys_erase(fd, o->sessions, o->n, grave);
    close(fd);
    if (n < 0) return (int)n;
    r->keys = (uint64_t)n;
    return 0;
}

/* What indexes that were never finished, and copies, would have of it. */
static void remove_leftovers(const struct erase_place *p)
{
    static const char *const names[] = { "index.db.new", "index.db.new-wal", "index.db.new-shm",
                                         "index.db.new-journal", "index.db.compact" };
    char path[PATH];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", p->data, names[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            log_line(LOG_WARNING, "%s cannot be removed: %s", path, strerror(errno));
    }
}

/* The desk's file: its requests are sealed, and those that ended are taken out; what they left goes too. */
static int scrub_desk(const struct erase_place *p)
{
    char path[PATH];
    struct sqlite_db *db = NULL;
    snprintf(path, sizeof path, "%s/approvals", p->data);
    if (access(path, F_OK) != 0) return 0;
    int error = sqlite_db_open(path, SQLITE_DB_WRITE, &db);
    if (!error) error = sqlite_db_scrub(db, SCRUB_WAIT_MS);
    sqlite_db_close(db);
    return error;
}

static int punch(int fd, uint64_t at, uint64_t n)
{
    if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n) == 0) return 0;
    return -errno;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int erase_blocks(const char *log, const uint64_t *sessions, size_t n, uint64_t *blocks_out,
                 uint64_t *bytes_out)
{
    struct heads heads;
    struct heads_entry e;
    char name[32];
    uint64_t segment = UINT64_MAX;
    int folder = open(log, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    int error = folder < 0 ? -errno : heads_open(folder, &heads);
    if (folder >= 0) close(folder);
    *blocks_out = *bytes_out = 0;
    if (error) return error;
    enum heads_outcome found;
    uint64_t leaf = heads.list.n ? heads.list.first_leaf[0] : 0;
    for (; !error && (found = heads_get(&heads, leaf, &e)) == HEADS_FOUND; leaf++) {
        if (!e.head.session || !bsearch(&e.head.session, sessions, n, sizeof *sessions, by_number)) continue;
        if (segment != e.first_leaf) {
            if (fd >= 0) close(fd);
            blocks_name(e.first_leaf, "blocks", name);
            fd = openat(heads.folder, name, O_RDWR | O_CLOEXEC);
            segment = e.first_leaf;
            if (fd < 0 && errno != ENOENT) error = -errno;
        }
        if (error || fd < 0) continue; /* it is in the archive, which keeps what nobody can read */
        error = punch(fd, e.offset + FORMAT_BLOCK_HEAD, e.head.cipher_length);
        *blocks_out += !error;
        *bytes_out += error ? 0 : e.head.cipher_length;
    }
    if (fd >= 0) close(fd);
    heads_close(&heads);
    if (error == -EOPNOTSUPP || error == -ENOSYS) return 0;
    return error;
}

/* Everything behind the frames that announce it. */
static int carry_out(const struct erase_place *p, const struct erase_order *o,
                     const struct session_grave *grave, struct erase_result *r)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/log", p->data);
    const struct index_grave what = { .grave = *grave, .by = o->by, .reason = o->reason, .how = o->how };
    int error = fail_at(r, "keys", erase_keys(p, o, grave, r));
    if (!error) error = fail_at(r, "index", index_erase(p->index, o->sessions, o->n, &what, &r->shapes));
    if (!error) {
        r->tail_kept = !p->wipe(p->context);
        error = fail_at(r, "blocks", erase_blocks(path, o->sessions, o->n, &r->blocks, &r->bytes));
    }
    if (!error) {
        remove_leftovers(p);
        snprintf(path, sizeof path, "%s/index.db", p->data);
        error = fail_at(r, "scrubbing the index", index_scrub(p->index, path));
    }
    if (!error) error = fail_at(r, "scrubbing approvals", scrub_desk(p));
    if (!error && r->tail_kept) error = fail_at(r, "tail", -EBUSY);
    if (!error && !note_done(p, r)) error = fail_at(r, "record", -EIO);
    pending_name(p, path);
    if (!error && unlink(path) < 0) error = fail_at(r, "erasing", -errno);
    return error;
}

/* ---- what may not be erased */

static int desk_sessions(const struct erase_place *p, struct session_set *set)
{
    char path[PATH];
    struct sqlite_db *db = NULL;
    struct sqlite_query *q = NULL;
    snprintf(path, sizeof path, "%s/approvals", p->data);
    if (access(path, F_OK) != 0) return 0;
    int error = sqlite_db_open(path, SQLITE_DB_READ, &db);
    if (!error) error = sqlite_query_new(db, "SELECT id FROM request", &q);
    while (!error && sqlite_query_step(q) == SQLITE_STEP_ROW) {
        uint64_t session;
        error = index_of_request(p->index, sqlite_query_text(q, 0), &session);
        if (!error && session) session_set_add(set, session);
    }
    if (!error) error = sqlite_query_error(q);
    sqlite_query_free(q);
    sqlite_db_close(db);
    session_set_sort(set);
    return error ? error : set->failed ? -ENOMEM : 0;
}

int erase_kept(const struct erase_place *p, struct session_set *held, struct session_set *waiting)
{
    *waiting = (struct session_set){ 0 };
    int error = holds_sessions(p->data, p->index, held);
    return error ? error : desk_sessions(p, waiting);
}

static int refuse_kept(const struct erase_place *p, const struct erase_order *o, struct erase_result *r)
{
    struct session_set held, waiting;
    int error = fail_at(r, "looking for legal holds", erase_kept(p, &held, &waiting));
    for (size_t i = 0; i < o->n && !error; i++)
        if (session_set_has(&held, o->sessions[i]))
            error = fail_at(r, "legal hold", -EPERM);
        else if (session_set_has(&waiting, o->sessions[i]))
            error = fail_at(r, "approvals", -EPERM);
    session_set_free(&held);
    session_set_free(&waiting);
    return error;
}

int erase_run(const struct erase_place *p, const struct erase_order *o, struct erase_result *r)
{
    *r = (struct erase_result){ 0 };
    if (o->n == 0) return 0;
    if (o->n > ERASE_MOST) return fail_at(r, "sessions", -E2BIG);
    int refused = refuse_kept(p, o, r);
    if (refused) return refused;
    int64_t now = clock_wall_us(p->clock);
    struct session_grave grave = { .erasure = (uint64_t)(now / 1000) << 22 | (random_u64() & 0x3FFFFF),
                                   .erased_us = now };
    r->erasure = grave.erasure;
    if (!note_intent(p, o, grave.erasure)) return fail_at(r, "record", -EIO);
    int error = fail_at(r, "erasing", pending_write(p, o, &grave));
    return error ? error : carry_out(p, o, &grave, r);
}

int erase_resume(const struct erase_place *p, struct erase_result *r, size_t *n_out)
{
    struct session_grave grave = { 0 };
    uint8_t *all = NULL;
    *r = (struct erase_result){ 0 };
    *n_out = 0;
    size_t n = 0;
    int error = pending_read(p, &all, &grave, &n);
    if (error == -ENOENT) return 0;
    if (error) return fail_at(r, "erasing", error);
    uint64_t *sessions = malloc(n * sizeof *sessions + 1);
    if (!sessions) error = -ENOMEM;
    for (size_t i = 0; i < n && !error; i++)
        sessions[i] = format_get_u64(all + PENDING_HEAD + 8 * i);
    r->erasure = grave.erasure;
    struct erase_order o = { .sessions = sessions, .n = n };
    if (!error) error = carry_out(p, &o, &grave, r);
    *n_out = n;
    free(sessions);
    free(all);
    return error;
}

/* ---- retention */

struct expired {
    struct session_set set;
    const struct session_set *held, *waiting;
    struct erase_prune *prune;
};

static void take_expired(void *context, const struct index_mortal *mortal)
{
    struct expired *e = context;
    if (session_set_has(e->held, mortal->session))
        e->prune->held++;
    else if (session_set_has(e->waiting, mortal->session))
        e->prune->waiting++;
    else
        session_set_add(&e->set, mortal->session);
}

int erase_expired(const struct erase_place *p, struct bytes by, bool dry, struct erase_prune *prune)
{
    struct session_set held = { 0 }, waiting = { 0 };
    struct expired e = { .held = &held, .waiting = &waiting, .prune = prune };
    *prune = (struct erase_prune){ 0 };
    int error = fail_at(&prune->result, "looking for legal holds", erase_kept(p, &held, &waiting));
    if (!error)
        error = fail_at(&prune->result, "index",
                        index_of_expired(p->index, clock_wall_us(p->clock), take_expired, &e));
    if (!error && e.set.failed) error = -ENOMEM;
    session_set_sort(&e.set);
    prune->expired = e.set.n;
    struct erase_order order = { .sessions = e.set.sessions,
                                 .n = e.set.n,
                                 .by = by,
                                 .reason = BYTES_LITERAL("the time that its policies keep it has passed"),
                                 .how = BYTES_LITERAL("retention") };
    if (!error && !dry) error = erase_run(p, &order, &prune->result);
    session_set_free(&e.set);
    session_set_free(&held);
    session_set_free(&waiting);
    return error;
}
