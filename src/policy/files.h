/* Files of policies: what a configuration's folder holds, and what is given on a command line. */
#ifndef POSTERN_POLICY_FILES_H
#define POSTERN_POLICY_FILES_H
#include "yaml/shape.h"

enum { POLICY_FOLDER_FILES_CEILING = 1000, POLICY_NODES_CEILING = 10000 };
/* Adds the policies of each *.yaml and *.yml file of a folder, in the order of their names: a file is a list
 * of policies, or one. place: where the folder was named. False: reader->errors has what is wrong. */
bool policy_folder_read(struct yaml_reader *reader, struct bytes folder, struct yaml_place place,
                        struct yaml_nodes *nodes) MUST_USE;
/* Adds those of one path: a folder; a list of policies; one policy; or a configuration, whose `policies` and
 * `policies_folder` are taken, and nothing else is looked at. */
bool policy_path_read(struct yaml_reader *reader, const char *path, struct yaml_nodes *nodes) MUST_USE;
#endif
