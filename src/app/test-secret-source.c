#include "base/test.h"

#include "app/secret-source.h"
#include "base/clock.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int read_from(enum yaml_source source, const char *name, struct secret *secret)
{
    struct yaml_secret from = { .source = source, .name = bytes_of(name) };
    return secret_source_read(&from, 5000, secret);
}

static void expect(enum yaml_source source, const char *name, const char *expected)
{
    struct secret secret;
    assert_int_equal(read_from(source, name, &secret), 0);
    assert_bytes(secret_bytes(&secret), expected);
    secret_free(&secret);
}

static void expect_error(enum yaml_source source, const char *name, int error)
{
    struct secret secret;
    assert_int_equal(read_from(source, name, &secret), error);
    assert_null(secret.data);
}

static void a_secret_comes_from_the_environment(void **state)
{
    (void)state;
    setenv("POSTERN_TEST_SECRET", "s3cret", 1);
    expect(YAML_SOURCE_ENV, "POSTERN_TEST_SECRET", "s3cret");
    setenv("POSTERN_TEST_SECRET", "", 1);
    expect_error(YAML_SOURCE_ENV, "POSTERN_TEST_SECRET", -ENODATA);
    expect_error(YAML_SOURCE_ENV, "POSTERN_TEST_NOT_SET", -ENOENT);
    struct secret none;
    assert_int_equal(read_from(YAML_SOURCE_NONE, "", &none), 0);
    assert_null(none.data);
}

static void a_secret_comes_from_a_file_without_its_line_end(void **state)
{
    (void)state;
    char path[] = "/tmp/postern-secret-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a b\n\r\n", 6), 6);
    expect(YAML_SOURCE_FILE, path, "a b\n");
    assert_int_equal(ftruncate(fd, SECRET_BYTES_CEILING + 1), 0);
    expect_error(YAML_SOURCE_FILE, path, -EFBIG);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    expect_error(YAML_SOURCE_FILE, path, -EFBIG);
    assert_int_equal(ftruncate(fd, 0), 0);
    expect_error(YAML_SOURCE_FILE, path, -ENODATA);
    close(fd);
    unlink(path);
    expect_error(YAML_SOURCE_FILE, path, -ENOENT);
}

static void a_secret_comes_from_a_command(void **state)
{
    (void)state;
    expect(YAML_SOURCE_EXEC, "echo one | tr o 0", "0ne");
    expect_error(YAML_SOURCE_EXEC, "echo x; exit 3", -EIO);
    expect_error(YAML_SOURCE_EXEC, "true", -ENODATA);
    expect_error(YAML_SOURCE_EXEC, "kill -9 $$", -EIO);
    expect_error(YAML_SOURCE_EXEC, "head -c 200000 /dev/zero", -EFBIG);
    /* Standard input is empty, so that nothing waits for a person. */
    expect(YAML_SOURCE_EXEC, "cat; echo done", "done");
}

static void a_command_that_takes_too_long_is_ended_with_its_children(void **state)
{
    (void)state;
    struct secret secret;
    struct yaml_secret from = { .source = YAML_SOURCE_EXEC, .name = BYTES_LITERAL("sleep 100 | cat") };
    int64_t start = clock_monotonic_us(&clock_system);
    assert_int_equal(secret_source_read(&from, 100, &secret), -ETIMEDOUT);
    from.name = BYTES_LITERAL("exec >&-; sleep 100");
    assert_int_equal(secret_source_read(&from, 100, &secret), -ETIMEDOUT);
    assert_true(clock_monotonic_us(&clock_system) - start < 10000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_comes_from_the_environment),
        cmocka_unit_test(a_secret_comes_from_a_file_without_its_line_end),
        cmocka_unit_test(a_secret_comes_from_a_command),
        cmocka_unit_test(a_command_that_takes_too_long_is_ended_with_its_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
