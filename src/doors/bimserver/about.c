/* What the server says of itself: AdminInterface, and AuthInterface.getAccessMethod. */
#include "doors/bimserver/bimserver_private.h"

#include "base/check.h"

/* "1.6.0": major, minor, revision. What is missing is 0. */
static void put_version(struct rb_json_out *out, rb_str version)
{
    struct bim_object object;
    uint64_t numbers[3] = {0};
    rb_str rest = version, part;
    for (size_t i = 0; i < RB_COUNT(numbers) && rb_str_split(&rest, '.', &part); i++)
        rb_str_u64(part, INT32_MAX, &numbers[i]);
    bim_object_begin(&object, out, &bim_SVersion);
    bim_object_text(&object, "fullString", version);
    bim_object_long(&object, "major", (int64_t)numbers[0]);
    bim_object_long(&object, "minor", (int64_t)numbers[1]);
    bim_object_long(&object, "revision", (int64_t)numbers[2]);
    bim_object_end(&object);
}

void bim_admin_get_version(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    put_version(&out, call->host->version);
    bim_result(call, &json);
}

void bim_admin_get_server_info(struct bim_call *call)
{
    struct rb_buf json = {0};
    struct rb_json_out out = {.buf = &json};
    struct bim_object object;
    bim_object_begin(&object, &out, &bim_SServerInfo);
    bim_object_text(&object, "serverState", RB_STR("RUNNING"));
    bim_object_key(&object, "version");
    put_version(&out, call->host->version);
    bim_object_end(&object);
    bim_result(call, &json);
}

void bim_auth_get_access_method(struct bim_call *call)
{
    switch (call->via) {
    case BIM_VIA_JSON: bim_result_text(call, RB_STR("JSON")); return;
    case BIM_VIA_SOAP: bim_result_text(call, RB_STR("SOAP")); return;
    case BIM_VIA_PROTOBUF: bim_result_text(call, RB_STR("PROTOCOL_BUFFERS")); return;
    }
}
