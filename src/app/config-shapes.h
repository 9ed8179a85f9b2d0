/* The tables of the configuration, one file a noun; config.c puts them together. Only config-*.c includes
 * this. */
#ifndef POSTERN_APP_CONFIG_SHAPES_H
#define POSTERN_APP_CONFIG_SHAPES_H
#include "app/config.h"

extern const struct yaml_shape config_shape;
extern const struct yaml_shape config_admin_shape, config_tls_shape;      /* config-listen.c */
extern const struct yaml_shape config_identity_shape, config_roles_shape; /* config-identity.c */
extern const struct yaml_shape config_connection_shape;                   /* config-connections.c */
extern const struct yaml_shape config_store_shape, config_limits_shape;   /* config-keeping.c */
extern const struct yaml_shape config_s3_shape, config_lock_shape;        /* config-archive.c */
extern const struct yaml_shape config_postgres_shape;                     /* config-index.c */
extern const struct yaml_shape config_stream_shape;                       /* config-streams.c */
extern const struct yaml_shape config_notify_shape;                       /* config-notify.c */

#define CONFIG_N(array)    (sizeof(array) / sizeof *(array))
#define CONFIG_UNSUPPORTED "is not supported by this version"

extern const struct yaml_shape config_anchor_shape; /* config-anchors.c */

/* Texts to addresses; what is no address is an error at the node. */
void config_addresses_read(struct yaml_reader *reader, const struct yaml_node *node,
                           const struct yaml_texts *texts, struct config_addresses *out);
/* TLS is there, or every address is local: an error otherwise. */
/* http:// of a loopback host. */
bool config_url_is_loopback(struct bytes url);
void config_tls_check(struct yaml_reader *reader, const struct config *config);
/* Takes `archive` apart, and says what does not fit it. */
void config_archive_check(struct yaml_reader *reader, struct config_store *store);
/* Takes `index` apart, and says what does not fit it. */
void config_index_check(struct yaml_reader *reader, struct config_store *store);
/* There are not too many of them, and no two of one name. */
void config_notify_check(struct yaml_reader *reader, const struct config *config);
void config_streams_check(struct yaml_reader *reader, const struct config *config);
void config_anchors_check(struct yaml_reader *reader, const struct config *config);
/* Letters, digits, '-', '_', '.', shorter than NOTIFY_NAME. */
bool config_name_is_good(struct bytes name);
/* What the policies say about connections fits the connections that there are. */
void config_policies_check(struct yaml_reader *reader, const struct config *config);
#endif
