/* One place of the keeper: a database, the connection to it, and the newest catalogue. For keeper.c only. */
#ifndef POSTERN_APP_KEEPER_PLACE_H
#define POSTERN_APP_KEEPER_PLACE_H
#include "app/keeper.h"
#include "catalog/load.h"
#include "session/own-connection.h"

struct keeper_place;
/* What a place needs of the keeper. */
struct keeper_room {
    const struct clock *clock;
    struct loop *loop;
    struct resolver *resolver;
    void *context;
    bool (*ask_proof)(void *context, uint64_t place, const struct session_proof *proof);
    /* Something is to be told to all who want the place. */
    void (*tell)(void *context, struct keeper_place *place);
};

/*      place_want ─▶ OPENING ─▶ LOOKING ─▶ LOADING ─▶ RESTING ─(a second, or asked)─▶ LOOKING
 *                      ▲           └─ nothing new ─────▲
 *                      └──── WAITING (after any failure, longer each time) */
enum place_state {
    PLACE_IDLE = 0,
    PLACE_WAITING,
    PLACE_OPENING,
    PLACE_LOOKING,
    PLACE_LOADING,
    PLACE_RESTING
};

struct keeper_place {
    struct keeper_place *next;
    const struct keeper_room *room;
    uint64_t number;
    struct session_snapshot *snapshot; /* held */
    const struct target *target;
    char *database;
    bool *wanted; /* by worker */
    unsigned n_wanted;
    int64_t unwanted_us; /* since when nobody wants it */
    enum place_state state;
    struct own_connection *connection;
    struct loop_timer timer;
    bool asked;                   /* somebody waits to be told of a look */
    bool look_again;              /* and asked while one was under way, or has just been */
    int64_t looked_us, good_us;   /* when the latest look began; when the latest good one did */
    int64_t began_us;             /* of a load */
    unsigned n_failures;          /* in a row */
    bool reopened;                /* since it last rested: a lost connection is opened anew once */
    struct buf epoch, epoch_seen; /* of `catalog`; of the look under way */
    struct catalog_load *load;
    size_t query;
    const struct catalog *catalog;
    char problem[KEEPER_PROBLEM];
};

struct keeper_place *place_new(const struct keeper_room *room, uint64_t number, unsigned n_workers,
                               struct session_snapshot *snapshot, const struct target *target,
                               struct bytes database) MUST_USE;
void place_free(struct keeper_place *p);
bool place_is(const struct keeper_place *p, const struct session_snapshot *snapshot,
              const struct target *target, struct bytes database);
/* Looks now, or as soon as what is under way is over. */
void place_look(struct keeper_place *p);
/* Nobody wants it: its connection rests until somebody does. */
void place_rest(struct keeper_place *p);
#endif
