/* Rewrites a log's history as somebody would who has stolen its keys: every frame is read, one text in them
 * is put in another's place, and all of it is sealed, hashed and signed anew. What comes out verifies with
 * the log's own key; tests show that what was anchored before finds it.
 *
 *     tool-record-rewrite DATA-FOLDER NEW-LOG-FOLDER OLD-TEXT NEW-TEXT      texts of the same length */
#include "base/clock.h"
#include "base/codec.h"
#include "record/keys-memory.h"
#include "record/reader.h"
#include "record/verifier-key.h"
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 4096, SESSIONS = 65536 };

static struct bytes read_text(const char *folder, const char *name, uint8_t room[MOST])
{
    char path[MOST];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, room, MOST);
    CHECK(n > 0);
    close(fd);
    while (n && room[n - 1] == '\n')
        n--;
    return bytes_make(room, (size_t)n);
}

static bool is_hex(struct bytes b)
{
    size_t n = 0;
    while (n < b.n && isxdigit(b.p[n]))
        n++;
    return n == b.n;
}

/* The keys as they lie in the data folder: this is what a thief of it has. */
static void steal(const char *data, struct keys_memory *keys, char origin[256])
{
    uint8_t room[MOST], kek[32], public_key[32];
    struct buf raw;
    struct bytes name;
    buf_init(&raw, MOST);
    CHECK(codec_unhex(read_text(data, "kek", room), &raw) && buf_length(&raw) == 32);
    memcpy(kek, buf_bytes(&raw).p, 32);
    buf_consume(&raw, 32);
    struct bytes text = read_text(data, "log.key", room);
    /* PRIVATE+KEY+name+hash+seed: the seed begins behind the hash, eight hexadecimal digits between signs; in
     * base64 it may hold such signs itself. */
    const uint8_t *plus = NULL;
    for (size_t i = 0; i + 10 < text.n && !plus; i++)
        if (text.p[i] == '+' && text.p[i + 9] == '+' && is_hex(bytes_slice(text, i + 1, 8)))
            plus = text.p + i + 9;
    CHECK(plus &&
          codec_unbase64(CODEC_BASE64, bytes_make(plus + 1, text.n - (size_t)(plus + 1 - text.p)), &raw) &&
          buf_length(&raw) == 33);
    CHECK(keys_memory_init(keys, kek, buf_bytes(&raw).p + 1));
    CHECK(verifier_key_parse(read_text(data, "log.pub", room), public_key, &name) &&
          memcmp(public_key, keys->keys.public_key, 32) == 0);
    snprintf(origin, 256, "%.*s", BYTES_FMT(name));
    buf_free(&raw);
}

static struct record_session *session_of(struct record_session *all, size_t *n, uint64_t id)
{
    for (size_t i = 0; i < *n; i++)
        if (all[i].id == id) return &all[i];
    CHECK(*n < SESSIONS);
    all[*n] = (struct record_session){ .id = id, .next_sequence = 1 };
    return &all[(*n)++];
}

static unsigned replace(uint8_t *body, size_t n, struct bytes old, struct bytes new)
{
    unsigned count = 0;
    for (size_t at = 0; at + old.n <= n;) {
        ptrdiff_t found = bytes_find(bytes_make(body + at, n - at), old);
        if (found < 0) break;
        memcpy(body + at + (size_t)found, new.p, new.n);
        at += (size_t)found + old.n;
        count++;
    }
    return count;
}

static void append(struct record_lane *lane, struct record_session *s, const struct frame *f,
                   struct bytes body)
{
    enum record_outcome got;
    while ((got = record_append(lane, s, RECORD_INTENT, f->type, f->flags, f->time_us, &body, 1, NULL)) !=
           RECORD_OK) {
        CHECK(record_lane_commit(lane));
        usleep(1000);
    }
}

int main(int argc, char **argv)
{
    static struct keys_memory keys;
    static struct record_session all[SESSIONS];
    struct record_reader *reader;
    struct record_log *log;
    struct record_block block;
    struct frame f;
    char origin[256], folder[MOST];
    size_t n = 0;
    unsigned changed = 0;
    if (argc != 5 || strlen(argv[3]) != strlen(argv[4])) {
        fprintf(stderr, "usage: tool-record-rewrite DATA-FOLDER NEW-LOG-FOLDER OLD-TEXT NEW-TEXT\n");
        return 2;
    }
    steal(argv[1], &keys, origin);
    snprintf(folder, sizeof folder, "%s/log", argv[1]);
    CHECK(record_reader_open(folder, &keys.keys, &reader) == 0);
    struct record_options options = { .folder = argv[2],
                                      .origin = origin,
                                      .n_lanes = 1,
                                      .tail_segment_bytes = 4 << 20,
                                      .clock = &clock_system,
                                      .keys = &keys.keys };
    CHECK(record_log_open(&options, &log) == 0);
    for (uint64_t at = 0; record_reader_follow(reader, at, &block) == RECORD_READ_FRAME;
         at = block.next_position) {
        while (record_reader_next(reader, &f) == RECORD_READ_FRAME) {
            uint8_t *body = malloc(f.body.n + 1);
            CHECK(body);
            if (f.body.n) memcpy(body, f.body.p, f.body.n);
            changed += replace(body, f.body.n, bytes_of(argv[3]), bytes_of(argv[4]));
            append(record_log_lane(log, 0), session_of(all, &n, f.session), &f, bytes_make(body, f.body.n));
            free(body);
        }
        CHECK(record_lane_commit(record_log_lane(log, 0)));
    }
    record_log_close(log);
    record_reader_free(reader);
    printf("%u changed\n", changed);
    return changed ? 0 : 1;
}
