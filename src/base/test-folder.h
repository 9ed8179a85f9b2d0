/* A folder of one test's own, which goes with all that is in it. */
#ifndef POSTERN_BASE_TEST_FOLDER_H
#define POSTERN_BASE_TEST_FOLDER_H
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct test_folder {
    char path[64];
};

/* 0, or what cmocka's set-up takes for a failure. */
static inline int test_folder_make(struct test_folder *folder)
{
    snprintf(folder->path, sizeof folder->path, "/tmp/postern-test.XXXXXX");
    return mkdtemp(folder->path) ? 0 : -1;
}

/* Files only: a test that makes folders in it removes them itself. */
static inline int test_folder_remove(struct test_folder *folder)
{
    DIR *files = opendir(folder->path);
    const struct dirent *file;
    char path[sizeof folder->path + sizeof file->d_name + 1];
    if (!files) return -1;
    while ((file = readdir(files))) {
        snprintf(path, sizeof path, "%s/%s", folder->path, file->d_name);
        if (file->d_name[0] != '.') unlink(path);
    }
    closedir(files);
    return rmdir(folder->path);
}
#endif
