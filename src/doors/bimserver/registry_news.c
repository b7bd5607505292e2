/* NotificationRegistryInterface: news. Each pair of methods subscribes an endpoint to a topic, and ends that.
 */
#include "doors/bimserver/news.h"
#include "doors/bimserver/visit.h"

static void visit(struct bim_call *call, enum bim_news what, bool is_end)
{
    struct bim_visit *visit = bim_visit_new(call, is_end);
    if (!visit) return;
    struct bim_place place = {bim_has(call, "poid") ? bim_long(call, "poid") : -1,
                              bim_has(call, "roid") ? bim_long(call, "roid") : -1};
    visit->registration.topic = bim_news_topic(&call->arena, call->who->tenant, what, place);
    bim_visit_send(visit);
}

#define PAIR(name, what)                                                                                     \
    void bim_registry_register_##name(struct bim_call *call)                                                 \
    {                                                                                                        \
        visit(call, what, false);                                                                            \
    }                                                                                                        \
    void bim_registry_unregister_##name(struct bim_call *call)                                               \
    {                                                                                                        \
        visit(call, what, true);                                                                             \
    }

PAIR(new_project, BIM_NEWS_PROJECTS)
PAIR(new_user, BIM_NEWS_USERS)
PAIR(new_revision, BIM_NEWS_REVISIONS)
PAIR(new_revision_on_project, BIM_NEWS_REVISIONS_OF_PROJECT)
PAIR(new_extended_data, BIM_NEWS_DATA_OF_REVISION)
PAIR(change_on_server, BIM_NEWS_TOPICS)
PAIR(change_on_revision, BIM_NEWS_TOPICS_OF_REVISION)

void bim_registry_register_change_on_project(struct bim_call *call)
{
    visit(call, BIM_NEWS_TOPICS_OF_PROJECT, false);
}

/* A client in use gives `roid` here and no poid. Nothing can be meant by that; it is fine. */
void bim_registry_unregister_change_on_project(struct bim_call *call)
{
    if (bim_has(call, "poid"))
        visit(call, BIM_NEWS_TOPICS_OF_PROJECT, true);
    else
        bim_result_void(call);
}
