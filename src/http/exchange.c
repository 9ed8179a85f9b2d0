/* An easy handle that is reset between exchanges keeps its connection. */
#include "http/exchange.h"
#include "base/secret.h"
#include "http/client-private.h"
#include <stdio.h>
#include <stdlib.h>

enum { CONNECT_MS = 10000, SLOW_BYTES = 1024, SLOW_S = 30 };

struct http_line {
    CURL *curl;
    char *ca; /* NULL: the system's */
    /* Of the exchange that is running. */
    const struct http_line_request *x;
    struct buf *body;
    bool loopback_only;
};

struct http_line *http_line_new(struct bytes ca)
{
    http_curl_ready();
    struct http_line *line = calloc(1, sizeof *line);
    if (!line) return NULL;
    line->curl = curl_easy_init();
    if (ca.n) line->ca = strndup((const char *)ca.p, ca.n);
    if (line->curl && (!ca.n || line->ca)) return line;
    http_line_free(line);
    return NULL;
}

void http_line_free(struct http_line *line)
{
    if (!line) return;
    curl_easy_cleanup(line->curl);
    free(line->ca);
    free(line);
}

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
    struct http_line *line = context;
    buf_append(line->body, bytes_make(data, size * n));
    return line->body->failed ? 0 : size * n;
}

static struct bytes trim(struct bytes text)
{
    while (text.n && text.p[0] <= ' ')
        text = bytes_slice(text, 1, text.n);
    while (text.n && text.p[text.n - 1] <= ' ')
        text.n--;
    return text;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
    struct http_line *line = context;
    struct bytes text = bytes_make(data, size * n);
    const uint8_t *colon = text.n ? memchr(text.p, ':', text.n) : NULL;
    if (colon && line->x->on_header) {
        size_t at = (size_t)(colon - text.p);
        line->x->on_header(line->x->context, bytes_slice(text, 0, at),
                           trim(bytes_slice(text, at + 1, text.n)));
    }
    return size * n;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    const struct http_line *line = context;
    return line->x->cancel && atomic_load(line->x->cancel);
}

static bool set_guards(struct http_line *line)
{
    CURL *curl = line->curl;
    bool ok =
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, line->loopback_only ? "http" : "https") == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK; /* what was signed is what is asked */
    ok &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
    if (line->ca) ok &= curl_easy_setopt(curl, CURLOPT_CAINFO, line->ca) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)line->x->deadline_ms) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_XFERINFODATA, line) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, http_curl_socket) == CURLE_OK;
    ok &= curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &line->loopback_only) == CURLE_OK;
    /* Proxies of the environment stand for HTTPS, where they see nothing; never for loopback. */
    if (line->loopback_only) ok &= curl_easy_setopt(curl, CURLOPT_NOPROXY, "*") == CURLE_OK;
    return ok;
}

static bool set_method(struct http_line *line)
{
    const struct http_line_request *x = line->x;
    CURL *curl = line->curl;
    if (strcmp(x->method, "HEAD") == 0) return curl_easy_setopt(curl, CURLOPT_NOBODY, 1L) == CURLE_OK;
    if (strcmp(x->method, "GET") == 0) return curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    bool ok = true;
    if (strcmp(x->method, "DELETE") != 0) {
        const char *body = x->body.n ? (const char *)x->body.p : "";
        ok = curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK;
        ok &= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->body.n) == CURLE_OK;
        ok &= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    }
    return ok && curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, x->method) == CURLE_OK;
}

static bool prepare(struct http_line *line, const char *url, struct curl_slist **headers_out)
{
    const struct http_line_request *x = line->x;
    struct buf scratch;
    bool ok =
        curl_easy_setopt(line->curl, CURLOPT_URL, url) == CURLE_OK && set_guards(line) && set_method(line);
    ok = ok && curl_easy_setopt(line->curl, CURLOPT_USERAGENT, "postern") == CURLE_OK;
    ok = ok && curl_easy_setopt(line->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
    ok = ok && curl_easy_setopt(line->curl, CURLOPT_WRITEDATA, line) == CURLE_OK;
    ok = ok && curl_easy_setopt(line->curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    ok = ok && curl_easy_setopt(line->curl, CURLOPT_HEADERDATA, line) == CURLE_OK;
    buf_init(&scratch, 64 * 1024);
    for (size_t i = 0; ok && i < x->n_headers; i++)
        ok = http_curl_header(headers_out, &scratch, x->headers[i].name, x->headers[i].value);
    if (scratch.data) secret_wipe(scratch.data, scratch.size);
    buf_free(&scratch);
    return ok && curl_easy_setopt(line->curl, CURLOPT_HTTPHEADER, *headers_out) == CURLE_OK;
}

static enum http_outcome perform(struct http_line *line, struct http_answered *answer)
{
    CURLcode code = curl_easy_perform(line->curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo(line->curl, CURLINFO_RESPONSE_CODE, &answer->status);
        return HTTP_ANSWERED;
    }
    enum http_outcome outcome = code == CURLE_OPERATION_TIMEDOUT                  ? HTTP_TIMED_OUT
                                : code == CURLE_WRITE_ERROR && line->body->failed ? HTTP_TOO_LONG
                                                                                  : HTTP_FAILED;
    snprintf(answer->why, sizeof answer->why, "%s",
             outcome == HTTP_TOO_LONG            ? "the answer is too long"
             : code == CURLE_ABORTED_BY_CALLBACK ? "it was called off"
                                                 : curl_easy_strerror(code));
    return outcome;
}

enum http_outcome http_line_exchange(struct http_line *line, const struct http_line_request *x,
                                     struct buf *body, struct http_answered *answer_out)
{
    struct curl_slist *headers = NULL;
    enum http_outcome outcome = HTTP_FAILED;
    enum http_url_kind kind = http_url_kind(x->url);
    *answer_out = (struct http_answered){ .max_age_s = -1, .why = "the URL is not one that may be fetched" };
    char *url = kind == HTTP_URL_REFUSED ? NULL : strndup((const char *)x->url.p, x->url.n);
    if (!url) return HTTP_FAILED;
    line->x = x;
    line->body = body;
    line->loopback_only = kind == HTTP_URL_LOOPBACK;
    curl_easy_reset(line->curl);
    if (prepare(line, url, &headers))
        outcome = perform(line, answer_out);
    else
        snprintf(answer_out->why, sizeof answer_out->why, "libcurl cannot be set up");
    /* Nothing of this exchange is kept: its headers hold a signature, and its body is the caller's. */
    curl_easy_reset(line->curl);
    curl_slist_free_all(headers);
    line->x = NULL;
    line->body = NULL;
    free(url);
    return outcome;
}
