/* What demo.c and demo-play.c share. */
#ifndef POSTERN_APP_DEMO_PRIVATE_H
#define POSTERN_APP_DEMO_PRIVATE_H
#include "app/demo.h"
#include "base/arena.h"
#include <sys/types.h>

enum { DEMO_PATH = 256 };
struct demo_issuer;
struct demo {
    const struct demo_options *options;
    char folder[DEMO_PATH], bin[DEMO_PATH], self[DEMO_PATH], port[16];
    char password[33];
    const char *user; /* that runs PostgreSQL; NULL: ours */
    pid_t postgres, gateway;
    struct demo_issuer *issuer;
    struct arena arena;
};

/* Says what failed, on standard error; false. status: an exit status, or -errno. */
bool demo_failed(const char *what, int status);
void demo_headline(const char *text);
char *demo_path(struct demo *d, const char *name);
/* Runs `postern WORDS… --data FOLDER`. environment: NULL, or what run.h says. */
bool demo_ask(struct demo *d, const char *const *environment, const char *what,
              const char *const *words) MUST_USE;
/* The agent's day. */
bool demo_play(struct demo *d) MUST_USE;
#endif
