/* The demo of `ringback dev`: the configuration of the localization example, with paths that fit this
 * machine. */
#ifndef RB_APP_DEMO_H
#define RB_APP_DEMO_H

#include "base/buf.h"

/* YAML into `out`; false, and nothing, when the examples cannot be found: they are looked for beside the
 * program's directory (a checkout) and in /usr/share/ringback/examples. */
bool rb_demo_config(struct rb_buf *out);

#endif
