/* Reading is all that happens here: what the nodes mean is for compile.c. */
#include "policy/files.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

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

/* A list of policies, or one policy. */
static bool add_nodes(struct yaml_reader *reader, const struct yaml_node *root, struct yaml_nodes *nodes)
{
    if (root->kind == YAML_NULL) return true;
    bool list = root->kind == YAML_LIST;
    size_t n = list ? root->n : 1;
    const struct yaml_node **items = ARENA_ARRAY(reader->arena, const struct yaml_node *, nodes->n + n);
    if (!items || nodes->n + n > POLICY_NODES_CEILING) {
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

static bool add_file(struct yaml_reader *reader, const char *path, struct yaml_nodes *nodes)
{
    const struct yaml_node *root = yaml_tree_load(path, reader->arena, reader->errors);
    return root && add_nodes(reader, root, nodes);
}

bool policy_folder_read(struct yaml_reader *reader, struct bytes folder, struct yaml_place place,
                        struct yaml_nodes *nodes)
{
    struct dirent **entries = NULL;
    bool good = true;
    int n = scandir((const char *)folder.p, &entries, is_policy_file, by_name);
    if (n < 0 || n > POLICY_FOLDER_FILES_CEILING) {
        yaml_errors_add(reader->errors, place, "the folder \"%.*s\" cannot be read: %s", BYTES_FMT(folder),
                        n < 0 ? strerror(errno) : "too many files");
        good = false;
    }
    for (int i = 0; i < n; i++) {
        struct bytes path = arena_printf(reader->arena, "%.*s/%s", BYTES_FMT(folder), entries[i]->d_name);
        if (good && !path.p) yaml_errors_add(reader->errors, place, "too many policies");
        if (n <= POLICY_FOLDER_FILES_CEILING && (!path.p || !add_file(reader, (const char *)path.p, nodes)))
            good = false;
        free(entries[i]);
    }
    free(entries);
    return good;
}

/* A configuration's folder starts from the folder of its file. */
static bool add_config(struct yaml_reader *reader, const struct yaml_node *root, struct bytes path,
                       struct yaml_nodes *nodes)
{
    const struct yaml_node *policies = yaml_tree_get(root, "policies");
    const struct yaml_node *folder = yaml_tree_get(root, "policies_folder");
    if (policies && !add_nodes(reader, policies, nodes)) return false;
    if (!folder || folder->kind != YAML_SCALAR || !folder->text.n) return true;
    size_t n = path.n;
    while (n && path.p[n - 1] != '/')
        n--;
    if (folder->text.p[0] == '/') n = 0;
    struct bytes whole =
        arena_printf(reader->arena, "%.*s%.*s", BYTES_FMT(bytes_slice(path, 0, n)), BYTES_FMT(folder->text));
    return whole.p && policy_folder_read(reader, whole, folder->place, nodes);
}

bool policy_path_read(struct yaml_reader *reader, const char *path, struct yaml_nodes *nodes)
{
    struct stat st;
    struct yaml_place place = { bytes_of(path), 0, 0 };
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return policy_folder_read(reader, bytes_of(path), place, nodes);
    const struct yaml_node *root = yaml_tree_load(path, reader->arena, reader->errors);
    if (!root) return false;
    bool is_policy = root->kind != YAML_MAP || yaml_tree_get(root, "who");
    if (!is_policy && (yaml_tree_get(root, "policies") || yaml_tree_get(root, "policies_folder")))
        return add_config(reader, root, bytes_of(path), nodes);
    return add_nodes(reader, root, nodes);
}
