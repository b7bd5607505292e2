/* The table of limits: what is bounded, by how much, what happens at the bound, and under which reason code.
 */
#ifndef RB_APP_LIMITS_H
#define RB_APP_LIMITS_H

#include "base/buf.h"

/* The manual's page as Markdown: docs/reference/limits.md. Defaults are read from the table of options, so
 * that the page cannot say anything else than the program does. */
void rb_limits_print_reference(struct rb_buf *out);

#endif
