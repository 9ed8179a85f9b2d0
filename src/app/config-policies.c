/* The policies of a configuration: those of its folder, and whether all of them fit its connections. */
#include "app/config-shapes.h"
#include "policy/compile.h"
#include "policy/glob.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

enum { FOLDER_FILES_CEILING = 1000, FOLDER_POLICIES_CEILING = 10000 };

static int is_policy_file(const struct dirent *entry)
{
    struct bytes name = bytes_of(entry->d_name);
    if (name.n == 0 || name.p[0] == '.') return 0;
    return (name.n > 5 && bytes_is(bytes_slice(name, name.n - 5, 5), ".yaml")) ||
           (name.n > 4 && bytes_is(bytes_slice(name, name.n - 4, 4), ".yml"));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file is a list of policies, or one policy. */
static bool add_file(struct yaml_reader *reader, const char *path, struct yaml_nodes *nodes)
{
    const struct yaml_node *root = yaml_tree_load(path, reader->arena, reader->errors);
    if (!root) return false;
    if (root->kind == YAML_NULL) return true;
    bool list = root->kind == YAML_LIST;
    size_t n = list ? root->n : 1;
    const struct yaml_node **items = ARENA_ARRAY(reader->arena, const struct yaml_node *, nodes->n + n);
    if (!items || nodes->n + n > FOLDER_POLICIES_CEILING) {
        yaml_errors_add(reader->errors, root->place, "too many policies");
        return false;
    }
    for (size_t i = 0; i < nodes->n; i++)
        items[i] = nodes->items[i];
    for (size_t i = 0; i < n; i++)
        items[nodes->n + i] = list ? root->items[i] : root;
    *nodes = (struct yaml_nodes){ items, nodes->n + n };
    return true;
}

bool config_folder_read(struct yaml_reader *reader, struct bytes folder, struct yaml_place place,
                        struct yaml_nodes *nodes)
{
    struct dirent **entries = NULL;
    bool good = true;
    int n = scandir((const char *)folder.p, &entries, is_policy_file, by_name);
    if (n < 0 || n > FOLDER_FILES_CEILING) {
        yaml_errors_add(reader->errors, place, "the folder \"%.*s\" cannot be read: %s", BYTES_FMT(folder),
                        n < 0 ? strerror(errno) : "too many files");
        good = false;
    }
    for (int i = 0; i < n; i++) {
        struct bytes path = arena_printf(reader->arena, "%.*s/%s", BYTES_FMT(folder), entries[i]->d_name);
        if (good && !path.p) yaml_errors_add(reader->errors, place, "too many policies");
        if (n <= FOLDER_FILES_CEILING && (!path.p || !add_file(reader, (const char *)path.p, nodes)))
            good = false;
        free(entries[i]);
    }
    free(entries);
    return good;
}

static bool reaches(const struct policy_reach *reach, struct bytes connection)
{
    for (size_t i = 0; i < reach->connections.n; i++)
        if (policy_glob(reach->connections.items[i], connection)) return true;
    return reach->connections.n == 0;
}

/* A pattern that no connection matches is a slip of the pen. */
static void check_patterns(struct yaml_reader *reader, const struct config *config,
                           const struct policy_reach *reach)
{
    enum { NAMES_CEILING = 256 };
    const char *names[NAMES_CEILING];
    size_t n_names = config->connections.n < NAMES_CEILING ? config->connections.n : NAMES_CEILING;
    for (size_t i = 0; i < n_names; i++)
        names[i] = (const char *)config->connections.items[i].name.p;
    for (size_t i = 0; i < reach->connections.n; i++) {
        struct bytes pattern = reach->connections.items[i];
        size_t k = 0;
        while (k < config->connections.n && !policy_glob(pattern, config->connections.items[k].name))
            k++;
        if (k < config->connections.n) continue;
        const char *nearest = yaml_nearest(pattern, names, n_names);
        yaml_errors_add(reader->errors, reach->connections_place, "no connection is named \"%.*s\"%s%s%s",
                        BYTES_FMT(pattern), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
                        nearest ? "\"?" : "");
    }
}

void config_policies_check(struct yaml_reader *reader, const struct config *config)
{
    for (size_t i = 0; i < policy_snapshot_n(config->policies); i++) {
        struct policy_reach reach;
        policy_snapshot_reach(config->policies, i, &reach);
        check_patterns(reader, config, &reach);
        /* Half obeyed would be worse than refused. */
        if (reach.limits_changes)
            yaml_errors_add(reader->errors, reach.place,
                            "limits: affected_rows, bytes and budget " CONFIG_UNSUPPORTED);
        for (size_t k = 0; reach.login.n && k < config->connections.n; k++) {
            const struct config_connection *connection = &config->connections.items[k];
            if (!reaches(&reach, connection->name) || config_login_named(connection, reach.login)) continue;
            yaml_errors_add(reader->errors, reach.login_place, "connection \"%.*s\" has no login \"%.*s\"",
                            BYTES_FMT(connection->name), BYTES_FMT(reach.login));
        }
    }
}
