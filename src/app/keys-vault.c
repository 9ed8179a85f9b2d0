/* Key files and what is done with the keys. A file is written whole beside its place, synced, and linked into
 * it, so that two starts at once agree on one key. The signing key's files have the forms of C2SP
 * signed-note: "PRIVATE+KEY+<name>+<hash>+<base64 of 1 and the seed>" and "<name>+<hash>+<base64 of 1 and the
 * public key>", the hash being the first 32 bits of SHA-256 over name, line feed, 1 and the public key. */
#include "app/keys-vault.h"
#include "app/keys-source.h"
#include "base/codec.h"
#include "base/log.h"
#include "record/rewrap.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = 32, NONCE = 12, TAG = 16, NAME_MOST = 200, TEXT_MOST = 512 };

struct keys_vault {
    uint8_t kek[KEY], public_key[KEY];
    EVP_PKEY *signing; /* libcrypto keeps the private half in its secure heap */
    EVP_CIPHER *aes;
};

void *keys_vault_pages(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    if (madvise(p, n, MADV_DONTDUMP) || mlock(p, n))
        log_line(LOG_WARNING, "the pages of the keys can be swapped out reason=%s", strerrorname_np(errno));
    return p;
}

/* 32 raw bytes, 64 hexadecimal digits or 44 characters of base64. */
static bool read_kek(struct bytes text, uint8_t kek_out[KEY])
{
    struct buf b;
    buf_init(&b, 256);
    if (text.n == KEY)
        buf_append(&b, text);
    else if (!(text.n == 2 * KEY ? codec_unhex(text, &b) : codec_unbase64(CODEC_BASE64, text, &b)))
        b.failed = true;
    bool ok = !b.failed && buf_length(&b) == KEY;
    if (ok) memcpy(kek_out, buf_bytes(&b).p, KEY);
    if (buf_length(&b)) secret_wipe(b.data + b.start, buf_length(&b));
    buf_free(&b);
    return ok;
}

/* Only the owner may read it: 0 or -errno. */
static int check_private(int folder, const char *name)
{
    struct stat st;
    if (fstatat(folder, name, &st, 0)) return -errno;
    if ((st.st_mode & 077) == 0) return 0;
    log_line(LOG_ERROR, "a key file is open to others file=%s mode=%o", name, st.st_mode & 0777);
    return -EPERM;
}

/* The text of a small file, without the line end; its length or -errno. */
static ssize_t read_text(int folder, const char *name, char text[TEXT_MOST])
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0) return -errno;
    ssize_t n = read(fd, text, TEXT_MOST - 1);
    if (n < 0) n = -errno;
    close(fd);
    if (n == TEXT_MOST - 1) return -EFBIG;
    if (n > 0 && text[n - 1] == '\n') n--;
    if (n >= 0) text[n] = 0;
    return n;
}

/* Writes a file that is not there yet; -EEXIST where it is. Synced, folder included. */
static int write_new(int folder, const char *name, mode_t mode, const char *text)
{
    char beside[64];
    snprintf(beside, sizeof beside, ".%s.%d", name, (int)getpid());
    unlinkat(folder, beside, 0);
    int fd = openat(folder, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0) return -errno;
    size_t n = strlen(text);
    int rc = 0;
    errno = EIO;
    if (fchmod(fd, mode) || write(fd, text, n) != (ssize_t)n || fsync(fd) ||
        linkat(folder, beside, folder, name, 0))
        rc = -errno;
    close(fd);
    unlinkat(folder, beside, 0);
    if (!rc && fsync(folder)) rc = -errno;
    return rc;
}

static int make_kek(int folder)
{
    uint8_t key[KEY];
    struct buf b;
    buf_init(&b, 256);
    int rc = RAND_priv_bytes(key, KEY) == 1 ? 0 : -EIO;
    codec_hex(bytes_make(key, KEY), &b);
    buf_append(&b, bytes_make("\n", 2)); /* the NUL ends the string */
    if (!rc) rc = write_new(folder, "kek", 0600, (const char *)b.data + b.start);
    secret_wipe(b.data + b.start, buf_length(&b));
    secret_wipe(key, sizeof key);
    buf_free(&b);
    if (!rc) log_line(LOG_INFO, "a key-encryption key was made: keep a copy of it elsewhere file=kek");
    return rc == -EEXIST ? 0 : rc;
}

static int load_kek(struct keys_vault *v, int folder, const struct secret *given)
{
    char text[TEXT_MOST];
    if (given->data) {
        if (read_kek(secret_bytes(given), v->kek)) return 0;
        log_line(LOG_ERROR, "the key-encryption key is not 32 bytes, nor hexadecimal or base64 of 32");
        return -EINVAL;
    }
    if (faccessat(folder, "kek", F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT) {
        if (faccessat(folder, "log.key", F_OK, 0) == 0) {
            log_line(
                LOG_ERROR,
                "the key-encryption key is gone, and the log's signing key is not: put it back file=kek");
            return -ENOKEY;
        }
        int rc = make_kek(folder);
        if (rc) return rc;
    }
    int rc = check_private(folder, "kek");
    ssize_t n = rc ? rc : read_text(folder, "kek", text);
    bool ok = n > 0 && read_kek(bytes_make(text, (size_t)n), v->kek);
    secret_wipe(text, sizeof text);
    if (!ok) log_line(LOG_ERROR, "the key-encryption key cannot be used file=kek");
    return ok ? 0 : n < 0 ? (int)n : -EINVAL;
}

/* "<prefix><name>+<hash>+<base64 of 1 and key>\n". False: does not fit. */
static bool note_key(const char *prefix, const char *name, const uint8_t public_key[KEY],
                     const uint8_t key[KEY], char out[TEXT_MOST])
{
    uint8_t hashed[NAME_MOST + 2 + KEY], digest[KEY], typed[1 + KEY] = { 1 };
    size_t n = strlen(name);
    if (n == 0 || n > NAME_MOST) return false;
    memcpy(hashed, name, n);
    memcpy(hashed + n, "\n\1", 2);
    memcpy(hashed + n + 2, public_key, KEY);
    if (EVP_Digest(hashed, n + 2 + KEY, digest, NULL, EVP_sha256(), NULL) != 1) return false;
    memcpy(typed + 1, key, KEY);
    struct buf b;
    buf_init(&b, TEXT_MOST);
    buf_printf(&b, "%s%s+%02x%02x%02x%02x+", prefix, name, digest[0], digest[1], digest[2], digest[3]);
    codec_base64(CODEC_BASE64, bytes_make(typed, sizeof typed), &b);
    buf_append(&b, bytes_make("\n", 2));
    bool ok = !b.failed && buf_length(&b) <= TEXT_MOST;
    if (ok) memcpy(out, buf_bytes(&b).p, buf_length(&b));
    if (buf_length(&b)) secret_wipe(b.data + b.start, buf_length(&b));
    secret_wipe(typed, sizeof typed);
    buf_free(&b);
    return ok;
}

/* The seed in a private note key; false: malformed, or another name. */
static bool read_seed(struct bytes text, const char *name, uint8_t seed_out[KEY])
{
    char start[NAME_MOST + 32];
    int n = snprintf(start, sizeof start, "PRIVATE+KEY+%s+", name);
    if (!bytes_starts_with(text, start) || text.n < (size_t)n + 9 || text.p[n + 8] != '+') return false;
    struct buf b;
    buf_init(&b, 256);
    bool ok = codec_unbase64(CODEC_BASE64, bytes_slice(text, (size_t)n + 9, text.n), &b) &&
              buf_length(&b) == 1 + KEY && buf_bytes(&b).p[0] == 1;
    if (ok) memcpy(seed_out, buf_bytes(&b).p + 1, KEY);
    if (buf_length(&b)) secret_wipe(b.data + b.start, buf_length(&b));
    buf_free(&b);
    return ok;
}

/* Makes log.key with a fresh seed where it is not there. */
static int make_signing_key(int folder, const char *origin)
{
    char text[TEXT_MOST];
    uint8_t seed[KEY], public_key[KEY];
    size_t n = KEY;
    int rc = RAND_priv_bytes(seed, KEY) == 1 ? 0 : -EIO;
    EVP_PKEY *key = rc ? NULL : EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY);
    if (!rc && (!key || EVP_PKEY_get_raw_public_key(key, public_key, &n) != 1)) rc = -EIO;
    if (!rc && !note_key("PRIVATE+KEY+", origin, public_key, seed, text)) rc = -EINVAL;
    if (!rc) rc = write_new(folder, "log.key", 0600, text);
    EVP_PKEY_free(key);
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    if (!rc) log_line(LOG_INFO, "a signing key was made for the log origin=%s file=log.key", origin);
    return rc == -EEXIST ? 0 : rc;
}

static int load_signing_key(struct keys_vault *v, int folder, const char *origin)
{
    char text[TEXT_MOST], again[TEXT_MOST];
    uint8_t seed[KEY];
    size_t n_public = KEY;
    int rc =
        faccessat(folder, "log.key", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : make_signing_key(folder, origin);
    if (!rc) rc = check_private(folder, "log.key");
    ssize_t n = rc ? rc : read_text(folder, "log.key", text);
    if (n < 0) return (int)n;
    bool ok = read_seed(bytes_make(text, (size_t)n), origin, seed);
    if (ok) v->signing = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, KEY);
    ok = ok && v->signing && EVP_PKEY_get_raw_public_key(v->signing, v->public_key, &n_public) == 1 &&
         note_key("PRIVATE+KEY+", origin, v->public_key, seed, again) && strlen(again) == (size_t)n + 1 &&
         memcmp(text, again, (size_t)n) == 0;
    secret_wipe(seed, sizeof seed);
    secret_wipe(text, sizeof text);
    secret_wipe(again, sizeof again);
    if (!ok) {
        log_line(LOG_ERROR,
                 "the log's signing key is malformed, or made for another origin origin=%s file=log.key",
                 origin);
        return -EINVAL;
    }
    if (!note_key("", origin, v->public_key, v->public_key, text)) return -EINVAL;
    rc = write_new(folder, "log.pub", 0644, text);
    return rc == -EEXIST ? 0 : rc;
}

static bool origin_is_valid(const char *origin)
{
    size_t n = strlen(origin);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)origin[i] <= ' ' || origin[i] == '+' || origin[i] == 0x7F) return false;
    return n > 0 && n <= NAME_MOST;
}

int keys_vault_open(const char *folder_name, const char *origin, const struct secret *kek,
                    struct keys_vault **vault_out)
{
    if (!origin_is_valid(origin)) {
        log_line(LOG_ERROR, "the log's origin is empty, too long, or has white space or a plus sign");
        return -EINVAL;
    }
    /* Ed25519's private half lives in libcrypto's own locked pages. */
    CRYPTO_secure_malloc_init(65536, 32);
    struct keys_vault *v = keys_vault_pages(sizeof *v);
    if (!v) return -ENOMEM;
    v->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    *vault_out = v; /* the caller's to close, even where something fails from here on */
    if (mkdir(folder_name, 0700) && errno != EEXIST) return -errno;
    int folder = open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return -errno;
    int finished = rewrap_finish(folder_name);
    if (finished) {
        close(folder);
        return finished;
    }
    int rc = v->aes ? load_kek(v, folder, kek) : -EIO;
    if (!rc && faccessat(folder, "log.key.next", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        log_line(LOG_ERROR,
                 "the signing key is being changed: run postern keys rotate again file=log.key.next");
        rc = -EBUSY;
    }
    if (!rc) rc = load_signing_key(v, folder, origin);
    close(folder);
    return rc;
}

void keys_vault_close(struct keys_vault *v)
{
    if (!v) return;
    EVP_PKEY_free(v->signing);
    EVP_CIPHER_free(v->aes);
    OPENSSL_cleanse(v, sizeof *v);
    munmap(v, sizeof *v);
}

void keys_vault_public(const struct keys_vault *v, uint8_t public_key_out[KEY])
{
    memcpy(public_key_out, v->public_key, KEY);
}

int keys_vault_wrap(const struct keys_vault *v, const uint8_t key[KEY], uint8_t wrapped_out[60])
{
    int n = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && RAND_bytes(wrapped_out, NONCE) == 1 &&
              EVP_EncryptInit_ex2(ctx, v->aes, v->kek, wrapped_out, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, wrapped_out + NONCE, &n, key, KEY) == 1 && n == KEY &&
              EVP_EncryptFinal_ex(ctx, wrapped_out + NONCE + KEY, &last) == 1 && last == 0 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, wrapped_out + NONCE + KEY) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -EIO;
}

int keys_vault_unwrap(const struct keys_vault *v, const uint8_t wrapped[60], uint8_t key_out[KEY])
{
    int n = 0, last = 0;
    uint8_t tag[TAG], key[KEY];
    memcpy(tag, wrapped + NONCE + KEY, TAG);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool ok = ctx && EVP_DecryptInit_ex2(ctx, v->aes, v->kek, wrapped, NULL) == 1 &&
              EVP_DecryptUpdate(ctx, key, &n, wrapped + NONCE, KEY) == 1 && n == KEY &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
              EVP_DecryptFinal_ex(ctx, key + KEY, &last) == 1 && last == 0;
    if (ok) memcpy(key_out, key, KEY);
    secret_wipe(key, sizeof key);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? 0 : -EBADMSG;
}

int keys_vault_sign(const struct keys_vault *v, struct bytes message, uint8_t signature_out[64])
{
    size_t n = 64;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, v->signing) == 1 &&
              EVP_DigestSign(ctx, signature_out, &n, message.p, message.n) == 1 && n == 64;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -EIO;
}
