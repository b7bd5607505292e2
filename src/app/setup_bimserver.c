#include "app/setup.h"

void rb_setup_bimserver(const struct rb_config *config, struct rb_bimserver_setup *out)
{
    out->origins = config->origins.items;
    out->origin_count = (unsigned)config->origins.count;
    out->path = config->bimserver.path;
    out->site = config->bimserver.site;
    out->default_tenant = config->bimserver.default_tenant;
    out->checkin_kind = config->bimserver.checkin_kind;
    out->version = config->bimserver.version;
    out->fetch = config->bimserver.fetch.items;
    out->fetch_count = (unsigned)config->bimserver.fetch.count;
    out->services = config->bimserver.services.items;
    out->service_count = (unsigned)config->bimserver.services.count;
    out->upload_bytes_max = config->files.upload_bytes_max;
    out->body_bytes_max = (uint32_t)config->bimserver.body_bytes_max;
    out->output_bytes_max = (uint32_t)config->connection.output_bytes_max;
    out->message_bytes_max = (uint32_t)config->bimserver.message_bytes_max;
    out->pb_message_bytes_max = (uint32_t)config->bimserver.protobuf_message_bytes_max;
}
