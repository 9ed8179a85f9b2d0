/* Where summaries of what is recorded go, besides the log. */
#include "app/config-shapes.h"
#include "net/address.h"

static const char *const text_choices[] = { "shape", "full", "none", NULL };

static bool name_is_good(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '-' && c != '_') return false;
    }
    return name.n > 0 && name.n < CONFIG_STREAM_NAME;
}

/* "udp://HOST:PORT", "tcp://HOST:PORT", "tls://HOST:PORT", "unix:PATH". */
static bool syslog_is_good(struct config_stream *s)
{
    static const struct {
        const char *scheme;
        enum config_stream_way way;
    } ways[] = { { "udp://", CONFIG_STREAM_UDP },
                 { "tcp://", CONFIG_STREAM_TCP },
                 { "tls://", CONFIG_STREAM_TLS },
                 { "unix:", CONFIG_STREAM_UNIX } };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (!bytes_starts_with(s->syslog, ways[i].scheme)) continue;
        s->way = ways[i].way;
        s->host = bytes_slice(s->syslog, strlen(ways[i].scheme), s->syslog.n);
        break;
    }
    if (!s->host.n) return false;
    if (s->way == CONFIG_STREAM_UNIX) return s->host.p[0] == '/' && s->host.n < 108;
    size_t colon = s->host.n;
    while (colon && s->host.p[colon - 1] != ':')
        colon--;
    int64_t port;
    if (colon < 2 || !bytes_to_int64(bytes_slice(s->host, colon, s->host.n), &port) || port < 1 ||
        port > 65535)
        return false;
    s->port = (uint16_t)port;
    s->host = bytes_slice(s->host, 0, colon - 1);
    if (s->host.p[0] == '[' && s->host.p[s->host.n - 1] == ']')
        s->host = bytes_slice(s->host, 1, s->host.n - 2);
    return s->host.n > 0 && s->host.n < 256;
}

static void check_stream(struct yaml_reader *reader, void *object)
{
    struct config_stream *s = object;
    if ((s->file.n != 0) + (s->syslog.n != 0) != 1)
        yaml_errors_add(reader->errors, s->at->place,
                        "each of \"streams\" has one of \"file\" and \"syslog\"");
    if (!name_is_good(s->name))
        yaml_errors_add(reader->errors, yaml_place_of(s->at, "name"),
                        "\"name\" is up to %d letters, digits, '-' and '_'", CONFIG_STREAM_NAME - 1);
    s->way = CONFIG_STREAM_FILE;
    if (s->syslog.n && !syslog_is_good(s))
        yaml_errors_add(reader->errors, yaml_place_of(s->at, "syslog"),
                        "\"syslog\" is udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT or unix:/PATH");
    if (s->ca.n && s->way != CONFIG_STREAM_TLS)
        yaml_errors_add(reader->errors, yaml_place_of(s->at, "ca"), "\"ca\" is for tls://");
    if (s->ca.n && s->ca.p[0] != '/')
        yaml_errors_add(reader->errors, yaml_place_of(s->at, "ca"), "\"ca\" is an absolute path");
    if (s->file.n && s->file.p[0] != '/' && !bytes_is(s->file, "-"))
        yaml_errors_add(reader->errors, yaml_place_of(s->at, "file"),
                        "\"file\" is an absolute path, or \"-\" for standard output");
}

void config_streams_check(struct yaml_reader *reader, const struct config *config)
{
    if (config->streams.n > CONFIG_STREAMS)
        yaml_errors_add(reader->errors, yaml_place_of(config->at, "streams"),
                        "\"streams\" has at most %d of them", CONFIG_STREAMS);
    for (size_t i = 0; i < config->streams.n; i++)
        for (size_t k = 0; k < i; k++)
            if (bytes_equal(config->streams.items[i].name, config->streams.items[k].name))
                yaml_errors_add(reader->errors, yaml_place_of(config->streams.items[i].at, "name"),
                                "two of \"streams\" are named \"%.*s\"",
                                BYTES_FMT(config->streams.items[i].name));
}

static const struct yaml_field stream_fields[] = {
    { "name", YAML_TEXT, YAML_AT(config_stream, name),
      "What its position is stored under, and the metrics know it by.", .required = true, .example = "siem" },
    { "file", YAML_TEXT, YAML_AT(config_stream, file),
      "An absolute path that JSON lines are appended to (opened again on SIGHUP), or \"-\": standard output.",
      .example = "/var/log/postern/audit.jsonl" },
    { "syslog", YAML_TEXT, YAML_AT(config_stream, syslog),
      "A receiver of RFC 5424: tls://host:port, tcp://host:port, udp://host:port, unix:/dev/log.",
      .example = "tls://logs.example.com:6514" },
    { "ca", YAML_TEXT, YAML_AT(config_stream, ca),
      "Of tls://: the authorities whose word for the receiver's name counts, in PEM; the system's without "
      "it.",
      .example = "/etc/postern/logs-ca.pem" },
    { "facility", YAML_NUMBER, YAML_AT(config_stream, facility),
      "Of syslog: 10 is authpriv, 16 to 23 are local0 to local7.", .fallback = "16", .max = 23 },
    { "text", YAML_CHOICE, YAML_AT(config_stream, text),
      "Of a statement: its shape with all literals cut out, all of it with them, or none.",
      .choices = text_choices },
    { "lag", YAML_DURATION, YAML_AT(config_stream, lag_us),
      "/readyz tells when the oldest entry that was not taken is older than this.", .fallback = "5m",
      .min = 1000000 },
};
const struct yaml_shape config_stream_shape = { "stream",      sizeof(struct config_stream),
                                                stream_fields, CONFIG_N(stream_fields),
                                                NULL,          check_stream };
