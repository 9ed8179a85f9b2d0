/* A load of the shared snapshot: rows go to a builder, the builder's layer becomes a catalogue. */
#include "catalog/load.h"
#include "catalog/build.h"
#include <stdatomic.h>
#include <stdlib.h>

struct catalog_load {
    struct catalog *catalog;
    struct catalog_builder builder;
};

struct catalog_load *catalog_load_begin(void)
{
    static _Atomic uint64_t serials;
    struct catalog_load *load = calloc(1, sizeof *load);
    struct catalog *catalog = calloc(1, sizeof *catalog);
    if (!load || !catalog) {
        free(load);
        free(catalog);
        return NULL;
    }
    catalog->references = 1;
    catalog->serial = ++serials;
    load->catalog = catalog;
    catalog_build_begin(&load->builder, &catalog->layer, NULL);
    return load;
}

struct catalog_builder *catalog_load_builder(struct catalog_load *load)
{
    return &load->builder;
}

void catalog_load_trust(struct catalog_load *load, struct catalog_trust trust)
{
    load->builder.trust = load->catalog->trust = trust;
}

bool catalog_load_row(struct catalog_load *load, size_t index, const struct bytes *values, size_t n)
{
    (void)index; /* each row tells by its letter what it is */
    return catalog_build_row(&load->builder, values, n);
}

const struct catalog *catalog_load_end(struct catalog_load *load, const char **error_out)
{
    struct catalog *catalog = load->catalog;
    struct catalog_builder *b = &load->builder;
    *error_out = NULL;
    if (b->failed)
        *error_out = "a row of the catalogue is malformed, or there are too many";
    else if (!b->server_version)
        *error_out = "the server did not tell its version";
    else if (!catalog_build_end(b))
        *error_out = "the catalogue does not fit into memory, or is malformed";
    catalog->server_version = b->server_version;
    catalog->snapshot = b->snapshot;
    if (*error_out) {
        catalog_load_abandon(load);
        return NULL;
    }
    catalog_build_free(b);
    free(load);
    return catalog;
}

void catalog_load_abandon(struct catalog_load *load)
{
    if (!load) return;
    catalog_build_free(&load->builder);
    catalog_release(load->catalog);
    free(load);
}
