/* A file as an object: sent so that whatever fails in between (the network, the service, this process) costs
 * at most the part that was on its way, and read back to see that it is there as it was. */
#ifndef POSTERN_STORE_S3_FILE_H
#define POSTERN_STORE_S3_FILE_H
#include "store/s3.h"

/* SHA-256 of the first `bytes` bytes of a file, in hexadecimal. 0; -EIO: it is shorter; -errno. */
int s3_file_hash(int fd, uint64_t bytes, char out[65]) MUST_USE;
/* Sends the first `bytes` bytes of fd as object->key, which may be called again after any failure:
 * an object that is there already with this length and object->sha256 is taken as sent, and an upload that
 * was begun goes on with the parts that it lacks. Afterwards the object is there with that length and sum
 * and with at least that lock, less a day; answer_out has its version. S3_EXISTS: another object stands under
 * the key. */
enum s3_outcome s3_file_send(struct s3 *s3, const struct s3_object *object, int fd, uint64_t bytes,
                             struct s3_answer *answer_out) MUST_USE;
/* Reads an object and compares it. S3_REFUSED: it has another length or sum. */
enum s3_outcome s3_file_check(struct s3 *s3, struct bytes key, struct bytes version, uint64_t bytes,
                              const char *sha256, struct s3_answer *answer_out) MUST_USE;
#endif
