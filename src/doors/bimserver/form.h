/* Forms that bring a file: /upload and /bulkupload. Fields come in their order, with the token in front and
 * the file last. Answers are 200 whatever happens, as clients of this protocol expect it. */
#ifndef RB_BIMSERVER_FORM_H
#define RB_BIMSERVER_FORM_H

#include "doors/bimserver/files_web.h"
#include "files/upload.h"

struct bim_form {
    struct rb_bimserver_door *door;
    struct rb_request *request;
    const struct rb_identity *who;
    /* Fields; texts live as long as the request. Numbers that are none are -1. */
    int64_t poid, deserializer_oid, topic;
    bool has_poid, is_sync, does_merge;
    bool is_kept;   /* action=file: the file is kept, not checked in */
    rb_str comment; /* not NONE */
    /* Its file, in the spool until it is taken or the request is over. */
    rb_str path, file_name, file_type;
    uint64_t file_bytes;

    /* form.c's */
    void (*done)(struct bim_form *form);
    struct rb_auth_check *check;
    bool has_token, is_over;
    rb_err err, file_err; /* what is wrong: with token or form, else with its file */
    rb_str why, file_why;
    enum rb_upload_coding coding;
    bool is_coding_unknown;
};

/* From an on_head, for a request that is admitted. done comes once, if the form is fit to be looked at:
 * somebody is known to have sent it, and its file is there. It is then to be answered. */
void bim_form_begin(struct rb_request *request, const struct bim_web *web,
                    void (*done)(struct bim_form *form));
/* The routes' on_refused. */
void bim_form_refused(struct rb_request *request, void *web, rb_err err);

/* ---- answers ---- */
void bim_form_answer(struct bim_form *form, struct rb_buf *take_json);
void bim_form_fail(struct bim_form *form, rb_str message); /* a UserException */
void bim_form_fail_reason(struct bim_form *form, rb_err err, rb_str why);

#endif
