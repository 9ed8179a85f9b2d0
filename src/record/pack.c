/* Sessions and their open blocks. A session is known from its first frame to the sealing of its end; it holds
 * a buffer only while a block is open. Always true here: an open block's frames have sequences without gaps;
 * the list of open blocks is in order of opening; under one key no block number is used twice, since numbers
 * only grow while a key lives, and a key lives no longer than one opening of the log. */
#include "record/pack.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/random.h"
#include "record/pack-seal.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum { SESSIONS_MAX = 1 << 20 };

static void session_init(struct pack_session *s, uint64_t id, struct pack_chain *chain)
{
    *s = (struct pack_session){ .own.id = id };
    s->chain = chain ? chain : &s->own;
    buf_init(&s->plain, FORMAT_BLOCK_PLAIN_MAX);
}

int pack_init(struct pack *p, struct blocks *blocks, struct session_keys *keys,
              const struct record_keys *wrapper, const struct clock *clock, uint64_t boot)
{
    *p = (struct pack){
        .blocks = blocks, .keys = keys, .wrapper = wrapper, .clock = clock, .boot = boot, .step = UINT_MAX
    };
    map_init(&p->sessions, SESSIONS_MAX, random_u64());
    for (size_t i = 0; i <= FORMAT_LANES_MAX; i++) {
        session_init(&p->of_lane[i], 0, &p->gateway);
        p->of_lane[i].lane = i < FORMAT_LANES_MAX ? (uint32_t)i : PACK_GATEWAY_LANE;
    }
    uint8_t no_key[AEAD_KEY] = { 0 };
    p->zstd = ZSTD_createCCtx();
    p->aead = aead_new(AEAD_SEAL, no_key);
    p->compressed = malloc(FORMAT_BLOCK_CIPHER_MAX);
    if (!p->zstd || !p->aead || !p->compressed) return -ENOMEM;
    pack_adapt(p, 0);
    return 0;
}

static void session_free(void *value)
{
    struct pack_session *s = value;
    buf_free(&s->plain);
    secret_wipe(&s->own, sizeof s->own);
    free(s);
}

void pack_free(struct pack *p)
{
    map_free(&p->sessions, session_free);
    for (size_t i = 0; i <= FORMAT_LANES_MAX; i++)
        buf_free(&p->of_lane[i].plain);
    secret_wipe(&p->gateway, sizeof p->gateway);
    ZSTD_freeCCtx(p->zstd);
    aead_free(p->aead);
    free(p->compressed);
}

static struct bytes id_key(const uint64_t *id)
{
    return bytes_make(id, sizeof *id);
}

static struct pack_session *session_known(struct pack *p, uint64_t id)
{
    return map_get(&p->sessions, id_key(&id));
}

static struct pack_session *session_add(struct pack *p, uint64_t id)
{
    struct pack_session *s = malloc(sizeof *s);
    if (!s) return NULL;
    session_init(s, id, NULL);
    s->next_sequence = 1;
    if (map_put(&p->sessions, id_key(&id), s, NULL) == MAP_ADDED) {
        if (id >> 22 > p->newest_ms) p->newest_ms = id >> 22;
        return s;
    }
    free(s);
    return NULL;
}

int pack_resume(struct pack *p, const struct pack_chain *chain, bool ended)
{
    if (chain->id == 0) {
        p->gateway = *chain;
        p->gateway.key_index = 0;
        return 0;
    }
    struct pack_session *s = session_known(p, chain->id);
    if (!s) s = session_add(p, chain->id);
    if (!s) return -ENOMEM;
    s->own = *chain;
    s->own.key_index = 0;
    s->next_sequence = chain->last_sequence + 1;
    s->ended = ended;
    return 0;
}

static void open_list_add(struct pack *p, struct pack_session *s)
{
    s->opened = ++p->n_opened;
    s->opened_us = clock_monotonic_us(p->clock);
    s->older = p->newest;
    s->newer = NULL;
    if (p->newest)
        p->newest->newer = s;
    else
        p->oldest = s;
    p->newest = s;
}

static void open_list_remove(struct pack *p, struct pack_session *s)
{
    *(s->older ? &s->older->newer : &p->oldest) = s->newer;
    *(s->newer ? &s->newer->older : &p->newest) = s->older;
}

/* Seals the session's open block, and forgets the session if that was its end. */
static int session_seal(struct pack *p, struct pack_session *s)
{
    if (s->n_frames == 0) return 0;
    int error = pack_seal(p, s);
    if (error) return error;
    open_list_remove(p, s);
    p->open_bytes -= buf_length(&s->plain);
    buf_free(&s->plain);
    s->n_frames = s->types = 0;
    s->shrunk = 0;
    if (!s->ended) return 0;
    uint64_t id = s->own.id;
    map_take(&p->sessions, id_key(&id));
    session_free(s);
    return 0;
}

/* The session's place for a frame; room is made first, so that adding cannot fail half-way. */
static int session_make_room(struct pack *p, struct pack_session *s, const struct frame *f)
{
    size_t need = format_packed_bound(f->body.n);
    bool gap = s->own.id && f->sequence != s->next_sequence;
    if (gap)
        log_line(LOG_ERROR, "session %016llx goes on at frame %u, %u was expected",
                 (unsigned long long)s->own.id, f->sequence, s->next_sequence);
    if (s->n_frames && (gap || buf_length(&s->plain) + need > PACK_BLOCK)) {
        int error = session_seal(p, s);
        if (error) return error;
    }
    while (p->oldest && p->open_bytes + need > PACK_OPEN_BYTES) {
        int error = session_seal(p, p->oldest);
        if (error) return error;
    }
    return buf_room(&s->plain, need) ? 0 : -ENOMEM;
}

static int session_put(struct pack *p, struct pack_session *s, const struct frame *f, uint64_t lane_frame)
{
    int error = session_make_room(p, s, f);
    if (error) {
        s->plain.failed = false;
        return error;
    }
    if (s->n_frames == 0) {
        open_list_add(p, s);
        s->first_us = s->last_us = f->time_us;
        s->first_sequence = f->sequence;
    }
    size_t before = buf_length(&s->plain);
    format_packed_put(&s->plain, f, s->last_us);
    p->open_bytes += buf_length(&s->plain) - before;
    s->n_frames++;
    if (f->flags & FRAME_ZSTD) s->shrunk += f->body.n;
    s->types |= frame_type_bit(f->type);
    s->last_us = f->time_us;
    s->lane_frame = lane_frame;
    s->next_sequence = f->sequence + 1;
    return 0;
}

int pack_frame(struct pack *p, const struct frame *f, uint32_t lane, uint64_t lane_frame)
{
    if (f->session == 0) {
        struct pack_session *g = &p->of_lane[lane < FORMAT_LANES_MAX ? lane : FORMAT_LANES_MAX];
        if (lane < FORMAT_LANES_MAX && lane_frame <= g->lane_frame) return 0;
        return session_put(p, g, f, lane_frame);
    }
    struct pack_session *s = session_known(p, f->session);
    if (!s) s = session_add(p, f->session);
    if (!s) return -ENOMEM;
    if (f->sequence < s->next_sequence) return 0;
    if (s->ended) {
        log_line(LOG_ERROR, "session %016llx goes on behind its end", (unsigned long long)f->session);
        return 0;
    }
    s->lane = lane;
    int error = session_put(p, s, f, lane_frame);
    if (!error && f->type == FRAME_SESSION_END) s->ended = true;
    return error;
}

int pack_own_frame(struct pack *p, uint64_t session, enum frame_type type, int64_t time_us, struct bytes body)
{
    struct frame f = { .session = session, .type = (uint8_t)type, .time_us = time_us, .body = body };
    struct pack_session *s = session ? session_known(p, session) : &p->of_lane[FORMAT_LANES_MAX];
    CHECK(s != NULL);
    f.sequence = session ? s->next_sequence : 0;
    int error = session_put(p, s, &f, 0);
    if (!error && type == FRAME_SESSION_END) s->ended = true;
    return error;
}

int pack_seal_due(struct pack *p, int64_t now_us)
{
    while (p->oldest && (now_us == INT64_MAX || now_us - p->oldest->opened_us >= PACK_OPEN_US)) {
        int error = session_seal(p, p->oldest);
        if (error) return error;
    }
    return 0;
}

/* The further behind, the faster: zstd's negative levels trade ratio for speed, and a small hash table stays
 * in the processor's nearest cache. Figures stand in README.md. */
void pack_adapt(struct pack *p, uint64_t backlog)
{
    static const struct {
        uint64_t from;
        int level, hash_log; /* 0: zstd's own choice */
    } steps[] = { { 0, 1, 0 }, { 2 << 20, 1, 12 }, { 32 << 20, -3, 11 } };
    unsigned step = 0;
    while (step + 1 < sizeof steps / sizeof steps[0] && backlog >= steps[step + 1].from)
        step++;
    if (step == p->step) return;
    p->step = step;
    ZSTD_CCtx_reset(p->zstd, ZSTD_reset_session_and_parameters);
    ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, steps[step].level);
    ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_hashLog, steps[step].hash_log);
}

struct id_list {
    uint64_t *ids;
    size_t n;
    bool ended;
};

static void list_one(void *context, struct bytes key, void *value)
{
    struct id_list *list = context;
    struct pack_session *s = value;
    (void)key;
    if (s->ended == list->ended) list->ids[list->n++] = s->own.id;
}

/* The sessions that have ended, or those that have not; free the ids. */
static int list_sessions(struct pack *p, bool ended, struct id_list *list_out)
{
    *list_out = (struct id_list){ .ids = malloc((p->sessions.n + 1) * sizeof(uint64_t)), .ended = ended };
    if (!list_out->ids) return -ENOMEM;
    map_each(&p->sessions, list_one, list_out);
    return 0;
}

int pack_end_sessions(struct pack *p, const char *reason, int64_t time_us, unsigned *n_out)
{
    struct buf body;
    struct id_list list;
    int error = list_sessions(p, false, &list);
    if (error) return error;
    buf_init(&body, 1024);
    struct frame_fields fields = frame_fields_begin(&body);
    frame_fields_add_text(&fields, "reason", reason);
    for (size_t i = 0; i < list.n && !error; i++) {
        session_known(p, list.ids[i])->lane = PACK_GATEWAY_LANE;
        error = pack_own_frame(p, list.ids[i], FRAME_SESSION_END, time_us, buf_bytes(&body));
    }
    *n_out = (unsigned)list.n;
    buf_free(&body);
    free(list.ids);
    return error;
}

int pack_begin_boot(struct pack *p)
{
    struct id_list list;
    int error = list_sessions(p, true, &list);
    if (error) return error;
    for (size_t i = 0; i < list.n; i++)
        session_free(map_take(&p->sessions, id_key(&list.ids[i])));
    for (size_t i = 0; i < FORMAT_LANES_MAX; i++)
        p->of_lane[i].lane_frame = 0;
    free(list.ids);
    return 0;
}
