/* Reading a verifier key. The hash is the first 32 bits of SHA-256 over name, line feed, algorithm and key.
 */
#include "record/verifier-key.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { ED25519 = 1, TEXT_MOST = 1024 };

static struct bytes up_to(struct bytes *text, char mark)
{
    const uint8_t *at = text->n ? memchr(text->p, mark, text->n) : NULL;
    struct bytes part = at ? bytes_make(text->p, (size_t)(at - text->p)) : *text;
    *text = bytes_slice(*text, part.n + 1, text->n);
    return part;
}

void verifier_key_id(struct bytes name, const uint8_t public_key[32], uint8_t id_out[4])
{
    uint8_t digest[SHA256_SIZE];
    struct buf b;
    buf_init(&b, 4096);
    buf_append(&b, name);
    buf_put_u8(&b, '\n');
    buf_put_u8(&b, ED25519);
    buf_append(&b, bytes_make(public_key, 32));
    CHECK(!b.failed);
    sha256_once(buf_bytes(&b), digest);
    memcpy(id_out, digest, 4);
    buf_free(&b);
}

void verifier_key_write(struct bytes name, const uint8_t public_key[32], struct buf *out)
{
    uint8_t id[4], typed[33] = { ED25519 };
    verifier_key_id(name, public_key, id);
    memcpy(typed + 1, public_key, 32);
    buf_append(out, name);
    buf_put_u8(out, '+');
    codec_hex(bytes_make(id, sizeof id), out);
    buf_put_u8(out, '+');
    codec_base64(CODEC_BASE64, bytes_make(typed, sizeof typed), out);
}

bool verifier_key_parse(struct bytes text, uint8_t public_key_out[32], struct bytes *name_out)
{
    if (text.n > TEXT_MOST) return false;
    struct bytes name = up_to(&text, '+'), hash = up_to(&text, '+');
    uint8_t id[4];
    struct buf key, hex;
    buf_init(&key, TEXT_MOST);
    buf_init(&hex, 64);
    bool good = name.n && codec_unbase64(CODEC_BASE64, text, &key) && buf_length(&key) == 33 &&
                buf_bytes(&key).p[0] == ED25519;
    if (good) {
        verifier_key_id(name, buf_bytes(&key).p + 1, id);
        codec_hex(bytes_make(id, sizeof id), &hex);
        good = bytes_equal(buf_bytes(&hex), hash);
    }
    if (good) memcpy(public_key_out, buf_bytes(&key).p + 1, 32);
    if (good && name_out) *name_out = name;
    buf_free(&key);
    buf_free(&hex);
    return good;
}

int verifier_key_load(const char *path, uint8_t public_key_out[32], struct buf *text_out)
{
    uint8_t text[TEXT_MOST];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return -errno;
    ssize_t n = read(fd, text, sizeof text);
    int error = n < 0 ? -errno : 0;
    close(fd);
    if (error) return error;
    struct bytes line = bytes_make(text, (size_t)n);
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
        line.n--;
    if (!verifier_key_parse(line, public_key_out, NULL)) return -EBADMSG;
    if (text_out) buf_append(text_out, line);
    return 0;
}
