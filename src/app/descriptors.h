/* Descriptors: how many the process may have, and how many of them are for connections. */
#ifndef RB_APP_DESCRIPTORS_H
#define RB_APP_DESCRIPTORS_H

#include "app/config.h"
#include "net/admission.h"

/* Raises the process's limit as far as the system lets it, keeps some back for files and workers, and says in
 * the log what is left for connections and how there could be more. *out_connections_max: limits.connections,
 * or what the descriptors allow if that is less. */
struct rb_admission *rb_descriptors_share_out(const struct rb_config *config, unsigned loop_count,
                                              uint32_t *out_connections_max);

#endif
