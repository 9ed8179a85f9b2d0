/* Tests of the command line: every command is where people look for it, what is published is what the table
 * makes, and mistakes are told apart from answers. */
#include "app/commands.h"
#include "base/test.h"
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct answer {
    int code;
    char out[65536], err[4096];
};

static void ask(struct answer *a, char *const *argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    memset(a, 0, sizeof *a);
    FILE *out = fmemopen(a->out, sizeof a->out - 1, "w"), *err = fmemopen(a->err, sizeof a->err - 1, "w");
    assert_true(out && err);
    struct cli_world world = { .out = out, .err = err, .clock = &clock_system, .locate = command_locate };
    a->code = cli_main(command_table, argc, argv, &world);
    fclose(out);
    fclose(err);
}

#define ASK(a, ...) ask((a), (char *const[]){ (char *)(uintptr_t) "postern", __VA_ARGS__, NULL })
#define W(text)     ((char *)(uintptr_t)(text))

static struct answer a;

static void check_published(const char *name,
                            void (*make)(const struct cli_command *const *commands, struct buf *out))
{
    char path[4096];
    static char there[1 << 20];
    struct buf made;
    buf_init(&made, 1 << 20);
    make(command_table, &made);
    snprintf(path, sizeof path, "%s/doc/%s", getenv("POSTERN_SOURCE"), name);
    FILE *f = fopen(path, "r");
    if (!f) fail_msg("%s is missing", path);
    size_t n = fread(there, 1, sizeof there, f);
    fclose(f);
    if (!bytes_equal(bytes_make(there, n), buf_bytes(&made)))
        fail_msg("%s is not what the table makes: run scripts/published", path);
    buf_free(&made);
}

static void test_published(void **state)
{
    (void)state;
    check_published("postern.1", cli_man_page);
    check_published("completion/postern.bash", cli_completion_bash);
}

static void test_help(void **state)
{
    (void)state;
    ASK(&a, W("help"));
    assert_int_equal(a.code, CLI_YES);
    static char all[65536];
    memcpy(all, a.out, sizeof all);
    for (size_t i = 0; command_table[i]; i++) {
        const struct cli_command *c = command_table[i];
        assert_non_null(strstr(all, c->name));
        assert_true(c->run && c->summary && c->arguments && c->summary[strlen(c->summary) - 1] != '.');
        char first[64], *second = NULL;
        snprintf(first, sizeof first, "%s", c->name);
        if ((second = strchr(first, ' '))) *second++ = 0;
        char *argv[] = { W("postern"), first, second ? second : W("--help"), second ? W("--help") : NULL,
                         NULL };
        ask(&a, argv);
        assert_int_equal(a.code, CLI_YES);
        assert_non_null(strstr(a.out, c->summary));
        for (const struct cli_option *o = c->options; o && o->name; o++)
            assert_non_null(strstr(a.out, o->help));
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    ASK(&a, W("--version"));
    assert_int_equal(a.code, CLI_YES);
    assert_true(bytes_starts_with(bytes_of(a.out), "postern "));
    ASK(&a, W("sesions"), W("list"));
    assert_int_equal(a.code, CLI_FAILED);
    assert_non_null(strstr(a.err, "did you mean \"sessions list\""));
    ASK(&a, W("sessions"), W("list"), W("--pricipal"), W("x"));
    assert_int_equal(a.code, CLI_FAILED);
    assert_non_null(strstr(a.err, "did you mean --principal"));
    ASK(&a, W("sessions"), W("list"), W("--principal"));
    assert_int_equal(a.code, CLI_FAILED);
    assert_non_null(strstr(a.err, "wants a value"));
    ASK(&a, W("sessions"), W("list"), W("--json=1"));
    assert_int_equal(a.code, CLI_FAILED);
    ASK(&a, W("sessions"), W("list"), W("--limit"), W("-1"));
    assert_int_equal(a.code, CLI_FAILED);
    ASK(&a, W("sessions"), W("show"));
    assert_int_equal(a.code, CLI_FAILED);
    ASK(&a, W("sessions"), W("show"), W("a"), W("b"));
    assert_int_equal(a.code, CLI_FAILED);
    ASK(&a, W("sessions"));
    assert_int_equal(a.code, CLI_FAILED);
    assert_non_null(strstr(a.err, "sessions replay"));
    ASK(&a, W("\x1b[2J"));
    assert_null(strchr(a.err, 0x1b));
}

/* A data folder with keys and an empty log of its own. */
static void test_empty(void **state)
{
    (void)state;
    char folder[64] = "/tmp/postern-commands.XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    /* In a process of its own: the keys live as long as their process. */
    pid_t child = fork();
    if (child == 0) {
        ASK(&a, W("keys"), W("init"), W("--data"), folder, W("--origin"), W("postern.test/log"));
        _exit(a.code);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, CLI_YES);
    ASK(&a, W("keys"), W("init"), W("--data"), folder); /* whatever this machine is called */
    assert_int_equal(a.code, CLI_YES);
    assert_non_null(strstr(a.err, "already"));
    ASK(&a, W("keys"), W("show"), W("--data"), folder);
    assert_int_equal(a.code, CLI_YES);
    assert_true(bytes_starts_with(bytes_of(a.out), "postern.test/log+"));
    ASK(&a, W("sessions"), W("list"), W("--data"), folder);
    assert_int_equal(a.code, CLI_FAILED); /* no log yet, and it says so */
    assert_non_null(strstr(a.err, "the log"));
    snprintf(path, sizeof path, "%s/kek", folder);
    assert_int_equal(chmod(path, 0644), 0);
    ASK(&a, W("sessions"), W("list"), W("--data"), folder);
    assert_int_equal(a.code, CLI_FAILED);
    assert_non_null(strstr(a.err, "chmod 600"));
    static const char *const files[] = { "kek", "log.key", "log.pub" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void test_check(void **state)
{
    (void)state;
    char path[] = "/tmp/postern-check.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "lisen: x\n", 9) == 9);
    close(fd);
    ASK(&a, W("check"), W("--config"), path);
    assert_int_equal(a.code, CLI_NO);
    assert_non_null(strstr(a.out, ":1:1: "));
    ASK(&a, W("check"), W("--json"), W("--config"), path);
    assert_int_equal(a.code, CLI_NO);
    assert_non_null(strstr(a.out, "\"ok\":false"));
    unlink(path);
    ASK(&a, W("check"), W("--print-schema"));
    assert_int_equal(a.code, CLI_YES);
    assert_int_equal(a.out[0], '{');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        { "the man page and the completion are what the table makes", test_published, NULL, NULL, NULL },
        { "every command is listed, and explains itself and its options", test_help, NULL, NULL, NULL },
        { "a mistake is exit code 2, and is told with what is near", test_mistakes, NULL, NULL, NULL },
        { "keys are made once, and a key that others can read is not used", test_empty, NULL, NULL, NULL },
        { "a wrong configuration is an answer: exit code 1 and the place", test_check, NULL, NULL, NULL },
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
