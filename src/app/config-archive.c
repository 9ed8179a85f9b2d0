/* The archive: which bucket, of which service, and how it keeps things. */
#include "app/config-shapes.h"
#include "http/client.h"
#include "store/s3.h"

static const char *const lock_modes[] = { "none", "governance", "compliance", NULL };

static const struct yaml_field s3_fields[] = {
    { "endpoint", YAML_TEXT, YAML_AT(config_s3, endpoint),
      "An https:// URL without a path (http:// only on loopback); buckets are addressed by path.",
      .example = "https://s3.eu-central-1.amazonaws.com" },
    { "region", YAML_TEXT, YAML_AT(config_s3, region), "What requests are signed for.",
      .fallback = "us-east-1" },
    { "access_key", YAML_SECRET, YAML_AT(config_s3, access_key), "The key's name.",
      .example = "${env:AWS_ACCESS_KEY_ID}" },
    { "secret_key", YAML_SECRET, YAML_AT(config_s3, secret_key), "The key.",
      .example = "${file:/etc/postern/s3-secret}" },
    { "session_token", YAML_SECRET, YAML_AT(config_s3, session_token), "The token of temporary credentials.",
      .example = "${env:AWS_SESSION_TOKEN}" },
    { "ca", YAML_PATH, YAML_AT(config_s3, ca),
      "A file of authorities that vouch for the endpoint, instead of the system's.", .example = "s3-ca.pem" },
};

/* scheme://host[:port], nothing behind it. */
static bool endpoint_is_good(struct bytes url)
{
    ptrdiff_t at = bytes_find(url, BYTES_LITERAL("://"));
    if (at < 0 || http_url_kind(url) == HTTP_URL_REFUSED) return false;
    struct bytes host = bytes_slice(url, (size_t)at + 3, url.n);
    for (size_t i = 0; i < host.n; i++)
        if (strchr("/?#@", host.p[i])) return false;
    return host.n > 0 && host.n < 200;
}

static bool region_is_good(struct bytes region)
{
    for (size_t i = 0; i < region.n; i++) {
        uint8_t c = region.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    }
    return region.n > 0 && region.n <= 64;
}

static void check_s3(struct yaml_reader *reader, void *object)
{
    const struct config_s3 *s3 = object;
    if (s3->endpoint.n && !endpoint_is_good(s3->endpoint))
        yaml_errors_add(reader->errors, yaml_place_of(s3->at, "endpoint"),
                        "\"endpoint\" is an https:// URL (http:// only on loopback) without a path");
    if (!region_is_good(s3->region))
        yaml_errors_add(reader->errors, yaml_place_of(s3->at, "region"),
                        "\"region\" is up to 64 small letters, digits and '-'");
}
const struct yaml_shape config_s3_shape = { "s3",      sizeof(struct config_s3),
                                            s3_fields, CONFIG_N(s3_fields),
                                            NULL,      check_s3 };

static const struct yaml_field lock_fields[] = {
    { "mode", YAML_CHOICE, YAML_AT(config_lock, mode),
      "Object lock: none; governance, which some keys may lift; compliance, which nobody may.",
      .choices = lock_modes },
    { "days", YAML_NUMBER, YAML_AT(config_lock, days), "For how long, from when a segment is sent.",
      .fallback = "365", .min = 1, .max = 36500 },
    { "legal_hold", YAML_BOOL, YAML_AT(config_lock, legal_hold),
      "Whether everything is sent with a legal hold, which lasts until it is taken away.",
      .fallback = "false" },
};
const struct yaml_shape config_lock_shape = { "lock",      sizeof(struct config_lock),
                                              lock_fields, CONFIG_N(lock_fields),
                                              NULL,        NULL };

static bool bucket_is_good(struct bytes bucket)
{
    for (size_t i = 0; i < bucket.n; i++) {
        uint8_t c = bucket.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.')) return false;
    }
    return bucket.n >= 3 && bucket.n <= 63;
}

static bool place_is_good(struct config_store *store)
{
    if (!bytes_starts_with(store->archive, "s3://")) return false;
    struct bytes rest = bytes_slice(store->archive, 5, store->archive.n);
    const uint8_t *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
    size_t n = slash ? (size_t)(slash - rest.p) : rest.n;
    store->bucket = bytes_slice(rest, 0, n);
    store->prefix = bytes_slice(rest, n + 1, rest.n);
    while (store->prefix.n && store->prefix.p[store->prefix.n - 1] == '/')
        store->prefix.n--;
    return bucket_is_good(store->bucket) &&
           (store->prefix.n == 0 || (store->prefix.n <= 128 && s3_key_is_good(store->prefix)));
}

void config_archive_check(struct yaml_reader *reader, struct config_store *store)
{
    struct yaml_place place = yaml_place_of(store->at, "archive");
    if (bytes_is(store->archive, "none")) {
        if (store->s3.endpoint.n || store->lock.mode != CONFIG_LOCK_NONE || store->drop_local)
            yaml_errors_add(reader->errors, yaml_place_of(store->at, "s3"),
                            "\"s3\", \"lock\" and \"drop_local\" need an \"archive\"");
        return;
    }
    if (!place_is_good(store)) {
        yaml_errors_add(reader->errors, place, "\"archive\" is none, or s3://bucket/prefix");
        return;
    }
    if (!store->s3.endpoint.n || store->s3.access_key.source == YAML_SOURCE_NONE ||
        store->s3.secret_key.source == YAML_SOURCE_NONE)
        yaml_errors_add(reader->errors, place,
                        "an archive needs \"s3\" with \"endpoint\", \"access_key\" and \"secret_key\"");
    if (store->spool < 2 * store->segment)
        yaml_errors_add(reader->errors, yaml_place_of(store->at, "spool"),
                        "\"spool\" is at least twice \"segment\": one is written while another is sent");
}
