/* From the configuration to what the rooms want to know: arrays of plain structs, made once. All memory is in
 * the arena given, which must live as long as the server. */
#ifndef RB_APP_SETUP_H
#define RB_APP_SETUP_H

#include "app/config.h"
#include "doors/bimserver/bimserver.h"
#include "doors/envoy/envoy.h"
#include "doors/era/era.h"
#include "doors/socketio/socketio.h"
#include "hub/hub.h"
#include "jobs/jobs.h"

/* self_path: of this program, absolute. */
struct rb_job_kind *rb_setup_kinds(const struct rb_config *config, const char *self_path,
                                   struct rb_arena *arena, unsigned *out_count);
/* Where processes on this machine reach the server: "http://127.0.0.1:8080". */
const char *rb_setup_url(const struct rb_config *config, unsigned port, struct rb_arena *arena);
/* Jobs' topics, tasks of the Envoy door, events of the Era and BIMserver doors, the topics of rooms with
 * kinds, the configured rules, the defaults: in this order, the first that fits counts. */
struct rb_topic_rule *rb_setup_topic_rules(const struct rb_config *config, struct rb_arena *arena,
                                           unsigned *out_count);
/* Fills what the configuration knows of the door: all but loops, hub, files and auth. */
void rb_setup_socketio(const struct rb_config *config, struct rb_arena *arena, struct rb_sio_setup *out);
/* Slices are the configuration's. */
const struct rb_account_record *rb_setup_accounts(const struct rb_config *config, struct rb_arena *arena,
                                                  unsigned *out_count);
/* Likewise: all but loops, hub, store, tickets and signing. */
void rb_setup_envoy(const struct rb_config *config, struct rb_envoy_setup *out);
/* Likewise: what the configuration knows of it. */
void rb_setup_bimserver(const struct rb_config *config, struct rb_bimserver_setup *out);
void rb_setup_era(const struct rb_config *config, struct rb_arena *arena, struct rb_era_setup *out);

#endif
