/* The file is written beside and moved into place, so that it is never half there; its folder and it are made
 * for their owner alone. */
#include "cli/login-file.h"
#include "base/buf.h"
#include "base/codec.h"
#include "base/secret.h"
#include "cli/safe.h"
#include "identity/oauth.h"
#include "json/read.h"
#include "json/writer.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4200, FILE_MOST = 256 * 1024, SPARE_S = 30, REFRESH_MS = 15000 };

static const struct {
    const char *name;
    size_t offset;
} members[] = {
    { "url", offsetof(struct login_file, url) },
    { "issuer", offsetof(struct login_file, issuer) },
    { "client_id", offsetof(struct login_file, client_id) },
    { "scopes", offsetof(struct login_file, scopes) },
    { "resource", offsetof(struct login_file, resource) },
    { "audience", offsetof(struct login_file, audience) },
    { "user", offsetof(struct login_file, user) },
    { "token", offsetof(struct login_file, token) },
    { "refresh", offsetof(struct login_file, refresh) },
};
enum { N_MEMBERS = sizeof members / sizeof *members };

static struct bytes *member(struct login_file *login, size_t i)
{
    return (struct bytes *)((char *)login + members[i].offset);
}

static int folder_path(char out[PATH])
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    int n = config && config[0] == '/' ? snprintf(out, PATH, "%s/postern", config)
            : home && home[0] == '/'   ? snprintf(out, PATH, "%s/.config/postern", home)
                                       : 0;
    return n > 0 && n < PATH - 32 ? 0 : -ENOENT;
}

static int file_path(char out[PATH])
{
    int error = folder_path(out);
    size_t n = error ? 0 : strlen(out);
    if (!error) snprintf(out + n, PATH - n, "/login.json");
    return error;
}

static int read_text(struct buf *text)
{
    char path[PATH];
    struct stat st;
    int error = file_path(path);
    if (error) return error;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return -errno;
    uint8_t *room = buf_room(text, FILE_MOST);
    ssize_t n = -1;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        error = -EBADMSG;
    else if (st.st_mode & 077 || st.st_uid != geteuid())
        error = -EACCES;
    else if (!room || (n = read(fd, room, FILE_MOST)) < 0 || n == FILE_MOST)
        error = -EBADMSG;
    close(fd);
    if (!error) buf_added(text, (size_t)n);
    return error;
}

int login_file_read(struct arena *arena, struct login_file *out)
{
    struct buf text;
    json_t *object = NULL;
    *out = (struct login_file){ 0 };
    buf_init(&text, FILE_MOST + 4096);
    int error = read_text(&text);
    if (!error && json_read_object(buf_bytes(&text), FILE_MOST, 4, &object) != JSON_READ) error = -EBADMSG;
    for (size_t i = 0; i < N_MEMBERS && !error; i++) {
        struct bytes value;
        if (json_member_text(object, members[i].name, &value) != JSON_MEMBER_FOUND) continue;
        *member(out, i) = arena_copy(arena, value);
        if (!member(out, i)->p) error = -ENOMEM;
    }
    if (!error) out->expires_s = json_integer_value(json_object_get(object, "expires"));
    json_decref(object);
    if (text.data) secret_wipe(text.data, text.size);
    buf_free(&text);
    return error;
}

static int make_folder(const char *folder)
{
    char parent[PATH];
    snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = 0;
        if (mkdir(parent, 0700) && errno != EEXIST) return -errno;
    }
    return mkdir(folder, 0700) && errno != EEXIST ? -errno : 0;
}

static int write_text(struct bytes text)
{
    char folder[PATH], path[PATH + 32], fresh[PATH + 32];
    int error = folder_path(folder);
    if (!error) error = make_folder(folder);
    if (error) return error;
    snprintf(path, sizeof path, "%s/login.json", folder);
    snprintf(fresh, sizeof fresh, "%s/login.json.new", folder);
    unlink(fresh);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return -errno;
    if (write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd)) error = errno ? -errno : -EIO;
    if (close(fd) && !error) error = -errno;
    if (!error && rename(fresh, path)) error = -errno;
    if (error) unlink(fresh);
    return error;
}

int login_file_write(const struct login_file *login)
{
    struct buf text;
    struct login_file copy = *login;
    buf_init(&text, FILE_MOST);
    struct json_writer w = json_writer_over(&text);
    json_write_object(&w);
    for (size_t i = 0; i < N_MEMBERS; i++)
        if (member(&copy, i)->n) json_write_text_member(&w, members[i].name, *member(&copy, i));
    json_write_int_member(&w, "expires", login->expires_s);
    json_write_end(&w);
    buf_append_text(&text, "\n");
    int error = text.failed ? -ENOMEM : write_text(buf_bytes(&text));
    if (text.data) secret_wipe(text.data, text.size);
    buf_free(&text);
    return error;
}

int login_file_remove(void)
{
    char path[PATH];
    if (file_path(path)) return 0;
    return unlink(path) && errno != ENOENT ? -errno : 0;
}

/* ---- tokens */

static bool is_for(const json_t *claims, struct bytes audience)
{
    const json_t *aud = json_object_get(claims, "aud");
    if (!audience.n) return true;
    size_t n = json_is_array(aud) ? json_array_size(aud) : 1;
    for (size_t i = 0; i < n; i++) {
        const char *one = json_string_value(json_is_array(aud) ? json_array_get(aud, i) : aud);
        if (one && bytes_is(audience, one)) return true;
    }
    return false;
}

bool login_token_read(struct bytes token, struct bytes audience, struct arena *arena, struct bytes *user_out,
                      int64_t *expires_s_out)
{
    struct buf payload;
    json_t *claims = NULL;
    struct bytes sub;
    ptrdiff_t first = bytes_find(token, BYTES_LITERAL("."));
    struct bytes rest = first < 0 ? (struct bytes){ 0 } : bytes_slice(token, (size_t)first + 1, token.n);
    ptrdiff_t second = bytes_find(rest, BYTES_LITERAL("."));
    if (second < 0) return false;
    buf_init(&payload, FILE_MOST);
    bool good = codec_unbase64(CODEC_BASE64URL, bytes_slice(rest, 0, (size_t)second), &payload) &&
                json_read_object(buf_bytes(&payload), FILE_MOST, 16, &claims) == JSON_READ &&
                is_for(claims, audience) && json_member_text(claims, "sub", &sub) == JSON_MEMBER_FOUND;
    if (good) {
        *user_out = arena_copy(arena, sub);
        *expires_s_out = json_integer_value(json_object_get(claims, "exp"));
        good = user_out->p != NULL;
    }
    json_decref(claims);
    buf_free(&payload);
    return good;
}

static bool refresh(const struct cli_call *call, struct arena *arena, struct login_file *login)
{
    struct oauth_client client = {
        .issuer = login->issuer, .id = login->client_id, .scopes = login->scopes, .resource = login->resource
    };
    struct oauth_endpoints endpoints;
    struct oauth_tokens tokens;
    struct bytes error;
    const char *why;
    if (!oauth_discover(login->issuer, REFRESH_MS, arena, &endpoints, &why)) {
        cli_fail(call, "the provider %.*s: %s", BYTES_FMT(login->issuer), why);
        return false;
    }
    if (oauth_refresh(&client, &endpoints, login->refresh, REFRESH_MS, arena, &tokens, &error) !=
        OAUTH_GRANTED) {
        struct buf said;
        buf_init(&said, 4096);
        safe_append(&said, bytes_slice(error, 0, 300), SAFE_ONE_LINE);
        cli_fail(call, "the provider %.*s gives no new token: %.*s", BYTES_FMT(login->issuer),
                 BYTES_FMT(buf_bytes(&said)));
        buf_free(&said);
        return false;
    }
    struct bytes given[] = { tokens.access, tokens.id };
    for (size_t i = 0; i < 2; i++) {
        if (!login_token_read(given[i], login->audience, arena, &login->user, &login->expires_s)) continue;
        login->token = given[i];
        if (tokens.refresh.n) login->refresh = tokens.refresh;
        int failed = login_file_write(login);
        if (failed) cli_fail(call, "the new token cannot be kept: %s", strerror(-failed));
        return true;
    }
    cli_fail(call, "the provider's new token is not for the audience \"%.*s\"", BYTES_FMT(login->audience));
    return false;
}

bool login_current(const struct cli_call *call, struct arena *arena, struct login_file *out)
{
    int error = login_file_read(arena, out);
    if (error == -EACCES)
        cli_fail(call,
                 "others may read the login file, or it is not yours: remove it, and use postern login");
    else if (error && error != -ENOENT)
        cli_fail(call, "the login file: %s", error == -EBADMSG ? "it cannot be read" : strerror(-error));
    else if (error)
        cli_fail(call, "you are not logged in: use postern login");
    if (error) return false;
    int64_t now_s = clock_wall_us(call->world->clock) / 1000000;
    if (out->token.n && out->expires_s > now_s + SPARE_S) return true;
    if (out->refresh.n && refresh(call, arena, out)) return true;
    cli_fail(call, "the login has expired: use postern login");
    return false;
}
