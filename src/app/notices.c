/* The secrets live here as long as the notifier does. A source is read once, at the start. */
#include "app/notices.h"
#include "app/secret-source.h"
#include "base/log.h"
#include "http/client.h"
#include "notify/sign.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct notices {
    const struct config *config;
    const struct clock *clock;
    struct arena arena; /* argument vectors */
    struct notify_receiver receivers[NOTIFY_RECEIVERS];
    struct secret secrets[NOTIFY_RECEIVERS]; /* a key, or a URL */
    size_t n;
    struct notify *notify;
};

int notices_read_key(const struct yaml_secret *from, const char *name, struct secret *out)
{
    struct secret text;
    int error = secret_source_read(from, &text);
    if (error) return error;
    if (!sign_key_read(secret_source_trim(secret_bytes(&text)), out)) {
        log_line(LOG_ERROR, "%s: the secret is not base64 of %d to %d bytes", name, NOTIFY_KEY_LEAST,
                 NOTIFY_KEY_MOST);
        error = -EINVAL;
    }
    secret_free(&text);
    return error;
}

static int read_url(const struct config_notify *from, const char *name, struct secret *out,
                    struct bytes *url_out)
{
    int error = secret_source_read(&from->slack, out);
    if (error) return error;
    *url_out = secret_source_trim(secret_bytes(out));
    if (http_url_kind(*url_out) != HTTP_URL_REFUSED) return 0;
    log_line(LOG_ERROR, "notify: %s: what \"slack\" names holds no https:// URL (http:// only on loopback)",
             name);
    return -EINVAL;
}

static const char *const *argv_of(const struct yaml_texts *command, struct arena *arena)
{
    const char **argv = ARENA_ARRAY(arena, const char *, command->n + 1);
    for (size_t i = 0; argv && i < command->n; i++)
        if (!(argv[i] = arena_string(arena, command->items[i]))) return NULL;
    return argv;
}

static int build(struct notices *n, size_t i)
{
    const struct config_notify *from = &n->config->notify.items[i];
    struct notify_receiver *to = &n->receivers[i];
    *to = (struct notify_receiver){ .wants = from->wants,
                                    .timeout_us = from->timeout_us,
                                    .retry_us = from->retry_us };
    if (from->name.n)
        snprintf(to->name, sizeof to->name, "%.*s", BYTES_FMT(from->name));
    else
        snprintf(to->name, sizeof to->name, "%zu", i + 1);
    switch (from->way) {
    case CONFIG_NOTIFY_WEBHOOK: {
        to->way = NOTIFY_WEBHOOK;
        to->url = from->webhook;
        int error = notices_read_key(&from->secret, to->name, &n->secrets[i]);
        to->key = secret_bytes(&n->secrets[i]);
        return error;
    }
    case CONFIG_NOTIFY_SLACK:
        to->way = NOTIFY_SLACK;
        return read_url(from, to->name, &n->secrets[i], &to->url);
    case CONFIG_NOTIFY_COMMAND:
        to->way = NOTIFY_COMMAND;
        to->argv = argv_of(&from->command, &n->arena);
        return to->argv ? 0 : -ENOMEM;
    }
    return -EINVAL;
}

int notices_start(const struct config *config, struct desk *desk, const struct clock *clock,
                  struct notices **out)
{
    *out = NULL;
    if (!config->notify.n) return 0;
    struct notices *n = calloc(1, sizeof *n);
    if (!n) return -ENOMEM;
    n->config = config_ref(config);
    n->clock = clock;
    arena_init(&n->arena, 4096, 1 << 20);
    int error = 0;
    for (; !error && n->n < config->notify.n; n->n++)
        error = build(n, n->n);
    struct notify_options options = {
        .clock = clock, .desk = desk, .url = config->admin.url, .receivers = n->receivers, .n_receivers = n->n
    };
    if (!error) error = notify_start(&options, &n->notify);
    if (error) {
        log_line(LOG_ERROR, "notify: it cannot start: %s", strerror(-error));
        notices_stop(n);
    } else {
        *out = n;
    }
    return error;
}

void notices_refused(struct notices *n, const struct session_refused *refused)
{
    if (!n) return;
    struct notify_refusal refusal = { .at_us = clock_wall_us(n->clock),
                                      .session = refused->session,
                                      .principal = refused->principal,
                                      .connection = refused->connection,
                                      .database = refused->database,
                                      .policy = refused->policy,
                                      .rule = refused->rule,
                                      .message = refused->message,
                                      .code = refused->code };
    notify_refused(n->notify, &refusal);
}

struct notify *notices_notify(struct notices *n)
{
    return n ? n->notify : NULL;
}

void notices_stop(struct notices *n)
{
    if (!n) return;
    notify_stop(n->notify);
    for (size_t i = 0; i < NOTIFY_RECEIVERS; i++)
        secret_free(&n->secrets[i]);
    arena_free(&n->arena);
    config_unref(n->config);
    free(n);
}
