#include "app/anchor-way.h"
#include "base/codec.h"
#include "http/client.h"
#include "notify/sign.h"
#include "record/checkpoint.h"
#include "json/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ANSWER_MOST = 64 * 1024, BODY_MOST = 64 * 1024 };

/* ---- a file: notes one behind the other, each synced */

static bool file_is_wanted(const struct config_anchor *config)
{
    return config->file.n > 0;
}

/* What is there already. A file that is ahead of the log is what anchors are for: it is said, and nothing is
 * written. */
static int look_at_file(int fd, const struct anchor_note *note, bool *there_out, char why_out[160])
{
    uint8_t text[4 * CHECKPOINT_MAX];
    struct stat st;
    struct checkpoint last;
    struct bytes last_note;
    *there_out = false;
    if (fstat(fd, &st) < 0) return -errno;
    off_t from = st.st_size > (off_t)sizeof text ? st.st_size - (off_t)sizeof text : 0;
    ssize_t n = pread(fd, text, sizeof text, from);
    if (n < 0) return -errno;
    if (n == 0) return 0;
    const struct newest *c = note->checkpoint;
    if (!checkpoint_last(bytes_make(text, (size_t)n), &last_note, &last))
        snprintf(why_out, 160, "it holds something else than checkpoints");
    else if (!bytes_is(last.origin, c->origin))
        snprintf(why_out, 160, "it holds checkpoints of another log");
    else if (last.size > c->size)
        snprintf(why_out, 160,
                 "it holds a checkpoint of %" PRIu64 " blocks, and the log has %" PRIu64 ": it was cut",
                 last.size, c->size);
    else if (last.size == c->size && memcmp(last.root, c->root, 32) != 0)
        snprintf(why_out, 160, "it holds another root for %" PRIu64 " blocks: the log was rewritten",
                 c->size);
    else {
        *there_out = last.size == c->size;
        return 0;
    }
    return -EBADMSG;
}

static int append(int fd, struct bytes text)
{
    struct stat st;
    if (fstat(fd, &st) < 0) return -errno;
    ssize_t n = write(fd, text.p, text.n);
    int error = n < 0 ? -errno : (size_t)n < text.n ? -ENOSPC : 0;
    if (!error && fsync(fd) < 0) error = -errno;
    /* Half a note must not stay. */
    if (error && n > 0 && ftruncate(fd, st.st_size) < 0) return -errno;
    return error;
}

static int put_file(const struct anchor_to *to, const struct anchor_note *note, char why_out[160])
{
    bool there = false;
    why_out[0] = 0;
    int fd = open((const char *)to->config->file.p, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
    int error = fd < 0 ? -errno : look_at_file(fd, note, &there, why_out);
    if (!error && !there) error = append(fd, note->text);
    if (fd >= 0) close(fd);
    if (error && !why_out[0]) snprintf(why_out, 160, "%s", strerror(-error));
    return error;
}

/* ---- a webhook, signed as notifications are */

static bool webhook_is_wanted(const struct config_anchor *config)
{
    return config->webhook.n > 0;
}

static void write_body(const struct anchor_to *to, const struct anchor_note *note, struct buf *out)
{
    struct buf root;
    const struct newest *c = note->checkpoint;
    struct json_writer w = json_writer_over(out);
    buf_init(&root, 256);
    codec_base64(CODEC_BASE64, bytes_make(c->root, sizeof c->root), &root);
    json_write_object(&w);
    json_write_text_member(&w, "type", BYTES_LITERAL("log.checkpoint"));
    json_write_time_member(&w, "timestamp", clock_wall_us(to->clock));
    json_write_name(&w, "data");
    json_write_object(&w);
    json_write_text_member(&w, "origin", bytes_of(c->origin));
    json_write_int_member(&w, "size", (int64_t)c->size);
    json_write_text_member(&w, "root", buf_bytes(&root));
    json_write_text_member(&w, "note", note->text);
    json_write_text_member(&w, "key", note->public_key);
    json_write_end(&w);
    json_write_end(&w);
    buf_free(&root);
}

static int post(const struct anchor_to *to, struct bytes body, const struct http_header headers[3],
                char why_out[160])
{
    struct http_answered answer = { 0 };
    struct buf ignored;
    struct http_get get = { .url = to->config->webhook,
                            .deadline_ms = to->config->timeout_us / 1000,
                            .cancel = to->cancel,
                            .form = body,
                            .json = true,
                            .headers = headers,
                            .n_headers = 3 };
    buf_init(&ignored, ANSWER_MOST);
    enum http_outcome outcome = http_get(&get, &ignored, &answer);
    buf_free(&ignored);
    if (outcome == HTTP_ANSWERED && answer.status >= 200 && answer.status < 300) return 0;
    if (outcome == HTTP_ANSWERED)
        snprintf(why_out, 160, "the receiver answered %ld", answer.status);
    else
        snprintf(why_out, 160, "%s", answer.why);
    return -EIO;
}

static int put_webhook(const struct anchor_to *to, const struct anchor_note *note, char why_out[160])
{
    struct buf body, signature;
    char id[64], at[24];
    const uint8_t *root = note->checkpoint->root;
    int64_t seconds = clock_wall_us(to->clock) / 1000000;
    buf_init(&body, BODY_MOST);
    buf_init(&signature, 256);
    /* The same checkpoint has the same id, however often it is sent. */
    snprintf(id, sizeof id, "ckpt_%" PRIu64 "_%02x%02x%02x%02x", note->checkpoint->size, root[0], root[1],
             root[2], root[3]);
    snprintf(at, sizeof at, "%" PRId64, seconds);
    write_body(to, note, &body);
    sign_message(to->secret, id, seconds, buf_bytes(&body), &signature);
    struct http_header headers[3] = { { "webhook-id", bytes_of(id) },
                                      { "webhook-timestamp", bytes_of(at) },
                                      { "webhook-signature", buf_bytes(&signature) } };
    snprintf(why_out, 160, "out of memory");
    int error = body.failed || signature.failed ? -ENOMEM : post(to, buf_bytes(&body), headers, why_out);
    buf_free(&body);
    buf_free(&signature);
    return error;
}

static const struct anchor_way ways[] = {
    { "file", file_is_wanted, false, put_file },
    { "webhook", webhook_is_wanted, true, put_webhook },
};

const struct anchor_way *anchor_way_of(const struct config_anchor *config)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (ways[i].is_wanted(config)) return &ways[i];
    return NULL;
}
