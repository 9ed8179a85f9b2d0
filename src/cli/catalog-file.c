/* Strict: a line that is not as the header says makes no catalogue, since half of one would judge wrongly. */
#include "cli/catalog-file.h"
#include "json/read.h"
#include <errno.h>
#include <stdlib.h>

enum { LINE_CEILING = 16 << 20, DEPTH_CEILING = 4, VALUES_CEILING = 64, PATH_CEILING = 256 };

static bool read_path(struct catalog_file *file, const json_t *header)
{
    const json_t *path = json_object_get(header, "path");
    size_t n = json_array_size(path);
    struct bytes *schemas = n <= PATH_CEILING ? ARENA_ARRAY(&file->arena, struct bytes, n + 1) : NULL;
    for (size_t i = 0; i < n && schemas; i++) {
        const json_t *name = json_array_get(path, i);
        if (!json_is_string(name)) return false;
        schemas[i] = arena_copy(&file->arena, bytes_of(json_string_value(name)));
        if (!schemas[i].p) return false;
    }
    file->view.path = schemas;
    file->view.n_path = n;
    return json_is_array(path) && schemas;
}

static bool read_header(struct catalog_file *file, const json_t *header)
{
    struct bytes database;
    if (json_integer_value(json_object_get(header, "postern_catalog")) != 1) return false;
    if (json_member_text(header, "database", &database) == JSON_MEMBER_WRONG_TYPE) return false;
    file->database = arena_copy(&file->arena, database);
    return file->database.p && read_path(file, header);
}

static bool read_row(struct catalog_load *load, const json_t *line)
{
    const json_t *query = json_object_get(line, "query"), *row = json_object_get(line, "row");
    struct bytes values[VALUES_CEILING];
    size_t n = json_array_size(row);
    if (!json_is_integer(query) || json_integer_value(query) < 0 || !json_is_array(row) || n > VALUES_CEILING)
        return false;
    for (size_t i = 0; i < n; i++) {
        const json_t *value = json_array_get(row, i);
        if (!json_is_null(value) && !json_is_string(value)) return false;
        values[i] = json_is_null(value) ? (struct bytes){ 0 }
                                        : bytes_make(json_string_value(value), json_string_length(value));
    }
    return catalog_load_row(load, (size_t)json_integer_value(query), values, n);
}

/* 0: all was read; else the line that is wrong. */
static size_t read_lines(FILE *f, struct catalog_file *file, struct catalog_load *load)
{
    char *text = NULL;
    size_t size = 0, line = 0;
    bool good = true;
    ssize_t n;
    while (good && (n = getline(&text, &size, f)) >= 0) {
        json_t *object = NULL;
        line++;
        good = json_read_object(bytes_make(text, (size_t)n), LINE_CEILING, DEPTH_CEILING, &object) ==
                   JSON_READ &&
               (line == 1 ? read_header(file, object) : read_row(load, object));
        json_decref(object);
    }
    good = good && line > 0 && !ferror(f);
    free(text);
    return good ? 0 : line ? line : 1;
}

bool catalog_file_open(const struct cli_call *call, const char *path, struct catalog_file *file)
{
    const char *error = NULL;
    *file = (struct catalog_file){ 0 };
    arena_init(&file->arena, 4096, 1 << 20);
    FILE *f = fopen(path, "re");
    struct catalog_load *load = f ? catalog_load_begin() : NULL;
    if (!load) {
        cli_fail(call, "%s cannot be read: %s", path, f ? "there is no memory" : strerror(errno));
        if (f) fclose(f);
        return false;
    }
    size_t wrong = read_lines(f, file, load);
    fclose(f);
    if (wrong)
        catalog_load_abandon(load);
    else
        file->view.catalog = catalog_load_end(load, &error);
    if (wrong)
        cli_fail(call, "%s:%zu: this is no line of a catalogue", path, wrong);
    else if (error)
        cli_fail(call, "%s: %s", path, error);
    return file->view.catalog != NULL;
}

void catalog_file_close(struct catalog_file *file)
{
    catalog_release(file->view.catalog);
    arena_free(&file->arena);
    *file = (struct catalog_file){ 0 };
}
