/* What client.c and exchange.c share of libcurl. */
#ifndef POSTERN_HTTP_CLIENT_PRIVATE_H
#define POSTERN_HTTP_CLIENT_PRIVATE_H
#include "base/buf.h"
#include <curl/curl.h>

/* Before anything else of libcurl, from any thread. */
void http_curl_ready(void);
/* CURLOPT_OPENSOCKETFUNCTION: called with the address that libcurl is about to connect to. context: a bool,
 * whether it must be of this machine. */
curl_socket_t http_curl_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address);
/* Adds "name: value" to the list; line is scratch, which the caller wipes. False: control characters in the
 * value, or no memory. */
bool http_curl_header(struct curl_slist **list, struct buf *line, const char *name,
                      struct bytes value) MUST_USE;
#endif
