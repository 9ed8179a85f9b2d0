/* A reader and verification over a log whose files were changed. The input is a list of changes to the files
 * of a small log that is made once. Oracle: a reader gives the frames that were appended, or says BAD, and
 * never another frame; and verification says yes only where no proven byte is another one. */
#include "base/check.h"
#include "base/cursor.h"
#include "base/log.h"
#include "record/format.h"
#include "record/keys-memory.h"
#include "record/reader.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { FILES = 4, SESSIONS = 3, FRAMES = 120 };
static const char *const names[FILES] = { "segments/000000000000.blocks", "segments/000000000000.heads",
                                          "checkpoints", "keys" };
static char folder[64];
static struct keys_memory keys;
static uint64_t sessions[SESSIONS];
static struct {
    uint8_t *data, *changed;
    size_t n;
} files[FILES];
static size_t changed_n[FILES], block_end[64], n_leaves; /* where each block ends in the first file */

static int make_text(char *out, size_t room, int session, int frame)
{
    return snprintf(out, room, "select %d from t where id = %d and name = '%x'", session, frame,
                    frame * 7919);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const uint8_t kek[32] = { 3 }, seed[32] = { 4 };
    (void)argc;
    (void)argv;
    log_set_level(LOG_ERROR);
    snprintf(folder, sizeof folder, "/dev/shm/postern-fuzz-XXXXXX");
    CHECK(mkdtemp(folder) && keys_memory_init(&keys, kek, seed));
    struct record_options options = { .folder = folder,
                                      .origin = "fuzz",
                                      .n_lanes = 1,
                                      .clock = &clock_system,
                                      .tail_segment_bytes = 4 << 20,
                                      .keys = &keys.keys };
    for (int i = 0; i < SESSIONS; i++) {
        struct record_log *log;
        CHECK(record_log_open(&options, &log) == 0);
        struct record_lane *lane = record_log_lane(log, 0);
        struct record_session s = record_session_begin(lane);
        sessions[i] = s.id;
        for (int k = 1; k <= FRAMES; k++) {
            char text[100];
            struct bytes part = bytes_make(text, (size_t)make_text(text, sizeof text, i, k));
            CHECK(record_append(lane, &s, RECORD_INTENT, FRAME_QUERY, 0, k, &part, 1, NULL) == RECORD_OK);
        }
        CHECK(record_append(lane, &s, RECORD_INTENT, FRAME_SESSION_END, 0, 1, NULL, 0, NULL) == RECORD_OK);
        CHECK(record_lane_commit(lane));
        record_log_close(log);
    }
    for (int i = 0; i < FILES; i++) {
        char path[128];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int fd = open(path, O_RDONLY);
        CHECK(fd >= 0 && fstat(fd, &st) == 0);
        files[i].n = (size_t)st.st_size;
        files[i].data = malloc(files[i].n);
        files[i].changed = malloc(files[i].n + 4096);
        CHECK(files[i].data && files[i].changed && read(fd, files[i].data, files[i].n) == st.st_size);
        close(fd);
    }
    block_end[0] = FORMAT_SEGMENT_HEAD;
    for (size_t at = FORMAT_SEGMENT_HEAD; at < files[0].n; block_end[++n_leaves] = at) {
        struct format_block head;
        CHECK(n_leaves < 63 && format_block_decode(files[0].data + at, &head));
        at += FORMAT_BLOCK_HEAD + head.cipher_length;
    }
    return 0;
}

/* Applies the changes, and writes the files. Bit i of the answer: file i differs. */
static unsigned change(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_over(bytes_make(data, size));
    size_t *n = changed_n;
    unsigned differs = 0;
    for (int i = 0; i < FILES; i++) {
        n[i] = files[i].n;
        memcpy(files[i].changed, files[i].data, n[i]);
    }
    while (cursor_left(&c) >= 5) {
        uint8_t op = cursor_u8(&c);
        unsigned i = op % FILES;
        size_t at = cursor_u16(&c) % (files[i].n + 1), from = cursor_u16(&c);
        size_t count = op >> 4 & 7 ? (size_t)1 << (op >> 4 & 7) : 1;
        if (op & 128) {
            n[i] = at; /* cut */
        } else if (op & 8) {
            from %= files[i].n; /* copy from elsewhere in the original */
            for (size_t k = 0; k < count && at + k < n[i] && from + k < files[i].n; k++)
                files[i].changed[at + k] = files[i].data[from + k];
        } else {
            for (size_t k = 0; k < count && at + k < n[i]; k++)
                files[i].changed[at + k] ^= (uint8_t)(from >> (k & 7) | (k == 0));
        }
    }
    for (unsigned i = 0; i < FILES; i++) {
        char path[128];
        if (n[i] != files[i].n || memcmp(files[i].changed, files[i].data, n[i]) != 0) differs |= 1U << i;
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        int fd = open(path, O_WRONLY | O_TRUNC);
        CHECK(fd >= 0 && write(fd, files[i].changed, n[i]) == (ssize_t)n[i]);
        close(fd);
    }
    return differs;
}

static void read_sessions(struct record_reader *r)
{
    for (int i = 0; i < SESSIONS; i++) {
        struct frame f;
        uint32_t expected = 1;
        char text[100];
        if (record_reader_session(r, sessions[i], 1) != RECORD_READ_FRAME) continue;
        while (record_reader_next(r, &f) == RECORD_READ_FRAME) {
            /* The head of a first block may be gone from the .heads file: then it begins later. */
            if (f.sequence != expected) CHECK(expected == 1 && f.sequence > 1);
            expected = f.sequence + 1;
            CHECK(f.session == sessions[i] && f.sequence <= FRAMES + 1);
            if (f.type == FRAME_SESSION_END) continue;
            int n = make_text(text, sizeof text, i, (int)f.sequence);
            CHECK(bytes_equal(f.body, bytes_make(text, (size_t)n)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct record_reader *r;
    struct record_verify_result result;
    unsigned differs = change(data, size);
    if (record_reader_open(folder, &keys.keys, &r) == 0) {
        struct record_block b;
        struct frame f;
        read_sessions(r);
        for (uint64_t at = 0; record_reader_follow(r, at, &b) == RECORD_READ_FRAME; at = b.next_position) {
            CHECK(b.next_position > at);
            while (record_reader_next(r, &f) == RECORD_READ_FRAME)
                CHECK(f.session == b.session);
        }
        record_reader_free(r);
    }
    CHECK(record_verify(folder, keys.keys.public_key, NULL, NULL, NULL, &result) == 0);
    if (differs == 0) CHECK(result.ok);
    /* Yes means: every block up to the newest checkpoint is there as it was. */
    if (result.ok) {
        CHECK(result.tree_size <= n_leaves && changed_n[0] >= block_end[result.tree_size]);
        CHECK(memcmp(files[0].changed, files[0].data, block_end[result.tree_size]) == 0);
    }
    return 0;
}
