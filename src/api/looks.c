/* A table of hashes with a ceiling: what does not fit is recorded once more, which is no harm. */
#include "api/looks.h"
#include "base/buf.h"
#include "crypto/hash.h"
#include <pthread.h>
#include <stdlib.h>

enum { ENTRIES = 4096, WINDOW_US = 300000000 };

struct looks {
    pthread_mutex_t lock;
    struct {
        uint8_t key[SHA256_SIZE];
        int64_t until_us;
    } entries[ENTRIES];
};

struct looks *looks_new(void)
{
    struct looks *l = calloc(1, sizeof *l);
    if (l) pthread_mutex_init(&l->lock, NULL);
    return l;
}

void looks_free(struct looks *l)
{
    if (!l) return;
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static size_t key_of(struct bytes who, uint64_t session, const char *how, uint8_t key[SHA256_SIZE])
{
    struct buf b;
    buf_init(&b, 16384);
    buf_put_counted(&b, bytes_slice(who, 0, 8192));
    buf_put_u64(&b, session);
    buf_append_text(&b, how);
    sha256_once(buf_bytes(&b), key);
    buf_free(&b);
    return (size_t)(key[0] << 8 | key[1]) % ENTRIES;
}

bool looks_is_known(struct looks *l, struct bytes who, uint64_t session, const char *how, int64_t now_us)
{
    uint8_t key[SHA256_SIZE];
    size_t at = key_of(who, session, how, key);
    pthread_mutex_lock(&l->lock);
    bool known = l->entries[at].until_us > now_us && memcmp(l->entries[at].key, key, sizeof key) == 0;
    pthread_mutex_unlock(&l->lock);
    return known;
}

void looks_remember(struct looks *l, struct bytes who, uint64_t session, const char *how, int64_t now_us)
{
    uint8_t key[SHA256_SIZE];
    size_t at = key_of(who, session, how, key);
    pthread_mutex_lock(&l->lock);
    memcpy(l->entries[at].key, key, sizeof key);
    l->entries[at].until_us = now_us + WINDOW_US;
    pthread_mutex_unlock(&l->lock);
}
