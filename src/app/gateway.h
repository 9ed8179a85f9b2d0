/* The gateway: builds the world from a configuration, runs it until a signal, and takes it down in order. */
#ifndef POSTERN_APP_GATEWAY_H
#define POSTERN_APP_GATEWAY_H

struct gateway_options {
    const char *config; /* path */
    int ready_fd; /* -1, or where a line "ready PORT\n" is written once it listens (a supervisor, a test, the
                     demo) */
};
/* Returns the exit status: 0 after an orderly end, 2 where it could not start or could not go on. */
int gateway_run(const struct gateway_options *options);
#endif
