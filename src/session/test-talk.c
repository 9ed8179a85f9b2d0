#include "base/test.h"

#include "session/talk.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Every conversation of talks/ is a test, and its first line is the title. With arguments: only files whose
 * names hold one of them. TALK_SEED in the environment repeats the random cuts of an earlier run. */

static uint64_t seed;

static void run(void **state)
{
    assert_true(talk_run(*state, seed));
}

static int is_talk(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".talk") == 0;
}

static bool is_asked(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i])) return true;
    return argc < 2;
}

int main(int argc, char **argv)
{
    const char *source = getenv("POSTERN_SOURCE"), *given = getenv("TALK_SEED");
    struct dirent **entries = NULL;
    struct arena arena;
    char folder[512], path[1024];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    seed = given ? strtoull(given, NULL, 10) : (uint64_t)now.tv_nsec * 2654435761u + 1;
    print_message("seed %lu\n", (unsigned long)seed);
    snprintf(folder, sizeof folder, "%s/src/session/talks", source ? source : ".");
    int n = scandir(folder, &entries, is_talk, alphasort), n_tests = 0;
    if (n <= 0) return 1;
    arena_init(&arena, 65536, 1 << 30);
    struct CMUnitTest *tests = calloc((size_t)n, sizeof *tests);
    struct talk_script *scripts = calloc((size_t)n, sizeof *scripts);
    bool good = tests && scripts;
    for (int i = 0; i < n && good; i++) {
        struct talk_script *script = &scripts[n_tests];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        if (!is_asked(entries[i]->d_name, argc, argv)) continue;
        good = talk_script_load(arena_string(&arena, bytes_of(path)), &arena, script) && script->title.n;
        if (!good) printf("%s: no title on the first line\n", path);
        struct bytes title = arena_printf(&arena, "%.*s: %.*s", (int)(strlen(entries[i]->d_name) - 5),
                                          entries[i]->d_name, BYTES_FMT(script->title));
        tests[n_tests++] =
            (struct CMUnitTest){ .name = (const char *)title.p, .test_func = run, .initial_state = script };
    }
    for (int i = 0; i < n; i++)
        free(entries[i]);
    free(entries);
    int failed = good && n_tests ? _cmocka_run_group_tests("talks", tests, (size_t)n_tests, NULL, NULL) : 1;
    free(tests);
    free(scripts);
    arena_free(&arena);
    return failed;
}
