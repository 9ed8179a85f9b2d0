#include "record/newest.h"
#include "record/checkpoint.h"
#include "record/heads.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { END = 4 * CHECKPOINT_MAX };

int newest_read(const char *log_folder, struct newest *out, struct buf *note_out)
{
    uint8_t text[END];
    char path[4300];
    struct stat st;
    struct checkpoint c;
    struct bytes note;
    *out = (struct newest){ 0 };
    snprintf(path, sizeof path, "%s/checkpoints", log_folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : -errno;
    off_t from = fstat(fd, &st) == 0 && st.st_size > END ? st.st_size - END : 0;
    ssize_t n = pread(fd, text, sizeof text, from);
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error || !checkpoint_last(bytes_make(text, (size_t)n), &note, &c)) return error;
    out->size = c.size;
    memcpy(out->root, c.root, sizeof out->root);
    snprintf(out->origin, sizeof out->origin, "%.*s", BYTES_FMT(c.origin));
    buf_append(note_out, note);
    return note_out->failed ? -ENOMEM : 0;
}

int newest_since(const char *log_folder, uint64_t from, uint64_t to, struct newest_since *out)
{
    struct heads heads;
    struct heads_entry e;
    *out = (struct newest_since){ 0 };
    int folder = open(log_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = folder < 0 ? -errno : heads_open(folder, &heads);
    if (folder >= 0) close(folder);
    if (error) return error;
    for (uint64_t leaf = from; leaf < to && !out->others && !error; leaf++) {
        if (heads_get(&heads, leaf, &e) != HEADS_FOUND)
            error = -EBADMSG;
        else if (e.head.session)
            out->others = true;
        else
            out->frames += e.head.last_sequence - e.head.first_sequence + 1;
    }
    heads_close(&heads);
    return error;
}
