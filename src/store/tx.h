/* A transaction under construction: a list of operations in its arena. Made by its caller (tx.c), carried out
 * by the writer (apply.c). */
#ifndef RB_STORE_TX_H
#define RB_STORE_TX_H

#include "store/store.h"

enum rb_op_kind {
    RB_OP_JOB_INSERT,
    RB_OP_JOB_UPDATE,
    RB_OP_JOB_PARAMS,
    RB_OP_JOB_DELETE,
    RB_OP_EVENT_APPEND,
    RB_OP_EVENTS_TRIM,
    RB_OP_CURSOR_SET,
    RB_OP_TOKEN_INSERT,
    RB_OP_TOKEN_DELETE,
    RB_OP_TOKENS_SWEEP,
    RB_OP_TICKET_INSERT,
    RB_OP_TICKET_USE,
    RB_OP_TICKETS_SWEEP,
    RB_OP_POLICY_SAVE,
    RB_OP_ACCOUNT_INSERT,
    RB_OP_ACCOUNT_DELETE,
    RB_OP_USER_INSERT,
    RB_OP_USER_PASSWORD,
    RB_OP_USER_DELETE,
    RB_OP_POINT_INSERT,
    RB_OP_POINT_DELETE,
    RB_OP_THING_INSERT,
    RB_OP_THING_UPDATE,
    RB_OP_THING_DELETE
};

struct rb_thing_op {
    rb_str tenant, space, body;
    uint64_t *number; /* in the arena */
};

struct rb_tx_op {
    struct rb_tx_op *next;
    enum rb_op_kind kind;
    union {
        struct {
            struct rb_job_record record;
            struct rb_tx_inserted *inserted;
        } job; /* insert, update; params: its number and those */
        struct {
            uint64_t number;
            rb_str topic;
        } job_delete;
        struct {
            struct rb_event_record record;
            uint64_t *id;
        } event;
        struct {
            rb_str topic;
            uint64_t up_to_id;
        } trim;
        struct {
            rb_str topic, name;
            uint64_t id;
        } cursor;
        struct rb_token_record token;
        struct {
            rb_str tenant, label;
        } token_delete;
        struct {
            rb_str tenant, after, before;
            uint64_t now_ms;
        } tokens_sweep;
        struct {
            struct rb_ticket_record record;
            uint32_t alive_max;
        } ticket; /* insert; use: the hash of the record */
        struct {
            uint64_t now_ms, called_ms;
        } sweep;
        struct rb_policy_record policy;
        struct rb_account_record account; /* insert; delete: its names */
        struct rb_user_record user;   /* insert; password: its names and the verifier; delete: its names */
        struct rb_point_record point; /* insert; delete: its names */
        struct rb_thing_op thing;
    };
};

#endif
