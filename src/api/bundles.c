/* /v1/sessions/{session}/bundle: what `postern audit export` writes, while it is written; and
 * /v1/log/proof, the proof that one entry's block stands in the log. */
#include "api/handlers.h"
#include "api/private.h"
#include "base/codec.h"
#include "record/bundle.h"
#include "record/entry-proof.h"
#include "record/verifier-key.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { AHEAD = 1 << 20, TRIES = 75, PAUSE_MS = 200, NOTE = 16384, ANSWER = 1 << 20 };

struct proving {
    struct making *making;
    struct api *api;
    uint64_t session;
    uint32_t sequence; /* 0: a bundle is wanted */
    int64_t now_us;
    uint8_t public_key[32];
};

static int put(void *context, const void *data, size_t n)
{
    struct proving *p = context;
    return making_put(p->making, data, n);
}

static enum bundle_outcome write_bundle(struct proving *p, char message[300])
{
    const struct bundle_request request = { .folder = readers_folder(p->api->readers),
                                            .keys = readers_keys(p->api->readers),
                                            .far = readers_far(p->api->readers),
                                            .public_key = p->public_key,
                                            .sessions = &p->session,
                                            .n_sessions = 1,
                                            .now_us = p->now_us,
                                            .version = POSTERN_VERSION,
                                            .put = put,
                                            .context = p };
    struct bundle_written written;
    enum bundle_outcome got = bundle_write(&request, -1, &written);
    snprintf(message, 300, "%s", written.message);
    return got;
}

static void hash_member(struct json_writer *w, const char *name, const uint8_t hash[32])
{
    struct buf hex;
    buf_init(&hex, 128);
    codec_hex(bytes_make(hash, 32), &hex);
    if (name)
        json_write_text_member(w, name, buf_bytes(&hex));
    else
        json_write_text(w, buf_bytes(&hex));
    buf_free(&hex);
}

static void write_proof(const struct entry_proof *proof, struct bytes note, struct buf *out)
{
    struct json_writer w = json_writer_over(out);
    struct buf head;
    buf_init(&head, 4096);
    codec_base64(CODEC_BASE64, bytes_make(proof->head, sizeof proof->head), &head);
    json_write_object(&w);
    api_write_session_id(&w, "session", proof->block.session);
    api_write_uint(&w, "first_sequence", proof->block.first_sequence);
    api_write_uint(&w, "last_sequence", proof->block.last_sequence);
    api_write_uint(&w, "leaf", proof->block.leaf);
    json_write_text_member(&w, "head", buf_bytes(&head));
    hash_member(&w, "leaf_hash", proof->leaf_hash);
    api_write_uint(&w, "size", proof->tree_size);
    json_write_name(&w, "proof");
    json_write_array(&w);
    for (unsigned i = 0; i < proof->n_nodes; i++)
        hash_member(&w, NULL, proof->nodes[i].hash);
    json_write_end(&w);
    json_write_text_member(&w, "checkpoint", note);
    json_write_end(&w);
    buf_free(&head);
}

static enum bundle_outcome answer_proof(struct proving *p, char message[300])
{
    struct entry_proof proof;
    struct buf note, out;
    buf_init(&note, NOTE);
    buf_init(&out, ANSWER);
    enum bundle_outcome got = entry_proof_find(readers_folder(p->api->readers), p->public_key, p->session,
                                               p->sequence, &proof, &note, message);
    if (got == BUNDLE_WRITTEN) {
        write_proof(&proof, buf_bytes(&note), &out);
        struct bytes b = buf_bytes(&out);
        if (out.failed || note.failed || making_put(p->making, b.p, b.n)) {
            snprintf(message, 300, "out of memory");
            got = BUNDLE_REFUSED;
        }
    }
    buf_free(&note);
    buf_free(&out);
    return got;
}

/* What was written last is covered by a checkpoint within a second or two. */
static void make(struct making *making, void *context)
{
    struct proving *p = context;
    char message[300] = "";
    enum bundle_outcome got = BUNDLE_LATER;
    p->making = making;
    for (int i = 0; i < TRIES && got == BUNDLE_LATER && making_is_wanted(making); i++) {
        if (i) nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
        got = p->sequence ? answer_proof(p, message) : write_bundle(p, message);
    }
    switch (got) {
    case BUNDLE_WRITTEN: break;
    case BUNDLE_LATER:
        making_fail(making, 409, "conflict", "The session has blocks that no checkpoint covers yet.");
        break;
    case BUNDLE_REFUSED: making_fail(making, 409, "conflict", "It cannot be proven: %s.", message); break;
    }
}

static struct proving *begin(struct api_call *call, struct bytes session)
{
    struct api_session known;
    uint64_t id;
    if (!api_session_id(call, session, &id) || !api_session_look(call, id, &known)) return NULL;
    struct bytes path = arena_printf(call->arena, "%s/log.pub", call->options->data);
    struct proving *p = calloc(1, sizeof *p);
    if (!p || !path.p || verifier_key_load((const char *)path.p, p->public_key, NULL)) {
        free(p);
        api_problem(call, 503, "unavailable", "The log's public key cannot be read now.");
        return NULL;
    }
    p->api = call->api;
    p->session = id;
    p->now_us = call->now_us;
    return p;
}

void api_sessions_bundle(struct api_call *call)
{
    char id[14];
    struct proving *p = begin(call, call->id);
    if (!p) return;
    if (!api_look_is_recorded(call, p->session, 1, "export")) {
        free(p);
        return;
    }
    session_id_format(p->session, id);
    const struct making_plan plan = { .make = make,
                                      .free = free,
                                      .context = p,
                                      .ahead = AHEAD,
                                      .type = "application/x-tar",
                                      .filename = arena_printf(call->arena, "session-%s.bundle", id) };
    making_start(call, &plan);
}

/* Hashes are no look at what was recorded. */
void api_log_proof(struct api_call *call)
{
    uint64_t entry;
    struct bytes session = api_query(call, "session");
    if (!api_query_number(call, "entry", 1, 1, UINT32_MAX, &entry)) return;
    struct proving *p = begin(call, session);
    if (!p) return;
    p->sequence = (uint32_t)entry;
    const struct making_plan plan = {
        .make = make, .free = free, .context = p, .ahead = AHEAD, .type = "application/json"
    };
    making_start(call, &plan);
}
