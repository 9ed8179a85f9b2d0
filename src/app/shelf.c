/* A short list behind a lock: as many entries as the keeper has places, a few more while a configuration
 * changes. */
#include "app/shelf.h"
#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct entry *next;
    const struct catalog *catalog; /* held */
    size_t n_connection, n_database;
    uint8_t names[]; /* the connection's, the database's */
};

struct shelf {
    pthread_mutex_t lock;
    struct entry *all;
};

struct shelf *shelf_new(void)
{
    struct shelf *shelf = calloc(1, sizeof *shelf);
    if (shelf) pthread_mutex_init(&shelf->lock, NULL);
    return shelf;
}

static void remove_at(struct entry **link)
{
    struct entry *e = *link;
    *link = e->next;
    catalog_release(e->catalog);
    free(e);
}

void shelf_free(struct shelf *shelf)
{
    if (!shelf) return;
    while (shelf->all)
        remove_at(&shelf->all);
    pthread_mutex_destroy(&shelf->lock);
    free(shelf);
}

/* Where it is, or the list's end. */
static struct entry **find(struct shelf *shelf, struct bytes connection, struct bytes database)
{
    struct entry **link = &shelf->all;
    while (*link &&
           !(bytes_equal(bytes_make((*link)->names, (*link)->n_connection), connection) &&
             bytes_equal(bytes_make((*link)->names + (*link)->n_connection, (*link)->n_database), database)))
        link = &(*link)->next;
    return link;
}

static struct entry *entry_new(struct bytes connection, struct bytes database, const struct catalog *catalog)
{
    struct entry *e = calloc(1, sizeof *e + connection.n + database.n);
    if (!e) return NULL;
    e->n_connection = connection.n;
    e->n_database = database.n;
    if (connection.n) memcpy(e->names, connection.p, connection.n);
    if (database.n) memcpy(e->names + connection.n, database.p, database.n);
    e->catalog = catalog_hold(catalog);
    return e;
}

void shelf_put(struct shelf *shelf, struct bytes connection, struct bytes database,
               const struct catalog *catalog)
{
    pthread_mutex_lock(&shelf->lock);
    struct entry **link = find(shelf, connection, database);
    if (!*link || (*link)->catalog != catalog) {
        if (*link) remove_at(link);
        struct entry *e = catalog ? entry_new(connection, database, catalog) : NULL;
        if (e) {
            e->next = shelf->all;
            shelf->all = e;
        }
    }
    pthread_mutex_unlock(&shelf->lock);
}

void shelf_drop(struct shelf *shelf, const struct catalog *catalog)
{
    pthread_mutex_lock(&shelf->lock);
    for (struct entry **link = &shelf->all; catalog && *link;) {
        if ((*link)->catalog == catalog)
            remove_at(link);
        else
            link = &(*link)->next;
    }
    pthread_mutex_unlock(&shelf->lock);
}

const struct catalog *shelf_get(struct shelf *shelf, struct bytes connection, struct bytes database)
{
    pthread_mutex_lock(&shelf->lock);
    struct entry **link = find(shelf, connection, database);
    const struct catalog *catalog = *link ? catalog_hold((*link)->catalog) : NULL;
    pthread_mutex_unlock(&shelf->lock);
    return catalog;
}
