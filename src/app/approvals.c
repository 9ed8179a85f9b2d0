/* Opening the desk, and recording what happens at it: each event is a frame of the gateway itself (session
 * 0), so that the record has it where no session is there any more. */
#include "app/approvals.h"
#include "approval/need.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "record/frame.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WRAPPED = 60, PATH = 1100, BODY = 128 * 1024 };

struct approvals {
    const struct clock *clock;
    struct desk *desk;
    struct record_lane *lane;      /* atomic: NULL until the log is open */
    struct record_session session; /* 0: the gateway itself */
};

/* ---- the key */

static int write_key(const char *path, const uint8_t wrapped[WRAPPED])
{
    char temporary[PATH + 8];
    snprintf(temporary, sizeof temporary, "%s.new", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -errno;
    int error = write(fd, wrapped, WRAPPED) != WRAPPED ? -EIO : fsync(fd) ? -errno : 0;
    close(fd);
    if (!error && rename(temporary, path)) error = -errno;
    return error;
}

static int read_key(const char *path, uint8_t wrapped[WRAPPED])
{
    uint8_t more;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    ssize_t n = read(fd, wrapped, WRAPPED), rest = read(fd, &more, 1);
    close(fd);
    return n == WRAPPED && rest == 0 ? 0 : -EBADMSG;
}

static int find_key(const char *path, struct keys_client *keys, uint8_t key[32])
{
    uint8_t wrapped[WRAPPED];
    int error = read_key(path, wrapped);
    if (error == 0) return keys_client_unwrap(keys, wrapped, key);
    if (error != -ENOENT) return error;
    random_bytes(key, 32);
    error = keys_client_wrap(keys, key, wrapped);
    return error ? error : write_key(path, wrapped);
}

/* ---- the record. Who asks, and the words that the statement is held with, stand in the session's own record
 * alone, under its key: what is here outlives it. */

static void add_rules(struct frame_fields *f, const struct desk_request *r)
{
    struct buf words;
    buf_init(&words, BODY / 2);
    needs_words(r->needs, r->n_needs, &words);
    frame_fields_add(f, "rules", buf_bytes(&words));
    buf_free(&words);
}

static void add_people(struct frame_fields *f, const struct desk_event *event)
{
    const struct desk_request *r = event->request;
    char id[14];
    frame_fields_add(f, "connection", r->connection);
    session_id_format(r->session, id);
    frame_fields_add_text(f, "session", id);
    if (event->kind == DESK_EVENT_ASKED) {
        char digest[2 * DESK_DIGEST + 1];
        for (size_t i = 0; i < DESK_DIGEST; i++)
            snprintf(digest + 2 * i, 3, "%02x", r->digest[i]);
        frame_fields_add_text(f, "digest", digest);
        add_rules(f, r);
        if (r->counted) frame_fields_add_number(f, "rows", (int64_t)r->rows);
    }
    if (!event->decision) return;
    frame_fields_add_text(f, "decision", event->decision->approve ? "approve" : "deny");
    frame_fields_add(f, "by_user", event->decision->user);
    frame_fields_add(f, "by_subject", event->decision->subject);
    frame_fields_add(f, "by_issuer", event->decision->issuer);
    if (event->decision->reason.n) frame_fields_add(f, "reason", event->decision->reason);
    frame_fields_add(f, "via", event->decision->via);
}

static bool on_event(void *context, const struct desk_event *event)
{
    struct approvals *a = context;
    struct record_lane *lane = __atomic_load_n(&a->lane, __ATOMIC_ACQUIRE);
    struct buf body;
    if (!lane) return false;
    buf_init(&body, BODY);
    struct frame_fields f = frame_fields_begin(&body);
    frame_fields_add_text(&f, "request", event->request->id);
    frame_fields_add_text(&f, "event", desk_event_name(event->kind));
    frame_fields_add_text(&f, "state", desk_state_name(event->state));
    add_people(&f, event);
    if (event->why.n) frame_fields_add(&f, "why", event->why);
    struct bytes parts[] = { buf_bytes(&body) };
    enum record_outcome outcome = body.failed
                                      ? RECORD_FULL
                                      : record_append(lane, &a->session, RECORD_INTENT, FRAME_APPROVAL, 0,
                                                      event->at_us, parts, 1, NULL);
    bool committed = record_lane_commit(lane);
    buf_free(&body);
    return outcome == RECORD_OK && committed;
}

/* ---- life */

int approvals_open(const char *folder, const struct config *config, struct keys_client *keys,
                   const struct clock *clock, uint64_t seed, struct approvals **out)
{
    char path[PATH], key_path[PATH];
    uint8_t key[32];
    struct approvals *a = calloc(1, sizeof *a);
    if (!a) return -ENOMEM;
    a->clock = clock;
    a->session = (struct record_session){ .id = 0, .next_sequence = 1 };
    snprintf(path, sizeof path, "%s/approvals", folder);
    snprintf(key_path, sizeof key_path, "%s/approvals.key", folder);
    int error = find_key(key_path, keys, key);
    if (error) log_line(LOG_ERROR, "approvals: the key %s cannot be used: %s", key_path, strerror(-error));
    struct desk_options options = { .clock = clock,
                                    .path = path,
                                    .key = key,
                                    .seed = seed,
                                    .most_waiting = (size_t)config->limits.held,
                                    .most_of_principal = (size_t)config->limits.held_of_principal,
                                    .record = on_event,
                                    .context = a };
    if (!error) error = desk_open(&options, &a->desk);
    secret_wipe(key, sizeof key);
    if (error)
        free(a);
    else
        *out = a;
    return error;
}

struct desk *approvals_desk(struct approvals *a)
{
    return a ? a->desk : NULL;
}

void approvals_record(struct approvals *a, struct record_lane *lane)
{
    __atomic_store_n(&a->lane, lane, __ATOMIC_RELEASE);
}

void approvals_close(struct approvals *a)
{
    if (!a) return;
    desk_close(a->desk);
    free(a);
}
