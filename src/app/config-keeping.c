/* Where records are kept, and how much the gateway takes upon itself. */
#include "app/config-shapes.h"

static void check_store(struct yaml_reader *reader, void *object)
{
    struct config_store *store = object;
    config_index_check(reader, store);
    config_archive_check(reader, store);
}

static const struct yaml_field store_fields[] = {
    { "index", YAML_TEXT, YAML_AT(config_store, index),
      "Where the searchable index is: sqlite, a file in the data folder; or besides, for several gateways "
      "together, postgres://user@host:port/database.",
      .fallback = "sqlite" },
    { "postgres", YAML_OBJECT, YAML_AT(config_store, postgres), "How the index in PostgreSQL is reached.",
      .shape = &config_postgres_shape },
    { "archive", YAML_TEXT, YAML_AT(config_store, archive),
      "Where full segments go besides the data folder: none, or s3://bucket/prefix.", .fallback = "none" },
    { "s3", YAML_OBJECT, YAML_AT(config_store, s3), "The service that has the bucket.",
      .shape = &config_s3_shape },
    { "lock", YAML_OBJECT, YAML_AT(config_store, lock), "How the bucket keeps what is archived.",
      .shape = &config_lock_shape },
    { "spool", YAML_SIZE, YAML_AT(config_store, spool),
      "What may wait for the archive here; beyond it statements are refused as on_failure says.",
      .fallback = "4GB", .min = 4 << 20 },
    { "drop_local", YAML_BOOL, YAML_AT(config_store, drop_local),
      "Whether blocks are removed here once the archive's copy was read back and is right.",
      .fallback = "false" },
    { "segment", YAML_SIZE, YAML_AT(config_store, segment), "How large a segment gets.", .fallback = "64MB",
      .min = 1 << 20, .max = 1 << 30 },
    { "seal_after", YAML_DURATION, YAML_AT(config_store, seal_after_us),
      "With an archive: how old a segment gets before another begins, however small it is.",
      .fallback = "15m", .min = 1000000, .max = 30 * 86400000000 },
    { "key", YAML_SECRET, YAML_AT(config_store, key),
      "Where the key is that wraps the keys of the records; without it, a file in the data folder.",
      .example = "${file:/etc/postern/kek}" },
};
const struct yaml_shape config_store_shape = { "store",      sizeof(struct config_store),
                                               store_fields, CONFIG_N(store_fields),
                                               NULL,         check_store };

static const struct yaml_field limits_fields[] = {
    { "sessions", YAML_NUMBER, YAML_AT(config_limits, sessions), "Sessions at one time.", .fallback = "1000",
      .min = 1, .max = 1000000 },
    { "unauthenticated", YAML_NUMBER, YAML_AT(config_limits, unauthenticated),
      "Connections at one time that have not logged in yet.", .fallback = "100", .min = 1, .max = 100000 },
    { "statement_bytes", YAML_SIZE, YAML_AT(config_limits, statement_bytes),
      "The longest text of a statement.", .fallback = "64MB", .min = 1024, .max = 1 << 30 },
    { "message_bytes", YAML_SIZE, YAML_AT(config_limits, message_bytes),
      "The longest protocol message of a client, which holds a statement or its parameters.",
      .fallback = "256MB", .min = 1024, .max = 1 << 30 },
    { "login", YAML_DURATION, YAML_AT(config_limits, login_us),
      "How long logging in may take, from the first byte.", .fallback = "30s", .min = 1000000,
      .max = 600000000 },
    { "token_grace", YAML_DURATION, YAML_AT(config_limits, token_grace_us),
      "How long after its token's end a session may finish its transaction.", .fallback = "1m",
      .max = 3600000000 },
    { "held", YAML_NUMBER, YAML_AT(config_limits, held), "Statements that wait for approval at one time.",
      .fallback = "8192", .min = 1, .max = 65536 },
    { "held_per_principal", YAML_NUMBER, YAML_AT(config_limits, held_of_principal), "Those of one principal.",
      .fallback = "64", .min = 1, .max = 65536 },
    { "hold_heartbeat", YAML_DURATION, YAML_AT(config_limits, hold_beat_us),
      "How often a client that waits for approval is told so.", .fallback = "20s", .min = 1000000,
      .max = 3600000000 },
};
static void check_limits(struct yaml_reader *reader, void *object)
{
    const struct config_limits *limits = object;
    if (limits->message_bytes < limits->statement_bytes)
        yaml_errors_add(reader->errors, yaml_place_of(limits->at, "message_bytes"),
                        "\"message_bytes\" is at least \"statement_bytes\"");
}
const struct yaml_shape config_limits_shape = { "limits",      sizeof(struct config_limits),
                                                limits_fields, CONFIG_N(limits_fields),
                                                NULL,          check_limits };
