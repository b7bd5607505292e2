/* Any bytes as an envelope for the BIMserver door: what is answered is an envelope, once. The first byte
 * chooses the interface. */
#include "doors/bimserver/soap_call.h"

#include "bim_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned answers;

static void on_done(void *arg, enum rb_soap_version version, rb_str answer)
{
    struct rb_arena arena = {0};
    struct rb_soap soap;
    const char *why;
    (void)arg;
    answers++;
    RB_CHECK(rb_soap_read(&soap, answer, &arena, &why) == RB_OK);
    RB_CHECK(soap.version == version);
    rb_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"AuthInterface",
                                        "MetaInterface",
                                        "NotificationRegistryInterface",
                                        "ServiceInterface",
                                        "Bimsie1NotificationRegistryInterface",
                                        "Bimsie1ServiceInterface"};
    struct bim_origin origin = {.host = &host, .token = RB_STR("t")};
    if (size == 0) return 0;
    host_open();
    answers = 0;
    RB_CHECK(!bim_soap_start(&origin, rb_str_of(names[data[0] % RB_COUNT(names)]),
                             rb_str_make(data + 1, size - 1), on_done, NULL));
    RB_CHECK(answers == 1);
    return 0;
}
