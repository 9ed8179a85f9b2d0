/* The table, its file, and the thread between them. The file: "PSTNBUDG", u32 version 1, u32 day (since
 * 1970), u32 count, and for each entry a counted key and four u64; big-endian. It is replaced as a whole, by
 * rename, so that a crash leaves the old one or the new one. */
#include "app/budgets.h"
#include "base/buf.h"
#include "base/cursor.h"
#include "base/log.h"
#include "base/map.h"
#include "base/thread.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "PSTNBUDG"
enum { VERSION = 1, KEY_CEILING = 4096, FILE_CEILING = 512 << 20, WRITE_EVERY_MS = 1000 };
static const int64_t DAY_US = 86400000000;

struct session_budget {
    uint32_t day; /* that `used` is of */
    unsigned n_sessions;
    uint64_t used[BUDGET_KINDS];
    size_t n_key;
    uint8_t key[];
};

struct budgets {
    const struct clock *clock;
    char path[1024], path_new[1024 + 8], folder[1024];
    pthread_mutex_t lock;
    pthread_cond_t stops;
    pthread_t thread;
    bool started, stopping, changed;
    uint32_t day; /* the latest that was seen */
    struct map map;
};

/* A clock that is set back goes on with the day that it had. */
static uint32_t today(struct budgets *all)
{
    uint32_t day = (uint32_t)(clock_wall_us(all->clock) / DAY_US);
    if (day > all->day) all->day = day;
    return all->day;
}

static void renew(struct budgets *all, struct session_budget *b)
{
    uint32_t day = today(all);
    if (b->day == day) return;
    b->day = day;
    memset(b->used, 0, sizeof b->used);
}

/* ---- the table */

struct stale {
    struct session_budget **items;
    size_t n;
    uint32_t day;
};

static void collect_stale(void *context, struct bytes key, void *value)
{
    struct stale *stale = context;
    struct session_budget *b = value;
    (void)key;
    if (b->n_sessions == 0 && b->day != stale->day) stale->items[stale->n++] = b;
}

/* Those of another day that no session holds. */
static void sweep(struct budgets *all)
{
    struct stale stale = { calloc(all->map.n + 1, sizeof(struct session_budget *)), 0, today(all) };
    if (!stale.items) return;
    map_each(&all->map, collect_stale, &stale);
    for (size_t i = 0; i < stale.n; i++) {
        map_take(&all->map, bytes_make(stale.items[i]->key, stale.items[i]->n_key));
        free(stale.items[i]);
    }
    free(stale.items);
}

static struct session_budget *add(struct budgets *all, struct bytes key)
{
    if (all->map.n >= BUDGETS_CEILING) sweep(all);
    struct session_budget *b = calloc(1, sizeof *b + key.n);
    if (!b) return NULL;
    b->day = today(all);
    b->n_key = key.n;
    memcpy(b->key, key.p, key.n);
    if (map_put(&all->map, key, b, NULL) == MAP_FULL) {
        free(b);
        return NULL;
    }
    return b;
}

/* Lengths in front: no name can be taken for another by what stands in it. */
static bool make_key(struct buf *out, const struct principal *principal, struct bytes connection)
{
    buf_init(out, KEY_CEILING);
    buf_put_counted(out, principal->issuer);
    buf_put_counted(out, principal->user);
    buf_put_counted(out, connection);
    return !out->failed;
}

struct session_budget *budgets_of(struct budgets *all, const struct principal *principal,
                                  struct bytes connection)
{
    struct buf key;
    struct session_budget *b = NULL;
    bool good = make_key(&key, principal, connection);
    pthread_mutex_lock(&all->lock);
    if (good) b = map_get(&all->map, buf_bytes(&key));
    if (good && !b) b = add(all, buf_bytes(&key));
    if (b) b->n_sessions++;
    pthread_mutex_unlock(&all->lock);
    buf_free(&key);
    return b;
}

void budgets_release(struct budgets *all, struct session_budget *b)
{
    pthread_mutex_lock(&all->lock);
    CHECK(b->n_sessions > 0);
    b->n_sessions--;
    pthread_mutex_unlock(&all->lock);
}

uint64_t budgets_left(struct budgets *all, struct session_budget *b, enum session_budget_kind kind,
                      uint64_t most)
{
    pthread_mutex_lock(&all->lock);
    renew(all, b);
    uint64_t used = b->used[kind];
    pthread_mutex_unlock(&all->lock);
    return used < most ? most - used : 0;
}

bool budgets_take(struct budgets *all, struct session_budget *b, enum session_budget_kind kind, uint64_t n,
                  uint64_t most)
{
    pthread_mutex_lock(&all->lock);
    renew(all, b);
    uint64_t used = b->used[kind], room = used < most ? most - used : 0;
    bool good = n <= room;
    if (good) {
        b->used[kind] = used + n;
        all->changed = true;
    }
    pthread_mutex_unlock(&all->lock);
    return good;
}

/* ---- the file */

struct encoding {
    struct buf *out;
    uint32_t day, n;
};

static void encode_one(void *context, struct bytes key, void *value)
{
    struct encoding *e = context;
    const struct session_budget *b = value;
    if (b->day != e->day) return;
    buf_put_counted(e->out, key);
    for (int i = 0; i < BUDGET_KINDS; i++)
        buf_put_u64(e->out, b->used[i]);
    e->n++;
}

static void encode(struct budgets *all, struct buf *out)
{
    struct encoding e = { out, today(all), 0 };
    buf_append_text(out, MAGIC);
    buf_put_u32(out, VERSION);
    buf_put_u32(out, e.day);
    size_t at = buf_length(out);
    buf_put_u32(out, 0);
    map_each(&all->map, encode_one, &e);
    if (!out->failed) buf_patch_u32(out, at, e.n);
}

static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = fd < 0 || fsync(fd) ? -errno : 0;
    if (fd >= 0) close(fd);
    return error;
}

static int replace_file(const struct budgets *all, struct bytes bytes)
{
    int fd = open(all->path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error = 0;
    if (fd < 0) return -errno;
    while (bytes.n && !error) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) error = -errno;
        if (n > 0) bytes = bytes_slice(bytes, (size_t)n, bytes.n);
    }
    if (!error && fsync(fd)) error = -errno;
    close(fd);
    if (!error && rename(all->path_new, all->path)) error = -errno;
    return error ? error : sync_folder(all->folder);
}

/* With the lock held; it is let go while the file is written. */
static void write_out(struct budgets *all)
{
    struct buf out;
    buf_init(&out, FILE_CEILING);
    encode(all, &out);
    all->changed = false;
    pthread_mutex_unlock(&all->lock);
    int error = out.failed ? -ENOMEM : replace_file(all, buf_bytes(&out));
    if (error)
        log_line(LOG_ERROR, "budgets: %s cannot be written: %s; a restart would forget what was used",
                 all->path, strerror(-error));
    buf_free(&out);
    pthread_mutex_lock(&all->lock);
    all->changed |= error != 0;
}

static bool decode(struct budgets *all, struct bytes in)
{
    struct cursor c = cursor_over(in);
    struct bytes magic = cursor_take(&c, strlen(MAGIC));
    uint32_t version = cursor_u32(&c), day = cursor_u32(&c), n = cursor_u32(&c);
    if (c.failed || !bytes_is(magic, MAGIC) || version != VERSION) return false;
    if (day > today(all)) all->day = day;
    for (uint32_t i = 0; i < n && !c.failed; i++) {
        struct bytes key = cursor_take(&c, cursor_u32(&c));
        uint64_t used[BUDGET_KINDS];
        for (int k = 0; k < BUDGET_KINDS; k++)
            used[k] = cursor_u64(&c);
        if (c.failed || key.n == 0 || map_get(&all->map, key)) return false;
        if (day != today(all)) continue;
        struct session_budget *b = add(all, key);
        if (!b) return false;
        memcpy(b->used, used, sizeof used);
    }
    return cursor_done(&c);
}

static int read_in(struct budgets *all)
{
    int fd = open(all->path, O_RDONLY | O_CLOEXEC), error = 0;
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    struct buf in;
    struct stat is;
    buf_init(&in, FILE_CEILING);
    if (fstat(fd, &is)) error = -errno;
    while (!error) {
        uint8_t *to = buf_room(&in, 65536);
        ssize_t n = to ? read(fd, to, 65536) : -1;
        if (n < 0 && to && errno == EINTR) continue;
        if (n < 0) error = to ? -errno : -EFBIG;
        if (n <= 0) break;
        buf_added(&in, (size_t)n);
    }
    close(fd);
    if (!error && !decode(all, buf_bytes(&in))) {
        log_line(LOG_ERROR,
                 "budgets: %s is damaged, so what was used today is not known; remove it to begin anew",
                 all->path);
        error = -EBADMSG;
    }
    buf_free(&in);
    return error;
}

/* ---- the thread */

static void *keep_written(void *context)
{
    struct budgets *all = context;
    pthread_mutex_lock(&all->lock);
    while (!all->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += WRITE_EVERY_MS / 1000;
        pthread_cond_timedwait(&all->stops, &all->lock, &until);
        if (all->changed && !all->stopping) write_out(all);
    }
    pthread_mutex_unlock(&all->lock);
    return NULL;
}

int budgets_open(const char *folder, const struct clock *clock, uint64_t seed, struct budgets **out)
{
    struct budgets *all = calloc(1, sizeof *all);
    pthread_condattr_t attributes;
    if (!all) return -ENOMEM;
    all->clock = clock;
    snprintf(all->folder, sizeof all->folder, "%s", folder);
    int n = snprintf(all->path, sizeof all->path, "%s/budgets", folder);
    snprintf(all->path_new, sizeof all->path_new, "%s.new", all->path);
    pthread_mutex_init(&all->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&all->stops, &attributes);
    pthread_condattr_destroy(&attributes);
    map_init(&all->map, BUDGETS_CEILING, seed);
    int error = n >= (int)sizeof all->path ? -ENAMETOOLONG : read_in(all);
    if (!error) error = thread_start(&all->thread, "budgets", keep_written, all);
    all->started = error == 0;
    if (error) {
        budgets_close(all);
        return error;
    }
    *out = all;
    return 0;
}

void budgets_close(struct budgets *all)
{
    if (!all) return;
    pthread_mutex_lock(&all->lock);
    all->stopping = true;
    pthread_cond_signal(&all->stops);
    pthread_mutex_unlock(&all->lock);
    if (all->started) {
        pthread_join(all->thread, NULL);
        pthread_mutex_lock(&all->lock);
        if (all->changed) write_out(all);
        pthread_mutex_unlock(&all->lock);
    }
    map_free(&all->map, free);
    pthread_cond_destroy(&all->stops);
    pthread_mutex_destroy(&all->lock);
    free(all);
}
