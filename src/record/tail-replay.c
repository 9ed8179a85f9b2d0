/* Batches of a lane follow one another without a gap in the numbers of their frames, within a segment and
 * from one to the next. The first one that does not is the end: cleanly, where nothing was written there yet,
 * or torn, where a head stands there and its batch does not open. */
#include "record/tail-replay.h"
#include "base/log.h"
#include "base/secret.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct replay {
    struct pack *pack;
    struct aead *aead;
    uint8_t *plain;
    const struct tail_file *file;
    struct bytes map;
    uint64_t expected; /* number of the next frame; 0: not known yet */
    bool torn;
    struct tail_lane_report *report;
    int (*settle)(void *context);
    void *context;
};

static int by_place(const void *a, const void *b)
{
    const struct tail_file *x = a, *y = b;
    if (x->good != y->good) return x->good ? -1 : 1;
    if (x->head.boot != y->head.boot) return x->head.boot < y->head.boot ? -1 : 1;
    if (x->head.lane != y->head.lane) return x->head.lane < y->head.lane ? -1 : 1;
    return x->head.number < y->head.number ? -1 : x->head.number > y->head.number;
}

static int add_file(int folder, const char *name, struct tail_files *list, size_t *room)
{
    uint8_t page[FORMAT_TAIL_HEAD];
    if (list->n == *room) {
        size_t more = *room ? *room * 2 : 64;
        struct tail_file *grown = realloc(list->files, more * sizeof *grown);
        if (!grown) return -ENOMEM;
        list->files = grown;
        *room = more;
    }
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    struct tail_file *f = &list->files[list->n++];
    *f = (struct tail_file){ 0 };
    memcpy(f->name, name, strlen(name) + 1);
    f->good = pread(fd, page, sizeof page, 0) == (ssize_t)sizeof page && format_tail_decode(page, &f->head);
    if (f->good && f->head.leaf < list->first_leaf) list->first_leaf = f->head.leaf;
    close(fd);
    return 0;
}

int tail_files_list(int tail_folder, struct tail_files *list)
{
    int fd = openat(tail_folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t room = 0;
    *list = (struct tail_files){ .first_leaf = UINT64_MAX };
    if (!dir) {
        error = -errno;
        if (fd >= 0) close(fd);
        return error;
    }
    for (struct dirent *entry; !error && (entry = readdir(dir)) != NULL;)
        if (strlen(entry->d_name) == 14 && entry->d_name[3] == '-')
            error = add_file(tail_folder, entry->d_name, list, &room);
    closedir(dir);
    if (list->n) qsort(list->files, list->n, sizeof *list->files, by_place);
    return error;
}

void tail_files_free(struct tail_files *list)
{
    free(list->files);
    *list = (struct tail_files){ 0 };
}

int tail_files_remove(int tail_folder, const struct tail_files *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (unlinkat(tail_folder, list->files[i].name, 0) < 0) return -errno;
    return fsync(tail_folder) < 0 ? -errno : 0;
}

/* The batch at `at`, its length checked against what is there. False: none. */
static bool batch_at(const struct replay *r, size_t at, struct format_batch *batch)
{
    if (at > r->map.n || r->map.n - at < FORMAT_BATCH_HEAD) return false;
    format_batch_decode(r->map.p + at, batch);
    return batch->length >= FORMAT_FRAME_HEAD && batch->length <= FORMAT_BATCH_MAX && batch->n_frames &&
           format_batch_size(batch->length) <= r->map.n - at;
}

static bool batch_opens(struct replay *r, size_t at, const struct format_batch *batch)
{
    uint8_t nonce[AEAD_NONCE];
    format_batch_nonce(r->file->head.lane, r->file->head.number, batch->first_frame, nonce);
    return aead_open(r->aead, nonce, (struct bytes){ 0 },
                     bytes_make(r->map.p + at + FORMAT_BATCH_HEAD, batch->length), batch->tag, r->plain);
}

static int take_batch(struct replay *r, const struct format_batch *batch)
{
    struct bytes plain = bytes_make(r->plain, batch->length);
    struct frame f;
    uint32_t crc;
    uint64_t number = batch->first_frame;
    for (size_t at = 0; at < plain.n; number++) {
        if (!format_frame_next(plain, &at, &f, &crc)) return -EBADMSG;
        int error = pack_frame(r->pack, &f, r->file->head.lane, number);
        if (error) return error;
        r->report->frames++;
    }
    return r->settle(r->context);
}

/* What stands behind the end, as far as it still looks like batches. */
static void count_cut(struct replay *r, size_t at)
{
    struct format_batch batch;
    for (uint64_t next = r->expected; batch_at(r, at, &batch) && batch.first_frame == next;
         next += batch.n_frames) {
        r->report->bytes_cut += batch.length;
        at += format_batch_size(batch.length);
    }
}

static int replay_batches(struct replay *r)
{
    struct format_batch batch;
    for (size_t at = FORMAT_TAIL_HEAD; batch_at(r, at, &batch); at += format_batch_size(batch.length)) {
        bool follows = r->expected == 0 || batch.first_frame == r->expected;
        /* At the start of a segment a higher number tells that some before it were lost. */
        bool lost = !follows && at == FORMAT_TAIL_HEAD && batch.first_frame > r->expected;
        if (!follows && !lost) return 0;
        if (lost || !batch_opens(r, at, &batch)) {
            r->expected = batch.first_frame;
            r->torn = true;
            count_cut(r, at);
            return 0;
        }
        r->expected = batch.first_frame + batch.n_frames;
        int error = take_batch(r, &batch);
        if (error) return error;
    }
    return 0;
}

static int replay_file(struct replay *r, int tail_folder)
{
    struct stat st;
    int fd = openat(tail_folder, r->file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    if (fstat(fd, &st) < 0) {
        close(fd);
        return -errno;
    }
    /* A private mapping of what is there: the file may be shorter than its head says. */
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED) return -errno;
    r->map = bytes_make(map, (size_t)st.st_size);
    if (r->torn) count_cut(r, FORMAT_TAIL_HEAD);
    int error = r->torn ? 0 : replay_batches(r);
    munmap(map, (size_t)st.st_size);
    return error;
}

/* The key of the opening that wrote the file. */
static int replay_key(struct replay *r)
{
    uint8_t key[AEAD_KEY];
    const struct record_keys *wrapper = r->pack->wrapper;
    int error = wrapper->unwrap(wrapper->context, r->file->head.wrapped, key);
    if (error) {
        log_line(LOG_ERROR, "the key of the log's tail does not unwrap: %s", strerror(-error));
        return error;
    }
    r->aead = aead_new(AEAD_OPEN, key);
    secret_wipe(key, sizeof key);
    return r->aead ? 0 : -ENOMEM;
}

int tail_replay_lane(int tail_folder, const struct tail_files *list, size_t *at, struct pack *pack,
                     int (*settle)(void *context), void *context, struct tail_lane_report *report)
{
    const struct tail_file *first = &list->files[*at];
    struct replay r = { .pack = pack, .file = first, .report = report, .settle = settle, .context = context };
    *report = (struct tail_lane_report){ .lane = first->head.lane };
    if (!first->good) {
        ++*at;
        return 0;
    }
    int error = replay_key(&r);
    r.plain = malloc(FORMAT_BATCH_MAX);
    if (!error && !r.plain) error = -ENOMEM;
    for (; !error && *at < list->n; ++*at) {
        const struct tail_file *f = &list->files[*at];
        if (!f->good || f->head.boot != first->head.boot || f->head.lane != first->head.lane) break;
        r.file = f;
        error = replay_file(&r, tail_folder);
    }
    aead_free(r.aead);
    free(r.plain);
    return error;
}
