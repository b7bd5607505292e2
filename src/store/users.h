/* Users and points, on the writing connection: what the operations of store.h of these names do. */
#ifndef RB_STORE_USERS_H
#define RB_STORE_USERS_H

#include "store/db.h"
#include "store/store.h"

rb_err rb_user_insert(struct rb_db *db, const struct rb_user_record *user);
rb_err rb_user_password(struct rb_db *db, const struct rb_user_record *user);
rb_err rb_user_delete(struct rb_db *db, rb_str tenant, rb_str login);
rb_err rb_point_insert(struct rb_db *db, const struct rb_point_record *point);
rb_err rb_point_delete(struct rb_db *db, rb_str tenant, rb_str code);
/* The points of all tokens with this label, which are about to go. */
rb_err rb_points_forget(struct rb_db *db, rb_str tenant, rb_str label);

#endif
