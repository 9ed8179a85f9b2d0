#include "record/archive.h"
#include "record/blocks.h"
#include "record/checkpoint.h"
#include "record/segment-list.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WINDOW = 1 << 20 };

static int look_at(int folder, struct archive_segment *s)
{
    char name[32];
    struct stat st;
    blocks_name(s->first_leaf, "archived", name);
    s->receipt = faccessat(folder, name, F_OK, 0) == 0;
    blocks_name(s->first_leaf, "blocks", name);
    s->here = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!s->here && errno != ENOENT) return -errno;
    s->bytes = s->here ? (uint64_t)st.st_size : 0;
    return 0;
}

int archive_look(int folder, struct archive_view *view)
{
    struct segment_list list;
    *view = (struct archive_view){ 0 };
    int error = segment_list_read(folder, &list);
    if (!error && list.n) {
        view->segments = calloc(list.n, sizeof *view->segments);
        if (!view->segments) error = -ENOMEM;
    }
    for (size_t i = 0; !error && i < list.n; i++) {
        view->segments[i].first_leaf = list.first_leaf[i];
        error = look_at(folder, &view->segments[i]);
        view->n = i + 1;
    }
    segment_list_free(&list);
    return error;
}

void archive_view_free(struct archive_view *view)
{
    free(view->segments);
    *view = (struct archive_view){ 0 };
}

static bool had_receipt(const struct archive_view *seen, uint64_t first_leaf)
{
    for (size_t i = seen ? seen->n : 0; i > 0; i--)
        if (seen->segments[i - 1].first_leaf == first_leaf) return seen->segments[i - 1].receipt;
    return false;
}

static void propose(struct archive_plan *plan, enum archive_step step, size_t segment)
{
    if (plan->step == ARCHIVE_DROP || (plan->step == step && step == ARCHIVE_SEND)) return;
    plan->step = step;
    plan->segment = segment;
}

struct archive_plan archive_decide(const struct archive_view *view, const struct archive_view *seen,
                                   const struct archive_rules *rules)
{
    struct archive_plan plan = { 0 };
    for (size_t i = 0; i < view->n; i++) {
        const struct archive_segment *s = &view->segments[i];
        if (!s->receipt) plan.waiting_bytes += s->bytes;
        if (i + 1 == view->n) break; /* it is still written */
        if (!s->receipt) {
            plan.n_waiting++;
            if (s->here) propose(&plan, ARCHIVE_SEND, i);
        } else if (s->here) {
            plan.n_kept++;
            if (rules->drop && had_receipt(seen, s->first_leaf)) propose(&plan, ARCHIVE_DROP, i);
        } else {
            plan.n_away++;
        }
    }
    if (plan.waiting_bytes < rules->spool_bytes) plan.room_bytes = rules->spool_bytes - plan.waiting_bytes;
    return plan;
}

/* The file is that of the log's whole life: of it, the segment's part is held, and a window behind. */
static int read_more(int fd, uint64_t at, struct buf *window)
{
    uint8_t *room = buf_room(window, WINDOW);
    if (!room) return -EBADMSG; /* no note is that long */
    ssize_t n = pread(fd, room, WINDOW, (off_t)at);
    if (n <= 0) return n < 0 ? -errno : -EBADMSG;
    buf_added(window, (size_t)n);
    return 0;
}

/* Moves whole notes to out. 1: up to the first that signs end_leaf; 0: there are more behind; -EBADMSG. */
static int move_notes(struct buf *window, uint64_t end_leaf, struct buf *out)
{
    struct checkpoint c;
    size_t at = 0, next = 0;
    int got = 0;
    for (; got == 0 && checkpoint_next(buf_bytes(window), &next, &c); at = next)
        got = c.size > end_leaf ? -EBADMSG : c.size == end_leaf;
    if (got < 0) return got;
    buf_append(out, bytes_slice(buf_bytes(window), 0, at));
    buf_consume(window, at);
    return out->failed ? -ENOMEM : got;
}

int archive_checkpoints(int log_folder, uint64_t from, uint64_t end_leaf, struct buf *out, uint64_t *to_out)
{
    struct buf window;
    int fd = openat(log_folder, "checkpoints", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    buf_init(&window, 2 * WINDOW);
    *to_out = from;
    int got = 0;
    while (got == 0) {
        got = read_more(fd, *to_out + buf_length(&window), &window);
        size_t held = buf_length(&window);
        if (got == 0) got = move_notes(&window, end_leaf, out);
        *to_out += held - buf_length(&window);
    }
    close(fd);
    buf_free(&window);
    return got < 0 ? got : 0;
}
