/* Loading, counting and printing of the whole. The configuration lives in an arena that begins with it. */
#include "app/config.h"
#include "app/config-shapes.h"
#include "policy/compile.h"
#include "policy/files.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

struct holder {
    struct config config; /* first: a config is its holder */
    struct arena arena;
    atomic_uint n_references;
};

enum { CONFIG_ARENA_CEILING = 256 << 20, WORKERS_CEILING = 256 };

static const char *const durability_choices[] = { "process", "power", NULL };

static const struct yaml_field config_fields[] = {
    { "listen", YAML_TEXTS, YAML_AT(config, listen_texts),
      "Where clients connect: host:port, [host]:port or unix:/path, or a list of them.",
      .fallback = "127.0.0.1:6432" },
    { "admin", YAML_OBJECT, YAML_AT(config, admin), "The API and the web pages.",
      .shape = &config_admin_shape },
    { "tls", YAML_OBJECT, YAML_AT(config, tls),
      "The gateway's certificate; needed unless it listens on loopback and Unix sockets only.",
      .shape = &config_tls_shape },
    { "data", YAML_PATH, YAML_AT(config, data), "The folder of the records, the signing key and the index.",
      .fallback = "/var/lib/postern" },
    { "workers", YAML_NUMBER, YAML_AT(config, workers),
      "Threads that serve sessions; 0: one for every two processor cores, since the log and the kernel need "
      "the rest.",
      .fallback = "0", .max = WORKERS_CEILING },
    { "durability", YAML_CHOICE, YAML_AT(config, durability),
      "What a record survives before its statement is forwarded: the death of the process, or a power cut.",
      .choices = durability_choices },
    { "identity", YAML_OBJECT, YAML_AT(config, identity), "Who vouches for callers.", .required = true,
      .shape = &config_identity_shape },
    { "connections", YAML_OBJECTS, YAML_AT(config, connections), "The databases behind the gateway.",
      .required = true, .shape = &config_connection_shape },
    { "policies", YAML_NODES, YAML_AT(config, policy_nodes), "Who may do what, where; see doc/policy.md.",
      .shape = &policy_shape },
    { "policies_folder", YAML_PATH, YAML_AT(config, policies_folder),
      "A folder of further policies: each *.yaml in it is a list of them.", .example = "policies" },
    { "roles", YAML_OBJECT, YAML_AT(config, roles), "What people may do in the API and the web pages.",
      .shape = &config_roles_shape },
    { "store", YAML_OBJECT, YAML_AT(config, store), "Where records are kept.", .shape = &config_store_shape },
    { "limits", YAML_OBJECT, YAML_AT(config, limits), "What the gateway takes upon itself at most.",
      .shape = &config_limits_shape },
    { "notify", YAML_OBJECTS, YAML_AT(config, notify),
      "Who is told of what waits for people and of refusals.", .shape = &config_notify_shape },
    { "streams", YAML_OBJECTS, YAML_AT(config, streams),
      "Where summaries of what is recorded go, besides the log.", .shape = &config_stream_shape },
    { "anchors", YAML_OBJECTS, YAML_AT(config, anchors),
      "Where checkpoints of the log are kept besides, so that a rewritten log is found.",
      .shape = &config_anchor_shape },
};

static void check_config(struct yaml_reader *reader, void *object)
{
    struct config *config = object;
    config_addresses_read(reader, yaml_tree_get(config->at, "listen"), &config->listen_texts,
                          &config->listen);
    config_tls_check(reader, config);
    config_notify_check(reader, config);
    config_streams_check(reader, config);
    config_anchors_check(reader, config);
    if (config->durability == CONFIG_DURABILITY_POWER)
        yaml_errors_add(reader->errors, yaml_place_of(config->at, "durability"),
                        "durability: power " CONFIG_UNSUPPORTED "; use durability: process");
    for (size_t i = 0; i < config->connections.n; i++)
        for (size_t k = 0; k < i; k++)
            if (bytes_equal(config->connections.items[i].name, config->connections.items[k].name))
                yaml_errors_add(reader->errors, yaml_place_of(config->connections.items[i].at, "name"),
                                "two connections are named \"%.*s\"",
                                BYTES_FMT(config->connections.items[i].name));
    if (config->workers == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN) / 2;
        config->workers = cores < 1 ? 1 : cores > WORKERS_CEILING ? WORKERS_CEILING : cores;
    }
}

const struct yaml_shape config_shape = {
    "the configuration", sizeof(struct config), config_fields, CONFIG_N(config_fields), NULL, check_config
};

static struct holder *holder_new(struct yaml_errors *errors, struct bytes file)
{
    struct holder *holder = calloc(1, sizeof *holder);
    if (!holder) {
        yaml_errors_add(errors, (struct yaml_place){ file, 0, 0 }, "out of memory");
        return NULL;
    }
    arena_init(&holder->arena, 16 * 1024, CONFIG_ARENA_CEILING);
    atomic_init(&holder->n_references, 1);
    return holder;
}

static void holder_free(struct holder *holder)
{
    policy_snapshot_unref(holder->config.policies);
    arena_free(&holder->arena);
    free(holder);
}

static bool read_policies(struct yaml_reader *reader, struct config *config, bool from_disk)
{
    struct yaml_nodes nodes = config->policy_nodes;
    struct yaml_place place = yaml_place_of(config->at, "policies_folder");
    if (config->policies_folder.n && !from_disk) {
        yaml_errors_add(reader->errors, place, "\"policies_folder\" needs a configuration that is a file");
        return false;
    }
    if (config->policies_folder.n && !policy_folder_read(reader, config->policies_folder, place, &nodes))
        return false;
    config->policies = policy_compile(nodes.items, nodes.n, reader->errors);
    return config->policies != NULL;
}

/* The policies are compiled even where something else is wrong, so that all errors come out at once; what the
 * two say about each other is compared only where both are good. */
static bool read_config(struct yaml_reader *reader, const struct yaml_node *root, bool from_disk,
                        struct config *config)
{
    if (!yaml_read(reader, root, &config_shape, config)) {
        const struct yaml_node *list = yaml_tree_get(root, "policies");
        if (list && list->kind == YAML_LIST)
            policy_snapshot_unref(policy_compile(list->items, list->n, reader->errors));
        return false;
    }
    size_t before = yaml_errors_count(reader->errors);
    if (!read_policies(reader, config, from_disk)) return false;
    config_policies_check(reader, config);
    return yaml_errors_count(reader->errors) == before;
}

static const struct config *finish(struct holder *holder, const struct yaml_node *root, struct bytes file,
                                   struct bytes folder, bool from_disk, struct yaml_errors *errors)
{
    struct yaml_reader reader = { &holder->arena, errors, folder };
    bool good = root && read_config(&reader, root, from_disk, &holder->config);
    if (good) {
        holder->config.file = arena_copy(&holder->arena, file);
        return &holder->config;
    }
    CHECK(yaml_errors_count(errors) > 0);
    holder_free(holder);
    return NULL;
}

const struct config *config_load(const char *path, struct yaml_errors *errors)
{
    struct bytes file = bytes_of(path);
    struct holder *holder = holder_new(errors, file);
    if (!holder) return NULL;
    const char *slash = strrchr(path, '/');
    struct bytes folder = bytes_make(path, slash ? (size_t)(slash - path) + (slash == path) : 0);
    return finish(holder, yaml_tree_load(path, &holder->arena, errors), file, folder, true, errors);
}

const struct config *config_parse(struct bytes text, struct bytes file, struct yaml_errors *errors)
{
    struct holder *holder = holder_new(errors, file);
    if (!holder) return NULL;
    const struct yaml_node *root = yaml_tree_parse(text, file, &holder->arena, errors);
    return finish(holder, root, file, (struct bytes){ 0 }, false, errors);
}

static struct holder *holder_of(const struct config *config)
{
    return (struct holder *)(uintptr_t)config;
}

const struct config *config_ref(const struct config *config)
{
    atomic_fetch_add_explicit(&holder_of(config)->n_references, 1, memory_order_relaxed);
    return config;
}

void config_unref(const struct config *config)
{
    if (!config) return;
    if (atomic_fetch_sub_explicit(&holder_of(config)->n_references, 1, memory_order_acq_rel) == 1)
        holder_free(holder_of(config));
}

void config_print(const struct config *config, enum yaml_print how, struct buf *out)
{
    yaml_shape_print(&config_shape, config, how, out);
}

void config_print_defaults(struct buf *out)
{
    yaml_shape_print_defaults(&config_shape, out);
}

void config_print_schema(struct buf *out)
{
    yaml_shape_print_schema(&config_shape, "postern", out);
}
