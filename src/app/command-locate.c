/* The data folder and the key-encryption key as the configuration names them. */
#include "app/archive-far.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/keys-source.h"

/* What goes wrong here matters only to a command that needs the key. */
static void read_key(const struct config *config, struct cli_place *place)
{
    static const enum keys_source_kind kinds[] = { [YAML_SOURCE_NONE] = KEYS_SOURCE_NONE,
                                                   [YAML_SOURCE_FILE] = KEYS_SOURCE_FILE,
                                                   [YAML_SOURCE_ENV] = KEYS_SOURCE_ENV,
                                                   [YAML_SOURCE_EXEC] = KEYS_SOURCE_EXEC };
    enum keys_source_kind kind = kinds[config->store.key.source];
    if (kind == KEYS_SOURCE_EXEC)
        place->key_problem =
            "the configuration's store.key is a command, which is not run here: give --key-file";
    else if (kind != KEYS_SOURCE_NONE && keys_source_read(kind, config->store.key.name, &place->key) != 0)
        place->key_problem = "the configuration's store.key cannot be read";
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
