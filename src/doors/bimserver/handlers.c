/* Apart from the table itself, so that what only reads the table does not need what the methods do. */
#include "doors/bimserver/bimserver_private.h"

bim_handler_fn *const bim_handlers[] = {
#define BIM_INTERFACE(name, dialects, doc)
#define BIM_METHOD(interface, dialects, name, parameters, result, token, handler, doc) handler,
#include "doors/bimserver/methods.def"
#undef BIM_INTERFACE
#undef BIM_METHOD
};
