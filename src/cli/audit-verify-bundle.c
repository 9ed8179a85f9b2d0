/* postern audit verify BUNDLE: needs the file alone, no data folder and no configuration. */
#include "base/codec.h"
#include "cli/audit-verify.h"
#include "cli/safe.h"
#include "record/bundle-tar.h"
#include "record/bundle.h"
#include "record/verifier-key.h"
#include "json/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is proven, one after the other. */
struct sessions {
    struct bundle_session *all;
    size_t n, room;
};

static void take_session(void *context, const struct bundle_session *s)
{
    struct sessions *to = context;
    if (to->n == to->room) {
        size_t more = to->room ? 2 * to->room : 16;
        struct bundle_session *all = realloc(to->all, more * sizeof *all);
        if (!all) return;
        to->all = all;
        to->room = more;
    }
    to->all[to->n++] = *s;
}

static void put_json(const char *path, const struct bundle_verified *v, const struct sessions *sessions,
                     bool ok, struct buf *out)
{
    char id[14];
    struct json_writer w = json_writer_over(out);
    json_write_object(&w);
    json_write_text_member(&w, "bundle", bytes_of(path));
    json_write_bool_member(&w, "ok", ok);
    json_write_bool_member(&w, "proven", v->ok);
    json_write_bool_member(&w, "whole", v->whole);
    json_write_bool_member(&w, "pinned", v->pinned);
    json_write_text_member(&w, "origin", bytes_of(v->origin));
    json_write_int_member(&w, "tree_size", (int64_t)v->tree_size);
    if (v->anchored_size) json_write_int_member(&w, "anchored_size", (int64_t)v->anchored_size);
    if (!v->ok) json_write_text_member(&w, "message", bytes_of(v->message));
    json_write_name(&w, "sessions");
    json_write_array(&w);
    for (size_t i = 0; i < sessions->n; i++) {
        const struct bundle_session *s = &sessions->all[i];
        session_id_format(s->session, id);
        json_write_object(&w);
        json_write_text_member(&w, "session", bytes_of(id));
        json_write_int_member(&w, "blocks", (int64_t)s->blocks);
        json_write_int_member(&w, "frames", (int64_t)s->frames);
        json_write_time_member(&w, "first", s->first_us);
        json_write_time_member(&w, "sealed", s->sealed_us);
        json_write_bool_member(&w, "ended", s->ended);
        json_write_bool_member(&w, "erased", s->erased);
        json_write_end(&w);
    }
    json_write_end(&w);
    json_write_end(&w);
    buf_append_text(out, "\n");
}

static void put_text(const struct bundle_verified *v, const struct sessions *sessions, struct buf *out)
{
    char id[14], from[28], to[28];
    if (!v->ok) {
        buf_append_text(out, "NOT VERIFIED: ");
        safe_append(out, bytes_of(v->message), SAFE_ONE_LINE);
        buf_append_text(out, "\n");
        return;
    }
    for (size_t i = 0; i < sessions->n; i++) {
        const struct bundle_session *s = &sessions->all[i];
        session_id_format(s->session, id);
        codec_time(s->first_us, from);
        codec_time(s->sealed_us, to);
        buf_printf(out, "session %s: frames 1 to %llu, %llu blocks, %s to %s%s%s\n", id,
                   (unsigned long long)s->frames, (unsigned long long)s->blocks, from, to,
                   s->ended ? "" : ", NOT ENDED", s->erased ? ", ERASED" : "");
    }
    buf_printf(out, "%s: %llu sessions, %llu blocks, in the log ", v->whole ? "verified" : "verified in part",
               (unsigned long long)v->sessions, (unsigned long long)v->blocks);
    safe_append(out, bytes_of(v->origin), SAFE_ONE_LINE);
    buf_printf(out, " of %llu blocks\n", (unsigned long long)v->tree_size);
    if (v->anchored_size)
        buf_printf(out, "the log holds what was anchored at %llu blocks\n",
                   (unsigned long long)v->anchored_size);
    if (!v->pinned) {
        buf_append_text(out, "no key was given: the bundle agrees with itself, by the key ");
        verifier_key_write(bytes_of(v->origin), v->key, out);
        buf_append_text(out, "\n");
    }
}

/* The log's name in the bundle's checkpoint, by which keys and anchors are chosen. Nothing is checked yet. */
static struct bytes origin_of(int fd, char room[256])
{
    struct stat st;
    struct bundle_member m;
    uint64_t at = 0;
    if (fstat(fd, &st) < 0) return (struct bytes){ 0 };
    for (int i = 0; i < 3; i++)
        if (bundle_tar_next(fd, (uint64_t)st.st_size, &at, &m) != BUNDLE_TAR_MEMBER)
            return (struct bytes){ 0 };
    size_t n = m.size < 256 ? (size_t)m.size : 256;
    if (!bundle_tar_read(fd, m.at, room, n)) return (struct bytes){ 0 };
    const char *end = memchr(room, '\n', n);
    return bytes_make(room, end ? (size_t)(end - room) : 0);
}

/* Keys and anchors were given, and none is of this bundle's log. */
static void other_log(struct bundle_verified *v, const char *what)
{
    *v = (struct bundle_verified){ 0 };
    snprintf(v->message, sizeof v->message, "the bundle is of another log than %s", what);
}

static bool verify(struct cli_call *call, const struct pinned *pinned, int fd, struct sessions *sessions,
                   struct bundle_verified *v)
{
    char room[256];
    uint8_t key[32];
    struct anchored anchored;
    struct buf notes;
    struct bytes origin = origin_of(fd, room);
    bool has_key = pinned_key(pinned, origin, key), good = true;
    buf_init(&notes, 1 << 30);
    enum pinned_anchored some = pinned_anchored(call, pinned, origin, &notes, &anchored);
    if (some == PINNED_BAD)
        good = false;
    else if (buf_length(&pinned->keys) && !has_key && origin.n)
        other_log(v, "the key that you gave");
    else if (buf_length(&pinned->anchored) && some == PINNED_NONE && origin.n)
        other_log(v, "what was anchored");
    else
        bundle_verify(fd, has_key ? key : NULL, some == PINNED_SOME ? &anchored : NULL, take_session,
                      sessions, v);
    anchored_free(&anchored);
    buf_free(&notes);
    return good;
}

int audit_verify_bundle(struct cli_call *call, const struct pinned *pinned, const char *path)
{
    struct bundle_verified v = { 0 };
    struct sessions sessions = { 0 };
    struct buf out;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cli_fail(call, "%s: %s", path, strerror(errno));
    int code = CLI_FAILED;
    if (verify(call, pinned, fd, &sessions, &v)) {
        bool ok = v.ok && (v.whole || cli_option(call, "partial"));
        buf_init(&out, 256 << 20);
        if (cli_option(call, "json"))
            put_json(path, &v, &sessions, ok, &out);
        else
            put_text(&v, &sessions, &out);
        cli_write(call, &out);
        buf_free(&out);
        code = ok ? CLI_YES : CLI_NO;
    }
    close(fd);
    free(sessions.all);
    return code;
}
