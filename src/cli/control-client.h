/* A connection to a running gateway's control socket, <data>/control.sock. */
#ifndef POSTERN_CLI_CONTROL_CLIENT_H
#define POSTERN_CLI_CONTROL_CLIENT_H
#include "cli/control-line.h"

struct control_client {
    int fd; /* -1: not connected */
    struct buf in;
    struct arena arena; /* of the line that was read last */
};
/* 0; -ENOENT or -ECONNREFUSED: no gateway runs on this data folder; or -errno. */
int control_client_open(const char *data, struct control_client *c) MUST_USE;
void control_client_close(struct control_client *c);
/* Sends one line, written with control_line_*. 0 or -errno. */
int control_client_send(struct control_client *c, struct bytes line) MUST_USE;
/* The next line; waits for it at most timeout_ms. 1: a line; 0: none came in time; -EPIPE: the gateway ended
 * the connection; -EPROTO; or -errno. The line is borrowed until the next call. */
int control_client_receive(struct control_client *c, int timeout_ms, struct control_line *line_out) MUST_USE;
#endif
