/* What the two files of outgoing calls share: one call as libcurl sees it. */
#ifndef RB_HTTP_OUTGOING_PRIVATE_H
#define RB_HTTP_OUTGOING_PRIVATE_H

#include "base/list.h"
#include "http/outgoing.h"

#include <curl/curl.h>

/* From its sending until its answer leaves; whoever has it at the moment owns it, with its call. */
struct rb_outgoing_transfer {
    struct rb_outgoing_call *call;
    struct rb_list node;
    uint64_t until_ns; /* of rb_clock_real_ns */
    CURL *easy;        /* NULL: not begun */
    struct curl_slist *headers;
    int file_fd; /* what is sent; -1: no file */
    int out_fd;  /* where the body of a good answer goes; -1: to the call */
    size_t head_bytes, body_bytes;
    struct rb_buf answer;
    bool is_too_large, is_write_failed;
    char error[CURL_ERROR_SIZE];
};

struct rb_outgoing_transfer *transfer_new(struct rb_outgoing_call *call);
/* Prepares transfer->easy. Otherwise the call says why (RB_CALL_FAILED, RB_CALL_TIMEOUT). */
bool transfer_begin(struct rb_outgoing_transfer *transfer);
void transfer_end(struct rb_outgoing_transfer *transfer,
                  CURLcode code);                          /* what libcurl says becomes the call's */
void transfer_free(struct rb_outgoing_transfer *transfer); /* the call lets go of it */

#endif
