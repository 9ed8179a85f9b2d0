/* The key never leaves the notifier; what is signed lives for one attempt. */
#include "notify/sign.h"
#include "base/codec.h"
#include "crypto/hash.h"
#include <inttypes.h>

bool sign_key_read(struct bytes text, struct secret *key_out)
{
    struct buf key;
    if (bytes_starts_with(text, "whsec_")) text = bytes_slice(text, 6, text.n);
    *key_out = (struct secret){ 0 };
    buf_init(&key, 16384);
    bool good = codec_unbase64(CODEC_BASE64, text, &key) && !key.failed &&
                buf_length(&key) >= NOTIFY_KEY_LEAST && buf_length(&key) <= NOTIFY_KEY_MOST;
    if (good) *key_out = secret_copy(buf_bytes(&key));
    if (key.data) secret_wipe(key.data, key.size);
    buf_free(&key);
    return key_out->data != NULL;
}

void sign_message(struct bytes key, const char *id, int64_t seconds, struct bytes body, struct buf *out)
{
    uint8_t mac[SHA256_SIZE];
    struct buf text;
    buf_init(&text, body.n + 256);
    buf_printf(&text, "%s.%" PRId64 ".", id, seconds);
    buf_append(&text, body);
    out->failed |= text.failed;
    hmac_sha256(key, buf_bytes(&text), mac);
    buf_append_text(out, "v1,");
    codec_base64(CODEC_BASE64, bytes_make(mac, sizeof mac), out);
    buf_free(&text);
}
