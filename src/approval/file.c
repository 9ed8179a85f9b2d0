/* What outlives the gateway: requests that stay, and what became of them, each sealed with AES-256-GCM under
 * the desk's key and its own id, so that whoever reads the file learns no statement, and whoever writes it
 * makes no approval. Whoever puts an old file back brings back what it said: the folder is the gateway's. */
#include "approval/desk-private.h"
#include "crypto/aead.h"
#include "crypto/random.h"
#include <errno.h>
#include <stdlib.h>

struct desk_file {
    struct sqlite_db *db;
    struct sqlite_query *put, *take;
    struct aead *sealer, *opener;
};
static const char *const steps[] = {
    "CREATE TABLE request (id TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
};

int desk_file_open(const char *path, const uint8_t key[32], struct desk_file **out)
{
    struct desk_file *file = calloc(1, sizeof *file);
    if (!file) return -ENOMEM;
    file->sealer = aead_new(AEAD_SEAL, key);
    file->opener = aead_new(AEAD_OPEN, key);
    int error = file->sealer && file->opener ? 0 : -ENOMEM;
    if (!error) error = sqlite_db_open(path, SQLITE_DB_WRITE, &file->db);
    if (!error) error = sqlite_db_migrate(file->db, steps, sizeof steps / sizeof *steps);
    /* What a client was told must be there after a power cut. */
    if (!error) error = sqlite_db_run(file->db, "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON");
    if (!error)
        error = sqlite_query_new(
            file->db,
            "INSERT INTO request VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
            &file->put);
    if (!error) error = sqlite_query_new(file->db, "DELETE FROM request WHERE id = ?1", &file->take);
    if (!error) {
        *out = file;
        return 0;
    }
    desk_file_close(file);
    return error;
}

void desk_file_close(struct desk_file *file)
{
    if (!file) return;
    sqlite_query_free(file->put);
    sqlite_query_free(file->take);
    sqlite_db_close(file->db);
    aead_free(file->sealer);
    aead_free(file->opener);
    free(file);
}

int desk_file_put(struct desk_file *file, const char *id, struct bytes body)
{
    struct sqlite_query *q = body.p ? file->put : file->take;
    uint8_t *sealed = NULL;
    sqlite_query_bind_text(q, 1, bytes_of(id));
    if (body.p) {
        size_t n = AEAD_NONCE + body.n + AEAD_TAG;
        sealed = malloc(n);
        if (!sealed) {
            sqlite_query_reset(q);
            return -ENOMEM;
        }
        random_bytes(sealed, AEAD_NONCE);
        if (!aead_seal(file->sealer, sealed, bytes_of(id), body, sealed + AEAD_NONCE,
                       sealed + AEAD_NONCE + body.n)) {
            free(sealed);
            sqlite_query_reset(q);
            return -EIO;
        }
        sqlite_query_bind_blob(q, 2, bytes_make(sealed, n));
    }
    int error = sqlite_query_finish(q);
    free(sealed);
    return error;
}

static bool open_one(struct desk_file *file, struct bytes id, struct bytes sealed,
                     bool (*visit)(void *context, struct bytes body), void *context)
{
    if (sealed.n < AEAD_NONCE + AEAD_TAG) return false;
    struct bytes cipher = bytes_slice(sealed, AEAD_NONCE, sealed.n - AEAD_NONCE - AEAD_TAG);
    uint8_t *plain = malloc(cipher.n + 1);
    bool good = plain && aead_open(file->opener, sealed.p, id, cipher, cipher.p + cipher.n, plain) &&
                visit(context, bytes_make(plain, cipher.n));
    free(plain);
    return good;
}

int desk_file_each(struct desk_file *file, bool (*visit)(void *context, struct bytes body), void *context)
{
    struct sqlite_query *q;
    int error = sqlite_query_new(file->db, "SELECT id, sealed FROM request ORDER BY id", &q);
    enum sqlite_step step = SQLITE_STEP_DONE;
    if (error) return error;
    while (!error && (step = sqlite_query_step(q)) == SQLITE_STEP_ROW)
        if (!open_one(file, sqlite_query_text(q, 0), sqlite_query_text(q, 1), visit, context))
            error = -EBADMSG;
    if (!error && step == SQLITE_STEP_FAILED) error = sqlite_query_error(q);
    sqlite_query_free(q);
    return error;
}
