#include "app/archive-store.h"
#include "app/secret-source.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TRIES = 3 };

struct archive_store {
    const struct config *config;
    const struct clock *clock;
    struct secret access_key, secret_key, session_token;
    atomic_bool cancel;
};

int archive_store_open(const struct config *config, const struct clock *clock, struct archive_store **out)
{
    const struct config_s3 *s3 = &config->store.s3;
    *out = NULL;
    if (!config->store.bucket.n) return 0;
    struct archive_store *store = calloc(1, sizeof *store);
    if (!store) return -ENOMEM;
    store->config = config_ref(config);
    store->clock = clock;
    int error = secret_source_read(&s3->access_key, &store->access_key);
    if (!error) error = secret_source_read(&s3->secret_key, &store->secret_key);
    if (!error && s3->session_token.source != YAML_SOURCE_NONE)
        error = secret_source_read(&s3->session_token, &store->session_token);
    if (error)
        archive_store_free(store);
    else
        *out = store;
    return error;
}

void archive_store_free(struct archive_store *store)
{
    if (!store) return;
    secret_free(&store->access_key);
    secret_free(&store->secret_key);
    secret_free(&store->session_token);
    config_unref(store->config);
    free(store);
}

const struct config_store *archive_store_config(const struct archive_store *store)
{
    return &store->config->store;
}

struct s3 *archive_store_client(struct archive_store *store)
{
    const struct config_store *c = &store->config->store;
    struct s3_options options = { .clock = store->clock,
                                  .endpoint = c->s3.endpoint,
                                  .region = c->s3.region,
                                  .bucket = c->bucket,
                                  .access_key = secret_source_trim(secret_bytes(&store->access_key)),
                                  .secret_key = secret_source_trim(secret_bytes(&store->secret_key)),
                                  .session_token = secret_source_trim(secret_bytes(&store->session_token)),
                                  .ca = c->s3.ca,
                                  .cancel = &store->cancel,
                                  .tries = TRIES };
    return s3_new(&options);
}

void archive_store_cancel(struct archive_store *store)
{
    if (store) atomic_store(&store->cancel, true);
}

bool archive_store_is_cancelled(const struct archive_store *store)
{
    return atomic_load(&store->cancel);
}
