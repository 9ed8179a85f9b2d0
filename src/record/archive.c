#include "record/archive.h"
#include "record/blocks.h"
#include "record/checkpoint.h"
#include "record/segment-list.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int read_from(int log_folder, uint64_t from, uint8_t **text_out, size_t *n_out)
{
    struct stat st;
    int fd = openat(log_folder, "checkpoints", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int error = fstat(fd, &st) < 0 ? -errno : (uint64_t)st.st_size < from ? -EBADMSG : 0;
    size_t n = error ? 0 : (size_t)((uint64_t)st.st_size - from);
    uint8_t *text = error ? NULL : malloc(n + 1);
    if (!error && !text) error = -ENOMEM;
    if (!error && pread(fd, text, n, (off_t)from) != (ssize_t)n) error = -EIO;
    close(fd);
    *text_out = text;
    *n_out = n;
    return error;
}

int archive_checkpoints(int log_folder, uint64_t from, uint64_t end_leaf, struct buf *out, uint64_t *to_out)
{
    uint8_t *text = NULL;
    size_t n = 0, at = 0;
    struct checkpoint c;
    uint64_t signs = 0;
    int error = read_from(log_folder, from, &text, &n);
    for (size_t next = 0; !error && next < n && checkpoint_next(bytes_make(text, n), &next, &c); at = next) {
        if (c.size > end_leaf) break;
        signs = c.size;
    }
    /* A segment ends where a checkpoint stands. */
    if (!error && signs != end_leaf) error = -EBADMSG;
    if (!error) buf_append(out, bytes_make(text, at));
    if (!error && out->failed) error = -ENOMEM;
    *to_out = from + at;
    free(text);
    return error;
}
