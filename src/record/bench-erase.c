/* How long erasing takes in a large store. FOLDER has an index that bench-record-find made; beside it a log
 * is made with a key and a block for each session of it (once), and then each SUBJECT is erased, and each
 * step of it timed.
 *
 * usage: bench-record-erase FOLDER SUBJECT... */
#include "base/clock.h"
#include "crypto/random.h"
#include "record/blocks.h"
#include "record/erase.h"
#include "record/index-erase.h"
#include "record/index-private.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CIPHER = 400, PATH = 4096 };

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int error, const char *what)
{
    if (!error) return;
    fprintf(stderr, "%s: %d\n", what, error);
    exit(1);
}

static FILE *file_of(const char *folder, const char *name)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/log/%s", folder, name);
    FILE *file = fopen(path, "we");
    if (!file) must(1, path);
    return file;
}

/* Heads and ciphertexts are bytes of the right form: nothing here opens them. */
static void make_log(const char *folder, struct index *index)
{
    static const char *const folders[] = { "log", "log/segments" };
    char path[PATH];
    uint8_t head[FORMAT_SEGMENT_HEAD], raw[FORMAT_BLOCK_HEAD], at[8], cipher[CIPHER];
    uint64_t index_of_key, offset = FORMAT_SEGMENT_HEAD;
    struct session_keys keys;
    struct sqlite_query *q;
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        mkdir(path, 0700);
    }
    snprintf(path, sizeof path, "%s/log", folder);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(session_keys_open(fd, &keys), "keys");
    if (keys.n > 1) return;
    FILE *heads = file_of(folder, "segments/000000000000.heads"),
         *blocks = file_of(folder, "segments/000000000000.blocks");
    format_segment_encode(0, head);
    fwrite(head, 1, sizeof head, blocks);
    random_bytes(cipher, sizeof cipher);
    must(sqlite_query_new(index->db, "SELECT id FROM session ORDER BY id", &q), "sessions");
    struct format_block b = { .number = 1, .first_sequence = 1, .last_sequence = 9, .cipher_length = CIPHER };
    for (; sqlite_query_step(q) == SQLITE_STEP_ROW; b.leaf++) {
        b.session = (uint64_t)sqlite_query_int(q, 0);
        must(session_keys_add(&keys, b.session, cipher, &index_of_key), "key");
        b.key = index_of_key;
        b.plain_length = CIPHER - 16;
        format_block_encode(&b, raw);
        format_put_u64(at, offset);
        fwrite(raw, 1, sizeof raw, heads);
        fwrite(at, 1, sizeof at, heads);
        fwrite(raw, 1, sizeof raw, blocks);
        fwrite(cipher, 1, sizeof cipher, blocks);
        offset += sizeof raw + sizeof cipher;
    }
    sqlite_query_free(q);
    fclose(heads);
    fclose(blocks);
    session_keys_close(&keys);
    close(fd);
    printf("a log of %llu blocks is made\n", (unsigned long long)b.leaf);
}

static void take(void *context, const struct index_mortal *mortal)
{
    session_set_add(context, mortal->session);
}

static bool say_yes(void *context, struct bytes body)
{
    (void)body;
    ++*(int *)context;
    return true;
}
static bool wiped(void *context)
{
    (void)context;
    return true;
}

static double step(const char *what, double began)
{
    double now = seconds();
    printf("  %-34s %8.3f s\n", what, now - began);
    return now;
}

static void erase_in_steps(const char *folder, struct index *index, const struct session_set *set)
{
    char path[PATH];
    struct index_grave what = { .grave = { .erasure = 1, .erased_us = 1 } };
    uint64_t shapes, blocks, bytes;
    double t = seconds();
    snprintf(path, sizeof path, "%s/log/keys", folder);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int64_t keys = session_keys_erase(fd, set->sessions, set->n, &what.grave);
    close(fd);
    must(keys < 0, "keys");
    t = step("keys", t);
    must(index_erase(index, set->sessions, set->n, &what, &shapes), "index");
    t = step("index", t);
    snprintf(path, sizeof path, "%s/log", folder);
    must(erase_blocks(path, set->sessions, set->n, &blocks, &bytes), "blocks");
    t = step("blocks", t);
    snprintf(path, sizeof path, "%s/index.db", folder);
    must(index_scrub(index, path), "scrubbing");
    step("scrubbing the index", t);
}

int main(int argc, char **argv)
{
    char path[PATH];
    struct index *index;
    int notes = 0;
    if (argc < 3) return 2;
    snprintf(path, sizeof path, "%s/index.db", argv[1]);
    must(index_open(path, INDEX_WRITE, &index), path);
    make_log(argv[1], index);
    for (int i = 2; i < argc; i++) {
        struct session_set set = { 0 };
        struct erase_result result = { 0 };
        double t = seconds();
        must(index_of_subject(index, bytes_of(argv[i]), (struct bytes){ 0 }, take, &set), "subject");
        session_set_sort(&set);
        printf("%s: %zu sessions\n", argv[i], set.n);
        step("finding them", t);
        if (i + 1 < argc) {
            erase_in_steps(argv[1], index, &set);
        } else {
            struct erase_place place = { .data = argv[1],
                                         .index = index,
                                         .clock = &clock_system,
                                         .note = say_yes,
                                         .wipe = wiped,
                                         .context = &notes };
            struct erase_order order = { .sessions = set.sessions,
                                         .n = set.n,
                                         .by = BYTES_LITERAL("bench"),
                                         .reason = BYTES_LITERAL("bench"),
                                         .how = BYTES_LITERAL("subject") };
            must(erase_run(&place, &order, &result), result.step);
            printf("  %llu keys, %llu blocks, %d frames\n", (unsigned long long)result.keys,
                   (unsigned long long)result.blocks, notes);
        }
        step("from beginning to end", t);
        session_set_free(&set);
    }
    index_free(index);
    return 0;
}
