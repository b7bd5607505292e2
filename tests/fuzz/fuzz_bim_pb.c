/* Any bytes as what comes on the socket of the BIMserver door: each request is answered once, with a frame.
 */
#include "doors/bimserver/pb_call.h"

#include "bim_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answers;

static void on_done(void *arg, rb_str frame)
{
    (void)arg;
    answers++;
    RB_CHECK(frame.n > 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bim_origin origin = {.host = &host};
    rb_str bytes = rb_str_make(data, size);
    host_open();
    for (;;) {
        struct rb_pb_request request;
        size_t used;
        answers = 0;
        if (rb_pb_request_read(bytes, 64 * 1024, &request, &used) != RB_PB_REQUEST) return 0;
        RB_CHECK(used <= bytes.n);
        RB_CHECK(!bim_pb_start(&origin, &request, on_done, NULL));
        RB_CHECK(answers == 1);
        bytes = rb_str_from(bytes, used);
    }
}
