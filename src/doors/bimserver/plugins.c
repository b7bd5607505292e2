/* What reads and writes files: rows here, since what really happens to a file is the job's business. Oids
 * stand in clients' configurations: for ever. */
#include "doors/bimserver/plugins.h"
#include "base/check.h"
#include "doors/bimserver/door.h"

const struct bim_plugin bim_deserializers[] = {
    {65536, "Ifc2x3tc1 (Streaming)", "IFC 2x3 TC1 files (STEP)",
     "org.bimserver.ifc.step.deserializer.Ifc2x3tc1StepStreamingDeserializerPlugin", "ifc", "application/ifc",
     "ifc2x3tc1"},
    {131072, "Ifc4 (Streaming)", "IFC 4 files (STEP)",
     "org.bimserver.ifc.step.deserializer.Ifc4StepStreamingDeserializerPlugin", "ifc", "application/ifc",
     "ifc4"},
    {0},
};

const struct bim_plugin bim_serializers[] = {
    {65537, "Ifc2x3tc1 (Streaming)", "The file as it was checked in",
     "org.bimserver.ifc.step.serializer.Ifc2x3tc1StepStreamingSerializerPlugin", "ifc", "application/ifc",
     "ifc2x3tc1"},
    {131073, "Ifc4 (Streaming)", "The file as it was checked in",
     "org.bimserver.ifc.step.serializer.Ifc4StepStreamingSerializerPlugin", "ifc", "application/ifc", "ifc4"},
    {BIM_RESULT_SERIALIZER, "Result", "What the check-in's worker left: a ZIP of all of it",
     "org.ringback.ResultSerializerPlugin", "zip", "application/zip", ""},
    {0},
};

const struct bim_plugin *bim_plugin_find(const struct bim_plugin *plugins, int64_t oid)
{
    for (const struct bim_plugin *plugin = plugins; plugin->name; plugin++)
        if (plugin->oid == oid) return plugin;
    return NULL;
}

/* ---- answering ---- */

static void answer(struct bim_call *call, const struct bim_plugin *plugin, const struct bim_class *of_class,
                   rb_str wanted)
{
    if (!plugin || !plugin->name) {
        bim_fail(call, "%s %.*s not found",
                 of_class == &bim_SDeserializerPluginConfiguration ? "Deserializer" : "Serializer",
                 RB_STR_FMT(wanted));
        return;
    }
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_object object;
    bim_object_begin(&object, &out, of_class);
    bim_object_text(&object, "description", rb_str_of(plugin->description));
    bim_object_key(&object, "enabled");
    rb_json_put_bool(&out, true);
    bim_object_text(&object, "name", rb_str_of(plugin->name));
    bim_object_long(&object, "oid", plugin->oid);
    bim_object_end(&object);
    bim_result(call, &json);
}

static const struct bim_plugin *by_name(const struct bim_plugin *plugins, rb_str name)
{
    while (plugins->name && !rb_str_is(name, plugins->name)) plugins++;
    return plugins;
}

void bim_service_get_deserializer_by_name(struct bim_call *call)
{
    rb_str name = bim_text(call, "deserializerName");
    answer(call, by_name(bim_deserializers, name), &bim_SDeserializerPluginConfiguration, name);
}

void bim_service_get_suggested_deserializer(struct bim_call *call)
{
    rb_str extension = bim_text(call, "extension");
    const struct bim_plugin *plugin = bim_deserializers;
    while (plugin->name && !rb_str_ieq(extension, rb_str_of(plugin->extension))) plugin++;
    answer(call, plugin, &bim_SDeserializerPluginConfiguration, extension);
}

void bim_service_get_serializer_by_name(struct bim_call *call)
{
    rb_str name = bim_text(call, "serializerName");
    answer(call, by_name(bim_serializers, name), &bim_SSerializerPluginConfiguration, name);
}

void bim_service_get_serializer_by_content_type(struct bim_call *call)
{
    rb_str type = bim_text(call, "contentType");
    const struct bim_plugin *plugin = bim_serializers;
    while (plugin->name && !rb_str_ieq(type, rb_str_of(plugin->type))) plugin++;
    answer(call, plugin, &bim_SSerializerPluginConfiguration, type);
}

void bim_plugin_get_serializer_by_class(struct bim_call *call)
{
    rb_str name = bim_text(call, "pluginClassName");
    const struct bim_plugin *plugin = bim_serializers;
    while (plugin->name && !rb_str_is(name, plugin->class_name)) plugin++;
    answer(call, plugin, &bim_SSerializerPluginConfiguration, name);
}
