/* Where the gateway listens, and with which certificate. */
#include "app/config-shapes.h"
#include <arpa/inet.h>

static bool is_loopback(struct bytes host)
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;
    if (bytes_equal_nocase(host, BYTES_LITERAL("localhost"))) return true;
    if (host.n == 0 || host.n >= sizeof text) return false;
    memcpy(text, host.p, host.n);
    text[host.n] = 0;
    if (inet_pton(AF_INET, text, &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool parse_unix(struct bytes path, struct config_address *out)
{
    enum { SUN_PATH_CEILING = 107 };
    out->path = path;
    out->local = true;
    return path.n > 1 && path.n <= SUN_PATH_CEILING && path.p[0] == '/';
}

/* host:port, [host]:port; without brackets a host holds no colon. */
static bool parse_host(struct bytes text, struct config_address *out)
{
    ptrdiff_t colon = -1;
    int64_t port;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == ':') colon = (ptrdiff_t)i;
    if (colon <= 0 || !bytes_to_int64(bytes_slice(text, (size_t)colon + 1, text.n), &port)) return false;
    if (port < 0 || port > 65535) return false;
    struct bytes host = bytes_slice(text, 0, (size_t)colon);
    if (host.p[0] == '[') {
        if (host.n < 3 || host.p[host.n - 1] != ']') return false;
        host = bytes_slice(host, 1, host.n - 2);
    } else if (bytes_find(host, BYTES_LITERAL(":")) >= 0) {
        return false;
    }
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || host.p[i] == '/' || host.p[i] == '[' || host.p[i] == ']') return false;
    out->host = host;
    out->port = (uint16_t)port;
    out->local = is_loopback(host);
    return true;
}

void config_addresses_read(struct yaml_reader *reader, const struct yaml_node *node,
                           const struct yaml_texts *texts, struct config_addresses *out)
{
    struct yaml_place place = node ? node->place : (struct yaml_place){ 0 };
    *out = (struct config_addresses){ ARENA_ARRAY(reader->arena, struct config_address, texts->n), texts->n };
    if (!out->items) {
        yaml_errors_add(reader->errors, place, "the configuration is too large");
        return;
    }
    for (size_t i = 0; i < texts->n; i++) {
        struct config_address *address = &out->items[i];
        struct bytes text = texts->items[i];
        address->text = text;
        bool good = bytes_starts_with(text, "unix:") ? parse_unix(bytes_slice(text, 5, text.n), address)
                                                     : parse_host(text, address);
        if (good) continue;
        address->local = true; /* one error is enough */
        if (node && node->kind == YAML_LIST) place = node->items[i]->place;
        yaml_errors_add(reader->errors, place,
                        "an address to listen on is host:port, [host]:port or unix:/path");
    }
}

static bool all_local(const struct config_addresses *addresses)
{
    for (size_t i = 0; i < addresses->n; i++)
        if (!addresses->items[i].local) return false;
    return true;
}

void config_tls_check(struct yaml_reader *reader, const struct config *config)
{
    if (!all_local(&config->admin.listen) && !config->admin.url.n)
        yaml_errors_add(
            reader->errors, yaml_place_of(config->admin.at, "listen"),
            "\"url\" is needed to listen on more than loopback and Unix sockets: requests must name "
            "the server that they are for");
    if (config->tls.certificate.n) return;
    if (!all_local(&config->listen))
        yaml_errors_add(
            reader->errors, yaml_place_of(config->at, "listen"),
            "\"tls\" is needed to listen on more than loopback and Unix sockets: tokens would travel in "
            "clear");
    if (!all_local(&config->admin.listen) && !config->admin.tls.certificate.n)
        yaml_errors_add(
            reader->errors, yaml_place_of(config->admin.at, "listen"),
            "\"tls\" is needed to listen on more than loopback and Unix sockets: tokens would travel in "
            "clear");
}

static void check_tls(struct yaml_reader *reader, void *object)
{
    const struct config_tls *tls = object;
    if (tls->at && (!tls->certificate.n || !tls->key.n))
        yaml_errors_add(reader->errors, tls->at->place, "TLS needs \"certificate\" and \"key\"");
}

static const struct yaml_field tls_fields[] = {
    { "certificate", YAML_PATH, YAML_AT(config_tls, certificate),
      "The certificate and its chain, a PEM file; read at the start.", .example = "server.crt" },
    { "key", YAML_PATH, YAML_AT(config_tls, key), "The certificate's private key, a PEM file.",
      .example = "server.key" },
    { "client_ca", YAML_PATH, YAML_AT(config_tls, client_ca),
      "Who signs the certificates that clients may present, a PEM file; without it none is asked for.",
      .example = "clients.crt" },
};
const struct yaml_shape config_tls_shape = { "tls",      sizeof(struct config_tls),
                                             tls_fields, CONFIG_N(tls_fields),
                                             NULL,       check_tls };

/* A scheme, a host and perhaps a port: the pages stand at the root. */
static bool url_is_ours(struct bytes url)
{
    if (url.n && url.p[url.n - 1] == '/') url.n--;
    ptrdiff_t at = bytes_find(url, BYTES_LITERAL("://"));
    struct bytes host = at < 0 ? (struct bytes){ 0 } : bytes_slice(url, (size_t)at + 3, url.n);
    if (!host.n) return false;
    for (size_t i = 0; i < host.n; i++)
        if (host.p[i] <= ' ' || host.p[i] >= 0x7F || strchr("/?#@\\", host.p[i])) return false;
    return bytes_starts_with(url, "https://") || config_url_is_loopback(url);
}

static void check_admin(struct yaml_reader *reader, void *object)
{
    struct config_admin *admin = object;
    config_addresses_read(reader, yaml_tree_get(admin->at, "listen"), &admin->listen_texts, &admin->listen);
    if (admin->url.n && !url_is_ours(admin->url))
        yaml_errors_add(
            reader->errors, yaml_place_of(admin->at, "url"),
            "\"url\" is https://HOST or https://HOST:PORT (http:// only on loopback), without a path");
}

static const char *const metrics_choices[] = { "local", "open", NULL };

static const struct yaml_field admin_fields[] = {
    { "listen", YAML_TEXTS, YAML_AT(config_admin, listen_texts),
      "Where the API, the metrics and the web pages are served: host:port or unix:/path, or a list of them.",
      .fallback = "127.0.0.1:8432" },
    { "url", YAML_TEXT, YAML_AT(config_admin, url), "Where people reach it, for links in messages.",
      .example = "https://postern.example.com" },
    { "tls", YAML_OBJECT, YAML_AT(config_admin, tls),
      "A certificate for it alone. Without one it takes the gateway's where it listens on more than loopback "
      "and Unix sockets, and none elsewhere: there a proxy may stand before it.",
      .shape = &config_tls_shape },
    { "session", YAML_DURATION, YAML_AT(config_admin, session_us),
      "How long a browser stays signed in at most; an hour without a request ends it too.", .fallback = "8h",
      .min = 60000000, .max = 2592000000000 },
    { "metrics", YAML_CHOICE, YAML_AT(config_admin, metrics),
      "Who may read /metrics without signing in: requests of this machine, or anybody.",
      .choices = metrics_choices },
};
const struct yaml_shape config_admin_shape = { "admin",      sizeof(struct config_admin),
                                               admin_fields, CONFIG_N(admin_fields),
                                               NULL,         check_admin };
