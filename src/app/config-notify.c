/* Who is told of what happens, and how. */
#include "app/config-shapes.h"
#include "http/client.h"
#include "notify/notify.h"

enum { HOLD_KINDS = 1u << NOTIFY_HOLD | 1u << NOTIFY_DECIDED | 1u << NOTIFY_ENDED };

bool config_name_is_good(struct bytes name)
{
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.", c)))
            return false;
    }
    return name.n < NOTIFY_NAME;
}

static void check_on(struct yaml_reader *reader, struct config_notify *notify)
{
    struct yaml_place place = yaml_place_of(notify->at, "on");
    const struct yaml_node *node = yaml_tree_get(notify->at, "on");
    notify->wants = notify->on.n ? 0 : HOLD_KINDS;
    for (size_t i = 0; i < notify->on.n; i++) {
        int kind = 0;
        while (kind < NOTIFY_N_KINDS && !bytes_is(notify->on.items[i], notify_kind_name(kind)))
            kind++;
        if (node && node->kind == YAML_LIST) place = node->items[i]->place;
        if (kind == NOTIFY_N_KINDS)
            yaml_errors_add(reader->errors, place, "\"on\" is a list of: hold, decided, ended, deny");
        else
            notify->wants |= 1u << kind;
    }
}

static void check_webhook(struct yaml_reader *reader, const struct config_notify *notify)
{
    if (notify->webhook.n && http_url_kind(notify->webhook) == HTTP_URL_REFUSED)
        yaml_errors_add(reader->errors, yaml_place_of(notify->at, "webhook"),
                        "\"webhook\" is an https:// URL (http:// only on loopback), without a user, a "
                        "password or a fragment");
    if (notify->webhook.n && notify->secret.source == YAML_SOURCE_NONE)
        yaml_errors_add(reader->errors, yaml_place_of(notify->at, "webhook"),
                        "a webhook needs a \"secret\", which signs what is sent");
    if (!notify->webhook.n && notify->secret.source != YAML_SOURCE_NONE)
        yaml_errors_add(reader->errors, yaml_place_of(notify->at, "secret"), "\"secret\" needs \"webhook\"");
}

static void check_notify(struct yaml_reader *reader, void *object)
{
    struct config_notify *notify = object;
    bool slack = notify->slack.source != YAML_SOURCE_NONE;
    if ((notify->webhook.n != 0) + slack + (notify->command.n != 0) != 1)
        yaml_errors_add(reader->errors, notify->at->place,
                        "each of \"notify\" has one of \"webhook\", \"slack\" and \"command\"");
    notify->way = notify->command.n ? CONFIG_NOTIFY_COMMAND
                  : slack           ? CONFIG_NOTIFY_SLACK
                                    : CONFIG_NOTIFY_WEBHOOK;
    if (notify->command.n && notify->command.items[0].p[0] != '/')
        yaml_errors_add(reader->errors, yaml_place_of(notify->at, "command"),
                        "\"command\" begins with the absolute path of a program; no shell reads it");
    if (!config_name_is_good(notify->name))
        yaml_errors_add(reader->errors, yaml_place_of(notify->at, "name"),
                        "\"name\" is up to %d letters, digits, '-', '_' and '.'", NOTIFY_NAME - 1);
    check_webhook(reader, notify);
    check_on(reader, notify);
}

void config_notify_check(struct yaml_reader *reader, const struct config *config)
{
    if (config->notify.n > NOTIFY_RECEIVERS)
        yaml_errors_add(reader->errors, yaml_place_of(config->at, "notify"),
                        "\"notify\" has at most %d receivers", NOTIFY_RECEIVERS);
    for (size_t i = 0; i < config->notify.n; i++)
        for (size_t k = 0; k < i; k++)
            if (config->notify.items[i].name.n &&
                bytes_equal(config->notify.items[i].name, config->notify.items[k].name))
                yaml_errors_add(reader->errors, yaml_place_of(config->notify.items[i].at, "name"),
                                "two of \"notify\" are named \"%.*s\"",
                                BYTES_FMT(config->notify.items[i].name));
}

static const struct yaml_field notify_fields[] = {
    { "name", YAML_TEXT, YAML_AT(config_notify, name), "For the log and the metrics.", .example = "on-call" },
    { "webhook", YAML_TEXT, YAML_AT(config_notify, webhook),
      "An https:// URL that signed JSON is posted to (Standard Webhooks).",
      .example = "https://hooks.example.com/x" },
    { "secret", YAML_SECRET, YAML_AT(config_notify, secret),
      "What signs it: base64 of 24 to 64 bytes, with or without whsec_ before it.",
      .example = "${file:/etc/postern/hook}" },
    { "slack", YAML_SECRET, YAML_AT(config_notify, slack),
      "Where the https:// URL of an incoming webhook is, of Slack or what takes its messages.",
      .example = "${file:/etc/postern/slack-url}" },
    { "command", YAML_TEXTS, YAML_AT(config_notify, command),
      "A program and its arguments, which gets the JSON on standard input; no shell reads it.",
      .example = "/usr/local/bin/mail-approvers" },
    { "on", YAML_TEXTS, YAML_AT(config_notify, on),
      "What is told: hold, decided, ended, deny; without it, all but deny.", .example = "[hold, deny]" },
    { "timeout", YAML_DURATION, YAML_AT(config_notify, timeout_us), "How long one attempt may take.",
      .fallback = "10s", .min = 100000, .max = 60000000 },
    { "retry", YAML_DURATION, YAML_AT(config_notify, retry_us),
      "How long after it happened something is tried again before it is given up.", .fallback = "1h",
      .max = 86400000000 },
};
const struct yaml_shape config_notify_shape = { "notify",      sizeof(struct config_notify),
                                                notify_fields, CONFIG_N(notify_fields),
                                                NULL,          check_notify };
