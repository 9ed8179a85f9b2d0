/* The data folder and the key-encryption key as the configuration names them. */
#include "app/archive-far.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/keys-source.h"
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { COMMAND_MS = 10000 };

/* The command is run as the gateway runs it: by a source reader of its own, which ends it when it takes too
 * long. */
static int ask_reader(struct bytes command, struct secret *key)
{
    int ends[2], status = -ENOKEY, got = 0;
    uint64_t job;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        keys_source_serve(ends[1], COMMAND_MS);
    }
    close(ends[1]);
    int error = pid < 0 ? -errno : keys_source_ask(ends[0], 1, KEYS_SOURCE_EXEC, command);
    struct pollfd fd = { .fd = ends[0], .events = POLLIN };
    while (!error && (got = keys_source_receive(ends[0], &job, &status, key)) == 0)
        poll(&fd, 1, -1);
    close(ends[0]);
    if (pid > 0) waitpid(pid, NULL, 0);
    return error ? error : got < 0 ? got : status;
}

static void run_key_command(struct cli_place *place)
{
    struct bytes command = buf_bytes(&place->key_command);
    int error = ask_reader(command, &place->key);
    if (error == -ETIMEDOUT)
        place->key_problem = "the command in the configuration's store.key took too long";
    else if (error)
        place->key_problem = "the command in the configuration's store.key gave no key";
}

/* What goes wrong here matters only to a command that needs the key; and only that one runs a command for it.
 */
static void read_key(const struct config *config, struct cli_place *place)
{
    static const enum keys_source_kind kinds[] = { [YAML_SOURCE_NONE] = KEYS_SOURCE_NONE,
                                                   [YAML_SOURCE_FILE] = KEYS_SOURCE_FILE,
                                                   [YAML_SOURCE_ENV] = KEYS_SOURCE_ENV,
                                                   [YAML_SOURCE_EXEC] = KEYS_SOURCE_EXEC };
    enum keys_source_kind kind = kinds[config->store.key.source];
    if (kind == KEYS_SOURCE_EXEC) {
        buf_init(&place->key_command, KEYS_SECRET_MOST);
        buf_append(&place->key_command, config->store.key.name);
        place->read_key = run_key_command;
    } else if (kind != KEYS_SOURCE_NONE && keys_source_read(kind, config->store.key.name, &place->key) != 0) {
        place->key_problem = "the configuration's store.key cannot be read";
    }
}

static void far_free(const struct record_far *far)
{
    archive_far_free(far->context);
}

static bool find_far(const struct config *config, struct cli_place *place)
{
    struct archive_far *far;
    if (archive_far_new(config, &clock_system, NULL, &far)) return false;
    place->far = archive_far_reach(far);
    place->far_free = far_free;
    return true;
}

bool command_locate(const struct cli_world *world, const char *path, struct cli_place *place_out)
{
    struct yaml_errors errors;
    struct buf out;
    yaml_errors_init(&errors);
    buf_init(&out, 1 << 20);
    const struct config *config = config_load(path, &errors);
    if (config) {
        buf_put_cstring(&place_out->data, config->data);
        read_key(config, place_out);
        if (!find_far(config, place_out)) fprintf(world->err, "postern: there is no memory\n");
    } else {
        yaml_errors_print(&errors, &out);
        fprintf(world->err, "%.*s", BYTES_FMT(buf_bytes(&out)));
        fprintf(world->err,
                "postern: name a good configuration with --config, or the data folder with --data\n");
    }
    bool good = config != NULL;
    if (config) config_unref(config);
    buf_free(&out);
    yaml_errors_free(&errors);
    return good;
}
