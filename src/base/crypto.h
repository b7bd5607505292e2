/* Digests, from OpenSSL's libcrypto: the one place that includes it for this. Pure; any thread. */
#ifndef RB_BASE_CRYPTO_H
#define RB_BASE_CRYPTO_H

#include "base/str.h"

#define RB_SHA1_BYTES 20
#define RB_SHA256_BYTES 32

void rb_sha1(rb_str data, unsigned char out[RB_SHA1_BYTES]);
void rb_sha256(rb_str data, unsigned char out[RB_SHA256_BYTES]);

#endif
