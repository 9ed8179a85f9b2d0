/* postern keys init */
#include "app/commands.h"
#include "app/keys-vault.h"
#include "cli/evidence.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct cli_option options[] = {
    { "origin", 0, "NAME",
      "The log's name in its checkpoints; the default is postern/ and this machine's name" },
    { 0 },
};

/* The name in the public key that is there already: making what is missing must not ask for it again. */
static bool origin_of_key(const char *path, char origin[256])
{
    FILE *file = fopen(path, "re");
    bool found = file && fscanf(file, "%200[^+ \n]", origin) == 1;
    if (file) fclose(file);
    return found;
}

/* The folder as --data or the configuration names it. */
static bool find_folder(struct cli_call *call, struct cli_place *place, const char **data_out)
{
    const char *config = cli_option(call, "config");
    *data_out = cli_option(call, "data");
    if (!*data_out && !call->world->locate(call->world, config ? config : "postern.yaml", place))
        return false;
    if (!*data_out) *data_out = (const char *)buf_bytes(&place->data).p;
    if (mkdir(*data_out, 0700) == 0 || errno == EEXIST) return true;
    cli_fail(call, "the data folder %s: %s", *data_out, strerror(errno));
    return false;
}

static int run(struct cli_call *call)
{
    char origin[256], host[64] = "localhost", path[EVIDENCE_PATH + 16];
    struct cli_place place = { 0 };
    struct keys_vault *vault = NULL;
    const char *data = NULL, *name = cli_option(call, "origin");
    int code = CLI_FAILED;
    gethostname(host, sizeof host - 1);
    snprintf(origin, sizeof origin, "postern/%s", host);
    buf_init(&place.data, EVIDENCE_PATH * 2);
    bool found = find_folder(call, &place, &data);
    if (found && place.read_key) place.read_key(&place);
    if (found && place.key_problem) cli_fail(call, "%s", place.key_problem);
    if (found && !place.key_problem && strlen(data) < EVIDENCE_PATH) {
        snprintf(path, sizeof path, "%s/log.pub", data);
        bool there = access(path, F_OK) == 0;
        if (!name && origin_of_key(path, origin)) name = origin;
        int error = keys_vault_open(data, name ? name : origin, &place.key, &vault);
        if (error)
            cli_fail(call, "the keys in %s: %s", data, strerror(-error));
        else {
            fprintf(call->world->err, "postern keys init: %s %s\n",
                    there ? "the keys were there already:" : "keys are made in", data);
            code = CLI_YES;
        }
    }
    keys_vault_close(vault);
    if (place.far) place.far_free(place.far);
    buf_free(&place.data);
    buf_free(&place.key_command);
    secret_free(&place.key);
    return code;
}

const struct cli_command command_keys_init = {
    .name = "keys init",
    .summary = "Make the keys of a data folder before the first start",
    .arguments = "",
    .options = options,
    .notes = "It makes what is missing: kek, the key-encryption key (unless the configuration has "
             "store.key), and\n"
             "log.key with log.pub, the log's signing key. The gateway does the same at its first start. "
             "Keep a copy\n"
             "of kek elsewhere: without it nothing recorded can be read.",
    .run = run,
};
