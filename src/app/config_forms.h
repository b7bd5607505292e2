/* The forms that texts of the configuration must have, beyond being text. Pure; any thread. */
#ifndef RB_APP_CONFIG_FORMS_H
#define RB_APP_CONFIG_FORMS_H

#include "app/options.h"

extern const struct rb_option_form rb_form_text;  /* anything but nothing */
extern const struct rb_option_form rb_form_name;  /* tenants, kinds of jobs: they occur in URLs and logs */
extern const struct rb_option_form rb_form_field; /* names of JSON fields and of {placeholders} */
extern const struct rb_option_form rb_form_optional_field; /* the same, or empty */
extern const struct rb_option_form rb_form_host;
extern const struct rb_option_form rb_form_origin;
extern const struct rb_option_form rb_form_pattern;       /* of topics */
extern const struct rb_option_form rb_form_topic;         /* a topic with {placeholders} */
extern const struct rb_option_form rb_form_prefix;        /* the path of a door */
extern const struct rb_option_form rb_form_root_prefix;   /* the same, or "/" */
extern const struct rb_option_form rb_form_namespace;     /* of Socket.IO */
extern const struct rb_option_form rb_form_event;         /* of Socket.IO */
extern const struct rb_option_form rb_form_route;         /* METHOD /path/{param} */
extern const struct rb_option_form rb_form_download_path; /* a path template with {downloadId} */
extern const struct rb_option_form rb_form_url;           /* of a hook: http or https */
extern const struct rb_option_form rb_form_family;        /* of clients of the Era door */
extern const struct rb_option_form rb_form_variable;      /* of the environment */

/* Walks the placeholders of a template: true with the next name (without braces; it may be no proper name),
 * false at the end. An unclosed brace hands out all that follows it. */
bool rb_template_next(rb_str *rest, rb_str *out_name);
bool rb_template_has(rb_str template, rb_str name);

#endif
