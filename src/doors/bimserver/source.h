/* From where check-ins by URL may have their file. Pure. */
#ifndef RB_BIMSERVER_SOURCE_H
#define RB_BIMSERVER_SOURCE_H

#include "base/str.h"

/* Whether it is below one of these addresses, each of which ends with a '/', however a server that is asked
 * for it reads its path: parts that begin with a dot are refused in any coding, and so are backslashes and
 * what is no printable character. */
bool bim_source_is_listed(rb_str url, const rb_str *addresses, unsigned count);

#endif
