/* Jobs and the cache of stretched passwords. A job goes WAITING (for its source) ▸ READY ▸ STRETCHING ▸ done;
 * a password lives from READY until its keys are known or taken from the cache, and is wiped then. The
 * cache's key is a keyed hash over login, salt, iterations and the password itself: a rotated password finds
 * nothing old, and a repeated login costs no PBKDF2. */
#include "app/keys-login.h"
#include "app/keys-source.h"
#include "app/keys-vault.h"
#include "app/keys-wire.h"
#include "base/log.h"
#include "pgwire/scram.h"
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { JOBS_MOST = 256, CACHE_MOST = 256, SLICE_ITERATIONS = 2048, KEY = PASSWORD_KEY_BYTES };

struct login {
    struct login *next;
    enum keys_source_kind kind;
    size_t n_id, n_what;
    uint8_t text[]; /* id, then what */
};
enum job_state { JOB_FREE = 0, JOB_WAITING, JOB_READY, JOB_STRETCHING };
struct job {
    enum job_state state;
    uint64_t number; /* tells a late answer of the reader from one for the slot's next job */
    struct keys_result result;
    struct login *login; /* a copy */
    uint8_t salt[SCRAM_SALT_MOST];
    size_t n_salt;
    uint32_t iterations;
    struct secret text;
    struct secret password;
    uint8_t tag[KEY];
    struct password_stretch stretch;
};
struct cached {
    uint64_t used; /* 0: free */
    uint8_t tag[KEY];
    struct password_keys keys;
};
/* In locked pages. */
struct cache {
    uint8_t key[KEY];
    uint64_t uses;
    struct cached entries[CACHE_MOST];
};
struct keys_desk {
    int reader;
    struct login *logins, *coming;
    size_t n_coming;
    uint64_t n_jobs_ever;
    size_t turn, n_ready;
    struct job jobs[JOBS_MOST];
    struct cache *cache;
};

struct keys_desk *keys_desk_new(int reader)
{
    struct keys_desk *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->reader = reader;
    d->cache = keys_vault_pages(sizeof *d->cache);
    if (!d->cache || RAND_priv_bytes(d->cache->key, KEY) != 1) {
        free(d);
        return NULL;
    }
    return d;
}

static struct login *login_new(struct bytes id, enum keys_source_kind kind, struct bytes what)
{
    struct login *l = malloc(sizeof *l + id.n + what.n);
    if (!l) return NULL;
    *l = (struct login){ .kind = kind, .n_id = id.n, .n_what = what.n };
    memcpy(l->text, id.p, id.n);
    memcpy(l->text + id.n, what.p, what.n);
    return l;
}

static struct bytes login_id(const struct login *l)
{
    return bytes_make(l->text, l->n_id);
}
static struct bytes login_what(const struct login *l)
{
    return bytes_make(l->text + l->n_id, l->n_what);
}

static void free_logins(struct login **list)
{
    for (struct login *l = *list, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    *list = NULL;
}

static struct login *find(struct login *list, struct bytes id)
{
    while (list && !bytes_equal(login_id(list), id))
        list = list->next;
    return list;
}

void keys_desk_logins_begin(struct keys_desk *d)
{
    free_logins(&d->coming);
    d->n_coming = 0;
}

int keys_desk_logins_add(struct keys_desk *d, struct bytes id, struct bytes source)
{
    struct bytes what;
    enum keys_source_kind kind = keys_source_parse(source, &what);
    if (kind == KEYS_SOURCE_NONE || id.n == 0 || id.n > KEYS_LOGIN_ID_MOST || source.n > KEYS_SOURCE_MOST)
        return -EINVAL;
    if (d->n_coming == KEYS_LOGINS_MOST) return -ENOSPC;
    struct login *l = login_new(id, kind, what);
    if (!l) return -ENOMEM;
    l->next = d->coming;
    d->coming = l;
    d->n_coming++;
    return 0;
}

void keys_desk_logins_commit(struct keys_desk *d)
{
    free_logins(&d->logins);
    d->logins = d->coming;
    d->coming = NULL;
    d->n_coming = 0;
}

static void end_job(struct keys_desk *d, struct job *j)
{
    if (j->state > JOB_WAITING) d->n_ready--;
    free(j->login);
    secret_free(&j->text);
    secret_free(&j->password);
    password_stretch_end(&j->stretch);
    secret_wipe(j, sizeof *j);
}

static void make_ready(struct keys_desk *d, struct job *j)
{
    j->state = JOB_READY;
    d->n_ready++;
}

static bool question_is_sound(const struct keys_question *q)
{
    if (q->text.n > KEYS_AUTH_MESSAGE_MOST) return false;
    if (q->md5) return q->salt.n == 4;
    return q->salt.n > 0 && q->salt.n <= SCRAM_SALT_MOST && q->iterations > 0 &&
           q->iterations <= SCRAM_ITERATIONS_MOST && q->text.n > 0;
}

int keys_desk_ask(struct keys_desk *d, const struct keys_question *q)
{
    struct login *l = find(d->logins, q->login);
    if (!question_is_sound(q)) return -EINVAL;
    if (!l) return -ENOENT;
    struct job *j = d->jobs;
    while (j < d->jobs + JOBS_MOST && j->state)
        j++;
    if (j == d->jobs + JOBS_MOST) return -EBUSY;
    j->login = login_new(login_id(l), l->kind, login_what(l));
    j->text = secret_copy(q->text);
    j->result = (struct keys_result){ .client = q->client, .request = q->request, .md5 = q->md5 };
    j->number = ++d->n_jobs_ever;
    j->iterations = q->iterations;
    j->n_salt = q->salt.n;
    memcpy(j->salt, q->salt.p, q->salt.n);
    j->state = JOB_WAITING;
    int rc = !j->login ? -ENOMEM : 0;
    if (!rc && l->kind == KEYS_SOURCE_ENV) {
        rc = keys_source_read(l->kind, login_what(l), &j->password);
        if (!rc) make_ready(d, j);
    } else if (!rc) {
        rc = keys_source_ask(d->reader, j->number, l->kind, login_what(l));
        if (rc == -EAGAIN) rc = -EBUSY;
    }
    if (rc) end_job(d, j);
    return rc;
}

int keys_desk_hear_reader(struct keys_desk *d)
{
    uint64_t number;
    int status, rc;
    struct secret password;
    while ((rc = keys_source_receive(d->reader, &number, &status, &password)) == 1) {
        struct job *j = d->jobs;
        while (j < d->jobs + JOBS_MOST && !(j->state == JOB_WAITING && j->number == number))
            j++;
        if (j == d->jobs + JOBS_MOST) {
            secret_free(&password);
            continue;
        }
        j->result.status = status;
        j->password = password;
        make_ready(d, j);
    }
    return rc;
}

bool keys_desk_has_work(const struct keys_desk *d)
{
    return d->n_ready > 0;
}

/* The name under which this password's keys are kept, in place of the password. */
static int cache_tag(struct keys_desk *d, struct job *j, struct bytes password)
{
    struct buf b;
    buf_init(&b, 2 * KEYS_SECRET_MOST + KEYS_PACKET_MOST);
    buf_put_counted(&b, login_id(j->login));
    buf_put_counted(&b, bytes_make(j->salt, j->n_salt));
    buf_put_u32(&b, j->iterations);
    int rc =
        b.failed ? -ENOMEM : password_hmac(bytes_make(d->cache->key, KEY), buf_bytes(&b), password, j->tag);
    buf_free(&b);
    return rc;
}

/* The entry with this tag, or (for a new one) the least recently used. */
static struct cached *cache_find(struct cache *c, const uint8_t tag[KEY], bool take)
{
    struct cached *oldest = c->entries;
    for (struct cached *e = c->entries; e < c->entries + CACHE_MOST; e++) {
        if (e->used && bytes_equal(bytes_make(e->tag, KEY), bytes_make(tag, KEY))) return e;
        if (e->used < oldest->used) oldest = e;
    }
    return take ? oldest : NULL;
}

static int prove(struct keys_desk *d, struct job *j, struct cached *entry)
{
    entry->used = ++d->cache->uses;
    return password_prove(&entry->keys, secret_bytes(&j->text), j->result.proof, j->result.server_signature);
}

/* The password is there. 1: done, 0: PBKDF2 is to do, -errno. */
static int begin(struct keys_desk *d, struct job *j)
{
    if (j->result.md5) {
        int rc =
            password_md5(secret_bytes(&j->password), secret_bytes(&j->text), j->salt, j->result.md5_text);
        return rc ? rc : 1;
    }
    struct secret prepared = password_prepare(secret_bytes(&j->password));
    secret_free(&j->password);
    if (!prepared.data) return -ENOKEY;
    int rc = cache_tag(d, j, secret_bytes(&prepared));
    struct cached *entry = rc ? NULL : cache_find(d->cache, j->tag, false);
    if (entry)
        rc = prove(d, j, entry);
    else if (!rc)
        rc = password_stretch_begin(&j->stretch, secret_bytes(&prepared), bytes_make(j->salt, j->n_salt),
                                    j->iterations);
    secret_free(&prepared);
    j->state = JOB_STRETCHING;
    return rc ? rc : entry != NULL;
}

/* 1: done, 0: more to do, -errno. */
static int stretch(struct keys_desk *d, struct job *j)
{
    int rc = password_stretch_step(&j->stretch, SLICE_ITERATIONS);
    if (rc <= 0) return rc;
    struct cached *entry = cache_find(d->cache, j->tag, true);
    entry->used = 0;
    rc = password_stretch_keys(&j->stretch, &entry->keys);
    memcpy(entry->tag, j->tag, KEY);
    if (!rc) rc = prove(d, j, entry);
    return rc ? rc : 1;
}

bool keys_desk_work(struct keys_desk *d, struct keys_result *result_out)
{
    if (d->n_ready == 0) return false;
    do
        d->turn = (d->turn + 1) % JOBS_MOST;
    while (d->jobs[d->turn].state <= JOB_WAITING);
    struct job *j = &d->jobs[d->turn];
    int rc = j->result.status;
    if (!rc) rc = j->state == JOB_READY ? begin(d, j) : stretch(d, j);
    if (rc == 0) return false;
    *result_out = j->result;
    result_out->status = rc < 0 ? rc : 0;
    end_job(d, j);
    return true;
}
