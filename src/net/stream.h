/* A byte stream to a peer, never blocking: a TCP or Unix-domain socket, in clear or under TLS. The stream
 * does not own its place in a loop; it says what it wants to wait for. The process ignores SIGPIPE: OpenSSL
 * writes with write(2). */
#ifndef POSTERN_NET_STREAM_H
#define POSTERN_NET_STREAM_H
#include "base/bytes.h"
#include "base/check.h"
#include "net/address.h"
#include "net/tls.h"

struct stream {
    int fd;           /* -1: none */
    void *tls;        /* SSL, or NULL in clear */
    bool wants_write; /* the last AGAIN of a read or handshake is for want of writing (TLS) */
    bool wants_read;  /* the last AGAIN of a write is for want of reading (TLS) */
};

/* FAILED: the stream is of no more use. EOF: the peer has ended its side in order. AGAIN: nothing now. */
enum stream_io { STREAM_FAILED = 0, STREAM_EOF, STREAM_AGAIN, STREAM_DONE };

/* Takes over a connected or connecting socket, sets it non-blocking, TCP_NODELAY and keep-alive. */
void stream_init(struct stream *s, int fd);
/* Starts connecting; STREAM_AGAIN: wait for writability, then stream_connected. *error_out gets -errno on
 * failure. */
enum stream_io stream_connect(struct stream *s, const struct address *to, int *error_out) MUST_USE;
enum stream_io stream_connected(struct stream *s, int *error_out) MUST_USE;
/* Reads at most n bytes (at least 1) once or, under TLS, until n or nothing more; *n_out > 0 with DONE. Under
 * TLS an end without close_notify is FAILED: it may have been cut off. */
enum stream_io stream_read(struct stream *s, uint8_t *to, size_t n, size_t *n_out) MUST_USE;
/* What was decrypted and not read yet: a loop would not wake for it. */
size_t stream_pending(const struct stream *s);
/* Writes what fits of at least 1 byte; DONE with *n_out > 0, or AGAIN, or FAILED. Under TLS, what is written
 * after an AGAIN begins with the same bytes and is no shorter; it may have moved. */
enum stream_io stream_write(struct stream *s, struct bytes from, size_t *n_out) MUST_USE;

/* From now on under TLS; the caller has made sure that nothing in clear was read past the request.
 * server_name: for SNI and verification. -ENOMEM; -EINVAL: TLS_CHECK_FULL and a
 * name that no certificate can have. */
int stream_start_tls_server(struct stream *s, struct tls_server *tls) MUST_USE;
int stream_start_tls_client(struct stream *s, struct tls_client *tls, const char *server_name) MUST_USE;
/* Goes on with the handshake; DONE when it is over. message_out (may be NULL): a sentence about a failure,
 * valid until the next call of this thread. */
enum stream_io stream_handshake(struct stream *s, const char **message_out) MUST_USE;
/* After a handshake, on a server's side: whether ALPN selected "postgresql". */
bool stream_alpn_is_postgresql(const struct stream *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" in clear; valid while the stream lives, at most 100 bytes. */
void stream_describe_tls(const struct stream *s, char out[100]);
/* RFC 5929 tls-server-end-point of the peer's certificate (on a client's side): its length, at most 64, or 0
 * where there is no certificate. With the hash of the certificate's signature; SHA-256 in place of MD5, of
 * SHA-1, and where the signature has none of its own. */
size_t stream_peer_end_point(const struct stream *s, uint8_t out[64]);
/* The same of the certificate that we showed. */
size_t stream_own_end_point(const struct stream *s, uint8_t out[64]);
/* Closes without ceremony (TLS gets its close_notify, as far as it goes without waiting). */
void stream_close(struct stream *s);
/* Ends our sending side, so that the peer reads all and then the end. */
void stream_shutdown(struct stream *s);
#endif
