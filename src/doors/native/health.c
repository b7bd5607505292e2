/* Is it alive, may it be sent work? For whoever watches the process; anybody may ask. */
#include "doors/native/native_private.h"

void handle_livez(struct errand *errand)
{
    rb_answer_json(errand->request, 200, RB_STR("{\"status\":\"ok\"}"));
}

void handle_readyz(struct errand *errand)
{
    const struct rb_native_setup *setup = &errand->door->setup;
    rb_str why_not = RB_STR_NONE;
    if (setup->is_ready && !setup->is_ready(setup->ready_arg, &why_not))
        rb_answer_problem(errand->request, RB_NOT_READY, why_not);
    else
        handle_livez(errand);
}
