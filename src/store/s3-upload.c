/* Multipart uploads. */
#include "store/s3-call.h"
#include "store/s3.h"
#include <stdio.h>

enum s3_outcome s3_upload_abort(struct s3 *s3, struct bytes key, const char *upload, struct s3_answer *answer)
{
    struct s3_call call = { .method = "DELETE", .key = key };
    s3_call_ask(&call, "uploadId", bytes_of(upload));
    return s3_call_run(s3, &call, answer);
}

static void on_begun(void *context, const struct xml_element *e)
{
    if (s3_at(e, "InitiateMultipartUploadResult/UploadId")) s3_take(context, S3_NAME, e->text);
}

enum s3_outcome s3_upload_begin(struct s3 *s3, const struct s3_object *object, char upload_out[S3_NAME],
                                struct s3_answer *answer)
{
    char until[32];
    struct s3_call call = { .method = "POST", .key = object->key };
    s3_call_lock(&call, &object->lock, until);
    if (object->sha256[0]) s3_call_head(&call, "x-amz-meta-sha256", bytes_of(object->sha256));
    s3_call_ask(&call, "uploads", (struct bytes){ 0 });
    upload_out[0] = 0;
    enum s3_outcome outcome = s3_call_xml(s3, &call, on_begun, upload_out, answer);
    if (outcome != S3_DONE || upload_out[0]) return outcome;
    snprintf(answer->why, sizeof answer->why, "it named no upload");
    return S3_FAILED;
}

struct uploads {
    void (*visit)(void *context, const char *upload);
    void *context;
    struct bytes key;
    char upload[S3_NAME];
    bool ours, more;
    char next_key[S3_KEY + 1], next_upload[S3_NAME];
};

static void on_upload(void *context, const struct xml_element *e)
{
    struct uploads *u = context;
    if (s3_at(e, "ListMultipartUploadsResult/Upload/Key")) u->ours = bytes_equal(e->text, u->key);
    if (s3_at(e, "ListMultipartUploadsResult/Upload/UploadId")) s3_take(u->upload, sizeof u->upload, e->text);
    if (s3_at(e, "ListMultipartUploadsResult/IsTruncated")) u->more = bytes_is(e->text, "true");
    if (s3_at(e, "ListMultipartUploadsResult/NextKeyMarker"))
        s3_take(u->next_key, sizeof u->next_key, e->text);
    if (s3_at(e, "ListMultipartUploadsResult/NextUploadIdMarker"))
        s3_take(u->next_upload, sizeof u->next_upload, e->text);
    if (s3_at(e, "ListMultipartUploadsResult/Upload") && u->ours && u->upload[0])
        u->visit(u->context, u->upload);
}

enum s3_outcome s3_uploads(struct s3 *s3, struct bytes key, void (*visit)(void *context, const char *upload),
                           void *context, struct s3_answer *answer)
{
    struct uploads u = { .visit = visit, .context = context, .key = key };
    for (int page = 0; page < S3_PAGES; page++) {
        char from_key[sizeof u.next_key], from_upload[S3_NAME];
        struct s3_call call = { .method = "GET" };
        memcpy(from_key, u.next_key, sizeof from_key);
        memcpy(from_upload, u.next_upload, sizeof from_upload);
        s3_call_ask(&call, "uploads", (struct bytes){ 0 });
        s3_call_ask(&call, "prefix", key);
        if (from_key[0]) s3_call_ask(&call, "key-marker", bytes_of(from_key));
        if (from_key[0] && from_upload[0]) s3_call_ask(&call, "upload-id-marker", bytes_of(from_upload));
        u.next_key[0] = 0;
        u.more = false;
        enum s3_outcome outcome = s3_call_xml(s3, &call, on_upload, &u, answer);
        if (outcome != S3_DONE || !u.more || !u.next_key[0]) return outcome;
    }
    return s3_call_endless(answer);
}

enum s3_outcome s3_upload_part(struct s3 *s3, struct bytes key, const char *upload, struct bytes body,
                               struct s3_part *part, struct s3_answer *answer)
{
    char number[16];
    struct s3_call call = { .method = "PUT", .key = key, .body = body };
    snprintf(number, sizeof number, "%u", part->number);
    s3_call_ask(&call, "partNumber", bytes_of(number));
    s3_call_ask(&call, "uploadId", bytes_of(upload));
    enum s3_outcome outcome = s3_call_run(s3, &call, answer);
    part->bytes = body.n;
    memcpy(part->etag, answer->etag, sizeof part->etag);
    if (outcome != S3_DONE || part->etag[0]) return outcome;
    snprintf(answer->why, sizeof answer->why, "it gave a part no ETag");
    return S3_FAILED;
}

struct parts {
    void (*visit)(void *context, const struct s3_part *part);
    void *context;
    struct s3_part part;
    unsigned last;
    bool more;
};

static void on_part(void *context, const struct xml_element *e)
{
    struct parts *p = context;
    int64_t n;
    bool number = bytes_to_int64(e->text, &n) && n >= 0;
    if (s3_at(e, "ListPartsResult/Part/PartNumber"))
        p->part.number = number && n <= S3_PARTS ? (unsigned)n : 0;
    if (s3_at(e, "ListPartsResult/Part/Size")) p->part.bytes = number ? (uint64_t)n : 0;
    if (s3_at(e, "ListPartsResult/Part/ETag")) s3_take(p->part.etag, sizeof p->part.etag, e->text);
    if (s3_at(e, "ListPartsResult/IsTruncated")) p->more = bytes_is(e->text, "true");
    if (!s3_at(e, "ListPartsResult/Part")) return;
    if (p->part.number) p->visit(p->context, &p->part);
    if (p->part.number > p->last) p->last = p->part.number;
    p->part = (struct s3_part){ 0 };
}

enum s3_outcome s3_upload_parts(struct s3 *s3, struct bytes key, const char *upload,
                                void (*visit)(void *context, const struct s3_part *part), void *context,
                                struct s3_answer *answer)
{
    struct parts p = { .visit = visit, .context = context };
    enum s3_outcome outcome = S3_FAILED;
    for (unsigned from = 0; from < S3_PARTS; from = p.last) {
        char marker[16];
        struct s3_call call = { .method = "GET", .key = key };
        snprintf(marker, sizeof marker, "%u", from);
        s3_call_ask(&call, "uploadId", bytes_of(upload));
        if (from) s3_call_ask(&call, "part-number-marker", bytes_of(marker));
        p.more = false;
        outcome = s3_call_xml(s3, &call, on_part, &p, answer);
        if (outcome != S3_DONE || !p.more || p.last <= from) break;
    }
    return outcome;
}

static void on_complete(void *context, const struct xml_element *e)
{
    struct s3_answer *a = context;
    if (s3_at(e, "CompleteMultipartUploadResult/ETag")) s3_take(a->etag, sizeof a->etag, e->text);
}

enum s3_outcome s3_upload_complete(struct s3 *s3, struct bytes key, const char *upload,
                                   const struct s3_part *parts, size_t n, struct s3_answer *answer)
{
    struct buf body;
    struct s3_answer told = { 0 };
    buf_init(&body, (size_t)4 << 20);
    buf_append_text(&body, "<CompleteMultipartUpload>");
    for (size_t i = 0; i < n; i++) {
        buf_printf(&body, "<Part><PartNumber>%u</PartNumber><ETag>&quot;", parts[i].number);
        xml_escape(&body, bytes_of(parts[i].etag));
        buf_append_text(&body, "&quot;</ETag></Part>");
    }
    buf_append_text(&body, "</CompleteMultipartUpload>");
    enum s3_outcome outcome = S3_FAILED;
    if (!body.failed) {
        struct s3_call call = { .method = "POST", .key = key, .body = buf_bytes(&body) };
        s3_call_ask(&call, "uploadId", bytes_of(upload));
        outcome = s3_call_xml(s3, &call, on_complete, &told, answer);
        if (told.etag[0]) memcpy(answer->etag, told.etag, sizeof answer->etag);
    }
    buf_free(&body);
    return outcome;
}
