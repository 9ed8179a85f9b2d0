/* Syslog over TLS (RFC 5425): a connection that is up becomes one under TLS, whose other end has proven the
 * name that the configuration has for it, to the authorities that it names. All of it blocks, on the stream's
 * own thread, and ends early once the stream is to stop. */
#ifndef POSTERN_APP_STREAM_TLS_H
#define POSTERN_APP_STREAM_TLS_H
#include "app/config.h"

enum { STREAM_TLS_WHY = 200 };
struct stream_tls;
/* Takes the connected socket over in any case. 0; -ENOMEM; -ECANCELED; -ETIMEDOUT; -EINVAL: the authorities
 * cannot be read; -EPROTO: no TLS came about, or not with who was meant. why_out says what is wrong, or
 * nothing. */
int stream_tls_open(const struct config_stream *to, int fd, const bool *stop, struct stream_tls **out,
                    char why_out[STREAM_TLS_WHY]) MUST_USE;
/* All of it handed to the kernel: 0 or -errno. */
int stream_tls_send(struct stream_tls *tls, struct bytes bytes) MUST_USE;
/* Whether the other end is gone; what it says meanwhile (session tickets; syslog has no answers) is read. */
bool stream_tls_is_gone(struct stream_tls *tls);
/* Says goodbye, closes. NULL is fine. */
void stream_tls_close(struct stream_tls *tls);
#endif
