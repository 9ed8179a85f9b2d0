/* Twelve digits and ".blocks", or ".archived" where the blocks went to the archive; anything else in the
 * folder is passed over. */
#include "record/segment-list.h"
#include "base/bytes.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static bool read_name(const char *name, uint64_t *leaf_out)
{
    struct bytes text = bytes_of(name);
    int64_t leaf = 0;
    struct bytes suffix = bytes_slice(text, 12, text.n);
    if ((!bytes_is(suffix, ".blocks") && !bytes_is(suffix, ".archived")) ||
        !bytes_to_int64(bytes_slice(text, 0, 12), &leaf) || leaf < 0 || text.p[0] == '-')
        return false;
    *leaf_out = (uint64_t)leaf;
    return true;
}

static int by_leaf(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int add(struct segment_list *list, size_t *room, uint64_t leaf)
{
    if (list->n == *room) {
        size_t more = *room ? *room * 2 : 64;
        uint64_t *grown = realloc(list->first_leaf, more * sizeof *grown);
        if (!grown) return -ENOMEM;
        list->first_leaf = grown;
        *room = more;
    }
    list->first_leaf[list->n++] = leaf;
    return 0;
}

int segment_list_read(int segments_folder, struct segment_list *list)
{
    int fd = openat(segments_folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t room = 0;
    *list = (struct segment_list){ 0 };
    if (!dir) {
        error = -errno;
        if (fd >= 0) close(fd);
        return error;
    }
    for (struct dirent *entry; !error && (entry = readdir(dir)) != NULL;) {
        uint64_t leaf;
        if (read_name(entry->d_name, &leaf)) error = add(list, &room, leaf);
    }
    closedir(dir);
    if (list->n) qsort(list->first_leaf, list->n, sizeof *list->first_leaf, by_leaf);
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (n == 0 || list->first_leaf[n - 1] != list->first_leaf[i])
            list->first_leaf[n++] = list->first_leaf[i];
    list->n = n;
    return error;
}

void segment_list_free(struct segment_list *list)
{
    free(list->first_leaf);
    *list = (struct segment_list){ 0 };
}
