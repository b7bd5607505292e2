/* Digests, from OpenSSL's libcrypto: the one place that includes it for this. Pure; any thread. */
#ifndef RB_BASE_CRYPTO_H
#define RB_BASE_CRYPTO_H

#include "base/str.h"

#define RB_SHA1_BYTES 20
#define RB_SHA256_BYTES 32
#define RB_SHA512_BYTES 64

void rb_sha1(rb_str data, unsigned char out[RB_SHA1_BYTES]);
void rb_sha256(rb_str data, unsigned char out[RB_SHA256_BYTES]);

/* RFC 2104. Keys of any length, empty ones too. */
void rb_hmac_sha256(rb_str key, rb_str data, unsigned char out[RB_SHA256_BYTES]);
void rb_hmac_sha512(rb_str key, rb_str data, unsigned char out[RB_SHA512_BYTES]);

#endif
