/* Opening and closing a log: the world that lane.c, spares.c and sequencer.c work in. What a crash left is
 * sequenced before the first lane can be written, so that a tail never holds frames of two openings. */
#include "base/log.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "record/blocks-scan.h"
#include "record/sequencer.h"
#include "record/spares.h"
#include "record/tail-replay.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_DEFAULT = 64 << 20, SEGMENT_MOST = 1 << 30 };

struct record_log {
    struct record_options options;
    char *origin;
    int folder, tail_folder, lock;
    struct lane_shared shared;
    struct record_lane *lanes;
    struct spares spares;
    struct session_keys keys;
    struct blocks blocks;
    struct pack pack;
    struct sequencer sequencer;
    uint8_t boot_key[AEAD_KEY];
    bool spares_run, sequencer_runs;
};

static int open_folder(int at, const char *name, int *fd_out)
{
    if (mkdirat(at, name, 0700) < 0 && errno != EEXIST) return -errno;
    *fd_out = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd_out < 0 ? -errno : 0;
}

/* One process writes a log. */
static int lock_folder(struct record_log *log)
{
    log->lock = openat(log->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock < 0) return -errno;
    if (flock(log->lock, LOCK_EX | LOCK_NB) == 0) return 0;
    log_line(LOG_ERROR, "another process writes the log %s", log->options.folder);
    return -EBUSY;
}

static int open_files(struct record_log *log)
{
    int segments = -1;
    int error = open_folder(AT_FDCWD, log->options.folder, &log->folder);
    if (!error) error = lock_folder(log);
    if (!error) error = open_folder(log->folder, "tail", &log->tail_folder);
    if (!error) error = open_folder(log->folder, "segments", &segments);
    if (!error) close(segments);
    if (!error) error = session_keys_open(log->folder, &log->keys);
    return error;
}

static int settle_large(void *context)
{
    struct record_log *log = context;
    return blocks_segment_is_full(&log->blocks) ? sequencer_settle(&log->sequencer) : 0;
}

static int seal_everything(struct record_log *log)
{
    int error = pack_seal_due(&log->pack, INT64_MAX);
    return error ? error : sequencer_settle(&log->sequencer);
}

/* A GATEWAY frame about one lane's tail. */
static int note_lane(struct record_log *log, const struct tail_lane_report *r)
{
    struct buf body;
    if (r->frames == 0 && r->bytes_cut == 0) return 0;
    log_line(r->bytes_cut ? LOG_WARNING : LOG_INFO,
             "tail recovered: lane %u, %" PRIu64 " frames read, %" PRIu64 " bytes cut", r->lane, r->frames,
             r->bytes_cut);
    buf_init(&body, 1024);
    struct frame_fields fields = frame_fields_begin(&body);
    frame_fields_add_text(&fields, "event", "tail recovered");
    frame_fields_add_number(&fields, "lane", r->lane);
    frame_fields_add_number(&fields, "frames", (int64_t)r->frames);
    frame_fields_add_number(&fields, "bytes-cut", (int64_t)r->bytes_cut);
    int error =
        pack_own_frame(&log->pack, 0, FRAME_GATEWAY, clock_wall_us(log->options.clock), buf_bytes(&body));
    buf_free(&body);
    return error;
}

/* Each opening that left a tail: its lanes' frames go into blocks that carry its number, before the notes. */
static int replay_tail(struct record_log *log, const struct tail_files *files)
{
    uint64_t boot = log->pack.boot;
    struct tail_lane_report reports[FORMAT_LANES_MAX];
    unsigned n = 0;
    int error = 0;
    for (size_t at = 0; at < files->n && !error;) {
        log->pack.boot = files->files[at].head.boot;
        error = tail_replay_lane(log->tail_folder, files, &at, &log->pack, settle_large, log, &reports[n]);
        if (!error && n + 1 < FORMAT_LANES_MAX) n++;
        if (!error) error = pack_seal_due(&log->pack, INT64_MAX);
    }
    log->pack.boot = boot;
    for (unsigned i = 0; i < n && !error; i++)
        error = note_lane(log, &reports[i]);
    return error;
}

static int recover(struct record_log *log)
{
    struct tail_files files;
    unsigned n_ended = 0;
    int error = tail_files_list(log->tail_folder, &files);
    if (!error)
        error = blocks_scan(log->folder, &log->blocks, &log->pack, log->options.keys->public_key,
                            files.first_leaf, files.n ? files.files[0].head.boot : 0);
    /* A log without a segment gets its first. */
    if (!error && log->blocks.fd < 0) error = sequencer_settle(&log->sequencer);
    if (!error) error = replay_tail(log, &files);
    if (!error)
        error = pack_end_sessions(&log->pack, "gateway ended", clock_wall_us(log->options.clock), &n_ended);
    if (!error) error = seal_everything(log);
    if (!error) error = pack_begin_boot(&log->pack);
    if (!error) error = tail_files_remove(log->tail_folder, &files);
    if (!error && n_ended) log_line(LOG_INFO, "%u sessions that a crash left open were ended", n_ended);
    tail_files_free(&files);
    return error;
}

static int make_lanes(struct record_log *log)
{
    const struct record_options *o = &log->options;
    int error = 0;
    for (unsigned i = 0; i < o->n_lanes && !error; i++) {
        error = lane_init(&log->lanes[i], &log->shared, i, log->boot_key);
        log->lanes[i].last_ms = (int64_t)log->pack.newest_ms + 1; /* no number of an earlier opening again */
    }
    if (!error) error = o->keys->wrap(o->keys->context, log->boot_key, log->spares.wrapped);
    if (!error) error = spares_make_first(&log->spares);
    if (!error) error = spares_start(&log->spares);
    if (error) return error;
    log->spares_run = true;
    error = sequencer_start(&log->sequencer);
    log->sequencer_runs = !error;
    return error;
}

/* Everything that needs no file. */
static int prepare(struct record_log *log)
{
    const struct record_options *o = &log->options;
    log->blocks.sha = sha256_new();
    buf_init(&log->blocks.out, (size_t)16 << 20);
    buf_init(&log->blocks.heads_out, (size_t)16 << 20);
    log->origin = strdup(o->origin);
    log->blocks.segment_bytes = o->segment_bytes ? o->segment_bytes : BLOCKS_SEGMENT_BYTES;
    atomic_store(&log->shared.most_stored, UINT64_MAX);
    log->lanes = aligned_alloc(64, o->n_lanes * sizeof *log->lanes);
    if (!log->origin || !log->lanes || !log->blocks.sha) return -ENOMEM;
    memset(log->lanes, 0, o->n_lanes * sizeof *log->lanes);
    log->options.origin = log->origin;
    log->shared.clock = o->clock;
    log->shared.segment_size = o->tail_segment_bytes ? o->tail_segment_bytes : SEGMENT_DEFAULT;
    random_bytes(log->boot_key, sizeof log->boot_key);
    uint64_t boot = random_u64() | 1;
    log->spares = (struct spares){
        .shared = &log->shared, .lanes = log->lanes, .n_lanes = o->n_lanes, .tail_folder = -1, .boot = boot
    };
    log->sequencer = (struct sequencer){ .shared = &log->shared,
                                         .lanes = log->lanes,
                                         .n_lanes = o->n_lanes,
                                         .options = &log->options,
                                         .blocks = &log->blocks,
                                         .keys = &log->keys,
                                         .pack = &log->pack };
    log->sequencer.plain = malloc(FORMAT_BATCH_MAX);
    log->sequencer.aead = aead_new(AEAD_OPEN, log->boot_key);
    if (!log->sequencer.plain || !log->sequencer.aead) return -ENOMEM;
    return pack_init(&log->pack, &log->blocks, &log->keys, o->keys, o->clock, boot);
}

static bool options_fit(const struct record_options *o)
{
    return o->n_lanes >= 1 && o->n_lanes <= FORMAT_LANES_MAX && checkpoint_origin_fits(bytes_of(o->origin)) &&
           (o->tail_segment_bytes == 0 ||
            (o->tail_segment_bytes >= LANE_SEGMENT_LEAST && o->tail_segment_bytes <= SEGMENT_MOST &&
             o->tail_segment_bytes % 4096 == 0));
}

static void log_free(struct record_log *log, bool keep_tail)
{
    if (log->lanes && log->spares.tail_folder >= 0) spares_free(&log->spares, keep_tail);
    for (unsigned i = 0; log->lanes && i < log->options.n_lanes; i++)
        lane_free(&log->lanes[i]);
    free(log->lanes);
    free(log->sequencer.plain);
    aead_free(log->sequencer.aead);
    pack_free(&log->pack);
    blocks_free(&log->blocks);
    session_keys_close(&log->keys);
    if (log->tail_folder >= 0) close(log->tail_folder);
    if (log->folder >= 0) close(log->folder);
    if (log->lock >= 0) close(log->lock);
    secret_wipe(log->boot_key, sizeof log->boot_key);
    free(log->origin);
    free(log);
}

int record_log_open(const struct record_options *options, struct record_log **log_out)
{
    if (!options_fit(options)) return -EINVAL;
    struct record_log *log = aligned_alloc(64, (sizeof *log + 63) & ~(size_t)63);
    if (!log) return -ENOMEM;
    *log = (struct record_log){ .options = *options,
                                .folder = -1,
                                .tail_folder = -1,
                                .lock = -1,
                                .keys.fd = -1,
                                .blocks = { .folder = -1, .fd = -1, .heads_fd = -1, .checkpoints_fd = -1 } };
    int error = prepare(log);
    log->spares.tail_folder = -1;
    if (!error) error = open_files(log);
    if (!error) error = recover(log);
    log->spares.tail_folder = log->tail_folder;
    if (!error) {
        atomic_store(&log->shared.leaves, log->blocks.tree.size);
        error = make_lanes(log);
    }
    if (!error) {
        *log_out = log;
        return 0;
    }
    log_line(LOG_ERROR, "cannot open the log %s: %s", options->folder, strerror(-error));
    if (log->spares_run) spares_stop(&log->spares);
    log_free(log, false);
    return error;
}

void record_log_close(struct record_log *log)
{
    if (!log) return;
    int error = sequencer_stop(&log->sequencer);
    if (error)
        log_line(LOG_ERROR,
                 "the log could not be finished (%s): its tail is kept, and read when it is opened again",
                 strerror(-error));
    spares_stop(&log->spares);
    log_free(log, error != 0);
}

struct record_lane *record_log_lane(struct record_log *log, unsigned i)
{
    CHECK(i < log->options.n_lanes);
    return &log->lanes[i];
}

void record_log_allow(struct record_log *log, uint64_t more_bytes)
{
    uint64_t stored = atomic_load(&log->sequencer.n_stored);
    uint64_t most = more_bytes > UINT64_MAX - stored ? UINT64_MAX : stored + more_bytes;
    atomic_store(&log->shared.most_stored, most);
    atomic_store(&log->shared.spool_full, stored >= most);
    bell_ring(&log->shared.sequencer_bell);
}

void record_log_refuse(struct record_log *log, bool refuse)
{
    atomic_store(&log->shared.refused, refuse);
    bell_ring(&log->shared.sequencer_bell);
}

void record_log_wipe(struct record_log *log, bool on)
{
    atomic_store(&log->shared.wipes, on);
    bell_ring(&log->shared.spares_bell);
    bell_ring(&log->shared.sequencer_bell);
}

bool record_log_is_wiped(struct record_log *log, unsigned i)
{
    CHECK(i < log->options.n_lanes);
    struct record_lane *lane = &log->lanes[i];
    bell_ring(&log->shared.spares_bell);
    return atomic_load(&lane->wiped) >= atomic_load(&lane->turned);
}

void record_log_stats(struct record_log *log, struct record_stats *out)
{
    *out = (struct record_stats){
        .blocks = atomic_load_explicit(&log->sequencer.n_blocks, memory_order_relaxed),
        .bytes_stored = atomic_load_explicit(&log->sequencer.n_stored, memory_order_relaxed),
    };
    out->spool_full = atomic_load(&log->shared.spool_full);
    out->refusing = out->spool_full || atomic_load(&log->shared.refused);
    bool short_of_room = atomic_load(&log->shared.stalled) || atomic_load(&log->shared.tail_full);
    for (unsigned i = 0; i < log->options.n_lanes; i++) {
        struct record_lane *lane = &log->lanes[i];
        uint64_t consumed = atomic_load(&lane->consumed_bytes);
        out->frames += atomic_load_explicit(&lane->n_frames, memory_order_relaxed);
        out->bytes_appended += atomic_load_explicit(&lane->n_bytes, memory_order_relaxed);
        out->tail_backlog_bytes += atomic_load(&lane->committed_bytes) - consumed;
        if (atomic_load(&lane->dead) || (short_of_room && atomic_load(&lane->wants_room)))
            out->refusing = true;
    }
}
