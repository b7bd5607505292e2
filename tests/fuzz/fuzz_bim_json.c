/* Any bytes as JSON RPC of the BIMserver door, on the stream and by HTTP: what is answered is JSON, once. */
#include "doors/bimserver/rpc.h"

#include "bim_host.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answers;

static void on_done(void *arg, rb_str answer)
{
    struct rb_json doc;
    (void)arg;
    answers++;
    if (!answer.p) return;
    RB_CHECK(rb_json_parse(&doc, answer, NULL) == RB_OK);
    rb_json_fini(&doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bim_origin origin = {.host = &host, .token = RB_STR("t")};
    struct rb_buf text = {0};
    host_open();
    answers = 0;
    rb_buf_add(&text, data, size);
    RB_CHECK(!bim_rpc_start(&origin, rb_buf_str(&text), on_done, NULL));
    origin.is_one_only = true;
    RB_CHECK(!bim_rpc_start_with(&origin, &text, on_done, NULL));
    RB_CHECK(answers == 2);
    return 0;
}
