/* Serializers and deserializers. */
#ifndef RB_BIMSERVER_PLUGINS_H
#define RB_BIMSERVER_PLUGINS_H

#include <stdint.h>

enum { BIM_RESULT_SERIALIZER = 196609 }; /* the job's result in place of its file */

struct bim_plugin {
    int64_t oid;
    const char *name; /* NULL ends a list */
    const char *description, *class_name, *extension, *type, *schema;
};
extern const struct bim_plugin bim_deserializers[], bim_serializers[];
const struct bim_plugin *bim_plugin_find(const struct bim_plugin *plugins, int64_t oid); /* NULL: none */

#endif
