/* Where checkpoints of the log are kept besides. */
#include "api/api.h"
#include "app/config-shapes.h"
#include "http/client.h"

static void check_anchor(struct yaml_reader *reader, void *object)
{
    struct config_anchor *a = object;
    if ((a->file.n != 0) + (a->webhook.n != 0) != 1)
        yaml_errors_add(reader->errors, a->at->place,
                        "each of \"anchors\" has one of \"file\" and \"webhook\"");
    if (a->file.n && a->file.p[0] != '/')
        yaml_errors_add(reader->errors, yaml_place_of(a->at, "file"), "\"file\" is an absolute path");
    if (a->webhook.n && http_url_kind(a->webhook) == HTTP_URL_REFUSED)
        yaml_errors_add(reader->errors, yaml_place_of(a->at, "webhook"),
                        "\"webhook\" is an https:// URL (http:// only on loopback), without a user, a "
                        "password or a fragment");
    if (a->webhook.n && a->secret.source == YAML_SOURCE_NONE)
        yaml_errors_add(reader->errors, yaml_place_of(a->at, "webhook"),
                        "a webhook needs a \"secret\", which signs what is sent");
    if (!a->webhook.n && a->secret.source != YAML_SOURCE_NONE)
        yaml_errors_add(reader->errors, yaml_place_of(a->at, "secret"), "\"secret\" needs \"webhook\"");
    if (!config_name_is_good(a->name))
        yaml_errors_add(reader->errors, yaml_place_of(a->at, "name"),
                        "\"name\" is up to %d letters, digits, '-', '_' and '.'", NOTIFY_NAME - 1);
}

void config_anchors_check(struct yaml_reader *reader, const struct config *config)
{
    if (config->anchors.n > API_ANCHORS)
        yaml_errors_add(reader->errors, yaml_place_of(config->at, "anchors"), "\"anchors\" are at most %d",
                        API_ANCHORS);
    for (size_t i = 0; i < config->anchors.n; i++)
        for (size_t k = 0; k < i; k++)
            if (config->anchors.items[i].name.n &&
                bytes_equal(config->anchors.items[i].name, config->anchors.items[k].name))
                yaml_errors_add(reader->errors, yaml_place_of(config->anchors.items[i].at, "name"),
                                "two of \"anchors\" are named \"%.*s\"",
                                BYTES_FMT(config->anchors.items[i].name));
}

static const struct yaml_field anchor_fields[] = {
    { "name", YAML_TEXT, YAML_AT(config_anchor, name), "For the log and the metrics.", .example = "worm" },
    { "file", YAML_TEXT, YAML_AT(config_anchor, file),
      "A file that checkpoints are appended to and synced, best on another machine's disk.",
      .example = "/mnt/worm/checkpoints" },
    { "webhook", YAML_TEXT, YAML_AT(config_anchor, webhook),
      "An https:// URL that each checkpoint is posted to as signed JSON (Standard Webhooks).",
      .example = "https://anchor.example.com/x" },
    { "secret", YAML_SECRET, YAML_AT(config_anchor, secret),
      "What signs it: base64 of 24 to 64 bytes, with or without whsec_ before it.",
      .example = "${file:/etc/postern/anchor}" },
    { "every", YAML_DURATION, YAML_AT(config_anchor, every_us),
      "How often at most a checkpoint is kept there, while there is something new.", .fallback = "1m",
      .min = 1000000, .max = 86400000000 },
    { "timeout", YAML_DURATION, YAML_AT(config_anchor, timeout_us), "How long one attempt may take.",
      .fallback = "10s", .min = 100000, .max = 60000000 },
};
const struct yaml_shape config_anchor_shape = { "anchors",     sizeof(struct config_anchor),
                                                anchor_fields, CONFIG_N(anchor_fields),
                                                NULL,          check_anchor };
