/* Keyed hashing for tables whose keys come from peers: SipHash-1-3 (Aumasson, Bernstein, "SipHash: a fast
 * short-input PRF"), keyed once per process at random so that nobody can aim for one bucket. Any thread. */
#ifndef RB_BASE_HASH_H
#define RB_BASE_HASH_H

#include "base/str.h"

uint64_t rb_hash(rb_str s);                                     /* the process key */
uint64_t rb_hash_keyed(rb_str s, uint64_t key0, uint64_t key1); /* a key of the caller's */

#endif
