/* What the demo plays: sample data, a configuration, and the sessions of an agent's day. */
#ifndef POSTERN_APP_DEMO_TEXT_H
#define POSTERN_APP_DEMO_TEXT_H

extern const char demo_sample_data[];
/* printf formats: the database password; listen port 0, data folder, issuer URL, socket folder, data folder.
 */
extern const char demo_roles_format[];
extern const char demo_config_format[];
extern const char demo_psql_session[];
extern const char demo_held_statement[], demo_reason[];
extern const char demo_python_session[];
#endif
