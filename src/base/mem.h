/* Heap memory in two tempers.
 *
 * rb_new, rb_alloc, rb_realloc: small and fixed amounts. They abort when the system has none left, since no
 * caller could go on. rb_try_alloc, rb_try_realloc: amounts that a peer or a file decides. They return NULL,
 * the caller says RB_OUT_OF_MEMORY. Tests make the latter fail one by one with rb_mem_fail_after. Any thread.
 */
#ifndef RB_BASE_MEM_H
#define RB_BASE_MEM_H

#include <stddef.h>

void *rb_alloc(size_t bytes);              /* zeroed */
void *rb_realloc(void *old, size_t bytes); /* not zeroed */
void *rb_try_alloc(size_t bytes);          /* zeroed; NULL when there is none */
void *rb_try_realloc(void *old, size_t bytes);
void rb_free(void *memory); /* NULL is fine */

#define rb_new(type) ((type *)rb_alloc(sizeof(type)))
#define rb_new_array(type, count) ((type *)rb_alloc(sizeof(type) * (count)))

/* For tests: the try_ calls of this thread succeed `count` times and fail from then on; a negative count
 * switches it off. */
void rb_mem_fail_after(long count);

#endif
