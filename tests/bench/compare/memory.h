/* Memory of a server: of its process and of those that it started. */
#ifndef COMPARE_MEMORY_H
#define COMPARE_MEMORY_H

#include <sys/types.h>

/* Proportional resident memory (Pss) in bytes, so that pages which several processes share count once; read
 * until it stands still, at most five seconds. 0: the process is gone. */
double memory_of_tree(pid_t pid);

#endif
