/* /rest/v1/fs/targets/websocktemp: the files of a session, over HTTP
 * (.../api/rest/v1/fs/targets/websocktemp.html). */
#ifndef RB_ERA_FILES_API_H
#define RB_ERA_FILES_API_H

#include "doors/era/rest.h"

#define ERA_FILES_PATH "/rest/v1/fs/targets/websocktemp"
#define ERA_FILE_PATH "/rest/v1/fs/targets/websocktemp/{filename}"

rb_err era_add_upload_routes(struct rb_era_door *door, struct rb_router *router); /* files_api_upload.c */
/* What came into the directory of a session that has ended meanwhile goes with the rest of it. */
void era_files_look_after(struct rb_era_door *door, struct rb_loop *loop, const struct rb_session *session);

#endif
